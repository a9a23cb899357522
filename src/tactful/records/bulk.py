"""Many rows into a table at once: what a database's own driver does faster than SQL that is made for each row."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.schema import CreateIndex, DropIndex

_STEP = 100_000
_PAGES = "PRAGMA cache_size = -131072"  # 128 MiB for this connection: an index of scattered keys stays in memory


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's search for cycles rests: among millions of new values that hold none it costs a seventh of the time."""
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()


def write(
    connection: Connection,
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    progress: Callable[[str], None] = lambda _: None,
    *,
    there: int = 0,
) -> None:
    """The rows, whose cells follow the table's columns, are in it when the connection's transaction ends.

    PostgreSQL gets them by ``COPY``, every other database by prepared statements. Where SQLite gets more than are
    `there`, indexes are made anew after them, in the same transaction: one sort instead of a search for each row.
    """
    anew = connection.dialect.name == "sqlite" and len(rows) > max(_STEP, there)
    indexes = sorted(table.indexes, key=lambda index: str(index.name)) if anew else []
    if anew:
        connection.exec_driver_sql(_PAGES)
    for index in indexes:
        connection.execute(DropIndex(index))
    for start in range(0, len(rows), _STEP):
        progress(f"writing rows, {start:,} of {len(rows):,} done")
        part = rows[start : start + _STEP]
        if connection.dialect.name == "postgresql":
            _copy(connection, table, part)
        elif connection.dialect.name == "sqlite":
            marks = ", ".join("?" for _ in table.columns)
            connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", list(part))  # noqa: S608 (ours)
        else:
            names = [column.name for column in table.columns]
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in part])
    for index in indexes:
        connection.execute(CreateIndex(index))


def _copy(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """The rows by COPY, over the driver's own cursor and inside the transaction that it has open."""
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
