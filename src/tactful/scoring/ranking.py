"""The best items of a score vector: exact, deterministic, and the same for one person and for many.

Notes
-----
A product in 32 bits finds the candidates; its last bits depend on how BLAS cuts up the matrix, so it does not decide.
Every item whose 32-bit score could, within the rounding error bound (Higham 2002, section 3.1), belong to the best n is
scored again in 64 bits, row by row, and the order is by that score, ties in catalogue order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.histories import History
from tactful.scoring.item_model import ItemModel

_EPSILON = float(np.finfo(np.float32).eps)
_TINY = float(np.finfo(np.float32).tiny)
_BLOCK = 1024  # rows scored in 64 bits at a time

Ranked = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Catalogue positions and their scores, best first."""


def rank_popular(model: ItemModel, history: History, allowed: NDArray[np.bool_], n: int) -> Ranked:
    """The n most popular items that are allowed and not in the history; fewer if fewer are left."""
    best = _first(model, model.by_popularity, history, allowed, n)
    return best, model.popularity[best].astype(np.float64)


def rank_personal(
    model: ItemModel,
    history: History,
    allowed: NDArray[np.bool_],
    n: int,
    *,
    taste: NDArray[np.float64],
    rough: NDArray[np.float32],
) -> Ranked:
    """The n items of the highest score that are allowed and not in the history; fewer if fewer are left.

    Parameters
    ----------
    taste : float array of shape (rank,)
        From `ItemModel.taste`.
    rough : float32 array of shape (n_head,)
        ``decoder @ taste`` in any order of summation; it is overwritten.
    """
    rough += model.head_base
    if model.bundles:
        rough[~allowed[model.sensitive[model.head]]] = -np.inf
    slots = model.slot[history.known]
    rough[slots[slots >= 0]] = -np.inf
    candidates = _candidates(rough, n, _error_bound(model, taste))
    outside = _first(model, model.tail, history, allowed, n)
    positions = np.concatenate([model.head[candidates], outside])
    scores = np.concatenate([exact_scores(model, candidates, taste), model.base[outside].astype(np.float64)])
    order = np.lexsort((positions, -scores))[:n]
    return positions[order], scores[order]


def exact_scores(model: ItemModel, slots: NDArray[np.intp], taste: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of head items in 64 bits; each depends on its own row alone, not on what else is asked."""
    blocks = [slots[start : start + _BLOCK] for start in range(0, len(slots), _BLOCK)]
    sums = [(model.decoder[rows].astype(np.float64) * taste).sum(axis=1) for rows in blocks]
    return np.concatenate([np.empty(0), *sums]) + model.head_base[slots]


def _first(
    model: ItemModel, ordered: NDArray[np.intp], history: History, allowed: NDArray[np.bool_], n: int
) -> NDArray[np.intp]:
    """The first n of an order that are allowed and not in the history."""
    if model.bundles:
        ordered = ordered[allowed[model.sensitive[ordered]]]
    ordered = ordered[: n + len(history.known)]
    if len(history.known):
        taken = np.zeros(len(model), dtype=np.bool_)
        taken[history.known] = True
        ordered = ordered[~taken[ordered]]
    return ordered[:n]


def _candidates(rough: NDArray[np.float32], n: int, error: float) -> NDArray[np.intp]:
    """Every row that could be among the n best, given that each score is off by at most `error`."""
    if n < len(rough):
        threshold = float(np.partition(rough, len(rough) - n)[len(rough) - n])
        if threshold > -np.inf:
            return np.flatnonzero(rough >= np.float32(threshold - 3 * error))
    return np.flatnonzero(rough > -np.inf)


def _error_bound(model: ItemModel, taste: NDArray[np.float64]) -> float:
    """How far a 32-bit score can be from the exact one, with room to spare for the rounding of the bound itself."""
    product = float(np.sqrt(np.square(taste).sum())) * model.largest_row
    return _EPSILON * ((len(taste) + 8) * product + 2 * model.largest_base) + (len(taste) + 8) * _TINY
