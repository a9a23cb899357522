"""The fairness report: self-contained, accessible, complete, and safe whatever groups are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from assurance_worlds import planted, summary
from tactful.assurance.card import model_card
from tactful.assurance.charts import ChartRow, interval_chart, rule_chart
from tactful.assurance.evaluation import LIFT_CLIP
from tactful.assurance.fairness import FairnessAssessment, FairnessRule, assess
from tactful.assurance.intervals import Interval
from tactful.assurance.report import fairness_report
from tactful.assurance.report_verdicts import rests_on, worst_gap
from tactful.assurance.summary import metric_meaning
from tactful.privacy.sums import Measured

CANARY = "<b>canary</b>\"'&{{ 7*7 }}"
LEVELS = {"age": ("young", "old"), "home": ("alone", CANARY)}
RULES = [
    FairnessRule(name="age_ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(name="home_ratio", attribute="home", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(name="home_gap", attribute="home", metric="recall@10", statistic="difference", bound=0.1),
    FairnessRule(name="income_gap", attribute="income", metric="recall@10", statistic="difference", bound=0.1),
]
VOID = {"meta", "br", "hr", "img", "input", "link"}


def assessed(rules: list[FairnessRule] = RULES) -> FairnessAssessment:
    """One rule passes, two fail, one is left open; one group is too small."""
    groups = {
        "age": {"young": (9000, 0.3), "old": (9000, 0.3), "undisclosed": (12, 0.3)},
        "home": {"alone": (9000, 0.5), CANARY: (9000, 0.2)},
    }
    return assess(planted(groups), rules, levels=LEVELS, minimum_people=50)


@pytest.fixture(scope="module")
def page() -> str:
    return fairness_report(summary(), assessed())


@dataclass
class Outline(HTMLParser):
    """Tags as they open and close, ids, and the text people see."""

    open: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.named += [one for name, value in attrs if name == "aria-labelledby" for one in (value or "").split()]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title", "desc"} & set(self.open):
            self.text += data


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    return found


def test_it_asks_the_network_for_nothing_and_runs_nothing(page: str) -> None:
    """No script, handler, frame, address, import or font: it shows in a sandboxed frame, offline."""
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(|<(script|link|iframe|img|object|form|base)|javascript:", page, re.I
    )
    assert not re.search(r"<[^>]*\s(on\w+|src|href|srcset|action)\s*=", page, re.I)
    assert len(page.encode()) < 2_000_000


def test_it_is_well_formed(page: str) -> None:
    """Tags close in order, ids are unique, and every name that is referred to exists."""
    found = outline(page)
    assert found.open == []
    assert len(set(found.ids)) == len(found.ids)
    assert set(found.named) <= set(found.ids)


def test_it_states_each_verdict_in_words() -> None:
    """Status and explanation of every rule, and how many rules have which."""
    text = re.sub(r"\s+", " ", outline(fairness_report(summary(), assessed())).text)
    for verdict in assessed().verdicts.values():
        assert re.sub(r"\s+", " ", verdict.explanation) in text
        assert verdict.status.capitalize() in text
    assert "Of 4 rules: 1 passed, 2 failed, 1 left open for want of evidence." in text


def test_it_says_what_a_reviewer_has_to_know(page: str) -> None:
    """The worst gap, the people behind it, the notes, who is not in it, the unit and ε since the first debit."""
    text = re.sub(r"\s+", " ", outline(page).text)
    for said in (
        "The group that looks worst served",
        "about 9,000 (8,998 to 9,002) people",
        "The consent events are simulated",
        "Households that did not consent",
        "one household: all rows under one user_id",
        "ε = 11.31 at δ = 1e-06; the limit is 20",
        "about 307",
        "too few people to say",
    ):
        assert said in text, said


def test_it_claims_no_fairness(page: str) -> None:
    """It assesses; it never calls a model or a result fair or unbiased."""
    assert not re.search(r"unbiased|de-?bias|\bis fair\b|\bfair (model|result|recommend)|no bias", page, re.I)


def test_every_plot_has_a_name_a_description_and_a_table(page: str) -> None:
    """What a picture shows can be read and heard."""
    tags = outline(page).tags
    plots, figures = tags.count("svg"), tags.count("figure")
    assert plots == len(RULES) + figures
    assert tags.count("desc") == plots
    assert page.count('role="img"') == plots
    for figure in page.split("<figure>")[1:]:
        assert "<table>" in figure.split("</figure>")[1]


def test_no_name_can_become_markup(page: str) -> None:
    """Groups, models, notes and configurations of markup are shown as they are written; nothing is evaluated."""
    whole = page + fairness_report(
        summary(model=CANARY, notes=(CANARY,), unit=CANARY, config_text=CANARY, not_covered=(CANARY,)), assessed()
    )
    assert "<b>canary" not in whole
    assert "7*7" in whole
    assert outline(fairness_report(summary(config_text="</pre></main>"), assessed())).open == []


def test_reproducible_noise_is_said_at_the_top() -> None:
    """Before any figure."""
    page = fairness_report(summary(noise="reproducible"), assessed())
    assert page.index("reproducible noise") < page.index('id="verdicts"')
    assert "No guarantee: this noise protects nobody" in page
    assert "hides whether any one person" not in page
    assert "reproducible noise" not in fairness_report(summary(), assessed())


def test_what_the_values_cannot_tell_is_not_given_a_figure() -> None:
    """Two dozen people and their noise allow anything: no ratio is quoted, in no verdict, sentence, table or dot."""
    few = planted({"age": {"young": (26, 0.3), "old": (24, 0.4)}}, sigma=12.0)
    found = assess(few, RULES[:1], levels={"age": LEVELS["age"]}, minimum_people=20)
    verdict, page = found.verdicts["age_ratio"], fairness_report(summary(), found)
    text = re.sub(r"\s+", " ", outline(page).text)
    assert verdict.estimate is None
    assert verdict.explanation.startswith("The released values cannot tell")
    assert "looks worst served" not in text
    assert "The released values cannot tell which gap is the largest" in text
    assert 'class="dot"' not in page
    assert "cannot tell" in model_card(summary(), found)


def test_metrics_come_in_a_readers_order() -> None:
    """The model's own before the popularity list, and the lift, in words that name its bound, last."""
    run = summary(metrics={"lift@20": 0.04, "popularity_recall@20": 0.27, "recall@10": 0.2, "ndcg@10": 0.2})
    page = fairness_report(run, assessed()).split('id="quality"')[1].split("</section>")[0]
    names = re.findall(r'<th scope="row">([^<]+)</th>', page)
    assert names == ["nDCG@10", "Recall@10", "Recall@20 of the popularity list", "Lift over popularity, Recall@20"]
    assert f"±{LIFT_CLIP:g}" in metric_meaning("lift@20")


def test_without_rules_and_attributes_it_says_that_nothing_was_judged() -> None:
    """An empty page would read like a pass."""
    nothing = assess(planted({}), [], levels={}, minimum_people=50)
    text = outline(fairness_report(summary(), nothing)).text
    assert "nothing was judged" in text
    assert "no gap was measured" in text


def test_an_attribute_of_small_groups_is_still_shown() -> None:
    """Each of its groups by name."""
    few = assess(planted({"age": {"young": (4, 0.3), "old": (5, 0.3)}}), RULES, levels=LEVELS, minimum_people=50)
    text = outline(fairness_report(summary(), few)).text
    assert "young: too small" in text
    assert "old: too small" in text


def test_many_attributes_stay_under_two_megabytes() -> None:
    """Twenty attributes of twenty groups."""
    groups = {f"attribute {a}": {f"level {g}": (900.0, 0.3) for g in range(20)} for a in range(20)}
    levels = {name: tuple(by_group) for name, by_group in groups.items()}
    page = fairness_report(summary(), assess(planted(groups), [], levels=levels, minimum_people=50))
    assert len(page.encode()) < 2_000_000


class TestCharts:
    """Marks stand where the values are."""

    def test_a_mark_stands_at_its_value(self) -> None:
        """On an axis to 0.4, 0.1 is a quarter of the way."""
        row = ChartRow(label="a", note="", value=0.1, interval=Interval(low=0.05, high=0.3))
        chart = interval_chart([row], key="k", title="t", description="d", reference=0.2)
        assert '<circle class="dot" cx="25.00%"' in chart
        assert '<line class="interval" x1="12.50%" x2="75.00%"' in chart
        assert '<line class="reference" x1="50.00%" x2="50.00%"' in chart

    def test_a_group_that_was_not_measured_has_no_mark(self) -> None:
        """An empty line, not a zero."""
        row = ChartRow(label="a", note="too few", value=None, interval=None)
        chart = interval_chart([row], key="k", title="t", description="d")
        assert 'class="dot"' not in chart
        assert 'class="interval"' not in chart
        assert "track empty" in chart

    def test_an_interval_that_leaves_nearly_everything_open_has_no_dot(self) -> None:
        """What it allows is drawn; nothing stands for a best estimate."""
        row = ChartRow(label="a", note="about 20 people", value=None, interval=Interval(low=0.0, high=0.95))
        chart = interval_chart([row], key="k", title="t", description="d")
        assert 'class="dot"' not in chart
        assert 'class="interval" x1="0.00%" x2="95.00%"' in chart

    @pytest.mark.parametrize(
        ("keeps", "zone"),
        [
            (Interval(low=0.8, high=1.0), 'x="80.00%" y="8" width="20.00%"'),
            (Interval(low=0.0, high=0.1), 'x="0.00%" y="8" width="50.00%"'),
            (Interval(low=0.0, high=1.0), 'x="0.00%" y="8" width="100.00%"'),
        ],
        ids=["ratio", "difference", "everything keeps it"],
    )
    def test_the_shaded_zone_is_what_keeps_the_rule(self, keeps: Interval, zone: str) -> None:
        """From the bound to 1 for a ratio, from 0 to the bound for a difference."""
        found = Interval(low=0.05, high=0.15)
        chart = rule_chart(found, value=0.1, keeps=keeps, key="k", title="t", description="d")
        assert f'<rect class="zone" {zone}' in chart


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_is_readable_in_light_in_dark_and_in_print(scheme: int) -> None:
    """Text has at least 4.5 : 1 and marks at least 3 : 1 against what is behind them (WCAG 2.2, 1.4.3 and 1.4.11)."""
    css = files("tactful.assurance").joinpath("templates/report.css.j2").read_text(encoding="utf-8")
    colours = _colours(css.split(":root {")[1 + scheme].split("}")[0])
    pairs = [(ink, paper) for ink in ("text", "muted") for paper in ("page", "card")]
    pairs += [(status, f"{status}-soft") for status in ("pass", "fail", "open")] + [("text", "open-soft")]
    assert all(contrast(colours[ink], colours[paper]) >= 4.5 for ink, paper in pairs)
    assert min(contrast(colours[mark], colours["card"]) for mark in ("accent", "second")) >= 3
    assert contrast(colours["edge"], colours["zone"]) >= 3


def test_a_number_of_people_below_zero_is_shown_as_none() -> None:
    """Noise may take a count below 0; nobody reads of minus three people."""
    page = fairness_report(summary(consent={"minor": Measured(value=-3.2, sigma=7.0)}), assessed())
    assert "about 0 (0 to 11)" in page


def test_the_largest_of_many_gaps_is_said_to_be_chosen() -> None:
    """One gap that was looked at alone may be called a gap; the same one as the largest of 41 cannot."""
    uneven, even = {"young": (3000, 0.30), "old": (3000, 0.265)}, {"young": (3000, 0.30), "old": (3000, 0.30)}
    chosen, perhaps = "It was chosen as the largest of", "No gap is certain here"
    for others, alone in ((0, True), (40, False)):
        worlds = {"age": uneven, **{f"a{i}": even for i in range(others)}}
        levels = dict.fromkeys(worlds, ("young", "old"))
        told = worst_gap(assess(planted(worlds, metrics=("ndcg@10",)), [], levels=levels, minimum_people=50))
        assert "nDCG@10 by age." in told
        assert (chosen in told) is not alone
        assert (perhaps in told) is not alone
        assert alone or f"{chosen} 41 gaps: among so many some look like this by chance alone" in told


def test_a_group_that_was_merged_and_is_compared_is_among_those_that_figures_rest_on() -> None:
    """The smallest that is compared is named, in whatever group it is."""
    world = {"young": (9000, 0.4), "middle": (9000, 0.4), "old": (90, 0.4), "ancient": (5, 0.4)}
    merges = {"age": dict.fromkeys(("middle", "old", "ancient"), "35 and over")}
    rule = FairnessRule(name="r", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.5)
    found = assess(planted({"age": world}), [rule], levels={"age": tuple(world)}, minimum_people=50, merges=merges)
    assert rests_on(found).startswith("The smallest group that is compared is “old” (age), with about 90")
    assert "compared beside it: “middle”, “old”." in fairness_report(summary(), found)
