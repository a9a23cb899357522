"""DuckDB, embedded: reads Parquet, CSV and Arrow, and runs the gate in this process's memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import SchemaError, TactfulError
from tactful.personal.consent import PURPOSE
from tactful.personal.engines.base import EARLIEST, LATEST, Columns, Kind
from tactful.personal.source import Source

_TEXT = r"VARCHAR|ENUM\(.*\)|\"?NULL\"?"
_INTEGER = r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"
_TIME = (re.compile(f"{_TEXT}|DATE|TIMESTAMP.*"), "a timestamp, a date, or text in ISO 8601")
_WORD = (re.compile(f"{_TEXT}|{_INTEGER}|BOOLEAN"), "text, integer or boolean")
_TYPES: dict[Kind, tuple[re.Pattern[str], str]] = {
    "id": (re.compile(f"{_TEXT}|{_INTEGER}"), "text or integer"),
    "time": _TIME,
    "end": _TIME,
    "word": _WORD,
    "purpose": _WORD,
    "flag": (re.compile(f"{_TEXT}|{_INTEGER}|BOOLEAN|FLOAT|DOUBLE"), "boolean, text or a number"),
}
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "temp_directory": "",  # rows about people are never spilled to disk
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a Python variable never becomes a table
}
"""How every database of the gate is opened."""
_READABLE = "every table can be read to its end"
_OURS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
_READING = (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException)

T = TypeVar("T")


class DuckDB:
    """Opens one in-memory database a session."""

    def session(self) -> DuckDBSession:
        """An empty session."""
        return DuckDBSession()


class DuckDBSession:
    """One in-memory database.

    Privacy
    -------
    Reads: the columns that are staged, through the reader's own projection.
    Returns: what the gate's own statements select, to the rest of `tactful.personal`.
    Costs: nothing.
    Assumes: the process's memory is inside the trust boundary.
    """

    def __init__(self) -> None:
        self._staged: set[str] = set()
        self._database = duckdb.connect(":memory:", config=SETTINGS)
        self._database.execute("SET TimeZone = 'UTC'")
        self._database.execute("SET enable_progress_bar = false")

    def __repr__(self) -> str:
        return "DuckDBSession()"

    def stage(self, name: str, source: Source | None, kinds: Mapping[str, Kind]) -> None:
        """See `Session.stage`."""
        types = _quietly(_READABLE, lambda: self._attach(f"{name}_source", source)) if source else {}
        for column, kind in kinds.items():
            _check_type(source, column, kind, types.get(column, "NULL"))
        selected = ", ".join(_read(column, kind, types.get(column)) for column, kind in kinds.items())
        rows = f"FROM {name}_source" if source else "LIMIT 0"
        self._database.execute(f"CREATE TEMP VIEW {name} AS SELECT {selected} {rows}")
        self._staged.add(name)

    def put(self, name: str, table: pa.Table) -> None:
        """See `Session.put`."""
        self._database.register(f"{name}_put", table)
        self._database.execute(f"CREATE TEMP TABLE {name} AS FROM {name}_put")
        self._database.unregister(f"{name}_put")

    def create(self, name: str, statement: str) -> None:
        """See `Session.create`."""
        _quietly(_READABLE, lambda: self._database.execute(f"CREATE TEMP TABLE {name} AS {statement}"))

    def drop(self, *names: str) -> None:
        """See `Session.drop`."""
        for name in names:
            if name in self._staged:
                self._database.execute(f"DROP VIEW {name}")
                self._database.execute(f"DROP VIEW IF EXISTS {name}_source")
                self._database.unregister(f"{name}_table")
            else:
                self._database.execute(f"DROP TABLE {name}")

    def query(self, statement: str) -> Columns:
        """See `Session.query`."""
        found = _quietly(_READABLE, lambda: self._database.execute(statement).fetchnumpy())
        return {column: _unmasked(values) for column, values in found.items()}

    def _attach(self, name: str, source: Source) -> dict[str, str]:
        """The source's chosen columns under a view; their DuckDB types by name."""
        reader = self._reader(name, source)
        self._database.execute(f"CREATE TEMP VIEW {name} AS SELECT {reader}")
        described = self._database.execute(f"DESCRIBE {name}").fetchall()
        return {column: kind for column, kind, *_ in described}

    def _reader(self, name: str, source: Source) -> str:
        """``columns FROM reader`` for the source; CSV cells are text, and the header decides the width."""
        if source.path is None:
            self._database.register(f"{name.removesuffix('_source')}_table", source.table)
            return f"{', '.join(map(_quoted, source.columns))} FROM {name.removesuffix('_source')}_table"
        where = _literal(re.sub(r"([*?\[])", r"[\1]", str(source.path)))  # nothing in a path is a wildcard
        if source.path.suffix == ".parquet":
            return f"{', '.join(map(_quoted, source.columns))} FROM read_parquet({where})"
        cells = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(source.header)))
        chosen = ", ".join(f"c{position} AS {_quoted(column)}" for column, position in source.columns.items())
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


def _read(column: str, kind: Kind, found: str | None) -> str:
    """The SELECT items that normalise one column of the type found; None where there is no such column."""
    cell = _quoted(column) if found else "CAST(NULL AS VARCHAR)"
    text = f"CAST({cell} AS VARCHAR)"
    if kind == "id":
        return f"NULLIF({text}, '') AS {_quoted(column)}"
    word = f"NULLIF(TRIM({text}), '')"
    if kind == "purpose":
        strange = f"NOT regexp_full_match(LOWER({word}), {_literal(PURPOSE)})"
        return f"LOWER({word}) AS {_quoted(column)}, {_unreadable(column, word, strange)}"
    if kind in ("time", "end"):
        is_text = found is None or re.fullmatch(_TEXT, found) is not None
        instant = _sound(_written(text) if is_text else f"TRY_CAST({cell} AS TIMESTAMPTZ)", kind)
        return f"{instant} AS {_quoted(column)}, {_unreadable(column, word, f'{instant} IS NULL')}"
    return f"{word} AS {_quoted(column)}"


def _unreadable(column: str, word: str, strange: str) -> str:
    """The flag beside a column: 1 where it has a value and that is strange."""
    return f"CASE WHEN {word} IS NOT NULL AND {strange} THEN 1 ELSE 0 END AS {_quoted(f'{column}_unreadable')}"


def _written(text: str) -> str:
    """The time in a text that begins like ISO 8601, also where its zone is written without a colon (``+0200``)."""
    zoned = f"regexp_replace({text}, '([+-][0-9]{{2}})([0-9]{{2}})\\s*$', '\\1:\\2')"
    either = f"COALESCE(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({zoned} AS TIMESTAMPTZ))"
    return f"CASE WHEN LTRIM({text}) LIKE '____-__-__%' THEN {either} END"


def _sound(time: str, kind: Kind) -> str:
    """Microseconds since 1970, where they are sound."""
    instant = f"epoch_us({time})"
    sound = f"{instant} >= {EARLIEST}" if kind == "end" else f"{instant} BETWEEN {EARLIEST} AND {LATEST}"
    return f"CASE WHEN {sound} THEN {instant} END"


def _check_type(source: Source | None, column: str, kind: Kind, found: str) -> None:
    """Raise `SchemaError` unless the column's type is one that the kind allows."""
    pattern, allowed = _TYPES[kind]
    if source is not None and not pattern.fullmatch(found):
        raise SchemaError(
            f"the column {column} of {source.name} is {allowed}",
            given=f"its type is {found}",
            do="Convert the column, or name the right one",
            column=column,
        )


def _quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


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
