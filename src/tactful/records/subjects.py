"""The directory of people: a key of their own for each, their id sealed under it, and who was erased.

Notes
-----
A person is known by their *pseudonym*. Their row holds a random key, sealed under the storage key, and their id, sealed
under that key. To erase somebody is to destroy the row: what was sealed for them anywhere, the journal included, can
never be read again, and the chain of the journal still holds.

Whoever is erased stays in a table of its own, by pseudonym and day. That record is the one thing kept, so that
a later import of the same id can be turned away.

What remains linkable
---------------------
The record of erased people keeps the day (UTC) and no more, because the journal says to the microsecond when an erasure
happened: with an exact time each pseudonym would lead to its entries. New people are numbered in an order of chance, so
that the number that is missing once somebody is gone is no place in the file they came with. What is left: on a day
with one erasure, whoever has the pseudonym key and an id can tell that this erasure's entries are that person's, and
with which imports their consents came. Whoever has an imported file and every secret can tell who of it is not there
any more.

The storage key that counts
---------------------------
`reseal` writes the fingerprint of the storage key into the journal, ``keys.storage``, with the rows it reseals. Whoever
writes people asks in the same transaction whether theirs is that key, or a newer one. So a process that read its
secrets before a rotation writes nothing that nobody could open once the former key is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, select, update

from tactful.errors import SecretError
from tactful.records import bulk, people_check, people_tables
from tactful.records.people_tables import CONSENTS, ERASED, SUBJECTS
from tactful.records.sealing import Sealer, Secrets, fingerprint_in
from tactful.records.store import Records, Transaction
from tactful.records.subject_key import SubjectKey

__all__ = ["Draft", "Known", "SubjectKey", "Subjects"]

T = TypeVar("T")

PINNED = "keys.storage"
"""The kind of the entries that name the storage key."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 500
_ALL_FROM = 20 * _AT_ONCE
"""Pseudonyms in one question, and from how many on the whole table is read instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody in the directory: their number in this database, and their key."""

    person: int = field(repr=False)
    key: SubjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Somebody who is to be in the directory: their key, and what will stand there, sealed already."""

    key: SubjectKey
    sealed_key: bytes = field(repr=False)
    sealed_id: bytes = field(repr=False)


class Subjects:
    """The people this database knows. Made by `Subjects.open`.

    Notes
    -----
    **Privacy.** *Reads* the directory; ids are opened in memory, only where they are asked for. *Returns* keys,
    pseudonyms and, from `ids` alone, ids: for inside the trust boundary. *Costs* nothing. *Assumes* the storage key is
    secret and is not kept with the database.
    """

    __slots__ = ("_records", "_sealer", "_secrets")

    def __init__(self, records: Records, secrets: Secrets) -> None:
        self._records, self._secrets = records, secrets
        self._sealer = Sealer(secrets.storage, secrets.storage_older)

    def __repr__(self) -> str:
        return "Subjects()"

    @classmethod
    def open(cls, records: Records, secrets: Secrets) -> Subjects:
        """The directory in these records; nothing is made before somebody is enrolled."""
        return cls(records, secrets)

    @property
    def records(self) -> Records:
        """The records that the directory is kept in."""
        return self._records

    def enrol(self, transaction: Transaction, ids: Iterable[str]) -> dict[str, SubjectKey]:
        """For each id its person's key, by pseudonym; those who have none get one with this transaction.

        Whoever is erased is left out: whatever was read of them before, nobody brings them back.

        Raises
        ------
        SecretError
            If the storage key was changed since these secrets were read.
        """
        people_tables.make(transaction.connection)
        gone = erased_in(transaction.connection)
        named = {name: user_id for name, user_id in self.named(ids).items() if name not in gone}
        known = {name: found.key for name, found in self.known(transaction.connection, named).items()}
        drafts = {name: self.draft(name, user_id) for name, user_id in named.items() if name not in known}
        self.write(transaction, drafts)
        return known | {name: draft.key for name, draft in drafts.items()}

    def find(self, pseudonym: str) -> SubjectKey | None:
        """The key of this person, if they are in the directory."""

        def asked(connection: Connection) -> dict[str, Known]:
            """The person, if they are there."""
            return self.known(connection, [pseudonym])

        nobody: dict[str, Known] = {}
        found = self._reading(asked, nobody).get(pseudonym)
        return found.key if found else None

    def ids(self, pseudonyms: Iterable[str] | None = None) -> dict[str, str]:
        """The id behind each of these pseudonyms that is in the directory; behind all if none are named."""
        wanted = None if pseudonyms is None else list(pseudonyms)
        return self._reading(lambda connection: self.unsealed(connection, wanted)[1], {})

    def erased(self) -> dict[str, datetime]:
        """Who was erased, by pseudonym, and on which day: the record of erased people. The time is that day's first."""
        return self._reading(erased_in, {})

    def are_others(self) -> bool:
        """Whether the secrets are another store's: not one key in the directory was sealed under theirs."""

        def asked(connection: Connection) -> bool:
            """Whether there are keys, and none that could be opened."""
            sealed = [row.key for row in _rows(connection, None)]
            return bool(sealed) and not any(self._sealer.has(fingerprint_in(key)) for key in sealed)

        return self._reading(asked, False)

    def mark_erased(self, transaction: Transaction, pseudonym: str) -> bool:
        """The person counts as erased from this day on, in every gate and import; False if they did before.

        The journal's entry ``erased.recorded`` vouches for the record with them in it, and names nobody.
        """
        people_tables.make(transaction.connection)
        if pseudonym in erased_in(transaction.connection):
            return False
        day = timedelta(days=1) * ((transaction.now() - _EPOCH) // timedelta(days=1))
        time = day // timedelta(microseconds=1)
        transaction.connection.execute(insert(ERASED).values(pseudonym=pseudonym, time=time))
        transaction.append(people_check.KIND, people_check.vouched(transaction, time))
        return True

    def destroy(self, transaction: Transaction, pseudonym: str) -> None:
        """The person's key and sealed id are gone with this transaction; it does no harm if they were before."""
        if people_tables.are_there(transaction.connection):
            transaction.connection.execute(delete(SUBJECTS).where(SUBJECTS.c.pseudonym == pseudonym))

    def reseal(self, *, actor: str | None = None) -> int:
        """Every key is sealed under the current storage key, which the journal names; how many were not before.

        Raises
        ------
        SecretError
            If a key was sealed under a storage key that is not among the secrets; nothing is changed then.
        """
        with self._records.transaction() as transaction:
            connection = transaction.connection
            found = _rows(connection, None) if people_tables.are_there(connection) else ()
            stale = [row for row in found if not self._sealer.is_current(row.key)]
            for row in stale:
                sealed = self._sealer.seal(self._key(row).raw, bound_to=row.pseudonym.encode())
                connection.execute(update(SUBJECTS).where(SUBJECTS.c.person == row.person).values(key=sealed))
            if self._secrets.storage_older and _pinned(transaction) != self._sealer.current:
                transaction.append(PINNED, {"storage": self._sealer.current}, actor=actor)
        return len(stale)

    def named(self, ids: Iterable[str]) -> dict[str, str]:
        """The ids by their pseudonyms."""
        distinct = list(dict.fromkeys(ids))
        return dict(zip(self._secrets.pseudonyms(distinct), distinct, strict=True))

    def known(self, connection: Connection, pseudonyms: Collection[str] | None = None) -> dict[str, Known]:
        """Those of these people, or of all, who are in the directory, by pseudonym. The tables must be there."""
        return {row.pseudonym: Known(person=row.person, key=self._key(row)) for row in _rows(connection, pseudonyms)}

    def unsealed(
        self, connection: Connection, pseudonyms: Collection[str] | None = None
    ) -> tuple[dict[str, Known], dict[str, str]]:
        """Those of these people, or of all, who are in the directory, and their ids, each key opened once."""
        known, ids = dict[str, Known](), dict[str, str]()
        for row in _rows(connection, pseudonyms):
            key = self._key(row)
            known[row.pseudonym] = Known(person=row.person, key=key)
            ids[row.pseudonym] = key.disclose(row.name, bound_to=b"id").decode()
        return known, ids

    def draft(self, pseudonym: str, user_id: str) -> Draft:
        """A fresh key for somebody, and what `write` will put into the directory."""
        key, bound_to = SubjectKey.new(), pseudonym.encode()
        return Draft(
            key=key,
            sealed_key=self._sealer.seal(key.raw, bound_to=bound_to),
            sealed_id=key.close(user_id.encode(), bound_to=b"id"),
        )

    def write(self, transaction: Transaction, drafts: Mapping[str, Draft]) -> dict[str, int]:
        """These people, who are not in the directory yet, are in it with this transaction; their numbers.

        Raises
        ------
        SecretError
            If the storage key was changed since these secrets were read; also where nobody is new.
        """
        self._check_key(transaction)
        if not drafts:
            return {}
        connection = transaction.connection
        last = max(connection.execute(select(func.max(t.c.person))).scalar_one() or 0 for t in (SUBJECTS, CONSENTS))
        numbers = {name: last + place for place, name in enumerate(by_chance(drafts), 1)}
        rows = [(number, name, drafts[name].sealed_key, drafts[name].sealed_id) for name, number in numbers.items()]
        bulk.write(connection, SUBJECTS, rows)
        return numbers

    def _reading(self, action: Callable[[Connection], T], otherwise: T) -> T:
        """What is read over a connection of its own; something else where the tables have not been made."""
        with self._records.engine.connect() as connection:
            return action(connection) if people_tables.are_there(connection) else otherwise

    def _check_key(self, transaction: Transaction) -> None:
        """Raise `SecretError` unless the storage key is the one that the journal named last, or a newer one."""
        named = _pinned(transaction)
        if named is not None and not self._sealer.has(named):
            raise SecretError(
                "people are written under the storage key that the records name",
                given=f"it was changed: the key with fingerprint {named} is not among the secrets this process read",
                do="Start it again; if that does not help, give it the secrets that go with these records",
            )

    def _key(self, row: Any) -> SubjectKey:
        """The key in a row of the directory."""
        return SubjectKey(self._sealer.open(row.key, bound_to=row.pseudonym.encode()))


def by_chance(drafts: Mapping[str, Draft]) -> list[str]:
    """The pseudonyms in an order that has nothing to do with theirs: that of what is sealed, which begins at random."""
    return sorted(drafts, key=lambda name: drafts[name].sealed_id)


def _pinned(transaction: Transaction) -> str | None:
    """The fingerprint of the storage key that the journal names, if it names one."""
    named = [entry.body["storage"] for entry in transaction.entries(PINNED) if entry.kind == PINNED]
    return str(named[-1]) if named else None


def erased_in(connection: Connection) -> dict[str, datetime]:
    """Who was erased, by pseudonym, and on which day. The tables must be there."""
    rows = connection.execute(select(ERASED.c.pseudonym, ERASED.c.time).order_by(ERASED.c.pseudonym))
    return {name: _EPOCH + timedelta(microseconds=time) for name, time in rows}


def _rows(connection: Connection, pseudonyms: Collection[str] | None) -> Iterator[Any]:
    """The rows of the directory about these people, or all."""
    everything = select(SUBJECTS).order_by(SUBJECTS.c.person)
    if pseudonyms is None:
        yield from connection.execute(everything)
        return
    names = list(dict.fromkeys(pseudonyms))
    if len(names) >= _ALL_FROM:
        wanted = set(names)
        yield from (row for row in connection.execute(everything) if row.pseudonym in wanted)
        return
    for start in range(0, len(names), _AT_ONCE):
        yield from connection.execute(everything.where(SUBJECTS.c.pseudonym.in_(names[start : start + _AT_ONCE])))
