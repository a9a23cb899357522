"""Noise of known size taken out of item factors and of Grams of factors; numpy alone, after the release.

Notes
-----
An M × d matrix of independent noise of standard deviation σ has singular values up to σ(√M + √d). A singular value y of
signal plus noise (in units of σ√M, β = d/M) that is above 1 + √β is worth √((y² − β − 1)² − 4β)/y, which is optimal in
Frobenius norm; below it is worth nothing (Gavish & Donoho 2017, "Optimal shrinkage of singular values", section 4).

Where something public spans f dimensions of the M, the part within the span has noise of f dimensions only, and the
rest that of M − f: each is shrunk by itself, and what features tell shows at far fewer people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]


def spectrum(noisy: _Float, sigma: float, *, dimensions: int | None = None) -> tuple[_Float, _Float, _Float]:
    """Left vectors, shrunk values, largest first, and right vectors (as rows) of what stands out from the noise.

    The noise fills all dimensions of a column, or as many as are given.
    """
    left, found, right = np.linalg.svd(noisy, full_matrices=False)
    size = dimensions or len(noisy)
    unit, beta = sigma * np.sqrt(size), noisy.shape[1] / size
    squared = (found / unit) ** 2
    above = squared > (1 + np.sqrt(beta)) ** 2
    kept = squared[above]
    values = unit * np.sqrt(((kept - beta - 1) ** 2 - 4 * beta) / kept)
    return left[:, above], values, right[above]


def shrunk(noisy: _Float, sigma: float, *, span: _Float | None = None) -> _Float:
    """The matrix without its noise, as far as that can be told.

    Parameters
    ----------
    noisy : float array of shape (n, d)
    sigma : float
    span : float array of shape (n, f), f < n, optional
        Orthonormal columns, public: the part of the columns that lies within is shrunk by itself.
    """
    if span is None:
        return _rebuilt(*spectrum(noisy, sigma))
    within = span.T @ noisy
    rest = spectrum(noisy - span @ within, sigma, dimensions=len(noisy) - span.shape[1])
    return np.asarray(span @ shrunk(within, sigma) + _rebuilt(*rest), dtype=np.float64)


def _rebuilt(left: _Float, values: _Float, right: _Float) -> _Float:
    """The matrix with this spectrum."""
    return np.asarray((left * values) @ right, dtype=np.float64)


def positive(noisy: _Float) -> _Float:
    """The nearest positive semidefinite matrices: negative eigenvalues, which only noise makes, are 0."""
    values, vectors = np.linalg.eigh(noisy)
    return np.asarray(
        (vectors * np.maximum(values, 0.0)[..., None, :]) @ np.swapaxes(vectors, -1, -2), dtype=np.float64
    )


def turned(factors: _Float) -> _Float:
    """The same factors in their principal axes, without empty ones; one column of zeros if all are empty."""
    left, values, _ = np.linalg.svd(factors, full_matrices=False)
    kept = values > 1e-9 * values[0]
    kept[0] = True
    return np.asarray((left * values)[:, kept], dtype=np.float64)
