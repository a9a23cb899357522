"""Intervals of means: the algebra, golden numbers, and coverage of sampling and noise together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.assurance import intervals
from tactful.assurance.intervals import (
    Estimate,
    Interval,
    critical_value,
    mean_estimate,
    mean_interval,
    overall_estimates,
)
from tactful.assurance.spread import LARGEST, Spread, spread
from tactful.benchmarks.coverage import benchmark_coverage
from tactful.benchmarks.spreads import KINDS
from tactful.errors import ConfigError
from tactful.privacy.sums import Cell, EvaluationSums, Measured

MeanInterval = Callable[[Measured, Measured], Interval]

Z = 1.959964
WORLDS = [  # people, σ of both released values, mean, share of people whose metric is 0 or 1
    (60, 1.0, 0.3, 1.0),
    (60, 6.0, 0.9, 1.0),
    (300, 8.0, 0.1, 1.0),
    (300, 8.0, 0.5, 0.0),
    (2000, 40.0, 0.02, 1.0),
]


def measured(value: float, sigma: float = 0.0) -> Measured:
    return Measured(value=value, sigma=sigma)


def honest(total: Measured, people: Measured) -> Interval:
    return mean_interval(total, people, z=Z)


def without_noise(total: Measured, people: Measured) -> Interval:
    """A broken interval: it forgets that the values carry noise."""
    return mean_interval(measured(total.value), measured(people.value), z=Z)


def without_sampling(total: Measured, people: Measured) -> Interval:
    """A broken interval: it takes the people measured for everybody there is."""
    mean, reach = total.value / people.value, Z * math.hypot(total.sigma, people.sigma) / people.value
    return Interval(low=mean - reach, high=mean + reach)


def coverage(interval: MeanInterval, world: tuple[int, float, float, float], *, draws: int, seed: int) -> float:
    """How often the interval holds the mean that people were drawn with."""
    people, sigma, mean, extreme = world
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(draws):
        soft = rng.beta(4 * mean, 4 * (1 - mean), people)
        hard = rng.random(people) < mean
        metric = np.where(rng.random(people) < extreme, hard, soft)
        noise = rng.normal(size=2) * sigma
        held += mean in interval(measured(metric.sum() + noise[0], sigma), measured(people + noise[1], sigma))
    return held / draws


def test_without_noise_it_is_wilsons_interval() -> None:
    """81 of 263 gives 0.2553 to 0.3662 (Newcombe 1998, Table I, method 3)."""
    found = mean_interval(measured(81), measured(263), z=Z)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


@given(
    total=st.floats(-50, 250),
    people=st.floats(20, 200),
    sigmas=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    bounds=st.sampled_from([(0.0, 1.0), (-0.5, 0.5), (0.0, 5.0)]),
)
def test_it_holds_exactly_the_means_that_are_not_surprising(
    total: float, people: float, sigmas: tuple[float, float], bounds: tuple[float, float]
) -> None:
    """Against the inequality itself, mean by mean; or it is the whole range."""
    low, high = bounds
    found = mean_interval(measured(total, sigmas[0]), measured(people, sigmas[1]), z=2.0, bounds=bounds)
    if found == Interval(low=low, high=high):
        return
    for mean in np.linspace(low, high, 41):
        slack = sigmas[0] ** 2 + mean**2 * sigmas[1] ** 2 + people * (mean - low) * (high - mean)
        excess = (total - mean * people) ** 2 - 4 * slack
        if abs(excess) > 1e-6 * (1 + total**2):
            assert (mean in found) == (excess < 0)


@pytest.mark.parametrize(
    ("total", "people"),
    [
        (measured(5, 1), measured(0, 1)),
        (measured(5, 1), measured(-20, 1)),
        (measured(5, 1), measured(15, 8)),
        (measured(math.nan, 1), measured(100, 1)),
        (measured(5, 1), measured(math.nan, 1)),
        (measured(5, math.inf), measured(100, 1)),
        (measured(500, 1), measured(100, 1)),
    ],
    ids=["nobody", "fewer than nobody", "people within noise", "no sum", "no count", "no scale", "contradiction"],
)
def test_what_settles_nothing_gives_the_whole_range(total: Measured, people: Measured) -> None:
    """No width is ever claimed from values that cannot carry it."""
    assert mean_interval(total, people, z=Z) == Interval(low=0.0, high=1.0)


@given(st.floats(0, 1), st.floats(30, 3000), st.floats(0.1, 8), st.floats(1.1, 4))
def test_more_noise_is_never_a_narrower_interval(mean: float, people: float, sigma: float, more: float) -> None:
    """Both ends move outwards as σ grows."""
    narrow = mean_interval(measured(mean * people, sigma), measured(people, sigma), z=Z)
    wide = mean_interval(measured(mean * people, more * sigma), measured(people, more * sigma), z=Z)
    assert wide.low <= narrow.low + 1e-9
    assert wide.high >= narrow.high - 1e-9


@pytest.mark.parametrize("world", WORLDS)
def test_it_covers_sampling_and_noise(world: tuple[int, float, float, float]) -> None:
    """The true mean is inside at least 95% of the time, less what 400 draws can be off by (four standard errors)."""
    assert coverage(honest, world, draws=400, seed=1) >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 400)


@pytest.mark.prove
@pytest.mark.parametrize("world", WORLDS)
def test_it_covers_in_a_thousand_worlds_of_each_kind(world: tuple[int, float, float, float]) -> None:
    """The same with 5,000 draws: within 1.3 points of 95% or above."""
    assert coverage(honest, world, draws=5000, seed=2) >= 0.95 - 0.013


@pytest.mark.parametrize("broken", [without_noise, without_sampling])
def test_a_broken_interval_does_not_cover(broken: MeanInterval) -> None:
    """The coverage test would notice an interval that leaves out the noise, or the sampling."""
    assert min(coverage(broken, world, draws=400, seed=1) for world in WORLDS) < 0.8


def test_the_estimate_stays_within_the_metrics_bounds() -> None:
    """Noise may take a mean below 0; what is shown is 0. Without people there is no estimate."""
    assert mean_estimate(measured(-3, 2), measured(50, 2), z=Z).value == 0.0
    assert mean_estimate(measured(-3, 2), measured(0, 2), z=Z).value is None


@given(st.floats(-60, 300), st.floats(5, 200), st.tuples(st.floats(0, 20), st.floats(0, 20)))
def test_the_estimate_lies_within_its_own_interval(total: float, people: float, sigmas: tuple[float, float]) -> None:
    """Also where noise took the bare mean out of the metric's range."""
    found = mean_estimate(measured(total, sigmas[0]), measured(people, sigmas[1]), z=2.0)
    assert found.value is not None
    assert found.value in found.interval


def test_intervals_that_hold_together_are_wider() -> None:
    """Bonferroni: 1.960 for one interval, 2.807 for ten."""
    assert critical_value(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert critical_value(0.95, comparisons=10) == pytest.approx(2.807034, abs=1e-6)
    with pytest.raises(ConfigError):
        critical_value(95)


class TestSpread:
    """What it does to an interval to know how far inside their range people's figures are."""

    def test_small_differences_give_a_narrow_interval(self) -> None:
        """With that known and many people, the width is the classical 2 z s/√n."""
        n, deviation = 4000, 0.05
        inside = measured((0.2**2 - 0.02**2 - deviation**2) * n)
        found = mean_interval(measured(0.02 * n), measured(n), z=Z, bounds=(-0.2, 0.2), inside=inside)
        assert found.high - found.low == pytest.approx(2 * Z * deviation / math.sqrt(n), rel=0.01)

    def test_people_with_0_or_1_are_at_the_ends(self) -> None:
        """κ is 1 and the interval is Wilson's, to what one more person could have shown."""
        found = mean_interval(measured(81), measured(263), z=Z, inside=measured(0))
        assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=2e-4)

    def test_few_people_are_held_against_students_t(self) -> None:
        """Fifty values of a symmetrical metric: wider than with z, by less than an eighth."""
        n, deviation = 50, 0.1
        inside = measured((0.25 - (n - 1) / n * deviation**2) * n)
        found = mean_interval(measured(0.5 * n), measured(n), z=Z, inside=inside)
        assert 1.02 < (found.high - found.low) / (2 * Z * deviation / math.sqrt(n)) < 1.125

    def test_what_is_drowned_in_noise_is_held_against_the_fewest_degrees_of_freedom(self) -> None:
        """Nothing is known about how much people differ: κ may be anything, and Student's t says so."""
        found = spread(measured(80, 2), measured(1, 1e9), measured(400, 5), (0.0, 1.0))
        assert 0 < found.share <= 1
        assert found.freedom == 8

    @pytest.mark.parametrize(("people", "noise"), [(50, 1.1), (200, 2.2), (2000, 5.2)])
    def test_noise_hardly_moves_the_share_of_people_with_0_or_1(self, people: int, noise: float) -> None:
        """Recall of people with one hidden item: κ is hardly less than 1 one deviation of the noise away."""
        total, inside = measured(0.2 * people, noise / math.sqrt(2)), measured(noise / 2.8, noise / 2.8)
        assert spread(total, inside, measured(people, noise), (0.0, 1.0)).share > 0.93

    @pytest.mark.parametrize(("mean", "least"), [(0.0, 1.0), (1.0, 1.0), (0.5, 1 / 42), (0.02, 1 / 42)])
    def test_people_who_happen_to_be_alike_are_not_taken_for_certain(self, mean: float, least: float) -> None:
        """Twenty equal values without noise have a width; at the end of the range they say nothing of the spread."""
        total, inside = measured(20 * mean), measured(20 * mean * (1 - mean))
        assert spread(total, inside, measured(20), (0.0, 1.0)).share == pytest.approx(least, rel=1e-6)
        found = mean_interval(total, measured(20), z=Z, inside=inside)
        assert found.high - found.low > 0.01

    def test_as_many_hits_as_none_among_few_leave_room_for_one_in_twenty(self) -> None:
        """Nobody of twenty was served: up to a tenth and more of all people may be, as Wilson says (16%)."""
        found = mean_interval(measured(0), measured(20), z=Z, inside=measured(0))
        assert 0.1 < found.high < 0.25

    def test_noise_about_nobody_is_no_sign_that_people_are_alike(self) -> None:
        """Without a hit there is no variance that anything could be a share of, whatever noise says is inside."""
        assert spread(measured(-1, 1.4), measured(0.5, 0.7), measured(200, 2), (0.0, 1.0)).share > 0.8

    @pytest.mark.parametrize("inside", [None, measured(math.nan, 1), measured(1, math.inf)])
    def test_without_it_the_spread_is_the_largest(self, inside: Measured | None) -> None:
        """What the bounds permit."""
        assert spread(measured(80), inside, measured(400), (0.0, 1.0)) == LARGEST

    @given(
        st.floats(-60, 300),
        st.floats(-50, 300),
        st.floats(2, 200),
        st.tuples(*[st.floats(0, 40)] * 3),
        st.sampled_from([(0.0, 1.0), (-0.2, 0.2), (-1.0, 1.0)]),
    )
    def test_whatever_was_released_the_spread_is_a_share(
        self, total: float, inside: float, people: float, sigmas: tuple[float, ...], bounds: tuple[float, float]
    ) -> None:
        """Also where noise made it negative or larger than it can be; and the interval stays in its bounds."""
        first, second, number = (measured(v, s) for v, s in zip((total, inside, people), sigmas, strict=True))
        found = spread(first, second, number, bounds)
        assert 0 < found.share <= 1
        assert found.freedom >= 8
        interval = mean_interval(first, number, z=Z, bounds=bounds, inside=second)
        assert bounds[0] <= interval.low <= interval.high <= bounds[1]

    @given(st.floats(0.1, 0.9), st.floats(0.05, 1), st.floats(0.3, 3))
    def test_the_interval_moves_with_the_bounds(self, mean: float, share: float, scale: float) -> None:
        """A metric that is stretched has a stretched interval: signed metrics are treated as all others."""
        n = 100.0
        inside = (1 - share) * mean * (1 - mean)
        plain = mean_interval(measured(n * mean), measured(n), z=Z, inside=measured(n * inside))
        moved = mean_interval(
            measured(n * scale * (mean - 0.5)),
            measured(n),
            z=Z,
            bounds=(-scale / 2, scale / 2),
            inside=measured(n * scale**2 * inside),
        )
        ends = scale * (plain.low - 0.5), scale * (plain.high - 0.5)
        assert (moved.low, moved.high) == pytest.approx(ends, abs=1e-9 * scale)


BOUNDED = (0.93, 0.97)


def test_means_are_covered_as_often_as_is_said() -> None:
    """Of every kind of metric, twenty people and two hundred, with a little noise and with none: 250 worlds each."""
    rows = benchmark_coverage(250, sizes=(20, 200), groups=(), noises=("none", "little"))
    room = 4 * math.sqrt(0.95 * 0.05 / 250)
    assert len(rows) == 4 * len(KINDS)
    assert [row for row in rows if row.coverage < 0.95 - room] == []
    assert sum(row.coverage for row in rows) / len(rows) < BOUNDED[1]


@pytest.mark.prove
def test_means_are_covered_in_a_thousand_worlds_of_each_kind() -> None:
    """At least 93% everywhere; above 97% where narrow only for few people, and then by less than two points."""
    rows = benchmark_coverage(1000, groups=(), seed=1)
    room = 2 * math.sqrt(0.95 * 0.05 / 1000)
    assert [row for row in rows if row.coverage < BOUNDED[0] - room / 2] == []
    over = [row for row in rows if row.narrow and row.coverage > BOUNDED[1] + room / 2]
    assert max((row.people for row in over), default=0) <= 50
    assert max((row.coverage for row in over), default=0) <= 0.99


@pytest.mark.parametrize(("people", "noise", "share"), [(20, 2.19, 0.3), (50, 2.19, 0.1), (200, 2.19, 0.02)])
def test_recall_of_one_hidden_item_is_covered(people: int, noise: float, share: float) -> None:
    """1,500 worlds of 0 and 1 that are not declared to be, with noise: 93% and more, by what can be told."""
    rng, held = np.random.default_rng(8), 0
    for hits in rng.binomial(people, share, 1500):
        first, second, number = np.array([1, 0.5, math.sqrt(2)]) * noise / math.sqrt(2)
        total, inside = measured(hits + first * rng.normal(), first), measured(second * rng.normal(), second)
        count = measured(people + number * rng.normal(), number)
        held += share in mean_interval(total, count, z=Z, inside=inside)
    assert held / 1500 >= 0.93 - 2 * math.sqrt(0.93 * 0.07 / 1500)


def test_the_largest_spread_alone_would_cover_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of 97% sees an interval that does not look at how much people differ."""
    monkeypatch.setattr(intervals, "spread", lambda *_: LARGEST)
    rows = benchmark_coverage(100, sizes=(200,), kinds=("Beta", "ranked, mass at 0"), groups=(), noises=("none",))
    assert min(row.coverage for row in rows) > BOUNDED[1]


def test_no_spread_at_all_would_cover_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of 93% sees an interval that takes noise for everything there is."""
    monkeypatch.setattr(intervals, "spread", lambda *_: Spread(share=0.0, freedom=math.inf))
    kinds = ("0 or 1", "ranked, mass at 0", "shares of few")
    rows = benchmark_coverage(100, sizes=(200,), kinds=kinds, groups=(), noises=("little",))
    assert max(row.coverage for row in rows) < BOUNDED[0]


@pytest.mark.parametrize(
    ("value", "low", "high", "tells"),
    [
        (0.0, 0.0, 0.103, True),
        (0.0, 0.0, 0.546, False),
        (0.0, 0.0, 0.779, False),
        (1.0, 0.286, 1.0, False),
        (1.0, 0.79, 1.0, True),
        (0.641, 0.249, 1.0, False),
        (0.641, 0.3, 1.0, True),
        (0.372, 0.053, 0.877, False),
        (0.3, 0.3, 0.3, True),
        (None, 0.2, 0.3, False),
    ],
)
def test_a_guess_is_said_where_its_interval_leaves_out_a_good_part(
    value: float | None, low: float, high: float, tells: bool
) -> None:
    """A quarter of what is possible; half of it where the guess was cut off at an end."""
    for scale in (1.0, 2.0):
        given = None if value is None else value * scale
        interval = Interval(low=low * scale, high=high * scale)
        assert Estimate(value=given, interval=interval, range=scale).tells is tells


def test_everybodys_metrics_come_with_intervals() -> None:
    """Squares serve the lift and are not listed; the number of people is no metric; groups are left out."""
    cells = {
        Cell(metric="people"): measured(400, 2),
        Cell(metric="recall@10"): measured(100, 2),
        Cell(metric="lift@20"): measured(12, 0.5),
        Cell(metric="lift_inside@20"): measured(2, 0.1),
        Cell(metric="recall@10", attribute="age", group="old"): measured(3, 2),
    }
    found = overall_estimates(EvaluationSums(noise="system", cells=cells), lift_clip=0.2)
    assert sorted(found) == ["lift@20", "recall@10"]
    assert found["lift@20"].value == pytest.approx(0.03)
    assert found["lift@20"].interval.low > 0
    assert 0.25 in found["recall@10"].interval


def test_nobody_evaluated_leaves_everything_open() -> None:
    """Without a released number of people there is no estimate and the interval is the whole range."""
    sums = EvaluationSums(noise="system", cells={Cell(metric="recall@10"): measured(10, 1)})
    found = overall_estimates(sums)["recall@10"]
    assert found.value is None
    assert found.interval == Interval(low=0.0, high=1.0)
