"""How groups of people are served, attribute by attribute, as plots with tables: rule metrics first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tactful.assurance.assessment import AttributeResult, Conditioned, FairnessAssessment, GroupResult
from tactful.assurance.charts import ChartRow, interval_chart
from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import (
    CANNOT_TELL,
    NOTHING_TOLD,
    Shown,
    apart,
    chart_row,
    few_words,
    reach,
    rule_metrics,
    said,
    sides,
    tells,
)
from tactful.assurance.summary import about, in_order, listed, metric_meaning, metric_name, readable

NOISE_COST = "noise_cost@10"
_WORDS = {"too small": "too few people to say", "not measured": "not released"}
_STRATA = (
    "Each group's mean is taken among people with equally long histories and averaged with the same weights for every "
    "group (direct standardisation). Where this gap is smaller than the plain one, part of the plain gap goes with how "
    "long histories are. That says where to look; it does not make the plain gap smaller for the people who live with "
    "it."
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
            _conditioned(f"{key}-history-{i}", c, result)
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
    shown = {label: g for label, g in result.by_group.items() if not g.status.startswith("merged into")}
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
        description=f"Estimates and {confidence:.0%} intervals for {len(rows)} groups; see the table below.",
        reference=overall.value if tells(overall) else None,
    )
    line = " Dashed line: the compared groups taken together." if tells(overall) else ""
    marks = f"Bar: {confidence:.0%} interval. Dot: best estimate, where the interval leaves one.{line}"
    return replace(told, chart=chart, caption=marks)


def _row(label: str, group: GroupResult, metric: str) -> ChartRow:
    """One group as a line of a chart."""
    note = few_words(group.people) if group.status == "measured" else _WORDS.get(group.status, group.status)
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
    if not tells(difference) or (ratio is not None and ratio.value is not None and not tells(ratio)):
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
        f"Compared: {listed(result.entering)}." if result.entering else "No group has enough people to be compared."
    ]
    if result.unmeasured and result.overall:
        parts.append(f"Too few people to measure: {listed(result.unmeasured)}; with them missing no rule can pass.")
    if "other" in result.by_group:
        parts.append("“other” is everybody with a value that was not declared: shown, not compared.")
    if "undisclosed" in result.by_group:
        parts.append("“undisclosed” is people who agreed to be assessed and gave no value.")
    return " ".join(parts)


def _conditioned(key: str, found: Conditioned, plain: AttributeResult) -> Shown:
    """The groups when histories are equally long, beside the plain figures."""
    metric = found.metric
    before = {label: plain.by_group[label].metrics.get(metric) for label in found.by_group if label in plain.by_group}
    rows = [
        chart_row(label, "", before.get(label) or estimate, second=estimate if before.get(label) else None)
        for label, estimate in found.by_group.items()
    ]
    title = f"{metric_name(metric)} when histories are equally long"
    weights = [f"{name} ({share:.0%})" for name, share in zip(found.strata, found.weights, strict=True)]
    return Shown(
        title=title,
        text=_STRATA,
        chart=interval_chart(rows, key=key, title=title, description=f"{len(rows)} groups; see the table below."),
        header=("Group", "All", "Interval", "Equally long histories", "Interval"),
        rows=tuple(
            (label, said(before.get(label)), reach(before.get(label)), said(e), reach(e))
            for label, e in found.by_group.items()
        ),
        note=f"{_both_gaps(found, plain)} History lengths, with their weights: {', '.join(weights) or 'none'}.",
        caption="Upper bar, filled dot: everybody. Lower bar, hollow dot: histories equally long.",
    )


def _both_gaps(found: Conditioned, plain: AttributeResult) -> str:
    """The plain gap and the conditioned one, without a verdict on their difference."""
    low, high = sides(found.metric)
    before, after = plain.difference.get(found.metric), found.difference
    if before is None or before.value is None or not (tells(before) and tells(after)):
        return "The released values cannot tell the two gaps apart."
    overlap = before.interval.low <= after.interval.high and after.interval.low <= before.interval.high
    return (
        f"{high.capitalize()} minus {low} group: {said(before)} ({reach(before)}) for everybody, "
        f"{said(after)} ({reach(after)}) when histories are equally long. "
        + ("The intervals overlap: whether history length matters cannot be told." if overlap else "")
    ).strip()


def _noise(key: str, name: str, result: AttributeResult, confidence: float) -> Shown:
    """What the noise takes from each group of one attribute."""
    plot = _plot(key, name, NOISE_COST, result, confidence)
    costs = {label: group.metrics[NOISE_COST] for label, group in _compared(result) if NOISE_COST in group.metrics}
    note = NOTHING_TOLD if plot.folded else _excess(costs, result.difference.get(NOISE_COST))
    return replace(plot, title=f"By {readable(name)}", text="", note=note)


def _compared(result: AttributeResult) -> Sequence[tuple[str, GroupResult]]:
    """The groups that rules compare."""
    return [(name, result.by_group[name]) for name in result.entering]


def _excess(costs: dict[str, Estimate], difference: Estimate | None) -> str:
    """The part of the gaps between groups that is there because of the noise."""
    ends = apart(costs)
    if ends is None or difference is None or difference.value is None or not tells(difference):
        return f"Which group pays most for the noise: {CANNOT_TELL}."
    least, most = ends
    size = f"{said(difference)} ({reach(difference)})"
    if difference.interval.low <= 0:
        return f"The groups cannot be told apart: what one pays more than another (excess gap) may be nothing, {size}."
    return (
        f"Noise takes most from “{most}” ({said(costs[most])}) and least from “{least}” "
        f"({said(costs[least])}), as far as can be told. So much of a gap is there with this "
        f"noise and would not be with less of it (excess gap): {size}."
    )
