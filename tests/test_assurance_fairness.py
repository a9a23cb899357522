"""Fairness from released sums: planted worlds get the verdict they deserve, and nothing unmeasured ever passes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assurance_worlds import Served, planted, whole_release
from tactful.assurance.fairness import AttributeResult, FairnessAssessment, FairnessRule, assess
from tactful.assurance.groups import Group, merge_small
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.verdicts import Statistic, judge
from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.privacy.sums import Cell, EvaluationSums, Measured

LEVELS = ("young", "middle", "old")
RATIO = FairnessRule(name="ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)
GAP = FairnessRule(name="gap", attribute="age", metric="ndcg@10", statistic="difference", bound=0.1)
BY_CHANCE = 4 * math.sqrt(0.05 * 0.95 / 300)


def judged(
    groups: Served, *, sigma: float = 1.0, minimum: float = 50, merges: Mapping[str, str] | None = None
) -> FairnessAssessment:
    sums = planted({"age": groups}, sigma=sigma)
    return assess(
        sums, [RATIO, GAP], levels={"age": LEVELS}, minimum_people=minimum, merges={"age": merges} if merges else None
    )


def statuses(assessment: FairnessAssessment) -> list[str]:
    return [assessment.verdicts[name].status for name in ("ratio", "gap")]


def age(assessment: FairnessAssessment) -> AttributeResult:
    return assessment.attributes["age"]


@pytest.mark.parametrize(
    ("groups", "sigma", "expected"),
    [
        ({"young": (9000, 0.3), "middle": (9000, 0.3), "old": (9000, 0.3)}, 5.0, "pass"),
        ({"young": (9000, 0.5), "middle": (9000, 0.5), "old": (9000, 0.2)}, 5.0, "fail"),
        ({"young": (60, 0.3), "middle": (60, 0.3), "old": (60, 0.3)}, 5.0, "insufficient evidence"),
        ({"young": (60, 0.5), "middle": (60, 0.5), "old": (60, 0.2)}, 5.0, "insufficient evidence"),
        ({"young": (9000, 0.3), "middle": (9000, 0.3), "old": (9000, 0.3)}, 3000.0, "insufficient evidence"),
    ],
    ids=["equal, many", "unequal, many", "equal, few", "unequal, few", "equal, many, drowned in noise"],
)
def test_a_planted_world_gets_its_verdict(groups: Served, sigma: float, expected: str) -> None:
    """Both rules agree where the world is clear, and neither speaks where it is not."""
    assert statuses(judged(groups, sigma=sigma)) == [expected, expected]


def test_a_failed_rule_whose_gap_may_be_nearly_anything_quotes_no_figure() -> None:
    """All that is possible breaks the rule, and yet nobody can say how large the gap is: no point."""
    rule = FairnessRule(name="r", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)
    wide = Estimate(value=0.0, interval=Interval(low=0.0, high=0.78))
    found = judge(rule, wide, lowest="old", highest="young", unmeasured=())
    assert found.status == "fail"
    assert found.estimate is None
    assert "cannot tell how large the gap is" in found.reason
    assert "anything from 0% to 78%" in found.reason
    assert "All of that breaks the rule" in found.reason
    assert "looks worst served" not in found.reason


EQUAL: Served = {"young": (9000, 0.3), "middle": (9000, 0.3), "old": (9000, 0.3)}


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"young": (9000, 0.3)},
        {"young": (9000, 0.3), "middle": (9000, 0.3)},
        {**EQUAL, "old": (0, 0.0)},
        {**EQUAL, "old": (10, 0.3)},
        {**EQUAL, "old": (math.nan, 0.3)},
        {**EQUAL, "old": (9000, math.nan)},
        {**EQUAL, "old": (9000, math.inf)},
        dict.fromkeys(LEVELS, (9000, 0.0)),
        dict.fromkeys(LEVELS, (-50, 0.3)),
    ],
    ids=[
        "no group",
        "one group",
        "a declared level was not released",
        "an empty group",
        "a small group",
        "no number of people",
        "no metric",
        "an infinite metric",
        "nobody is served at all",
        "noise made the counts negative",
    ],
)
def test_what_was_not_measured_never_passes(groups: Served) -> None:
    """Missing, empty and unusable values read insufficient evidence under the rule on the ratio."""
    assert judged(groups).verdicts["ratio"].status == "insufficient evidence"


def test_a_rule_about_an_attribute_or_a_metric_nobody_measured_is_left_open() -> None:
    """It says so instead of failing."""
    rules = [
        FairnessRule(name="a", attribute="income", metric="ndcg@10", statistic="ratio", bound=0.8),
        FairnessRule(name="b", attribute="age", metric="ndcg@50", statistic="ratio", bound=0.8),
    ]
    found = assess(planted({"age": EQUAL}), rules, levels={"age": LEVELS}, minimum_people=50)
    assert {v.status for v in found.verdicts.values()} == {"insufficient evidence"}
    assert "income" in found.verdicts["a"].explanation


def test_an_empty_release_is_left_open() -> None:
    """No cell at all: every declared group is listed as not measured."""
    found = assess(EvaluationSums(noise="system", cells={}), [RATIO], levels={"age": LEVELS}, minimum_people=50)
    assert found.verdicts["ratio"].status == "insufficient evidence"
    assert {g.status for g in found.by_group["age"].values()} == {"not measured"}


class TestSmallGroups:
    """Groups under the minimum are merged or shown, never dropped, and never a pass."""

    def test_a_small_group_is_shown_and_keeps_the_rule_from_passing(self) -> None:
        """The others are equal and many; the verdict names who is missing."""
        found = judged({**EQUAL, "old": (30, 0.3)})
        assert statuses(found) == ["insufficient evidence"] * 2
        assert age(found).by_group["old"].status == "too small"
        assert "old" in found.verdicts["ratio"].explanation
        assert age(found).unmeasured == ("old",)

    def test_the_rule_can_still_fail_on_the_others(self) -> None:
        """A group more can only widen the gap."""
        found = judged({"young": (9000, 0.5), "middle": (9000, 0.2), "old": (30, 0.3)})
        assert statuses(found) == ["fail", "fail"]

    def test_a_small_group_is_merged_as_declared_and_all_parts_are_listed(self) -> None:
        """Sums add, variances add, and the rule can pass again."""
        found = judged(
            {**EQUAL, "old": (30, 0.3)}, sigma=3.0, merges={"old": "middle and old", "middle": "middle and old"}
        )
        groups = age(found).by_group
        assert list(groups) == ["young", "middle and old", "middle", "old"]
        assert groups["middle and old"].people == Measured(value=9030, sigma=math.hypot(3, 3))
        assert groups["old"].status == groups["middle"].status == "merged into middle and old"
        assert groups["old"].people.value == 30
        assert statuses(found) == ["pass", "pass"]

    def test_a_group_may_join_a_declared_level(self) -> None:
        """Old into middle: two groups are left to compare."""
        found = judged({**EQUAL, "old": (30, 0.3)}, merges={"old": "middle"})
        assert age(found).entering == ("young", "middle")
        assert age(found).by_group["middle"].people.value == 9030

    def test_merging_does_not_happen_where_everybody_is_enough(self) -> None:
        """A declared merge is for small groups only."""
        assert "wide" not in age(judged(EQUAL, merges={"old": "wide", "middle": "wide"})).by_group

    def test_a_merged_group_that_is_still_too_small_stays_unmeasured(self) -> None:
        """Merging is no way around the minimum."""
        found = judged({"young": (9000, 0.3), "middle": (10, 0.3), "old": (10, 0.3)}, merges={"old": "middle"})
        assert age(found).unmeasured == ("middle",)
        assert statuses(found) == ["insufficient evidence"] * 2

    @example({"a": "b", "b": "a"}, [1.0, 1.0, 1.0, 1.0])
    @given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("abcdxy")), st.lists(st.floats(0, 100), min_size=4))
    def test_any_declared_merges_end_and_lose_nobody(self, targets: dict[str, str], people: list[float]) -> None:
        """Chains and cycles included: the pooled numbers add up to the numbers before."""
        targets = {name: target for name, target in targets.items() if name != target}
        groups = {n: Group(people=Measured(value=p, sigma=1), totals={}) for n, p in zip("abcd", people, strict=False)}
        left, merged = merge_small(groups, targets, 50)
        assert sum(g.people.value for g in left.values()) == pytest.approx(sum(people[:4]))
        assert set(left) | set(merged) >= set("abcd")

    def test_a_pooled_group_means_the_same_whichever_part_was_small(self) -> None:
        """Old and middle are wide; wide and young are everybody: also when only young is small."""
        targets = {"old": "wide", "middle": "wide", "wide": "everybody", "young": "everybody"}
        for few in LEVELS:
            groups = {g: Group(people=Measured(value=5 if g == few else 90, sigma=1), totals={}) for g in LEVELS}
            pooled = {name: group.people.value for name, group in merge_small(groups, targets, 50)[0].items()}
            assert pooled == ({"everybody": 185} if few == "young" else {"young": 90, "wide": 95})

    def test_a_merge_that_is_not_made_changes_nothing(self) -> None:
        """Groups are as many as are compared: which ones depends on numbers of people, not on how they are served."""
        plain, merged = (age(judged(EQUAL, merges=m)) for m in (None, {"old": "wide", "middle": "wide"}))
        assert merged.difference == plain.difference
        assert merged.by_group == plain.by_group

    @pytest.mark.parametrize("few", [900, 5])
    def test_a_tiny_level_does_not_turn_a_fail_into_a_pass(self, few: int) -> None:
        """Old people are served half as well: they have their figures and fail the rule, whoever is few beside them."""
        world = {"young": (9000, 0.4), "middle": (9000, 0.4), "old": (900, 0.2), "ancient": (few, 0.4)}
        found = judged(world, merges=dict.fromkeys(("middle", "old", "ancient"), "35 and over"))
        assert statuses(found) == ["fail", "fail"]
        assert age(found).by_group["old"].metrics["ndcg@10"].value == pytest.approx(0.2)
        assert age(found).extremes("ndcg@10")[0] == "old"
        merged = few == 5
        assert ("35 and over" in age(found).entering) is merged
        assert ("“35 and over”, as not all have enough" in found.verdicts["ratio"].explanation) is merged
        if merged:
            assert age(found).by_group["old"].status == "merged into 35 and over"
            assert age(found).by_group["ancient"].metrics == {}
            assert set(age(found).compared) == {"young", "35 and over", "middle", "old"}
            assert "compared beside it: “middle”, “old”." in found.verdicts["ratio"].explanation

    def test_no_pass_where_the_parts_would_be_left_open(self) -> None:
        """Old people are too few to be sure of; pooled with many others they would have passed."""
        world = {"young": (9000, 0.4), "middle": (9000, 0.4), "old": (150, 0.36), "ancient": (5, 0.4)}
        merges = dict.fromkeys(("middle", "old", "ancient"), "35 and over")
        assert statuses(judged({k: v for k, v in world.items() if k != "ancient"})) == ["insufficient evidence"] * 2
        assert statuses(judged(world, merges=merges)) == ["insufficient evidence"] * 2
        pooled = {"young": world["young"], "middle": (9155, 0.3993)}
        sums = planted({"age": pooled})
        alone = assess(sums, [RATIO, GAP], levels={"age": ("young", "middle")}, minimum_people=50)
        assert statuses(alone) == ["pass", "pass"]

    def test_a_level_that_others_are_merged_into_keeps_its_figures(self) -> None:
        """Old people are served badly; five ancient ones, or many, who join them do not hide it."""
        for few in (5, 45):
            world = {"young": (9000, 0.4), "middle": (9000, 0.4), "old": (900, 0.2), "ancient": (few, 0.9)}
            found = judged(world, merges={"ancient": "old"})
            assert age(found).by_group["old (by itself)"].metrics["ndcg@10"].value == pytest.approx(0.2)
            assert "old (by itself)" in age(found).compared
            assert statuses(found) == ["fail", "fail"]

    @pytest.mark.parametrize("order", [("young", "middle", "old", "rest"), ("middle", "old", "young", "rest")])
    def test_a_wider_group_that_went_into_a_still_wider_one_keeps_its_figures(self, order: tuple[str, ...]) -> None:
        """Middle and old are few each and enough together; that young people are few too does not hide them."""
        people = {"young": (30, 0.4), "middle": (45, 0.0), "old": (45, 0.0), "rest": (9000, 0.4)}
        merges = {"middle": "wide", "old": "wide", "wide": "all", "young": "all"}
        sums = planted({"age": people})
        found = assess(sums, [GAP], levels={"age": order}, minimum_people=50, merges={"age": merges})
        assert age(found).compared == ("all", "rest", "wide")
        assert age(found).by_group["wide"].people.value == 90
        assert found.verdicts["gap"].status == "fail"

    @pytest.mark.parametrize(("old", "status"), [(0.4, "insufficient evidence"), (0.1, "fail")])
    def test_where_everybody_is_merged_into_one_nothing_passes(self, old: float, status: str) -> None:
        """The small group is then compared with nobody; those who have enough people can still fail the rule."""
        world = {"young": (9000, 0.4), "middle": (5, 0.0), "old": (9000, old)}
        found = judged(world, merges=dict.fromkeys(LEVELS, "everybody"))
        assert age(found).entering == ("everybody",)
        assert statuses(found) == [status, status]
        lone = judged({**world, "old": (9, 0.4)}, merges=dict.fromkeys(LEVELS, "everybody"))
        assert statuses(lone) == ["insufficient evidence"] * 2
        assert "Fewer than two groups" in lone.verdicts["ratio"].explanation

    def test_a_group_merged_into_itself_is_refused(self) -> None:
        """It would change nothing and read as if it did."""
        with pytest.raises(ConfigError, match="itself"):
            judged(EQUAL, merges={"old": "old"})


class TestWhoIsCompared:
    """Declared levels and undisclosed enter rules; other is shown."""

    def test_other_is_shown_and_enters_no_rule(self) -> None:
        """Served badly, a few change no verdict; how many they are is said with it."""
        found = judged({**EQUAL, "other": (2600, 0.01)})
        assert statuses(found) == ["pass", "pass"]
        assert (
            "This rule does not compare “other”, about 2,600 (2,598 to 2,602) people."
            in found.verdicts["gap"].explanation
        )
        assert age(found).by_group["other"].status == "measured"
        assert "other" not in age(found).entering

    @pytest.mark.parametrize("many", [2800.0, 54_000.0, math.nan])
    def test_no_rule_passes_where_more_than_a_tenth_is_other(self, many: float) -> None:
        """Of 27,000 compared; a number that was not released is none that is small enough."""
        found = judged({**EQUAL, "other": (many, 0.01)})
        assert statuses(found) == ["insufficient evidence"] * 2
        assert "more people than a tenth of those compared" in found.verdicts["ratio"].explanation
        uneven = judged({**EQUAL, "old": (9000, 0.1), "other": (many, 0.01)})
        assert statuses(uneven) == ["fail", "fail"]

    def test_who_is_in_no_intersection_counts_as_left_out(self) -> None:
        """Other and undisclosed of either attribute are in no group where two meet, however many they are."""
        meet = {f"{a} × {b}": (9000.0, 0.3) for a in ("young", "old") for b in ("f", "m")}
        rule = FairnessRule(name="r", attribute="age × sex", metric="ndcg@10", statistic="ratio", bound=0.8)
        for many, status in ((3500.0, "pass"), (3700.0, "insufficient evidence")):
            sexes = {"f": (18_000.0, 0.3), "m": (18_000.0, 0.3), "undisclosed": (many, 0.01)}
            ages = {"young": (18_000.0, 0.3), "old": (18_000.0, 0.3)}
            sums = planted({"age": ages, "sex": sexes, "age × sex": meet})
            levels = {"age": ("young", "old"), "sex": ("f", "m")}
            found = assess(sums, [rule], levels=levels, minimum_people=50, intersections=[("age", "sex")])
            assert found.verdicts["r"].status == status
            assert f"“undisclosed” (sex), about {many:,.0f}" in found.verdicts["r"].explanation

    def test_undisclosed_enters(self) -> None:
        """People who gave no value count: served badly, they fail the rule."""
        assert statuses(judged({**EQUAL, "undisclosed": (9000, 0.01)})) == ["fail", "fail"]

    def test_few_undisclosed_do_not_block_a_pass(self) -> None:
        """They are no declared level; the report shows them as too small."""
        found = judged({**EQUAL, "undisclosed": (8, 0.0)})
        assert statuses(found) == ["pass", "pass"]
        assert age(found).by_group["undisclosed"].status == "too small"
        assert "This rule does not compare “undisclosed”, about 8" in found.verdicts["ratio"].explanation

    def test_a_released_group_that_nobody_declared_is_not_dropped(self) -> None:
        """It enters the rules like a declared one."""
        found = judged({**EQUAL, "ancient": (9000, 0.01)})
        assert statuses(found) == ["fail", "fail"]

    def test_people_who_were_not_assessed_are_counted_as_such(self) -> None:
        """The planted world has 300 more people overall than in its groups."""
        assert age(judged(EQUAL)).not_assessed.value == pytest.approx(300)


def _mean(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    return float(np.mean(y_true))


def test_fairlearn_says_the_same_from_one_row_a_person() -> None:
    """Without noise, one row a group gives what MetricFrame gives on the people themselves."""
    from fairlearn.metrics import MetricFrame

    rng = np.random.default_rng(11)
    level = rng.choice(LEVELS, 900, p=[0.5, 0.3, 0.2])
    metric = rng.random(900)
    frame = MetricFrame(metrics=_mean, y_true=metric, y_pred=metric, sensitive_features=level)
    groups = {g: (float((level == g).sum()), float(metric[level == g].mean())) for g in LEVELS}
    found = age(judged(groups))
    assert found.overall["ndcg@10"].value == pytest.approx(frame.overall)
    assert found.difference["ndcg@10"].value == pytest.approx(frame.difference())
    assert found.ratio["ndcg@10"].value == pytest.approx(frame.ratio())
    assert {g: found.by_group[g].metrics["ndcg@10"].value for g in LEVELS} == pytest.approx(dict(frame.by_group))


@given(
    st.sampled_from(["ratio", "difference"]), st.floats(0, 1), st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
)
def test_no_interval_both_keeps_and_breaks_a_rule(statistic: Statistic, bound: float, ends: list[float]) -> None:
    """And one that holds both sides does neither."""
    rule = FairnessRule(name="r", attribute="a", metric="m", statistic=statistic, bound=bound)
    interval = Interval(low=ends[0], high=ends[1])
    assert not (rule.kept_by(interval) and rule.broken_by(interval))
    if interval.low < bound < interval.high:
        assert not rule.kept_by(interval)
        assert not rule.broken_by(interval)


def test_more_groups_leave_each_interval_and_raise_the_bar_for_a_gap() -> None:
    """A group's interval holds by itself; that two of many groups differ is said later than of three."""
    uneven = {**EQUAL, "old": (9000, 0.28)}
    few, many = (age(judged(w)) for w in (uneven, {**uneven, **{f"level {i}": (9000, 0.29) for i in range(9)}}))
    assert few.by_group["old"].metrics["ndcg@10"] == many.by_group["old"].metrics["ndcg@10"]
    assert few.difference["ndcg@10"].interval.low > many.difference["ndcg@10"].interval.low


def test_the_assessment_is_plain_json() -> None:
    """No value that JSON does not know, even where nothing could be measured."""
    found = judged({**EQUAL, "old": (math.nan, math.nan)})
    text = json.dumps(found.as_json(), allow_nan=False)
    assert json.loads(text)["verdicts"]["ratio"]["status"] == "insufficient evidence"


@pytest.mark.parametrize(
    "change",
    [
        {"statistic": "median"},
        {"bound": 1.2},
        {"bound": -0.1},
        {"bound": math.nan},
        {"metric": "popularity_lift@10"},
        {"metric": "noise_cost@10", "statistic": "difference", "bound": 0.5},
    ],
    ids=[
        "another statistic",
        "bound above 1",
        "bound below 0",
        "bound not a number",
        "a ratio of what may be negative",
        "a difference beyond the range",
    ],
)
def test_a_rule_out_of_range_is_refused(change: dict[str, Any]) -> None:
    """Before anything is judged."""
    facts: dict[str, Any] = {"name": "r", "attribute": "a", "metric": "m", "statistic": "ratio", "bound": 0.8}
    with pytest.raises(ConfigError):
        FairnessRule(**{**facts, **change})


def test_settings_out_of_range_are_refused() -> None:
    """Two rules of one name, a minimum of nobody, a confidence in per cent."""
    sums = planted({"age": EQUAL})
    with pytest.raises(ConfigError, match="own name"):
        assess(sums, [RATIO, RATIO], levels={"age": LEVELS}, minimum_people=50)
    with pytest.raises(ConfigError, match="least number"):
        assess(sums, [RATIO], levels={"age": LEVELS}, minimum_people=0)
    with pytest.raises(ConfigError, match="confidence"):
        assess(sums, [RATIO], levels={"age": LEVELS}, minimum_people=50, confidence=95)


def drawn(means: Mapping[str, float], *, people: int, sigma: float, rng: np.random.Generator) -> EvaluationSums:
    """The release of people drawn from a world with these means, sampling and noise included."""
    cells = {}
    for group, mean in means.items():
        for metric, value in (("people", float(people)), ("ndcg@10", float(rng.binomial(people, mean)))):
            noisy = Measured(value=value + rng.normal() * sigma, sigma=sigma)
            cells[Cell(metric=metric, attribute="age", group=group)] = noisy
    return EvaluationSums(noise="system", cells=cells)


@pytest.mark.prove
def test_a_world_on_the_wrong_side_rarely_passes_and_one_on_the_right_side_rarely_fails() -> None:
    """Close to the bound at most 5% of 300 releases are misjudged; the bare estimate errs often."""
    rng = np.random.default_rng(21)
    passes = fails = naive = 0
    for _ in range(300):
        wrong = drawn({"young": 0.4, "middle": 0.4, "old": 0.319}, people=1500, sigma=10, rng=rng)
        right = drawn({"young": 0.4, "middle": 0.4, "old": 0.321}, people=1500, sigma=10, rng=rng)
        verdicts = [
            assess(s, [RATIO], levels={"age": LEVELS}, minimum_people=50).verdicts["ratio"] for s in (wrong, right)
        ]
        passes += verdicts[0].status == "pass"
        fails += verdicts[1].status == "fail"
        naive += (verdicts[0].estimate or 0.0) >= RATIO.bound
    assert passes / 300 <= 0.05 + BY_CHANCE
    assert fails / 300 <= 0.05 + BY_CHANCE
    assert naive / 300 > 0.2


def test_a_gap_in_a_signed_metric_may_be_as_wide_as_its_range() -> None:
    """Popularity lift lies between -1 and 1: a bound of 1.2 is a rule, and nothing is known from -1 to 1."""
    rule = FairnessRule(name="r", attribute="age", metric="popularity_lift@10", statistic="difference", bound=1.2)
    sums = planted({"age": EQUAL}, metrics=("popularity_lift@10",))
    found = assess(sums, [rule], levels={"age": LEVELS}, minimum_people=50)
    assert found.verdicts["r"].status == "pass"
    assert "lowest" in found.verdicts["r"].explanation
    assert "popularity_lift@10" not in age(found).ratio
    nothing = assess(EvaluationSums(noise="system", cells={}), [rule], levels={"age": LEVELS}, minimum_people=50)
    assert nothing.verdicts["r"].interval == Interval(low=0.0, high=2.0)


def test_where_less_is_better_the_highest_group_is_the_worst_served() -> None:
    """The verdict's words follow the metric's direction."""
    rule = FairnessRule(name="r", attribute="age", metric="fallback", statistic="difference", bound=0.1)
    uneven = {**EQUAL, "old": (9000, 0.6)}
    found = assess(planted({"age": uneven}, metrics=("fallback",)), [rule], levels={"age": LEVELS}, minimum_people=50)
    assert found.verdicts["r"].status == "fail"
    assert "the one that looks worst served (“old”)" in found.verdicts["r"].explanation


WHOLE, WHOLE_LEVELS = whole_release(40_000), {"age": LEVELS, "home": ("alone", "others")}


class TestTheWholeVector:
    """Everything that one release may have: intersections, strata, groups of items, who shaped the model."""

    def assessed(
        self, *, people: int = 40_000, rules: tuple[FairnessRule, ...] = (), **world: Any
    ) -> FairnessAssessment:
        return assess(
            whole_release(people, **world),
            rules,
            levels=WHOLE_LEVELS,
            merges={"age": {"middle": "older", "old": "older"}},
            minimum_people=50,
            intersections=[("age", "home")],
            item_columns={"department": {"MEAT": 0.2, "other": 0.8}},
        )

    def test_what_says_how_much_people_differ_makes_intervals_narrower(self) -> None:
        """And are no metrics of their own; nor are the counts of who agreed."""
        with_inside = age(self.assessed()).by_group["young"].metrics
        without = age(self.assessed(inside=False)).by_group["young"].metrics
        assert list(with_inside) == ["ndcg@10", "hit@10"]
        widths = {
            name: [m[name].interval.high - m[name].interval.low for m in (with_inside, without)] for name in with_inside
        }
        assert widths["ndcg@10"][0] < 0.8 * widths["ndcg@10"][1]
        assert widths["hit@10"][0] == pytest.approx(widths["hit@10"][1], rel=0.01)

    def test_intersections_are_judged_like_attributes(self) -> None:
        """Older people who live alone are served worse: the rule about the intersection fails, those about each not."""
        rules = tuple(
            FairnessRule(name=a, attribute=a, metric="ndcg@10", statistic="ratio", bound=0.65)
            for a in ("age", "home", "age × home")
        )
        found = self.assessed(people=80_000, rules=rules, worse=(("middle", "old"), "alone"))
        assert [found.verdicts[a].status for a in ("age", "home", "age × home")] == ["pass", "pass", "fail"]
        assert found.intersections["age × home"].extremes("ndcg@10")[0] == "older × alone"

    def test_a_gap_that_follows_from_history_is_gone_at_equal_histories(self) -> None:
        """Old people have short histories, and short histories are served worse, whoever has them."""
        found = self.assessed(people=80_000, short=("old",))
        gap = age(found).difference["ndcg@10"].interval
        same = next(c for c in found.conditioned if (c.attribute, c.metric) == ("age", "ndcg@10"))
        assert sum(same.weights) == pytest.approx(1)
        assert list(same.by_group) == ["young", "older"]
        assert gap.low > 0.01
        assert same.difference.interval.low == 0
        assert same.difference.interval.high < gap.high

    def test_a_gap_that_has_nothing_to_do_with_history_stays(self) -> None:
        """Whoever is served worse at every length is served worse on the whole."""
        found = self.assessed(people=80_000, worse=(("old",), None))
        same = next(c for c in found.conditioned if (c.attribute, c.metric) == ("age", "ndcg@10"))
        assert same.difference.interval.low > 0.005
        assert same.ratio.interval.high < 1

    def test_few_people_are_not_compared_by_history(self) -> None:
        """No stratum, no figure."""
        assert self.assessed(people=90).conditioned == ()

    def test_items_and_who_shaped_the_model(self) -> None:
        """Shares of what is shown and used; of those who agreed to be assessed, who agreed to train."""
        found = self.assessed()
        meat = found.items["department"]["MEAT"]
        assert meat.catalogue == 0.2
        assert 0.3 in meat.exposure.interval
        assert 0.1 in meat.interest.interval
        young = found.shaped["age"]["young"]
        assert young.consented.value == pytest.approx(0.8, abs=0.02)
        assert 0 < young.consented.interval.high - young.consented.interval.low < 0.03
        declared = {level for level in found.shaped["age"] if level not in (OTHER, UNDISCLOSED)}
        assert declared == {"young", "older"}  # as wide as merges make them: few people disagree

    def test_it_is_plain_json_and_what_was_not_released_is_empty(self) -> None:
        """Also from a release that has groups only."""
        json.dumps(self.assessed().as_json(), allow_nan=False)
        bare = judged(EQUAL)
        assert (bare.intersections, bare.conditioned, bare.items, bare.shaped) == ({}, (), {}, {})

    @settings(max_examples=12, deadline=None)
    @given(st.data())
    def test_no_rule_passes_where_a_declared_group_was_not_measured(self, data: st.DataObject) -> None:
        """Any one cell of a compared group gone, not a number, infinite or tiny: never a pass."""
        sums = WHOLE
        attribute = data.draw(st.sampled_from(["age", "age × home"]))
        groups = sorted({c.group for c in sums.cells if c.attribute == attribute} - {"other", "undisclosed"})
        group = data.draw(st.sampled_from(groups))
        cell = Cell(metric=data.draw(st.sampled_from(["people", "ndcg@10"])), attribute=attribute, group=group)
        value = data.draw(
            st.sampled_from([None, math.nan, math.inf, -math.inf, 0.0 if cell.metric == "people" else None])
        )
        cells = {c: m for c, m in sums.cells.items() if c != cell}
        if value is not None:
            cells[cell] = Measured(value=value, sigma=sums[cell].sigma)
        rules = [
            FairnessRule(name=s, attribute=attribute, metric="ndcg@10", statistic=s, bound=b)
            for s, b in (("ratio", 0.5), ("difference", 0.5))
        ]
        found = assess(
            EvaluationSums(noise="system", cells=cells),
            rules,
            levels=WHOLE_LEVELS,
            merges={"age": {"young": "older"}} if attribute != "age" else {},
            intersections=[("age", "home")],
            minimum_people=50,
        )
        assert {v.status for v in found.verdicts.values()} <= {"insufficient evidence", "fail"}
