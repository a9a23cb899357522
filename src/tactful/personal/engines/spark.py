"""Spark: reads what Spark reads, and runs the gate where the rows lie.

Notes
-----
A person is their pseudonym: there is no table of everybody in the driver, and nothing has to be numbered. Everything
else is the gate's own: the statements are those that DuckDB runs.

*Views and tables.* What is defined is a view, computed each time it is read. What is staged or created is computed once
and kept by the executors, in memory and beyond that on their disks, encrypted, until it is dropped. A part that is lost
with its executor is computed again from what it came from.

*Errors.* What Spark says when a job fails may quote a value, and is not passed on. Errors of a statement are: they are
about our own text.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import SchemaError, TactfulError, UsageError
from tactful.personal.engines import spark_reading, spark_rows, spark_sums
from tactful.personal.engines.base import Census, Columns, Kind, Roll
from tactful.personal.engines.spark_naming import BROKEN, EVALUATES, UNCLEAN, line_of
from tactful.personal.engines.spark_settings import check, own, started
from tactful.personal.engines.spark_silence import silence
from tactful.personal.engines.spark_steps import steps
from tactful.personal.people_sums import Rows, Sums
from tactful.personal.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

T = TypeVar("T")

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAMED = f"""
SELECT COUNT(*) AS n, COUNT(DISTINCT {UNCLEAN.format("user_id")}) AS unclean,
  COUNT(CASE WHEN user_id IS NULL AND {UNCLEAN.format("user_id")} IS NULL THEN 1 END) AS nameless
FROM {{}}
"""  # noqa: S608 (our own names)
_PEOPLE = f"""
SELECT user_id AS person, user_id AS pseudonym,
  CASE WHEN {EVALUATES.format("user_id")} THEN 'evaluation' ELSE 'training' END AS part
FROM (SELECT DISTINCT user_id, {EVALUATES.format("user_id")} FROM {{}}) AS named
"""  # noqa: S608 (our own names)
_IDS = "SELECT pseudonym AS user_id, person FROM people"
_AMONG = "enrolled_among"


class Spark:
    """Opens sessions in one Spark context, which is started when the first of them is asked for.

    Parameters
    ----------
    session : pyspark.sql.SparkSession, optional
        Whose context to use. That which there is in this process, or a new one, if not given.
    master : str, optional
        Of a new context, e.g. ``local[2]``; what ``spark-submit`` or Spark's own configuration says if not given.
    settings : mapping of str to str, optional
        Spark's own. Those that begin with ``spark.sql.`` are set for the sessions, the others for a new context.

    Raises
    ------
    ConfigError
        If a setting contradicts what the answer depends on, or has rows written in the clear.
    """

    def __init__(
        self,
        session: SparkSession | None = None,
        *,
        master: str | None = None,
        settings: Mapping[str, str] = _NOTHING,
    ) -> None:
        check(settings)
        self._given, self._master, self._settings = session, master, dict(settings)
        self._base: SparkSession | None = None
        self._ours = False

    def __repr__(self) -> str:
        return f"Spark({self._master or 'the session there is'})"

    def session(self, roll: Roll | None = None) -> SparkWorkspace:
        """An empty session, with views and SQL settings of its own.

        Raises
        ------
        MissingExtraError
            If pyspark is not installed.
        ConfigError
            If Spark does not start, or writes rows in the clear; see `tactful.personal.engines.spark_settings`.
        """
        return SparkWorkspace(own(self._context(), self._settings), roll)

    def frame(
        self,
        *,
        table: str | None = None,
        format: str | None = None,  # noqa: A002 (Spark's own word)
        path: str | None = None,
        options: Mapping[str, str] = _NOTHING,
    ) -> DataFrame:
        """A table of a lake; see `tactful.personal.engines.spark_reading.table_of`. Nothing is read yet."""
        lake = own(self._context(), self._settings)
        with silence():
            return spark_reading.table_of(lake, table=table, format=format, path=path, options=options)

    def stop(self) -> None:
        """The context is gone if it was started here; that of somebody else stays."""
        if self._base is not None and self._ours:
            self._base.stop()
        self._base = None

    def _context(self) -> SparkSession:
        """The session whose context is used."""
        if self._base is None or self._base.sparkContext._jsc is None:
            self._base, self._ours = started(self._given, self._master, self._settings)
        return self._base


class SparkWorkspace:
    """One session of Spark. A person's id is its pseudonym from the first stage on, and so is a person.

    Notes
    -----
    **Privacy.** *Reads* the columns that are staged. *Returns* what the gate's own statements select, to the rest of
    `tactful.personal`. *Costs* nothing. *Assumes* driver and executors are inside the trust boundary, and the ways
    between them are as `tactful.personal.engines.spark_settings` says.
    """

    def __init__(self, session: SparkSession, roll: Roll | None = None) -> None:
        self._session, self._roll = session, roll
        self._kept: dict[str, DataFrame] = {}
        weakref.finalize(self, _forget, self._kept).atexit = False

    def __repr__(self) -> str:
        return "SparkWorkspace()"

    def stage(self, name: str, source: Source | None, kinds: Mapping[str, Kind]) -> None:
        """See `Session.stage`."""
        with silence():
            rows = spark_reading.read(self._session, source, kinds, self._roll)
        if source is not None and source.table is None:  # read once, when it is asked for: a table may change meanwhile
            self._kept[name] = rows = _persisted(rows)
        rows.createOrReplaceTempView(name)

    def census(self, name: str) -> Census:
        """See `Session.census`."""
        found = {column: int(values[0]) for column, values in self.query(_NAMED.format(name)).items()}
        return Census(rows=found["n"], nameless=found["nameless"], unclean=found["unclean"])

    def enroll(self, name: str, among: Iterable[str] | None = None) -> None:
        """See `Session.enroll`."""
        if self._roll is None:
            raise UsageError("people are enrolled under keys", given="a session without a roll", do="Give it one")
        statement = _PEOPLE.format(name) + " WHERE user_id IS NOT NULL"
        if among is not None:
            self.put(_AMONG, pa.table({"pseudonym": pa.array(sorted(set(among)), pa.string())}))
            statement += f" AND user_id IN (SELECT pseudonym FROM {_AMONG})"  # noqa: S608 (our own names)
        self.create("people", statement)
        self.define("ids", _IDS)
        if among is not None:
            self.drop(_AMONG)

    def put(self, name: str, table: pa.Table) -> None:
        """See `Session.put`."""
        spark_reading.put(self._session, table).createOrReplaceTempView(name)

    def create(self, name: str, statement: str) -> None:
        """See `Session.create`."""
        with self._steps(statement) as last:
            kept = _quietly(lambda: _persisted(self._session.sql(last)))
            self._kept[name] = kept
            _quietly(kept.count)  # all of it is computed before its steps are gone, which would be computed again
            _quietly(lambda: _rows_of(self._session, kept)).createOrReplaceTempView(name)

    @contextmanager
    def _steps(self, statement: str) -> Iterator[str]:
        """The statement without its steps, which are views and tables meanwhile."""
        found, last = steps(statement)
        for step in found:
            if step.kept:
                self.create(step.name, step.statement)
            else:
                self.define(step.name, step.statement)
        try:
            yield last
        finally:
            self.drop(*(step.name for step in found))

    def define(self, name: str, statement: str) -> None:
        """See `Session.define`."""
        _quietly(lambda: self._session.sql(statement)).createOrReplaceTempView(name)

    def drop(self, *names: str) -> None:
        """See `Session.drop`."""
        for name in names:
            self._session.catalog.dropTempView(name)
            if name in self._kept:
                self._kept.pop(name).unpersist()

    def query(self, statement: str) -> Columns:
        """See `Session.query`."""
        with self._steps(statement) as last:
            found = _quietly(lambda: self._session.sql(last).toArrow())
        return {column: _values(found[column]) for column in found.column_names}

    def total(self, statement: str, sums: Sums) -> NDArray[np.int64]:
        """See `Session.total`."""
        return spark_sums.total(_quietly(lambda: self._session.sql(statement)), sums)

    def bounded(
        self,
        *,
        max_items: int,
        n_items: int,  # noqa: ARG002 (of engines that hold rows as a matrix)
        counts: pa.Table | None = None,
    ) -> Rows:
        """See `Session.bounded`."""
        return spark_rows.bounded(self, self._session.sql, max_items=max_items, counts=counts)


def _persisted(frame: DataFrame) -> DataFrame:
    """The frame, kept by the executors in memory and, beyond that, on disk, encrypted, until it is let go.

    The mark, which costs nothing since Spark drops what is always true before it runs, makes it unlike all others. Two
    frames that Spark takes for the same it would keep as one, and let go of both with the first.
    """
    from pyspark import StorageLevel

    return frame.where(f"'{secrets.token_hex(8)}' IS NOT NULL").persist(StorageLevel.MEMORY_AND_DISK)


def _rows_of(session: SparkSession, kept: DataFrame) -> DataFrame:
    """The rows of a kept frame, without the plan they were made by, of which Spark would write a copy at each use.

    As a checkpoint does it, but for one thing: what is lost is made again, since where rows came from is not forgotten.
    There is no public name for that.
    """
    sql = session._jvm.org.apache.spark.sql
    made = getattr(getattr(sql.execution, "LogicalRDD$"), "MODULE$")
    unbounded = getattr(made, "fromDataset$default$4")()
    plan = made.fromDataset(kept._jdf.queryExecution().toRdd(), kept._jdf, False, unbounded)
    return type(kept)(sql.classic.Dataset.ofRows(session._jsparkSession, plan), session)


def _forget(kept: dict[str, DataFrame]) -> None:
    """Nothing of these is kept by the executors any more; if Spark is gone, so is what it kept."""
    for frame in kept.values():
        with suppress(Exception):
            frame.unpersist()
    kept.clear()


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """The values, missing ones as None."""
    if column.null_count or not pa.types.is_primitive(column.type):
        return np.array([*column.to_pylist(), None], dtype=object)[:-1]
    return np.asarray(column.to_numpy())


def _quietly(action: Callable[[], T]) -> T:
    """What the action returns. What Spark says may quote a value: the kind of the error is kept, and a line's number.

    The error is raised outside the handler, so that it does not carry Spark's as its context.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, PySparkException

    try:
        with silence():
            return action()
    except AnalysisException:  # of our own statements
        raise
    except (PySparkException, Py4JError, OSError) as error:
        words = str(error)
        given = f"Spark stopped with {type(error).__name__}{line_of(words)}"
        reading = BROKEN in words or "FAILED_READ_FILE" in words or "CANNOT_READ" in words
    if reading:
        raise SchemaError(BROKEN, given=given, do="Write it again, as UTF-8 and with as many cells in each row")
    raise TactfulError(BROKEN, given=given, do="Give Spark more memory, or read its driver's log")
