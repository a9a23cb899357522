"""Released statistics made by hand: a planted taste, a planted direction, and nothing but noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gram_reference import triangle_norm
from tactful.personal.grams import DIAGONAL_DIVISOR
from tactful.privacy.statistics import GramQuery, ItemGram, ItemPopularity, Noise, PeopleCount
from tactful.released.histories import gram_query

_Floats = NDArray[np.float64]


def symmetric_noise(rng: np.random.Generator, n: int, sigma: float) -> _Floats:
    """Independent noise on each unordered pair, mirrored."""
    upper = np.triu(rng.normal(0, sigma, (n, n)))
    made: _Floats = upper + np.triu(upper, 1).T
    return made


def gram_noise(rng: np.random.Generator, n: int, sigma: float) -> _Floats:
    """The same with more noise on the diagonal: what the release adds to a Gram."""
    made = symmetric_noise(rng, n, sigma)
    made[np.diag_indices(n)] *= DIAGONAL_DIVISOR
    return made


def gram(
    values: _Floats,
    sigma: float,
    head: NDArray[np.int64] | None = None,
    noise: Noise = "system",
    query: GramQuery | None = None,
) -> ItemGram:
    """A released Gram with these values, of plain histories unless a query says otherwise."""
    asked = query or GramQuery.plain(np.arange(len(values)) if head is None else head)
    return ItemGram(noise=noise, values=values, query=asked, sigma=sigma, diagonal_sigma=DIAGONAL_DIVISOR * sigma)


def popularity(values: _Floats, sigma: float = 0.1, noise: Noise = "system") -> ItemPopularity:
    """Released popularity with these values."""
    return ItemPopularity(noise=noise, values=values, sigma=sigma)


def people(value: float) -> PeopleCount:
    """A released number of people."""
    return PeopleCount(noise="system", value=value, sigma=5.0)


def exact_gram(rows: NDArray[np.bool_], query: GramQuery) -> _Floats:
    """The sum of everybody's y yᵀ at norm 1, y the weighted history less what is taken out of it, in floats."""
    x = rows[:, query.head] * query.weights.astype(float)
    y = x - query.taken * np.outer(x @ query.unit_direction, query.unit_direction)
    made: _Floats = y.T @ (y * (DIAGONAL_DIVISOR / np.maximum(triangle_norm(y), 1e-6))[:, None])
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What is released of some people, and what it would be without noise."""

    rows: NDArray[np.bool_]
    gram: ItemGram
    popularity: ItemPopularity
    people: PeopleCount
    exact: _Floats

    @classmethod
    def of(
        cls,
        rows: NDArray[np.bool_],
        rng: np.random.Generator,
        sigma: float,
        *,
        head: NDArray[np.int64] | None = None,
        query: GramQuery | None = None,
    ) -> Crowd:
        """Released with this noise; histories are looked at by the rule of a run unless a query is given."""
        lengths = np.maximum(rows.sum(axis=1), 1)
        liked = popularity((rows / np.sqrt(lengths)[:, None]).sum(axis=0) + rng.normal(0, sigma, rows.shape[1]), sigma)
        places = np.arange(rows.shape[1]) if head is None else head
        asked = query or gram_query(liked, people(len(rows)), places)
        exact = exact_gram(rows, asked)
        noisy = gram(exact + gram_noise(rng, len(exact), sigma), sigma, query=asked)
        return cls(rows=rows, gram=noisy, popularity=liked, people=people(len(rows)), exact=exact)


def checkerboard_rows(n_items: int, people: int, rng: np.random.Generator, share: float = 0.5) -> NDArray[np.bool_]:
    """Even users like even items: each person has about this share of the items of their parity."""
    parity = np.arange(n_items) % 2
    return np.array([(parity == u % 2) & (rng.random(n_items) < share) for u in range(people)])


def checkerboard(
    n_items: int, people: int, rng: np.random.Generator, sigma: float
) -> tuple[ItemGram, ItemPopularity, PeopleCount]:
    """The released statistics of even users who like even items."""
    made = Crowd.of(checkerboard_rows(n_items, people, rng), rng, sigma)
    return made.gram, made.popularity, made.people


def tasteful_rows(
    n_items: int, people: int, rng: np.random.Generator, *, tastes: int = 3, length: float = 12.0
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """People of one taste each who mostly use items of that taste, popular ones more; and each item's taste."""
    kind = rng.integers(0, tastes, n_items)
    popular = 1 / np.arange(1, n_items + 1) ** 0.7
    chance = popular * np.where(kind == np.arange(tastes)[:, None], 4.0, 1.0)
    chance *= length / chance.sum(axis=1, keepdims=True)
    return rng.random((people, n_items)) < np.minimum(chance[rng.integers(0, tastes, people)], 0.9), kind
