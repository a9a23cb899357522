"""What pyspark says of a failed statement, or of pandas, is not said while tactful's own actions run.

Notes
-----
pyspark writes each error of Spark that knows its statement to stderr the moment it is made, with Spark's words, which
may quote a value ("the value 'ann' cannot be cast"), before anybody can catch it. What a user does with Spark beside
tactful, in the same thread or in another, is logged as ever. Java's own log is the cluster's; what stands in it is said
in `tactful.personal.engines.spark_settings`. pyspark 4.3 warns of pandas 3 at each use of Arrow; what crosses here is
Arrow alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
_SILENT = ContextVar("tactful_silent", default=False)


@contextmanager
def silence() -> Iterator[None]:
    """Nothing that pyspark would log of a statement's failure, in this thread, is logged."""
    from pyspark.logger import PySparkLogger

    for name in _LOGGERS:
        PySparkLogger.getLogger(name).addFilter(_is_told)  # once: a filter that is there is not added again
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)


def mapped(
    frame: DataFrame, work: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]], schema: Any
) -> DataFrame:
    """What the work makes of each partition, as Arrow. Of pandas, which pyspark warns of, nothing is used here."""
    with silence(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        return frame.mapInArrow(work, schema)


def _is_told(record: logging.LogRecord) -> bool:  # noqa: ARG001 (of filters)
    """Whether the record is none of tactful's own actions."""
    return not _SILENT.get()
