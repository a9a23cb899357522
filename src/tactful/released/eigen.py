"""Eigenvalues of a large symmetric matrix that stand above an edge, and proof that none was missed.

Notes
-----
Of a noisy Gram of thousands of items some dozen to some hundred directions stand above the edge of the noise. LAPACK
brings the whole matrix to tridiagonal form first, 4n³/3 operations of which half wait for memory. Here a block Lanczos
method (Golub & Underwood 1977) with full reorthogonalisation finds the upper end, and Rayleigh and Ritz settle the
pairs.

*Nothing is missed*, and that is checked, not hoped for: with the found pairs V, Λ taken out, (1 + t)·edge·I − (A −
VΛVᵀ) has a Cholesky factor if and only if no other eigenvalue lies above (1 + t)·edge. That costs n³/3 operations that
run at full speed. If the check fails, the search goes on, and in the end LAPACK does it all.

*The edge itself.* The bulk of noise ends there, and its last eigenvalues stray over it by a share n^(−⅔) (Tracy & Widom
1994), 0.4 % for n = 4,096. So the tolerance t is 1 %: what lies between the edge and 1 % above it is noise as likely as
not, and may be missing or be a mixture of its neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh

_Floats = NDArray[np.float64]
TOLERANCE = 0.01
_DIRECT = 1024  # rows up to which LAPACK is faster than anything cleverer
_BLOCK = 16
_STEP = 12  # blocks between two looks at what has converged
_MOST = 0.3  # share of n that the basis may grow to before LAPACK does it all
_MANY = 1 / 16  # share of n above the edge from which on LAPACK does it all


def eigen_above(matrix: _Floats, edge: float) -> tuple[_Floats, _Floats]:
    """Eigenvalues above the edge, largest first, and their vectors, none further than 1 % above it being missed.

    Parameters
    ----------
    matrix : float array of shape (n, n), symmetric
    edge : float
        Positive.

    Returns
    -------
    values : float array of shape (rank,)
    vectors : float array of shape (n, rank), orthonormal columns
    """
    if len(matrix) > _DIRECT:
        found = _searched(matrix, edge)
        if found is not None:
            return found
    values, vectors = eigh(matrix, subset_by_value=(edge, np.inf))
    return values[::-1], vectors[:, ::-1]


def _searched(matrix: _Floats, edge: float) -> tuple[_Floats, _Floats] | None:
    """The pairs, checked; None if LAPACK is the better way."""
    basis = _Basis(matrix)
    while basis.size + _STEP * _BLOCK <= _MOST * len(matrix):
        basis.grow()
        vectors, worst = basis.pairs(edge)
        if vectors.shape[1] > _MANY * len(matrix):
            return None
        if worst <= TOLERANCE * edge:
            values, vectors = _settled(matrix, vectors, edge)
            if complete(matrix, values, vectors, (1 + TOLERANCE) * edge):
                return values, vectors
    return None


def complete(matrix: _Floats, values: _Floats, vectors: _Floats, limit: float) -> bool:
    """Whether no eigenvalue of the matrix but the given ones is above the limit.

    Notes
    -----
    In single precision: with the pairs taken out the matrix is no larger than the limit, give or take what a pair lacks
    in accuracy, and the rounding of a factorisation of that is far below the tolerance.
    """
    rest = ((vectors * values) @ vectors.T - matrix).astype(np.float32)
    rest[np.diag_indices(len(rest))] += np.float32(limit)
    try:
        cholesky(rest, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return False
    return True


class _Basis:
    """An orthonormal basis of a block Krylov space, and what the matrix is on it."""

    def __init__(self, matrix: _Floats) -> None:
        n, most = len(matrix), int(_MOST * len(matrix)) + 2 * _BLOCK
        start = np.random.default_rng(0).standard_normal((n, _BLOCK))  # any start will do; always the same one
        self._matrix, self.size = matrix, 0
        self._vectors, self._products = np.empty((most, n)), np.zeros((most, most))
        self._vectors[:_BLOCK] = np.linalg.qr(start)[0].T
        self._last = np.zeros((_BLOCK, _BLOCK))

    def grow(self) -> None:
        """`_STEP` blocks more."""
        for _ in range(_STEP):
            here, ahead = slice(self.size, self.size + _BLOCK), slice(self.size + _BLOCK, self.size + 2 * _BLOCK)
            image, known = self._vectors[here] @ self._matrix, self._vectors[: here.stop]
            along = image @ known.T
            self._products[here, : here.stop] = along
            image -= along @ known
            image -= (image @ known.T) @ known  # twice is enough (Kahan)
            following, self._last = np.linalg.qr(image.T)
            self._vectors[ahead] = following.T
            self.size = here.stop

    def pairs(self, edge: float) -> tuple[_Floats, float]:
        """Vectors of all Ritz values above the edge, and the largest residual of those beyond the tolerance."""
        products = self._products[: self.size, : self.size]
        values, inside = eigh(products, lower=True, subset_by_value=(edge, np.inf))
        residuals = np.linalg.norm(self._last @ inside[-_BLOCK:], axis=0)
        worst = residuals[values > (1 + TOLERANCE) * edge].max(initial=0.0)
        return self._vectors[: self.size].T @ inside, float(worst)


def _settled(matrix: _Floats, vectors: _Floats, edge: float) -> tuple[_Floats, _Floats]:
    """Rayleigh and Ritz: the best pairs above the edge in the space of these vectors, largest first."""
    values, turn = np.linalg.eigh(vectors.T @ matrix @ vectors)
    above = np.flatnonzero(values > edge)[::-1]
    return values[above], vectors @ turn[:, above]
