"""From what a configuration says to an engine, and to the tables that only Spark reads.

Spark is not imported before somebody asks for it, and not started before it has something to read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal

from tactful.errors import ConfigError, SecretError
from tactful.personal.engines.base import Engine
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.source import Tabular

_FROM = "env:"


def engine_of(
    name: Literal["duckdb", "spark"] = "duckdb",
    *,
    master: str | None = None,
    memory: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Engine:
    """The engine of that name; nothing is started yet.

    Parameters
    ----------
    name : {"duckdb", "spark"}
    master : str, optional
        Of Spark.
    memory : str, optional
        The most that DuckDB takes, e.g. ``6GiB``.
    settings : mapping of str to str, optional
        Of Spark; ``env:NAME`` is read from the environment.

    Raises
    ------
    SecretError
        If a variable that the settings name is not set.
    """
    if name == "duckdb":
        return DuckDB(memory=memory)
    from tactful.personal.engines.spark import Spark

    return Spark(master=master, settings={key: _told(key, value) for key, value in (settings or {}).items()})


def table_of(
    engine: Engine,
    *,
    table: str | None = None,
    format: str | None = None,  # noqa: A002 (Spark's own word)
    path: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Tabular:
    """A table that Spark reads, by its name or by its format; Spark starts, no row is read.

    Parameters
    ----------
    engine : Engine
    table : str, optional
        Its name in Spark's catalogue of tables.
    format, path : str, optional
        As Spark's reader has them.
    options : mapping of str to str, optional
        Of the format; ``env:NAME`` is read from the environment.

    Raises
    ------
    ConfigError
        If the engine is not Spark, or Spark would pass over rows.
    MissingExtraError
        If Spark is not installed.
    SecretError
        If a variable that the path or the options name is not set.
    SchemaError
        If Spark cannot open the table.
    """
    reader = _reader(engine, table or str(format))
    where = None if path is None else _told("path", path)
    filled = {key: _told(key, value) for key, value in (options or {}).items()}
    return reader(table=table, format=format, path=where, options=filled)


def check_table(
    engine: Engine,
    name: str,
    *,
    format: str | None = None,  # noqa: A002 (Spark's own word)
    options: Mapping[str, str] | None = None,
) -> None:
    """What a table of a lake says of itself can hold; nothing is started, no variable is read.

    Parameters
    ----------
    engine : Engine
    name : str
        What the table is called in an error.
    format : str, optional
    options : mapping of str to str, optional

    Raises
    ------
    ConfigError
        If the engine is not Spark, or a reader so told would pass over rows.
    """
    _reader(engine, name)
    if format is not None:
        from tactful.personal.engines.spark_lake import checked_options

        checked_options(format, options or {}, name=name)


def stop(engine: Engine) -> None:
    """What the engine started is gone: Spark's context, if it did not run before. DuckDB starts nothing."""
    ending: Callable[[], None] | None = getattr(engine, "stop", None)
    if ending is not None:
        ending()


def _reader(engine: Engine, name: str) -> Callable[..., Tabular]:
    """What reads tables of a lake."""
    found: Callable[..., Tabular] | None = getattr(engine, "frame", None)
    if found is None:
        raise ConfigError(
            "a table of a lake is read by Spark",
            given=f"{name} for {type(engine).__name__}",
            do='Set name = "spark" under [engine]',
        )
    return found


def _told(key: str, value: str) -> str:
    """The value, or the variable that it names."""
    if not value.startswith(_FROM):
        return value
    found = os.environ.get(value.removeprefix(_FROM))
    if found is None:
        raise SecretError(f"`{key}` is in the environment", given=f"{value[len(_FROM) :]} is not set", do="Set it")
    return found
