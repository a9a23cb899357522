"""Released statistics made by hand: a planted taste, a planted direction, and nothing but noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import GramQuery, ItemGram, ItemPopularity, Noise, PeopleCount


def symmetric_noise(rng: np.random.Generator, n: int, sigma: float) -> NDArray[np.float64]:
    """Independent noise on each unordered pair, mirrored: what the release adds."""
    upper = np.triu(rng.normal(0, sigma, (n, n)))
    return upper + np.triu(upper, 1).T


def gram(
    values: NDArray[np.float64], sigma: float, head: NDArray[np.int64] | None = None, noise: Noise = "system"
) -> ItemGram:
    """A released Gram of plain histories with these values."""
    asked = GramQuery.plain(np.arange(len(values)) if head is None else head)
    return ItemGram(noise=noise, values=values, query=asked, sigma=sigma, diagonal_sigma=2 * sigma)


def popularity(values: NDArray[np.float64], sigma: float = 0.1, noise: Noise = "system") -> ItemPopularity:
    """Released popularity with these values."""
    return ItemPopularity(noise=noise, values=values, sigma=sigma)


def people(value: float) -> PeopleCount:
    """A released number of people."""
    return PeopleCount(noise="system", value=value, sigma=5.0)


def checkerboard(n_items: int, people: int, rng: np.random.Generator, sigma: float) -> tuple[ItemGram, ItemPopularity]:
    """Even users like even items: the released statistics of people who each have half the items of their parity."""
    parity = np.arange(n_items) % 2
    rows = np.array([(parity == u % 2) & (rng.random(n_items) < 0.5) for u in range(people)], dtype=float)
    length = np.maximum(rows.sum(axis=1), 1)
    values = rows.T @ (rows / np.sqrt(length * (length + 1) / 2)[:, None])
    return (
        gram(values + symmetric_noise(rng, n_items, sigma), sigma),
        popularity((rows / np.sqrt(length)[:, None]).sum(axis=0) + rng.normal(0, sigma, n_items), sigma),
    )
