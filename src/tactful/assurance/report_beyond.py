"""What the report tells beyond how groups are served: items, who shaped the model, guessing, variety."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from tactful.assurance.assessment import FairnessAssessment, Guessing, ItemGroupResult, Shaped
from tactful.assurance.charts import ChartRow, interval_chart
from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import (
    CANNOT_TELL,
    Shown,
    apart,
    chart_row,
    few_words,
    number,
    plotted,
    reach,
    said,
)
from tactful.assurance.summary import about, listed, readable
from tactful.errors import counted

_HEAD = "head_share"
_NOT_TRIED = (
    "Of no attribute were there two groups with enough people to be told apart. So no guess was made, nothing of it "
    "was released, and what the run had set aside for it was given back to the budget. That lists give nothing away "
    "does not follow."
)
_DRAWN = 14  # a plot of more lines is read by nobody; the table has them all


def items_shown(assessment: FairnessAssessment) -> tuple[Shown, ...]:
    """For each column of the catalogue what share of the places its groups get, beside catalogue and use."""
    return tuple(
        _items(f"items-{i}", column, groups) for i, (column, groups) in enumerate(assessment.items.items()) if groups
    )


def shaped_shown(assessment: FairnessAssessment) -> tuple[Shown, ...]:
    """For each attribute the share of each group that has rows to train with, and what that does to the conclusions."""
    return tuple(
        _shaped(f"shaped-{i}", name, groups, assessment)
        for i, (name, groups) in enumerate(assessment.shaped.items())
        if groups
    )


def guessing_shown(guessing: Mapping[str, Guessing]) -> tuple[Shown, ...]:
    """How well groups are guessed from lists, all attributes in one plot; empty if it was not measured."""
    if not guessing:
        return ()
    rows = [
        replace(chart_row(readable(name), few_words(g.people), g.auc), second=g.popularity_auc)
        for name, g in guessing.items()
        if g.levels
    ]
    if not rows:
        return (Shown(title="Not tried, for any attribute", note=_NOT_TRIED),)
    shown = Shown(
        title="AUC of the guess that was tried",
        header=("Attribute", "Groups told apart", "Model's list", "Interval", "Popularity list", "Interval"),
        rows=tuple(_guess(name, found) for name, found in guessing.items()),
        note=" ".join(_leak(name, found) for name, found in guessing.items()),
        caption="Upper bar, filled dot: from the model's list. Lower bar, hollow dot: from the popularity list "
        "less what the person has. Dashed line: blind guessing.",
    )
    return (plotted(shown, rows, key="guessing", title="How well groups are guessed from lists", reference=0.5),)


def coverage_shown(coverage: Mapping[str, Mapping[str, Estimate]]) -> tuple[Shown, ...]:
    """How many different items groups are shown in effect; empty if it was not measured."""
    return tuple(
        _coverage(f"coverage-{i}", name, groups) for i, (name, groups) in enumerate(coverage.items()) if groups
    )


def _items(key: str, column: str, groups: Mapping[str, ItemGroupResult]) -> Shown:
    """One column of the catalogue."""
    order = sorted(groups, key=lambda name: -(groups[name].exposure.value or 0.0))
    rows = [
        replace(chart_row(name, "", groups[name].exposure), second=groups[name].interest, public=groups[name].catalogue)
        for name in order[:_DRAWN]
    ]
    title = f"Places, use and catalogue by {readable(column)}"
    left = f" Drawn are the {_DRAWN} shown most of {len(order)}; the table has all." if len(order) > _DRAWN else ""
    return Shown(
        title=f"By {readable(column)}",
        chart=interval_chart(
            rows, key=key, title=title, description=f"{counted(len(rows), 'group')} of items; see the table."
        ),
        header=(readable(column).capitalize(), "Catalogue", "Shown", "Interval", "Used", "Interval"),
        rows=tuple(_item_row(name, groups[name]) for name in order),
        note=_exposure(groups),
        caption="Upper bar, filled dot: share of the places shown. Lower bar, hollow dot: share of what the same "
        "people went on to use. Upright stroke: share of the catalogue. Each share lies within 0 and 1 and has noise "
        f"of its own: together they need not come to 1.{left}",
    )


def _item_row(name: str, group: ItemGroupResult) -> tuple[str, ...]:
    """One group of items as a line of the table."""
    shown, used = group.exposure, group.interest
    return name, f"{group.catalogue:.3f}", said(shown), reach(shown), said(used), reach(used)


def _exposure(groups: Mapping[str, ItemGroupResult]) -> str:
    """Which groups of items are shown less, or more, than they are used, as far as intervals tell."""
    less = [n for n, g in groups.items() if g.exposure.interval.high < g.interest.interval.low]
    more = [n for n, g in groups.items() if g.exposure.interval.low > g.interest.interval.high]
    parts = [f"Shown less than they are used: {listed(less)}."] if less else []
    parts += [f"Shown more than they are used: {listed(more)}."] if more else []
    rest = len(groups) - len(less) - len(more)
    every = counted(len(groups), "group")
    which = counted(rest, f"of {every} is", f"of {every} are")
    parts += [f"Whether {which} shown more or less than used cannot be told."]
    told = parts if rest else parts[:-1]
    if less or more:
        told.append(f"Of {every}, each with an interval of its own, some look like this by chance alone.")
    return " ".join(told)


def _shaped(key: str, name: str, groups: Mapping[str, Shaped], assessment: FairnessAssessment) -> Shown:
    """Who of one attribute's groups shaped the model."""
    rows = [chart_row(label, f"{few_words(g.known)} known", g.consented) for label, g in groups.items()]
    shown = Shown(
        title=f"By {readable(name)}",
        header=(
            "Group",
            "People known",
            "With a row that could train",
            "Interval",
            "History in the learned part",
            "Interval",
        ),
        rows=tuple(
            (label, about(g.known), said(g.consented), reach(g.consented), *_head(assessment, name, label))
            for label, g in groups.items()
        ),
        note=_selection({label: g.consented for label, g in groups.items()}),
        caption=f"Bar: {assessment.confidence:.0%} interval of the share, among people with rows who agreed to be "
        "assessed, of those with at least one row that their consent let train.",
    )
    return plotted(shown, rows, key=key, title=f"Share with a row that could train, by {readable(name)}")


def _head(assessment: FairnessAssessment, name: str, label: str) -> tuple[str, str]:
    """The share of a group's history that lies in the head, where it was measured under the same name."""
    result = assessment.attributes.get(name)
    group = result.by_group.get(label) if result else None
    found = group.metrics.get(_HEAD) if group else None
    return said(found), reach(found)


def _selection(shares: Mapping[str, Estimate]) -> str:
    """What the selection does to the conclusions."""
    ends = apart(shares)
    if ends is None:
        return "How much the groups differ in this cannot be told, so neither can how far conclusions reach."
    least, most = ends
    told = shares[least].interval.high < shares[most].interval.low
    return (
        f"Fewest seem to have a row that could train in “{least}” ({said(shares[least])}), most in “{most}” "
        f"({said(shares[most])}){'.' if told else '; the intervals overlap, so the order cannot be told.'} They "
        "are the ends of several groups, chosen by looking. A row cannot train if its person did not consent, or did "
        "later, or if it is too old, sensitive or about an unknown item. The tastes of a group with fewer such people "
        "weigh less in the model. What is said about a group holds for those of it who agreed."
    )


def _guess(name: str, found: Guessing) -> tuple[str, ...]:
    """One attribute as a line of the table."""
    model, popular = found.auc, found.popularity_auc
    if not found.levels:
        return readable(name), "none: not tried", "–", "–", "–", "–"
    return (
        readable(name),
        listed(found.levels),
        said(model),
        reach(model),
        said(popular),
        reach(popular),
    )


def _leak(name: str, found: Guessing) -> str:
    """What the two areas say about one attribute, in a sentence."""
    if not found.levels:
        return f"{readable(name).capitalize()}: not tried, since fewer than two groups had enough people."
    if found.auc.value is None or not found.auc.tells:
        return f"{readable(name).capitalize()}: cannot tell."
    model, popular = found.auc.interval, found.popularity_auc.interval
    if model.low > popular.high:
        said_more = "more than popularity alone gives away"
    elif model.high < popular.low:
        said_more = "less than popularity alone gives away"
    else:
        said_more = "whether that is more than popularity alone gives away cannot be told"
    blind = "lists were not seen to give groups away" if model.low <= 0.5 else "lists give groups away to some degree"
    return f"{readable(name).capitalize()}: {blind}; {said_more}."


def _coverage(key: str, name: str, groups: Mapping[str, Estimate]) -> Shown:
    """How many different items the groups of one attribute are shown."""
    named = {group or "everybody": estimate for group, estimate in groups.items()}
    title = f"Different items shown, by {readable(name)}" if name else "Different items shown to everybody"
    rows = [_count_row(group, estimate) for group, estimate in named.items()]
    shown = Shown(
        title=f"By {readable(name)}" if name else "Everybody",
        header=("Group", "Items, in effect", "Interval"),
        rows=tuple((row.label, _count(row.value), reach(named[row.label], 0)) for row in rows),
        caption="Bar: interval. Dot: best estimate, where the interval leaves one.",
    )
    return plotted(shown, rows, key=key, title=title)


def _count_row(label: str, estimate: Estimate) -> ChartRow:
    """A number of items as a line of a chart; no dot where the interval holds nearly everything below its upper end."""
    low, high = estimate.interval.low, estimate.interval.high
    if estimate.value is None or not math.isfinite(low + high):
        return ChartRow(label=label, note="", value=None, interval=None)
    value = estimate.value if high - low <= 0.9 * high else None
    return ChartRow(label=label, note="", value=value, interval=estimate.interval)


def _count(value: float | None) -> str:
    """A number of items, or that it cannot be told."""
    return CANNOT_TELL if value is None else number(value, 0)
