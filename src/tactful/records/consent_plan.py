"""What an import will write, worked out before the database is locked: who is new, what is a duplicate, every seal.

Notes
-----
Events are written in the order of their fingerprints, which is none to whoever has no keys: a row's number, which stays
in the journal when somebody is forgotten, must not be the line of an imported file.

A plan is made against the store as it was read. Under the lock it is asked whether it still `holds`: nobody it thinks
new has been enrolled since, nobody has been erased, and none of its events has been written by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from tactful.records import people_tables
from tactful.records.consent_rows import Given
from tactful.records.people_tables import CONSENTS
from tactful.records.subject_key import SubjectKey
from tactful.records.subjects import Draft, Known, Subjects, erased_in

Progress: TypeAlias = Callable[[str], None]
Event: TypeAlias = tuple[str, str | None, str | None, int | None, int | None, int | None, bytes | None, bytes]
"""Pseudonym, purpose, state, event time, recorded time, valid until, what is sealed, fingerprint."""

SEALED = b"consent"
"""The place that the sealed rest of a row is bound to."""
_STEP = 200_000
_AT_ONCE = 500
_ALL_FROM = 20 * _AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan:
    """What an import will write.

    Attributes
    ----------
    events : sequence of Event
        The rows in order, without number and time of storing.
    known : mapping of str to Known
        Who is in the directory, by pseudonym.
    drafts : mapping of str to Draft
        Who is to be.
    duplicates, blocked : int, events
        Those that the store or the table has already, and those of people who were erased.
    after : int
        The number of the last row when the plan was made.
    """

    events: Sequence[Event]
    known: Mapping[str, Known]
    drafts: Mapping[str, Draft]
    duplicates: int
    blocked: int
    after: int

    @property
    def people(self) -> set[str]:
        """Whom the events are about, by pseudonym."""
        return {event[0] for event in self.events}

    def key(self, pseudonym: str) -> SubjectKey:
        """The person's key, old or new."""
        return self.known[pseudonym].key if pseudonym in self.known else self.drafts[pseudonym].key

    def holds(self, connection: Connection, subjects: Subjects) -> bool:
        """Whether the store is as the plan took it, as far as that matters to it."""
        if not people_tables.are_there(connection):
            return True
        if not self.people.isdisjoint(erased_in(connection)) or subjects.known(connection, self.drafts.keys()):
            return False
        since = connection.execute(select(CONSENTS.c.fingerprint).where(CONSENTS.c.row > self.after)).scalars()
        return {event[-1] for event in self.events}.isdisjoint(since)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Seen:
    """What of the store matters to an import.

    Attributes
    ----------
    after : int
        The number of the last row. It is read before all else, so that nothing later is missed.
    erased : collection of str
        Who was erased, by pseudonym.
    known : mapping of str to Known
        Who of the import is in the directory.
    fingerprints : set of bytes
        Those of all events of the known.
    """

    after: int
    erased: Collection[str]
    known: Mapping[str, Known]
    fingerprints: set[bytes]


def seen(connection: Connection, subjects: Subjects, given: Given) -> Seen:
    """What of the store matters to these events, as it is now.

    Notes
    -----
    **Privacy.** *Reads* the ids of the events, and of the store who is known, who was erased, and fingerprints.
    *Returns* the same, for `planned`. *Costs* nothing. *Assumes* what `tactful.records.subjects.Subjects` assumes.
    """
    if not people_tables.are_there(connection):
        return Seen(after=0, erased=(), known={}, fingerprints=set())
    after = connection.execute(select(func.max(CONSENTS.c.row))).scalar_one() or 0
    erased = erased_in(connection)
    known = subjects.known(connection, [name for name in subjects.named(given.user_id) if name not in erased])
    people = [found.person for found in known.values()]
    return Seen(after=after, erased=erased, known=known, fingerprints=_fingerprints(connection, people))


def planned(store: Seen, subjects: Subjects, given: Given, progress: Progress) -> Plan:
    """What is to be written of these events. No connection is needed: this takes long and locks nothing.

    Notes
    -----
    **Privacy.** *Reads* the events. *Returns* rows under pseudonyms, sealed. *Costs* nothing. *Assumes* what
    `tactful.records.subjects.Subjects` assumes.
    """
    progress("making keys")
    ids = subjects.named(given.user_id)
    new = {name: user_id for name, user_id in ids.items() if name not in store.known and name not in store.erased}
    drafts = {name: subjects.draft(name, user_id) for name, user_id in new.items()}
    found = {name: known.key for name, known in store.known.items()}
    keys = found | {name: draft.key for name, draft in drafts.items()}
    names = {user_id: name for name, user_id in ids.items()}
    pseudonyms = [names[user_id] for user_id in given.user_id]
    kept = [place for place, name in enumerate(pseudonyms) if name in keys]
    events = mixed(_sealed(given, pseudonyms, kept, keys, set(store.fingerprints), progress))
    return Plan(
        events=events,
        known=store.known,
        drafts=drafts,
        duplicates=len(kept) - len(events),
        blocked=len(given) - len(kept),
        after=store.after,
    )


def mixed(events: Sequence[Event]) -> list[Event]:
    """The events in the order of their fingerprints."""
    return sorted(events, key=itemgetter(-1))


def content(
    purpose: str | None,
    state: str | None,
    event_time: int | None,
    recorded_time: int | None,
    valid_until: int | None,
    rest: bytes,
) -> bytes:
    """What a fingerprint is taken of: everything that was given about an event. A purpose holds no bar."""
    return f"{purpose}|{state}|{event_time}|{recorded_time}|{valid_until}|".encode() + rest


def _fingerprints(connection: Connection, people: Sequence[int]) -> set[bytes]:
    """The fingerprints of all events of these people; of everybody, where they are many."""
    query = select(CONSENTS.c.fingerprint)
    if len(people) >= _ALL_FROM:
        return set(connection.execute(query).scalars())
    found: set[bytes] = set()
    for start in range(0, len(people), _AT_ONCE):
        found |= set(connection.execute(query.where(CONSENTS.c.person.in_(people[start : start + _AT_ONCE]))).scalars())
    return found


def _sealed(
    given: Given,
    pseudonyms: Sequence[str],
    kept: Sequence[int],
    keys: Mapping[str, SubjectKey],
    before: set[bytes],
    progress: Progress,
) -> list[Event]:
    """The events at these places that were not there before, each sealed under its person's key."""
    events: list[Event] = []
    columns = (given.purpose, given.state, given.event_time, given.recorded_time, given.valid_until)
    whole = len(kept) == len(given)  # then nothing has to be picked
    picked = [column if whole else [column[place] for place in kept] for column in (pseudonyms, given.rest, *columns)]
    for done, (name, rest, purpose, state, event, recorded, until) in enumerate(zip(*picked, strict=True)):
        if done % _STEP == 0:
            progress(f"sealing events, {done:,} of {len(kept):,} done")
        key = keys[name]
        fingerprint = key.fingerprint(content(purpose, state, event, recorded, until, rest))
        if fingerprint not in before:
            before.add(fingerprint)
            sealed = key.close(rest, bound_to=SEALED + fingerprint) if rest else None
            events.append((name, purpose, state, event, recorded, until, sealed, fingerprint))
    return events
