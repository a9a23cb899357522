"""What differs between databases: opening them, keeping one writer, and refusing to change what was written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from tactful.errors import NotFoundError, UsageError

WAIT_SECONDS = 30
"""How long a writer waits for the one before it."""

_SQLITE_GUARDS = (
    """CREATE TRIGGER IF NOT EXISTS journal_no_update BEFORE UPDATE ON journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS journal_no_delete BEFORE DELETE ON journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS journal_in_order BEFORE INSERT ON journal
       WHEN NEW.sequence <> (SELECT COALESCE(MAX(sequence), 0) + 1 FROM journal)
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
)
_POSTGRESQL_GUARDS = (
    """CREATE OR REPLACE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$""",
    """CREATE OR REPLACE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
       FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()""",
)
_GUARDS = {"sqlite": _SQLITE_GUARDS, "postgresql": _POSTGRESQL_GUARDS}


def engine(address: str) -> Engine:
    """An engine for the address; nothing is connected yet."""
    url = _url(address)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        _make_private_file(url)
    try:
        made = create_engine(url, poolclass=NullPool, connect_args={"timeout": WAIT_SECONDS} if sqlite else {})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise _unusable(url, f"its driver is missing ({error})", "Install the driver, or use SQLite") from None
    if sqlite:
        event.listen(made, "connect", _settle_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    return made


def reader(address: str) -> Engine:
    """An engine that can only read; what it reads is left as it is, to the byte, and nothing appears beside it.

    A SQLite file is opened as one that nobody changes, unless a write-ahead log lies beside it: then it is in use, or
    its last writer died, and the log belongs to what it says.
    """
    check_there(address)
    url = _url(address)
    if url.get_backend_name() == "postgresql":
        return create_engine(url, poolclass=NullPool, execution_options={"postgresql_readonly": True})
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return create_engine(url, poolclass=NullPool)
    path = Path(url.database).absolute()
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return create_engine(
        url, poolclass=NullPool, creator=lambda: sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True)
    )


def check_there(address: str) -> None:
    """Raise `NotFoundError` if the address is a SQLite file that does not exist."""
    url = _url(address)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise NotFoundError(
            "there must be records to look at",
            given=f"there are none at {described(url)}",
            do="Run this in the project's folder, or set TACTFUL_RECORDS; the first training or import makes them",
        )


def described(url: URL) -> str:
    """The address without its password, a SQLite file by its whole path."""
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(Path(url.database).resolve()))
    return url.render_as_string(hide_password=True)


def prepare(made: Engine, table: Table) -> None:
    """The table and its guards exist; safe when several processes do it at once."""
    try:
        if made.dialect.name == "sqlite":
            _use_wal(made)
        with made.connect().execution_options(exclusive=True) as connection, connection.begin():
            if made.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7237954630973288448)")  # creation races
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
            for guard in _GUARDS.get(made.dialect.name, ()):
                connection.exec_driver_sql(guard)
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise _unusable(made.url, f"it answers: {_first_line(cause)}", "Correct the address or the database") from None


@contextmanager
def exclusive(made: Engine, table: Table) -> Iterator[Connection]:
    """A connection no other writer can have before this block ends; commits at its end, rolls back on an error."""
    with made.connect().execution_options(exclusive=True) as connection:
        try:
            begun = connection.begin()
            _lock(connection, table)
        except OperationalError as error:
            raise UsageError(
                f"the records must be free to write within {WAIT_SECONDS} seconds",
                given=f"they answer: {_first_line(error.orig)}",
                do="Wait for the other run, or end it, and try again",
            ) from None
        with begun:
            yield connection


def compact(made: Engine, tables: Sequence[str]) -> None:
    """What was deleted from these tables is gone from the database's files; nobody may use them meanwhile.

    Raises
    ------
    UsageError
        If somebody does.
    """
    try:
        if made.dialect.name == "sqlite":
            _rewrite_sqlite(made)
        elif made.dialect.name == "postgresql":
            _rewrite_postgresql(made, tables)
    except (OperationalError, made.dialect.loaded_dbapi.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise UsageError(
            "the records must be free, so that what was deleted can be overwritten",
            given=f"they answer: {_first_line(cause)}",
            do="End what uses them, and try again: the deletion itself is done",
        ) from None


def _rewrite_sqlite(made: Engine) -> None:
    """The file holds what its tables hold, and the write-ahead log is empty."""
    with closing(made.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        until = time.monotonic() + WAIT_SECONDS
        while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:  # 1: somebody still reads it
            if time.monotonic() > until:
                raise sqlite3.OperationalError("somebody is reading")
            time.sleep(0.05)


def _rewrite_postgresql(made: Engine, tables: Sequence[str]) -> None:
    """The tables are in new files by their primary keys, without what is gone; samples are taken of what is left."""
    with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = set(inspect(connection).get_table_names())
        connection.exec_driver_sql(f"SET lock_timeout = '{WAIT_SECONDS}s'")
        for table in there.intersection(tables):
            connection.exec_driver_sql(f"CLUSTER {table} USING {table}_pkey")
            connection.exec_driver_sql(f"ANALYZE {table}")


def _lock(connection: Connection, table: Table) -> None:
    """Wait until no other writer is left. SQLite did so by BEGIN IMMEDIATE."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        connection.exec_driver_sql("LOCK TABLE journal IN EXCLUSIVE MODE")
    elif connection.dialect.name != "sqlite":
        last = select(table.c.sequence).order_by(table.c.sequence.desc()).limit(1)
        connection.execute(last.with_for_update())


def _settle_sqlite(connection: Any, _record: object) -> None:
    """Commits last, what is deleted is overwritten, BEGIN is left to us: the driver would begin late and unlocked."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the write lock at once; a reader that turns writer could be refused or read stale rows."""
    wanted = connection.get_execution_options().get("exclusive", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if wanted else "BEGIN")


def _use_wal(made: Engine) -> None:
    """Readers do not wait for the writer. SQLite does not queue for this switch, so several openers take turns here."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with closing(made.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
        except made.dialect.loaded_dbapi.Error as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise DatabaseError("PRAGMA journal_mode = WAL", None, error) from None
            time.sleep(0.02)


def _make_private_file(url: URL) -> None:
    """The file exists and only its owner may read it."""
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise _unusable(url, "it is forgotten when the process ends", "Name a file: sqlite:///folder/records.db")
    if url.database.startswith("file:"):
        return
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise _unusable(url, f"{error.strerror} ({path})", "Name a file that can be written") from None


def _url(address: str) -> URL:
    """The address taken apart; it may hold a password, so an error does not repeat it."""
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the records address is an SQLAlchemy URL such as sqlite:///models/records.db",
            given="another text (not shown: it may hold a password)",
            do="Correct TACTFUL_RECORDS or the address passed",
        ) from None


def _unusable(url: URL, given: str, do: str) -> UsageError:
    """The error for records that cannot be used."""
    shown = url.render_as_string(hide_password=True)
    return UsageError("the records must be a database that lasts", given=f"{shown}: {given}", do=do)


def _first_line(error: object) -> str:
    """What a driver says, without the rest."""
    return str(error).strip().partition("\n")[0].rstrip(".")
