"""Who may be profiled now, by their own consent: what a suppression list is made from.

Notes
-----
The rules are the gate's, by its own statement: a refusal anywhere on the path wins, what cannot be read refuses,
whoever was erased or is a minor is never profiled. One thing is stricter than at the gate, which judges an instant. A
list is relied on until it ends, so whoever is on it as agreeing must agree **until then** without a break: whose
consent ends before the list does is left out from the start.

With the basis ``objection`` whoever said nothing about the purpose is not listed; whoever refused, withdrew, let a
consent end, was erased or is a minor is. That an ended consent counts like an objection is a choice: they were promised
an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.personal import books
from tactful.personal.consent import checked_purpose
from tactful.personal.engines.base import Session
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.source import Tabular
from tactful.personal.statement import STANDING
from tactful.personal.times import FOREVER, in_utc, micros, utc_now

Basis = Literal["consent", "objection"]
"""``consent`` lists who agrees, ``objection`` who may not be profiled."""

LONGEST = timedelta(days=31)
"""For how long a list may hold."""

_NAMED = "SELECT user_id FROM consent_rows UNION SELECT user_id FROM subject_rows"
_STANDING = f"""{STANDING}
SELECT p.mark,
  CASE
    WHEN s.reason_then IS NOT NULL THEN s.reason_then
    WHEN s.reason_now IS NOT NULL OR s.since_now > m.instant THEN 'expired'
    ELSE 'allowed'
  END AS state
FROM standing s
JOIN people p ON p.person = s.person
CROSS JOIN moments m
WHERE m.moment = 'then'
"""  # noqa: S608 (a constant)
_COUNTED = "SELECT state, COUNT(*) AS n FROM standings GROUP BY state ORDER BY state"
_LISTED: Mapping[Basis, str] = {
    "consent": "SELECT mark FROM standings WHERE state = 'allowed' ORDER BY mark",
    "objection": "SELECT mark FROM standings WHERE state NOT IN ('allowed', 'no_record') ORDER BY mark",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Standings:
    """Who is to be listed, and how many of whom there are. Exact, so for inside the trust boundary only.

    Attributes
    ----------
    basis : Basis
        Whom the list holds.
    purpose : str
        What they were asked.
    made_at, expires_at : datetime, in UTC
        From when to when those who agree do.
    marks : bytes
        Sixteen a person, sorted; see `tactful.personal.keys.Keys.marks`.
    counts : mapping of str to int, people
        ``allowed`` and every reason why others are not, as far as it occurs. They sum to all who are named in the
        tables.
    """

    basis: Basis
    purpose: str
    made_at: datetime
    expires_at: datetime
    marks: bytes
    counts: Mapping[str, int]

    def __repr__(self) -> str:
        return f"Standings({self.basis} to {self.purpose}, {self.made_at.isoformat()})"


def standings(
    *,
    consents: Tabular | Sequence[Tabular],
    subjects: Tabular | None = None,
    erased: Mapping[str, datetime] = MappingProxyType({}),
    keys: Keys,
    purpose: str = "personalization.recommendations",
    basis: Basis = "consent",
    valid_for: timedelta = timedelta(days=1),
    now: Callable[[], datetime] = utc_now,
) -> Standings:
    """Everybody whom the tables name is judged once, as of now and until the list ends.

    Parameters
    ----------
    consents : str, Path, pyarrow.Table or pandas.DataFrame, or several of them
        Consent events. Those of several tables are judged as if they stood in one.
    subjects : one of them, optional
        Who is a minor and who was erased.
    erased : mapping of str to datetime, optional
        Pseudonyms of people whom tactful erased, and when: they count like an `erased_at` of the subjects.
    keys : Keys
        For the marks of the list, and to find the erased.
    purpose : str
        A dotted purpose.
    basis : Basis
        Whom to list, see the notes of this module.
    valid_for : timedelta
        How long the list is to hold.
    now : callable returning a datetime, optional
        The clock: a time **before** the tables were read, or whoever withdrew in between would be taken for known.

    Raises
    ------
    SecretError
        If the keys hold none for suppression lists.
    SchemaError
        If a column is missing or has the wrong type, no time can be read, or a record names nobody or hides whom.
    UsageError
        If the purpose is not one, the basis is unknown, or the list would hold for no time.

    Notes
    -----
    **Privacy.** *Reads* the consent events and the subjects; no interaction. *Returns* keyed hashes of people, and
    exact counts of them, for inside the boundary. *Costs* nothing. *Assumes* one id is one person, and the tables are
    as people left them: a list knows nothing of a withdrawal that has not reached its tables.
    """
    made_at = in_utc(now())
    check_asked(basis=basis, purpose=purpose, valid_for=valid_for)
    session = DuckDB().session()
    for name, table in books.questions(_NO_ITEMS, (), (), purpose).items():
        session.put(name, table)
    begins, ends = micros(made_at), micros(made_at + valid_for)
    session.put("moments", books.moments([("then", begins, FOREVER), ("now", ends, FOREVER)]))
    books.stage(session, books.consents(consents), None if subjects is None else books.subjects(subjects))
    _enrol(session, session.query(_NAMED)["user_id"], keys, pseudonyms=bool(erased))
    books.settle(session, erased)
    session.create("standings", _STANDING)
    counted, listed = session.query(_COUNTED), session.query(_LISTED[basis])
    return Standings(
        basis=basis,
        purpose=purpose,
        made_at=made_at,
        expires_at=made_at + valid_for,
        marks=bytes.fromhex("".join(listed["mark"])),
        counts={str(state): int(n) for state, n in zip(counted["state"], counted["n"], strict=True)},
    )


_NO_ITEMS = Catalogue(item_ids=np.array([], dtype=str), titles=np.array([], dtype=str), features={})


def _enrol(session: Session, user_ids: Iterable[str], keys: Keys, *, pseudonyms: bool) -> None:
    """The tables ``ids`` and ``people`` are in the session, with a mark for everybody; pseudonyms if asked for."""
    named = [user_id for user_id in user_ids if is_clean(user_id)]
    person = pa.array(range(len(named)), pa.int32())
    session.put("ids", pa.table({"user_id": pa.array(named, pa.string()), "person": person}))
    marks = pa.array([mark.hex() for mark in keys.marks(named)], pa.string())
    names = pa.array(keys.pseudonyms(named) if pseudonyms else [None] * len(named), pa.string())
    session.put("people", pa.table({"person": person, "mark": marks, "pseudonym": names}))


def check_asked(*, basis: str, purpose: str, valid_for: timedelta) -> None:
    """Nothing is wrong with what is asked of a list.

    Raises
    ------
    UsageError
        If the basis is unknown, the purpose is none, or the list would hold for no time or too long.
    """
    checked_purpose(purpose)
    if basis not in _LISTED:
        raise UsageError("a list is of consent or of objection", given=repr(basis), do="Choose one of the two")
    if not timedelta(0) < valid_for <= LONGEST:
        raise UsageError(
            f"a list holds for some time, and for {LONGEST.days} days at most",
            given=f"{valid_for}",
            do="Give e.g. timedelta(days=1)",
        )
