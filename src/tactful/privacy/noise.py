"""Gaussian noise on the integers, from keyed AES, with a bound on how far the sampler is from the ideal.

Notes
-----
*What is ideal.* Statistics here are integers q. Adding a continuous Gaussian Z and rounding is post-processing of the
Gaussian mechanism, and round(q + Z) = q + round(Z) because q is an integer. So adding the rounded Gaussian round(Z) has
the guarantee of the Gaussian mechanism exactly, and its output lies on the integers: there are no floating-point holes
to tell neighbours apart by (Mironov 2012).

*What is drawn.* Every integer k with |k| ≤ Tσ with probability proportional to exp(−k²/2σ²), T = 11, in two steps that
lose nothing to floating point where it matters: a cell of W = 2^w neighbouring integers from an alias table whose
thresholds are 128-bit integers, then an integer of the cell, uniform, kept with probability exp(−(k² − k₀²)/2σ²) where
k₀ is the cell's integer nearest to 0; if it is not kept, both steps are done again. A proposal takes two words of 64
bits. The first holds the slot of the table (13 bits) and the upper 51 bits of the number that is compared with the
threshold; the lower 77 are drawn only where those tie. The second holds the place in the cell (w bits) and the upper
bits of the uniform number that decides whether the proposal is kept. By exp(−x) ≥ 1 − x most are kept whatever the
lower bits are; only for the others, fewer than one in a hundred, the lower bits are drawn and the exponential is taken.
`_sure` stays clear of the edge by more than all roundings around it, so the short cut changes no decision.

*How far apart they are.* Let p(k) = P(round(Z) = k). With x = |k|/2σ²,
p(k)·σ·√(2π)/exp(−k²/2σ²) = ∫ exp(−kt/σ² − t²/2σ²) dt over |t| ≤ ½, which lies between exp(−1/8σ²) and sinh(x)/x
≤ exp(x²/6). For |k| ≤ Tσ the log-ratio is therefore at most max(1/8, T²/24)/σ² in either direction. Arithmetic adds:
the table's weights carry fifty digits, thresholds are cut at 2⁻¹²⁸ (relative 7·10⁻¹⁴ in the last cell, to which
exp(−T²/2)·8192 W/(√(2π)σ) > 4·10⁻²⁶ of a slot is due), the acceptance test compares a 53-bit uniform with a Padé
approximant at x ≤ 0.06 (its error x⁹/25,401,600, four roundings and the last bit: 10⁻¹⁵), and the normalisation moves
by the tail beyond T (4·10⁻²⁸). `_ARITHMETIC` = 10⁻¹³ covers the sum; a test compares with 45 digits.

*What that costs.* η bounds the log-ratio for each coordinate. On outcomes with |noise| < tσ + ½ in all of the c
coordinates that one person can touch, t = 10.99, probabilities of the real and the ideal mechanism differ by at most a
factor exp(cη), on both of the neighbouring worlds: 2cη is added to ε (and δ grows by the factor exp(cη)). The other
outcomes have mass at most 2cΦ(−t), since |round(Z)| ≥ tσ + ½ takes |Z| ≥ tσ: that mass times (1 + e^ε) is added to δ.
(t lies below T so that neither the last cell's end nor the rounding of Tσ needs an argument.) `slack` returns both; the
accountant adds them. Coordinates that the person does not touch have the same law on both sides, whatever it is.

*Why int64 cannot overflow.* σ ≤ 2⁵⁰ makes W ≤ 2⁴², and the table has 4,096 cells on either side of 0: whatever the
random words are, −2⁵⁴ ≤ noise < 2⁵⁴. What fewer than 2³² people add to one entry, 2³⁰ each at most, is below 2⁶².

*What is assumed.* AES-128 in counter mode is indistinguishable from uniform words (that the n blocks of a draw are all
different gives away n²/2¹²⁹). Each draw is keyed afresh from the operating system and its key and stream are dropped
when it returns, so no stream is ever used twice, in forks and threads as well.

*What repeats.* A seeded stream is the same on every little-endian machine: cipher, integers, decimals, and sums,
products and quotients of float64, which IEEE 754 rounds alike, make it; no library's exponential does.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from tactful.errors import UsageError
from tactful.privacy.events import SamplerSlack
from tactful.privacy.statistics import Noise

_T = 11.0  # standard deviations that the sampler reaches
_COUNTED = 10.99  # standard deviations beyond which an outcome counts as tail
_CELL_BITS = 13
_CELLS = 1 << _CELL_BITS
_LATER_BITS = 128 - (64 - _CELL_BITS)  # of a threshold: those that the first word does not decide
_ARITHMETIC = 1e-13
_SMALLEST, _LARGEST = float(1 << 13), float(1 << 50)  # σ for which the argument above holds and int64 cannot overflow
_BLOCK = 1 << 16  # draws at a time: what numpy spends on a call is spread, and the arrays still fit the cache
_NOTHING = memoryview(bytes(16 * _BLOCK))  # what is encrypted: zeros, so that the stream itself comes out


_Words: TypeAlias = NDArray[np.uint64]


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
        return _draw(_Keystream(secrets.token_bytes(16)), sigma, size)


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
        return _draw(_Keystream(digest[:16]), sigma, size)


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
    return SamplerSlack(epsilon=2 * coordinates * eta, tail=coordinates * math.erfc(_COUNTED / math.sqrt(2)))


class _Keystream:
    """AES-128 in counter mode, from counter 0, under a key that no other stream has; as words of 64 bits."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def fill(self, words: _Words) -> _Words:
        """The next words, in the place of `words`: as many as were written, so that none is left as it was."""
        return words[: self._cipher.update_into(_NOTHING[: 8 * len(words)], words.data.cast("B")) // 8]


class _Table(NamedTuple):
    """The alias table of the cells for one σ; the slot of a cell is drawn first, then the cell or its alias.

    Attributes
    ----------
    sigma : float
    thresholds : tuple of int
        In units of 2⁻¹²⁸: a number below it stays in the slot's own cell, any other goes to its alias.
    alias : tuple of int
    limit : uint64 array of shape (8192,)
        The first 51 bits of the threshold, then the slot's own 13 bits: how a first word looks that ties with it.
    starts : int64 array of shape (16384,)
        The lowest integer of each slot's own cell, then of each slot's alias.
    sure : uint64 array of shape (16384,)
        A second word below it keeps its proposal, wherever in that cell.
    inside : int
        W − 1, which masks the place in the cell.
    """

    sigma: float
    thresholds: tuple[int, ...]
    alias: tuple[int, ...]
    limit: _Words
    starts: NDArray[np.int64]
    sure: _Words
    inside: int


def _draw(stream: _Keystream, sigma: float, size: int) -> NDArray[np.int64]:
    """`size` draws from the words of `stream`."""
    _check(sigma)
    table, out = _table(sigma), np.empty(size, dtype=np.int64)
    scratch = np.empty(4 * min(size, _BLOCK), dtype=np.uint64)  # once: blocks that allocate cost page faults
    for start in range(0, size, _BLOCK):
        block = out[start : start + _BLOCK]
        rejected = _propose(stream, table, block, scratch)
        while len(rejected):
            again = np.empty(len(rejected), dtype=np.int64)
            refused = _propose(stream, table, again, scratch)
            block[rejected] = again
            rejected = rejected[refused]
    return out


def _propose(stream: _Keystream, table: _Table, out: NDArray[np.int64], scratch: _Words) -> NDArray[np.intp]:
    """Fills `out` with proposals and returns the places of those that are rejected; `scratch` is four times as long."""
    first, second = stream.fill(scratch[: 2 * len(out)]).reshape(2, len(out))
    spare, slot = scratch[2 * len(out) : 4 * len(out)].reshape(2, len(out))
    cell = np.bitwise_and(first, _CELLS - 1, out=slot).view(np.int64)  # the slot's own, until it is left
    limit = table.limit.take(cell, out=spare, mode="clip")
    leaves = first > limit
    for tied in (first == limit).nonzero()[0]:
        high, low = stream.fill(np.empty(2, dtype=np.uint64)).tolist()
        leaves[tied] = (high << 64 | low) >> (128 - _LATER_BITS) >= table.thresholds[cell[tied]] % (1 << _LATER_BITS)
    np.copyto(spare, leaves)
    slot |= np.left_shift(spare, _CELL_BITS, out=spare)
    table.starts.take(cell, out=out, mode="clip")
    doubtful: NDArray[np.intp] = (second >= table.sure.take(cell, out=spare, mode="clip")).nonzero()[0]
    out += np.bitwise_and(second, table.inside, out=spare).view(np.int64)
    return doubtful[~_kept(stream, table, out[doubtful], second[doubtful])] if len(doubtful) else doubtful


def _kept(stream: _Keystream, table: _Table, proposal: NDArray[np.int64], second: _Words) -> NDArray[np.bool_]:
    """Whether each proposal is kept, by all bits of its uniform number: those of its second word, then fresh ones."""
    place = second & table.inside
    start = proposal - place.view(np.int64)
    nearest = np.where(start >= 0, start, start + table.inside)
    excess = (proposal - nearest).astype(np.float64) * (proposal + nearest).astype(np.float64)
    excess /= 2 * table.sigma * table.sigma
    square = excess * excess
    even, odd = 1 + square * (3 / 28 + square / 1680), excess * (1 / 2 + square / 84)
    keeps = (even - odd) / (even + odd)  # exp(−excess), Padé's approximant of degree 4
    uniform = (second - place) | (stream.fill(np.empty_like(second)) & table.inside)
    found: NDArray[np.bool_] = (uniform >> 11).astype(np.float64) * 2.0**-53 < keeps
    return found


@lru_cache(maxsize=32)
def _table(sigma: float) -> _Table:
    """The alias table for `sigma` (Vose 1991, on exact integers)."""
    width_bits = math.frexp(2 * _T * sigma / _CELLS)[1]  # 2Tσ ≤ 8192 W < 4Tσ
    width = 1 << width_bits
    (thresholds, alias), slots = _alias(_weights(sigma, width)), np.arange(_CELLS)
    decided_first = np.array([t >> _LATER_BITS for t in thresholds], dtype=np.uint64)
    starts = (np.concatenate([slots, alias]) - _CELLS // 2) << width_bits
    return _Table(
        sigma=sigma,
        thresholds=tuple(thresholds),
        alias=tuple(alias),
        limit=decided_first << np.uint64(_CELL_BITS) | slots.astype(np.uint64),
        starts=starts,
        sure=_sure(starts, sigma, width),
        inside=width - 1,
    )


def _sure(starts: NDArray[np.int64], sigma: float, width: int) -> _Words:
    """1 − x in units of 2⁻⁶⁴, where x is above (k² − k₀²)/2σ² everywhere in a cell, by 2⁻⁵⁰ at least."""
    nearest = np.where(starts >= 0, starts, -starts - width)  # k₀, or one less in the cells below 0
    above = width * (2.0 * nearest + width + 1) / (2 * sigma * sigma) + 2.0**-50
    return ((1 - above) * 2.0**64).astype(np.uint64) & ~np.uint64(width - 1)


def _weights(sigma: float, width: int) -> list[int]:
    """exp(−k²/2σ²) in units of 10⁻⁸⁰ for the integer k of each cell that is nearest to 0; nothing beyond Tσ."""
    with localcontext(Context(prec=60)):
        below, above = (list(_falling(Decimal(sigma), first, width)) for first in (1, 0))
    return below[::-1] + above


def _falling(sigma: Decimal, first: int, width: int) -> Iterator[int]:
    """The weights of half of the cells, outward: for k = first, first + W and so on."""
    weight = (-((first / sigma) ** 2) / 2).exp()
    ratio = (-(2 * first + width) * width / (2 * sigma**2)).exp()
    bend = (-((width / sigma) ** 2)).exp()
    reach = Decimal(_T) * sigma
    for k in range(first, first + width * _CELLS // 2, width):
        yield int(weight.scaleb(80)) if k <= reach else 0
        weight, ratio = weight * ratio, ratio * bend


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
