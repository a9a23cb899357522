"""Gaussian noise on the integers, from keyed AES, with a bound on how far the sampler is from the ideal.

Notes
-----
*What is ideal.* Statistics here are integers q. Adding a continuous Gaussian Z and rounding is post-processing of the
Gaussian mechanism, and round(q + Z) = q + round(Z) because q is an integer. So adding the rounded Gaussian round(Z) has
the guarantee of the Gaussian mechanism exactly, and its output lies on the integers: there are no floating-point holes
to tell neighbours apart by (Mironov 2012).

*What is drawn.* Every integer k with |k| ≤ Tσ with probability proportional to exp(−k²/2σ²), T = 11, in two steps that
lose nothing to floating point where it matters: a cell of 2^w neighbouring integers from an alias table whose
thresholds are 128-bit integers, then an integer of the cell, uniform, kept with probability exp(−(k² − k₀²)/2σ²) where
k₀ is the cell's integer nearest to 0.

*How far apart they are.* Let p(k) = P(round(Z) = k). With x = |k|/2σ²,
p(k)·σ·√(2π)/exp(−k²/2σ²) = ∫ exp(−kt/σ² − t²/2σ²) dt over |t| ≤ ½, which lies between exp(−1/8σ²) and sinh(x)/x
≤ exp(x²/6). For |k| ≤ Tσ the log-ratio is therefore at most max(1/8, T²/24)/σ² in either direction. Arithmetic adds:
the table's weights come from float64 exponentials of arguments up to T²/2 that carry five roundings (relative error ≤
2⁻⁵³ (5T²/2 + 2) < 4·10⁻¹⁴) and become integers without loss, thresholds are cut at 2⁻¹²⁸ (relative 7·10⁻¹⁴ in the last
cell), the acceptance test compares with a 53-bit uniform (3·10⁻¹⁶), and the normalisation moves by the tail beyond T
(4·10⁻²⁸). `_ARITHMETIC` = 2·10⁻¹³ covers the sum; a test compares with 40 digits.

*What that costs.* η bounds the log-ratio for each coordinate. On outcomes with |noise| < tσ + ½ in all of the c
coordinates that one person can touch, t = 10.99, probabilities of the real and the ideal mechanism differ by at most a
factor exp(cη), on both of the neighbouring worlds: 2cη is added to ε (and δ grows by the factor exp(cη)). The other
outcomes have mass at most 2cΦ(−t), since |round(Z)| ≥ tσ + ½ takes |Z| ≥ tσ: that mass times (1 + e^ε) is added to δ.
(t lies below T so that neither the last cell's end nor the rounding of Tσ needs an argument.) `slack` returns both; the
accountant adds them. Coordinates that the person does not touch have the same law on both sides, whatever it is.

*What is assumed.* AES-128 in counter mode is indistinguishable from uniform words. Each draw is keyed afresh from
the operating system and the key is dropped, so no stream is ever used twice, in forks and threads as well.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from randomgen import AESCounter
from scipy.stats import norm

from tactful.errors import UsageError
from tactful.privacy.events import SamplerSlack
from tactful.privacy.statistics import Noise

_T = 11.0  # standard deviations that the sampler reaches
_COUNTED = 10.99  # standard deviations beyond which an outcome counts as tail
_CELLS = 1 << 13
_ARITHMETIC = 2e-13
_SMALLEST, _LARGEST = float(1 << 13), float(1 << 50)  # σ for which the argument above holds and int64 cannot overflow
_BLOCK = 1 << 16  # draws at a time: the working set stays in the cache


class NoiseSource(Protocol):
    """Where noise comes from."""

    @property
    def kind(self) -> Noise:
        """Whether the noise can be drawn again."""

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        """`size` independent rounded Gaussians of standard deviation `sigma`."""


class SystemNoise:
    """Noise that nobody can draw again: each call is keyed by the operating system."""

    @property
    def kind(self) -> Noise:
        """``system``."""
        return "system"

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        """`size` independent rounded Gaussians of standard deviation `sigma`, under a fresh key."""
        return _draw(AESCounter(key=secrets.randbits(128)), sigma, size)


class SeededNoise:
    """Noise that can be drawn again, for tests and public data; what it makes is marked and can never be approved.

    Parameters
    ----------
    seed : int
        Successive draws use keys derived from the seed and a counter.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._draws = seed, 0

    @property
    def kind(self) -> Noise:
        """``reproducible``."""
        return "reproducible"

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        """The next `size` rounded Gaussians of this seed."""
        self._draws += 1
        digest = hashlib.sha256(f"tactful noise {self._seed} {self._draws}".encode()).digest()
        return _draw(AESCounter(key=int.from_bytes(digest[:16], "big")), sigma, size)


def slack(sigma: float, coordinates: int) -> SamplerSlack:
    """How far the sampler is from the ideal for one person, as an addition to ε and a tail mass.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in integer units.
    coordinates : int
        How many entries of the released vector one person can touch.
    """
    _check(sigma)
    eta = max(1 / 8, _T * _T / 24) / sigma**2 + _ARITHMETIC
    return SamplerSlack(epsilon=2 * coordinates * eta, tail=2 * coordinates * float(norm.sf(_COUNTED)))


class _Table(NamedTuple):
    """The alias table of the cells; thresholds in two 64-bit halves."""

    width_bits: int
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    alias: NDArray[np.int64]


def _draw(bits: AESCounter, sigma: float, size: int) -> NDArray[np.int64]:
    """`size` draws from the words of `bits`."""
    _check(sigma)
    table = _table(sigma)
    out = np.empty(size, dtype=np.int64)
    done = 0
    while done < size:
        accepted = _block(bits, table, sigma, min(_BLOCK, (size - done) + (size - done) // 16 + 16))
        take = min(len(accepted), size - done)
        out[done : done + take] = accepted[:take]
        done += take
    return out


def _block(bits: AESCounter, table: _Table, sigma: float, count: int) -> NDArray[np.int64]:
    """The accepted ones of `count` proposals."""
    place, high, uniform = bits.random_raw(3 * count).reshape(3, count)
    cell = (place & np.uint64(_CELLS - 1)).astype(np.int64)
    stay = high < table.high[cell]
    tied = np.flatnonzero(high == table.high[cell])
    if len(tied):
        stay[tied] = bits.random_raw(len(tied)) < table.low[cell[tied]]
    cell = np.where(stay, cell, table.alias[cell]) - _CELLS // 2
    width = 1 << table.width_bits
    offset = (place >> np.uint64(64 - table.width_bits)).astype(np.int64)
    proposal = (cell << table.width_bits) + offset
    nearest = np.where(cell >= 0, cell << table.width_bits, (cell << table.width_bits) + (width - 1))
    excess = (proposal - nearest).astype(np.float64) * (proposal + nearest).astype(np.float64) / (2 * sigma * sigma)
    accept = (uniform >> np.uint64(11)).astype(np.float64) * 2.0**-53 < np.exp(-excess)
    kept: NDArray[np.int64] = proposal[accept]
    return kept


@lru_cache(maxsize=32)
def _table(sigma: float) -> _Table:
    """The alias table for `sigma` (Vose 1991, on exact integers)."""
    width_bits = max(0, math.ceil(math.log2(2 * _T * sigma / _CELLS)))
    cells = np.arange(_CELLS) - _CELLS // 2
    nearest = np.where(cells >= 0, cells, -cells - 1).astype(np.float64) * 2.0**width_bits + (cells < 0)
    weights = np.where(nearest <= _T * sigma, np.exp(-((nearest / sigma) ** 2) / 2), 0.0)
    thresholds, alias = _alias([int(w * 2.0**192) for w in weights])  # whole numbers: no weight loses a bit
    mask = (1 << 64) - 1
    return _Table(
        width_bits=width_bits,
        high=np.array([t >> 64 for t in thresholds], dtype=np.uint64),
        low=np.array([t & mask for t in thresholds], dtype=np.uint64),
        alias=np.array(alias, dtype=np.int64),
    )


def _alias(weights: list[int]) -> tuple[list[int], list[int]]:
    """Thresholds in units of 2⁻¹²⁸ and aliases, so that each cell is drawn in proportion to its weight."""
    full, count, total = 1 << 128, len(weights), sum(weights)
    parts = [w * count * full // total for w in weights]
    parts[count // 2] += count * full - sum(parts)  # what the divisions cut off, to the heaviest cell
    thresholds, alias = [full - 1] * count, list(range(count))
    small = [i for i, p in enumerate(parts) if p < full]
    large = [i for i, p in enumerate(parts) if p >= full]
    while small and large:
        lean, rich = small.pop(), large[-1]
        thresholds[lean], alias[lean] = parts[lean], rich
        parts[rich] -= full - parts[lean]
        if parts[rich] < full:
            small.append(large.pop())
    return thresholds, alias


def _check(sigma: float) -> None:
    """Raise `UsageError` unless the sampler's bound holds for `sigma`."""
    if not _SMALLEST <= sigma <= _LARGEST:
        raise UsageError(
            f"the noise must lie between {_SMALLEST:g} and {_LARGEST:g} integer units",
            given=f"{sigma:g} was asked for",
            do="Choose an epsilon nearer to 1",
            sigma=sigma,
        )
