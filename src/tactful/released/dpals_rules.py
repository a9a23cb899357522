"""How many items, factors and rounds private alternating least squares has: written rules of released values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import ItemPopularity, PeopleCount
from tactful.released.item_features import ItemFeatures
from tactful.released.low_rank import feature_span

_SMALLEST_HEAD, _LARGEST_HEAD, _HEAD_RATE = 150, 4096, 3.0
_FEWEST, MOST, _FACTOR_RATE = 4, 64, 0.8
_FEW_ROUNDS = 3
_NEGLIGIBLE = 1e-6  # of the largest singular value


def head_count(people: float, *, noise_multiplier: float, catalogue_size: int) -> int:
    """How many items have factors: 3 (n/σ)^⅔, at least 150, at most 4,096 and the catalogue.

    Parameters
    ----------
    people : float
        Released or declared.
    noise_multiplier : float
        σ of the right-hand sides of all steps together, 1/√Σ σₜ⁻².
    catalogue_size : int
    """
    return min(max(_by_rate(people, noise_multiplier), _SMALLEST_HEAD), _LARGEST_HEAD, catalogue_size)


def factor_count(people: float, *, noise_multiplier: float, most: int = MOST) -> int:
    """The rank of a round: 0.8 √(n/σ), from 4 to `most`, σ being the noise multiplier of its right-hand sides."""
    return min(max(round(_FACTOR_RATE * math.sqrt(max(people, 1.0) / noise_multiplier)), _FEWEST), most)


def round_count(people: float, *, noise_multiplier: float, catalogue_size: int, steps: int) -> int:
    """How often factors change: each step where the head could have been larger than the catalogue, else three times.

    Where a catalogue is small for so many people there is signal to spare, and what helps is to iterate; else to see
    more clearly. The steps of one round ask the same, and their answers are averaged: two of noise σ are one of σ/√2,
    at the same price.

    Parameters
    ----------
    people, noise_multiplier, catalogue_size
        As in `head_count`.
    steps : int
        What the plan pays for.
    """
    to_spare = min(_by_rate(people, noise_multiplier), _LARGEST_HEAD) >= catalogue_size
    return steps if to_spare else min(_FEW_ROUNDS, steps)


def _by_rate(people: float, noise_multiplier: float) -> int:
    """The head that people and noise alone would give."""
    return round(_HEAD_RATE * math.cbrt(max(people, 1.0) / noise_multiplier) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The items that have factors.

    Attributes
    ----------
    places : int array of shape (n_head,)
        Catalogue positions, the most popular first by released popularity.
    popularity : float array of shape (n_head,)
        Released, no smaller than its noise, the largest as 1.
    features : float array of shape (n_head, n_features) or None
        Public.
    """

    places: NDArray[np.int64]
    popularity: NDArray[np.float64]
    features: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        popularity: ItemPopularity,
        people: PeopleCount,
        *,
        noise_multiplier: float,
        features: ItemFeatures | None = None,
    ) -> Head:
        """The most popular items, as many as `head_count` says; `features` are those of the whole catalogue."""
        size = head_count(people.value, noise_multiplier=noise_multiplier, catalogue_size=len(popularity.values))
        places = np.argsort(-popularity.values, kind="stable")[:size].astype(np.int64)
        known = np.maximum(popularity.values[places], popularity.sigma)
        described = features is not None and not features.empty
        told = features.values[places] if features is not None and described else None
        return cls(places=places, popularity=known / known.max(), features=told)

    @property
    def span(self) -> NDArray[np.float64] | None:
        """Orthonormal directions of popularity and features, both weighted as items are; nothing without features."""
        return None if self.features is None else feature_span(self.popularity, self.features)

    def described(self, most: int) -> NDArray[np.float64]:
        """The leading directions of the features, at most so many, scaled like factors drawn at random."""
        if self.features is None:
            return np.zeros((len(self.places), 0))
        left, sizes, _ = np.linalg.svd(self.features - self.features.mean(axis=0), full_matrices=False)
        telling = min(most, int((sizes > _NEGLIGIBLE * sizes[0]).sum()))
        return np.asarray(left[:, :telling] * math.sqrt(len(left)), dtype=np.float64)
