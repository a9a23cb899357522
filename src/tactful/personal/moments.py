"""The moments at which rows must pass the gate: a past time, by what was recorded then, and now."""

from __future__ import annotations

from datetime import datetime

from tactful.errors import UsageError
from tactful.personal.times import FOREVER, in_utc, micros

Moment = tuple[str, int, int]
"""Its name, its instant, and until when refusals and erasures count that were recorded by then: see the statement."""


def moments(as_of: datetime | None, now: datetime) -> tuple[datetime, list[Moment]]:
    """The time to look from, and the moments at which rows must pass: it and now, one if they are the same.

    Raises
    ------
    UsageError
        If the time is in the future.
    """
    if as_of is None or in_utc(as_of) == now:
        return now, [("then", micros(now), FOREVER)]
    then = past(as_of, now)
    return then, [past_moment("then", then), ("now", micros(now), FOREVER)]


def past_moment(name: str, time: datetime) -> Moment:
    """A moment at which nothing counts that was recorded later."""
    return name, micros(time), micros(time)


def past(time: datetime, now: datetime) -> datetime:
    """The time in UTC, if it is not in the future.

    Raises
    ------
    UsageError
        If it is.
    """
    if in_utc(time) > now:
        raise UsageError("consent is looked at as of now or a past time", given="a future time", do="Leave out as_of")
    return in_utc(time)
