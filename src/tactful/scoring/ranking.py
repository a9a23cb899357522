"""The best items for histories: exact, deterministic, and the same for one person and for many.

Notes
-----
With an index (`tactful.scoring.candidate_index`) that holds of what it finds: what it misses is not there.

A product in 32 bits finds the candidates; its last bits depend on how BLAS cuts up the matrix, so it does not decide.
Every item whose 32-bit score could, within the rounding error bound (Higham 2002, section 3.1), belong to the best n is
scored again in 64 bits, row by row, and the order is by that score, ties in catalogue order.

The scores are not sorted to find them. They are cut into many more blocks than n; in n of these the largest score
reaches the n-th largest of all those maxima, so that at least n scores reach it, and hardly more do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.histories import History
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer

_EPSILON = float(np.finfo(np.float32).eps)
_TINY = float(np.finfo(np.float32).tiny)
LOWEST = float(np.finfo(np.float32).min)
"""Anything but minus infinity."""
_ROWS = 1024  # rows scored in 64 bits at a time
_LONGEST_BLOCK = 32
_LEFT, _SPARE = 0.5, 4  # of what an index finds: the share that must be left, and how often the n that are wanted

Ranked = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Catalogue positions and their scores, best first."""


def rank_popular(model: ItemModel, history: History, offer: Offer, n: int) -> Ranked:
    """The n most popular items that are on offer and not in the history; fewer if fewer are left."""
    best = _first(model, offer.by_popularity, history, offer, n)
    return best, model.popularity[best].astype(np.float64)


def rank_personal(model: ItemModel, history: History, offer: Offer, n: int, *, taste: NDArray[np.float64]) -> Ranked:
    """The n items of the highest score that are on offer and not in the history; fewer if fewer are left.

    With an index, of the items that it finds and those of the head.

    Parameters
    ----------
    taste : float array of shape (rank,)
        From `ItemModel.taste`.
    """
    found = _found(model, history, offer, n, taste)
    if found is not None:
        return best_of(model, history, offer, n, slots=found, scores=exact_scores(model, found, taste))
    rough = model.rough(taste)
    rough += offer.row_base
    rough[history.held] = -np.inf
    slots = candidates(rough, n, error_bound(model, taste))
    return best_of(model, history, offer, n, slots=slots, scores=exact_scores(model, slots, taste))


def _found(
    model: ItemModel, history: History, offer: Offer, n: int, taste: NDArray[np.float64]
) -> NDArray[np.intp] | None:
    """Rows that could be among the n best: of the head, and of those that the index found; None to look at all.

    All are looked at where there is no index, and where much of what it found may not be shown: what it did not find
    may be better than what is left.
    """
    if model.finder is None or model.described is None:
        return None
    nearest = model.finder.find(taste)
    shown = nearest[np.isfinite(offer.row_base[nearest]) & ~np.isin(nearest, history.held)]
    if len(shown) < max(len(nearest) * _LEFT, _SPARE * n):
        return None
    head = len(model.head)
    rough = np.concatenate(
        [np.dot(model.decoder, taste.astype(np.float32)), model.described.scores(taste, shown - head)]
    )
    rough[:head] += offer.row_base[:head]
    rough[head:] += offer.row_base[shown]
    rough[history.held[history.held < head]] = -np.inf
    slots = candidates(rough, n, error_bound(model, taste))
    slots[slots >= head] = shown[slots[slots >= head] - head]
    return slots


def best_of(
    model: ItemModel,
    history: History,
    offer: Offer,
    n: int,
    *,
    slots: NDArray[np.intp],
    scores: NDArray[np.float64],
) -> Ranked:
    """The n best of these rows and of the items that have none, ties in catalogue order."""
    places = model.places[slots]
    if len(offer.tail):
        outside = _first(model, offer.tail, history, offer, n)
        places = np.concatenate([places, outside])
        scores = np.concatenate([scores, model.base[outside].astype(np.float64)])
    order = np.lexsort((places, -scores))[:n]
    return places[order], scores[order]


def exact_scores(model: ItemModel, slots: NDArray[np.intp], tastes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of rows in 64 bits, for one taste or one each; each depends on its own row and taste alone."""
    if len(slots) > _ROWS:
        blocks = [slice(start, start + _ROWS) for start in range(0, len(slots), _ROWS)]
        own = tastes.ndim > 1
        return np.concatenate([exact_scores(model, slots[b], tastes[b] if own else tastes) for b in blocks])
    scores: NDArray[np.float64] = np.add.reduce(model.rows_out(slots) * tastes, axis=1)
    scores += model.row_base[slots]
    return scores


def error_bound(model: ItemModel, taste: NDArray[np.float64]) -> float:
    """How far a 32-bit score can be from the exact one, with room to spare for the rounding of the bound itself."""
    product = math.sqrt(np.dot(taste, taste)) * model.largest_row
    beyond = model.described
    terms = max(len(taste), 0 if beyond is None else len(beyond.features)) + 8
    size = 1.0 if beyond is None else max(1.0, float(beyond.sizes.max()))  # times what vanished before it
    return _EPSILON * (terms * product + 2 * model.largest_base) + terms * _TINY * size


def candidates(rough: NDArray[np.float32], n: int, error: float) -> NDArray[np.intp]:
    """Every row, rising, that could be among the n best, given that each score is off by at most `error`.

    Blocks are interleaved: the j-th of k holds rows j, j + k, …, so that all maxima are one maximum of rows of memory.
    Rows that fill no block count in no maximum, which makes the threshold lower and nothing wrong.
    """
    length = max(1, min(_LONGEST_BLOCK, len(rough) // (16 * n)))
    blocks = len(rough) // length
    lowest = LOWEST
    if n < blocks:
        maxima = np.maximum.reduce(rough[: length * blocks].reshape(length, blocks), axis=0)
        maxima.partition(blocks - n)
        lowest = max(lowest, float(maxima[blocks - n]) - 3 * error)
    return (rough >= lowest).nonzero()[0]


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
