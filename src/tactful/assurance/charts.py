"""Small charts as inline SVG: points with intervals, readable with scripts off, in light and dark, at any width.

Positions are percentages and sizes are pixels, so a chart fills its column without shrinking its text. Colours come
from the page's style sheet. Every text that comes from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tactful.assurance.intervals import Interval

_ROW, _TOP, _AXIS = 46, 8, 26  # heights in pixels
_SCALES = (0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


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
    """

    label: str
    note: str
    value: float | None
    interval: Interval | None


def interval_chart(
    rows: Sequence[ChartRow], *, key: str, title: str, description: str, reference: float | None = None
) -> str:
    """A point and an interval for each row on a shared axis from 0, as one SVG element.

    Parameters
    ----------
    rows : sequence of ChartRow
        Values not below 0 and not above 1.
    key : str
        Unique in the page; names the title for screen readers.
    title, description : str
        Read aloud instead of the picture.
    reference : float, optional
        Where a dashed line crosses all rows.
    """
    scale = _scale([row.interval.high for row in rows if row.interval is not None])
    height = _TOP + _ROW * len(rows) + _AXIS
    body = [_axis(scale, _TOP, _TOP + _ROW * len(rows))]
    if reference is not None:
        x = _at(reference, scale)
        body.append(f'<line class="reference" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_TOP + _ROW * len(rows)}"/>')
    body += [_row(row, scale, _TOP + _ROW * i) for i, row in enumerate(rows)]
    return _svg("".join(body), height=height, key=key, title=title, description=description)


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
    scale = _scale([interval.high, keeps.high if keeps.high < 1 else interval.high, 1.0 if keeps.high >= 1 else 0.0])
    left, right = _percent(keeps.low, scale), _percent(keeps.high, scale)
    zone = f'<rect class="zone" x="{left:.2f}%" y="{_TOP}" width="{right - left:.2f}%" height="34"/>'
    edge = _at(keeps.low if keeps.low > 0 else keeps.high, scale)
    line = f'<line class="edge" x1="{edge}" x2="{edge}" y1="{_TOP}" y2="{_TOP + 34}"/>'
    body = zone + line + _axis(scale, _TOP, _TOP + 34) + _mark(value, interval, scale, _TOP + 17)
    return _svg(body, height=_TOP + 34 + _AXIS, key=key, title=title, description=description)


def _svg(body: str, *, height: int, key: str, title: str, description: str) -> str:
    """The element around a chart, named for screen readers."""
    name = escape(key)
    return (
        f'<svg class="chart" role="img" width="100%" height="{height}" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body}</svg>'
    )


def _row(row: ChartRow, scale: float, top: int) -> str:
    """The label, the track and the mark of one row."""
    label = (
        f'<text class="label" x="0" y="{top + 16}">{escape(row.label)}'
        f'<tspan class="note" dx="8">{escape(row.note)}</tspan></text>'
    )
    style = "track" if row.interval is not None else "track empty"
    track = f'<line class="{style}" x1="0" x2="100%" y1="{top + 31}" y2="{top + 31}"/>'
    return label + track + (_mark(row.value, row.interval, scale, top + 31) if row.interval is not None else "")


def _mark(value: float | None, interval: Interval, scale: float, y: int) -> str:
    """An interval as a bar with ends, and the estimate as a dot on it."""
    low, high = _at(interval.low, scale), _at(interval.high, scale)
    bar = f'<line class="interval" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
    ends = "".join(f'<line class="end" x1="{x}" x2="{x}" y1="{y - 6}" y2="{y + 6}"/>' for x in (low, high))
    dot = f'<circle class="dot" cx="{_at(value, scale)}" cy="{y}" r="5.5"/>' if value is not None else ""
    return bar + ends + dot


def _axis(scale: float, top: int, bottom: int) -> str:
    """Five grid lines with their numbers."""
    parts = []
    for step in range(5):
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        x = f"{25 * step}%"
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 18}" text-anchor="{anchor}">{scale * step / 4:g}</text>')
    return "".join(parts)


def _scale(highest: Sequence[float]) -> float:
    """The end of the axis: a round number at or above everything drawn."""
    top = max(highest, default=1.0)
    return next((scale for scale in _SCALES if scale >= top), 1.0)


def _percent(value: float, scale: float) -> float:
    """A value's place on the axis."""
    return 100 * min(max(value / scale, 0.0), 1.0)


def _at(value: float, scale: float) -> str:
    """A value's place as an SVG length."""
    return f"{_percent(value, scale):.2f}%"
