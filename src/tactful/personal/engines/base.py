"""What an engine must do: read, name people, run the gate's statements, and add up where the rows lie.

All statements are ANSI SQL; only reading, naming and adding up are an engine's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.personal.keys import Keys
from tactful.personal.people_sums import Rows, Sums
from tactful.personal.source import Source

Kind = Literal["person", "id", "time", "end", "word", "purpose", "flag"]
"""How a column is read: a person's id or another (text or integer), an instant, an instant that may lie in the far
future, a word (text, integer or boolean), a word that is a purpose, or a yes-or-no (a word or a number).

A session that reads a person's id as an "id" reads it as it is, on every engine; the gate never does."""

EARLIEST, LATEST = 86_400_000_000, 7_258_118_400_000_000
"""The first instants of 1970-01-02 and of 2200. What lies outside them is no instant, only an end may lie later: a zero
or a two-digit year that was read as a time would give consent since long ago."""

INSTANT = (
    r" *[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    r"(Z| UTC| GMT|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)? *"
)
"""How an instant looks where it is text, the whole of it: a regular expression that every engine understands.

A date, with or without a time of day to the minute, second or a fraction of it, of which six digits count; with or
without a zone, UTC being meant without one. Engines read more than this, each in its own way (names of zones, 24:00):
what does not look so is no instant on any of them, nor in the consent store."""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Roll:
    """Whom people become: pseudonyms, and training or evaluation people.

    Attributes
    ----------
    keys : Keys
    evaluation_share : float, in [0, 1)
    """

    keys: Keys
    evaluation_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Whom the rows of a staged table name.

    Attributes
    ----------
    rows : int
    nameless : int, rows
        Without an id.
    unclean : int, ids
        That are not clean, see `tactful.records.clean_ids`.
    """

    rows: int
    nameless: int
    unclean: int


class Session(Protocol):
    """A private workspace that ends with the value that holds it. No row in it is written to disk in the clear."""

    def stage(self, name: str, source: Source | None, kinds: Mapping[str, Kind]) -> None:
        """The view `name` reads these columns of the source, each as one type; columns it lacks are missing values.

        Ids, words, purposes and flags are text, empty text being a missing value. All but ids are trimmed, purposes are
        in lower case. What a person's id looks like is the engine's affair (itself, or its pseudonym already): it is
        compared with ``ids.user_id`` and with nothing else. As a word or flag a boolean is ``true`` or ``false``, an
        integer its digits, another number its shortest digits with a point (``0.0``). An instant is a ``BIGINT`` of
        microseconds since 1970 in UTC, of finer ones cut down; without a zone UTC is meant; where it is text, that
        looks like `INSTANT`. ``<column>_unreadable`` is 1 where there is a value that is no instant between `EARLIEST`
        and `LATEST` (a kind "end" may be later), or no purpose.

        Raises
        ------
        SchemaError
            If a column has a type that its kind does not allow, or the file cannot be read to its end.
        ConfigError
            If the table is one that only another engine has.
        """

    def census(self, name: str) -> Census:
        """Whom the staged table names, for refusals that count and never name."""

    def enroll(self, name: str, among: Iterable[str] | None = None) -> None:
        """The tables ``ids(user_id, person)`` and ``people(person, pseudonym, part)`` hold whom a staged table names.

        Each clean id once; `part` is ``training`` or ``evaluation``, see `tactful.personal.ids`. A person is whatever
        the engine joins fastest: the rank of their pseudonym, or the pseudonym itself.

        Parameters
        ----------
        name : str
            A staged table with a column ``user_id`` of the kind "person".
        among : iterable of str, optional
            Only people with these pseudonyms.
        """

    def put(self, name: str, table: pa.Table) -> None:
        """The table `name` holds these rows."""

    def create(self, name: str, statement: str) -> None:
        """The table `name` holds what the statement selects."""

    def define(self, name: str, statement: str) -> None:
        """The view `name` is what the statement selects; nothing is stored."""

    def drop(self, *names: str) -> None:
        """These tables and views are gone."""

    def query(self, statement: str) -> Columns:
        """What the statement selects, by column, here. For results that are few."""

    def total(self, statement: str, sums: Sums) -> NDArray[np.int64]:
        """The sum over all rows that the statement selects, added up where they lie; modulo 2^64."""

    def bounded(self, *, max_items: int, n_items: int, counts: pa.Table | None = None) -> Rows:
        """At most so many distinct admitted items of each training person, chosen by keyed hash.

        Reads the tables ``admitted(person, item, instant)``, ``people`` and ``items`` of the gate.

        Parameters
        ----------
        max_items : int
        n_items : int
            Of the catalogue.
        counts : pyarrow.Table, optional
            ``person``, and ``weight`` or ``leaning`` or both, in 255ths: one row for everybody.
        """


class Engine(Protocol):
    """What opens sessions."""

    def session(self, roll: Roll | None = None) -> Session:
        """An empty session. Without a roll nobody can be enrolled in it, nor rows of people bounded."""
