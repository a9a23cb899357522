"""People's solves by the textbook: one numpy call a person, no whole numbers, no loops of our own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import SolveQuery


def query(
    n_head: int, n_factors: int, seed: int = 0, *, step: int = 1, observed: float = 1.0, clip: float = 0.0
) -> SolveQuery:
    """Random factors, a prior and weights for the first items of a catalogue."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_head, n_factors))
    return SolveQuery(
        step=step,
        head=np.arange(n_head),
        factors=factors,
        prior=factors.T @ factors + np.eye(n_factors),
        weights=rng.uniform(0.1, 1.0, n_head),
        observed=observed,
        clip=clip,
    )


def solved(history: Sequence[int], asked: SolveQuery) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The vector that counts of a person, and the share of each item of the head; zeros for who has none of them."""
    mine = np.isin(asked.head, list(history))
    shares = np.where(mine, asked.weights, 0.0)
    factors = asked.factors[mine]
    vector = np.linalg.solve(asked.prior + asked.observed * factors.T @ factors, factors.sum(axis=0))
    norm = max(float(np.linalg.norm(vector)), asked.clip) if mine.any() else 1.0
    return vector / norm, shares / max(float(np.linalg.norm(shares)), 1e-300)


def sums(
    histories: Sequence[Sequence[int]], asked: SolveQuery
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Right-hand sides, the Gram and item Grams of everybody."""
    people = [solved(history, asked) for history in histories]
    sides = sum(np.outer(shares, vector) for vector, shares in people)
    gram = sum(np.outer(vector, vector) for vector, _ in people)
    items = sum(shares[:, None, None] * np.outer(vector, vector) for vector, shares in people)
    return np.asarray(sides), np.asarray(gram), np.asarray(items)
