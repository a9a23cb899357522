"""Small charts as inline SVG: points with intervals, readable with scripts off, in light and dark, at any width.

Positions are percentages and sizes are pixels, so a chart fills its column without shrinking its text. Colours come
from the page's style sheet, and no meaning is in a colour alone. Every text that comes from outside is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tactful.assurance.intervals import Estimate, Interval

_ROW, _SECOND, _TOP, _AXIS = 46, 20, 8, 26  # heights in pixels
_SCALES = (0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_STEPS = (0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5)
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """One line of a chart.

    Attributes
    ----------
    label, note : str
        What the line is, and a remark beside it.
    value : float or None
        None where there is no estimate worth drawing.
    interval : Interval or None
        None where nothing was measured; the line is then drawn empty.
    second : Estimate or None
        A second bar below the first, with a hollow dot.
    public : float or None
        A value without uncertainty: a short upright stroke across the line.
    """

    label: str
    note: str
    value: float | None
    interval: Interval | None
    second: Estimate | None = None
    public: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """The values from the left edge to the right edge of a chart, and where its grid lines are."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> float:
        """A value's place on the axis."""
        return 100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def at(self, value: float) -> str:
        """A value's place as an SVG length."""
        return f"{self.percent(value):.2f}%"


def interval_chart(
    rows: Sequence[ChartRow], *, key: str, title: str, description: str, reference: float | None = None
) -> str:
    """A point and an interval for each row on a shared axis, as one SVG element.

    Parameters
    ----------
    rows : sequence of ChartRow
        Where a value is below 0 the axis has a negative side; otherwise it starts at 0.
    key : str
        Unique in the page; names the title for screen readers.
    title, description : str
        Read aloud instead of the picture.
    reference : float, optional
        Where a dashed line crosses all rows.
    """
    axis = _axis_of([*_drawn(rows), *([reference] if reference is not None else [])])
    heights = [_ROW + (_SECOND if row.second is not None else 0) for row in rows]
    bottom = _TOP + sum(heights)
    body = [_grid(axis, _TOP, bottom)]
    if reference is not None:
        body.append(_upright("reference", axis.at(reference), _TOP, bottom))
    body += [_row(row, axis, _TOP + sum(heights[:i])) for i, row in enumerate(rows)]
    return _svg("".join(body), height=bottom + _AXIS, key=key, title=title, description=description)


def rule_chart(
    interval: Interval, *, value: float | None, keeps: Interval, key: str, title: str, description: str
) -> str:
    """An interval against the zone that keeps a rule, as one SVG element.

    Parameters
    ----------
    interval : Interval
    value : float or None
        The estimate, if there is one.
    keeps : Interval
        The values that keep the rule.
    key, title, description : str
        See `interval_chart`.
    """
    axis = _axis_of([interval.high, keeps.high if keeps.high < 1 else interval.high, 1.0 if keeps.high >= 1 else 0.0])
    left, right = axis.percent(keeps.low), axis.percent(keeps.high)
    zone = f'<rect class="zone" x="{left:.2f}%" y="{_TOP}" width="{right - left:.2f}%" height="34"/>'
    edge = _upright("edge", axis.at(keeps.low if keeps.low > 0 else keeps.high), _TOP, _TOP + 34)
    body = zone + edge + _grid(axis, _TOP, _TOP + 34) + _mark(value, interval, axis, _TOP + 17)
    return _svg(body, height=_TOP + 34 + _AXIS, key=key, title=title, description=description)


def _svg(body: str, *, height: int, key: str, title: str, description: str) -> str:
    """The element around a chart, named for screen readers."""
    name = escape(key)
    return (
        f'<svg class="chart" role="img" width="100%" height="{height}" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body}</svg>'
    )


def _row(row: ChartRow, axis: _Axis, top: int) -> str:
    """The label, the track and the marks of one row."""
    label = (
        f'<text class="label" x="0" y="{top + 16}">{escape(row.label)}'
        f'<tspan class="note" dx="8">{escape(row.note)}</tspan></text>'
    )
    style = "track" if row.interval is not None else "track empty"
    marks = _mark(row.value, row.interval, axis, top + 31) if row.interval is not None else ""
    if row.second is not None:
        value = row.second.value if row.second.tells else None
        marks += _mark(value, row.second.interval, axis, top + 31 + _SECOND, kind="second")
    if row.public is not None:
        marks += _upright("public", axis.at(row.public), top + 22, top + 40 + (_SECOND if row.second else 0))
    return f'{label}<line class="{style}" x1="0" x2="100%" y1="{top + 31}" y2="{top + 31}"/>{marks}'


def _mark(value: float | None, interval: Interval, axis: _Axis, y: int, kind: str = "") -> str:
    """An interval as a bar with ends, and the estimate as a dot on it."""
    more = f" {kind}" if kind else ""
    low, high = axis.at(interval.low), axis.at(interval.high)
    bar = f'<line class="interval{more}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
    ends = "".join(_upright(f"end{more}", x, y - 6, y + 6) for x in (low, high))
    dot = f'<circle class="dot{more}" cx="{axis.at(value)}" cy="{y}" r="5.5"/>' if value is not None else ""
    return bar + ends + dot


def _upright(style: str, x: str, top: int, bottom: int) -> str:
    """A vertical line."""
    return f'<line class="{style}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'


def _grid(axis: _Axis, top: int, bottom: int) -> str:
    """Grid lines with their numbers; the one at 0 stands out where the axis has a negative side."""
    parts = []
    for i, tick in enumerate(axis.ticks):
        anchor = "start" if i == 0 else "end" if i == len(axis.ticks) - 1 else "middle"
        style = "grid zero" if tick == 0 and axis.low < 0 else "grid"
        parts.append(_upright(style, axis.at(tick), top, bottom))
        parts.append(
            f'<text class="tick" x="{axis.at(tick)}" y="{bottom + 18}" text-anchor="{anchor}">{_number(tick)}</text>'
        )
    return "".join(parts)


def _drawn(rows: Sequence[ChartRow]) -> Iterator[float]:
    """Every value that a chart has to have room for."""
    for row in rows:
        for interval in (row.interval, row.second.interval if row.second else None):
            if interval is not None:
                yield from (interval.low, interval.high)
        if row.public is not None:
            yield row.public


def _axis_of(values: Sequence[float]) -> _Axis:
    """Round numbers around everything drawn, with 0 among them."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0:
        top = next((scale for scale in _SCALES if scale >= high), _round_above(high))
        return _Axis(low=0.0, high=top, ticks=tuple(top * i / 4 for i in range(5)))
    step = next((s for s in _STEPS if _below(low, s) + _above(high, s) <= _MOST_STEPS), 1.0)
    first, last = -_below(low, step), _above(high, step)
    ticks = tuple(step * i for i in range(first, last + 1))
    return _Axis(low=ticks[0], high=ticks[-1], ticks=ticks)


def _below(low: float, step: float) -> int:
    """How many steps below 0 hold the lowest value."""
    return math.ceil(-low / step - 1e-9)


def _above(high: float, step: float) -> int:
    """How many steps above 0 hold the highest value."""
    return max(math.ceil(high / step - 1e-9), 0)


def _round_above(high: float) -> float:
    """A round number at or above one that is over 1."""
    power = 10.0 ** math.floor(math.log10(max(high, 1.0)))
    return next(power * lead for lead in (1, 2, 4, 6, 8, 10) if power * lead >= high)


def _number(value: float) -> str:
    """A number of an axis."""
    return f"{value:,.6g}".replace("-", "−") if abs(value) < 1e6 else f"{value:.3g}"
