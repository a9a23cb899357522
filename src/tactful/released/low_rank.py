"""The low-rank part of a noisy Gram: directions that stand out from noise of known size, shrunk to their worth.

Notes
-----
The Gram is G + E, G positive semidefinite, E symmetric with independent entries of variance σ². The spectrum of E ends
at the edge 2σ√M (Wigner), and a signal eigenvalue x > σ√M shows up at x + σ²M/x. So eigenvalues w below the edge are
dropped and the others moved back to √(w² − 4σ²M), which is optimal in Frobenius norm: it allows for how far the vector
was turned, too (Gavish & Donoho 2017, "Optimal shrinkage of singular values"). The diagonal of E has variance 9σ²; that
moves the edge by a share 1/M.

*Public features as a prior.* Where the catalogue describes its items, taste lies partly in the span of f: popularity
and popularity times each feature, with their roots, at most a sixteenth of M directions of it, the largest. In an
orthonormal basis F of the span the Gram falls into three parts whose noise is independent and of the same σ, for E
looks the same after every rotation (its diagonal aside):

- FᵀGF, f × f, whose edge is 2σ√f instead of 2σ√M: what features tell about each other shows at far fewer people;
- FᵀG less that, f × M, rectangular, whose singular values y·σ√M are kept from y > 1 + √β on, β = f/M, and shrunk to
  √((y² − β − 1)² − 4β)/y (ibid.);
- the residual off the span, treated as without features.

A feature that says nothing costs f directions of a lower edge and gains nothing; nothing has to be chosen.

*Precision.* What stands out of a large matrix is written in single precision, in which it is read afterwards
(`tactful.released.precision`): finding the memory takes longer than filling it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.released.eigen import eigen_above
from tactful.released.processors import processors, strips

_Floats = NDArray[np.float64]
_LARGE = 512  # rows from which on single precision is enough, as it is in `tactful.released.precision`
_SPAN = 1 / 16  # share of M that features may span
_NEGLIGIBLE = 1e-4  # of the largest singular value


def low_rank(noisy: _Floats, sigma: float, *, span: _Floats | None = None, rank: int | None = None) -> _Floats:
    """What stands out of the noise, shrunk.

    Parameters
    ----------
    noisy : float array of shape (n, n), symmetric
    sigma : float
        Standard deviation of the noise on each unordered pair.
    span : float array of shape (n, f), optional
        Orthonormal columns, of `feature_span`.
    rank : int, optional
        So many directions at most, where `span` is not given.

    Returns
    -------
    float array of shape (n, n), symmetric, positive semidefinite where `span` is not given
    """
    if span is None:
        return _spikes(noisy, sigma, rank)
    rows = span.T @ noisy
    inner = rows @ span
    cross = span @ _shrunk_rectangle(rows - inner @ span.T, sigma)
    known = span @ rows
    rest = noisy - known - known.T + span @ inner @ span.T
    return span @ _spikes(inner, sigma) @ span.T + cross + cross.T + _spikes(rest, sigma)


def feature_span(popularity: _Floats, features: _Floats) -> _Floats:
    """An orthonormal basis of what popularity and features say of a Gram: columns, the most telling first.

    Parameters
    ----------
    popularity : float array of shape (n,), above 0
    features : float array of shape (n, n_features)

    Returns
    -------
    float array of shape (n, f)
        f is at most a sixteenth of n.
    """
    columns = [popularity[:, None], np.sqrt(popularity)[:, None] * features, popularity[:, None] * features]
    left, sizes, _ = np.linalg.svd(np.concatenate(columns, axis=1), full_matrices=False)
    telling = int((sizes > _NEGLIGIBLE * sizes[0]).sum())
    basis: _Floats = left[:, : max(min(telling, int(_SPAN * len(popularity))), 1)]
    return basis


def _spikes(noisy: _Floats, sigma: float, rank: int | None = None) -> _Floats:
    """Eigenvalues above the edge, shrunk; the rest is gone."""
    edge = 2 * sigma * float(np.sqrt(len(noisy)))
    values, vectors = eigen_above(noisy, edge)
    values, vectors = values[:rank], vectors[:, :rank]
    roots = vectors * np.maximum(values**2 - edge**2, 0.0) ** 0.25
    roots = roots.astype(np.float32 if len(noisy) > _LARGE else np.float64)
    made = np.empty(noisy.shape, dtype=roots.dtype)
    with processors() as each:
        each(lambda rows: np.matmul(roots[rows], roots.T, out=made[rows]), strips(len(made)))
    return made


def _shrunk_rectangle(noisy: _Floats, sigma: float) -> _Floats:
    """Singular values above the edge, shrunk; the rest is gone."""
    left, sizes, right = np.linalg.svd(noisy, full_matrices=False)
    unit, beta = sigma * float(np.sqrt(noisy.shape[1])), noisy.shape[0] / noisy.shape[1]
    seen = sizes / max(unit, 1e-300)
    out = seen > 1 + np.sqrt(beta)
    kept = np.zeros_like(seen)
    kept[out] = np.sqrt(np.maximum((seen[out] ** 2 - beta - 1) ** 2 - 4 * beta, 0.0)) / seen[out]
    made: _Floats = (left * (kept * unit)) @ right
    return made
