"""People's half of alternating least squares: each person solved for given item factors, added up, and forgotten.

Notes
-----
*What a person is.* For released item factors v a person with head items H is u = (prior + o·Σ v vᵀ)⁻¹ Σ v over H: the
ridge regression of implicit-feedback ALS (Hu, Koren & Volinsky 2008), where `prior` = α₀ VᵀV + λI is the same for
everybody and made from released values, and o = 1 is the weight of what was observed. û = u / max(‖u‖, clip) is what
counts of them; with clip = 0 everybody's vector has norm 1. Vectors live for one turn of a loop and are never stored.

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
solved one by one in compiled loops of our own (`tactful.personal.solve_kernels`) rather than with implicit's
`recalculate_user`, which works in 32 bits through BLAS, cannot take a weight for what was not observed apart from its
regularisation, and would make the peer that benchmarks measure against a part of the product.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE, few_enough

_NONE, _NO_GRAM = np.empty((0, 0), dtype=np.int64), np.empty(0, dtype=np.int64)


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
    sides = np.zeros(query.factors.shape, dtype=np.int64)
    _add(bounded, query, sides=sides)
    return sides.ravel()


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
    gram = np.zeros(_pairs(query), dtype=np.int64)
    _add(bounded, query, gram=gram)
    return gram


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
    grams = np.zeros((len(query.head), _pairs(query)), dtype=np.int64)
    _add(bounded, query, item_grams=grams)
    return grams.ravel()


def _add(
    bounded: BoundedInteractions,
    query: Query,
    *,
    sides: NDArray[np.int64] = _NONE,
    gram: NDArray[np.int64] = _NO_GRAM,
    item_grams: NDArray[np.int64] = _NONE,
) -> None:
    """Everybody is solved once, and what was asked for is added up."""
    from tactful.personal.solve_kernels import SOLVED_SCALE, add_people  # the compiler takes a second to import

    rows = few_enough(bounded.user_items)
    _check(query, rows.shape[1])
    if bounded.weights is not None or bounded.leanings is not None:
        raise ConfigError(
            "alternating least squares counts everybody whole",
            given="people have weights by group",
            do="Choose the method tactful, or no mitigation",
        )
    place = np.full(rows.shape[1], -1, dtype=np.int32)
    place[query.head] = np.arange(len(query.head), dtype=np.int32)
    add_people(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int32),
        place,
        np.ascontiguousarray(query.factors, dtype=np.float64),
        np.ascontiguousarray(query.weights, dtype=np.float64),
        np.ascontiguousarray(query.prior, dtype=np.float64),
        float(query.observed),
        float(query.clip),
        sides,
        gram,
        item_grams,
    )
    for total in (sides, gram, item_grams):
        total *= SCALE // SOLVED_SCALE


def _pairs(query: Query) -> int:
    """Entries of the upper triangle of a Gram of factors."""
    size = int(query.factors.shape[1])
    return size * (size + 1) // 2


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
