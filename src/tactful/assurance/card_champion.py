"""The candidate beside the champion in the model card: figures, privacy, people and settings.

A difference is told only where the intervals of both leave no doubt of its sign; see `tactful.assurance.champion`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.card_markdown import code, fenced, plain, table
from tactful.assurance.champion import champion_gaps, compare_gap
from tactful.assurance.champion_record import CONFIG, ChampionRecord
from tactful.assurance.figures import Figures, shown_names
from tactful.assurance.report_figures import with_reach
from tactful.assurance.summary import RunSummary, about, in_order, metric_name, readable
from tactful.privacy.sums import Measured

_LONGEST = 400  # lines of a difference that anybody reads
_CHANGES = {"smaller": "smaller gap", "larger": "larger gap", "cannot tell": "cannot tell"}


def against_champion(summary: RunSummary, assessment: FairnessAssessment, champion: ChampionRecord | None) -> str:
    """What the candidate changes, as far as released figures tell; empty where there is no champion.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    if champion is None:
        return ""
    parts = [
        "## Against the champion",
        _lead(champion),
        *([_figures(summary, assessment, champion, champion.figures)] if champion.figures else []),
        *([_consent(summary, champion.figures)] if champion.figures else []),
        *(["### Settings", _settings(summary.config_text, champion)] if champion.config is not None else []),
    ]
    return "\n\n".join(part for part in parts if part)


def _lead(champion: ChampionRecord) -> str:
    day = f"{champion.trained.day} {champion.trained:%B %Y}"
    text = (
        f"Version {plain(champion.version)}, trained on {day}, is the champion. A difference is told where the "
        "intervals of both do not overlap; everything else cannot be told apart."
    )
    if champion.changed:
        lost = ", ".join(plain(name) for name in champion.changed)
        text += f" **These of its documents were changed or lost since they were journalled and are not used: {lost}.**"
    return text


def _figures(summary: RunSummary, assessment: FairnessAssessment, champion: ChampionRecord, told: Figures) -> str:
    """Figures over everybody, gaps of rules, and privacy: a table each, as MLflow scrolls within a long one."""
    header = ["figure", "champion", "this candidate", "this one is"]
    tables = [table(header, rows) for rows in (_quality(summary, told), _gaps(assessment, champion)) if rows]
    made = [
        ["ε of the run", _param(told, "epsilon"), f"{summary.budget.epsilon:g}"],
        ["δ of the run", _param(told, "delta"), f"{summary.budget.delta:g}"],
        ["ε since the first debit", _param(told, "epsilon_since_first_debit"), summary.since_first],
        ["method", _param(told, "method"), summary.method],
        ["head, items", _param(told, "head_size"), str(summary.head_size)],
        ["rank", _param(told, "rank"), str(summary.rank)],
    ]
    return "\n\n".join([*tables, "### Privacy and size", table(header[:3], made)])


def _quality(summary: RunSummary, told: Figures) -> list[list[str]]:
    """The metrics over everybody that both have with an interval."""
    intervals = shown_names(summary.metric_intervals)
    rows = []
    for metric in in_order(summary.metrics):
        (name,) = shown_names({metric: 0.0})
        if name not in told.metrics or name not in told.intervals or name not in intervals:
            continue
        before, now = told.intervals[name], intervals[name]
        then = f"{told.metrics[name]:.4f} ({before[0]:.4f} to {before[1]:.4f})"
        found = f"{summary.metrics[metric]:.4f} ({now[0]:.4f} to {now[1]:.4f})"
        rows.append([metric_name(metric), then, found, _apart(before, now)])
    return rows


def _gaps(assessment: FairnessAssessment, champion: ChampionRecord) -> list[list[str]]:
    """The gap that each rule is about."""
    rows: list[list[str]] = []
    if champion.groups is None:
        return rows
    for rule in (verdict.rule for verdict in assessment.verdicts.values()):
        ours, theirs = champion_gaps(rule.attribute, rule.metric, rule.statistic, assessment, champion.groups)
        name = f"{rule.statistic} of {metric_name(rule.metric)} by {readable(rule.attribute)}"
        change = _CHANGES[compare_gap(rule, assessment, champion.groups)]
        rows.append([name, with_reach(theirs), with_reach(ours), change])
    return rows


def _param(told: Figures, name: str) -> str:
    """A parameter of the champion, short."""
    text = told.params.get(name, "not said")
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _consent(summary: RunSummary, told: Figures) -> str:
    """How many people each had, by what the consent gate made of them."""
    rows = []
    for outcome, meaning, now in summary.outcomes:
        before = told.consent.get(outcome)
        if before is not None and (_noticeable(before) or _noticeable(now)):
            rows.append([meaning, about(before), about(now), _apart(_interval(before), _interval(now))])
    return f"### People\n\n{table(['people', 'champion', 'this candidate', 'now'], rows)}" if rows else ""


def _noticeable(people: Measured) -> bool:
    """Whether there is anybody, as far as noise tells."""
    return people.value > 2 * people.sigma


def _interval(people: Measured) -> tuple[float, float]:
    return people.value - 1.96 * people.sigma, people.value + 1.96 * people.sigma


def _apart(before: Sequence[float], now: Sequence[float]) -> str:
    """Whether the later figure is higher or lower, as far as intervals tell."""
    if now[0] > before[1]:
        return "higher"
    return "lower" if now[1] < before[0] else "cannot tell"


def _settings(text: str, champion: ChampionRecord) -> str:
    """What was changed in the configuration, as a unified difference."""
    before, now = str(champion.config).splitlines(), text.splitlines()
    names = (f"{CONFIG} of version {code(champion.version)}", f"{CONFIG} of this candidate")
    found = list(difflib.unified_diff(before, now, *names, lineterm=""))
    if not found:
        return "The configuration is the same."
    cut = [*found[:_LONGEST], "…"] if len(found) > _LONGEST else found
    return fenced("\n".join(cut), "diff")
