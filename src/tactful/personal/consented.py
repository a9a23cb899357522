"""Rows that people agreed to, as the gate hands them on."""

from __future__ import annotations

from datetime import datetime
from typing import final

from tactful.catalogue import Catalogue
from tactful.personal.consent import OUTCOMES, GateCounts
from tactful.personal.doors import ClosedDoor
from tactful.personal.engines.base import Session
from tactful.personal.keys import Keys
from tactful.personal.replay import fingerprint

# Each person of the log once: `admitted` if any row is, else the first reason of theirs that is about the person, and
# only if there is none what is wrong with their rows. (For a row the order is the other way round: what cannot be read
# or is not sold cannot be judged.)
_PEOPLE = """
SELECT b.place, p.part, COUNT(*) AS people
FROM (
  SELECT person, MIN(CASE WHEN place IN ({malformed}, {unknown_item}) THEN place + 100 ELSE place END) AS place
  FROM judged
  WHERE person IS NOT NULL
  GROUP BY person
) AS b
JOIN people p ON p.person = b.person
GROUP BY b.place, p.part
""".format(**{outcome: place for place, outcome in enumerate(OUTCOMES)})  # noqa: S608 (numbers)


@final
class ConsentedInteractions(ClosedDoor):
    """Interactions whose people consented, made by `ConsentGate.admit` and by nothing else.

    Attributes
    ----------
    counts : GateCounts
        What the gate read, admitted and excluded; exact.
    purpose : str
        What people agreed to.
    as_of : datetime, UTC
        The time at which their consent was looked at, besides now.
    now : datetime, UTC
        What the gate's clock said: rows had to pass at both times.
    catalogue : Catalogue
        The items, in whose order everything after this counts.
    """

    __slots__ = ("_session", "as_of", "catalogue", "counts", "now", "purpose")
    _door = "ConsentGate.admit"

    counts: GateCounts
    purpose: str
    as_of: datetime
    now: datetime
    catalogue: Catalogue
    _session: Session

    def __repr__(self) -> str:
        return f"ConsentedInteractions({self.purpose} as of {self.as_of.isoformat()})"

    def fingerprint(self, keys: Keys) -> str:
        """One keyed number of the admitted rows: another run's is equal if and only if it admitted the same rows.

        Parameters
        ----------
        keys : Keys
            Those of the gate.

        Notes
        -----
        **Privacy.** *Reads* the admitted rows. *Returns* a keyed hash of all of them together, for the journal alone.
        *Costs* nothing; nothing leaves. *Assumes* the key of pseudonyms is secret, see `tactful.personal.replay`.
        """
        return fingerprint(self._session, keys)

    def people_by_outcome(self) -> dict[str, dict[str, int]]:
        """How many people have each outcome, training and evaluation people apart; each person counts once.

        A person with any admitted row is ``admitted``; the others have the first of their rows' reasons in the order of
        `tactful.personal.consent.REASONS`, but ``malformed`` and ``unknown_item`` only if they have no other: someone
        who refused and once bought a gift card refused. Rows without a user id belong to nobody.

        Notes
        -----
        **Privacy.** *Reads* the outcome of every row. *Returns* exact counts, which `tactful.privacy.release` releases
        and `tactful.gating` shows to whoever holds the rows. *Costs* nothing until they are released. *Assumes* one id
        is one person.
        """
        counted = {outcome: {"training": 0, "evaluation": 0} for outcome in OUTCOMES}
        found = self._session.query(_PEOPLE)
        for place, part, people in zip(found["place"], found["part"], found["people"], strict=True):
            counted[OUTCOMES[int(place) % 100]][part] = int(people)
        return counted
