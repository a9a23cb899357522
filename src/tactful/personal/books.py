"""The tables the gate joins: what people said, who may not be used at all, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.errors import SchemaError
from tactful.personal.consent import OUTCOMES, SENSITIVE, path_of
from tactful.personal.engines.base import Columns, Kind, Session
from tactful.personal.source import Source, Tabular
from tactful.personal.statement import CONSENTS, SUBJECTS

LOG: dict[str, Kind] = {"user_id": "id", "item_id": "id", "timestamp": "time"}
_CONSENTS: dict[str, Kind] = {
    "user_id": "id",
    "purpose": "word",
    "state": "word",
    "event_time": "time",
    "recorded_time": "time",
    "valid_until": "time",
}
_SUBJECTS: dict[str, Kind] = {"user_id": "id", "minor": "flag", "erased_at": "time"}
_READABLE = """
SELECT COUNT(*) AS n, COUNT(user_id) AS named, COUNT(event_time) AS times,
  COUNT(CASE WHEN LOWER(state) IN ('given', 'refused', 'withdrawn') THEN 1 END) AS states
FROM consent_rows
"""


def consents(source: Tabular) -> Source:
    """The consent events, not yet read."""
    required = ("user_id", "purpose", "state", "event_time")
    return Source.open(source, role="consents", required=required, optional=("recorded_time", "valid_until"))


def subjects(source: Tabular) -> Source:
    """Who is a minor and who was erased, not yet read."""
    return Source.open(source, role="subjects", required=("user_id",), optional=("minor", "erased_at"))


def stage(session: Session, consent_events: Source, subject_rows: Source | None) -> None:
    """The views ``consent_rows`` and ``subject_rows`` can be read, and name somebody in each row.

    Raises
    ------
    SchemaError
        If a column has the wrong type, a row names nobody, no state is one, or no time can be read.
    """
    session.stage("consent_rows", consent_events, _CONSENTS)
    session.stage("subject_rows", subject_rows, _SUBJECTS)
    found = session.query(_READABLE)
    check_names(consent_events, found)
    check_times(consent_events, "event_time", found)
    if found["n"][0] and not found["states"][0]:
        raise SchemaError(
            f"states in {consent_events.name} are given, refused or withdrawn", given="no row has one", do="Map them"
        )
    if subject_rows is not None:
        check_names(subject_rows, session.query("SELECT COUNT(*) AS n, COUNT(user_id) AS named FROM subject_rows"))


def settle(session: Session) -> None:
    """The tables ``consents`` and ``subjects`` hold what was said by and about the enrolled; ids are gone."""
    session.create("consents", CONSENTS)
    session.create("subjects", SUBJECTS)
    session.drop("consent_rows", "subject_rows", "ids")


def check_times(source: Source, column: str, found: Columns) -> None:
    """Raise `SchemaError` if there are rows and none has a time."""
    if found["n"][0] and not found["times"][0]:
        raise SchemaError(
            f"the column {column} of {source.name} holds times, in ISO 8601 where it is text",
            given=f"none of {found['n'][0]} values is one",
            do="Convert the column, or name the right one",
            column=column,
        )


def check_names(source: Source, found: Columns) -> None:
    """Raise `SchemaError` if a row names nobody: whom it protects cannot be known."""
    nameless = int(found["n"][0] - found["named"][0])
    if nameless:
        raise SchemaError(
            f"each row of {source.name} has a user_id",
            given=f"{nameless} have none",
            do="Complete or remove them",
            rows=nameless,
        )


def questions(catalogue: Catalogue, belongs: Sequence[tuple[str, ...]], purpose: str) -> dict[str, pa.Table]:
    """The tables ``items``, ``bundles``, ``paths`` and ``outcomes``, which say nothing about people."""
    distinct = [(), *sorted(set(belongs) - {()})]
    number = {bundle: position for position, bundle in enumerate(distinct)}
    asked = [(0, purpose, 1)]
    asked += [(number[b], f"{SENSITIVE}.{category}", len(b)) for b in distinct for category in b]
    paths = [(target, node, grants) for target in sorted({t for _, t, _ in asked}) for node, grants in path_of(target)]
    return {
        "items": pa.table(
            {
                "item_id": pa.array(catalogue.item_ids.tolist(), pa.string()),
                "item": pa.array(range(len(catalogue)), pa.int32()),
                "bundle": pa.array([number[bundle] for bundle in belongs], pa.int32()),
            }
        ),
        "bundles": _table(asked, bundle=pa.int32(), target=pa.string(), needed=pa.int32()),
        "paths": _table(paths, target=pa.string(), node=pa.string(), grants=pa.int32()),
        "outcomes": _table(list(enumerate(OUTCOMES)), place=pa.int32(), outcome=pa.string()),
    }


def moments(judged: list[tuple[str, int, int]], retention: int) -> pa.Table:
    """The table ``moments``; each has a name, an instant and the last erasure that counts, in microseconds."""
    rows = [(moment, instant, instant - retention, until) for moment, instant, until in judged]
    return _table(rows, moment=pa.string(), instant=pa.int64(), oldest=pa.int64(), erasures_until=pa.int64())


def _table(rows: Sequence[tuple[object, ...]], **types: pa.DataType) -> pa.Table:
    """An Arrow table from rows."""
    columns = zip(*rows, strict=True)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(types.items(), columns, strict=True)})
