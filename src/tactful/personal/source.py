"""Where a table about people comes from, and the few of its columns that will ever be read."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, TypeGuard

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from tactful.errors import NotFoundError, SchemaError, columns_given, columns_named


class SparkFrame(Protocol):
    """A DataFrame of Spark, told by what is asked of it here, so that nobody else has to have Spark."""

    @property
    def columns(self) -> list[str]:
        """Its column names."""

    def select(self, *columns: str) -> Self:
        """These columns of it; nothing is read yet."""


Tabular: TypeAlias = str | Path | pa.Table | pd.DataFrame | SparkFrame


def is_frame(table: object) -> TypeGuard[SparkFrame]:
    """Whether a table is a DataFrame of Spark, found without importing Spark."""
    return any(kind.__module__.startswith("pyspark.sql") for kind in type(table).__mro__)


def each(tables: Tabular | Sequence[Tabular]) -> tuple[Tabular, ...]:
    """The tables, also where there is only one."""
    return tuple(tables) if isinstance(tables, list | tuple) else (tables,)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Source:
    """A table, not yet read, narrowed to the columns that may be.

    Attributes
    ----------
    name : str
        What errors call it: the file's name, or the table's role.
    columns : mapping of str to int
        The columns to read and their positions in the file.
    header : tuple of str
        The names of all its columns.
    path : Path, optional
        The Parquet or CSV file, or a folder of Parquet files.
    table : pyarrow.Table, optional
        The table in memory, already narrowed.
    frame : DataFrame of Spark, optional
        The table where Spark has it, already narrowed.
    """

    name: str
    columns: dict[str, int]
    header: tuple[str, ...]
    path: Path | None = None
    table: pa.Table | None = None
    frame: Any = None

    def __repr__(self) -> str:
        return f"Source({self.name}, columns {list(self.columns)})"

    @property
    def parquet(self) -> tuple[Path, ...]:
        """The Parquet files at the path, in the order of their names; empty if it is CSV, or there is no path."""
        files = () if self.path is None else parquet_files(self.path)
        return tuple(file for file in files if file.suffix == ".parquet")

    @classmethod
    def open(cls, source: Tabular, *, role: str, required: Iterable[str], optional: Iterable[str] = ()) -> Source:
        """The source with its required columns and those optional ones that it has. No row is read.

        Raises
        ------
        SchemaError
            If a required column is missing or one to read occurs twice, the file is neither Parquet nor CSV, or the
            files of a folder differ in these columns.
        NotFoundError
            If the file does not exist.
        """
        path = Path(source) if isinstance(source, str | Path) else None
        name = role if path is None else path.name
        found = _columns(source) if path is None else _columns_of_file(path, role)
        columns = _chosen(found, tuple(required), tuple(optional), name)
        if path is not None:
            _check_alike(path, columns)
            return cls(name=name, columns=columns, header=tuple(found), path=path)
        if is_frame(source):
            frame = source.select(*(f"`{column.replace('`', '``')}`" for column in columns))
            return cls(name=name, columns=columns, header=tuple(found), frame=frame)
        return cls(name=name, columns=columns, header=tuple(found), table=_narrowed(source, list(columns), name))


def _columns(source: Tabular) -> list[str]:
    """The column names of a table in memory."""
    if isinstance(source, pa.Table):
        return list(source.column_names)
    if isinstance(source, pd.DataFrame):
        return [str(column) for column in source.columns]
    if is_frame(source):
        return list(source.columns)
    raise SchemaError(
        "a table is a path, an Arrow table, or a frame of pandas or Spark", given=type(source).__name__, do="Convert it"
    )


def parquet_files(path: Path) -> tuple[Path, ...]:
    """The file, or those in the folder and the folders in it; what begins with ``_`` or ``.`` is not data."""
    if not path.is_dir():
        return (path,)
    inside = [(file, file.relative_to(path).parts) for file in path.rglob("*.parquet")]
    return tuple(sorted(file for file, parts in inside if file.is_file() and not any(p[0] in "_." for p in parts)))


def _columns_of_file(path: Path, role: str) -> list[str]:
    """The column names of a file, from its footer or its first line."""
    if path.is_dir():
        files = parquet_files(path)
        if not files:
            raise NotFoundError(f"the table of {role} has files", given=f"no .parquet in {path}", do="Correct the path")
        return _columns_of_file(files[0], role)
    if path.suffix not in (".parquet", ".csv"):
        raise SchemaError("tables are .parquet or .csv", given=path.name, do="Convert the file")
    if not path.is_file():
        raise NotFoundError(f"the table of {role} is a file", given=f"{path} is none", do="Correct the path")
    with suppress(pa.ArrowException, UnicodeDecodeError, csv.Error):  # kept as context, they would quote rows
        if path.suffix == ".parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [column.strip() for column in next(csv.reader(file), [])]
    raise SchemaError(
        f"the table of {role} is readable", given=f"{path.name} is not {path.suffix[1:]}", do="Write the file again"
    )


def _check_alike(path: Path, columns: Iterable[str]) -> None:
    """Raise `SchemaError` unless the files of a folder have the columns, each of one type.

    An engine reads them all as it finds the first, or the largest, and not every engine says so where they differ.
    """
    if not path.is_dir():
        return
    with suppress(pa.ArrowException):  # kept as context, it would quote rows
        schemas = (pyarrow.parquet.read_schema(file) for file in parquet_files(path))
        if len({tuple(_type(schema, column) for column in columns) for schema in schemas}) == 1:
            return
    raise SchemaError(
        f"the files in {path.name} have the same columns, of the same types",
        given=f"they differ in {', '.join(columns)}, or one cannot be read",
        do="Write them anew, or name one file",
    )


def _type(schema: pa.Schema, column: str) -> str:
    """What a column is; nothing if there is none."""
    return str(schema.field(column).type) if schema.names.count(column) == 1 else ""


def _chosen(found: list[str], required: tuple[str, ...], optional: tuple[str, ...], name: str) -> dict[str, int]:
    """The columns to read, by position."""
    missing = [column for column in required if column not in found]
    if missing:
        raise SchemaError(
            f"{name} needs {columns_named(missing)}",
            given=columns_given(found, (*required, *optional)),
            do="Rename or add what is missing",
            missing=tuple(missing),
        )
    chosen = {column: found.index(column) for column in (*required, *optional) if column in found}
    twice = [column for column, times in Counter(found).items() if times > 1 and column in chosen]
    if twice:
        raise SchemaError(f"{name} names each column once", given=f"it has {twice[0]} twice", do="Rename one of them")
    return chosen


def _narrowed(source: Tabular, columns: list[str], name: str) -> pa.Table:
    """The chosen columns as an Arrow table; nothing else is converted."""
    if isinstance(source, pa.Table):
        return source.select(columns)
    assert isinstance(source, pd.DataFrame)  # noqa: S101 (for mypy: _columns has refused anything else)
    frame = source.set_axis(source.columns.map(str), axis=1)[columns]
    in_utc = {
        name: frame[name].dt.tz_convert(None) for name in columns if isinstance(frame[name].dtype, pd.DatetimeTZDtype)
    }
    with suppress(pa.ArrowException, UnicodeError):  # kept as context, it would quote a cell
        return pa.Table.from_pandas(frame.assign(**in_utc), preserve_index=False)
    raise SchemaError(f"each column of {name} has one type", given="one mixes types", do="Convert it to text")
