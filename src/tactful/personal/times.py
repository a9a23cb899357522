"""Times inside are microseconds since 1970 in UTC; outside they are datetimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1) // _MICROSECOND
FOREVER = 2**62


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def in_utc(time: datetime) -> datetime:
    """The same time in UTC; without a zone it is UTC already."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def micros(time: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (in_utc(time) - _EPOCH) // _MICROSECOND
