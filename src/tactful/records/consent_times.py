"""Times of consent events: microseconds since 1970 in UTC, and one instant that stands for a time that is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tactful.errors import SchemaError

UNREADABLE = 0
"""The instant, 1970-01-01, that stands for a time that could not be read: to the gate it is none."""
EARLIEST, LATEST = 86_400_000_000, 7_258_118_400_000_000
"""The first instants of 1970-01-02 and of 2200. What lies outside is no instant; only `valid_until` may lie later."""
_LAST = 253_402_300_799_999_999  # the end of the year 9999, the last that Python can show
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME = re.compile(
    r" *(\d{4}-\d\d-\d\d)"
    r"(?:[T ]([01]?\d|2[0-3])(:\d\d(?::\d\d)?)((?<=:\d\d:\d\d)\.\d{1,9})?(Z| UTC| GMT|[+-]\d\d(?::?\d\d)?)?)? *",
    re.ASCII,
)


@dataclass(slots=True)
class Column:
    """One column as it was read: its values, and as text those that could not be."""

    values: list[Any]
    strange: dict[int, str] = field(default_factory=dict)


def micros(time: datetime) -> int:
    """Microseconds since 1970, exactly; a time without a zone is in UTC."""
    return ((time.replace(tzinfo=UTC) if time.tzinfo is None else time) - _EPOCH) // _MICROSECOND


def moment(instant: int) -> datetime:
    """The time, in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def read_times(events: pa.Table, name: str) -> Column:
    """Times as microseconds; what is no sound time is `UNREADABLE`, and its text is strange."""
    if name not in events.column_names:
        return Column([None] * len(events))
    column = events.column(name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return _written(column.cast(pa.string()).to_pylist(), name)
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise SchemaError(
            f"the column {name} of consent events is a timestamp, a date, or text in ISO 8601",
            given=f"its type is {kind}",
            do="Convert the column, or name the right one",
            column=name,
        )
    try:
        whole = pc.cast(column.cast(kind), pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
    except pa.ArrowInvalid:
        whole = None
    if whole is None:  # outside the handler: Arrow's error would quote a cell
        raise SchemaError(
            f"the times of {name} fit into microseconds", given="one does not", do="Correct it", column=name
        )
    instants = [None if time is None else _sound(time, name) for time in whole]
    strange = {row: str(whole[row]) for row, time in enumerate(instants) if time == UNREADABLE}
    return Column(instants, strange)


def _written(texts: list[str | None], name: str) -> Column:
    """Times from text in ISO 8601."""
    instants: list[int | None] = []
    strange: dict[int, str] = {}
    for row, text in enumerate(texts):
        instant = _sound(_instant(text), name) if text and text.strip(" ") else None
        instants.append(instant)
        if instant == UNREADABLE and text:
            strange[row] = text
    return Column(instants, strange)


def _instant(text: str) -> int:
    """The instant that a text names, `UNREADABLE` if none."""
    found = _TIME.fullmatch(text)
    if not found:
        return UNREADABLE
    date, hour, minutes, fraction, zone = found.groups()
    clock = f"{hour:0>2}{minutes}" if hour else "00:00"
    offset = zone if zone and zone[0] in "+-" else ""
    try:
        whole = micros(datetime.fromisoformat(f"{date}T{clock}{offset}"))
    except (ValueError, OverflowError):
        return UNREADABLE
    return whole + int((fraction or ".0")[1:7].ljust(6, "0"))


def _sound(instant: int, name: str) -> int:
    """The instant, where it is one of its column."""
    if name == "valid_until":
        return min(instant, _LAST) if instant >= EARLIEST else UNREADABLE
    return instant if EARLIEST <= instant <= LATEST else UNREADABLE
