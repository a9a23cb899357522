"""The fairness report: one self-contained HTML page for people who decide, not only for people who model.

It opens from a file, prints, follows light and dark, and asks the network for nothing, so that it shows in the
sandboxed frame of MLflow's pages with scripts off. The only home of jinja2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tactful.assurance.assessment import AttributeResult, FairnessAssessment, GroupResult
from tactful.assurance.card import unknowns
from tactful.assurance.charts import ChartRow, interval_chart, rule_chart
from tactful.assurance.intervals import Interval
from tactful.assurance.summary import (
    RunSummary,
    about,
    in_order,
    listed,
    metric_meaning,
    metric_name,
    readable,
)
from tactful.assurance.verdicts import Verdict

_SIGNS = {"pass": "✓", "fail": "✕", "insufficient evidence": "?"}
_CANNOT_TELL = (
    "The released values cannot tell which gap is the largest, or how large. With so few people in each group, and the "
    "noise that protects them, the worst-served group of any attribute could be served nearly as well as the "
    "best-served one or hardly at all. More people are needed."
)
_WORDS = {"too small": "too few people to say", "not measured": "not released"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A verdict, a table or a chart as the template wants it."""

    title: str
    text: str
    chart: str
    rows: tuple[tuple[str, ...], ...] = ()
    status: str = ""
    note: str = ""


def fairness_report(summary: RunSummary, assessment: FairnessAssessment) -> str:
    """The report as one HTML page without scripts or outside references.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tactful.assurance", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(_context(summary, assessment))


def _context(summary: RunSummary, assessment: FairnessAssessment) -> dict[str, Any]:
    """Everything the page shows, in words."""
    return {
        "run": summary,
        "made": f"{summary.created.day} {summary.created:%B %Y}",
        "assessment": assessment,
        "tally": _tally(assessment),
        "signs": _SIGNS,
        "verdicts": [_verdict(i, v, assessment) for i, v in enumerate(assessment.verdicts.values())],
        "worst": _worst(assessment),
        "attributes": [
            {
                "name": readable(name),
                "result": result,
                "charts": _charts(i, name, result, assessment),
                "basis": _basis(result),
            }
            for i, (name, result) in enumerate(assessment.attributes.items())
        ],
        "quality": [_quality(summary, metric) for metric in in_order(summary.metrics)],
        "consent": [(meaning.capitalize(), about(people)) for _, meaning, people in summary.outcomes],
        "people": about(summary.people),
        "unknowns": unknowns(assessment),
        "confidence": f"{assessment.confidence:.0%}",
        "losses": summary.losses,
    }


def _tally(assessment: FairnessAssessment) -> str:
    """How many rules have which verdict, in words."""
    statuses = [verdict.status for verdict in assessment.verdicts.values()]
    if not statuses:
        return "No rule was declared, so nothing was judged."
    words = {"pass": "passed", "fail": "failed", "insufficient evidence": "left open for want of evidence"}
    counts = [f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses]
    return f"Of {len(statuses)} {'rule' if len(statuses) == 1 else 'rules'}: {', '.join(counts)}."


def _verdict(index: int, verdict: Verdict, assessment: FairnessAssessment) -> _Shown:
    """One rule with its chart."""
    rule, interval = verdict.rule, verdict.interval
    ratio = rule.statistic == "ratio"
    keeps = Interval(low=rule.bound, high=1.0) if ratio else Interval(low=0.0, high=rule.bound)
    what = "Worst-served over best-served group" if ratio else "Best-served minus worst-served group"
    chart = rule_chart(
        interval,
        value=verdict.estimate,
        keeps=keeps,
        key=f"rule-{index}",
        title=f"{rule.name}: {verdict.status}",
        description=f"{what}: from {interval.low:.3f} to {interval.high:.3f}. The rule asks for {rule.asks}.",
    )
    return _Shown(
        title=f"{metric_name(rule.metric)} by {readable(rule.attribute)}",
        text=verdict.explanation,
        chart=chart,
        status=verdict.status,
        note=f"{what}. Rule {rule.name}: {rule.asks}. Shaded: what keeps the rule. Bar: what the measurements allow. "
        f"{'Dot: best estimate.' if verdict.estimate is not None else ''}",
        rows=_rests_on(verdict, assessment),
    )


def _rests_on(verdict: Verdict, assessment: FairnessAssessment) -> tuple[tuple[str, ...], ...]:
    """How many people are in each group that a verdict compares; empty where no two groups were compared."""
    result = assessment.attributes.get(verdict.rule.attribute)
    if result is None or len(result.entering) < 2:
        return ()
    return tuple((group, about(result.by_group[group].people)) for group in result.entering)


def _worst(assessment: FairnessAssessment) -> str:
    """The largest gap that can be told from the released values, in a sentence, or that there is none."""
    ratios = [
        (ratio, name, metric)
        for name, result in assessment.attributes.items()
        for metric, ratio in result.ratio.items()
        if ratio.value is not None
    ]
    gaps = [(ratio.value, name, metric) for ratio, name, metric in ratios if ratio.value is not None and ratio.tells]
    if not ratios:
        return "No two groups had enough people to be compared, so no gap was measured."
    if not gaps:
        return _CANNOT_TELL
    value, name, metric = min(gaps)
    result = assessment.attributes[name]
    low_group, high_group = result.extremes(metric)
    interval = result.ratio[metric].interval
    return (
        f"{metric_name(metric)} by {readable(name)}. The group that looks worst served (“{low_group}”, "
        f"{about(result.by_group[low_group].people)} people) reaches {value:.0%} of the one that looks best served "
        f"(“{high_group}”, {about(result.by_group[high_group].people)} people). Between worst and best it could be "
        f"anything from {interval.low:.0%} to {interval.high:.0%}. Gaps whose interval leaves nearly everything open "
        "are not ranked."
    )


def _charts(index: int, name: str, result: AttributeResult, assessment: FairnessAssessment) -> list[_Shown]:
    """One chart and table for each metric of an attribute."""
    return [_chart(f"by-{index}-{i}", name, metric, result, assessment) for i, metric in enumerate(result.overall)]


def _chart(key: str, name: str, metric: str, result: AttributeResult, assessment: FairnessAssessment) -> _Shown:
    """The groups of an attribute by one metric."""
    overall = result.overall[metric]
    shown = {label: g for label, g in result.by_group.items() if not g.status.startswith("merged into")}
    rows = [_chart_row(label, group, metric) for label, group in shown.items()]
    chart = interval_chart(
        rows,
        key=key,
        title=f"{metric_name(metric)} by {readable(name)}",
        description=f"Estimates and {assessment.confidence:.0%} intervals for {len(rows)} groups; see the table below.",
        reference=overall.value,
    )
    return _Shown(
        title=metric_name(metric),
        text=metric_meaning(metric),
        chart=chart,
        rows=tuple(_table_row(label, group, metric) for label, group in result.by_group.items()),
        note=_gap(result, metric),
    )


def _chart_row(label: str, group: GroupResult, metric: str) -> ChartRow:
    """One group as a line of a chart."""
    estimate = group.metrics.get(metric)
    note = (
        about(group.people).split(" (")[0] + " people"
        if group.status == "measured"
        else _WORDS.get(group.status, group.status)
    )
    if estimate is None:
        return ChartRow(label=label, note=note, value=None, interval=None)
    value = estimate.value if estimate.tells else None
    return ChartRow(label=label, note=note, value=value, interval=estimate.interval)


def _table_row(label: str, group: GroupResult, metric: str) -> tuple[str, ...]:
    """One group as a line of the table behind the chart."""
    estimate = group.metrics.get(metric)
    if estimate is None or estimate.value is None:
        return label, about(group.people), _WORDS.get(group.status, group.status), "–"
    interval = f"{estimate.interval.low:.3f} to {estimate.interval.high:.3f}"
    return label, about(group.people), f"{estimate.value:.3f}" if estimate.tells else "cannot tell", interval


def _gap(result: AttributeResult, metric: str) -> str:
    """Ratio and difference of a metric, in a sentence."""
    ratio, difference = result.ratio[metric], result.difference[metric]
    if ratio.value is None or difference.value is None:
        return "There are not two groups with enough people to be compared."
    if not ratio.tells:
        return (
            "The released values cannot tell how the worst-served group compares with the best-served one: anything "
            f"from {ratio.interval.low:.2f} to {ratio.interval.high:.2f} of it is possible."
        )
    return (
        f"Worst-served over best-served group: {ratio.value:.2f} ({ratio.interval.low:.2f} to "
        f"{ratio.interval.high:.2f}). Best-served minus worst-served: {difference.value:.3f} "
        f"({difference.interval.low:.3f} to {difference.interval.high:.3f})."
    )


def _basis(result: AttributeResult) -> str:
    """Which groups are compared and which are not, in sentences."""
    parts = [
        f"Compared: {listed(result.entering)}." if result.entering else "No group has enough people to be compared."
    ]
    if result.unmeasured:
        parts.append(f"Too few people to measure: {listed(result.unmeasured)}; with them missing no rule can pass.")
    if "other" in result.by_group:
        parts.append("“other” is everybody with a value that was not declared: shown, not compared.")
    if "undisclosed" in result.by_group:
        parts.append("“undisclosed” is people who agreed to be assessed and gave no value.")
    return " ".join(parts)


def _quality(summary: RunSummary, metric: str) -> tuple[str, ...]:
    """One metric over everybody."""
    interval = summary.metric_intervals.get(metric)
    words = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "–"
    return metric_name(metric), f"{summary.metrics[metric]:.3f}", words, metric_meaning(metric)
