"""Gaps among people with equally long histories are held against those of the same people, and claim no more."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pytest

from assurance_worlds import planted, whole_release
from tactful.assurance.assessment import Conditioned, FairnessAssessment
from tactful.assurance.conditioning import Strata
from tactful.assurance.fairness import assess
from tactful.assurance.intervals import Interval, critical_value
from tactful.assurance.layout import design
from tactful.assurance.report_groups import attribute_shown
from tactful.assurance.strata import Groupings
from tactful.benchmarks.assessed import Crowd, released
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SeededNoise
from test_assurance_gaps import strata_of

SHORT, SOME, MORE, MANY = STRATA = ("1–9 items", "10–29 items", "30–99 items", "100 and more items")
GOES_WITH = "part of the gap between these groups goes with how long histories are"
WIDER = "the gap is wider when histories are equally long"
CANNOT = "whether the gap goes with how long histories are cannot be told"
AGES, MERGES = ("19-24", "25-34", "35+"), {"19-24": "under 35", "25-34": "under 35"}


@lru_cache(maxsize=8)
def unrelated(
    sizes: tuple[int, ...], hits: tuple[float, ...], merged: bool = True, seed: int = 0
) -> FairnessAssessment:
    """Released figures of people whose histories have nothing to do with their age or with how they are served."""
    levels, merges = {"age": AGES}, {"age": MERGES} if merged else {}
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    hit = (rng.random(len(codes)) < np.array(hits)[codes]).astype(float)
    crowd = Crowd(values={"hit@10": hit}, groups={"age": codes}, lengths=rng.choice([5, 15, 50, 200], len(codes)))
    made = design(levels, ["hit@10"], merges=merges, metrics=["hit@10"])
    groupings = Groupings(attributes=levels, merges=merges)
    sums = released(crowd, groupings, made, PrivacyBudget(epsilon=3, delta=1e-6), SeededNoise(seed))
    return assess(sums, [], levels=levels, merges=merges, minimum_people=30)


def by_hand(young: Sequence[tuple[float, float]], old: Sequence[tuple[float, float]]) -> FairnessAssessment:
    """So many people served so well in each stratum; every draw of the noise came out as 0."""
    cells = {
        f"{age} × {s}": at for age, row in (("young", young), ("old", old)) for s, at in zip(STRATA, row, strict=True)
    }
    history = {s: (a[0] + b[0], 0.3) for s, a, b in zip(STRATA, young, old, strict=True)}
    whole = {age: (sum(n for n, _ in row), 0.3) for age, row in (("young", young), ("old", old))}
    worlds = {"age": whole, "history": history, "age × history": cells}
    return assess(planted(worlds, metrics=("hit@10",)), [], levels={"age": ("young", "old")}, minimum_people=50)


def only(found: FairnessAssessment) -> Conditioned:
    (conditioned,) = found.conditioned
    return conditioned


def told(found: FairnessAssessment) -> str:
    """All that the page says about the groups by length of history."""
    (shown,) = attribute_shown("k", "age", found.attributes["age"], found).conditioned
    return f"{shown.text} {shown.note}"


def overlap(one: Interval, other: Interval) -> bool:
    return one.low <= other.high and other.low <= one.high


@pytest.mark.parametrize(
    ("sizes", "hits", "merged"),
    [((3000, 3000, 6000), (0.6, 0.2, 0.4), True), ((3000, 3000, 3000, 0, 2000), (0.4, 0.4, 0.4, 0.0, 0.1), False)],
    ids=["a merge that was not needed", "undisclosed served worse"],
)
def test_what_other_groups_lack_is_not_put_down_to_history(
    sizes: tuple[int, ...], hits: tuple[float, ...], merged: bool
) -> None:
    """Held against the gap of the declared groups, length would seem to matter; of the same groups it does not."""
    found = unrelated(sizes, hits, merged)
    plain, same = found.attributes["age"].difference["hit@10"], only(found)
    assert not overlap(plain.interval, same.difference.interval)
    assert overlap(same.plain_difference.interval, same.difference.interval)
    assert same.plain_difference.value == pytest.approx(same.difference.value, abs=0.01)
    assert CANNOT in told(found)
    assert GOES_WITH not in told(found)
    assert "All or nearly all of those evaluated in these groups are in both figures" in told(found)
    assert "“undisclosed” are left out" in told(found)


@pytest.mark.parametrize("seed", range(12))
def test_unrelated_histories_are_never_said_to_matter(seed: int) -> None:
    """Whatever the groups are served like, by chance their histories differ by little."""
    found = unrelated((500, 300, 900), (0.9, 0.1, 0.4), merged=False, seed=seed)
    assert CANNOT in told(found)


def test_both_gaps_follow_by_hand_from_the_same_cells() -> None:
    """Own mixtures against everybody's; the shortest histories are left out, as only five of the old have them."""
    young = [(995.0, 0.9), (1000.0, 0.2), (2000.0, 0.4), (1000.0, 0.6)]
    old = [(5.0, 0.0), (3000.0, 0.2), (1000.0, 0.4), (1000.0, 0.3)]
    same = only(by_hand(young, old))
    assert same.strata == (SOME, MORE, MANY)
    assert same.weights == pytest.approx((4 / 9, 3 / 9, 2 / 9))
    plain = {"young": (0.2 + 2 * 0.4 + 0.6) / 4, "old": (3 * 0.2 + 0.4 + 0.3) / 5}
    standard = {"young": (4 * 0.2 + 3 * 0.4 + 2 * 0.6) / 9, "old": (4 * 0.2 + 3 * 0.4 + 2 * 0.3) / 9}
    assert {g: e.value for g, e in same.plain_by_group.items()} == pytest.approx(plain)
    assert {g: e.value for g, e in same.by_group.items()} == pytest.approx(standard)
    assert same.plain_difference.value == pytest.approx(plain["young"] - plain["old"])
    assert same.difference.value == pytest.approx(standard["young"] - standard["old"])
    assert same.ratio.value == pytest.approx(standard["old"] / standard["young"])
    assert same.covered == pytest.approx(9000 / 10_000)


def test_the_page_says_how_many_people_are_left_out() -> None:
    """Those in strata where a group has too few people; they are in neither figure."""
    row = [(1000.0, 0.2), (1000.0, 0.3), (1000.0, 0.4)]
    text = told(by_hand([(3000.0, 0.9), *row], [(2.0, 0.0), *row]))
    assert "About 67% of those evaluated in these groups" in text
    assert SHORT not in text


def test_length_is_named_where_the_intervals_leave_no_doubt() -> None:
    """Served alike at every length, and half of them much longer; then better at every length, and much shorter."""
    at = (0.1, 0.3, 0.5, 0.7)
    few, many = (9000.0, 9000.0, 900.0, 900.0), (900.0, 900.0, 9000.0, 9000.0)
    alike = by_hand(list(zip(few, at, strict=True)), list(zip(many, at, strict=True)))
    assert only(alike).difference.interval.low == 0
    assert GOES_WITH in told(alike)
    better = by_hand([(n, m + 0.3) for n, m in zip(few, at, strict=True)], list(zip(many, at, strict=True)))
    assert WIDER in told(better)
    assert GOES_WITH not in told(better)


def test_short_histories_that_are_served_worse_explain_the_gap_of_the_same_groups() -> None:
    """With sampling and noise: the old have short histories, and are served like anybody with such histories."""
    levels, merges = {"age": ("young", "middle", "old")}, {"age": {"middle": "older", "old": "older"}}
    found = assess(whole_release(80_000, short=("old",)), [], levels=levels, merges=merges, minimum_people=50)
    same = next(c for c in found.conditioned if c.metric == "hit@10")
    assert same.plain_difference.interval.low > same.difference.interval.high
    assert same.covered == 1


@pytest.mark.parametrize(("people", "sigma"), [(25, 0.0), (25, 4.0), (200, 6.0)])
def test_a_plain_mean_of_the_strata_is_covered_as_often_as_is_said(people: int, sigma: float) -> None:
    """Four strata of as many people each, 300 worlds."""
    rng, shares, held = np.random.default_rng(6), (0.2, 0.3, 0.5, 0.7), 0
    truth = float(np.mean(shares) * np.mean(1 / np.log2(np.arange(2, 12))))
    for _ in range(300):
        groups = {"one": strata_of(rng, people, sigma, shares)}
        strata = Strata(groups=groups, names=STRATA, weights=(0.4, 0.3, 0.2, 0.1), covered=1.0)
        held += truth in strata.as_they_are("ndcg@10", critical_value(0.95))["one"].interval
    room = 3 * math.sqrt(0.95 * 0.05 / 300)
    assert 0.95 - room <= held / 300 <= min(0.95 + room, 1.0)


def test_both_gaps_are_in_the_document() -> None:
    """So that who reads it by machine compares the same groups, too."""
    found = unrelated((3000, 3000, 6000), (0.6, 0.2, 0.4))
    (written,) = json.loads(json.dumps(found.as_json(), allow_nan=False))["conditioned_on_history"]
    assert list(written["plain_by_group"]) == list(written["by_group"]) == ["under 35", "35+"]
    assert written["plain_difference"] == only(found).plain_difference.as_json()
    assert written["covered"] == only(found).covered == 1
