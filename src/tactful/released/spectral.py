"""Taste from the noisy Gram: the directions that stand out from noise of known size, shrunk to what they are worth."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemGram, ItemPopularity, Noise
from tactful.released.model import ReleasedModel


class SpectralRecommender(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A linear recommender, ridge regression of items on items, fitted from one noisy item–item Gram.

    Parameters
    ----------
    regularization : float, default=2.0
        Ridge, in units of the noise edge. Two edges weigh a direction that just stands out at about a third.
    base_weight : float, default=0.2
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
    the others moved back to (w + √(w² − 4σ²M))/2, which is optimal in operator norm (Gavish & Donoho 2017). With
    eigenvectors q and shrunk values λ, ridge regression of items on items is Σ q λ/(λ + reg) qᵀ: encoder q·λ/(λ +
    reg), decoder q. All of this is post-processing of a release.
    """

    def __init__(self, *, regularization: float = 2.0, base_weight: float = 0.2) -> None:
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
        values, vectors = _above(gram.values, self.edge_)
        self.eigenvalues_ = (values + np.sqrt(values**2 - self.edge_**2)) / 2
        gain = self.eigenvalues_ / (self.eigenvalues_ + self.regularization * self.edge_)
        used = gram.head if len(values) else gram.head[:0]
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=self.base_weight * popularity.values / max(float(np.linalg.norm(popularity.values[gram.head])), 1e-12),
            head=used,
            encoder=(vectors * gain)[: len(used)],
            decoder=vectors[: len(used)],
            noise=_weaker(gram.noise, popularity.noise),
        )
        return self


def _above(matrix: NDArray[np.float64], edge: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues above the edge, largest first, and their vectors."""
    values, vectors = eigh(matrix, subset_by_value=(edge, np.inf))
    return values[::-1], vectors[:, ::-1]


def _weaker(*kinds: Noise) -> Noise:
    """``reproducible`` if any of the noises is."""
    return "reproducible" if "reproducible" in kinds else "system"
