"""Fides' consent history, as CSV or JSON.

Two shapes, as Fides' own schemas declare them (github.com/ethyca/fides, ``ConsentReportingSchema`` and
``ConsentReport``):

- its consent report: ``request_timestamp``; ``preference``: ``opt_in``, ``opt_out``, ``acknowledge`` or ``tcf``; the
  notice, as ``notice_key`` or ``notice_name``; ``email``, ``external_id`` or ``fides_user_device_id``; ``method``,
  where ``gpc`` is Global Privacy Control; ``user_geography``, ``request_origin``, ``privacy_notice_history_id``,
  ``id``;
- its older consent requests: ``data_use``, ``opt_in`` (true or false), ``has_gpc_flag``, ``identity``, ``updated_at``.

JSON is a list of such records, or a page ``{"items": […]}``.

Notes
-----
- A purpose that a record does not name gets nothing from it: Fides leaves out what nobody answered.
- ``acknowledge`` says that a notice was seen, not that anything was agreed to. A ``tcf`` preference counts as a purpose
  named ``tcf``, which is to be mapped or ignored.
- A record that was made by Global Privacy Control, or while it was on, refuses, also where the person then said yes.
- The person is who ``external_id`` names, else ``email``, unless the mapping says which. Records with neither are of a
  device, and nobody's here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tactful.errors import SchemaError, columns_given
from tactful.personal.consent_formats import files
from tactful.personal.consent_formats.mapping import PurposeMapping
from tactful.personal.consent_formats.sayings import UNREADABLE, Sayings, id_in, is_on, nameless

_TIMES = ("request_timestamp", "updated_at", "created_at")
_PURPOSES = ("notice_key", "notice_name", "data_use")
_KNOWN = (*_TIMES, *_PURPOSES, "preference", "opt_in", "method", "external_id", "email", "identity", "has_gpc_flag")
_STATES = {"opt_in": "given", "opt_out": "refused", "true": "given", "false": "refused"}
_FIELDS = {
    "method": "method",
    "user_geography": "jurisdiction",
    "request_origin": "source",
    "privacy_notice_history_id": "notice_version",
    "id": "record_id",
}


def read(path: Path, mapping: PurposeMapping, sayings: Sayings) -> None:
    """Every record of the file has been taken into `sayings`.

    Raises
    ------
    SchemaError
        If it is neither CSV nor JSON of one of the two shapes, or a record names somebody in no readable way.
    """
    for place, record in enumerate(_records(path), 1):
        if not isinstance(record, dict):
            raise nameless(path.name, place, "record")
        given = _whom(record, mapping)
        user_id = id_in(given)
        if user_id is not None:
            _take(user_id, record, sayings)
        elif given in (None, ""):
            sayings.anonymous += 1
        else:
            raise nameless(path.name, place, "record")


def _records(path: Path) -> Iterable[Any]:
    """The records of the file."""
    if path.suffix == ".csv":
        header, rows = files.csv_rows(path)
        _check_shape(path, header)
        return rows
    found = files.whole_json(path)
    items = found.get("items") if isinstance(found, dict) else found
    if not isinstance(items, list):
        raise SchemaError(
            f"{path.name} is a list of records, or a page with `items`", given="it is neither", do="Export it again"
        )
    return _shaped(path, items)


def _shaped(path: Path, items: list[Any]) -> Iterator[Any]:
    """The records, each with the fields of one."""
    for item in items:
        if isinstance(item, dict):
            _check_shape(path, list(item))
        yield item


def _check_shape(path: Path, names: list[str]) -> None:
    """Raise `SchemaError` unless the names are those of a record of consent."""
    if not ({"preference", "opt_in"} & set(names) and set(_TIMES) & set(names)):
        raise SchemaError(
            f"a record of {path.name} has preference or opt_in, and a time",
            given=columns_given(names, _KNOWN),
            do="Export Fides' consent report, or name another format",
        )


def _whom(record: dict[str, Any], mapping: PurposeMapping) -> object:
    """The identifier of a record."""
    identity = record.get("identity")
    named = {**(identity if isinstance(identity, dict) else {}), **record}
    chosen = (mapping.user_id,) if mapping.user_id else ("external_id", "email")
    return next((named[name] for name in chosen if named.get(name) not in (None, "")), None)


def _take(user_id: str, record: dict[str, Any], sayings: Sayings) -> None:
    """One record of somebody."""
    at = _first(record, _TIMES)
    told = {ours: record.get(theirs) for theirs, ours in _FIELDS.items()}
    preference = str(_first(record, ("preference", "opt_in"))).strip().lower()
    if str(record.get("method")).strip().lower() == "gpc" or is_on(record.get("has_gpc_flag")):
        sayings.objects(user_id, at, **told | {"method": "gpc"})
        preference = "opt_out"
    if preference == "acknowledge":
        sayings.silent += 1
        return
    theirs = "tcf" if preference == "tcf" else _first(record, _PURPOSES)
    if isinstance(theirs, str) and theirs.strip():
        sayings.says(user_id, theirs.strip(), _STATES.get(preference, UNREADABLE), at, **told)
    else:
        sayings.cannot_be_read(user_id, at, **told)


def _first(record: dict[str, Any], names: tuple[str, ...]) -> object:
    """The first of these fields that a record fills."""
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)
