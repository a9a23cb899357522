"""How many items people have, where nobody real says: a log-normal distribution, as in the data sets we looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPREAD = 0.9
"""Standard deviation of the logarithm of the length; it was 0.7 on visits to a web site, 0.9 on films, 1.0 on
groceries."""


def history_lengths(
    rng: np.random.Generator, people: int, *, mean: float, shortest: int = 1, longest: int
) -> NDArray[np.int64]:
    """Whole lengths of histories, log-normal, then cut at both ends.

    Parameters
    ----------
    rng : Generator
    people : int
    mean : float
        Of the distribution before it is cut.
    shortest, longest : int
    """
    drawn = np.rint(rng.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD, people))
    return np.clip(drawn, shortest, longest).astype(np.int64)
