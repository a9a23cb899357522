"""The tables the gate joins: what people said, who may not be used at all, and what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError, SchemaError, columns_given, counted
from tactful.personal import headers
from tactful.personal.consent import SENSITIVE, path_of
from tactful.personal.engines.base import Census, Kind, Session
from tactful.personal.source import Source, Tabular, each
from tactful.personal.statement import CONSENTS, SUBJECTS
from tactful.personal.times import micros
from tactful.records.purposes import check_spelling
from tactful.records.stored_purposes import as_meant, is_stored

LOG: dict[str, Kind] = {"user_id": "person", "item_id": "id", "timestamp": "time"}
_CONSENTS: dict[str, Kind] = {
    "user_id": "person",
    "purpose": "purpose",
    "state": "word",
    "event_time": "time",
    "recorded_time": "time",
    "valid_until": "end",
}
_SUBJECTS: dict[str, Kind] = {"user_id": "person", "minor": "flag", "erased_at": "time"}
_ERASED = {"pseudonym": pa.string(), "erased_at": pa.int64()}
_SAID = """
SELECT purpose, COUNT(event_time) AS times,
  COUNT(CASE WHEN LOWER(state) IN ('given', 'refused', 'withdrawn') THEN 1 END) AS states
FROM {}
GROUP BY purpose
"""


def consents(tables: Tabular | Sequence[Tabular]) -> tuple[Source, ...]:
    """The consent events, not yet read; those of several tables count together.

    Raises
    ------
    SchemaError
        If a required column is missing, or another may have been meant to protect people.
    ConfigError
        If there is no table at all.
    """
    opened = tuple(_consents(table) for table in each(tables))
    if not opened:
        raise ConfigError("there is a table of consents", given="none", do="Name one; it may have no rows")
    return opened


def _consents(source: Tabular) -> Source:
    """One of the tables of consent events."""
    required = ("user_id", "purpose", "state", "event_time")
    found = Source.open(source, role="consents", required=required, optional=("recorded_time", "valid_until"))
    headers.check_header(found.header, headers.CONSENTS, found.name)
    return replace(found, table=as_meant(found.table)) if is_stored(found.table) else found


def subjects(source: Tabular) -> Source:
    """Who is a minor and who was erased, not yet read.

    Raises
    ------
    SchemaError
        If a column is missing, or may have been meant to protect people.
    """
    found = Source.open(source, role="subjects", required=("user_id",), optional=("minor", "erased_at"))
    headers.check_header(found.header, headers.SUBJECTS, found.name)
    if len(found.columns) == 1:
        raise SchemaError(
            f"{found.name} has a column minor or erased_at",
            given=columns_given(found.header, headers.SUBJECTS),
            do="Add one, or leave the table out",
        )
    return found


def stage(session: Session, consent_events: Sequence[Source], subject_rows: Source | None) -> None:
    """The views ``consent_rows`` and ``subject_rows`` can be read, and name somebody in each row.

    Raises
    ------
    SchemaError
        If a column has the wrong type, a row names nobody or hides whom it names, no state is one, no time can be
        read, or a purpose may have been meant as one that tactful asks for. Events of the consent store, which cannot
        be mended, do not stop at that: see `tactful.records.stored_purposes`.
    """
    names = [f"consent_rows_{number}" for number in range(len(consent_events))]
    for name, source in zip(names, consent_events, strict=True):
        session.stage(name, source, _CONSENTS)
        _check_said(session, name, source)
    session.create("consent_rows", " UNION ALL ".join(f"SELECT * FROM {name}" for name in names))  # noqa: S608 (our own)
    session.drop(*names)
    session.stage("subject_rows", subject_rows, _SUBJECTS)
    if subject_rows is not None:
        check_names(subject_rows, session.census("subject_rows"))


def settle(session: Session, erased: Mapping[str, datetime]) -> None:
    """The tables ``consents`` and ``subjects`` hold what was said by and about the enrolled.

    Parameters
    ----------
    session : Session
        Where `stage` has been, and where ``ids`` and ``people`` are.
    erased : mapping of str to datetime
        Pseudonyms of people who were erased, besides those whom the subjects name, and when.
    """
    session.put("erased", _table([(name, micros(at)) for name, at in erased.items()], **_ERASED))
    session.create("consents", CONSENTS)
    session.create("subjects", SUBJECTS)
    session.drop("consent_rows", "subject_rows", "erased")


def _check_said(session: Session, name: str, source: Source) -> None:
    """Raise `SchemaError` unless these consent events name people, times, states, and purposes by their names."""
    census = session.census(name)
    check_names(source, census)
    said = session.query(_SAID.format(name))
    check_times(source, "event_time", rows=census.rows, times=int(said["times"].sum()))
    if census.rows and not said["states"].sum():
        raise SchemaError(
            f"states in {source.name} are given, refused or withdrawn", given="no row has one", do="Map them"
        )
    if not is_stored(source.table):
        check_spelling((str(name) for name in said["purpose"] if name is not None), source.name)


def check_times(source: Source, column: str, *, rows: int, times: int) -> None:
    """Raise `SchemaError` if there are rows and none has a time."""
    if rows and not times:
        raise SchemaError(
            f"the column {column} of {source.name} holds times from 1970-01-02 to 2200, in ISO 8601 where it is text",
            given=f"of {counted(rows, 'value')}, none is one",
            do="Convert the column, or name the right one",
            column=column,
        )


def check_names(source: Source, census: Census) -> None:
    """Raise `SchemaError` if a row names nobody, or hides whom: whom it protects cannot be known."""
    if census.nameless:
        raise SchemaError(
            f"each row of {source.name} has a user_id",
            given=f"{census.nameless} have none",
            do="Complete or remove them",
            rows=census.nameless,
        )
    if census.unclean:
        raise SchemaError(
            f"no user_id of {source.name} hides blanks or control characters",
            given=f"{census.unclean} do",
            do="Write them as the other tables do",
            ids=census.unclean,
        )


def questions(
    catalogue: Catalogue, belongs: Sequence[tuple[str, ...]], keep: Sequence[int], purpose: str
) -> dict[str, pa.Table]:
    """The tables ``items``, ``bundles`` and ``paths``, which say nothing about people.

    Parameters
    ----------
    catalogue : Catalogue
    belongs : sequence of tuple of str
        The sensitive categories of each item, sorted.
    keep : sequence of int, microseconds
        How long rows of each item may be used.
    purpose : str
        What is asked.
    """
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
                "keep": pa.array(keep, pa.int64()),
            }
        ),
        "bundles": _table(asked, bundle=pa.int32(), target=pa.string(), needed=pa.int32()),
        "paths": _table(paths, target=pa.string(), node=pa.string(), grants=pa.int32()),
    }


def moments(judged: list[tuple[str, int, int]]) -> pa.Table:
    """The table ``moments``: of each a name, an instant and until when refusals and erasures count, in microseconds."""
    return _table(judged, moment=pa.string(), instant=pa.int64(), known_until=pa.int64())


def _table(rows: Sequence[tuple[object, ...]], **types: pa.DataType) -> pa.Table:
    """An Arrow table from rows."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(types.items(), columns, strict=True)})
