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

*Wide catalogues.* Rows of some hundred numbers for each of a million items would make a model of gigabytes. But what is
predicted for an item is a sum over its features. So where rows would be more than `_MOST_NUMBERS`, the coefficients of
the regression are kept instead, and of each item its features and its size (`tactful.scoring.described`): every item
that has a feature is reached. Each takes 8 bytes, and 6 for each feature that the item with the most has: text with its
many directions makes them large. Among items of one description, taste says nothing: their order is that of released
popularity, most of which is noise that far down.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from tactful.privacy.statistics import ItemPopularity
from tactful.released.model import DescribedItems

_Floats = NDArray[np.float64]
_PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_MOST_NUMBERS = 4_000_000  # in the rows of items that are reached, so that a model stays small
_FEWEST = 50  # items of the head that a regression needs


class Reached(NamedTuple):
    """What features say of items outside the head.

    Attributes
    ----------
    items : int array of shape (n_reached,)
        Catalogue positions, the most popular first; none if too little is known.
    rows : float array of shape (n_reached, width)
        What is predicted for them; no rows if they are so many that `described` stands for them.
    described : DescribedItems or None
    """

    items: NDArray[np.int64]
    rows: _Floats
    described: DescribedItems | None = None


def reached(rows: _Floats, head: NDArray[np.int64], popularity: ItemPopularity, features: _Floats) -> Reached:
    """Items outside the head, and what features predict for them.

    Parameters
    ----------
    rows : float array of shape (n_head, width)
        Encoder and decoder of the head, side by side.
    head : int array of shape (n_head,)
        Catalogue positions.
    popularity : ItemPopularity
    features : float array of shape (n_items, n_features)
    """
    outside = np.setdiff1d(np.flatnonzero(features.any(axis=1)), head)
    outside = outside[np.argsort(-popularity.values[outside], kind="stable")]
    if len(head) < _FEWEST or not len(outside) or not rows.size:
        return Reached(outside[:0], rows[:0])
    unit = np.sqrt(np.maximum(popularity.values[head], popularity.sigma))
    fitted = RidgeCV(alphas=_PENALTIES, alpha_per_target=True).fit(features[head], rows / unit[:, None])
    sizes = np.sqrt(_likely(popularity, outside))
    if len(outside) * rows.shape[1] <= _MOST_NUMBERS:
        predicted: _Floats = fitted.predict(features[outside]) * sizes[:, None]
        return Reached(outside, predicted)
    terms = np.vstack([fitted.intercept_, fitted.coef_.T])
    return Reached(outside[:0], rows[:0], _described(outside, sizes, features, terms))


def _described(items: NDArray[np.int64], sizes: _Floats, features: _Floats, terms: _Floats) -> DescribedItems:
    """The items with their features; the constant is one that all have. What is left over is the constant, 0 times."""
    counts = np.zeros(len(features), dtype=np.int64)
    for column in features.T:
        counts += column != 0
    most = 1 + int(counts[items].max())
    place = np.full(len(features), -1, dtype=np.int64)
    place[items] = np.arange(len(items))
    which = np.zeros((most, len(items)), dtype=np.int16)
    values = np.zeros((most, len(items)), dtype=np.float32)
    values[0], filled = 1.0, np.ones(len(items), dtype=np.int64)
    for number, column in enumerate(features.T, start=1):
        there = place[np.flatnonzero(column)]
        there = there[there >= 0]
        which[filled[there], there] = number
        values[filled[there], there] = column[items[there]]
        filled[there] += 1
    encoder, decoder = np.hsplit(terms, 2)
    return DescribedItems(items=items, sizes=sizes, features=which, values=values, encoder=encoder, decoder=decoder)


def _likely(popularity: ItemPopularity, items: NDArray[np.int64]) -> _Floats:
    """Popularity of these items without its noise: moved toward their mean by the share of scatter that is noise."""
    seen = popularity.values[items]
    mean, scatter = float(seen.mean()), float(seen.var())
    share = max(scatter - popularity.sigma**2, 0.0) / max(scatter, 1e-300)
    made: _Floats = np.maximum(mean + share * (seen - mean), 0.0)
    return made
