"""Taste from the noisy Gram: the directions that stand out from noise of known size, shrunk to what they are worth."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemGram, ItemPopularity, Noise
from tactful.released.eigen import eigen_above
from tactful.released.model import ReleasedModel


class SpectralRecommender(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A linear recommender, ridge regression of each item on all others, fitted from one noisy item–item Gram.

    Parameters
    ----------
    regularization : float, default=2.0
        Ridge, in units of the noise edge. Two edges weigh a direction that just stands out at about a third.
    base_weight : float, default=0.05
        Weight of released popularity in every score. It orders items outside the head, which taste does not reach.

    Attributes
    ----------
    model_ : ReleasedModel
    eigenvalues_ : float array of shape (rank,)
        Shrunk eigenvalues, largest first.
    edge_ : float
        2σ√M.

    Notes
    -----
    The Gram is G + E, E symmetric with independent entries of variance σ². The spectrum of E ends at the edge 2σ√M
    (Wigner), and a signal eigenvalue x > σ√M shows up at x + σ²M/x. So eigenvalues w below the edge are dropped and
    the others moved back to √(w² − 4σ²M), which is optimal in Frobenius norm: it allows for how far the vector was
    turned, too (Gavish & Donoho 2017). With eigenvectors q and shrunk values λ, ridge regression of items on items is H
    = Σ q λ/(λ + reg) qᵀ. Regressing each item on all the *others* takes the weights H_ij/(1 − H_jj), as leaving one out
    does in any ridge regression; that is EASE (Steck 2019) for a Gram of low rank. So the encoder is q·λ/(λ + reg), the
    decoder q_j/(1 − H_jj); the diagonal is never asked for, since nothing of the history is recommended. All of this is
    post-processing of a release.
    """

    def __init__(self, *, regularization: float = 2.0, base_weight: float = 0.05) -> None:
        self.regularization = regularization
        self.base_weight = base_weight

    model_: ReleasedModel
    eigenvalues_: NDArray[np.float64]
    edge_: float

    def fit(self, gram: ItemGram, popularity: ItemPopularity) -> Self:
        """Keep what stands out from the noise.

        Parameters
        ----------
        gram : ItemGram
        popularity : ItemPopularity
            About the same catalogue.
        """
        self.edge_ = 2 * gram.sigma * float(np.sqrt(len(gram.head)))
        values, vectors = eigen_above(gram.values, self.edge_)
        self.eigenvalues_ = np.sqrt(np.maximum(values**2 - self.edge_**2, 0.0))
        gain = self.eigenvalues_ / (self.eigenvalues_ + self.regularization * self.edge_)
        others = 1 - (vectors**2) @ gain  # at least what the largest gain leaves: above 0
        used = gram.head if len(values) else gram.head[:0]
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=self.base_weight * popularity.values / max(float(np.linalg.norm(popularity.values[gram.head])), 1e-12),
            head=used,
            encoder=(vectors * gain)[: len(used)],
            decoder=(vectors / others[:, None])[: len(used)],
            noise=_weaker(gram.noise, popularity.noise),
        )
        return self


def _weaker(*kinds: Noise) -> Noise:
    """``reproducible`` if any of the noises is."""
    return "reproducible" if "reproducible" in kinds else "system"
