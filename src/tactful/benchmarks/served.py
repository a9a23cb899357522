"""The scores by which `tactful.scoring` orders its lists, for many histories at once and the whole catalogue."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.released.model import HISTORY_NORM, ReleasedModel


def as_served(model: ReleasedModel, shown: scipy.sparse.csr_array) -> NDArray[np.float64]:
    """The score of every item for each history, from the artifact's 32 bits; a history of no use gets popularity.

    Parameters
    ----------
    model : ReleasedModel
    shown : csr_array of shape (n_histories, n_items), ones

    Returns
    -------
    float array of shape (n_histories, n_items)
    """
    beyond = None if model.described is None else model.described.served
    rows = model.head if beyond is None else np.concatenate([model.head, beyond.items])
    known = shown[:, rows].astype(np.float64) if model.rank else shown[:, :0].astype(np.float64)
    scores = np.tile(model.popularity.astype(np.float32).astype(np.float64), (shown.shape[0], 1))
    counts = np.diff(known.indptr)
    personal = np.flatnonzero(counts)
    if len(personal):
        encoder, decoder = (part.astype(np.float32).astype(np.float64) for part in (model.encoder, model.decoder))
        taste = known[personal][:, : len(encoder)] @ encoder
        if beyond is not None:
            taste += (known[personal][:, len(encoder) :] @ beyond.table) @ beyond.encoder
        taste *= counts[personal, None] ** -HISTORY_NORM
        scores[personal] = model.lifted_base
        scores[np.ix_(personal, model.head)] += taste @ decoder.T
        if beyond is not None:
            scores[np.ix_(personal, beyond.items)] += (beyond.table @ (beyond.decoder @ taste.T)).T
    return scores
