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
    known, ids = subjects.opened(connection, wanted)
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
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    evidence = [name for name in EVIDENCE if name in columns]
    for row in rows:
        if row.person not in people:
            continue
        user_id, key = people[row.person]
        strange = row.purpose is None or row.state is None
        rest = opened(key, row) if row.sealed is not None and (strange or evidence) else {}
        columns["user_id"].append(user_id)
        columns["purpose"].append(row.purpose if row.purpose is not None else rest.get("purpose"))
        columns["state"].append(row.state if row.state is not None else rest.get("state"))
        columns["event_time"].append(row.event_time)
        columns["recorded_time"].append(_recorded(row))
        columns["valid_until"].append(row.valid_until)
        columns["stored_time"].append(row.stored_time)
        for each in evidence:
            columns[each].append(rest.get(each))
    arrays = [_array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def opened(key: SubjectKey, row: Any) -> dict[str, str]:
    """What is sealed in a row, by column."""
    return read_rest(key.disclose(row.sealed, bound_to=SEALED + row.fingerprint)) if row.sealed is not None else {}


def _recorded(row: Any) -> int:
    """When it was recorded: as given, else when it was stored; what gives nothing, by then at the latest."""
    if row.recorded_time is None:
        return int(row.stored_time)
    if row.state != "given" and row.recorded_time != UNREADABLE:
        return int(min(row.recorded_time, row.stored_time))
    return int(row.recorded_time)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """A column; a time stands in microseconds."""
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
