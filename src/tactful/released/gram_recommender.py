"""Taste from the noisy Gram: what stands out from noise of known size is kept, the rest shrunk, and items regressed."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemGram, ItemPopularity, Noise, PeopleCount
from tactful.released.ease import encoder_and_decoder
from tactful.released.item_features import ItemFeatures
from tactful.released.low_rank import feature_span, low_rank
from tactful.released.model import ReleasedModel
from tactful.released.processors import processors
from tactful.released.reach import reached
from tactful.released.shrinkage import shrunk_entries

_Floats = NDArray[np.float64]
_SAMPLE = 3.0  # times the edge of a sample that is spread evenly


class GramRecommender(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A linear recommender, ridge regression of each item on all others, fitted from one noisy item–item Gram.

    Parameters
    ----------
    regularization : float, default=1.25
        Ridge, in units of the edge of all noise: that of the release and that of the sample.
    base_weight : float, default=0.02
        Weight of released popularity in every score. It orders items outside the head, which taste does not reach.

    Attributes
    ----------
    model_ : ReleasedModel
    edge_ : float
        Where the spectrum of all noise ends.

    Notes
    -----
    A Gram is denoised in two steps, of which each knows the size of the noise and nothing else:

    1. its low-rank part (`tactful.released.low_rank`). Long histories, which were centred, show taste there, and public
       features are a prior for it. Short ones show one direction, popularity as it is in the Gram, and beyond it pairs
       that go together rather than directions: their rank is one;
    2. what single pairs have beyond that (`tactful.released.shrinkage`).

    Of short histories every pair is a sum of what people add to it, none of them less than 0, and what comes out below
    0 is moved there. Centred ones have pairs on both sides of 0.

    The ridge covers two kinds of noise. That of the release has its edge at 2σ√M. And people are a sample: each adds at
    most 1 to the sum of squares of pairs, so n of them scatter by at most √(2n)/M an entry, whose edge is 2√(2n/M);
    it counts three times, since it is not spread as evenly as noise. With few people the first is larger by far.

    The diagonal is set by regression on popularity and popularity squared, and moved to what was seen as far as the
    scatter around that exceeds the noise. Then items are regressed on each other (`tactful.released.ease`). All of this
    is post-processing of a release. The rules were found on public data and are the same for everybody.
    """

    def __init__(self, *, regularization: float = 1.25, base_weight: float = 0.02) -> None:
        self.regularization = regularization
        self.base_weight = base_weight

    model_: ReleasedModel
    edge_: float

    def fit(
        self, gram: ItemGram, popularity: ItemPopularity, people: PeopleCount, features: ItemFeatures | None = None
    ) -> Self:
        """Keep what stands out from the noise.

        Parameters
        ----------
        gram : ItemGram
        popularity : ItemPopularity
            About the same catalogue.
        people : PeopleCount
        features : ItemFeatures, optional
            About the same catalogue; public.
        """
        size = max(len(gram.head), 1)
        sampled = _SAMPLE**2 * 2 * max(people.value, 0.0) / size
        self.edge_ = 2 * math.sqrt(gram.sigma**2 * size + sampled)
        ridge = max(self.regularization * self.edge_, 1e-12)
        with processors():
            encoder, decoder = encoder_and_decoder(denoised(gram, popularity, features), gram.query, ridge)
        used = gram.head if encoder.shape[1] else gram.head[:0]
        encoder, decoder = encoder[: len(used)], decoder[: len(used)]
        described = None
        if features is not None and not features.empty:
            more, rows, described = reached(np.hstack([encoder, decoder]), used, popularity, features.values)
            used = np.concatenate([used, more])
            encoder, decoder = (np.vstack(pair) for pair in zip((encoder, decoder), np.hsplit(rows, 2), strict=True))
        norm = max(float(np.linalg.norm(popularity.values[gram.head])), 1e-12)
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=self.base_weight * popularity.values / norm,
            head=used,
            encoder=encoder,
            decoder=decoder,
            noise=_weaker(gram.noise, popularity.noise),
            described=described,
        )
        return self


def denoised(gram: ItemGram, popularity: ItemPopularity, features: ItemFeatures | None = None) -> _Floats:
    """What the Gram probably is without its noise.

    Returns
    -------
    float array of shape (n_head, n_head), symmetric
    """
    floored = np.maximum(popularity.values[gram.head], max(popularity.sigma, 1e-9))
    weighted: _Floats = floored * gram.query.weights.astype(np.float64)
    if gram.query.centred:
        known = features is not None and not features.empty
        span = feature_span(weighted, features.values[gram.head]) if features is not None and known else None
        expected = low_rank(gram.values, gram.sigma, span=span)
    else:
        expected = low_rank(gram.values, gram.sigma, rank=1)
    made = shrunk_entries(gram.values, np.sqrt(weighted), gram.sigma, towards=expected, out=expected)
    if not gram.query.centred:
        np.maximum(made, 0.0, out=made)  # as every pair that was not centred is
    made[np.diag_indices(len(made))] = _diagonal(np.diag(gram.values), weighted, gram.diagonal_sigma)
    return made


def _diagonal(noisy: _Floats, popularity: _Floats, sigma: float) -> _Floats:
    """What popularity says of it, moved to what was seen by the share of the scatter that is not noise."""
    told = np.column_stack([popularity, popularity**2])
    told /= told.max(axis=0)
    fitted = told @ np.linalg.lstsq(told, noisy, rcond=None)[0]
    scatter = float(((noisy - fitted) ** 2).mean())
    share = max(scatter - sigma**2, 0.0) / max(scatter, 1e-300)
    least = 1e-6 * float(np.abs(noisy).max(initial=0.0))
    made: _Floats = np.maximum(fitted + share * (noisy - fitted), least)
    return made


def _weaker(*kinds: Noise) -> Noise:
    """``reproducible`` if any of the noises is."""
    return "reproducible" if "reproducible" in kinds else "system"
