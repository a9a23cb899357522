"""How the report says a figure: in words, with its interval, and not at all where it would mislead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tactful.assurance.assessment import AttributeResult, FairnessAssessment
from tactful.assurance.charts import ChartRow, interval_chart
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.metrics import METRICS
from tactful.assurance.summary import about, in_order
from tactful.errors import counted
from tactful.privacy.sums import Measured

CANNOT_TELL = "cannot tell"
NOTHING_TOLD = "The released values cannot tell, for any of them: too few people, and the noise that protects them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A verdict, a plot or a table as the page wants it.

    Attributes
    ----------
    title, text, note : str
        The heading, a sentence before and one after.
    chart : str
        SVG, or empty.
    header : tuple of str
        Of the table.
    rows : tuple of tuple of str
    status : str
        Of a verdict.
    caption : str
        What the marks of the chart are.
    folded : bool
        Whether the table is folded away, as it has nothing to tell.
    """

    title: str
    text: str = ""
    chart: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    status: str = ""
    note: str = ""
    caption: str = ""
    folded: bool = False


def everything(assessment: FairnessAssessment) -> dict[str, AttributeResult]:
    """Attributes and declared intersections by name."""
    return {**assessment.attributes, **assessment.intersections}


def rule_metrics(assessment: FairnessAssessment, name: str = "") -> tuple[str, ...]:
    """The metrics that rules are about: those on one attribute, else those on any, else the first that is told."""
    rules = [verdict.rule for verdict in assessment.verdicts.values()]
    own = [rule.metric for rule in rules if rule.attribute == name]
    return tuple(in_order(dict.fromkeys(own or [rule.metric for rule in rules] or [next(iter(METRICS))])))


def tells(estimate: Estimate) -> bool:
    """Whether a figure is worth saying: its interval is finite and leaves out a good part of what is possible."""
    return estimate.tells and math.isfinite(estimate.interval.high - estimate.interval.low)


def gaps_told(result: AttributeResult, metric: str) -> dict[str, Estimate]:
    """The gaps of a metric that are worth saying, ``difference`` and ``ratio``: both or neither, on page and in MLflow.

    Neither is said where one of them leaves nearly everything open, or fewer than two of the groups have a figure.
    """
    found = {"difference": result.difference.get(metric), "ratio": result.ratio.get(metric)}
    gaps = {word: gap for word, gap in found.items() if gap is not None and gap.value is not None}
    groups = {name: result.by_group[name].metrics.get(metric) for name in result.compared}
    ends = apart({name: estimate for name, estimate in groups.items() if estimate is not None})
    return gaps if ends and "difference" in gaps and all(map(tells, gaps.values())) else {}


def said(estimate: Estimate | None, places: int = 3) -> str:
    """A figure, that nothing can be told, or a dash where nothing was measured."""
    if estimate is None:
        return "–"
    return number(estimate.value, places) if estimate.value is not None and tells(estimate) else CANNOT_TELL


def with_reach(estimate: Estimate | None, places: int = 3) -> str:
    """A figure with its interval."""
    return said(estimate) if estimate is None else f"{said(estimate, places)} ({reach(estimate, places)})"


def reach(estimate: Estimate | None, places: int = 3) -> str:
    """An interval in words."""
    if estimate is None or not all(map(math.isfinite, (estimate.interval.low, estimate.interval.high))):
        return "–"
    return between(estimate.interval, places)


def between(interval: Interval, places: int = 3) -> str:
    """The two ends of an interval."""
    return f"{number(interval.low, places)} to {number(interval.high, places)}"


def percents(interval: Interval) -> str:
    """The two ends of an interval of shares."""
    return f"{interval.low:.0%} to {interval.high:.0%}"


def number(value: float, places: int = 3) -> str:
    """A number with a true minus sign, and none before a zero."""
    text = f"{value:,.{places}f}"
    return f"−{text[1:]}" if text.startswith("-") and text.strip("-0.,") else text.lstrip("-")


def few_words(people: Measured) -> str:
    """A released number of people without its range: ``about 312 people``."""
    return f"{about(people).split(' (')[0]} people"


def chart_row(label: str, note: str, estimate: Estimate | None, *, second: Estimate | None = None) -> ChartRow:
    """A line of a chart; without a dot where the figure would mislead, and empty where there is none."""
    if estimate is None or reach(estimate) == "–":
        return ChartRow(label=label, note=note, value=None, interval=None)
    value = estimate.value if tells(estimate) else None
    return ChartRow(label=label, note=note, value=value, interval=estimate.interval, second=second)


def plotted(shown: Shown, rows: Sequence[ChartRow], *, key: str, title: str, reference: float | None = None) -> Shown:
    """With a plot of those lines that have a dot; where none has, a sentence instead and the table folded away."""
    told = [row for row in rows if row.value is not None]
    if not told:
        return replace(shown, note=NOTHING_TOLD, caption="", folded=True)
    left = f" Not drawn: {len(rows) - len(told)} of {len(rows)}, of which nothing can be told."
    description = f"{counted(len(told), 'line')} with intervals; see the table below."
    return replace(
        shown,
        chart=interval_chart(told, key=key, title=title, description=description, reference=reference),
        caption=shown.caption + (left if len(told) < len(rows) else ""),
    )


def sides(metric: str) -> tuple[str, str]:
    """What the group with the lowest value and the one with the highest are called."""
    better = METRICS[metric].better if metric in METRICS else "higher"
    served = {"higher": ("worst-served", "best-served"), "lower": ("best-served", "worst-served")}
    return served.get(better, ("lowest", "highest"))


def apart(estimates: Mapping[str, Estimate]) -> tuple[str, str] | None:
    """The groups with the lowest and the highest figure that tells; None where fewer than two do."""
    told = {name: e.value for name, e in estimates.items() if e.value is not None and tells(e)}
    order = sorted(told, key=lambda name: told[name])
    return (order[0], order[-1]) if len(order) > 1 else None
