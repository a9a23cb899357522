"""Whether rows about people are gone that the journal vouches for, and what it vouches for of erased people.

Notes
-----
Each `tactful.records.subjects.Subjects.mark_erased` leaves an entry ``erased.recorded``: how many people are in the
record of erased people with that, and a hash over its rows of other days. Over the day's own rows there is none, for
each hash would differ from the one before by one person, and lead from their pseudonym to the moment of their erasure.
So of the rows of the last day their number is vouched for, of the others every byte. The number goes on from the
journal's, not from the table's: a row that was taken out stays missed.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, func, select

from tactful.errors import counted
from tactful.records import people_tables
from tactful.records.journal import JSON, Entry
from tactful.records.people_tables import CONSENTS, ERASED
from tactful.records.store import Records, Transaction

KIND = "erased.recorded"
"""The kind of the entries that vouch for the record of erased people."""


def vouched(transaction: Transaction, day: int) -> dict[str, JSON]:
    """What the journal is to say of the record of erased people, to which a row of this day was just added."""
    before = _last(transaction)
    people = before.body["people"] + 1 if before else _count(transaction.connection)
    return {"people": people, "day": day, "other_days": _root(transaction.connection, day)}


def missing(records: Records) -> str | None:
    """What is wrong with the number of consents or with the record of erased people; None if nothing is.

    Quick enough for every command that reads about people. What an edit of a consent is seen by is
    `tactful.records.consents.ConsentStore.verify`.

    Notes
    -----
    **Privacy.** *Reads* the number of consents, and the record of erased people. *Returns* counts. *Costs* nothing.
    *Assumes* the journal itself is what it was.
    """
    with records.reading() as moment:
        return _consents(moment) or _erased(moment)


def erased_problem(records: Records) -> str | None:
    """What is wrong with the record of erased people, by the journal; None if nothing is."""
    with records.reading() as moment:
        return _erased(moment)


def _consents(moment: Transaction) -> str | None:
    """Whether there are as many consents as were recorded."""
    entries = moment.entries("consent.recorded")
    wanted = sum(int(entry.body["events"]) for entry in entries if entry.kind == "consent.recorded")
    there = people_tables.are_there(moment.connection)
    query = select(func.count(), func.max(CONSENTS.c.row)).select_from(CONSENTS)
    found, last = moment.connection.execute(query).one() if there else (0, 0)
    if (found, last or 0) == (wanted, wanted):
        return None
    return f"the consent store has {counted(found, 'row')}, and the journal vouches for {wanted:,}"


def _erased(moment: Transaction) -> str | None:
    """Whether the record of erased people is what the journal's last entry about it says."""
    last = _last(moment)
    if last is None:
        return None
    if not people_tables.are_there(moment.connection):
        return "the record of erased people is gone"
    found, wanted = _count(moment.connection), last.body["people"]
    if found != wanted:
        return f"the record of erased people has {found:,}, and the journal vouches for {wanted:,}"
    if _root(moment.connection, last.body["day"]) != last.body["other_days"]:
        return f"the record of erased people was changed: it is not what entry {last.sequence} says"
    return None


def _last(moment: Transaction) -> Entry | None:
    """The last entry that vouches for the record of erased people."""
    found = [entry for entry in moment.entries(KIND) if entry.kind == KIND]
    return found[-1] if found else None


def _count(connection: Connection) -> int:
    """How many people were erased."""
    return int(connection.execute(select(func.count()).select_from(ERASED)).scalar_one())


def _root(connection: Connection, day: int) -> str:
    """One hash over the rows of all other days."""
    query = select(ERASED.c.pseudonym, ERASED.c.time).where(ERASED.c.time != day)
    running = hashlib.sha256(b"tactful erased 1")
    for name, time in sorted(tuple(row) for row in connection.execute(query)):
        running.update(f"{name} {time}\n".encode())
    return running.hexdigest()
