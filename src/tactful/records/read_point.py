"""Up to where the stores about people were read, so that whoever reads later can read just that again.

Notes
-----
Rows of consents are numbered in the order in which they were committed, one writer at a time; so the last number that a
reader saw says exactly what it had in hand. A time would not: clocks of two machines differ, and an event stored by one
that runs ahead would wait for the other, a withdrawal not least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, func, or_, select

from tactful.records import people_tables
from tactful.records.consent_times import UNREADABLE
from tactful.records.journal import JSON
from tactful.records.people_tables import CONSENTS, ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPoint:
    """How far somebody had read.

    Attributes
    ----------
    time : datetime, UTC
        When, by the reader's clock.
    row : int
        The number of the last consent event; 0 if there was none.
    erased : int
        How many people had been erased.
    """

    time: datetime
    row: int
    erased: int

    @classmethod
    def now(cls, connection: Connection, time: datetime) -> Self:
        """Everything that is stored at this moment; to be asked before it is read."""
        if not people_tables.are_there(connection):
            return cls(time=time, row=0, erased=0)
        last = connection.execute(select(func.max(CONSENTS.c.row))).scalar_one()
        return cls(time=time, row=last or 0, erased=_erased(connection))

    @classmethod
    def noted(cls, facts: Mapping[str, Any]) -> Self | None:
        """The one that a journal's entry bears; None if it was written before entries did."""
        if not isinstance(facts.get("known_row"), int):
            return None
        time = datetime.fromisoformat(facts["known_at"])
        return cls(time=time, row=facts["known_row"], erased=facts["known_erased"])

    def facts(self) -> dict[str, JSON]:
        """What a journal's entry says of it."""
        return {"known_at": self.time.isoformat(), "known_row": self.row, "known_erased": self.erased}

    def still_holds(self, connection: Connection) -> bool:
        """Whether nothing came since that could take a row away: no erasure, and no event but plain grants.

        A plain grant is readable, has no end and was recorded by the store's own clock. It can only add rows, and who
        read before it leaves them out; so a service in which people agree all day never keeps a reader from ending.
        """
        if not people_tables.are_there(connection):
            return True
        event = CONSENTS.c
        more_than_a_grant = or_(
            event.state.is_(None),
            event.state != "given",
            event.purpose.is_(None),
            event.event_time == UNREADABLE,
            event.recorded_time.is_not(None),
            event.valid_until.is_not(None),
        )
        found = connection.execute(select(event.row).where(event.row > self.row, more_than_a_grant).limit(1)).first()
        return found is None and _erased(connection) == self.erased


def _erased(connection: Connection) -> int:
    """How many people were erased."""
    return int(connection.execute(select(func.count()).select_from(ERASED)).scalar_one())
