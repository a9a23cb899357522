"""How groups of people are served, attribute by attribute, as plots with tables: rule metrics first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tactful.assurance.assessment import AttributeResult, Conditioned, FairnessAssessment, GroupResult
from tactful.assurance.charts import ChartRow, interval_chart
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.report_figures import (
    CANNOT_TELL,
    NOTHING_TOLD,
    Shown,
    apart,
    chart_row,
    few_words,
    gaps_told,
    reach,
    rule_metrics,
    said,
    sides,
    tells,
)
from tactful.assurance.summary import about, in_order, listed, metric_meaning, metric_name, readable
from tactful.errors import counted

NOISE_COST = "noise_cost@10"
_WORDS = {"too small": "too few people to say", "not measured": "not released"}
_NEARLY_ALL = 0.995  # rounds to 100%
_STRATA = (
    "These are the wide groups: every declared merge is made, whether it was needed or not, and “other” and "
    "“undisclosed” are left out. Each group's mean is taken twice among the same people: with its own mix of history "
    "lengths, and with the same mix for every group (direct standardisation). Compare these two with each other, and "
    "neither with the gap above: that is between other groups, and stays what it is for the people who live with it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeShown:
    """One attribute as the page wants it.

    Attributes
    ----------
    name, basis : str
        In words, and which groups are compared.
    result : AttributeResult
    open, more, conditioned : tuple of Shown
        Plots of the metrics that rules are about, of the others, and among people with equally long histories.
    """

    name: str
    basis: str
    result: AttributeResult
    open: tuple[Shown, ...]
    more: tuple[Shown, ...]
    conditioned: tuple[Shown, ...]


def attribute_shown(key: str, name: str, result: AttributeResult, assessment: FairnessAssessment) -> AttributeShown:
    """The plots of one attribute or intersection; what noise costs is told in a section of its own."""
    wanted = rule_metrics(assessment, name)
    metrics = [m for m in in_order(result.overall) if m != NOISE_COST]
    first = [m for m in metrics if m in wanted] or metrics[:1]
    plots = {m: _plot(f"{key}-{i}", name, m, result, assessment.confidence) for i, m in enumerate(metrics)}
    return AttributeShown(
        name=readable(name),
        basis=_basis(result),
        result=result,
        open=tuple(plots[m] for m in first),
        more=tuple(plots[m] for m in metrics if m not in first),
        conditioned=tuple(
            _conditioned(f"{key}-history-{i}", c)
            for i, c in enumerate(c for c in assessment.conditioned if c.attribute == name)
        ),
    )


def noise_shown(assessment: FairnessAssessment) -> tuple[Shown, ...]:
    """Who pays for the noise, one plot an attribute; empty where it was not measured."""
    return tuple(
        _noise(f"noise-{i}", name, result, assessment.confidence)
        for i, (name, result) in enumerate(assessment.attributes.items())
        if NOISE_COST in result.overall
    )


def _plot(key: str, name: str, metric: str, result: AttributeResult, confidence: float) -> Shown:
    """The groups of an attribute by one metric."""
    overall = result.overall[metric]
    shown = {label: g for label, g in result.by_group.items() if g.metrics or not g.status.startswith("merged into")}
    rows = [_row(label, group, metric) for label, group in shown.items()]
    told = Shown(
        title=metric_name(metric),
        text=metric_meaning(metric),
        header=("Group", "People", metric_name(metric), f"{confidence:.0%} interval"),
        rows=tuple(_table_row(label, group, metric) for label, group in result.by_group.items()),
        note=_gap(result, metric),
    )
    if all(row.value is None for row in rows):
        return replace(told, note=f"{NOTHING_TOLD} {told.note}", folded=True)
    chart = interval_chart(
        rows,
        key=key,
        title=f"{metric_name(metric)} by {readable(name)}",
        description=f"Estimates and {confidence:.0%} intervals for {counted(len(rows), 'group')}; see the table below.",
        reference=overall.value if tells(overall) else None,
    )
    line = " Dashed line: the compared groups taken together." if tells(overall) else ""
    marks = f"Bar: {confidence:.0%} interval. Dot: best estimate, where the interval leaves one.{line}"
    return replace(told, chart=chart, caption=marks)


def _row(label: str, group: GroupResult, metric: str) -> ChartRow:
    """One group as a line of a chart."""
    note = _WORDS.get(group.status, group.status)
    if group.metrics:
        note = few_words(group.people) + ("" if group.status == "measured" else f", {group.status}")
    return chart_row(label, note, group.metrics.get(metric))


def _table_row(label: str, group: GroupResult, metric: str) -> tuple[str, ...]:
    """One group as a line of the table behind the chart."""
    estimate = group.metrics.get(metric)
    if estimate is None or estimate.value is None:
        return label, about(group.people), _WORDS.get(group.status, group.status), "–"
    return label, about(group.people), said(estimate), reach(estimate)


def _gap(result: AttributeResult, metric: str) -> str:
    """Ratio and difference of a metric, in a sentence."""
    ratio, difference = result.ratio.get(metric), result.difference.get(metric)
    low, high = sides(metric)
    if difference is None or difference.value is None:
        return "There are not two groups with enough people to be compared."
    if not gaps_told(result, metric):
        return (
            f"The released values cannot tell how the {low} group compares with the {high} one: they may be anything "
            f"from {reach(difference)} apart."
        )
    apart = f"{high.capitalize()} minus {low} group: {said(difference)} ({reach(difference)})."
    if ratio is None or ratio.value is None:
        return apart
    return f"{low.capitalize()} over {high} group: {said(ratio, places=2)} ({reach(ratio, 2)}). {apart}"


def _basis(result: AttributeResult) -> str:
    """Which groups are compared and which are not, in sentences."""
    parts = [
        f"Compared: {listed(result.compared)}." if result.compared else "No group has enough people to be compared."
    ]
    if result.unmeasured and result.overall:
        parts.append(f"Too few people to measure: {listed(result.unmeasured)}; with them missing no rule can pass.")
    if "other" in result.by_group:
        parts.append("“other” is everybody with a value that was not declared: shown, not compared.")
    if "undisclosed" in result.by_group:
        parts.append("“undisclosed” is people who agreed to be assessed and gave no value.")
    return " ".join(parts)


def _conditioned(key: str, found: Conditioned) -> Shown:
    """The groups when histories are equally long, beside the same people with their histories as they are."""
    both = [(label, found.plain_by_group[label], estimate) for label, estimate in found.by_group.items()]
    rows = [chart_row(label, "", before, second=after) for label, before, after in both]
    title = f"{metric_name(found.metric)} when histories are equally long"
    weights = [f"{name} ({share:.0%})" for name, share in zip(found.strata, found.weights, strict=True)]
    return Shown(
        title=title,
        text=_STRATA,
        chart=interval_chart(
            rows, key=key, title=title, description=f"{counted(len(rows), 'group')}; see the table below."
        ),
        header=("Group", "Histories as they are", "Interval", "Equally long histories", "Interval"),
        rows=tuple((label, said(before), reach(before), said(after), reach(after)) for label, before, after in both),
        note=f"{_both_gaps(found)} History lengths, with their weights: {', '.join(weights)}. {_reached(found)}",
        caption="Upper bar, filled dot: histories as they are. Lower bar, hollow dot: histories equally long.",
    )


def _both_gaps(found: Conditioned) -> str:
    """The two gaps of the same people, and whether they differ, if their intervals say so."""
    low, high = sides(found.metric)
    before, after = found.plain_difference, found.difference
    if not (tells(before) and tells(after)):
        return "The released values cannot tell the two gaps apart."
    return (
        f"{high.capitalize()} minus {low} of these groups: {said(before)} ({reach(before)}) with histories as they "
        f"are, {said(after)} ({reach(after)}) when they are equally long. {_moved(before.interval, after.interval)}"
    )


def _moved(before: Interval, after: Interval) -> str:
    """Whether a gap is another one when histories are equally long."""
    if after.high < before.low:
        return "The intervals do not overlap: part of the gap between these groups goes with how long histories are."
    if before.high < after.low:
        return "The intervals do not overlap: the gap is wider when histories are equally long."
    return "The intervals overlap: whether the gap goes with how long histories are cannot be told."


def _reached(found: Conditioned) -> str:
    """Which part of the people of the groups is in the two figures."""
    if found.covered > _NEARLY_ALL:
        return "All or nearly all of those evaluated in these groups are in both figures."
    return (
        f"About {found.covered:.0%} of those evaluated in these groups have histories of these lengths; nobody else is "
        "in either figure."
    )


def _noise(key: str, name: str, result: AttributeResult, confidence: float) -> Shown:
    """What the noise takes from each group of one attribute."""
    plot = _plot(key, name, NOISE_COST, result, confidence)
    costs = {label: group.metrics[NOISE_COST] for label, group in _compared(result) if NOISE_COST in group.metrics}
    note = NOTHING_TOLD if plot.folded else _excess(costs, gaps_told(result, NOISE_COST).get("difference"))
    return replace(plot, title=f"By {readable(name)}", text="", note=note)


def _compared(result: AttributeResult) -> Sequence[tuple[str, GroupResult]]:
    """The groups that rules compare."""
    return [(name, result.by_group[name]) for name in result.compared]


def _excess(costs: dict[str, Estimate], difference: Estimate | None) -> str:
    """The part of the gaps between groups that is there because of the noise."""
    ends = apart(costs)
    if ends is None or difference is None:
        return f"Which group would pay most for more noise: {CANNOT_TELL}."
    least, most = ends
    size = f"{said(difference)} ({reach(difference)})"
    if difference.interval.low <= 0:
        return f"The groups cannot be told apart: what one would pay more (excess gap) may be nothing, {size}."
    return (
        f"More noise takes most from “{most}” ({said(costs[most])}) and least from “{least}” "
        f"({said(costs[least])}), as far as can be told. By so much more noise would "
        f"widen the gap between these two (excess gap): {size}. They were chosen as the ends of {len(costs)} groups: "
        "some look like this by chance alone."
    )
