"""Plain Python that says who has consent in force, for tests of simulated histories."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

Event = dict[str, Any]


def by_person(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events of each person."""
    people: dict[str, list[Event]] = {}
    for event in events:
        people.setdefault(event["user_id"], []).append(event)
    return people


def in_force(events: Iterable[Event], purpose: str, at: datetime) -> bool:
    """True if the last word on some node of the purpose's path is an unexpired yes, and on none a no."""
    parts = purpose.split(".")
    path = {".".join(parts[: n + 1]) for n in range(len(parts))}
    last: dict[str, Event] = {}
    for event in sorted(events, key=lambda e: (e["event_time"], e["state"] != "given")):
        if event["purpose"] in path and event["event_time"] <= at:
            last[event["purpose"]] = event
    given = [e for e in last.values() if e["state"] == "given"]
    return len(given) == len(last) and any(e["valid_until"] is None or e["valid_until"] > at for e in given)
