"""The report with everything in it: each part says what it shows, how sure that is, and nothing that is not known."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from assurance_report_worlds import LEVEL, attribute, conditioned, estimate, items, mitigated, rich_assessment, shaped
from assurance_worlds import planted, summary
from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.champion import read_champion
from tactful.assurance.charts import ChartRow, interval_chart
from tactful.assurance.fairness import FairnessRule, assess
from tactful.assurance.fairness_record import fairness_document
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.metrics import METRICS
from tactful.assurance.report import fairness_report
from tactful.assurance.report_change import changes, factor
from tactful.assurance.report_figures import number, said, tells
from tactful.assurance.summary import about
from tactful.assurance.verdicts import Verdict
from tactful.privacy.sums import Measured
from test_assurance_report import CANARY, outline

ADVICE = ("Row weights: let groups with few people count for more.",)
PARTS = [
    "glance",
    "verdicts",
    "change",
    "unknown",
    "harms",
    "champion",
    "quality",
    "attribute-1",
    "intersections",
    "items",
    "coverage",
    "shaped",
    "guessing",
    "noise",
    "mitigation",
    "consent",
    "method",
]


def full(assessment: FairnessAssessment | None = None) -> str:
    """The page with a champion, advice and a mitigation."""
    found = assessment or rich_assessment()
    champion = read_champion("3", fairness_document(found, created="2026-10-01T08:00:00+00:00"))
    return fairness_report(summary(), found, champion=champion, mitigation=ADVICE, mitigated=mitigated())


@pytest.fixture(scope="module")
def page() -> str:
    return full()


def words(page: str) -> str:
    """What people read, on one line."""
    return re.sub(r"\s+", " ", outline(re.sub("(</t[dh]>)", r" \1", page)).text)


def part(page: str, name: str) -> str:
    """One section of the page."""
    found: str = page.split(f'<section aria-labelledby="{name}"')[1].split("</section>")[0]
    return found


def test_every_part_is_there_in_the_order_of_a_decision(page: str) -> None:
    """First what it is for, who is not in it and the verdicts; then what would change them; then the evidence."""
    ids = outline(page).ids
    places = [ids.index(name) for name in PARTS]
    assert places == sorted(places)


def test_the_top_answers_what_a_reviewer_asks_first(page: str) -> None:
    """Purpose, people left out, tally, every verdict, worst gap with its interval, people, champion: in one card."""
    top = words(page.split('aria-labelledby="glance"')[1].split("</section>")[0])
    for said_there in (
        "Suggest product types to households",
        "People who did not consent to personalization.training",
        "Of 6 rules: 1 passed, 3 failed, 2 left open for want of evidence.",
        "Insufficient evidence nDCG@10 by age × household",
        "could be anything from 40% to 59%",
        "The smallest group that is compared is “undisclosed” (age), with about 61 (53 to 69) evaluated people",
        "Against version 3, the current champion, of 6 gaps: 6 not to be told apart.",
    ):
        assert said_there in top, said_there


def test_headings_step_down_one_level_at_a_time(page: str) -> None:
    """Whoever hears the page can find their way: one h1, and no level is left out."""
    levels = [int(tag[1]) for tag in outline(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_it_is_well_formed_and_asks_for_nothing(page: str) -> None:
    """Also with every part: tags close, ids are unique, no script, no address, no handler."""
    found = outline(page)
    assert found.open == []
    assert len(set(found.ids)) == len(found.ids)
    assert set(found.named) <= set(found.ids)
    assert not re.search(r"https?:|@import|url\(|<(script|link|iframe|img|object|form|base)|javascript:", page, re.I)
    assert not re.search(r"<[^>]*\s(on\w+|src|href|srcset|action)\s*=", page, re.I)


def test_every_plot_has_its_words_and_its_table(page: str) -> None:
    """A name, a description, a legend, and the same figures in a table behind it."""
    for figure in page.split("<figure>")[1:]:
        inside, after = figure.split("</figure>")[0], figure.split("</figure>")[1]
        assert 'role="img"' in inside
        assert re.search(r"<title[^>]*>[^<]+</title><desc[^>]*>[^<]+</desc>", inside)
        assert re.search(r"<figcaption>[^<]+</figcaption>", inside)
        table = after.split("</table>")[0]
        assert len(re.findall('class="label"', inside)) <= table.count('<th scope="row">')


def test_metrics_of_rules_are_open_and_the_others_folded(page: str) -> None:
    """By age two metrics have rules; the rest lie in a part that opens without a script."""
    by_age = part(page, "attribute-1")
    first, folded = by_age.split("<details>")
    assert re.findall(r"<h3>([^<]+)</h3>", first)[:2] == ["nDCG@10", "Miscalibration@10"]
    assert "Recall@10" in re.findall(r"<h3>([^<]+)</h3>", folded)
    assert "Cost of noise" not in by_age
    assert "<summary>6 more metrics by age" in folded


def test_it_claims_no_more_than_was_measured(page: str) -> None:
    """It names harms and never calls anything fair or without bias; a fold or a part does not escape that."""
    text = words(page)
    assert not re.search(
        r"unbiased|de-?bias|\b(is|are|be|was|were) fair\b|\bfair (model|result|recommend)|no bias|bias-free|eliminat|"
        r"guarantees fairness|non-?discriminat|\bproves\b|\bsolve[sd]?\b",
        text,
        re.I,
    )
    assert "Harm in quality of service" in text
    assert "Harm in allocation" in text
    assert "a gap is no proof of its cause" in text


def test_conditioned_gaps_stand_beside_the_plain_ones(page: str) -> None:
    """Those of the same groups, with intervals, strata, their weights and reach; no claim where intervals overlap."""
    by_age, by_household = (words(part(page, f"attribute-{i}")) for i in (1, 3))
    before = "0.101 (0.074 to 0.127) with histories as they are"
    assert f"{before}, 0.020 (0.000 to 0.047) when they are equally long. The intervals do not overlap" in by_age
    assert "part of the gap between these groups goes with how long histories are" in by_age
    assert "30–99 items (45%)" in by_age
    assert "About 93% of those evaluated in these groups" in by_age
    assert "whether the gap goes with how long histories are cannot be told" in by_household


def test_items_are_called_shown_less_only_where_intervals_say_so(page: str) -> None:
    """Of five departments one is shown more, one less, and for three it cannot be told."""
    text = words(part(page, "items"))
    assert "Shown less than they are used: “FLORAL”." in text
    assert "Shown more than they are used: “GROCERY”." in text
    assert "Whether 3 of 5 groups are shown more or less than used cannot be told." in text


def test_many_groups_of_items_are_all_in_the_table() -> None:
    """The plot has the first fourteen, and says so."""
    found = replace(rich_assessment(), items={"category": items(*(f"category {i}" for i in range(40)))})
    text = part(full(found), "items")
    assert text.count('class="label"') == 14
    assert text.count('<th scope="row">') == 40
    assert "Drawn are the 14 shown most of 40" in text


def test_who_shaped_the_model_says_what_selection_does(page: str) -> None:
    """Shares with intervals, people known, the learned part of histories, and what that means for the conclusions."""
    text = words(part(page, "shaped"))
    assert "“undisclosed” (0.615), most in “45-54” (0.801); the intervals overlap" in text
    assert "holds for those of it who agreed" in text
    assert "about 406 (394 to 417) 0.678 0.610 to 0.746 0.369 0.344 to 0.395" in text


def test_leakage_is_told_against_popularity(page: str) -> None:
    """Seen, not seen, or not to be told; never a dot where an interval leaves everything open."""
    text = words(part(page, "guessing"))
    assert "Age: lists give groups away to some degree; whether that is more than popularity alone" in text
    assert "Household: lists were not seen to give groups away" in text
    assert "Marital status: cannot tell." in text
    assert part(page, "guessing").count('class="dot"') == 2
    assert "Not drawn: 1 of 3, of which nothing can be told." in text


def test_what_was_not_tried_is_not_told_as_if_it_had_been() -> None:
    """No released value is spoken of where no guess was made, and its budget is said to have gone back."""
    base = rich_assessment()
    blind = estimate(0.5, 0.5)
    untried = replace(base.guessing["age"], levels=(), auc=blind, popularity_auc=blind)
    page = full(replace(base, guessing={"age": untried, "household": untried}))
    text = words(part(page, "guessing"))
    assert "Not tried, for any attribute" in text
    assert "given back to the budget" in text
    assert "released values cannot tell" not in text.lower()
    assert "but for how well groups can be guessed" not in words(page)
    mixed = words(part(full(replace(base, guessing={**base.guessing, "income": untried})), "guessing"))
    assert "income none: not tried – – – –" in mixed


def test_where_no_group_is_compared_the_measured_ones_are_said_to_be_compared_by_no_rule() -> None:
    """“No group was measured” does not stand above a group that was."""
    base = rich_assessment()
    age = base.attributes["age"]
    few = {name: replace(group, status="too small", metrics={}) for name, group in age.by_group.items()}
    other = {**few, "other": replace(age.by_group["45-54"], status="measured")}
    empty = replace(age, by_group=other, entering=(), overall={}, difference={}, ratio={})
    text = words(fairness_report(summary(), replace(base, attributes={"age": empty}, conditioned=(), verdicts={})))
    assert "No group that rules compare was measured" in text
    assert "other: measured, and compared by no rule." in text


def test_who_pays_for_the_noise_is_told_where_it_can_be(page: str) -> None:
    """The excess gap with its interval, or that it may be nothing."""
    text = words(part(page, "noise"))
    assert "More noise takes most from “under 35” (0.024)" in text
    assert "(excess gap): 0.012 (0.004 to 0.019)" in text
    assert "what one would pay more (excess gap) may be nothing" in text


def test_a_mitigation_whose_interval_holds_0_is_unresolved(page: str) -> None:
    """One gap was cut; for the other the page does not say so."""
    text = words(part(page, "mitigation"))
    assert "−0.040 (−0.050 to −0.030) Gap" in text
    assert "−0.002 (−0.012 to 0.008): unresolved" in text


def test_parts_that_were_not_measured_are_left_out() -> None:
    """No empty headings; what is missing is said to be unknown."""
    plain = replace(rich_assessment(), intersections={}, conditioned=(), items={}, shaped={}, guessing={}, coverage={})
    page = fairness_report(summary(), plain)
    ids = outline(page).ids
    assert not {"champion", "intersections", "items", "coverage", "shaped", "guessing", "mitigation"} & set(ids)
    text = words(page)
    assert "How people who belong to two groups at once are served." in text
    assert "such as how long histories are" in text
    assert "This run did not measure which items" in text
    assert "mitigations may be tried" not in text


def test_what_nobody_can_tell_is_one_sentence_and_no_plot() -> None:
    """Where no group of an attribute has a figure, there is nothing to draw; the intervals are folded away."""
    base = rich_assessment()
    blind = estimate(0.5, 0.5)
    items_unknown = estimate(900.0, 899.0, high=1800.0)
    groups = {name: replace(group, consented=blind) for name, group in base.shaped["age"].items()}
    unknown = replace(
        base,
        shaped={"age": groups},
        coverage={"age": dict.fromkeys(groups, items_unknown)},
        guessing={"age": replace(base.guessing["age"], auc=blind, popularity_auc=blind)},
    )
    page = full(unknown)
    for name in ("shaped", "coverage", "guessing"):
        section = part(page, name)
        assert "<svg" not in section
        assert "The released values cannot tell, for any of them" in words(section)
        assert section.index("<details>") < section.index("<table>")


def test_an_attribute_of_which_nothing_can_be_told_has_no_plot() -> None:
    """Its groups and their intervals are still in a table, folded; no line stands for all of them together."""
    few = planted({"age": {"young": (26, 0.3), "old": (24, 0.4)}}, sigma=12.0)
    rule = FairnessRule(name="age_ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)
    page = fairness_report(summary(), assess(few, [rule], levels={"age": ("young", "old")}, minimum_people=20))
    by_age = part(page, "attribute-1")
    assert "<svg" not in by_age.split("<details>")[0]
    assert "cannot tell" in words(by_age)
    assert 'class="reference"' not in by_age
    assert by_age.count('<th scope="row">young</th>') == 2


def test_a_gap_that_may_be_none_is_said_to_be_so() -> None:
    """The largest estimate is still told, but not as a gap that is there."""
    sums = planted({"age": {"young": (400, 0.30), "old": (400, 0.29)}})
    found = assess(sums, [], levels={"age": ("young", "old")}, minimum_people=20)
    assert "No gap is certain here" in words(fairness_report(summary(), found))
    assert "No gap is certain" not in words(full())


def test_no_number_of_people_is_shown_as_certainly_none() -> None:
    """Noise that took a count far below 0 leaves what it could have hidden."""
    assert about(Measured(value=-30.0, sigma=7.0)) == "about 0 (0 to 14)"
    assert about(Measured(value=-3.2, sigma=7.0)) == "about 0 (0 to 11)"


def test_everything_for_six_attributes_stays_under_two_megabytes() -> None:
    """Six attributes of fourteen groups by nine metrics, each conditioned, shaped and compared with a champion."""
    people = {f"a group with a rather long name, {g}": 400.0 + g for g in range(14)}
    names = [f"attribute {a}" for a in range(6)]
    attributes = {name: attribute(people) for name in names}
    base = conditioned("age")
    found = replace(
        rich_assessment(),
        attributes=attributes,
        conditioned=tuple(replace(base, attribute=name) for name in names),
        shaped={name: shaped(people) for name in names},
        items={name: items(*people) for name in names},
    )
    assert len(METRICS) == len(LEVEL) == 9
    assert len(full(found).encode()) < 2_000_000


def test_no_name_becomes_markup_anywhere() -> None:
    """Groups, columns, items, levels, advice and a champion's document full of markup are shown as written."""
    people = {CANARY: 500.0, "others": 400.0}
    base = rich_assessment()
    found = replace(
        base,
        attributes={CANARY: attribute(people)},
        intersections={CANARY: attribute(people)},
        conditioned=(),
        items={CANARY: items(CANARY, "b")},
        shaped={CANARY: shaped(people)},
        guessing={CANARY: replace(base.guessing["age"], levels=(CANARY, "x"))},
        coverage={CANARY: {CANARY: estimate(120.0, 9.0, high=900.0)}},
    )
    champion = read_champion(CANARY, fairness_document(found, created=CANARY))
    done = replace(mitigated(), method=CANARY, measured_on=CANARY, notes=(CANARY,))
    page = fairness_report(summary(), found, champion=champion, mitigation=(CANARY,), mitigated=done)
    assert "<b>canary" not in page
    assert "7*7" in page
    assert outline(page).open == []


class TestWhatWouldChangeIt:
    """How many more people would settle an open rule, and what would not."""

    RULE = FairnessRule(name="age_ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)

    def verdict(self, value: float | None, low: float, high: float, rule: FairnessRule | None = None) -> Verdict:
        """An open verdict."""
        return Verdict(
            status="insufficient evidence",
            reason="",
            estimate=value,
            interval=Interval(low=low, high=high),
            rule=rule or self.RULE,
        )

    def test_the_factor_is_the_square_of_what_the_interval_has_to_shrink_by(self) -> None:
        """From 0.2 to 0.1 on the side of the bound takes four times the people and a third more, on either side."""
        assert factor(self.verdict(0.9, 0.7, 0.95)) == pytest.approx(4 * 4 / 3)
        assert factor(self.verdict(0.7, 0.65, 0.9)) == pytest.approx(4 * 4 / 3)
        gap = FairnessRule(name="gap", attribute="age", metric="ndcg@10", statistic="difference", bound=0.1)
        assert factor(self.verdict(0.05, 0.0, 0.2, gap)) == pytest.approx(9 * 4 / 3)

    @pytest.mark.parametrize("value", [None, 0.8, 0.805])
    def test_nothing_is_promised_where_people_do_not_settle_it(self, value: float | None) -> None:
        """No estimate, or one so close to the bound that chance decides."""
        assert factor(self.verdict(value, 0.6, 0.95)) is None

    @pytest.mark.parametrize("sigma", [0.5, 10.0])
    @pytest.mark.parametrize("people", [200, 900])
    @pytest.mark.parametrize(("worse", "status"), [(0.27, "pass"), (0.26, "pass"), (0.22, "fail"), (0.21, "fail")])
    def test_so_many_people_do_settle_it(self, worse: float, status: str, people: float, sigma: float) -> None:
        """A rule that is open on a planted world is closed when every group has the factor times its people, and not
        yet with a fifth of that."""

        def judged(times: float) -> Verdict:
            sums = planted({"age": {"young": (people * times, 0.3), "old": (people * times, worse)}}, sigma=sigma)
            found = assess(sums, [self.RULE], levels={"age": ("young", "old")}, minimum_people=20)
            return found.verdicts["age_ratio"]

        times = factor(judged(1))
        assert judged(1).status == "insufficient evidence"
        assert times is not None
        assert judged(times).status == status
        assert judged(times / 5).status == "insufficient evidence"

    def test_each_rule_that_did_not_pass_is_answered(self) -> None:
        """Failed rules together, each open one by itself, with people where people help."""
        failed, household, meet = changes(rich_assessment())
        assert failed.startswith("nDCG@10 by age; nDCG@10 by income; Miscalibration@10 by age: every value")
        assert household.startswith("nDCG@10 by household: about 5 times as many evaluated people in these groups")
        assert "there is no figure for “1 Adult Kids”: at least 20 evaluated people" in household
        assert "about 4 times as many" in meet
        assert "order of magnitude" in meet

    def test_a_pass_is_not_for_ever(self) -> None:
        """Where all rules passed the page says what the passes are about."""
        found = rich_assessment()
        passed = {name: v for name, v in found.verdicts.items() if v.status == "pass"}
        (text,) = changes(replace(found, verdicts=passed))
        assert "judge each training anew" in text

    def test_groups_that_are_too_small_are_named_first(self) -> None:
        """Where fewer than two groups were measured, people are what is needed."""
        few = assess(
            planted({"age": {"young": (4, 0.3), "old": (5, 0.3)}}),
            [self.RULE],
            levels={"age": ("young", "old")},
            minimum_people=50,
        )
        assert changes(few) == [
            "nDCG@10 by age: at least two groups need 50 evaluated people each, by the released number."
        ]


class TestFigures:
    """How a figure is said, and when it is not."""

    def test_a_figure_tells_by_what_it_can_be(self) -> None:
        """A cost within ±0.2 is known poorly at ±0.19, although that is a narrow interval on other scales."""
        assert said(estimate(0.0, 0.19, -0.2, 0.2)) == "cannot tell"
        assert said(estimate(0.0, 0.19, -1.0, 1.0)) == "0.000"
        assert not tells(Estimate(value=5.0, interval=Interval(low=0.0, high=math.inf), range=math.inf))

    @pytest.mark.parametrize(
        ("value", "text"), [(-0.0401, "−0.040"), (-0.0001, "0.000"), (0.5, "0.500"), (1234.5678, "1,234.568")]
    )
    def test_numbers_have_a_true_minus_and_no_negative_zero(self, value: float, text: str) -> None:
        """As people write them."""
        assert number(value) == text

    def test_a_chart_of_values_below_zero_has_a_negative_side(self) -> None:
        """0 is on the axis and stands out; marks are where their values are."""
        row = ChartRow(label="a", note="", value=-0.05, interval=Interval(low=-0.1, high=0.05))
        chart = interval_chart([row], key="k", title="t", description="d")
        assert '<line class="grid zero" x1="66.67%"' in chart
        assert '<circle class="dot" cx="33.33%"' in chart
        assert ">−0.1<" in chart
        assert ">0.05<" in chart

    @pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.2, 0.2), (-0.011, 0.19), (-0.3, -0.1), (5.0, 340.0)])
    def test_every_axis_holds_what_is_drawn_in_a_few_round_steps(self, low: float, high: float) -> None:
        """Nothing is cut off, 0 is on the axis, and there are at most six numbers."""
        row = ChartRow(label="a", note="", value=None, interval=Interval(low=low, high=high))
        chart = interval_chart([row], key="k", title="t", description="d")
        ticks = [float(t.replace("−", "-").replace(",", "")) for t in re.findall(r'class="tick"[^>]*>([^<]+)<', chart)]
        assert min(ticks) <= low
        assert max(ticks) >= high
        assert 0 in ticks
        assert len(ticks) <= 6
