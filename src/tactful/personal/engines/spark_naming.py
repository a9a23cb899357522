"""What a worker of Spark does to rows about people before anybody else sees them: values become one type, ids names.

Notes
-----
*One reader.* Rows are normalised by `tactful.personal.engines.duckdb` in the worker, batch after batch: an id, a word
or a time is read by the same code on either engine, and what is no time there is none here. A CSV file is read by it
whole, in one task: Spark's own reader is lenient where it should refuse, and quotes the row where it refuses.

*First stage.* Ids come from the reader, or from the scan that Spark has put into the same stage, and leave as keyed
hashes. So no shuffle, cache, broadcast or plan ever holds an id. An id that is not clean leaves as a keyed hash in a
column of its own, so that such ids can be counted.

*Words of errors.* What fails here says which kind of error it was and, of a CSV file, at which line. Python's and
Arrow's own words may quote a value, and Spark writes what it is told to its event log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from tactful.errors import SchemaError, TactfulError
from tactful.personal.engines.base import Kind, Roll
from tactful.personal.engines.duckdb import DuckDBSession
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.source import Source

UNCLEAN, EVALUATES = "{}_unclean", "{}_evaluates"
"""Beside a person's column: the keyed hash of an id that is not clean, and whether the person is held out."""
BROKEN = "every table can be read to its end"
_ROWS = "SELECT * FROM rows"
_KNOWN = 1 << 20  # people whose names a task remembers
_Told = tuple[str | None, str | None, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Naming:
    """How the rows of one table leave the first stage; a value that is sent to workers.

    Attributes
    ----------
    kinds : mapping of str to Kind
        How each column is read.
    source : Source
        The table, for its columns; with a path if a worker reads it itself, without rows.
    keys : Keys
        Of pseudonyms and assignment; see `for_workers`.
    cut : int
        Whoever falls below is an evaluation person.
    types : mapping of str to pyarrow.DataType
        Columns that Spark brings as another type, for want of their own, and what they are.
    """

    kinds: Mapping[str, Kind]
    source: Source
    keys: Keys
    cut: int
    types: Mapping[str, pa.DataType] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source | None, kinds: Mapping[str, Kind], roll: Roll | None) -> Naming:
        """How the rows of the source leave the first stage. Without a roll, names are those of a key made up here."""
        told = replace(source, table=None, frame=None) if source else Source(name="nothing", columns={}, header=())
        keys = for_workers(roll.keys if roll else _nobody())
        return cls(kinds=dict(kinds), source=told, keys=keys, cut=int((roll.evaluation_share if roll else 0.0) * 2**64))

    @property
    def people(self) -> tuple[str, ...]:
        """The columns that hold ids of people."""
        return tuple(column for column, kind in self.kinds.items() if kind == "person")

    def table(self, rows: pa.Table) -> pa.Table:
        """Rows in memory as they leave, in one table.

        Raises
        ------
        SchemaError
            If a column has a type that its kind does not allow, or a value cannot be read.
        """
        named = [*self._named(self._normalised([rows]))]
        return pa.Table.from_batches(named) if named else self.empty(rows.schema)

    def empty(self, schema: pa.Schema) -> pa.Table:
        """What leaves of no rows with these columns.

        Raises
        ------
        SchemaError
            If a column has a type that its kind does not allow.
        """
        session = DuckDBSession()
        self._stage(session, schema.empty_table())
        return self._with_names(session._database.sql(_ROWS).to_arrow_table(), {})

    def batches(self, given: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of a partition as they leave; runs in a worker.

        Notes
        -----
        **Privacy.** *Reads* rows about people, in the worker's memory. *Returns* the same rows under pseudonyms.
        *Costs* nothing; nothing leaves the cluster. *Assumes* workers are inside the trust boundary, and so is the way
        the keys took to them.
        """
        yield from _plainly(self._named(self._normalised(pa.Table.from_batches([rows]) for rows in given)))

    def file(self, _: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of the CSV file as they leave; runs in a worker that can read the path.

        Notes
        -----
        **Privacy.** As `batches`.
        """
        yield from _plainly(self._named(self._read()))

    def _read(self) -> Iterator[pa.RecordBatch]:
        """The normalised rows of the file, as they are read."""
        session = DuckDBSession()
        session._database.execute("SET threads = 1")
        session.stage("rows", self.source, self.kinds)
        yield from session._database.sql(_ROWS).to_arrow_reader(1 << 16)

    def _normalised(self, tables: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
        """The rows of these tables, each column as one type."""
        session = DuckDBSession()
        session._database.execute("SET threads = 1")
        for table in tables:
            table.validate(full=True)  # bytes that are no UTF-8
            self._stage(session, table)
            yield from session._database.sql(_ROWS).to_arrow_reader(1 << 16)
            session.drop("rows")

    def _stage(self, session: DuckDBSession, table: pa.Table) -> None:
        """The view ``rows`` reads the table; DuckDB rounds nanoseconds, here as elsewhere."""
        for column, kind in self.types.items():
            table = table.set_column(table.column_names.index(column), column, table[column].cast(kind))
        given = replace(self.source, path=None, table=table) if self.source.columns else None
        session.stage("rows", given, self.kinds)

    def _named(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows, their people under pseudonyms."""
        known: dict[str, _Told] = {}
        for batch in batches:
            if len(known) > _KNOWN:
                known.clear()
            yield from self._with_names(pa.Table.from_batches([batch]), known).to_batches()

    def _with_names(self, rows: pa.Table, known: dict[str, _Told]) -> pa.Table:
        """The rows with names in the place of ids, and beside them what is told of each person."""
        for column in self.people:
            coded = pc.dictionary_encode(rows[column].combine_chunks())
            ids = coded.dictionary.to_pylist()
            self._learn([user_id for user_id in ids if user_id not in known], known)
            names, unclean, evaluates = ([known[user_id][place] for user_id in ids] for place in range(3))
            rows = rows.set_column(
                rows.column_names.index(column), column, pa.array(names, pa.string()).take(coded.indices)
            )
            rows = rows.append_column(UNCLEAN.format(column), pa.array(unclean, pa.string()).take(coded.indices))
            rows = rows.append_column(EVALUATES.format(column), pa.array(evaluates, pa.bool_()).take(coded.indices))
        return rows

    def _learn(self, ids: list[str], known: dict[str, _Told]) -> None:
        """These ids are known, each once."""
        named = zip(ids, self.keys.pseudonyms(ids), self.keys.places(ids), strict=True)
        for user_id, name, place in named:
            known[user_id] = (name, None, place < self.cut) if is_clean(user_id) else (None, name, None)


def for_workers(keys: Keys) -> Keys:
    """The keys of pseudonyms and assignment; the storage key, which workers have no use for, is another one."""
    return replace(keys, storage=secrets.token_bytes(32), suppression=None, storage_older=())


def _nobody() -> Keys:
    """Keys that were never there."""
    pseudonym, storage, assignment = (secrets.token_bytes(32) for _ in range(3))
    return Keys(pseudonym=pseudonym, storage=storage, assignment=assignment)


def _plainly(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches. If one fails, the error says no more than where; it is raised outside the handler."""
    try:
        yield from batches
    except TactfulError as error:
        given = error.given
    except Exception as error:  # whatever it is, its words may quote a row
        line = re.search(r"Line: (\d+)", str(error))
        given = f"a worker stopped with {type(error).__name__}" + (f" at line {line[1]}" if line else "")
    else:
        return
    raise SchemaError(BROKEN, given=given, do="Write the table again, as UTF-8 and with as many cells in each row")


def line_of(words: str) -> str:
    """Which line a worker's words name, as `` at line 3``; nothing if they name none."""
    line = re.search(r"stopped with \w+ at line (\d+)", words)
    return f" at line {line[1]}" if line else ""
