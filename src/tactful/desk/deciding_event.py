"""Which of the things a person said keeps a purpose from being in force.

Notes
-----
Whether it is in force says the gate, and only where it says no is this asked. The gate's rules are told back here in
few words: of each purpose on the path the last event counts, and one that is no grant, or cannot be read, stands
against it. The event that is named is the latest of those that fit the gate's reason, with the purpose that it counts
for: to a misspelt one that the consent store holds, that is the one that was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tactful.personal.consent import misspelt, path_of
from tactful.personal.one_person import UNREADABLE

_STATES = ("given", "refused", "withdrawn")
_OLD = datetime(1970, 1, 1, tzinfo=UTC)


def deciding(
    history: Iterable[Mapping[str, Any]], purpose: str, state: str, now: datetime
) -> tuple[Mapping[str, Any] | None, str | None]:
    """The event by which a purpose stands so, and since when it does; none where no event says it.

    Parameters
    ----------
    history : iterable of mapping
        Events of one person, with text as `tactful.personal.one_person.rows_of` writes it.
    purpose : str
    state : str
        ``refused``, ``withdrawn`` or ``expired``, as the gate says.
    now : datetime

    Notes
    -----
    **Privacy.** *Reads* what one person said. *Returns* one event of it, for them or whoever answers to them. *Costs*
    nothing. *Assumes* the events are all of one person.
    """
    path = {node for node, _ in path_of(purpose)}
    counted: list[Mapping[str, Any]] = [{**event, "purpose": _counts_for(event)} for event in history]
    bearing = [event for event in counted if event["purpose"] is None or event["purpose"] in path]
    if state == "expired":
        ended = [event for event in bearing if _ended(event, now)]
        last = max(ended, key=lambda event: _time(event, "valid_until"), default=None)
        return last, None if last is None else str(last["valid_until"])
    against = [event for event in _last_of_each(bearing) if _fits(event, state)]
    against = against or [event for event in bearing if _fits(event, state)]
    last = max(against, key=lambda event: _time(event, "event_time"), default=None)
    return last, None if last is None else _since(last, now)


def _counts_for(event: Mapping[str, Any]) -> str | None:
    """The purpose that the gate counts an event for, see `tactful.records.stored_purposes`."""
    purpose: str | None = event.get("purpose")
    return purpose if purpose is None or event.get("state") == "given" else misspelt([purpose]).get(purpose, purpose)


def _last_of_each(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each purpose the last event."""
    last: dict[str | None, Mapping[str, Any]] = {}
    for event in sorted(events, key=lambda event: (_time(event, "event_time"), event.get("state") != "given")):
        last[event.get("purpose")] = event
    return list(last.values())


def _fits(event: Mapping[str, Any], state: str) -> bool:
    """Whether an event says that state, or cannot be read, which refuses."""
    said = str(event.get("state") or "").lower()
    broken = said not in _STATES or event.get("purpose") is None or UNREADABLE in event.values()
    return said == state or (state == "refused" and (broken or event.get("event_time") is None))


def _ended(event: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is a grant that is over."""
    end = _time(event, "valid_until")
    return event.get("state") == "given" and _OLD < end <= now


def _since(event: Mapping[str, Any], now: datetime) -> str | None:
    """Since when a refusal counts: since it happened, or since it was known where it is dated ahead."""
    happened = _time(event, "event_time")
    if happened > now:
        happened = min(_time(event, "recorded_time"), now)
    return None if happened == _OLD else happened.isoformat()


def _time(event: Mapping[str, Any], name: str) -> datetime:
    """A time of an event; 1970 where there is none."""
    try:
        return datetime.fromisoformat(str(event.get(name)))
    except ValueError:
        return _OLD
