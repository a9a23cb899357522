"""Synthetic populations with the skew, the tastes and the lengths of histories that real ones have; they are nobody.

A person u takes item i with probability in proportion to

    (offset + rank of i)^−skew · exp(Σ_k a_k z_uk f_ik),    Σ a_k² = strength²,    a_k ∝ k^−decay,

z and f standard normal, k = 1 … 64: a popularity that falls as a power of rank, and tastes of which a few are strong
and many are faint. Items are drawn one after the other, none twice. Lengths of histories are log-normal.

Notes
-----
The three of `WORLDS` were set beside public data sets (films, web pages, groceries): how far EASE is ahead of
popularity there, and how fast the private gain grows with ε. ``low`` resembles groceries: everybody buys the same and
a little of their own. ``typical`` resembles films. ``high`` resembles visits to a web site with a few purposes. They
are three points in a wide field, not bounds of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.datasets.lengths import history_lengths
from tactful.errors import ConfigError
from tactful.personal.matrices import user_items

_FEWEST_ITEMS = 50
_DIMENSIONS = 64
_AT_ONCE = 1 << 23  # weights drawn at a time
_LONGEST = 600
_TINY = np.float32(1e-30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What people are like.

    Attributes
    ----------
    skew, offset : float
        Popularity is in proportion to (offset + rank)^−skew.
    strength : float
        Standard deviation of a person's log-preference for an item.
    decay : float
        How fast tastes get fainter: the larger, the fewer of them matter.
    """

    skew: float
    offset: float
    strength: float
    decay: float


WORLDS: Mapping[str, Habits] = MappingProxyType(
    {
        "low": Habits(skew=1.4, offset=10.0, strength=1.6, decay=0.4),
        "typical": Habits(skew=1.2, offset=5.0, strength=2.3, decay=0.75),
        "high": Habits(skew=1.2, offset=5.0, strength=3.0, decay=1.25),
    }
)
"""By how much of the gain a private model gets there."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Population:
    """Whom people are drawn from, made by `Population.of`.

    Attributes
    ----------
    history_length : float
        Items a person, on average, before the longest are cut at half of the catalogue and at 600.
    tastes : float32 array of shape (n_items, 64)
        What each item is like, times how much that matters.
    popularity : float32 array of shape (n_items,)
        Logarithms, falling.
    seed : int
    """

    history_length: float
    tastes: NDArray[np.float32]
    popularity: NDArray[np.float32]
    seed: int

    def __repr__(self) -> str:
        return f"Population({len(self.popularity)} items, {self.history_length:g} a person, seed {self.seed})"

    @classmethod
    def of(cls, habits: Habits, *, items: int, history_length: float, seed: int = 0) -> Self:
        """Items drawn at random, for people with these habits.

        Parameters
        ----------
        habits : Habits
        items : int
            At least 50.
        history_length : float
        seed : int
            The same seed makes the same items, and the same people of the same part.

        Raises
        ------
        ConfigError
            If there are too few items, or histories are shorter than 1 or longer than half of the catalogue.
        """
        if items < _FEWEST_ITEMS or not 1 <= history_length <= items / 2:
            raise ConfigError(
                f"a population has at least {_FEWEST_ITEMS} items, and histories of 1 item to half of them",
                given=f"{items} items, {history_length:g} of them a person",
                do="Choose others",
            )
        rng = np.random.default_rng((seed, 0))
        amplitude = np.arange(1.0, _DIMENSIONS + 1) ** -habits.decay
        amplitude *= habits.strength / np.linalg.norm(amplitude)
        return cls(
            history_length=history_length,
            tastes=(rng.standard_normal((items, _DIMENSIONS)) * amplitude).astype(np.float32),
            popularity=(-habits.skew * np.log(habits.offset + np.arange(1, items + 1))).astype(np.float32),
            seed=seed,
        )

    def people(self, count: int, *, part: int = 1, shortest: int = 1) -> scipy.sparse.csr_array:
        """Who used what, of shape (count, n_items), int8, ones.

        Parameters
        ----------
        count : int
        part : int
            From 1; each part holds other people.
        shortest : int
            No history is shorter.
        """
        rng = np.random.default_rng((self.seed, part))
        n_items = len(self.popularity)
        lengths = history_lengths(
            rng, count, mean=self.history_length, shortest=shortest, longest=min(n_items // 2, _LONGEST)
        )
        block = max(1, _AT_ONCE // n_items)
        found = [self._chosen(rng, lengths[start : start + block]) for start in range(0, count, block)]
        return user_items(np.repeat(np.arange(count), lengths), np.concatenate(found), n_items, count)

    def _chosen(self, rng: np.random.Generator, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """The items of some people, one person after the other.

        The first l by weight and Gumbel noise are l draws without replacement (Yellott 1977).
        """
        leanings = rng.standard_normal((len(lengths), _DIMENSIONS), dtype=np.float32)
        keys = leanings @ self.tastes.T + self.popularity
        keys -= np.log(np.maximum(rng.standard_exponential(keys.shape, dtype=np.float32), _TINY))
        longest = int(lengths.max())
        first = np.argpartition(-keys, longest - 1, axis=1)[:, :longest]
        order = np.argsort(-np.take_along_axis(keys, first, axis=1), axis=1, kind="stable")
        ranked = np.take_along_axis(first, order, axis=1)
        chosen: NDArray[np.int64] = ranked[np.arange(longest) < lengths[:, None]].astype(np.int64)
        return chosen
