"""Entries of a noisy matrix shrunk to what they are worth: few are large, most are nothing, all have the same noise.

Notes
-----
Of each entry, less what is expected, d = θ + e is seen, e ~ N(0, σ²) with σ known, and θ comes from a mixture of
normals around 0 whose standard deviations are multiples t of c·s_i·s_j, s the scale of an item (here the root of its
popularity: pairs of popular items differ by more). The shares of the mixture are found by maximum likelihood from the
entries themselves, with t = 0 among them, and each entry becomes its posterior mean. This is adaptive shrinkage
(Stephens 2017, "False discovery rates: a new approach"), which needs no tuning: where nothing stands out, the share of
t = 0 goes to 1. All of it is post-processing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tactful.released.processors import processors

_Floats = NDArray[np.float64]
_Where = slice | tuple[slice | NDArray[np.int64], ...]
_Off = Callable[[_Where], _Floats]
_MULTIPLES: _Floats = np.concatenate([[0.0], np.geomspace(0.03, 30, 13)])
_SAMPLED, _ROUNDS = 20_000, 80
_LOG_SCALES, _SIZES, _LARGEST = 160, 1200, 12.0  # of the table of shares: rows, columns, and |d|/σ of the last column
_ROWS = 32  # of the matrix at a time, so that what is made of them on the way stays in the processor's cache


def shrunk_entries(
    noisy: _Floats, scale: _Floats, sigma: float, *, towards: _Floats | None = None, out: _Floats | None = None
) -> _Floats:
    """The matrix with each entry off the diagonal at its posterior mean.

    Parameters
    ----------
    noisy : float array of shape (n, n), symmetric
        What is expected to be around `towards`, plus noise of standard deviation `sigma` on each unordered pair.
    scale : float array of shape (n,), above 0
        An entry is expected to be off by more in proportion to the product of its two. The unit does not matter.
    sigma : float
    towards : float array of shape (n, n), symmetric, optional
        What entries are expected to be around; 0 if not given.
    out : float array of shape (n, n), optional
        Where to write the result; may be one of the other two, which saves finding the memory.

    Returns
    -------
    float array of shape (n, n), symmetric
        With the diagonal of `towards`; `out` if given.
    """
    out = np.empty_like(noisy) if out is None else out
    diagonal = np.zeros(len(noisy)) if towards is None else np.diag(towards).copy()

    def off(where: _Where) -> _Floats:
        """By how much these entries are off what is expected; a whole matrix of it is never made."""
        found: _Floats = noisy[where] - (0.0 if towards is None else towards[where])
        return found

    if len(noisy) < 2 or sigma <= 0:
        out[:] = noisy
    else:
        scale = scale / np.exp(np.log(scale).mean())
        shares, places, per_size = _shares_kept(off, scale, sigma)

        def shrink(rows: slice) -> None:
            """These rows of the result from the diagonal on, and the columns that repeat them."""
            here = rows, slice(rows.start, None)
            found = off(here)
            size = np.minimum(np.abs(found) * per_size, _SIZES - 1).astype(np.int32)
            place = (np.add.outer(places[rows], places[here[1]]) + 0.5).astype(np.int32)
            found *= np.take(shares, place * _SIZES + size)
            found += 0.0 if towards is None else towards[here]
            out[here] = found
            out[rows.stop :, rows] = found[:, rows.stop - rows.start :].T

        with processors() as each:
            each(shrink, _strips(len(noisy)))
    np.fill_diagonal(out, diagonal)
    return out


def _strips(n: int) -> list[slice]:
    """All rows, in strips whose work stays in a processor's cache."""
    return [slice(first, first + _ROWS) for first in range(0, n, _ROWS)]


def _shares_kept(off: _Off, scale: _Floats, sigma: float) -> tuple[_Floats, _Floats, float]:
    """Shares to keep, by log s_i·s_j and |d|/σ, row after row.

    With what gives their places: the row of a pair is the sum of its two items' numbers, rounded, and the column |d|
    times the last number.
    """
    logs = np.log(scale)
    lowest, highest = 2 * float(logs.min()), 2 * float(logs.max())
    step = max((highest - lowest) / (_LOG_SCALES - 1), 1e-9)
    unit = _typical(off, scale, sigma)
    i, j = _sample(len(scale))
    weights = _mixture(off((i, j)) / sigma, unit * np.exp(logs[i] + logs[j]) / sigma)
    scales = unit * np.exp(lowest + step * np.arange(_LOG_SCALES))
    shares = _shares(np.linspace(0.0, _LARGEST, _SIZES), scales / sigma, weights)
    return shares.ravel(), (logs - lowest / 2) / step, (_SIZES - 1) / (_LARGEST * sigma)


def _typical(off: _Off, scale: _Floats, sigma: float) -> float:
    """c, so that c·s_i·s_j is about what entries are off by: by their sum of squares, less that of the noise."""
    n = len(scale)
    products = float((scale**2).sum() ** 2 - (scale**4).sum())
    with processors() as each:
        squares = sum(each(lambda rows: float(np.linalg.norm(off(rows))) ** 2, _strips(n)))
    squares -= float((off(np.diag_indices(n)) ** 2).sum())
    count = n * (n - 1)
    return float(np.sqrt(max(squares - count * sigma**2, 0.01 * count * sigma**2) / products))


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
        weights = weights * ((1 / (likelihood @ weights)) @ likelihood) / len(seen)
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
