"""Taste from the noisy Gram: what stands out from noise of known size is kept, the rest shrunk, and items regressed."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemGram, ItemPopularity, Noise
from tactful.released.ease import encoder_and_decoder
from tactful.released.item_features import ItemFeatures
from tactful.released.low_rank import feature_span, low_rank
from tactful.released.model import ReleasedModel
from tactful.released.shrinkage import shrunk_entries

_Floats = NDArray[np.float64]
_RIDGE_LONG, _RIDGE_SHORT = 1.0, 4.0  # in edges
_GIVEN_BACK = 0.5  # of what shrinkage takes from the pairs of short histories


class GramRecommender(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A linear recommender, ridge regression of each item on all others, fitted from one noisy item–item Gram.

    Parameters
    ----------
    base_weight : float, default=0.05
        Weight of released popularity in every score. It orders items outside the head, which taste does not reach.

    Attributes
    ----------
    model_ : ReleasedModel
    edge_ : float
        Where the spectrum of the noise ends, 2σ√M.

    Notes
    -----
    A Gram is denoised in two steps, of which each knows the size of the noise and nothing else:

    1. what everything else is measured against. Long histories, which were centred: the low-rank part, with public
       features as a prior (`tactful.released.low_rank`). Short ones: c·p pᵀ, as if people chose independently, since in
       few items a person there are pairs that go together and hardly any directions;
    2. what single pairs have beyond that (`tactful.released.shrinkage`).

    The ridge of the regression is one edge for long histories, so that a direction whose eigenvalue is one edge counts
    half. For short ones it is four edges, and of what the second step takes from single pairs half is given back: a
    score adds up the pairs of a history, where what is left of noise averages out and lost taste does not.

    The diagonal is set by regression on popularity and popularity squared, and moved to what was seen as far as the
    scatter around that exceeds the noise. Then items are regressed on each other (`tactful.released.ease`). All of this
    is post-processing of a release. The rules were found on public data and are the same for everybody.
    """

    def __init__(self, *, base_weight: float = 0.05) -> None:
        self.base_weight = base_weight

    model_: ReleasedModel
    edge_: float

    def fit(self, gram: ItemGram, popularity: ItemPopularity, features: ItemFeatures | None = None) -> Self:
        """Keep what stands out from the noise.

        Parameters
        ----------
        gram : ItemGram
        popularity : ItemPopularity
            About the same catalogue.
        features : ItemFeatures, optional
            About the same catalogue; public.
        """
        self.edge_ = 2 * gram.sigma * float(np.sqrt(len(gram.head)))
        ridge = max((_RIDGE_LONG if gram.query.centred else _RIDGE_SHORT) * self.edge_, 1e-12)
        encoder, decoder = encoder_and_decoder(denoised(gram, popularity, features), gram.query, ridge)
        used = gram.head if encoder.shape[1] else gram.head[:0]
        norm = max(float(np.linalg.norm(popularity.values[gram.head])), 1e-12)
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=self.base_weight * popularity.values / norm,
            head=used,
            encoder=encoder[: len(used)],
            decoder=decoder[: len(used)],
            noise=_weaker(gram.noise, popularity.noise),
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
        expected = _independent(gram.values, weighted)
    beyond = gram.values - expected
    made: _Floats = expected + shrunk_entries(beyond, weighted, gram.sigma)
    if not gram.query.centred:
        made += _GIVEN_BACK * (gram.values - made)
    made[np.diag_indices(len(made))] = _diagonal(np.diag(gram.values), weighted, gram.diagonal_sigma)
    return made


def _independent(noisy: _Floats, popularity: _Floats) -> _Floats:
    """c·p pᵀ, nearest to the pairs."""
    products = np.outer(popularity, popularity)
    np.fill_diagonal(products, 0.0)
    made: _Floats = products * (float((noisy * products).sum()) / max(float((products**2).sum()), 1e-300))
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
