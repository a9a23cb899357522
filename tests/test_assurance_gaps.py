"""Gaps between groups: what two intervals allow, what is unknown stays wide, and how often the true gap is inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.assurance import extremes, gaps
from tactful.assurance.conditioning import Strata
from tactful.assurance.extremes import Normals, near_value
from tactful.assurance.gaps import Gap, difference, ratio, straight, worst_to_best
from tactful.assurance.groups import Group
from tactful.assurance.intervals import Estimate, Interval, Reach, critical_value
from tactful.benchmarks.coverage import GROUPS, Row, benchmark_coverage
from tactful.privacy.sums import Measured

UNIT = (0.0, 1.0)
Z = critical_value(0.95)
Triple = tuple[float, float, float]


def estimate(low: float, mean: float | None, high: float) -> Estimate:
    return Estimate(value=mean, interval=Interval(low=low, high=high))


def normal(mean: float, deviation: float) -> Reach:
    return straight(estimate(mean - Z * deviation, mean, mean + Z * deviation), Z)


def hits(found: float, people: float, noise: float = 0.0) -> Reach:
    totals = {"hit@10": Measured(value=found, sigma=noise)}
    return partial(Group(people=Measured(value=people, sigma=0), totals=totals).ends, "hit@10")


def gap_of(means: Sequence[float], deviation: float) -> Gap:
    return worst_to_best([normal(m, deviation) for m in means], confidence=0.95, bounds=(-10.0, 10.0))


NOTHING = estimate(0.0, 0.4, 1.0)
triples = st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3, unique=True).map(sorted).map(tuple)


def test_two_symmetrical_intervals_give_the_classical_difference() -> None:
    """√(s² + s²): the plain 95% interval, and the one of a gap between two groups lies around its size."""
    found = difference(normal(0.6, 0.03), normal(0.4, 0.04), z=1.96, bounds=UNIT)
    assert (found.low, found.high) == pytest.approx((0.2 - 1.96 * 0.05, 0.2 + 1.96 * 0.05), rel=1e-3)
    gap = gap_of([0.4, 0.9], 0.05).difference
    reach = Z * 0.05 * math.sqrt(2)
    assert gap.high == pytest.approx(0.5 + reach, rel=1e-3)
    assert gap.low == pytest.approx(0.5 - reach, abs=0.03 * reach)


def test_a_difference_of_two_rates_is_miettinens_and_nurminens() -> None:
    """56 of 70 against 48 of 80: 0.0528 to 0.3382 (Newcombe 1998, Table II, method 6)."""
    found = difference(hits(56, 70), hits(48, 80), z=Z, bounds=UNIT)
    assert (found.low, found.high) == pytest.approx((0.0528, 0.3382), abs=5e-4)


def test_what_noise_took_below_nothing_leaves_the_other_group_less_room() -> None:
    """A sum of -3 over twenty people is of nobody: what remains to be explained is little, on both sides."""
    within, beyond = (difference(hits(3, 20, 2), hits(found, 20, 2), z=Z, bounds=UNIT) for found in (0, -3))
    assert beyond.high - beyond.low < 0.6 * (within.high - within.low)
    assert beyond.high < within.high < float(hits(3, 20, 2)(np.array([Z])).high[0]) + 0.05


def test_sums_that_no_mean_explains_tell_nothing_of_a_difference() -> None:
    """A sum of -40 over twenty people with noise of 2: the release and its description disagree."""
    assert difference(hits(3, 20, 2), hits(-40, 20, 2), z=Z, bounds=UNIT) == Interval(low=-1.0, high=1.0)
    assert ratio(hits(3, 20, 2), hits(-40, 20, 2), z=Z, bounds=UNIT) == Interval(low=0.0, high=math.inf)


@given(triples, triples)
def test_a_ratio_is_where_the_difference_of_scaled_means_is_zero(first: Triple, second: Triple) -> None:
    """As of MOVER-R: its ends are the factors ρ at which an end of the interval of m₁ - ρ m₂ is 0."""
    found = ratio(straight(estimate(*first), Z), straight(estimate(*second), Z), z=Z, bounds=UNIT)
    (l1, m1, u1), (l2, m2, u2) = first, second
    assert found.low <= m1 / m2 * (1 + 1e-9)
    low = m1 - found.low * m2 - math.hypot(m1 - l1, found.low * (u2 - m2))
    assert low == pytest.approx(0, abs=2e-3)
    if found.high < 1e3:
        high = m1 - found.high * m2 + math.hypot(u1 - m1, found.high * (m2 - l2))
        assert high == pytest.approx(0, abs=2e-3 * max(found.high, 1))


@given(st.lists(triples, min_size=2, max_size=6))
def test_the_gap_between_the_estimates_lies_in_its_own_interval(groups: list[Triple]) -> None:
    """Whatever the groups' intervals are, the ends are in order, in range, and around what fairlearn would say."""
    found = worst_to_best([straight(estimate(*g), Z) for g in groups], confidence=0.95, bounds=UNIT)
    means = [mean for _, mean, _ in groups]
    assert found.ratio is not None
    assert 0 <= found.difference.low <= max(means) - min(means) + 1e-9
    assert max(means) - min(means) - 1e-9 <= found.difference.high <= 1
    assert 0 <= found.ratio.low <= min(means) / max(means) + 1e-9
    assert min(means) / max(means) - 1e-9 <= found.ratio.high <= 1


class TestUnknown:
    """What is not known is never narrow."""

    @pytest.mark.parametrize("other", [NOTHING, estimate(0.2, None, 0.4), estimate(math.nan, 0.3, math.nan)])
    def test_a_group_that_could_be_anywhere_leaves_the_far_end_open(self, other: Estimate) -> None:
        """The two that are known still tell how large the gap is at least: a rule can fail, and not pass."""
        groups = [normal(0.2, 0.01), normal(0.6, 0.01), straight(other, Z)]
        found = worst_to_best(groups, confidence=0.95, bounds=UNIT)
        assert found.ratio is not None
        assert (found.difference.high, found.ratio.low) == (1.0, 0.0)
        assert found.difference.low > 0.3
        assert found.ratio.high < 0.5

    @pytest.mark.parametrize("count", [0, 1])
    def test_without_two_groups_nothing_is_known(self, count: int) -> None:
        """Nobody to compare with."""
        found = worst_to_best([normal(0.3, 0.01)] * count, confidence=0.95, bounds=UNIT)
        assert found == Gap(difference=Interval(low=0.0, high=1.0), ratio=Interval(low=0.0, high=1.0))

    def test_a_metric_that_may_be_negative_has_no_ratio(self) -> None:
        """And its gap may be as wide as its range."""
        assert gap_of([-1.0, 2.0], 0.1).ratio is None
        assert gaps.unknown((-1.0, 1.0)).difference == Interval(low=0.0, high=2.0)

    def test_a_best_group_that_may_be_zero_leaves_the_ratio_open_above(self) -> None:
        """Nothing is divided by 0."""
        assert ratio(normal(0.3, 0.01), straight(estimate(0.0, 0.1, 0.2), Z), z=Z, bounds=UNIT).high == math.inf


def normals(*means: float) -> Normals:
    """Estimates with a standard error of 1."""
    return Normals.of([(mean, mean - 2, mean + 2) for mean in means], 2.0)


@pytest.mark.parametrize(("count", "range_"), [(2, 2.772), (3, 3.314), (4, 3.633), (5, 3.858), (9, 4.387)])
def test_equal_groups_are_held_against_tukeys_value(count: int, range_: float) -> None:
    """The upper 5% point of the studentised range of so many (Harter 1960, table of infinite degrees of freedom)."""
    assert near_value(normals(*[0.0] * count), 0.95) == pytest.approx(range_ / math.sqrt(2), rel=0.025)


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_clear_ends_are_held_against_the_plain_value(count: int) -> None:
    """Who is worst and who is best is known, whoever is in between."""
    assert near_value(normals(*np.linspace(0.0, 30.0 * count, count)), 0.95) == pytest.approx(1.96, rel=0.025)


@pytest.mark.parametrize(("tied", "value"), [(2, 1.916), (3, 2.062), (4, 2.160), (5, 2.234)])
def test_groups_that_share_a_place_are_held_against_dunnetts_value(tied: int, value: float) -> None:
    """One-sided 5% point of the largest of so many that are compared with one (Dunnett 1955, Table 1a, infinite df).

    The far end hardly ever errs then, and nearly all of what it leaves is the near end's: a little is kept back.
    """
    assert value < near_value(normals(60.0, *[0.0] * tied), 0.95) < 1.06 * value


def test_a_group_known_much_less_well_decides_little() -> None:
    """Where it is at neither end for sure the others are what they would be without it; else it widens the far end."""
    few = [Normals.of([(0.0, -2.0, 2.0), (60.0, 58.0, 62.0), (at, at - 10, at + 10)], 2.0) for at in (30.0, 15.0)]
    apart, near = (near_value(groups, 0.95) for groups in few)
    assert apart == pytest.approx(near_value(normals(0.0, 60.0), 0.95), rel=0.01)
    assert near < apart


def misses(means: Sequence[float], deviation: float, worlds: int, seed: int) -> tuple[float, float]:
    """How often the true gap is below the lower end, and above the upper end."""
    rng, truth, near, far = np.random.default_rng(seed), max(means) - min(means), 0, 0
    for _ in range(worlds):
        found = gap_of(list(rng.normal(means, deviation)), deviation).difference
        near, far = near + (truth < found.low), far + (truth > found.high)
    return near / worlds, far / worlds


FAR = 3.0
SHAPES = {
    "two equal": [0.0] * 2,
    "two near": [0.0, 0.3],
    "two clear": [0.0, FAR],
    "five equal": [0.0] * 5,
    "three tied": [0.0, 0.0, 0.0, FAR],
    "two and two": [0.0, 0.0, FAR, FAR],
    "a row": [0.0, 1.0, 2.0, FAR],
    "a near row": [0.0, 0.3, 0.6, 0.9],
}


@pytest.mark.parametrize("means", SHAPES.values(), ids=SHAPES)
def test_normal_means_are_covered_as_is_said_wherever_they_are(means: list[float]) -> None:
    """600 worlds: 93 to 97%, a point more where groups are near; each end errs 5% at most, the upper one 2.5%."""
    low, high = misses(means, 0.2, 600, seed=3)
    room = 3 * math.sqrt(0.95 * 0.05 / 600)
    assert 0.935 - room <= 1 - low - high <= (0.98 if means == SHAPES["a near row"] else 0.97) + room
    assert high <= 0.025 + room
    assert low <= 0.06 + room


@pytest.mark.parametrize(
    ("broken", "means", "wrong"),
    [
        (lambda *_: 1.96, SHAPES["five equal"], "too little"),
        (lambda *_: 2.57, SHAPES["three tied"], "too much"),
    ],
    ids=["the two that look extreme", "whoever could be"],
)
def test_one_value_for_all_would_be_wrong(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[..., float], means: list[float], wrong: str
) -> None:
    """The plain one sees gaps where there are none; Tukey's covers 98.5% where three of four share a place."""
    monkeypatch.setattr(gaps, "near_value", broken)
    covered = 1 - sum(misses(means, 0.2, 1500, seed=4))
    assert covered < 0.92 if wrong == "too little" else covered > 0.977


@pytest.mark.prove
@pytest.mark.parametrize(("tied", "at_least", "below"), [(extremes._TIED, 0.92, 1.0), (0.0, 0.0, 0.92)])
def test_without_ties_the_estimates_are_taken_for_the_truth(
    monkeypatch: pytest.MonkeyPatch, tied: float, at_least: float, below: float
) -> None:
    """Six groups in two halves: 2,000 worlds; groups that chance moved are put back, or too little is covered."""
    monkeypatch.setattr(extremes, "_TIED", tied)
    assert at_least <= 1 - sum(misses([0.0] * 3 + [FAR] * 3, 0.2, 2000, seed=5)) < below


def uncovered(rows: list[Row], *, worlds: int) -> list[Row]:
    """Rows that cover less than 93%, beyond what so many worlds can be off by."""
    return [row for row in rows if row.coverage < 0.93 - 2 * math.sqrt(0.93 * 0.07 / worlds)]


def test_gaps_are_covered_as_often_as_is_said() -> None:
    """Metrics of 0 and 1 and those with a mass at 0, two and four groups, with noise: 100 worlds of each."""
    rows = benchmark_coverage(
        100,
        sizes=(200,),
        kinds=("0 or 1", "ranked, mass at 0"),
        groups=("two, equal", "two, unequal", "four, spread"),
        noises=("little",),
    )
    assert {row.statistic for row in rows} >= {"difference", "ratio", "largest difference", "smallest ratio"}
    assert uncovered(rows, worlds=100) == []


def test_the_gap_of_the_groups_that_look_extreme_would_cover_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the plain value the gap of four equal groups is seen where there is none."""
    monkeypatch.setattr(gaps, "near_value", lambda *_: 1.96)
    rows = benchmark_coverage(150, sizes=(200,), kinds=("0 or 1",), groups=("four, equal",), noises=("none",))
    assert [row.statistic for row in uncovered(rows, worlds=150)] == ["largest difference", "smallest ratio"]


@pytest.mark.prove
def test_gaps_are_covered_in_hundreds_of_worlds_of_each_kind() -> None:
    """300 worlds of each; differences and ratios of two given groups are not covered too often either."""
    kinds = ("0 or 1", "ranked, mass at 0", "shares of few", "signed")
    rows = benchmark_coverage(
        300, sizes=(20, 200), kinds=kinds, groups=tuple(GROUPS), noises=("none", "little"), seed=2
    )
    assert uncovered(rows, worlds=300) == []
    many = [r.coverage for r in rows if r.statistic in ("difference", "ratio") and r.people == 200]
    assert sum(many) / len(many) < 0.97


@pytest.mark.prove
def test_groups_at_the_very_minimum_are_covered_among_those_that_are_compared() -> None:
    """That a released number decides who is compared does not spoil the intervals of those who are."""
    rng, sigma, minimum, held, compared = np.random.default_rng(7), 8.0, 50.0, 0, 0
    for _ in range(4000):
        people = Measured(value=minimum + sigma * rng.normal(), sigma=sigma)
        if people.value < minimum:
            continue
        hits = Measured(value=rng.binomial(int(minimum), 0.3) + sigma / 1.4 * rng.normal(), sigma=sigma / 1.4)
        compared += 1
        held += 0.3 in Group(people=people, totals={"hit@10": hits}).mean("hit@10", critical_value(0.95)).interval
    assert 0.93 <= held / compared <= 0.97


def strata_of(rng: np.random.Generator, people: int, sigma: float, shares: Sequence[float]) -> tuple[Group, ...]:
    """One group in strata where so many of its people have a hit, as released."""
    worth, found = 1 / np.log2(np.arange(2, 12)), []
    for share in shares:
        values = np.where(rng.random(people) < share, rng.choice(worth, people), 0.0)
        inside = (values * (1 - values)).sum()
        people_and_sums = (people, sigma), (values.sum(), sigma / 1.4), (inside, sigma / 2.8)
        count, total, within = (Measured(value=v + s * rng.normal(), sigma=s) for v, s in people_and_sums)
        found.append(Group(people=count, totals={"ndcg@10": total, "ndcg_inside@10": within}))
    return tuple(found)


@pytest.mark.parametrize(("people", "sigma"), [(25, 0.0), (25, 4.0), (200, 6.0)])
def test_a_standardised_mean_is_covered_as_often_as_is_said(people: int, sigma: float) -> None:
    """Four strata with the weights of everybody: 300 worlds each."""
    rng, weights, shares, held = np.random.default_rng(4), (0.4, 0.3, 0.2, 0.1), (0.2, 0.3, 0.5, 0.7), 0
    truth = float(np.dot(weights, shares) * np.mean(1 / np.log2(np.arange(2, 12))))
    for _ in range(300):
        groups = {"one": strata_of(rng, people, sigma, shares)}
        strata = Strata(groups=groups, names=("a", "b", "c", "d"), weights=weights, covered=1.0)
        held += truth in strata.standardised("ndcg@10", critical_value(0.95))["one"].interval
    room = 3 * math.sqrt(0.95 * 0.05 / 300)
    assert 0.95 - room <= held / 300 <= 0.95 + room
