"""A planted unfair world: a minority with a taste of its own, served worse because it is small and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.personal.matrices import user_items

LEVELS = ("majority", "minority")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfairWorld:
    """What the world is made of.

    Attributes
    ----------
    people, items : int
        Half of the items are the majority's and half the minority's; within a half they are popular by the same law.
    minority : float
        Share of the people.
    crossing : float
        How likely a person picks an item of the other half.
    tastes : int
        Each item belongs to one of so many, each person has one; items of others are picked a quarter as often.
    seed : int

    Notes
    -----
    The groups differ in nothing but which half is theirs, and in size. Whatever one is served worse comes from that:
    its items are outside of the head, and its pairs below the noise.
    """

    people: int = 8000
    items: int = 600
    minority: float = 0.05
    crossing: float = 0.1
    tastes: int = 6
    shortest: int = 8
    longest: int = 24
    seed: int = 0

    def made(self) -> tuple[scipy.sparse.csr_array, NDArray[np.int64], Catalogue]:
        """Who used what, the position of each person's level in `LEVELS`, and the items, of which nothing is known."""
        rng = np.random.default_rng(self.seed)
        half = self.items // 2
        popular = 1 / np.arange(1, half + 1) ** 0.7
        popular = popular / popular.sum()
        own, other = (1 - self.crossing) * popular, self.crossing * popular
        liked = np.log(np.array([np.concatenate([own, other]), np.concatenate([other, own])]))
        taste = rng.integers(self.tastes, size=2 * half)
        codes = (rng.random(self.people) < self.minority).astype(np.int64)
        rows, used = [], []
        for person, code in enumerate(codes.tolist()):
            size = int(rng.integers(self.shortest, self.longest + 1))
            strange = np.where(taste == rng.integers(self.tastes), 0.0, np.log(0.25))
            wish = liked[code] + strange + rng.gumbel(size=2 * half)
            used.append(np.argpartition(-wish, size)[:size])
            rows.append(np.full(size, person))
        ids = pa.array([f"item-{number:04d}" for number in range(2 * half)])
        matrix = user_items(np.concatenate(rows), np.concatenate(used), 2 * half, self.people)
        return matrix, codes, Catalogue.of_table(pa.table({"item_id": ids}), name="a planted world")
