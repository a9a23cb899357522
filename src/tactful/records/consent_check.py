"""Whether the consents are as the journal vouches for them.

Notes
-----
The journal's entry of each import names the first and the last row it wrote, the time of storing, and a root over the
fingerprints in order. A fingerprint is a keyed hash of a row's content, so that an edit of the content shows against
the fingerprint, and an edit of the fingerprint, a row put in, taken out or moved shows against the root. A row that was
forgotten has its fingerprint alone; the journal's ``consent.forgotten`` names it, or somebody emptied it.

Whoever may rewrite the journal as well can rewrite both: its head is kept outside the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from tactful.errors import SecretError, counted
from tactful.records import people_tables
from tactful.records.consent_plan import SEALED, content
from tactful.records.journal import JSON, Entry
from tactful.records.people_tables import CONSENTS
from tactful.records.subject_key import SubjectKey
from tactful.records.subjects import Subjects

_CHUNK = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReport:
    """Whether the consents hold.

    Attributes
    ----------
    ok : bool
    rows : int
        How many hold, counted from the first.
    forgotten : int, rows
        How many of those are of people who were erased.
    problem : str or None
        What is wrong, and at which row.
    """

    ok: bool
    rows: int
    forgotten: int
    problem: str | None

    def as_json(self) -> dict[str, JSON]:
        """The report as plain values."""
        return {"ok": self.ok, "rows": self.rows, "forgotten": self.forgotten, "problem": self.problem}


class _BrokenRowError(Exception):
    """A row that does not hold."""


def root(fingerprints: Iterable[bytes]) -> str:
    """One hash over fingerprints of sixteen bytes, in their order."""
    running = hashlib.sha256(b"tactful consents 1")
    for fingerprint in fingerprints:
        running.update(fingerprint)
    return running.hexdigest()


def check(connection: Connection, subjects: Subjects, entries: Sequence[Entry]) -> ConsentReport:
    """The rows against the journal's entries about consents, in order.

    Notes
    -----
    **Privacy.** *Reads* every row, and the directory's keys. *Returns* counts of rows, and the number of a row that
    does not hold. *Costs* nothing. *Assumes* the journal itself was verified.
    """
    if not people_tables.are_there(connection):
        lost = any(entry.body.get("events") for entry in entries if entry.kind == "consent.recorded")
        problem = "the table of consents is gone, and the journal vouches for rows" if lost else None
        return ConsentReport(ok=not lost, rows=0, forgotten=0, problem=problem)
    return _Check(connection, subjects, entries).report()


class _Check:
    """One verification: how far it has come, and what it met."""

    def __init__(self, connection: Connection, subjects: Subjects, entries: Sequence[Entry]) -> None:
        self._connection, self._entries = connection, entries
        self._keys = {found.person: found.key for found in subjects.known(connection).values()}
        self._may_be_empty = {
            row for entry in entries if entry.kind == "consent.forgotten" for row in entry.body.get("rows", ())
        }
        self._rows = self._forgotten = 0

    def report(self) -> ConsentReport:
        """What was found, up to the first row that does not hold."""
        try:
            for entry in self._entries:
                if entry.kind == "consent.recorded" and entry.body.get("events"):
                    self._import(entry)
            self._nothing_more()
        except _BrokenRowError as broken:
            return ConsentReport(ok=False, rows=self._rows, forgotten=self._forgotten, problem=str(broken))
        return ConsentReport(ok=True, rows=self._rows, forgotten=self._forgotten, problem=None)

    def _import(self, entry: Entry) -> None:
        """The rows of one import hold, or raise."""
        first, last, stored = (int(entry.body[name]) for name in ("first", "last", "stored"))
        fingerprints, expected = list[bytes](), first
        for row in self._between(first, last):
            if row.row != expected:
                raise _BrokenRowError(f"row {expected} is missing")
            if row.stored_time != stored:
                raise _BrokenRowError(f"row {expected} was changed: its time of storing is not its import's")
            self._row(row)
            fingerprints.append(row.fingerprint)
            expected += 1
        if expected != last + 1:
            raise _BrokenRowError(f"row {expected} is missing")
        if root(fingerprints) != entry.body["root"]:
            raise _BrokenRowError(
                f"among rows {first} to {last} one was replaced: they are not what entry {entry.sequence} says"
            )
        self._rows += expected - first

    def _row(self, row: Any) -> None:
        """One row holds by itself, or raise."""
        if row.person is None:
            if row.row not in self._may_be_empty:
                raise _BrokenRowError(f"row {row.row} was emptied, and the journal does not say that it was forgotten")
            self._forgotten += 1
            return
        key = self._keys.get(row.person)
        if key is None:
            raise _BrokenRowError(f"row {row.row} is about somebody whose key is gone")
        if row.row in self._may_be_empty:
            raise _BrokenRowError(f"row {row.row} was forgotten, and is there again")
        if not _holds(row, key):
            raise _BrokenRowError(f"row {row.row} was changed after it was stored")

    def _between(self, first: int, last: int) -> Iterator[Any]:
        """The rows with these numbers, in order, a chunk in memory at a time."""
        query = select(CONSENTS).where(CONSENTS.c.row.between(first, last)).order_by(CONSENTS.c.row)
        with self._connection.execute(query, execution_options={"yield_per": _CHUNK}) as rows:
            yield from rows

    def _nothing_more(self) -> None:
        """There is no row that no import wrote, or raise."""
        found = self._connection.execute(select(func.count()).select_from(CONSENTS)).scalar_one()
        if found != self._rows:
            rows = counted(found - self._rows, "row was", "rows were")
            raise _BrokenRowError(f"{rows} put in: no entry of the journal vouches for that")


def _holds(row: Any, key: SubjectKey) -> bool:
    """Whether a row's content has its fingerprint."""
    try:
        rest = key.disclose(row.sealed, bound_to=SEALED + row.fingerprint) if row.sealed is not None else b""
    except (SecretError, TypeError):
        return False
    said = (row.purpose, row.state, row.event_time, row.recorded_time, row.valid_until)
    return bool(key.fingerprint(content(*said, rest)) == row.fingerprint)
