"""The comparison with the champion: told apart only where both allow it, whatever lies in its document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from assurance_report_worlds import estimate, rich_assessment
from assurance_worlds import summary
from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.champion import ChampionFacts, compare_gap, read_champion
from tactful.assurance.fairness_record import fairness_document
from tactful.assurance.report import fairness_report
from tactful.assurance.report_champion import champion_groups, champion_line, champion_rules

CREATED = "2026-10-01T08:00:00+00:00"


def document(found: FairnessAssessment | None = None) -> dict[str, Any]:
    """A champion's document, parsed."""
    told: dict[str, Any] = json.loads(fairness_document(found or rich_assessment(), created=CREATED))
    return told


def facts(told: Any) -> ChampionFacts:
    """What is read of a document."""
    return read_champion("3", json.dumps(told))


def changed(result: str, table: str, metric: str, low: float, high: float) -> dict[str, Any]:
    """The document with another gap."""
    told = document()
    value = (low + high) / 2
    told["attributes"][result][table][metric] = {"value": value, "low": low, "high": high}
    return told


def test_a_document_is_read_back_as_it_was_written() -> None:
    """Groups, gaps, verdicts, what was compared and when."""
    found = rich_assessment()
    read = facts(document())
    assert read.verdicts == {name: verdict.status for name, verdict in found.verdicts.items()}
    assert read.created == CREATED
    assert read.day == "1 October 2026"
    assert set(read.attributes) == {*found.attributes, *found.intersections}
    for name, result in found.attributes.items():
        assert read.attributes[name].entering == set(result.entering)
        assert read.attributes[name].by_group["ndcg@10"] == {
            label: group.metrics["ndcg@10"] for label, group in result.by_group.items() if group.metrics
        }
        assert read.attributes[name].difference == result.difference


@pytest.mark.parametrize(
    ("low", "high", "change"),
    [(0.1, 0.3, "smaller"), (0.7, 0.9, "larger"), (0.3, 0.45, "cannot tell"), (0.0, 0.95, "cannot tell")],
)
def test_a_ratio_is_better_only_where_intervals_do_not_overlap(low: float, high: float, change: str) -> None:
    """The candidate's is 0.40 to 0.64: above the champion's the gap is smaller, below it larger, else nobody knows."""
    found = rich_assessment()
    champion = facts(changed("age", "ratio", "ndcg@10", low, high))
    assert compare_gap(found.verdicts["ndcg_by_age"].rule, found, champion) == change


@pytest.mark.parametrize(
    ("low", "high", "change"), [(0.0, 0.1, "larger"), (0.5, 0.6, "smaller"), (0.2, 0.3, "cannot tell")]
)
def test_a_difference_is_better_where_it_is_lower(low: float, high: float, change: str) -> None:
    """The candidate's is 0.19 to 0.23."""
    found = rich_assessment()
    champion = facts(changed("age", "difference", "miscalibration@10", low, high))
    assert compare_gap(found.verdicts["lists_by_age"].rule, found, champion) == change


def test_other_groups_are_not_compared() -> None:
    """A champion judged on other groups, or not on this attribute, is neither better nor worse."""
    found = rich_assessment()
    other = changed("age", "ratio", "ndcg@10", 0.1, 0.2)
    other["attributes"]["age"]["entering"] = ["under 35", "35 and over"]
    missing = document()
    del missing["attributes"]["age"]
    for told in (other, missing):
        assert compare_gap(found.verdicts["ndcg_by_age"].rule, found, facts(told)) == "cannot tell"
        row = champion_rules(found, facts(told)).rows[0]
        assert row[-1] == "Cannot tell: other groups were compared, or none"


def test_the_page_says_better_and_worse_in_words() -> None:
    """In the sentence at the top and rule by rule."""
    found = rich_assessment()
    champion = facts(changed("age", "ratio", "ndcg@10", 0.1, 0.2))
    assert champion_line(found, champion) == (
        "Against version 3, the current champion, of 6 gaps: 1 better, 5 not to be told apart."
    )
    page = fairness_report(summary(), found, champion=champion)
    assert "Better: the gap is smaller than the champion&#39;s" in page
    assert "Version 3, made 1 October 2026." in page


def test_a_rule_that_is_gone_keeps_its_row() -> None:
    """What the champion was judged by and the candidate is not is shown, with the gap, and counted at the top."""
    full = rich_assessment()
    found = replace(full, verdicts={n: v for n, v in full.verdicts.items() if n != "ndcg_by_age"})
    champion = facts(changed("age", "ratio", "ndcg@10", 0.1, 0.2))
    rows = {row[0]: row for row in champion_rules(found, champion).rows}
    assert list(rows) == [*found.verdicts, "ndcg_by_age"]
    _, asked, verdict, theirs, ours, compared = rows["ndcg_by_age"]
    assert asked == "ratio of nDCG@10 by age at least 0.8 → no such rule"
    assert verdict == full.verdicts["ndcg_by_age"].status
    assert (theirs, ours) == ("0.150 (0.100 to 0.200)", "0.520 (0.399 to 0.641)")
    assert compared.startswith("Better")
    assert champion_line(found, champion).endswith(" 1 rule the champion was judged by is not asked of this one.")
    none = champion_line(replace(full, verdicts={}), champion)
    assert none.endswith(" 6 rules the champion was judged by are not asked of this one.")


def test_a_bound_that_was_moved_shows_both() -> None:
    """What was asked and what is asked stand side by side, and how many differ is said at the top."""
    told = document()
    told["verdicts"]["ndcg_by_age"]["rule"]["asks"] = "at least 0.95"
    champion = facts(told)
    rows = {row[0]: row[1] for row in champion_rules(rich_assessment(), champion).rows}
    assert rows["ndcg_by_age"] == "ratio of nDCG@10 by age at least 0.95 → ratio of nDCG@10 by age at least 0.8"
    line = champion_line(rich_assessment(), champion)
    assert line.endswith(" 1 rule asks for something else than of the champion.")
    assert "asks for something else" not in champion_line(rich_assessment(), facts(document()))


@pytest.mark.parametrize(
    "change",
    [
        {"asks": "at least <b>0.8</b>"},
        {"asks": 0.8},
        {"statistic": "median"},
        {"statistic": ["ratio"]},
        {"attribute": None},
        {"metric": 7},
    ],
    ids=str,
)
def test_what_was_asked_is_left_out_where_it_cannot_be_read(change: dict[str, Any]) -> None:
    """The row is there, and says so."""
    told = document()
    told["verdicts"]["ndcg_by_age"]["rule"] |= change
    champion = facts(told)
    assert "ndcg_by_age" not in champion.rules
    full = rich_assessment()
    assert champion_rules(full, champion).rows[0][1].startswith("cannot be read → ")
    gone = replace(full, verdicts={n: v for n, v in full.verdicts.items() if n != "ndcg_by_age"})
    assert champion_rules(gone, champion).rows[-1][-1] == "Cannot tell: what was asked of the champion cannot be read"


def test_a_merged_group_that_is_compared_counts_among_the_groups() -> None:
    """A champion judged without it was judged on other groups."""
    full, told = rich_assessment(), document()
    told["attributes"]["age"]["by_group"]["35-44"]["status"] = "merged into 35 and over"
    told["attributes"]["age"]["entering"].remove("35-44")
    assert facts(told).attributes["age"].entering == set(full.attributes["age"].entering)
    told["attributes"]["age"]["by_group"]["35-44"]["metrics"] = {}
    assert "35-44" not in facts(told).attributes["age"].entering


def test_groups_are_called_higher_or_lower_only_where_intervals_say_so() -> None:
    """One group was lifted far, the others stay."""
    told = document()
    told["attributes"]["age"]["by_group"]["under 35"]["metrics"]["ndcg@10"] = {"value": 0.01, "low": 0.0, "high": 0.02}
    shown = champion_groups(rich_assessment(), facts(told))
    by_age = next(each for each in shown if each.title == "nDCG@10 by age")
    assert {row[0]: row[-1] for row in by_age.rows} == {
        "under 35": "higher",
        "35-44": "cannot tell",
        "45-54": "cannot tell",
        "55 and over": "cannot tell",
        "undisclosed": "cannot tell",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "null",
        "[1, 2]",
        '{"attributes": 7, "verdicts": [], "created": 5}',
        '{"attributes": {"age": 5, "income": {"by_group": [], "entering": {"a": 1}, "ratio": "x"}}}',
        '{"attributes": {"age": {"by_group": {"a": {"metrics": {"ndcg@10": {"value": 1}}}}}}}',
        '{"verdicts": {"a": {"status": ["pass"]}, "b": {"status": "splendid"}, "c": "pass"}}',
        "[" * 100_000,
        '{"created": "' + "x" * 9_000_000 + '"}',
    ],
    ids=range(10),
)
def test_a_document_of_any_form_is_read_without_harm(text: str) -> None:
    """What is not as it should be is left out; the page is still made."""
    champion = read_champion("3", text)
    assert champion.verdicts == {}
    assert all(not groups.ratio and not groups.by_group for groups in champion.attributes.values())
    assert "champion" in fairness_report(summary(), rich_assessment(), champion=champion)


@pytest.mark.parametrize(
    "entry",
    [
        {"value": "0.5", "low": 0.4, "high": 0.6},
        {"value": 0.5, "low": None, "high": 0.6},
        {"value": float("nan"), "low": 0.4, "high": 0.6},
        {"value": 0.5, "low": float("-inf"), "high": 0.6},
        {"value": 10**400, "low": 0.4, "high": 10**401},
        {"value": True, "low": 0, "high": 1},
        {"value": 0.9, "low": 0.4, "high": 0.6},
        [0.5, 0.4, 0.6],
        None,
    ],
)
def test_only_numbers_that_are_an_estimate_are_let_through(entry: Any) -> None:
    """Text, missing ends, infinities, truths and estimates outside of their interval are none."""
    told = document()
    told["attributes"]["age"]["ratio"]["ndcg@10"] = entry
    read = facts(told)
    assert "ndcg@10" not in read.attributes["age"].ratio
    assert "ndcg@10" in read.attributes["income"].ratio
    assert compare_gap(rich_assessment().verdicts["ndcg_by_age"].rule, rich_assessment(), read) == "cannot tell"


def test_names_are_cut_and_counted() -> None:
    """A name nobody reads to its end is cut, and of more than a thousand entries the rest is left out."""
    told = document()
    told["verdicts"] = {f"{i} {'x' * 500}": {"status": "pass"} for i in range(1500)}
    read = facts(told)
    assert len(read.verdicts) == 1000
    assert max(map(len, read.verdicts)) <= 201


def test_a_champion_without_figures_is_said_to_have_none() -> None:
    """The page says that nothing is compared rather than showing an empty table."""
    page = fairness_report(summary(), rich_assessment(), champion=read_champion("3", "{}"))
    assert "None of its figures could be read, so nothing is compared." in page


def test_without_rules_there_is_nothing_to_compare() -> None:
    """An assessment that judged nothing is not better than a champion."""
    found = replace(rich_assessment(), verdicts={})
    assert "without rules there is nothing to compare" in champion_line(found, facts(document()))
    assert estimate(0.5, 0.1).tells
