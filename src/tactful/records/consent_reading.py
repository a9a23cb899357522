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
from tactful.records.subject_key import SubjectKey
from tactful.records.subjects import Subjects, erased_in

_TIME = pa.timestamp("us", tz="UTC")
_JUDGED = ("user_id", "purpose", "state", "event_time", "recorded_time", "valid_until", "stored_time")
SCHEMA = pa.schema(
    [(name, _TIME if name.endswith(("_time", "_until")) else pa.string()) for name in (*COLUMNS, "stored_time")]
)
"""What `read` returns: the contract's columns, times in UTC, and ``stored_time``."""
_PERSON, _PURPOSE, _STATE = (list(CONSENTS.columns.keys()).index(name) for name in ("person", "purpose", "state"))
_CLOCKS = ("state", "recorded_time", "stored_time")
_AT_ONCE = 500
_CHUNK = 50_000


def read(
    connection: Connection,
    subjects: Subjects,
    pseudonyms: Iterable[str] | None,
    known_at: datetime | None,
    *,
    evidence: bool,
) -> pa.Table:
    """The events of these people, or of all, that were stored by then; see `ConsentStore.events`."""
    schema = SCHEMA if evidence else pa.schema([SCHEMA.field(name) for name in _JUDGED])
    if not people_tables.are_there(connection):
        return schema.empty_table()
    gone = erased_in(connection)
    wanted = None if pseudonyms is None else [name for name in dict.fromkeys(pseudonyms) if name not in gone]
    known, ids = subjects.unsealed(connection, wanted)
    people = {found.person: (ids[name], found.key) for name, found in known.items() if name not in gone}
    until = None if known_at is None else micros(known_at)
    parts = _rows(connection, None if wanted is None else list(people), until)
    batches = [_batch(rows, people, schema) for rows in parts]
    return pa.Table.from_batches(batches, schema)


def _rows(connection: Connection, people: Sequence[int] | None, until: int | None) -> Iterator[Sequence[Any]]:
    """The rows in order of storing, many at a time."""
    query = select(CONSENTS).where(CONSENTS.c.person.is_not(None)).order_by(CONSENTS.c.row)
    if until is not None:
        query = query.where(CONSENTS.c.stored_time <= until)
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


def _batch(rows: Sequence[Any], people: Mapping[int, tuple[str, SubjectKey]], schema: pa.Schema) -> pa.RecordBatch:
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
        [_recorded(*cells) for cells in zip(*(stored[n] for n in _CLOCKS), strict=True)] if here else ()
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


def _recorded(state: str | None, recorded: int | None, stored: int) -> int:
    """When it was recorded: as given, else when it was stored; what gives nothing, by then at the latest."""
    if recorded is None:
        return stored
    return min(recorded, stored) if state != "given" and recorded != UNREADABLE else recorded


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column; a time stands in microseconds."""
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
