"""The journal in a SQL database: one append-only table, one writer at a time.

SQLite (the default) and PostgreSQL refuse to change or delete a row by trigger; `Records.verify` is for whoever removes
the trigger.

Notes
-----
A transaction reads the head of the chain first and appends after that head or not at all: an entry's number and its
predecessor's digest are unique. So even on a database whose locks do not hold, a writer that decided on rows which are
no longer the latest fails and writes nothing.

Every use opens its own connection, so that a `Records` survives a fork and closes nothing late.

The file is longer than most: what a transaction may do, and what holds when it has ended, is one thing to read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from tactful.errors import JournalBrokenError, UsageError
from tactful.records import database
from tactful.records.anchor import Anchor, AnchorReport
from tactful.records.journal import JSON, ChainReport, Entry, Signer, StoredEntry, check_chain, seal

DEFAULT_URL = "sqlite:///models/records.db"

_JOURNAL = Table(
    "journal",
    MetaData(),
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("time", String(40), nullable=False),
    Column("kind", String(200), nullable=False, index=True),
    Column("actor", String(1000)),
    Column("body", LargeBinary, nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("digest", String(64), nullable=False, unique=True),
)


class Transaction:
    """The journal, held by one writer: what is read here cannot change before what is appended is durable.

    Made by `Records.transaction` and good until its end.
    """

    __slots__ = ("_anchor", "_appended", "_clock", "_connection", "_last", "_signer")

    def __init__(
        self, connection: Connection, clock: Callable[[], datetime], anchor: Anchor, signer: Signer | None = None
    ) -> None:
        self._connection, self._clock, self._anchor, self._signer = connection, clock, anchor, signer
        self._last, self._appended = _last(connection), 0

    def __repr__(self) -> str:
        return "Transaction(closed)" if self._connection.closed else "Transaction(open)"

    def append(self, kind: str, body: Mapping[str, JSON], *, actor: str | None = None) -> Entry:
        """The entry written last; durable when the transaction ends without an error.

        Parameters
        ----------
        kind : str
            Dotted lower-case words.
        body : mapping
            Plain values. **Never a person's id**: the journal cannot forget.
        actor : str, optional
            The public key of whoever does it.
        """
        stored = seal(self._last, kind=kind, actor=actor, body=body, time=self._clock(), signer=self._signer)
        columns = {column.name: getattr(stored, column.name) for column in _JOURNAL.columns}
        self._connection.execute(insert(_JOURNAL).values(columns))
        self._last, self._appended = stored, self._appended + 1
        return stored.parsed()

    def entries(self, kind: str | tuple[str, ...] = "") -> list[Entry]:
        """The entries whose kind starts with this text, or with one of these, in order."""
        return _entries(self._connection, kind)

    def verify(self) -> ChainReport:
        """Whether the chain holds, and nothing of it is gone by the head that is kept outside the database."""
        chain, kept = _verified(self._connection), self.kept()
        if kept.ok or not chain.ok:
            return chain
        return replace(chain, ok=False, problem=f"{kept.problem} (see: tactful journal verify)")

    @property
    def connection(self) -> Connection:
        """The connection, for other tables of the records: what is written by it is written with the entries or not."""
        return self._connection

    def now(self) -> datetime:
        """The time an entry appended now would bear."""
        return self._clock()

    def anchored(self, *, accepted: bool = False) -> AbstractContextManager[Callable[[], None]]:
        """What was appended is about to be the journal's end; see `tactful.records.anchor.Anchor.moving`."""
        if not self._appended or self._last is None:
            return nullcontext(lambda: None)
        first = self._last.sequence - self._appended + 1
        return self._anchor.moving(self._last, self._digest_at, first=first, accepted=accepted)

    def kept(self) -> AnchorReport:
        """What the head that is kept outside the database says of the journal; see `Records.anchor`."""
        return self._anchor.compare(self._last, self._digest_at)

    def _digest_at(self, sequence: int) -> str | None:
        return _digest_at(self._connection, sequence)


class Records:
    """The books of one population: an append-only journal that other rooms replay.

    **Privacy.** *Reads* nothing about people. *Returns* what was appended. *Costs* nothing. *Assumes* that callers
    append no person's id and no exact figure that must be forgotten.
    """

    __slots__ = ("_anchor", "_clock", "_engine", "_signer")

    def __init__(self, engine: Engine, clock: Callable[[], datetime], signer: Signer | None = None) -> None:
        self._engine, self._clock, self._signer = engine, clock, signer
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._anchor = Anchor.of(database.described(engine.url), file)

    @classmethod
    def open(
        cls, url: str | None = None, *, create: bool = True, clock: Callable[[], datetime] | None = None
    ) -> Records:
        """The records at an address, made if they are not there yet.

        Parameters
        ----------
        url : str, optional
            An SQLAlchemy URL. Default: the environment variable ``TACTFUL_RECORDS``, else a SQLite file under models/.
        create : bool, default=True
            Whether to make a SQLite file that is not there. Looking must not: empty records say that nothing was spent.
        clock : callable, optional
            Gives the time of new entries, with its zone; the system's clock if left out.

        Raises
        ------
        NotFoundError
            If the SQLite file is not there and `create` is False.
        UsageError
            If the address is malformed, lives in memory only, needs a driver that is missing, or cannot be opened.
        """
        address = url or os.environ.get("TACTFUL_RECORDS") or DEFAULT_URL
        if not create:
            database.check_there(address)
        engine = database.engine(address)
        database.prepare(engine, _JOURNAL)
        return cls(engine, clock or _utc_now)

    @classmethod
    def look(cls, url: str | None = None) -> Records:
        """The records at an address, to read alone: no byte of them changes, and nothing is made beside them.

        Raises
        ------
        NotFoundError
            If a SQLite file is not there.
        UsageError
            If the address is malformed.
        """
        return cls(database.reader(url or os.environ.get("TACTFUL_RECORDS") or DEFAULT_URL), _utc_now)

    def __repr__(self) -> str:
        return f"Records({self._engine.url.render_as_string(hide_password=True)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Where they are kept, a SQLite file with its whole path; without the password."""
        return database.described(self._engine.url)

    @property
    def engine(self) -> Engine:
        """What connects to the database, for other tables of the records."""
        return self._engine

    def signing(self, signer: Signer) -> Records:
        """The same records, in which each entry that bears this signer as its actor is signed."""
        return Records(self._engine, self._clock, signer)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """The journal to oneself: other writers wait up to 30 seconds, all or nothing is written.

        It commits when the block ends and rolls back if the block raises. Not to be nested.

        Raises
        ------
        UsageError
            If another writer holds the journal for longer than that.
        """
        with self._written() as transaction:
            yield transaction

    @contextmanager
    def _written(self, *, accepted: bool = False) -> Iterator[Transaction]:
        """A transaction, after which the kept head moves on."""
        with ExitStack() as held:
            with database.exclusive(self._engine, _JOURNAL) as connection:
                transaction = Transaction(connection, self._clock, self._anchor, self._signer)
                yield transaction
                move_on = held.enter_context(transaction.anchored(accepted=accepted))
            move_on()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """The records as they are at one moment, to read from alone; nobody waits for it."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield Transaction(connection, self._clock, self._anchor)

    def anchor(self) -> AnchorReport:
        """What the head that is kept outside the database says: whether the journal's end, or all of it, is gone.

        It says nothing of what is between the first entry and the last; that is `verify`'s.

        Raises
        ------
        UsageError
            If the table cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                return Transaction(connection, self._clock, self._anchor).kept()
        except SQLAlchemyError as error:
            raise _unreadable(error) from None

    def accept(self, reason: str, *, actor: str | None = None) -> Entry:
        """The journal counts as it is from now on, although the kept head says that it was another; that is an entry.

        Parameters
        ----------
        reason : str
            Why, e.g. which copy was restored.
        actor : str, optional
            The public key of whoever answers for it.

        Raises
        ------
        UsageError
            If no reason is given, or the kept head says nothing against the journal.
        JournalBrokenError
            If the chain does not hold: that can be restored, and not accepted.
        """
        with self._written(accepted=True) as transaction:
            report, kept = _verified(transaction.connection), transaction.kept()
            _check_acceptable(reason, report, kept)
            was = kept.head.as_json() if kept.head else None
            body = {"reason": reason, "state": kept.state, "problem": kept.problem, "kept": was}
            return transaction.append("journal.accepted", body, actor=actor)

    def entries(self, kind: str | tuple[str, ...] = "") -> list[Entry]:
        """The entries whose kind starts with this text, or with one of these, in order."""
        with self._engine.connect() as connection:
            return _entries(connection, kind)

    def stored(self) -> list[StoredEntry]:
        """Every entry exactly as the table holds it, by its number, whether the chain holds or not.

        Raises
        ------
        UsageError
            If the table cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(_JOURNAL).order_by(_JOURNAL.c.sequence))
                return [StoredEntry(**row._mapping) for row in rows]
        except SQLAlchemyError as error:
            raise _unreadable(error) from None

    def verify(self, expected_head: str | None = None) -> ChainReport:
        """Whether the hash chain holds from the first entry to the last.

        It finds an entry that was edited, removed from the middle, put in or moved. Entries cut off at the *end* leave
        a chain that holds: that is seen by `anchor`, or with a head that was kept elsewhere.

        Parameters
        ----------
        expected_head : str, optional
            The ``head`` of an earlier report; it must be in the chain.
        """
        try:
            with self._engine.connect() as connection:
                return _verified(connection, expected_head)
        except SQLAlchemyError as error:
            raise _unreadable(error) from None

    def now(self) -> datetime:
        """The time an entry appended now would bear."""
        return self._clock()

    def close(self) -> None:
        """Nothing is held open any more."""
        self._engine.dispose()


def _unreadable(error: SQLAlchemyError) -> UsageError:
    """The error for a journal that a database does not give."""
    return UsageError("the journal must be readable", given=type(error).__name__, do="Restore the database from a copy")


def _check_acceptable(reason: str, report: ChainReport, kept: AnchorReport) -> None:
    """Raise unless there is something to accept, a reason for it, and a chain that holds."""
    if not report.ok:
        raise JournalBrokenError(
            "only an unbroken chain may be accepted", given=str(report.problem), do="Restore the records from a copy"
        )
    if kept.ok:
        raise UsageError(
            "there must be something to accept", given="the kept head says nothing against the journal", do="Go on"
        )
    if not reason.strip():
        raise UsageError("a journal is accepted for a reason", given="an empty text", do="Say which copy was restored")


def _digest_at(connection: Connection, sequence: int) -> str | None:
    """The digest of the entry with this number, if there is one."""
    return connection.execute(select(_JOURNAL.c.digest).where(_JOURNAL.c.sequence == sequence)).scalar_one_or_none()


def _last(connection: Connection) -> StoredEntry | None:
    """The newest entry as stored, if there is one."""
    row = connection.execute(select(_JOURNAL).order_by(_JOURNAL.c.sequence.desc()).limit(1)).one_or_none()
    return StoredEntry(**row._mapping) if row else None


def _verified(connection: Connection, expected_head: str | None = None) -> ChainReport:
    """The chain checked row by row, a thousand in memory at a time."""
    query = select(_JOURNAL).order_by(_JOURNAL.c.sequence)
    with connection.execute(query, execution_options={"yield_per": 1000}) as rows:
        return check_chain((StoredEntry(**row._mapping) for row in rows), expected_head=expected_head)


def _entries(connection: Connection, kind: str | tuple[str, ...]) -> list[Entry]:
    """Entries by the beginning of their kind; compared as text, because LIKE folds case in SQLite."""
    prefixes = (kind,) if isinstance(kind, str) else kind
    begins = or_(*(func.substr(_JOURNAL.c.kind, 1, len(prefix)) == prefix for prefix in prefixes))
    rows = connection.execute(select(_JOURNAL).where(begins).order_by(_JOURNAL.c.sequence))
    return [StoredEntry(**row._mapping).parsed() for row in rows]


def _utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)
