"""Tables about people as Spark sees them: files, tables in memory and frames, each read by one stage that names people.

Notes
-----
What Spark may be asked for beyond files: what the readers on the list of `tactful.personal.engines.spark_lake` know,
by `table_of`, by the name of a table in a catalog, or as a frame. Of those, what a table *means* is the reader's affair
until its columns arrive here; but no reader may pass over a row, since it may be a refusal.

*Types.* Spark has no unsigned integers of 64 bits, nor nanoseconds: it brings them as decimals and as whole numbers.
The footer of a Parquet file tells what they are, and they are read as that; what Spark knows better (the times that
Parquet once kept in 96 bits, which the footer calls nanoseconds as well) stays as Spark brings it.
"""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

from tactful.errors import ConfigError, SchemaError
from tactful.personal.engines.base import Kind, Roll
from tactful.personal.engines.spark_lake import check_plan, checked_options
from tactful.personal.engines.spark_naming import BROKEN, Naming
from tactful.personal.engines.spark_silence import mapped
from tactful.personal.source import Source

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def read(session: SparkSession, source: Source | None, kinds: Mapping[str, Kind], roll: Roll | None) -> DataFrame:
    """The rows of the source as `tactful.personal.engines.base.Session.stage` wants them, people under pseudonyms.

    Raises
    ------
    SchemaError
        If a column has a type that its kind does not allow, or the file cannot be opened.
    ConfigError
        If Spark would pass over the file or rows of the frame, or the frame is another context's.

    Notes
    -----
    **Privacy.** *Reads* the columns of the source that are asked for. *Returns* them under pseudonyms; where they lie
    in files or frames, nothing is read yet. *Costs* nothing; nothing leaves the cluster. *Assumes* the cluster is
    inside the trust boundary.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    naming = Naming.of(source, kinds, roll)
    if source is None or source.table is not None:
        return put(session, naming.table(pa.table({}) if source is None else source.table))
    if source.path is not None and not source.parquet:
        columns = pa.schema([(column, pa.string()) for column in source.columns])
        one = session.range(0, 1, 1, 1)
        named = mapped(one, naming.file, from_arrow_schema(naming.empty(columns).schema))
        return named.repartition(*map(_quoted, naming.people)) if naming.people else named
    frame = _adopted(session, source) if source.path is None else _files(session, source)
    frame = frame.select(*(_plain(frame, column) for column in source.columns))
    naming = replace(naming, types={} if source.path is None else _types(source, frame))
    schema = naming.empty(_arrow_schema(frame, source)).schema
    return mapped(frame, naming.batches, from_arrow_schema(schema))


def put(session: SparkSession, table: pa.Table) -> DataFrame:
    """The rows of a table in memory. They go through a socket: with encryption on, Spark writes no file for them."""
    with _active_as_before(session), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pyspark leaves that socket to the garbage collector
        return session.createDataFrame(table)


@contextmanager
def _active_as_before(session: SparkSession) -> Iterator[None]:
    """The thread's active session is afterwards what it was, which `createDataFrame` would have become.

    A user's builder finds the active session, and would find the gate's, with its settings.
    """
    kind, java = type(session), type(session)._get_j_spark_session_class(session._jvm)
    before, active = kind._activeSession, java.getActiveSession()
    try:
        yield
    finally:
        kind._activeSession = before
        if active.isDefined():
            java.setActiveSession(active.get())
        else:
            java.clearActiveSession()


def table_of(
    session: SparkSession,
    *,
    table: str | None = None,
    format: str | None = None,  # noqa: A002 (Spark's own word)
    path: str | None = None,
    options: Mapping[str, str] = {},
) -> DataFrame:
    """A table of a catalog, or what a reader of Spark makes of a path and options; nothing is read yet.

    Parameters
    ----------
    session : SparkSession
    table : str, optional
        The name of a table in a catalog.
    format : str, optional
        A reader's, e.g. ``delta``, ``jdbc``, ``orc``, ``parquet``.
    path : str, optional
    options : mapping of str to str
        Of the reader; secrets are filled in already.

    Raises
    ------
    ConfigError
        If neither or both of table and format are named, or the reader could pass over rows.
    SchemaError
        If there is no such table.
    """
    if (table is None) == (format is None) or (table is not None and (path or options)):
        raise ConfigError(
            "a table of Spark has a name in a catalog, or a format with a path or options",
            given="neither" if format is None and table is None else "both",
            do='Write e.g. { table = "shop.purchases" } or { format = "delta", path = "…" }',
        )
    reader = session.read
    for key, value in ({} if format is None else checked_options(format, options, name=format)).items():
        reader = reader.option(key, value)
    try:
        return reader.table(table) if table is not None else reader.format(str(format)).load(path)
    except Exception as error:  # a driver's own words may quote a password or a row
        kind = type(error).__name__
    raise SchemaError("Spark opens the table", given=f"{table or format}: {kind}", do="Correct the name, or options")


def _files(session: SparkSession, source: Source) -> DataFrame:
    """The Parquet files of a source."""
    hidden = [file for file in source.parquet if file.name[0] in "_."]
    if hidden:
        raise ConfigError(
            "Spark reads the file", given="it passes over names that begin with _ or .", do=f"Rename {source.name}"
        )
    try:
        return session.read.parquet(*map(_address, source.parquet))
    except Exception as error:  # py4j's and pyspark's have no common root
        kind = type(error).__name__
    raise SchemaError(BROKEN, given=f"Spark stopped with {kind}", do=f"Write {source.name} again")


def _types(source: Source, frame: DataFrame) -> dict[str, pa.DataType]:
    """The columns of Parquet files that Spark brings as something else, and what they are."""
    from pyspark.sql.types import DecimalType, LongType

    schema = pyarrow.parquet.read_schema(source.parquet[0])
    found = {}
    for column in source.columns:
        kind, brought = schema.field(column).type, frame.schema[column].dataType
        unsigned = pa.types.is_uint64(kind) and isinstance(brought, DecimalType)
        nanoseconds = pa.types.is_timestamp(kind) and kind.unit == "ns" and isinstance(brought, LongType)
        if unsigned or nanoseconds:
            found[column] = kind
    return found


def _address(file: Path) -> str:
    """The file's address, in which nothing is a wildcard."""
    return "file:" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(file.absolute()))


def _adopted(session: SparkSession, source: Source) -> DataFrame:
    """A frame of any session of this context, in this session: a name lends it over that is gone at once."""
    frame: DataFrame = source.frame
    theirs = frame.sparkSession
    if getattr(theirs, "_jsc", None) is None or theirs.sparkContext is not session.sparkContext:
        raise ConfigError("a frame is of the context the gate runs in", given="it is another's", do="Make it there")
    check_plan(frame, source.name)
    name = f"tactful_{uuid.uuid4().hex}"
    frame.createGlobalTempView(name)
    try:
        return session.table(f"global_temp.{name}")
    finally:
        theirs.catalog.dropGlobalTempView(name)


def _plain(frame: DataFrame, column: str) -> Column:
    """A column as DuckDB's types have it: text without a collation."""
    from pyspark.sql import functions
    from pyspark.sql.types import StringType

    found = functions.col(_quoted(column))
    return found.cast("string").alias(column) if isinstance(frame.schema[column].dataType, StringType) else found


def _arrow_schema(frame: DataFrame, source: Source) -> pa.Schema:
    """The frame's columns in Arrow's types."""
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_schema

    try:
        return to_arrow_schema(frame.schema, timezone="UTC")
    except PySparkException:
        given = ", ".join(f"{field.name} is {field.dataType.simpleString()}" for field in frame.schema.fields)
    raise SchemaError(
        f"the columns of {source.name} are values", given=given, do="Convert them, or name the right ones"
    )


def _quoted(column: str) -> str:
    """A column name as one of Spark."""
    return "`" + column.replace("`", "``") + "`"
