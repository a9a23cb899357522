"""Items that are known by what they are: a row of the factors for each feature, instead of one for each item.

A catalogue of a million items would need a million rows of some hundred numbers. But what features say of an item is a
sum over the few features that it has:

    row = size · Σ value · term

with a term for each feature and a size for each item. So a million items take a few numbers each, and all their scores
take one product of the terms with a taste and then a few sums over as many numbers as there are items. No row is made
but for the items that may be shown, and for those of a history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = {
    "described": ("i4", 1),
    "described_sizes": ("f4", 1),
    "described_features": ("i2", 2),
    "described_values": ("f4", 2),
    "feature_encoder": ("f4", 2),
    "feature_decoder": ("f4", 2),
}
"""The arrays of an artifact that has such items: all of them or none."""

_AT_ONCE = 2**14  # items whose sums stay in the cache

_Floats = NDArray[np.float64]
_Rough = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Described:
    """Items without a row of their own. It holds nothing about any person.

    Attributes
    ----------
    items : int array of shape (n,)
        Catalogue positions, distinct.
    sizes : float32 array of shape (n,), at least 0
    features : int array of shape (most, n)
        The features of each item; what is left over is feature 0 with the value 0.
    values : float32 array of shape (most, n)
    encoder, decoder : float32 arrays of shape (n_features, rank)
        The terms.
    largest_in, largest_out : float
        No row is longer; nor is what is summed up for one, each part by itself.
    largest_part : float
        Nor is what a score is made of on the way: a term of the decoder, used or not, or an item's sum before its size.
    """

    items: NDArray[np.intp]
    sizes: NDArray[np.float32]
    features: NDArray[np.int16]
    values: NDArray[np.float32]
    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    largest_in: float
    largest_out: float
    largest_part: float

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Described:
        """The items of an artifact whose shapes were checked by `problem`."""
        features = arrays["described_features"]
        values, sizes = arrays["described_values"], arrays["described_sizes"]
        encoder, decoder = arrays["feature_encoder"], arrays["feature_decoder"]
        return cls(
            items=arrays["described"].astype(np.intp),
            sizes=sizes,
            features=features,
            values=values,
            encoder=encoder,
            decoder=decoder,
            largest_in=_largest(features, values, sizes, encoder),
            largest_out=_largest(features, values, sizes, decoder),
            largest_part=max(
                _largest(features, values, np.ones(1, dtype=np.float32), decoder), float(_norms(decoder).max())
            ),
        )

    def rows_in(self, places: NDArray[np.intp]) -> _Floats:
        """What these items add to a taste, by their places among these items; each depends on itself alone."""
        return self._rows(self.encoder, places)

    def rows_out(self, places: NDArray[np.intp]) -> _Floats:
        """What a taste is multiplied with to score these items."""
        return self._rows(self.decoder, places)

    def scores(self, taste: _Floats, places: NDArray[np.intp] | None = None) -> _Rough:
        """What this taste adds to the score of each item, or of some, in 32 bits.

        Each is off by no more than 32-bit sums of as many terms as an item has can be, see `largest_out`.
        """
        told = (self.decoder @ taste).astype(np.float32)
        if places is not None:
            return self._told(told, places, np.empty(len(places), dtype=np.float32))
        total = np.empty(len(self), dtype=np.float32)
        for start in range(0, len(self), _AT_ONCE):
            self._told(told, slice(start, start + _AT_ONCE), total[start : start + _AT_ONCE])
        return total

    def _told(self, told: _Rough, where: NDArray[np.intp] | slice, total: _Rough) -> _Rough:
        """The sums of some items, in `total`; what was checked when the model was loaded is not looked at again."""
        part = np.empty_like(total)
        for number, (features, values) in enumerate(zip(self.features, self.values, strict=True)):
            summed = part if number else total
            np.take(told, features[where], out=summed, mode="clip")
            summed *= values[where]
            if number:
                total += part
        total *= self.sizes[where]
        return total

    def _rows(self, terms: NDArray[np.float32], places: NDArray[np.intp]) -> _Floats:
        """Rows in 64 bits, feature after feature."""
        rows = np.zeros((len(places), terms.shape[1]))
        for features, values in zip(self.features, self.values, strict=True):
            rows += terms.take(features[places], axis=0) * values[places].astype(np.float64)[:, None]
        rows *= self.sizes[places].astype(np.float64)[:, None]
        return rows


def problem(arrays: Mapping[str, NDArray[Any]], *, n_items: int, rank: int) -> str | None:
    """Why these arrays are no such items, if they are not; they have the types of `KINDS`."""
    items, features, values = (arrays[name] for name in ("described", "described_features", "described_values"))
    encoder, decoder = arrays["feature_encoder"], arrays["feature_decoder"]
    if encoder.shape != decoder.shape or encoder.shape[1] != rank or not len(encoder):
        return "the terms of features do not fit the factors"
    shape = (len(features), len(items))
    if not len(features) or features.shape != shape or values.shape != shape:
        return "described items have not one value for each of their features"
    if not len(items) or len(arrays["described_sizes"]) != len(items) or arrays["described_sizes"].min() < 0:
        return "described items have not one size each, from 0"
    if items.min() < 0 or items.max() >= n_items or features.min() < 0 or features.max() >= len(encoder):
        return "a described item, or a feature of one, is not there"
    twice = len(np.unique(items)) < len(items) or np.isin(items, arrays["head"]).any()
    return "an item has two rows" if twice else None


def _norms(terms: NDArray[np.float32]) -> _Floats:
    """The length of each term."""
    found: _Floats = np.sqrt(np.square(terms, dtype=np.float64).sum(axis=1))
    return found


def _largest(
    features: NDArray[np.int16], values: NDArray[np.float32], sizes: NDArray[np.float32], terms: NDArray[np.float32]
) -> float:
    """The largest size · Σ |value| · ‖term‖ of an item."""
    norms = _norms(terms)
    total = np.zeros(values.shape[1])
    for places, numbers in zip(features, values, strict=True):
        total += norms[places] * np.abs(numbers)
    return float((total * sizes).max())
