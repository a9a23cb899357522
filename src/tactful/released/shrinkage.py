"""Entries of a noisy matrix shrunk to what they are worth: few are large, most are nothing, all have the same noise.

Notes
-----
Each entry is seen as d = θ + e, e ~ N(0, σ²) with σ known, and θ comes from a mixture of normals around 0 whose
standard deviations are multiples t of c·s_i·s_j, s the scale of an item (here the root of its popularity: pairs of
popular items differ by more). The shares of the mixture are found by maximum likelihood from the entries themselves,
with t = 0 among them, and each entry becomes its posterior mean. This is adaptive shrinkage (Stephens 2017, "False
discovery rates: a new approach"), which needs no tuning: where nothing stands out, the share of t = 0 goes to 1. All of
it is post-processing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.released.processors import processors

_Floats = NDArray[np.float64]
_MULTIPLES: _Floats = np.concatenate([[0.0], np.geomspace(0.03, 30, 13)])
_SAMPLED, _ROUNDS = 20_000, 80
_LOG_SCALES, _SIZES, _LARGEST = 160, 1200, 12.0  # of the table of shares: rows, columns, and |d|/σ of the last column
_ROWS = 256  # of the matrix at a time


def shrunk_entries(noisy: _Floats, scale: _Floats, sigma: float) -> _Floats:
    """The matrix with each entry off the diagonal at its posterior mean, and a diagonal of 0.

    Parameters
    ----------
    noisy : float array of shape (n, n), symmetric
        What is expected to be around 0, plus noise of standard deviation `sigma` on each unordered pair.
    scale : float array of shape (n,), above 0
        An entry is expected to be worth more in proportion to the product of its two. The unit does not matter.
    sigma : float

    Returns
    -------
    float array of shape (n, n), symmetric
    """
    if len(noisy) < 2 or sigma <= 0:
        return noisy - np.diag(np.diag(noisy))
    scale = scale / np.exp(np.log(scale).mean())
    unit = _typical(noisy, scale, sigma)
    logs = np.log(scale)
    table, lowest, step = _table(noisy, logs, unit, sigma)
    out = np.empty_like(noisy)

    def shrink(rows: slice) -> None:
        """These rows of the result."""
        size = np.minimum(np.abs(noisy[rows]) * ((_SIZES - 1) / (_LARGEST * sigma)), _SIZES - 1).astype(np.int32)
        place = ((logs[rows, None] + logs - lowest) * (1 / step) + 0.5).astype(np.int32)
        out[rows] = noisy[rows] * table[place, size]

    with processors() as each:
        each(shrink, [slice(first, first + _ROWS) for first in range(0, len(noisy), _ROWS)])
    np.fill_diagonal(out, 0.0)
    return out


def _typical(noisy: _Floats, scale: _Floats, sigma: float) -> float:
    """c, so that c·p_i·p_j is about what entries are worth: by their sum of squares, less that of the noise."""
    products = float((scale**2).sum() ** 2 - (scale**4).sum())
    squares = float(np.vdot(noisy, noisy) - (np.diag(noisy) ** 2).sum())
    count = len(noisy) * (len(noisy) - 1)
    return float(np.sqrt(max(squares - count * sigma**2, 0.01 * count * sigma**2) / products))


def _table(noisy: _Floats, logs: _Floats, unit: float, sigma: float) -> tuple[_Floats, float, float]:
    """Shares to keep, by log p_i·p_j and |d|/σ; the first row's logarithm, and the step between rows."""
    lowest, highest = 2 * float(logs.min()), 2 * float(logs.max())
    step = max((highest - lowest) / (_LOG_SCALES - 1), 1e-9)
    scales = unit * np.exp(lowest + step * np.arange(_LOG_SCALES))
    sizes = np.linspace(0.0, _LARGEST, _SIZES)
    i, j = _sample(len(noisy))
    weights = _mixture(noisy[i, j] / sigma, unit * np.exp(logs[i] + logs[j]) / sigma)
    return _shares(sizes, scales / sigma, weights), lowest, step


def _sample(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some pairs i < j, the same ones whenever n is the same; all if they are few."""
    if n * (n - 1) // 2 <= _SAMPLED:
        every = np.triu_indices(n, 1)
        return every[0], every[1]
    drawn = np.random.default_rng(0).integers(0, n, (2, 2 * _SAMPLED))
    i, j = drawn.min(axis=0), drawn.max(axis=0)
    return i[i < j][:_SAMPLED], j[i < j][:_SAMPLED]


def _mixture(seen: _Floats, scales: _Floats) -> _Floats:
    """Shares of the mixture by expectation–maximisation, in units of the noise."""
    variances = 1 + (scales[:, None] * _MULTIPLES) ** 2
    logs = -0.5 * (np.log(variances) + seen[:, None] ** 2 / variances)
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights = np.full(len(_MULTIPLES), 1 / len(_MULTIPLES))
    for _ in range(_ROUNDS):
        weights = weights * (likelihood / (likelihood @ weights)[:, None]).mean(axis=0)
    return weights


def _shares(sizes: _Floats, scales: _Floats, weights: _Floats) -> _Floats:
    """Posterior mean over value, for each scale (rows) and size (columns), in units of the noise."""
    shares = np.empty((len(scales), len(sizes)))
    for row, scale in enumerate(scales):
        variances = 1 + (scale * _MULTIPLES) ** 2
        logs = -0.5 * (np.log(variances) + sizes[:, None] ** 2 / variances)
        likelihood = np.exp(logs - logs.max(axis=1, keepdims=True)) * weights
        shares[row] = likelihood @ (1 - 1 / variances) / likelihood.sum(axis=1)
    return shares
