"""Items that are recommended to the same people: the cosine between their rows of the decoder.

Notes
-----
A row of the decoder says whom an item is for; its length, which grows with popularity, is left out of the cosine. So
two items are similar if what lifts one lifts the other: they replace each other, or go together. Only what does so more
than not (a cosine above 0) comes back. Items outside the head have no row, and nothing is similar to them; nor is
anything to items that are only described (`tactful.scoring.described`), for those of one description would be alike.

As in `tactful.scoring.ranking`, 32 bits find the candidates and 64 bits decide.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer
from tactful.scoring.ranking import Ranked, candidates

_SHORTEST = 1e-15  # rows below it point nowhere: their squares are no ordinary numbers in 32 bits
_ERROR = 1e-5  # of a cosine in 32 bits, times the square root of the rank


def rank_similar(model: ItemModel, position: int, offer: Offer, n: int) -> Ranked:
    """The n items on offer that are most similar to one, with their cosines; fewer if fewer are similar."""
    slot = int(model.slot[position])
    row = model.decoder[slot] if 0 <= slot < len(model.head) else model.decoder[:0].sum(axis=0)
    if not _norms(row[None, :])[0]:
        return np.empty(0, dtype=np.intp), np.empty(0)
    direction = row / _norms(row[None, :])[0]
    lengths = np.sqrt(np.vecdot(model.decoder, model.decoder))
    with np.errstate(divide="ignore", invalid="ignore"):
        rough = (model.decoder @ direction.astype(np.float32)) / lengths
    rough[(lengths < _SHORTEST) | ~np.isfinite(rough)] = -np.inf
    rough[np.isneginf(offer.row_base[: len(model.head)])] = -np.inf
    rough[slot] = -np.inf
    slots = candidates(rough, n, _ERROR * math.sqrt(len(row)))
    return _ordered(model, slots, direction, n)


def _norms(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lengths in 64 bits; 0 for rows that point nowhere."""
    lengths: NDArray[np.float64] = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    return np.where(lengths < _SHORTEST, 0.0, lengths)


def _ordered(model: ItemModel, slots: NDArray[np.intp], direction: NDArray[np.float64], n: int) -> Ranked:
    """The n best of the candidates, ties in catalogue order."""
    rows = model.decoder[slots]
    norms = _norms(rows)
    cosines = (rows * direction).sum(axis=1) / np.where(norms > 0, norms, np.inf)
    places = model.head[slots]
    order = np.lexsort((places, -cosines))
    order = order[cosines[order] > 0][:n]
    return places[order], np.minimum(cosines[order], 1.0)
