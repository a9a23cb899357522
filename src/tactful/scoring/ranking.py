"""The best items for histories: exact, deterministic, and the same for one person and for many.

Notes
-----
A product in 32 bits finds the candidates; its last bits depend on how BLAS cuts up the matrix, so it does not decide.
Every item whose 32-bit score could, within the rounding error bound (Higham 2002, section 3.1), belong to the best n is
scored again in 64 bits, row by row, and the order is by that score, ties in catalogue order.

The scores are not sorted to find them. They are cut into many more blocks than n; in n of these the largest score
reaches the n-th largest of all those maxima, so that at least n scores reach it, and hardly more do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.histories import History
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer

_EPSILON = float(np.finfo(np.float32).eps)
_TINY = float(np.finfo(np.float32).tiny)
_LOWEST = float(np.finfo(np.float32).min)  # anything but minus infinity
_ROWS = 1024  # rows scored in 64 bits at a time
_COLUMNS = 2048  # items in one product for many people; their factors and scores stay in the cache
_LONGEST_BLOCK = 32

Ranked = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Catalogue positions and their scores, best first."""


def rank_popular(model: ItemModel, history: History, offer: Offer, n: int) -> Ranked:
    """The n most popular items that are on offer and not in the history; fewer if fewer are left."""
    best = _first(model, offer.by_popularity, history, offer, n)
    return best, model.popularity[best].astype(np.float64)


def rank_personal(
    model: ItemModel,
    history: History,
    offer: Offer,
    n: int,
    *,
    taste: NDArray[np.float64],
    rough: NDArray[np.float32],
) -> Ranked:
    """The n items of the highest score that are on offer and not in the history; fewer if fewer are left.

    Parameters
    ----------
    taste : float array of shape (rank,)
        From `ItemModel.taste`.
    rough : float32 array of shape (n_head,)
        ``decoder @ taste`` in any order of summation; it is overwritten.
    """
    rough += offer.head_base
    rough[history.held] = -np.inf
    slots = candidates(rough, n, error_bound(model, taste))
    scores = exact_scores(model, slots, taste)
    places = model.head[slots]
    if len(offer.tail):
        outside = _first(model, offer.tail, history, offer, n)
        places = np.concatenate([places, outside])
        scores = np.concatenate([scores, model.base[outside].astype(np.float64)])
    order = np.lexsort((places, -scores))[:n]
    return places[order], scores[order]


def rough_scores(model: ItemModel, tastes: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """``decoder @ taste`` for each taste in 32 bits, of shape (n_tastes, n_head)."""
    narrow = np.array(tastes, dtype=np.float32)
    rough = np.empty((len(narrow), len(model.head)), dtype=np.float32)
    for start in range(0, len(model.head), _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        np.matmul(narrow, model.decoder[columns].T, out=rough[:, columns])
    return rough


def exact_scores(model: ItemModel, slots: NDArray[np.intp], taste: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of head items in 64 bits; each depends on its own row alone, not on what else is asked."""
    if len(slots) > _ROWS:
        blocks = range(0, len(slots), _ROWS)
        return np.concatenate([exact_scores(model, slots[start : start + _ROWS], taste) for start in blocks])
    scores: NDArray[np.float64] = np.add.reduce(model.decoder.take(slots, axis=0) * taste, axis=1)
    scores += model.head_base[slots]
    return scores


def error_bound(model: ItemModel, taste: NDArray[np.float64]) -> float:
    """How far a 32-bit score can be from the exact one, with room to spare for the rounding of the bound itself."""
    product = math.sqrt(np.dot(taste, taste)) * model.largest_row
    return _EPSILON * ((len(taste) + 8) * product + 2 * model.largest_base) + (len(taste) + 8) * _TINY


def candidates(rough: NDArray[np.float32], n: int, error: float) -> NDArray[np.intp]:
    """Every row, rising, that could be among the n best, given that each score is off by at most `error`.

    Blocks are interleaved: the j-th of k holds rows j, j + k, …, so that all maxima are one maximum of rows of memory.
    Rows that fill no block count in no maximum, which makes the threshold lower and nothing wrong.
    """
    length = max(1, min(_LONGEST_BLOCK, len(rough) // (16 * n)))
    blocks = len(rough) // length
    lowest = _LOWEST
    if n < blocks:
        maxima = np.maximum.reduce(rough[: length * blocks].reshape(length, blocks), axis=0)
        maxima.partition(blocks - n)
        lowest = max(lowest, float(maxima[blocks - n]) - 3 * error)
    return (rough >= np.float32(lowest)).nonzero()[0]


def _first(model: ItemModel, ordered: NDArray[np.intp], history: History, offer: Offer, n: int) -> NDArray[np.intp]:
    """The first n of an order that are on offer and not in the history."""
    barred = offer.denied.union(history.known.tolist())
    found: list[int] = []
    start, size = 0, n + len(barred)
    while len(found) < n and start < len(ordered):
        part = ordered[start : start + size]
        if not offer.allowed.all():
            part = part[offer.allowed[model.sensitive[part]]]
        found += [place for place in part.tolist() if place not in barred]
        start, size = start + size, 2 * size
    return np.array(found[:n], dtype=np.intp)
