"""Gaps between groups: the algebra of MOVER, what is unknown stays wide, and how often the true gap is inside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.assurance import gaps
from tactful.assurance.conditioning import Strata
from tactful.assurance.gaps import Gap, difference, ratio, worst_to_best
from tactful.assurance.groups import Group
from tactful.assurance.intervals import Estimate, Interval, critical_value
from tactful.benchmarks.coverage import GROUPS, Row, benchmark_coverage
from tactful.privacy.sums import Measured

UNIT = (0.0, 1.0)
Triple = tuple[float, float, float]


def estimate(low: float, mean: float | None, high: float) -> Estimate:
    return Estimate(value=mean, interval=Interval(low=low, high=high))


def normal(mean: float, deviation: float, z: float) -> Estimate:
    return estimate(mean - z * deviation, mean, mean + z * deviation)


def gap_of(means: Sequence[float], deviation: float) -> Gap:
    return worst_to_best(
        lambda z: [normal(m, deviation, z) for m in means], len(means), confidence=0.95, bounds=(-10.0, 10.0)
    )


NOTHING = estimate(0.0, 0.4, 1.0)
triples = st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3, unique=True).map(sorted).map(tuple)


def test_two_symmetrical_intervals_give_the_classical_difference() -> None:
    """√(s² + s²): the plain 95% interval, and the one of a gap between two groups lies around its size."""
    found = difference(normal(0.6, 0.03, 1.96), normal(0.4, 0.04, 1.96), bounds=UNIT)
    assert (found.low, found.high) == pytest.approx((0.2 - 1.96 * 0.05, 0.2 + 1.96 * 0.05))
    gap = gap_of([0.4, 0.9], 0.05).difference
    reach = critical_value(0.95) * 0.05 * math.sqrt(2)
    assert (gap.low, gap.high) == pytest.approx((0.5 - reach, 0.5 + reach))


def test_a_difference_of_two_rates_is_newcombes() -> None:
    """56 of 70 against 48 of 80, score intervals: 0.0524 to 0.3339 (Newcombe 1998, Table II, method 10)."""
    first, second = (
        Group(people=Measured(value=n, sigma=0), totals={"hit@10": Measured(value=x, sigma=0)}).mean("hit@10", 1.959964)
        for x, n in ((56, 70), (48, 80))
    )
    found = difference(first, second, bounds=UNIT)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


@given(triples, triples)
def test_a_ratio_is_where_the_difference_of_scaled_means_is_zero(first: Triple, second: Triple) -> None:
    """MOVER-R: its ends are the factors ρ at which an end of the interval of m₁ - ρ m₂ is 0."""
    found = ratio(estimate(*first), estimate(*second), bounds=UNIT)
    (l1, m1, u1), (l2, m2, u2) = first, second
    assert found.low <= m1 / m2 * (1 + 1e-9)
    low = m1 - found.low * m2 - math.hypot(m1 - l1, found.low * (u2 - m2))
    assert low == pytest.approx(0, abs=1e-6)
    if found.high < 1e6:
        high = m1 - found.high * m2 + math.hypot(u1 - m1, found.high * (m2 - l2))
        assert high == pytest.approx(0, abs=1e-6 * max(found.high, 1))


@given(st.lists(triples, min_size=2, max_size=6))
def test_the_gap_between_the_estimates_lies_in_its_own_interval(groups: list[Triple]) -> None:
    """Whatever the groups' intervals are, the ends are in order, in range, and around what fairlearn would say."""
    found = worst_to_best(lambda _: [estimate(*g) for g in groups], len(groups), confidence=0.95, bounds=UNIT)
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
        groups = [normal(0.2, 0.01, 2), normal(0.6, 0.01, 2), other]
        found = worst_to_best(lambda _: groups, 3, confidence=0.95, bounds=UNIT)
        assert found.ratio is not None
        assert (found.difference.high, found.ratio.low) == (1.0, 0.0)
        assert found.difference.low > 0.3
        assert found.ratio.high < 0.5

    @pytest.mark.parametrize("count", [0, 1])
    def test_without_two_groups_nothing_is_known(self, count: int) -> None:
        """Nobody to compare with."""
        found = worst_to_best(lambda _: [normal(0.3, 0.01, 2)] * count, count, confidence=0.95, bounds=UNIT)
        assert found == Gap(difference=Interval(low=0.0, high=1.0), ratio=Interval(low=0.0, high=1.0))

    def test_a_metric_that_may_be_negative_has_no_ratio(self) -> None:
        """And its gap may be as wide as its range."""
        assert gap_of([-1.0, 2.0], 0.1).ratio is None
        assert gaps.unknown((-1.0, 1.0)).difference == Interval(low=0.0, high=2.0)

    def test_a_best_group_that_may_be_zero_leaves_the_ratio_open_above(self) -> None:
        """Nothing is divided by 0."""
        assert ratio(normal(0.3, 0.01, 2), estimate(0.0, 0.1, 0.2), bounds=UNIT).high == math.inf


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_the_two_ends_share_five_per_cent(count: int) -> None:
    """One pair that is clear: the near end errs as Tukey's does for one pair, and the far end has the rest."""
    far, near = gaps._critical_values(count, 0.95)
    beyond = NormalDist().cdf(-far) + NormalDist().cdf(-near)
    assert beyond == pytest.approx(0.05, abs=1e-9)
    assert far <= critical_value(0.95) + 1e-9 <= near + 2e-9


@pytest.mark.parametrize(
    ("means", "at_most"),
    [([0.0] * 2, 0.96), ([0.0] * 5, 0.96), ([0.0, 3.0], 0.96), ([0.0, 1.0, 2.0, 3.0], 0.96), ([0.0, 0.0, 0.0, 3.0], 1)],
    ids=["two equal", "five equal", "two clear", "four in a row", "three tied"],
)
def test_normal_means_are_covered_exactly_where_the_argument_says_so(means: list[float], at_most: float) -> None:
    """1,000 worlds: 95% where all are equal or the ends are clear; more where groups share a place."""
    rng, truth, held = np.random.default_rng(3), max(means) - min(means), 0
    for _ in range(1000):
        held += truth in gap_of(list(rng.normal(means, 0.2)), 0.2).difference
    room = 4 * math.sqrt(0.95 * 0.05 / 1000)
    assert 0.95 - room <= held / 1000 <= at_most + room


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
    """Without Tukey's critical value the gap of four equal groups is seen where there is none."""
    monkeypatch.setattr(gaps, "_critical_values", lambda *_: (1.96, 1.96))
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
        people_and_sums = (people, sigma), (values.sum(), sigma / 1.4), ((values**2).sum(), sigma * 1.4)
        count, total, squares = (Measured(value=v + s * rng.normal(), sigma=s) for v, s in people_and_sums)
        found.append(Group(people=count, totals={"ndcg@10": total, "ndcg_squared@10": squares}))
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
