"""The noise is the rounded Gaussian that the proof speaks of: its scale, its shape, its tails, its keys, its slack."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from privacy_evidence import SIGMA, draws_are_independent, nobody_can_draw_it_again, scale_is
from privacy_worlds import CERTAIN
from tactful.errors import UsageError
from tactful.privacy import noise
from tactful.privacy.noise import SeededNoise, SystemNoise, slack

SMALLEST = 8192.0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
Cells = Callable[[NDArray[np.int64]], NDArray[np.int64]]


@pytest.mark.parametrize("sigma", [SMALLEST, SIGMA, 1e9, 2.0**50])
def test_the_scale_is_the_stated_one(sigma: float) -> None:
    """At n = 100,000 σ itself is accepted, and 10 % more and 10 % less are both rejected."""
    draws = SystemNoise().draw(sigma, 100_000)
    scale_is(draws, sigma)
    for wrong in (0.9, 1.1):
        with pytest.raises(AssertionError, match="another scale"):
            scale_is(draws, sigma * wrong)


def chi2_fits(draws: NDArray[np.int64], sigma: float, cell_of: Cells) -> float:
    """The p-value of the draws, sorted into cells, against the exact rounded Gaussian."""
    reach = np.arange(-int(9 * sigma), int(9 * sigma) + 1)
    edges = (np.arange(reach[0], reach[-1] + 2) - 0.5) / sigma
    chance = np.diff(stats.norm.cdf(-np.abs(edges)) * np.where(edges < 0, 1, -1))
    chance[len(chance) // 2] += 1  # the one cell over which Φ was mirrored
    cells = cell_of(reach)
    wanted = np.bincount(cells, weights=chance) * len(draws)
    found = np.bincount(cell_of(draws), minlength=len(wanted))
    assert wanted.min() > 20
    return float(stats.chisquare(found, wanted * found.sum() / wanted.sum()).pvalue)


@pytest.fixture(scope="module")
def many() -> NDArray[np.int64]:
    return SystemNoise().draw(SMALLEST, 2_000_000)


def coarse(k: NDArray[np.int64]) -> NDArray[np.int64]:
    """351 cells of σ/50; what lies beyond ±3.5σ in the outermost."""
    return np.clip(np.floor(k / (SMALLEST / 50)).astype(np.int64), -175, 175) + 175


@pytest.mark.parametrize(
    "cell_of",
    [
        pytest.param(coarse, id="cells of a fiftieth of sigma"),
        pytest.param(lambda k: k & 31, id="the lowest five bits"),
        pytest.param(lambda k: (k & 31) + 32 * np.clip((k >> 5) + 64, 0, 128), id="single integers around zero"),
        pytest.param(lambda k: (np.abs(k) > SMALLEST) * 64 + (k < 0) * 32 + (k & 31), id="low bits by sign and size"),
    ],
)
def test_every_integer_has_its_probability(many: NDArray[np.int64], cell_of: Cells) -> None:
    """Coarse shape and low bits are those of a rounded Gaussian; one with another σ or only even values is caught."""
    assert chi2_fits(many, SMALLEST, cell_of) > CERTAIN
    assert min(chi2_fits(many & ~1, SMALLEST, cell_of), chi2_fits(many * 101 // 100, SMALLEST, cell_of)) < CERTAIN


def test_there_are_no_floating_point_holes() -> None:
    """Draws are int64, also where float64 could not hold every integer, and odd ones are as frequent as even ones."""
    draws = SystemNoise().draw(2.0**50, 20_000)
    assert draws.dtype == np.int64
    assert stats.binomtest(int((draws & 1).sum()), 20_000).pvalue > CERTAIN
    assert np.abs(draws).max() > 2**51


@pytest.mark.prove
def test_the_tails_are_there() -> None:
    """Of 10⁷ draws as many lie beyond 1 … 5 σ on either side as should."""
    draws = SystemNoise().draw(SIGMA, 10_000_000)
    for t in (1, 2, 3, 4, 5):
        for side in (draws, -draws):
            beyond = int((side > t * SIGMA).sum())
            assert stats.binomtest(beyond, len(draws), stats.norm.sf(t)).pvalue > CERTAIN


def test_successive_draws_and_calls_are_independent() -> None:
    draws_are_independent(SystemNoise())
    draws_are_independent(SeededNoise(3))


def test_nobody_can_draw_system_noise_again() -> None:
    """Not the next call, not another source, not the parent of a forked process."""
    nobody_can_draw_it_again(SystemNoise)


def test_each_call_takes_one_key_of_128_bits_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """And from that key alone: the same key gives the same draws, so nothing else feeds the stream."""
    asked: list[int] = []
    monkeypatch.setattr(noise.secrets, "randbits", lambda bits: asked.append(bits) or 17)
    source = SystemNoise()
    assert np.array_equal(source.draw(SIGMA, 100), source.draw(SIGMA, 100))
    assert asked == [128, 128]


def test_seeded_noise_repeats_and_says_so() -> None:
    """The same seed gives the same sequence of draws, every draw differs, other seeds differ, and it is marked."""
    one, two = SeededNoise(5), SeededNoise(5)
    first, second = one.draw(SIGMA, 50), one.draw(SIGMA, 50)
    assert np.array_equal(first, two.draw(SIGMA, 50))
    assert np.array_equal(second, two.draw(SIGMA, 50))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, SeededNoise(6).draw(SIGMA, 50))
    assert one.kind == "reproducible"


@pytest.mark.parametrize("sigma", [0.0, -1.0, 8191.0, 2.0**50 * 1.01, math.inf, math.nan])
def test_sigma_outside_the_argument_is_refused(sigma: float) -> None:
    """Where the bound was not proved nothing is drawn and nothing is priced."""
    with pytest.raises(UsageError, match="noise must lie between"):
        SystemNoise().draw(sigma, 1)
    with pytest.raises(UsageError, match="noise must lie between"):
        slack(sigma, 1)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_001])
def test_as_many_as_were_asked_for(size: int) -> None:
    assert SystemNoise().draw(SIGMA, size).shape == (size,)


class Table:
    """The probabilities that the alias table really gives, as whole numbers, and the sampler's law from them."""

    def __init__(self, sigma: float) -> None:
        self.table, self.sigma = noise._table(sigma), mpmath.mpf(sigma)
        cells, full = len(self.table.alias), 1 << 128
        self.weights = [0] * cells
        halves = zip(self.table.high.tolist(), self.table.low.tolist(), self.table.alias.tolist(), strict=True)
        for cell, (high, low, alias) in enumerate(halves):
            threshold = (high << 64) | low
            self.weights[cell] += threshold
            self.weights[alias] += full - threshold
        self.sum_is_exact = sum(self.weights) == cells * full
        self.width = 1 << self.table.width_bits
        self.total = math.fsum(w * self._kept(cell) for cell, w in enumerate(self.weights) if w)

    def probability(self, k: int) -> mpmath.mpf:
        """Of drawing k: its cell, uniform in it, kept with exp(−(k² − k₀²)/2σ²), all over the share that is kept."""
        cell = (k >> self.table.width_bits) + len(self.weights) // 2
        return self.weights[cell] * mpmath.exp((self._nearest(cell) ** 2 - k**2) / (2 * self.sigma**2)) / self.total

    def _nearest(self, cell: int) -> int:
        """The size of the cell's integer nearest to 0."""
        place = cell - len(self.weights) // 2
        return place * self.width if place >= 0 else (-place - 1) * self.width + 1

    def _kept(self, cell: int) -> float:
        """Σ exp(−(k² − k₀²)/2σ²) over a cell, by Euler and Maclaurin and Gauss and Legendre, to fifteen digits."""
        start, scale = float(self._nearest(cell)), 2 * float(self.sigma) ** 2
        steps = (self.width * (NODES + 1) - 1) / 2
        inside = self.width / 2 * math.fsum(WEIGHTS * np.exp(-steps * (2 * start + steps) / scale))
        first, last = -0.5, self.width - 0.5
        slopes = [-2 * (start + t) / scale * math.exp(-t * (2 * start + t) / scale) for t in (first, last)]
        return inside - (slopes[1] - slopes[0]) / 24


def rounded_gaussian(k: int, sigma: mpmath.mpf) -> mpmath.mpf:
    """P(round(Z) = k)."""
    root = sigma * mpmath.sqrt(2)
    if k == 0:
        return mpmath.erf(1 / (2 * root))
    half = mpmath.mpf(1) / 2
    return (mpmath.erfc((abs(k) - half) / root) - mpmath.erfc((abs(k) + half) / root)) / 2


@pytest.fixture
def precise() -> Iterator[None]:
    with mpmath.workdps(45):
        yield


def places(sigma: float) -> list[int]:
    """Integers of either sign: around zero, at cell ends, and up to the last that is not counted as tail."""
    width = 1 << noise._table(sigma).width_bits
    last = math.floor(noise._COUNTED * sigma + 0.5)
    ends = [width * c + d for c in (1, 40, 700, 1900) for d in (-1, 0)]
    grid = [int(x * sigma) for x in np.linspace(0, 10.99, 60)] + [int(x * sigma) for x in np.linspace(10.9, 10.99, 40)]
    found = {k for k in [0, 1, 2, *ends, *grid, last - 1, last] if k <= last}
    return sorted(found | {-k for k in found})


@pytest.mark.usefixtures("precise")
@pytest.mark.parametrize("sigma", [SMALLEST, 4_508_876.8, 2.0**30 / 3, 2.0**50])
def test_the_sampler_is_as_near_to_the_ideal_as_the_slack_says(sigma: float) -> None:
    """At 45 digits no log-ratio of the sampler's law to the rounded Gaussian exceeds η, at the extremes either."""
    table = Table(sigma)
    eta = slack(sigma, 1).epsilon / 2
    assert table.sum_is_exact
    ratios = [abs(mpmath.log(table.probability(k) / rounded_gaussian(k, table.sigma))) for k in places(sigma)]
    assert max(ratios) <= eta
    assert max(ratios) > 0.1 * eta or sigma > 1e8  # the bound is of the right size, not merely large


@pytest.mark.usefixtures("precise")
def test_weights_cut_to_128_bits_would_break_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees five parts in 10¹³ in the last cell, which η does not cover: an earlier sampler had that."""
    whole = noise._alias
    monkeypatch.setattr(noise, "_alias", lambda weights: whole([w >> 64 for w in weights]))
    monkeypatch.setattr(noise, "_table", noise._table.__wrapped__)
    table = Table(4_508_876.8)
    ratios = [abs(mpmath.log(table.probability(k) / rounded_gaussian(k, table.sigma))) for k in places(4_508_876.8)]
    assert max(ratios) > slack(4_508_876.8, 1).epsilon / 2


@pytest.mark.usefixtures("precise")
def test_slack_counts_coordinates_and_the_tail() -> None:
    """2cη and at least the mass beyond the range, whichever of c coordinates leaves it."""
    for coordinates in (1, 200, 20_100):
        told = slack(SIGMA, coordinates)
        assert told.epsilon == pytest.approx(coordinates * slack(SIGMA, 1).epsilon)
        beyond = coordinates * mpmath.erfc((mpmath.mpf(noise._COUNTED)) / mpmath.sqrt(2))
        assert told.tail == pytest.approx(float(beyond), rel=1e-9)


class Script:
    """Random words that a test has written."""

    def __init__(self, *words: int) -> None:
        self._words = list(words)

    def random_raw(self, count: int) -> NDArray[np.uint64]:
        taken, self._words = self._words[:count], self._words[count:]
        return np.array(taken, dtype=np.uint64)


def proposed(place: int, high: int, uniform: int, *more: int) -> list[int]:
    """What one scripted proposal comes to: a draw, or none if it was rejected."""
    return noise._block(Script(place, high, uniform, *more), noise._table(SIGMA), SIGMA, 1).tolist()


def test_a_tie_of_the_first_64_bits_is_decided_by_the_next_64() -> None:
    """The threshold has 128 bits: below it the cell itself, from it on its alias."""
    table = noise._table(SIGMA)
    cell = next(c for c in range(3000, 4000) if table.low[c] > 0 and table.alias[c] != c)
    width, alias = 1 << table.width_bits, int(table.alias[cell])
    high, low = int(table.high[cell]), int(table.low[cell])

    def cell_of(*words: int) -> int:
        (drawn,) = proposed(cell, *words)
        return drawn // width + 4096

    assert cell_of(high - 1, 0) == cell
    assert cell_of(high + 1, 0) == alias
    assert cell_of(high, 0, low - 1) == cell
    assert cell_of(high, 0, low) == alias


@pytest.mark.usefixtures("precise")
@pytest.mark.parametrize("cell", [4096 + 2000, 4095 - 2000, 4096, 4095])
def test_a_proposal_is_kept_with_exactly_its_probability(cell: int) -> None:
    """The last uniform of 53 bits below exp(−(k² − k₀²)/2σ²) keeps it and the next but two rejects it."""
    table = noise._table(SIGMA)
    width = 1 << table.width_bits
    for offset in (0, 1, width // 2, width - 2, width - 1):
        place = (offset << (64 - table.width_bits)) | cell
        k = (cell - 4096) * width + offset
        nearest = min(abs((cell - 4096) * width), abs((cell - 4096) * width + width - 1))
        keeps = mpmath.exp((mpmath.mpf(nearest) ** 2 - mpmath.mpf(k) ** 2) / (2 * mpmath.mpf(SIGMA) ** 2))
        edge = int(mpmath.ceil(keeps * 2**53))
        assert proposed(place, 0, (edge - 3) << 11) == [k]
        assert edge >= 2**53 or proposed(place, 0, (edge + 2) << 11) == []
