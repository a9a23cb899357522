"""The consent store: who said what, when it happened, when it was stored. Nothing is changed, all can be shown.

An event is written once and never edited: a later event follows it. Two clocks are kept. `event_time` says when
somebody decided, `stored_time` when this store learnt of it, by its own clock; so what was known at any past time can
be read back to the row (`ConsentStore.events` with `known_at`, or with `upto` where clocks differ), whatever arrived
since. `recorded_time` is the source's own claim of when it recorded the decision; where it makes none, the time of
storing counts.

Which events win
----------------
The store keeps them all; the consent gate decides. Tests run each row of this table through both.

==========================================  =====================================================================
what meets                                  what holds
==========================================  =====================================================================
grant and refusal on one path               refused: a refusal of the purpose or of any parent wins
grant and objection signal (GPC)            refused: the signal is a refusal, and may be dated ahead
grant and refusal at one instant            refused
two events of one purpose and instant       the later recorded one, where both give or both refuse
later recorded, earlier event time          the later event time holds: recording order is no order of decisions
later recorded, another purpose             each purpose has its own order; neither lifts the other
grant dated after, recorded before          withdrawn: a clock that runs ahead lifts no refusal
refusal recorded ahead of the store         it counts from when the store had it
grant recorded ahead of the store           it waits until that time has come
the same event twice                        one event, counted as a duplicate
withdrawal before any grant                 withdrawn, until a grant follows it
expiry at the same instant as a question    expired: a grant holds until just before its end
grant at the instant another ends           in force without a break
grant after a withdrawal                    in force from then on; what happened in between stays out
grant of a child                            the child alone
grant that cannot be read                   refused for good, until the record is repaired
refusal of a misspelt purpose               of the purpose that was meant (an import refuses such events now)
grant of a misspelt purpose                 gives nothing
==========================================  =====================================================================

Notes
-----
People stand under numbers that lead to their pseudonym and key (`tactful.records.subjects`); what might name them is
sealed under that key. A row's fingerprint is a keyed hash of everything that was given: it makes the same event known
again, so that an import can be repeated, and the journal holds a root over the fingerprints of each import, so that a
row that was edited, put in or taken out shows (`tactful.records.consent_check`).

To forget somebody leaves their rows' numbers, times of storing and fingerprints. Without the key a fingerprint tells
nothing; a number tells which import a row came with, and not its place in what was imported: the rows of an import are
numbered in the order of their fingerprints. ``consent.forgotten`` names the numbers, which verification needs, and no
tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import pyarrow as pa
from sqlalchemy import func, select, update

from tactful.records import bulk, consent_check, consent_reading, database, people_tables
from tactful.records.consent_added import Added, counted, entry
from tactful.records.consent_check import ConsentReport
from tactful.records.consent_plan import Plan, Progress, planned, seen
from tactful.records.consent_rows import Given, read_rows
from tactful.records.consent_times import micros
from tactful.records.people_tables import CONSENTS, ERASED, SUBJECTS
from tactful.records.read_point import ReadPoint
from tactful.records.sealing import Secrets
from tactful.records.store import Records, Transaction
from tactful.records.subjects import Subjects

_ATTEMPTS = 3
"""How often an import is worked out anew outside the lock because somebody was quicker, before it is done inside."""


class ConsentStore:
    """The consent events in these records. Made by `ConsentStore.open`.

    Notes
    -----
    **Privacy.** *Reads* consent events, and the directory of people. *Returns* events with ids, for inside the trust
    boundary. *Costs* nothing. *Assumes* the secrets are secret and are not kept with the database; one id is one
    person.
    """

    __slots__ = ("_records", "_subjects")

    def __init__(self, records: Records, secrets: Secrets) -> None:
        self._records, self._subjects = records, Subjects.open(records, secrets)

    def __repr__(self) -> str:
        return "ConsentStore()"

    @classmethod
    def open(cls, records: Records, secrets: Secrets) -> ConsentStore:
        """The store in these records; nothing is made before something is added."""
        return cls(records, secrets)

    @property
    def empty(self) -> bool:
        """Whether no event is stored."""
        with self._records.engine.connect() as connection:
            if not people_tables.are_there(connection):
                return True
            return connection.execute(select(CONSENTS.c.row).limit(1)).first() is None

    @bulk.uncollected()
    def add(
        self,
        events: pa.Table,
        *,
        source: str,
        actor: str | None = None,
        progress: Progress = lambda _: None,
        dry_run: bool = False,
        look: Callable[[Given], None] = lambda _: None,
    ) -> Added:
        """The events are stored, all or none, with one journal entry, ``consent.recorded``.

        Parameters
        ----------
        events : pyarrow.Table
            The contract's columns; no other column is read.
        source : str
            Where they come from, for the journal. **Never a person's id.**
        actor : str, optional
            The public key of whoever does it.
        progress : callable taking str, optional
            Hears what is being done.
        dry_run : bool, default=False
            Count, and store nothing.
        look : callable, optional
            Given the events as they were read, before anything else is done; what it raises stops the import.

        Raises
        ------
        SchemaError
            If a required column is missing, one has a type that is none of its kind, a row names nobody or hides whom,
            no state or no time at all can be read, or a purpose may have been meant as one that tactful asks for: it
            could not be mended here, so nothing at all is stored.
        """
        progress("reading events")
        given = read_rows(events)
        look(given)
        for _ in range(_ATTEMPTS):
            with self._records.engine.connect() as connection:
                store = seen(connection, self._subjects, given)
            plan = planned(store, self._subjects, given, progress)
            if dry_run:
                return counted(plan, given, self._records.now())
            with self._records.transaction() as transaction:
                if plan.holds(transaction.connection, self._subjects):
                    return counted(plan, given, self._write(transaction, plan, source, actor, progress))
        with self._records.transaction() as transaction:  # others were quicker each time: now nobody is
            plan = planned(seen(transaction.connection, self._subjects, given), self._subjects, given, progress)
            return counted(plan, given, self._write(transaction, plan, source, actor, progress))

    def events(
        self,
        *,
        user_ids: Iterable[str] | None = None,
        known_at: datetime | None = None,
        upto: ReadPoint | None = None,
        evidence: bool = True,
    ) -> pa.Table:
        """The events of these people, or of all, in the order in which they were stored.

        Whoever was erased is left out, and so is whatever was stored after `known_at`. What is stored later never
        changes what an earlier `known_at` gives, save for people who were erased in between.

        Parameters
        ----------
        user_ids : iterable of str, optional
        known_at : datetime, optional
            By the store's clock; UTC if without a zone.
        upto : ReadPoint, optional
            Only what was stored when `read_point` gave this, whatever clock the writers went by.
        evidence : bool, default=True
            Whether to open what the gate does not judge by; without it, a million events take seconds less.

        Returns
        -------
        pyarrow.Table
            The contract's columns and ``stored_time``; times are UTC, ``recorded_time`` is never missing. A time that
            could not be read is 1970-01-01, which to the gate is none. They are told as they were given; the schema
            says that they are the store's, see `tactful.records.stored_purposes`.
        """
        names = None if user_ids is None else list(self._subjects.named(user_ids))
        with self._records.engine.connect() as connection:
            return consent_reading.read(connection, self._subjects, names, known_at, upto=upto, evidence=evidence)

    def read_point(self) -> ReadPoint:
        """How far the store reads at this moment: `events` up to it never change, save for people erased since."""
        with self._records.engine.connect() as connection:
            return ReadPoint.now(connection, self._records.now())

    def forget(self, transaction: Transaction, pseudonym: str) -> int:
        """How many rows of this person are reduced, with this transaction, to their fingerprints.

        A journal entry, ``consent.forgotten``, names the rows: verification relies on it.
        """
        connection = transaction.connection
        known = self._subjects.known(connection, [pseudonym]) if people_tables.are_there(connection) else {}
        if not known:
            return 0
        mine = CONSENTS.c.person == known[pseudonym].person
        rows = list(connection.execute(select(CONSENTS.c.row).where(mine).order_by(CONSENTS.c.row)).scalars())
        if rows:
            empty = {
                column.name: None for column in CONSENTS.columns if column.nullable and column.name != "stored_time"
            }
            connection.execute(update(CONSENTS).where(mine).values(empty))
            transaction.append("consent.forgotten", {"rows": rows})
        return len(rows)

    def verify(self) -> ConsentReport:
        """Whether every row is as the journal's entries vouch for it: none edited, put in or taken out.

        Raises
        ------
        SecretError
            If the storage key that sealed the directory is not among the secrets.
        """
        with self._records.engine.connect() as connection:
            return consent_check.check(connection, self._subjects, self._records.entries("consent."))

    def compact(self) -> None:
        """What was deleted is gone from the files of the database, too.

        SQLite: the file is rewritten and its write-ahead log cut to nothing. PostgreSQL: the tables about people are
        rewritten in the order of their keys, and no sample of their columns that it plans by is left; its own log keeps
        pages until it is recycled, and copies of the database keep theirs.

        Raises
        ------
        UsageError
            If others use the database at this moment.
        """
        with self._records.transaction() as transaction:
            people_tables.settle(transaction.connection)
        database.compact(self._records.engine, [table.name for table in (SUBJECTS, CONSENTS, ERASED)])

    def _write(
        self, transaction: Transaction, plan: Plan, source: str, actor: str | None, progress: Progress
    ) -> datetime:
        """The plan is in the database with this transaction, and the journal says so; the time of storing."""
        connection = transaction.connection
        people_tables.make(connection)
        numbers = self._subjects.write(transaction, plan.drafts)
        numbers |= {name: known.person for name, known in plan.known.items()}
        first = (connection.execute(select(func.max(CONSENTS.c.row))).scalar_one() or 0) + 1
        time = transaction.now()
        stored = micros(time)
        rows = [
            (first + place, numbers[event[0]], *event[1:6], stored, *event[6:])
            for place, event in enumerate(plan.events)
        ]
        bulk.write(connection, CONSENTS, rows, progress, there=first - 1)
        transaction.append("consent.recorded", entry(plan, source, first, stored), actor=actor)
        progress("committing")
        return time
