"""Which readers of Spark a table about people may come from: those that pass over no row, or say so by failing.

Notes
-----
A row that is passed over may be a refusal, and nothing in the answer would show it. So readers are on a list, and what
is not on it is refused. Readers of text (CSV, JSON, XML, lines) are not: where a row makes no sense to them, all but
CSV's strictest mode drop part of it, drop it, or guess. Two objects on a line of JSON are one row to Spark. Avro is
not on the list because Spark reads all files with the columns of one.

*What a table is named by* does not tell who reads it: a table of a catalog, a view, or a frame that a user hands over
may come from a text file, with options of its own. So the leaves of its analysed plan are asked, those of its
subqueries among them, for the class that reads them and for its options.

*What cannot be told.* Rows that a user made in memory (a checkpoint, `createDataFrame`, an RDD) show nobody who read
them; what Spark has cached, it read as its owner asked; a view may filter. Columns that a catalog does not name are not
there, nor those that a user's own session did not find because it asked one file for all (``mergeSchema``). The types
that either gave to the names of folders are taken at their word (``user_id=007`` read as a number is 7), and so are
times: one without a zone that a catalog or a user's session read from a database as one with a zone is of that
session's zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tactful.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_FILES = frozenset({"basepath", "recursivefilelookup"})
_VERSION = frozenset({"timestampasof", "versionasof"})
_OPTIONS: Mapping[str, frozenset[str] | None] = {
    "delta": _VERSION,
    "hudi": frozenset({"as.of.instant"}),
    "iceberg": _VERSION | {"as-of-timestamp", "branch", "snapshot-id", "split-size", "tag"},
    "jdbc": None,  # the driver's, which nobody knows; see `_PARTIAL`
    "orc": _FILES,
    "parquet": _FILES,
}
"""The formats there are, by the names they go by, and what each may be told: where rows lie, and of which version."""
_PARTIAL = frozenset(
    {
        "badrecordspath",
        "datetimerebasemode",
        "dropfieldifallnull",
        "enforceschema",
        "hoodie.datasource.query.type",
        "hoodie.query.as.ro.table",
        "ignorecorruptfiles",
        "ignoremissingfiles",
        "int96rebasemode",
        "maxrows",
        "mode",
        "modifiedafter",
        "modifiedbefore",
        "pathglobfilter",
        "prefertimestampntz",
        "readchangedata",
        "readchangefeed",
        "samplingratio",
        "start-snapshot-id",
        "start-timestamp",
        "startingtimestamp",
        "startingversion",
    }
)
"""Options by which a reader passes over rows, or reads other values than there are."""
_WHOLE: Mapping[str, Mapping[str, str]] = {
    "jdbc": {"preferTimestampNTZ": "true"},  # without a zone it is UTC
    "orc": {"mergeSchema": "true"},
    "parquet": {"mergeSchema": "true"},
}
"""What a reader is told besides: files are asked for the columns of all of them. Of one that is asked for those of
another file Spark leaves out what only it has, such as the end of a consent."""
_READERS = re.compile(
    r"(?!.*(Incremental|Change|CDC|CDF))"  # rows that changed, not those there are
    r"(org\.apache\.spark\.sql\.(execution\.datasources\.(v2\.)?(parquet|orc|jdbc)|hive\.orc|delta)"
    r"|org\.apache\.hadoop\.hive\.ql\.io\.(parquet|orc)"
    r"|org\.apache\.(iceberg\.spark|hudi)|io\.delta)\..*"
)
"""The classes that read those formats."""
_OF_NOBODY = frozenset(
    {"CTERelationRef", "CommandResult", "ExternalRDD", "LocalRelation", "LogicalRDD", "OneRowRelation", "Range"}
)
"""Leaves of a plan that read nothing: rows are in memory already."""


def checked_options(
    format: str,  # noqa: A002 (Spark's own word)
    options: Mapping[str, str],
    *,
    name: str,
) -> dict[str, str]:
    """The options for a reader of this format, which passes over no row.

    Parameters
    ----------
    format : str
    options : mapping of str to str
    name : str
        What the table is called in an error.

    Raises
    ------
    ConfigError
        If the format is not one of those that pass over nothing, or an option is not one of the few it may have.
    """
    if format not in _OPTIONS:
        raise ConfigError(
            "no row is passed over when a table is read",
            given=f"{name} has the format {format}; there are {', '.join(_OPTIONS)}",
            do="Write the table as Parquet and look at what was written; a CSV file here is named by its path",
        )
    allowed = _OPTIONS[format]
    _check(
        name,
        (key for key in options if key.lower() in _PARTIAL or (allowed is not None and key.lower() not in allowed)),
    )
    return {**options, **_WHOLE.get(format, {})}


def check_plan(frame: DataFrame, name: str) -> None:
    """The frame is read by nobody who passes over rows.

    Raises
    ------
    ConfigError
        If it comes from a reader that is not on the list, or one with such an option.
    """
    for leaf in _leaves(frame._jdf.queryExecution().analyzed()):
        reader, options = _reader(leaf)
        if reader is not None and not _READERS.fullmatch(reader):
            raise ConfigError(
                "no row is passed over when a table is read",
                given=f"{name} is read by {reader.rpartition('.')[2]}; there are readers of {', '.join(_OPTIONS)}",
                do="Write the table as Parquet and look at what was written",
            )
        _check(name, (key for key, value in options.items() if key.lower() in _PARTIAL and not _harmless(key, value)))


def _check(name: str, partial: Iterator[str]) -> None:
    """Raise `ConfigError` if there are options."""
    if given := ", ".join(sorted(partial)):
        raise ConfigError(
            "no row is passed over when a table is read",
            given=f"{name} has the options {given}",
            do="Leave them out",
        )


def _harmless(key: str, value: str) -> bool:
    """Whether an option of a table that has a name says what holds anyway."""
    return value.lower() == ("true" if key.lower() == "prefertimestampntz" else "false")


def _leaves(plan: Any) -> Iterator[Any]:
    """The leaves of a plan and of its subqueries."""
    subqueries = plan.subqueriesAll()
    for tree in (plan, *(subqueries.apply(place) for place in range(subqueries.size()))):
        leaves = tree.collectLeaves()
        yield from (leaves.apply(place) for place in range(leaves.size()))


def _reader(leaf: Any) -> tuple[str | None, dict[str, str]]:
    """The class that reads a leaf of a plan, and its options; None if nobody does."""
    kind = _class(leaf).rpartition(".")[2]
    if kind in _OF_NOBODY:
        return None, {}
    if kind == "DataSourceV2Relation":
        return _class(leaf.table()), dict(leaf.options())
    if kind == "HiveTableRelation":
        storage = leaf.tableMeta().storage()
        return str(storage.serde().getOrElse(None)), _texts(storage.properties())
    if kind != "LogicalRelation":
        return kind, {}
    relation = leaf.relation()
    found = _class(relation)
    if found.endswith(".HadoopFsRelation"):
        return _class(relation.fileFormat()), _texts(relation.options())
    return found, _texts(relation.jdbcOptions().parameters()) if found.endswith(".JDBCRelation") else {}


def _class(value: Any) -> str:
    """The name of a Java class."""
    return str(value.getClass().getName())


def _texts(options: Any) -> dict[str, str]:
    """A map of Scala."""
    pairs = options.toSeq()
    return {str(pairs.apply(place)._1()): str(pairs.apply(place)._2()) for place in range(pairs.size())}
