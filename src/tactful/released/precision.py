"""The inverse of a Gram plus a ridge, as a diagonal and a part of low rank.

Notes
-----
P = (G + λI)⁻¹ is what regressions of items on each other are made of, and for thousands of items too slow to compute
and too large to ship. It is written as

    P = S⁻¹ (I − Q g Qᵀ) S⁻¹,   S a diagonal, Q orthonormal columns.

*A small head.* S = √λ, and Q, w are the eigenpairs of G with w > 0, the others being noise: g = w/(w + λ). Exact for a
positive semidefinite G.

*A large one.* The eigenvectors of G approximate P badly: most of G beyond its taste is its diagonal, which has full
rank. So the diagonal is kept exactly and only the rest is made low-rank: S² = diag(G) + λ, and of S⁻¹(G − diag G)S⁻¹
the pairs m, q of the largest magnitude are taken, on both sides of 0; I + QmQᵀ has the inverse with g = m/(1 + m).
Where G − diag G is of low rank this is exact, to single precision. m is above −1 if G is positive semidefinite; it is
kept above −0.9, since noise and what was left out may have made it otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.released.eigen import largest_pairs
from tactful.released.processors import processors, strips

_Floats = NDArray[np.float64]
_WHOLE, _RANK = 512, 256  # items up to which all pairs are kept; pairs that are kept of more items
_LEAST = -0.9


class Precision(NamedTuple):
    """P = S⁻¹ (I − Q g Qᵀ) S⁻¹.

    Attributes
    ----------
    scale : float array of shape (n,)
        The diagonal of S.
    vectors : float array of shape (n, rank)
        Q.
    gains : float array of shape (rank,)
        g, none of them 0.
    """

    scale: _Floats
    vectors: _Floats
    gains: _Floats

    @classmethod
    def of(cls, gram: _Floats, ridge: float) -> Precision:
        """The inverse of `gram` + `ridge`·I.

        Parameters
        ----------
        gram : float array of shape (n, n), symmetric
            Denoised; no diagonal entry is below 0.
        ridge : float
            λ, above 0.
        """
        return _whole(gram, ridge) if len(gram) <= _WHOLE else _low_rank(gram, ridge)

    @property
    def diagonal(self) -> _Floats:
        """P_jj."""
        made: _Floats = (1 - (self.vectors**2) @ self.gains) / self.scale**2
        return made

    def times(self, vector: _Floats) -> _Floats:
        """P times a vector."""
        scaled = vector / self.scale
        made: _Floats = (scaled - self.vectors @ (self.gains * (scaled @ self.vectors))) / self.scale
        return made


def _whole(gram: _Floats, ridge: float) -> Precision:
    """With every pair above 0."""
    values, vectors = np.linalg.eigh(gram)
    above = np.flatnonzero(values > 1e-12 * ridge)[::-1]
    gains = values[above] / (values[above] + ridge)
    return Precision(scale=np.full(len(gram), np.sqrt(ridge)), vectors=vectors[:, above], gains=gains)


def _low_rank(gram: _Floats, ridge: float) -> Precision:
    """With the diagonal whole and the largest pairs of the rest, found in single precision."""
    scale = np.sqrt(np.diag(gram).astype(np.float64) + ridge)
    rest, inverse = np.empty(gram.shape, dtype=np.float32), (1 / scale).astype(np.float32)

    def scaled(rows: slice) -> None:
        """These rows of the rest."""
        np.multiply(gram[rows], inverse, out=rest[rows], casting="same_kind")
        rest[rows] *= inverse[rows, None]

    with processors() as each:
        each(scaled, strips(len(rest)))
    np.fill_diagonal(rest, 0.0)
    values, vectors = largest_pairs(rest, _RANK)
    some = np.abs(values) > 1e-9
    values = np.maximum(values[some], _LEAST)
    return Precision(scale=scale, vectors=vectors[:, some], gains=values / (1 + values))
