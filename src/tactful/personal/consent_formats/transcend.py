"""Transcend's consent preferences as CSV.

Columns, as Transcend's own command line declares them (github.com/transcend-io/cli,
``ManagedConsentDatabaseConsentPreference``): ``userId`` and ``timestamp``; optionally ``purposes``, a JSON object of
purpose to ``true``, ``false`` or ``"Auto"``; ``confirmed``, whether the person decided, or it follows from defaults;
``updated``, ``prompted``, and ``usp``, a US Privacy string whose third character is ``Y`` where sale was opted out of.

Notes
-----
- What is not confirmed is no answer, and ``"Auto"`` is the default of a region: neither is an event.
- Where it is not said whether it was confirmed, a yes does not count and a no does.
- The purpose ``SaleOfInfo`` with ``false``, an opt-out in ``usp``, and a column or purpose named for Global Privacy
  Control are objection signals.
- ``purposes`` that cannot be read refuse everything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tactful.errors import SchemaError, columns_given
from tactful.personal.consent_formats import files
from tactful.personal.consent_formats.mapping import PurposeMapping, is_signal
from tactful.personal.consent_formats.sayings import Sayings, id_in, is_on, nameless, said

_USP_LENGTH = 4


def read(path: Path, mapping: PurposeMapping, sayings: Sayings) -> None:
    """Every row of the file has been taken into `sayings`.

    Raises
    ------
    SchemaError
        If it is no CSV, lacks ``userId`` or ``timestamp``, or a row names nobody.
    """
    who = mapping.user_id or "userId"
    header, rows = files.csv_rows(path)
    missing = [column for column in (who, "timestamp") if column not in header]
    if missing or not {"purposes", "usp"} & set(header):
        raise SchemaError(
            f"{path.name} has the columns {who}, timestamp and purposes",
            given=columns_given(header, (who, "timestamp", "purposes", "confirmed", "updated", "prompted", "usp")),
            do="Export it with these, or name another format",
        )
    for place, row in enumerate(rows, 2):
        user_id = id_in(row[who])
        if user_id is None:
            raise nameless(path.name, place, "row")
        _take(user_id, row, sayings)


def _take(user_id: str, row: dict[str, str], sayings: Sayings) -> None:
    """One row."""
    at, confirmed = row["timestamp"], row.get("confirmed", "").strip().lower()
    told = {"source": "transcend"}
    signals = [name for name, cell in row.items() if is_signal(name) and is_on(cell)]
    if signals or _sale_opted_out(row.get("usp", "")):
        sayings.objects(user_id, at, **told)
    elif confirmed == "false":
        sayings.silent += 1
    if confirmed == "false":
        return
    purposes = _purposes(row.get("purposes", ""))
    if purposes is None:
        sayings.cannot_be_read(user_id, at, **told)
        return
    for theirs, value in purposes.items():
        if value == "Auto" or (value is True and confirmed != "true"):
            sayings.silent += 1
        elif is_signal(theirs):
            if _objects(theirs, value):
                sayings.objects(user_id, at, **told)
        else:
            sayings.says(user_id, theirs, said(value), at, **told)


def _purposes(cell: str) -> dict[str, Any] | None:
    """The purposes of a cell; None if they cannot be read."""
    try:
        found = json.loads(cell) if cell.strip() else {}
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _objects(theirs: str, value: object) -> bool:
    """Whether a signal among the purposes says no: the sale of data is refused by a no, the others are on or off."""
    return value is not True if "sale" in theirs.lower() else is_on(value)


def _sale_opted_out(usp: str) -> bool:
    """Whether a US Privacy string (version, notice, opt-out of sale, LSPA) says that sale was opted out of."""
    text = usp.strip().upper()
    return len(text) == _USP_LENGTH and text[2] == "Y"
