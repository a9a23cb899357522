"""A synthetic crowd of any size, made in seconds: interactions to measure speed on, which are nobody's."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.matrices import user_items

TASTES = 20
ITEMS_EACH = 65  # a person, on average: 138,000 people make about 9 million interactions
_SPREAD = 0.9  # of the logarithm of the length of histories
_LONGEST = 600
_FAITHFULNESS = 0.7
_LEAST = 1_000


def crowd(people: int, items: int, *, seed: int = 0) -> scipy.sparse.csr_array:
    """Who used what, of shape (people, items), about 65 distinct items a person.

    Parameters
    ----------
    people : int
        At least 100.
    items : int
        At least 1,000.
    seed : int
        The same seed makes the same crowd.

    Raises
    ------
    ConfigError
        If the crowd is smaller than that.

    Notes
    -----
    Lengths of histories are log-normal, cut at 600. Items fall into 20 tastes; within a taste an item is popular in
    proportion to 1/(20 + rank). Each person has one taste, from which they take seven items of ten, the others from any
    taste. What is drawn twice counts once, for which more is drawn at first.
    """
    if people < 100 or items < _LEAST:
        raise ConfigError(
            f"a crowd has at least 100 people and {_LEAST:,} items",
            given=f"{people:,} people, {items:,} items",
            do="Choose a larger one",
        )
    rng = np.random.default_rng(seed)
    scale = np.log(1.2 * ITEMS_EACH) - _SPREAD**2 / 2
    lengths = np.clip(rng.lognormal(scale, _SPREAD, people), 1, _LONGEST).astype(np.int64)
    rows = np.repeat(np.arange(people, dtype=np.int32), lengths)
    favourite = rng.integers(TASTES, size=people, dtype=np.int32)[rows]
    taste = np.where(rng.random(len(rows)) < _FAITHFULNESS, favourite, rng.integers(TASTES, size=len(rows)))
    chosen = _ranks(rng, items // TASTES, len(rows)) * TASTES + taste
    return user_items(rows, chosen, items, people)


def _ranks(rng: np.random.Generator, count: int, size: int) -> NDArray[np.int64]:
    """Ranks within a taste, drawn by their popularity."""
    popularity = np.cumsum(1 / (20 + np.arange(count)))
    found: NDArray[np.int64] = np.searchsorted(popularity / popularity[-1], rng.random(size))
    return found
