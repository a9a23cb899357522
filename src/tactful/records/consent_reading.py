"""Consent events read back from the store: the contract's columns, with the time at which each was stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, select

from tactful.records import people_tables
from tactful.records.consent_plan import SEALED
from tactful.records.consent_rows import COLUMNS, EVIDENCE, read_rest
from tactful.records.consent_times import UNREADABLE, micros
from tactful.records.people_tables import CONSENTS
from tactful.records.read_point import ReadPoint
from tactful.records.stored_purposes import STORED
from tactful.records.subject_key import SubjectKey
from tactful.records.subjects import Subjects, erased_in

_TIME = pa.timestamp("us", tz="UTC")
_JUDGED = ("user_id", "purpose", "state", "event_time", "recorded_time", "valid_until", "stored_time")
SCHEMA = pa.schema(
    [(name, _TIME if name.endswith(("_time", "_until")) else pa.string()) for name in (*COLUMNS, "stored_time")],
    metadata=STORED,
)
"""What `read` returns: the contract's columns, times in UTC, and ``stored_time``; it says that they are the store's."""
_PERSON, _PURPOSE, _STATE = (list(CONSENTS.columns.keys()).index(name) for name in ("person", "purpose", "state"))
_CLOCKS = ("state", "recorded_time", "stored_time")
_AT_ONCE = 500
_FOREVER = 1 << 62
_CHUNK = 50_000


def read(
    connection: Connection,
    subjects: Subjects,
    pseudonyms: Iterable[str] | None,
    known_at: datetime | None,
    *,
    upto: ReadPoint | None,
    evidence: bool,
) -> pa.Table:
    """The events of these people, or of all, that were stored by then; see `ConsentStore.events`."""
    schema = SCHEMA if evidence else pa.schema([SCHEMA.field(name) for name in _JUDGED], metadata=STORED)
    if not people_tables.are_there(connection):
        return schema.empty_table()
    gone = erased_in(connection)
    wanted = None if pseudonyms is None else [name for name in dict.fromkeys(pseudonyms) if name not in gone]
    known, ids = subjects.unsealed(connection, wanted)
    people = {found.person: (ids[name], found.key) for name, found in known.items() if name not in gone}
    query = _stored(known_at, upto)
    parts = _rows(connection, query, None if wanted is None else list(people))
    in_hand = _FOREVER if upto is None else micros(upto.time)
    batches = [_batch(rows, people, schema, in_hand) for rows in parts]
    return pa.Table.from_batches(batches, schema)


def _stored(known_at: datetime | None, upto: ReadPoint | None) -> Select[Any]:
    """The rows in order of storing, as far as they were there."""
    query = select(CONSENTS).where(CONSENTS.c.person.is_not(None)).order_by(CONSENTS.c.row)
    if known_at is not None:
        query = query.where(CONSENTS.c.stored_time <= micros(known_at))
    return query if upto is None else query.where(CONSENTS.c.row <= upto.row)


def _rows(connection: Connection, query: Select[Any], people: Sequence[int] | None) -> Iterator[Sequence[Any]]:
    """What the query selects of these people, or of all, many rows at a time."""
    if people is None:
        yield from _partitions(connection, query)
        return
    parts = [people[start : start + _AT_ONCE] for start in range(0, len(people), _AT_ONCE)]
    found = [row for part in parts for row in connection.execute(query.where(CONSENTS.c.person.in_(part)))]
    if found:
        yield sorted(found, key=lambda row: int(row.row))


def _partitions(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    """What the query selects, a chunk in memory at a time."""
    with connection.execute(query, execution_options={"yield_per": _CHUNK}) as rows:
        yield from rows.partitions()


def _batch(
    rows: Sequence[Any], people: Mapping[int, tuple[str, SubjectKey]], schema: pa.Schema, in_hand: int
) -> pa.RecordBatch:
    """The rows of people who are here, as Arrow columns."""
    here = [row for row in rows if row[_PERSON] in people]
    stored = dict(zip(CONSENTS.columns.keys(), zip(*here, strict=True), strict=True)) if here else {}
    columns: dict[str, Sequence[Any]] = {name: stored.get(name, ()) for name in schema.names}
    columns["user_id"] = [people[person][0] for person in stored.get("person", ())]
    evidence = [name for name in EVIDENCE if name in columns]
    rest = _opened_rest(here, people, all_of_it=bool(evidence))
    for name in ("purpose", "state"):
        columns[name] = [cell if cell is not None else rest[row].get(name) for row, cell in enumerate(columns[name])]
    columns |= {name: [each.get(name) for each in rest] for name in evidence}
    columns["recorded_time"] = (
        [_recorded(*cells, in_hand=in_hand) for cells in zip(*(stored[n] for n in _CLOCKS), strict=True)]
        if here
        else ()
    )
    return pa.RecordBatch.from_arrays([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _opened_rest(
    rows: Sequence[Any], people: Mapping[int, tuple[str, SubjectKey]], *, all_of_it: bool
) -> list[dict[str, str]]:
    """What is sealed in each row, or only in those whose purpose or state could not be read."""
    nothing: dict[str, str] = {}
    return [
        unsealed(people[row.person][1], row) if all_of_it or row[_PURPOSE] is None or row[_STATE] is None else nothing
        for row in rows
    ]


def unsealed(key: SubjectKey, row: Any) -> dict[str, str]:
    """What is sealed in a row, by column."""
    return read_rest(key.disclose(row.sealed, bound_to=SEALED + row.fingerprint)) if row.sealed is not None else {}


def _recorded(state: str | None, recorded: int | None, stored: int, *, in_hand: int) -> int:
    """When it was recorded: as given, else when it was stored; what gives nothing, by then at the latest.

    Nor can it have been recorded after somebody had it in hand, whatever the clock said that stored it.
    """
    told = stored if recorded is None else recorded
    return min(told, stored, in_hand) if state != "given" and told != UNREADABLE else told


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column; a time stands in microseconds."""
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
