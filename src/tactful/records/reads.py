"""Who looked at stores about people, and what for: each reading is an entry ``data.read`` of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tactful.errors import UsageError
from tactful.records.journal import JSON, Entry
from tactful.records.store import Records, Transaction

KIND = "data.read"
EXPORTED = "data.exported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One reading of stores about people.

    Attributes
    ----------
    what : str
        What it was part of, e.g. ``training``, ``dossier``, ``breach``.
    purpose : str
        What it was for, as a dotted purpose or in a few words.
    time : datetime, UTC
    actor : str or None
        The public key of whoever did it; None where nobody was named.
    sequence : int
        The number of its entry.
    facts : mapping
        What else was noted: names of sources, run, model, as_of, ….
    """

    what: str
    purpose: str
    time: datetime
    actor: str | None
    sequence: int
    facts: Mapping[str, Any] = field(repr=False)


def note_read(
    books: Records | Transaction, what: str, *, purpose: str, actor: str | None = None, **facts: JSON
) -> Entry:
    """The reading stands in the journal; to be called before the first row is read.

    Parameters
    ----------
    books : Records or Transaction
        Where nothing else is written, the records; inside a transaction, that one.
    what : str
        What it is part of, in a word or a few.
    purpose : str
        What it is for.
    actor : str, optional
        The public key of whoever does it.
    **facts
        Plain values, see the module's callers. **Never a person's id or pseudonym.**

    Raises
    ------
    UsageError
        If it is not said what is read, or what for.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* the entry. *Costs* nothing. *Assumes* that the facts name
    stores, runs and times, and no person.
    """
    return _append(books, KIND, {"what": what, "purpose": purpose, **facts}, actor)


def note_export(
    books: Records | Transaction, what: str, *, place: str, purpose: str, actor: str | None = None, **facts: JSON
) -> Entry:
    """A file with ids that tactful wrote outside its stores stands in the journal, so that an erasure can name it.

    Parameters
    ----------
    books : Records or Transaction
    what : str
        What the file is, e.g. ``people of a breach``.
    place : str
        Where it is, as a whole path.
    purpose : str
        What it is for.
    actor : str, optional
        The public key of whoever does it.
    **facts
        Plain values. **Never a person's id or pseudonym.**

    Raises
    ------
    UsageError
        If it is not said what is written, or what for.
    """
    return _append(books, EXPORTED, {"what": what, "purpose": purpose, "path": place, **facts}, actor)


def noted_reads(books: Records | Transaction, what: str | None = None) -> list[Read]:
    """Every reading that was noted, or those that were part of this, in order."""
    found = [_read(entry) for entry in books.entries(KIND) if entry.kind == KIND]
    return [read for read in found if what is None or read.what == what]


def _read(entry: Entry) -> Read:
    """The reading that an entry tells of."""
    facts = dict(entry.body)
    return Read(
        what=str(facts.pop("what", "")),
        purpose=str(facts.pop("purpose", "")),
        time=entry.time,
        actor=entry.actor,
        sequence=entry.sequence,
        facts=facts,
    )


def _append(books: Records | Transaction, kind: str, body: Mapping[str, JSON], actor: str | None) -> Entry:
    """The entry, in a transaction of its own where there is none."""
    if not (str(body["what"]).strip() and str(body["purpose"]).strip()):
        raise UsageError(
            "a reading of personal stores says what and what for",
            given=f"{body['what']!r} for {body['purpose']!r}",
            do="Name both",
        )
    if isinstance(books, Transaction):
        return books.append(kind, body, actor=actor)
    with books.transaction() as transaction:
        return transaction.append(kind, body, actor=actor)
