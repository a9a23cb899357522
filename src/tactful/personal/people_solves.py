"""People's half of alternating least squares: each person solved for given item factors, added up, and forgotten.

Notes
-----
*What a person is.* For released item factors v a person with head items H is u = (prior + o·Σ v vᵀ)⁻¹ Σ v over H: the
ridge regression of implicit-feedback ALS (Hu, Koren & Volinsky 2008), where `prior` = α₀ VᵀV + λI is the same for
everybody and made from released values, and o = 1 is the weight of what was observed. û = u / max(‖u‖, clip) is what
counts of them; with clip = 0 everybody's vector has norm 1. Vectors live in memory while their batch is added up, and
are never stored or sent.

*What they add*, everything toward zero, in units of R = 2²⁰ first, so that a product of two numbers fits 64 bits;
sums are multiplied by S/R = 2¹⁰ in the end. Let a = R·û in whole numbers, and b_j = R·w_j/√Σ w² over the person's
items, w_j > 0 a weight of the item made from released values. Both are made in floats and then moved toward zero until
**in whole numbers** ‖a‖² ≤ R² and ‖b‖² ≤ R²: no bound rests on how a float was rounded.

- right-hand sides: t_jc = b_j·a_c/R for each item j of theirs. |t_jc| ≤ |b_j||a_c|/R, so Σ t² ≤ ‖b‖²‖a‖²/R² ≤ R².
- global Gram: t_ce = a_c·a_e/R for c ≤ e. Σ t² ≤ Σ a_c² a_e²/R² over the upper triangle ≤ (‖a‖²)²/R² ≤ R².
- item Grams: t_jce = b_j·(a_c·a_e/R)/R for c ≤ e and each item j. Σ t² ≤ ‖b‖²/R² · R² ≤ R².

A signed value that is floored would grow in absolute value by up to one unit; cut toward zero it cannot grow. A person
with no item in the head, or whose system has no finite solution, adds nothing.

*Neighbours.* That one person moves the sums by their own vector only needs every other person's vector to stay the same
to the last bit. Matrix products over blocks of people do not promise that: a BLAS may treat the last rows of a block
otherwise, and who comes last depends on who is there (Casacuberta et al. 2022 on what such sums cost). So people are
solved one by one in compiled loops of our own (`tactful.personal.solve_kernels`), whose floats are the same on every
machine that a person may come to (`tactful.personal.kernels`), rather than with implicit's
`recalculate_user`, which works in 32 bits through BLAS, cannot take a weight for what was not observed apart from its
regularisation, and would make the peer that benchmarks measure against a part of the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE, summed
from tactful.personal.people_sums import Lists

What = Literal["sides", "gram", "item_grams"]
"""What is added up of people who were solved."""
_LARGEST = 1 << 18  # numbers of a block: 2 MB
_SHARED = 8  # blocks of a small head, so that threads have something to share


class Query(Protocol):
    """What people are solved for: `tactful.privacy.statistics.SolveQuery`, made from released and public values."""

    @property
    def head(self) -> NDArray[np.int64]:
        """Catalogue positions, distinct."""

    @property
    def factors(self) -> NDArray[np.float64]:
        """One row an item of the head."""

    @property
    def prior(self) -> NDArray[np.float64]:
        """α₀ VᵀV + λI, positive definite."""

    @property
    def weights(self) -> NDArray[np.float64]:
        """Above 0, one an item of the head."""

    @property
    def observed(self) -> float:
        """The weight of an observed item in a person's own system."""

    @property
    def clip(self) -> float:
        """The norm from which on a person's vector is scaled to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedPeople:
    """The people of a batch, solved.

    Attributes
    ----------
    begins, rows, shares : int64 array of shape (n_people + 1,), int64 arrays
        Where each person's items start; rows of the head, and each one's share b of the person's norm.
    vectors : int64 array of shape (n_people, n_factors)
        Each person's a.
    """

    begins: NDArray[np.int64]
    rows: NDArray[np.int64]
    shares: NDArray[np.int64]
    vectors: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedSums:
    """What people add to one sum of alternating least squares, in units of 2⁻²⁰, in blocks of rows of the head.

    Attributes
    ----------
    query : SolveQuery
    what : "sides", "gram" or "item_grams"
        The right-hand sides, the Gram of everybody's vectors, or the Grams by item.
    n_items : int
        Of the catalogue.

    Raises
    ------
    ConfigError
        If the shapes of the query do not fit.
    """

    query: Query
    what: What
    n_items: int

    def __post_init__(self) -> None:
        _check(self.query, self.n_items)

    @property
    def sizes(self) -> tuple[int, ...]:
        """One vector or one upper triangle for each row of a block; a single triangle for the Gram."""
        return tuple((last - first) * self._width for first, last in self._blocks)

    def prepared(self, batch: pa.RecordBatch) -> SolvedPeople:
        """Everybody solved: their vectors, and the shares of their items."""
        people, query = Lists.of(batch), self.query
        place = np.full(self.n_items, -1, dtype=np.int32)
        place[query.head] = np.arange(len(query.head), dtype=np.int32)
        factors, weights, prior = (
            np.ascontiguousarray(v, dtype=np.float64) for v in (query.factors, query.weights, query.prior)
        )
        least = float(query.observed), float(query.clip)
        found = _kernels().solved_people(people.starts, people.items, place, factors, weights, prior, *least)
        return SolvedPeople(**dict(zip(("begins", "rows", "shares", "vectors"), found, strict=True)))

    def add(self, prepared: SolvedPeople, block: int, total: NDArray[np.int64]) -> None:
        """Everybody has added to the rows of a block, everything toward zero."""
        kernels, vectors = _kernels(), prepared.vectors
        if self.what == "gram":
            kernels.add_gram(vectors, total)
        else:
            add = kernels.add_right_hand_sides if self.what == "sides" else kernels.add_item_grams
            add(prepared.begins, prepared.rows, prepared.shares, vectors, *self._blocks[block], total)

    @property
    def _width(self) -> int:
        """How many numbers a row has."""
        size = int(self.query.factors.shape[1])
        return size if self.what == "sides" else size * (size + 1) // 2

    @property
    def _blocks(self) -> list[tuple[int, int]]:
        """The rows of each block: the first, and the one behind the last."""
        n_rows = 1 if self.what == "gram" else len(self.query.head)
        step = max(min(_LARGEST // max(self._width, 1), -(-n_rows // _SHARED)), 1)
        return [(first, min(first + step, n_rows)) for first in range(0, n_rows, step)]


def solved_right_hand_sides(bounded: BoundedInteractions, query: Query) -> NDArray[np.int64]:
    """For each item of the head the weighted sum of its people's vectors, in units of 1/SCALE.

    Returns
    -------
    int64 array of shape (n_head · n_factors,), row by row

    Notes
    -----
    **Privacy.** *Reads* bounded rows. *Returns* an exact sum over people, for `tactful.privacy.release` only. *Costs*
    nothing by itself. *Assumes* distinct items a person, which `bound` makes, and a query made from released values.
    """
    return _solved(bounded, query, "sides")


def solved_gram(bounded: BoundedInteractions, query: Query) -> NDArray[np.int64]:
    """The sum of everybody's u uᵀ, in units of 1/SCALE.

    Returns
    -------
    int64 array of shape (n_factors · (n_factors + 1) / 2,)
        The upper triangle, row by row, diagonal included.

    Notes
    -----
    **Privacy.** As for `solved_right_hand_sides`.
    """
    return _solved(bounded, query, "gram")


def solved_item_grams(bounded: BoundedInteractions, query: Query) -> NDArray[np.int64]:
    """For each item of the head the weighted sum of its people's u uᵀ, in units of 1/SCALE.

    Returns
    -------
    int64 array of shape (n_head · n_factors · (n_factors + 1) / 2,)
        Upper triangles, one after the other.

    Notes
    -----
    **Privacy.** As for `solved_right_hand_sides`.
    """
    return _solved(bounded, query, "item_grams")


def _solved(bounded: BoundedInteractions, query: Query, what: What) -> NDArray[np.int64]:
    """Everybody is solved once, and what was asked for is added up."""
    sums = SolvedSums(query=query, what=what, n_items=len(bounded.catalogue))
    if bounded.weighted:
        raise ConfigError(
            "alternating least squares counts everybody whole",
            given="people have weights by group",
            do="Choose the method tactful, or no mitigation",
        )
    total = summed(bounded.rows, sums)
    total *= SCALE // _kernels().SOLVED_SCALE
    return total


def _kernels() -> ModuleType:
    """The compiled loops, imported late: the compiler takes a second to import."""
    from tactful.personal import solve_kernels

    return solve_kernels


def _check(query: Query, n_items: int) -> None:
    """Raise unless the shapes fit; the loops below check no index."""
    n_head, size = query.factors.shape
    fits = (
        query.head.shape == (n_head,)
        and query.weights.shape == (n_head,)
        and query.prior.shape == (size, size)
        and len(np.unique(query.head)) == n_head
        and bool(np.all((query.head >= 0) & (query.head < n_items)))
    )
    if not fits:
        raise ConfigError(
            "a query has one row of factors and one weight for each item of the head, named once",
            given=f"{len(query.head)} items, factors {query.factors.shape}, prior {query.prior.shape}",
            do="Make it with tactful.released.dpals",
        )
