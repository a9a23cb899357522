"""What an engine must do for the gate. All statements are ANSI SQL; only reading is an engine's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from tactful.personal.source import Source

Kind = Literal["id", "time", "end", "word", "purpose", "flag"]
"""How a column is read: an id (text or integer), an instant, an instant that may lie in the far future, a word (text,
integer or boolean), a word that is a purpose, or a yes-or-no."""

EARLIEST, LATEST = 86_400_000_000, 7_258_118_400_000_000
"""The first instants of 1970-01-02 and of 2200. What lies outside them is no instant, only an end may lie later: a zero
or a two-digit year that was read as a time would give consent since long ago."""

Columns = dict[str, NDArray[Any]]


class Session(Protocol):
    """A private workspace that ends with the value that holds it. Nothing in it is written to disk."""

    def stage(self, name: str, source: Source | None, kinds: Mapping[str, Kind]) -> None:
        """The view `name` reads these columns of the source, each as one type; columns it lacks are missing values.

        Ids, words, purposes and flags are text, empty text being a missing value. All but ids are trimmed, purposes are
        in lower case. An instant is a ``BIGINT`` of microseconds since 1970 in UTC; where it is text, that looks like
        ``YYYY-MM-DD…``. ``<column>_unreadable`` is 1 where there is a value that is no instant, or no purpose.

        Raises
        ------
        SchemaError
            If a column has a type that its kind does not allow, or the file cannot be read to its end.
        """

    def put(self, name: str, table: pa.Table) -> None:
        """The table `name` holds these rows."""

    def create(self, name: str, statement: str) -> None:
        """The table `name` holds what the statement selects."""

    def drop(self, *names: str) -> None:
        """These tables and views are gone."""

    def query(self, statement: str) -> Columns:
        """What the statement selects, by column."""


class Engine(Protocol):
    """What opens sessions."""

    def session(self) -> Session:
        """An empty session."""
