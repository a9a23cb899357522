"""The candidates of many people at once, as `tactful.scoring.ranking.candidates` finds them for one.

Notes
-----
The scores of one item for everybody lie beside each other in memory, so that one product makes them and one maximum of
rows of memory is that of all blocks of everybody. Only blocks that reach a person's threshold are looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.histories import History
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer
from tactful.scoring.ranking import LOWEST, error_bound

_LENGTH = 32  # rows of a block
_BLOCKS = 4  # of them at least for each item that is wanted, or the threshold says little


def worth_it(model: ItemModel, n: int, people: int) -> bool:
    """Whether there are people and blocks enough for this to be faster than one after another, and no index."""
    return model.finder is None and people > 1 and len(model.places) >= _LENGTH * _BLOCKS * n


def candidates_of_many(
    model: ItemModel, histories: Sequence[History], tastes: NDArray[np.float64], offer: Offer, n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """People, rising, and rows: for each person all that could be among their n best."""
    scores = _scores(model, histories, tastes, offer)
    blocks = len(scores) // _LENGTH
    maxima = np.maximum.reduce(scores.reshape(_LENGTH, -1), axis=0).reshape(blocks, len(tastes)).T
    threshold = np.partition(maxima, blocks - n, axis=1)[:, blocks - n]
    errors = np.array([error_bound(model, taste) for taste in tastes])
    lowest = np.maximum(threshold - 3 * errors, LOWEST).astype(np.float32)
    people, block = (maxima >= lowest[:, None]).nonzero()
    rows = block[:, None] + np.arange(_LENGTH) * blocks
    found, place = (scores[rows, people[:, None]] >= lowest[people, None]).nonzero()
    return people[found], rows[found, place]


def _scores(
    model: ItemModel, histories: Sequence[History], tastes: NDArray[np.float64], offer: Offer
) -> NDArray[np.float32]:
    """Scores in 32 bits, a row an item and a column a person; minus infinity for what must not be shown.

    Rows of minus infinity fill up the last block.
    """
    n_rows = len(model.places)
    scores = np.empty((-(-n_rows // _LENGTH) * _LENGTH, len(tastes)), dtype=np.float32)
    np.matmul(model.decoder, tastes.astype(np.float32).T, out=scores[: len(model.head)])
    if model.described is not None:
        for person, taste in enumerate(tastes):
            scores[len(model.head) : n_rows, person] = model.described.scores(taste)
    scores[:n_rows] += offer.row_base[:, None]
    scores[n_rows:] = -np.inf
    held = np.concatenate([history.held for history in histories])
    people = np.repeat(np.arange(len(histories)), [len(history.held) for history in histories])
    scores[held, people] = -np.inf
    return scores
