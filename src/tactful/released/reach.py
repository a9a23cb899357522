"""Items outside the head, reached by what the catalogue says of them: a regression of the head's arrays on features.

Notes
-----
The Gram is about the head; of the other items only popularity is known. But an item that is described like some items
of the head probably goes with what they go with. So the head's rows of the encoder and of the decoder, each in units of
the root of the item's popularity, are regressed on features by ridge regression (scikit-learn), and the others get what
is predicted for them, in units of the root of theirs. Each column has a ridge of its own, chosen among powers of ten by
leaving one item out, which asks nobody: all of this is about released and public values.

A person who has only items outside the head then has a taste, too, and a new item can be recommended before anybody has
bought it, though mostly behind those that are known: what is little bought counts little. The popularity of items
outside the head is mostly noise, so it is moved toward their mean by as much (James & Stein 1961).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from tactful.privacy.statistics import ItemPopularity

_Floats = NDArray[np.float64]
_PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_MOST_NUMBERS = 4_000_000  # in the arrays of items that are reached, so that a model stays small
_FEWEST = 50  # items of the head that a regression needs


def reached(
    rows: _Floats, head: NDArray[np.int64], popularity: ItemPopularity, features: _Floats
) -> tuple[NDArray[np.int64], _Floats]:
    """Items outside the head, and the rows that features predict for them.

    Parameters
    ----------
    rows : float array of shape (n_head, width)
        Encoder and decoder of the head, side by side.
    head : int array of shape (n_head,)
        Catalogue positions.
    popularity : ItemPopularity
    features : float array of shape (n_items, n_features)

    Returns
    -------
    items : int array of shape (n_reached,)
        Catalogue positions, the most popular first; none if too little is known.
    predicted : float array of shape (n_reached, width)
    """
    outside = np.setdiff1d(np.flatnonzero(features.any(axis=1)), head)
    outside = outside[np.argsort(-popularity.values[outside], kind="stable")][: _MOST_NUMBERS // max(rows.shape[1], 1)]
    if len(head) < _FEWEST or not len(outside) or not rows.size:
        return outside[:0], rows[:0]
    unit = np.sqrt(np.maximum(popularity.values[head], popularity.sigma))
    fitted = RidgeCV(alphas=_PENALTIES, alpha_per_target=True).fit(features[head], rows / unit[:, None])
    predicted: _Floats = fitted.predict(features[outside]) * np.sqrt(_likely(popularity, outside))[:, None]
    return outside, predicted


def _likely(popularity: ItemPopularity, items: NDArray[np.int64]) -> _Floats:
    """Popularity of these items without its noise: moved toward their mean by the share of scatter that is noise."""
    seen = popularity.values[items]
    mean, scatter = float(seen.mean()), float(seen.var())
    share = max(scatter - popularity.sigma**2, 0.0) / max(scatter, 1e-300)
    made: _Floats = np.maximum(mean + share * (seen - mean), 0.0)
    return made
