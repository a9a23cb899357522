"""What an import of consent events came to: for whoever asked, and for the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tactful.records import consent_check
from tactful.records.consent_plan import Plan
from tactful.records.consent_rows import Given
from tactful.records.consent_times import micros
from tactful.records.journal import JSON

_TOLD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What an import came to. Exact, so for inside the trust boundary only.

    Attributes
    ----------
    events : int
        Stored now.
    duplicates : int, events
        There before, or twice in the table.
    blocked : int, events
        Of people who were erased: none of it was stored.
    malformed : int, events
        Hold something that could not be read; they refuse. Some may be duplicates or blocked.
    ahead : int, events
        Stored now, and recorded later than now by their source's clock.
    grants_ahead : int, events
        Stored now, and given from a later time on.
    people : int
        Of whom something was stored.
    time : datetime, in UTC
        When, by the store's clock.
    """

    events: int
    duplicates: int
    blocked: int
    malformed: int
    ahead: int
    grants_ahead: int
    people: int
    time: datetime

    def as_json(self) -> dict[str, JSON]:
        """The counts as plain values."""
        return {
            "events": self.events + self.duplicates + self.blocked,
            "added": self.events,
            "duplicates": self.duplicates,
            "blocked": self.blocked,
            "malformed": self.malformed,
            "ahead": self.ahead,
            "grants_ahead": self.grants_ahead,
            "people": self.people,
            "time": self.time.isoformat(),
        }


def entry(plan: Plan, source: str, first: int, stored: int) -> dict[str, JSON]:
    """What the journal says of an import. What it says of a single person is sealed under their key.

    It bears no tag: once they are forgotten, ``consent.forgotten`` names its row, which would lead to their tag.
    """
    people = plan.people
    body: dict[str, JSON] = {
        "events": len(plan.events),
        "duplicates": plan.duplicates,
        "blocked": plan.blocked,
        "people": len(people),
        "source": source,
        "stored": stored,
        "first": first,
        "last": first + len(plan.events) - 1,
        "root": consent_check.root(event[-1] for event in plan.events),
    }
    if len(people) != 1:
        return body
    key = plan.key(people.pop())
    said: JSON = [[event[1], event[2]] for event in sorted(plan.events, key=lambda event: event[3] or 0)[:_TOLD]]
    return body | {"sealed": key.seal({"said": said})}


def counted(plan: Plan, given: Given, time: datetime) -> Added:
    """What became of the events."""
    now = micros(time)
    return Added(
        events=len(plan.events),
        duplicates=plan.duplicates,
        blocked=plan.blocked,
        malformed=given.malformed,
        ahead=sum(event[4] is not None and event[4] > now for event in plan.events),
        grants_ahead=sum(event[3] is not None and event[3] > now and event[2] == "given" for event in plan.events),
        people=len(plan.people),
        time=time,
    )
