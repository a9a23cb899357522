"""DuckDB, embedded: reads Parquet, CSV and Arrow, and runs the gate in this process's memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import ConfigError, SchemaError, TactfulError, UsageError
from tactful.personal.engines import duckdb_rows
from tactful.personal.engines.base import Census, Columns, Kind, Roll
from tactful.personal.engines.duckdb_reading import check_type, place_of, quoted, read
from tactful.personal.held_rows import add_up, zeros
from tactful.personal.ids import enrolled, is_clean
from tactful.personal.people_sums import Rows, Sums
from tactful.personal.source import Source

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "temp_directory": "",  # rows about people are never spilled to disk
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a Python variable never becomes a table
}
"""How every database of the gate is opened."""
_READABLE = "every table can be read to its end"
_NAMED = "SELECT DISTINCT user_id FROM {} WHERE user_id IS NOT NULL"
_COUNTED = "SELECT COUNT(*) AS n, COUNT(*) - COUNT(user_id) AS nameless FROM {}"
_AT_ONCE = 1 << 17  # rows of a batch
_OURS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
_READING = (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException)

T = TypeVar("T")


class DuckDB:
    """Opens one in-memory database a session.

    Parameters
    ----------
    memory : str, optional
        The most that DuckDB's own buffers take, a session's tables and queries, e.g. ``6GiB``; DuckDB's own limit
        if not given. Beside them lie about 0.4 kB a person, bounded rows and sums.
    at_once : int
        How many admitted rows are bounded in memory together; of more, range after range of people.
    """

    def __init__(self, *, memory: str | None = None, at_once: int = duckdb_rows.AT_ONCE) -> None:
        self._memory, self._at_once = memory, at_once

    def session(self, roll: Roll | None = None) -> DuckDBSession:
        """An empty session."""
        return DuckDBSession(roll, memory=self._memory, at_once=self._at_once)


class DuckDBSession:
    """One in-memory database. A person's id is read as it is; a person is the rank of their pseudonym.

    Parameters
    ----------
    roll : Roll, optional
        Whom people become.
    memory : str, optional
        The most that its tables and queries take.
    at_once : int
        How many admitted rows are bounded in memory together.

    Notes
    -----
    **Privacy.** *Reads* the columns that are staged, through the reader's own projection. *Returns* what the gate's own
    statements select, to the rest of `tactful.personal`. *Costs* nothing. *Assumes* the process's memory is inside the
    trust boundary.
    """

    def __init__(
        self, roll: Roll | None = None, *, memory: str | None = None, at_once: int = duckdb_rows.AT_ONCE
    ) -> None:
        self._roll, self._at_once = roll, at_once
        self._staged: set[str] = set()
        self._defined: set[str] = set()
        limit = {} if memory is None else {"memory_limit": memory}
        self._database = duckdb.connect(":memory:", config=SETTINGS | limit)
        self._database.execute("SET TimeZone = 'UTC'")
        if self._setting("enable_progress_bar"):  # in a notebook it may be off, and then it may not be named
            self._database.execute("SET enable_progress_bar = false")

    def __repr__(self) -> str:
        return "DuckDBSession()"

    def _setting(self, name: str) -> object:
        """What DuckDB has for a setting."""
        ((value,),) = self._database.execute("SELECT current_setting(?)", [name]).fetchall()
        return value

    def stage(self, name: str, source: Source | None, kinds: Mapping[str, Kind]) -> None:
        """See `Session.stage`."""
        types = _quietly(_READABLE, lambda: self._attach(f"{name}_source", source)) if source else {}
        for column, kind in kinds.items():
            check_type(source, column, kind, types.get(column, "NULL"))
        selected = ", ".join(read(column, kind, types.get(column)) for column, kind in kinds.items())
        rows = f"FROM {name}_source" if source else "LIMIT 0"
        self._database.execute(f"CREATE TEMP VIEW {name} AS SELECT {selected} {rows}")
        self._staged.add(name)

    def census(self, name: str) -> Census:
        """See `Session.census`."""
        found = self.query(_COUNTED.format(name))
        unclean = _quietly(_READABLE, lambda: sum(not is_clean(user_id) for user_id in self._named(name)))
        return Census(rows=int(found["n"][0]), nameless=int(found["nameless"][0]), unclean=unclean)

    def enroll(self, name: str, among: Iterable[str] | None = None) -> None:
        """See `Session.enroll`."""
        if self._roll is None:
            raise UsageError("people are enrolled under keys", given="a session without a roll", do="Give it one")
        keys, share = self._roll.keys, self._roll.evaluation_share
        ids, people = _quietly(_READABLE, lambda: enrolled(self._named(name), keys, share, among=among))
        self.put("ids", ids)
        self.put("people", people)

    def put(self, name: str, table: pa.Table) -> None:
        """See `Session.put`."""
        self._database.register(f"{name}_put", table)
        self._database.execute(f"CREATE TEMP TABLE {name} AS FROM {name}_put")
        self._database.unregister(f"{name}_put")

    def create(self, name: str, statement: str) -> None:
        """See `Session.create`."""
        _quietly(_READABLE, lambda: self._database.execute(f"CREATE TEMP TABLE {name} AS {statement}"))

    def define(self, name: str, statement: str) -> None:
        """See `Session.define`."""
        self._database.execute(f"CREATE TEMP VIEW {name} AS {statement}")
        self._defined.add(name)

    def bounded(self, *, max_items: int, n_items: int, counts: pa.Table | None = None) -> Rows:
        """See `Session.bounded`."""
        return duckdb_rows.bounded(self, max_items=max_items, n_items=n_items, counts=counts, at_once=self._at_once)

    def drop(self, *names: str) -> None:
        """See `Session.drop`."""
        for name in names:
            kind = "VIEW" if name in self._staged | self._defined else "TABLE"
            self._database.execute(f"DROP {kind} {name}")
            if name in self._staged:
                self._database.execute(f"DROP VIEW IF EXISTS {name}_source")
                self._database.unregister(f"{name}_table")
        self._staged.difference_update(names)
        self._defined.difference_update(names)

    def query(self, statement: str) -> Columns:
        """See `Session.query`."""
        found = _quietly(_READABLE, lambda: self._database.execute(statement).fetchnumpy())
        return {column: _unmasked(values) for column, values in found.items()}

    def total(self, statement: str, sums: Sums) -> NDArray[np.int64]:
        """See `Session.total`. Rows are added up while they are read, and never held all at once."""
        total = zeros(sums)
        _quietly(_READABLE, lambda: add_up(self._batches(statement), sums, total))
        return total

    def _named(self, name: str) -> Iterator[str]:
        """The ids in a staged table, each once."""
        for batch in self._batches(_NAMED.format(name)):
            yield from batch.column("user_id").to_pylist()

    def _batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """What the statement selects, read while it is computed."""
        yield from self._database.sql(statement).to_arrow_reader(_AT_ONCE)

    def _attach(self, name: str, source: Source) -> dict[str, str]:
        """The source's chosen columns under a view; their DuckDB types by name."""
        reader = self._reader(name, source)
        self._database.execute(f"CREATE TEMP VIEW {name} AS SELECT {reader}")
        described = self._database.execute(f"DESCRIBE {name}").fetchall()
        return {column: kind for column, kind, *_ in described}

    def _reader(self, name: str, source: Source) -> str:
        """``columns FROM reader`` for the source; CSV cells are text, and the header decides the width."""
        if source.frame is not None:
            raise ConfigError(
                f"the engine has the table {source.name}",
                given="a table of Spark, and DuckDB reads it",
                do='To train on it set name = "spark" under [engine]; elsewhere give a file',
            )
        if source.path is None:
            self._database.register(f"{name.removesuffix('_source')}_table", source.table)
            return f"{', '.join(map(quoted, source.columns))} FROM {name.removesuffix('_source')}_table"
        if source.parquet:
            listed = ", ".join(map(place_of, source.parquet))
            return f"{', '.join(map(quoted, source.columns))} FROM read_parquet([{listed}], hive_partitioning = false)"
        where = place_of(source.path)
        cells = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(source.header)))
        chosen = ", ".join(f"c{position} AS {quoted(column)}" for column, position in source.columns.items())
        return (
            f"{chosen} FROM read_csv({where}, columns = {{{cells}}}, auto_detect = false, header = true, "
            "delim = ',', quote = '\"', escape = '\"', nullstr = '')"
        )


def _unmasked(values: Any) -> NDArray[Any]:
    """The values, missing ones as None."""
    if not np.ma.is_masked(values):
        return np.asarray(values)
    filled = np.asarray(values.data, dtype=object)
    filled[np.ma.getmaskarray(values)] = None
    return filled


def _quietly(must: str, action: Callable[[], T]) -> T:
    """What the action returns. DuckDB's messages quote the line they failed on: keep its number, drop all else.

    The error is raised outside the handler, so that it does not carry DuckDB's as its context.
    """
    try:
        return action()
    except _OURS:
        raise
    except duckdb.Error as error:
        line = re.search(r"Line: (\d+)", str(error))
        reading = isinstance(error, _READING)
        given = f"DuckDB stopped with {type(error).__name__}" + (f" at line {line[1]}" if line else "")
    if reading:
        raise SchemaError(must, given=given, do="Write the file again, with as many cells in each row as in its header")
    raise TactfulError(must, given=given, do="Free memory, or report this")
