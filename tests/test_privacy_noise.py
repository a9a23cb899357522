"""The noise is the rounded Gaussian that the proof speaks of: its scale, its shape, its tails, its keys, its slack."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from privacy_evidence import SIGMA, draws_are_independent, nobody_can_draw_it_again, scale_is, uncorrelated
from privacy_worlds import CERTAIN
from tactful.errors import UsageError
from tactful.privacy import noise
from tactful.privacy.noise import NoiseSource, SeededNoise, SystemNoise, slack

SMALLEST = 8192.0
Cells = Callable[[NDArray[np.int64]], NDArray[np.int64]]


@pytest.mark.parametrize("sigma", [SMALLEST, SIGMA, 1e9, 2.0**50])
def test_the_scale_is_the_stated_one(sigma: float, record_property: Callable[[str, object], None]) -> None:
    """At n = 100,000 σ itself is accepted, and 10% more and 10% less are both rejected."""
    draws = SystemNoise().draw(sigma, 100_000)
    scale_is(draws, sigma)
    for wrong in (0.9, 1.1):
        with pytest.raises(AssertionError, match="another scale"):
            scale_is(draws, sigma * wrong)
    spread = math.sqrt(float(np.mean((draws / sigma) ** 2)))
    record_property("evidence", f"100,000 draws at sigma {sigma:.4g}: {spread:.4f} of it; 0.9 and 1.1 rejected")


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


def size_class(k: NDArray[np.int64]) -> NDArray[np.int64]:
    """Eight classes of absolute size."""
    return np.minimum(np.abs(k) // (int(SMALLEST) // 4), 7)


def independent(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
    """The p-value of the table of counts against the product of its margins."""
    table = np.bincount(rows * 64 + columns, minlength=64 * int(rows.max() + 1)).reshape(-1, 64)
    return float(stats.chi2_contingency(table[:, table.any(axis=0)]).pvalue)


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
def test_the_tails_are_there(record_property: Callable[[str, object], None]) -> None:
    """Of 3·10⁸ draws as many lie beyond 1 … 5.5 σ on either side as should; with σ 2% off each count to 4 σ is caught.

    Beyond 6 σ three are expected in 10⁹, so counting says nothing there: `test_privacy_noise_law.py` goes on, by a
    sampler that is made to look at far cells only.
    """
    marks, rounds, size = (1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5), 30, 10_000_000
    beyond = np.zeros((2, len(marks)), dtype=np.int64)
    for _ in range(rounds):
        draws = SystemNoise().draw(SIGMA, size)
        for side, signed in enumerate((draws, -draws)):
            outer = signed
            for place, t in enumerate(marks):
                outer = outer[outer > t * SIGMA]
                beyond[side, place] += len(outer)
    wanted = stats.norm.sf(marks)
    assert fits(beyond, rounds * size, wanted).min() > CERTAIN
    assert fits(beyond[:, :4], rounds * size, stats.norm.sf(np.array(marks[:4]) * 1.02)).max() < CERTAIN
    told = ", ".join(
        f"{t:g}: {n / (2 * rounds * size * p):.3f}" for t, n, p in zip(marks, beyond.sum(0), wanted, strict=True)
    )
    record_property("evidence", f"of 3e8 draws, found over expected beyond t sigma: {told}")


def fits(found: NDArray[np.int64], of: int, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two-sided p-value of each count."""
    return 2 * np.minimum(stats.binom.cdf(found, of, chance), stats.binom.sf(found - 1, of, chance))


def test_successive_draws_and_calls_are_independent() -> None:
    draws_are_independent(SystemNoise())
    draws_are_independent(SeededNoise(3))


@pytest.mark.parametrize(
    ("of_one", "of_next"),
    [
        pytest.param(lambda k: (k < 0) * 1, lambda k: (k < 0) * 1, id="sign, sign of the next"),
        pytest.param(lambda k: k & 7, lambda k: k & 7, id="low bits, low bits of the next"),
        pytest.param(size_class, lambda k: k & 7, id="size, low bits of the next"),
        pytest.param(size_class, size_class, id="size, size of the next"),
    ],
)
@pytest.mark.parametrize("apart", [1, 2, noise._BLOCK])
def test_parts_of_neighbouring_draws_are_independent(
    many: NDArray[np.int64], of_one: Cells, of_next: Cells, apart: int
) -> None:
    """Sign, size and low bits of one say nothing about those of the next, nor of the same place a block later."""
    assert independent(of_one(many[:-apart]), of_next(many[apart:])) > CERTAIN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(lambda k: (k < 0) * 1, lambda k: np.abs(k + (k < 0)) >> 9, id="sign and size"),
        pytest.param(lambda k: (k < 0) * 1, lambda k: (k ^ (k >> 63)) & 31, id="sign and low bits"),
        pytest.param(lambda k: size_class(k), lambda k: (k ^ (k >> 63)) & 7, id="size and low bits"),
    ],
)
def test_parts_of_one_draw_are_independent(many: NDArray[np.int64], one: Cells, other: Cells) -> None:
    """Within a draw too, up to the slope of the density over eight integers, which is far below what 2·10⁶ can show."""
    rows, columns = one(many), np.clip(other(many), 0, 31)
    assert independent(rows, columns) > CERTAIN


def test_dependence_would_be_seen(many: NDArray[np.int64]) -> None:
    """One draw in fifty that repeats the low bits of the one before is enough."""
    low = many & 7
    low[1::50] = low[:-1:50]
    assert independent(low[:-1], low[1:]) < CERTAIN


def test_calls_of_all_sizes_are_independent() -> None:
    """The first draw of calls of 1, 2, … values says nothing about the last, nor about the call before."""
    source = SystemNoise()
    calls = [source.draw(SIGMA, 2 + n % 5).astype(float) for n in range(4_000)]
    first, last = np.array([c[0] for c in calls]), np.array([c[-1] for c in calls])
    for one, two in ((first, last), (first[1:], first[:-1]), (first[1:], last[:-1])):
        uncorrelated(one, two)
        uncorrelated(np.abs(one), np.abs(two))
    scale_is(first, SIGMA)
    scale_is(last, SIGMA)


def test_nobody_can_draw_system_noise_again() -> None:
    """Not the next call, not another source, not the parent of a forked process."""
    nobody_can_draw_it_again(SystemNoise)


def test_each_call_takes_one_key_of_128_bits_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """And from that key alone: the same key gives the same draws, so nothing else feeds the stream."""
    asked: list[int] = []
    monkeypatch.setattr(noise.secrets, "token_bytes", lambda count: asked.append(count) or bytes(range(16)))
    source = SystemNoise()
    assert np.array_equal(source.draw(SIGMA, 100), source.draw(SIGMA, 100))
    assert asked == [16, 16]


@pytest.mark.parametrize("source", [SystemNoise(), SeededNoise(4)])
def test_no_key_and_no_stream_outlives_a_draw(source: NoiseSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream of a draw is gone when the draw returns, and also when it fails halfway."""
    made: list[weakref.ref[noise._Keystream]] = []

    class Watched(noise._Keystream):
        def __init__(self, key: bytes) -> None:
            super().__init__(key)
            made.append(weakref.ref(self))

    monkeypatch.setattr(noise, "_Keystream", Watched)
    source.draw(SIGMA, 40_000)
    with pytest.raises(ValueError, match="negative dimensions"):
        source.draw(SIGMA, -1)
    with pytest.raises(UsageError):
        source.draw(1.0, 1)
    assert [stream() for stream in made] == [None] * 3
    assert not [kept for kept in gc.get_objects() if isinstance(kept, noise._Keystream)]
    assert set(getattr(source, "__dict__", {})) <= {"_seed", "_draws"}  # a seed is no secret: it marks what it makes


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


@pytest.mark.parametrize("size", [0, 1, noise._BLOCK - 1, noise._BLOCK, noise._BLOCK + 1, 100_001])
def test_as_many_as_were_asked_for(size: int) -> None:
    assert SystemNoise().draw(SIGMA, size).shape == (size,)
