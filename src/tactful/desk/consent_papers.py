"""Consents on paper: how everybody's stand, all that was said, and one person's receipts, each in a private file."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tactful.config import TrainingConfig
from tactful.desk.handing_out import check_place, write_private
from tactful.desk.person import Desk
from tactful.errors import NotFoundError
from tactful.personal.consent import is_asked
from tactful.personal.consent_formats.dpv_writing import document
from tactful.personal.consent_state import everybody
from tactful.personal.receipts import Processing, missing, receipt
from tactful.personal.source import Tabular
from tactful.records.reads import EXPORTED, note_export, note_read
from tactful.sources import STORE, as_tabular

STATES = (".csv", ".parquet")
EVENTS = (".jsonld", ".json")


def export(desk: Desk, out: Path, *, actor: str | None = None, force: bool = False) -> dict[str, int]:
    """A file tells of everybody: how each purpose stands (``.csv``, ``.parquet``), or every event (``.jsonld``).

    The first is judged by the consent gate, over the consent store and the consents that the configuration names; it
    tells of the purposes that tactful asks for. The second is the consent store as records of ISO/IEC TS 27560, which
    `tactful consent import --format dpv` reads.

    Parameters
    ----------
    desk : Desk
    out : Path
    actor : str, optional
        The public key of whoever does it.
    force : bool, default=False
        Whether a file that is there may be replaced.

    Returns
    -------
    dict of str to int
        How many people stand how, by ``purpose: state``; or how many ``events`` there are.

    Raises
    ------
    NotFoundError
        If nobody said anything.
    UsageError
        If the file cannot be written there.

    Notes
    -----
    **Privacy.** *Reads* all consents. *Returns* them with ids, in a file for its owner alone, which the journal names.
    *Costs* nothing. *Assumes* whoever asks answers for everybody's data.
    """
    check_place(out, force=force, suffixes=(*STATES, *EVENTS))
    note_read(desk.records, _EVERYBODY, purpose=_PURPOSE, actor=actor, sources=desk.names)
    content, counts = _states(desk, out.suffix) if out.suffix in STATES else _events(desk)
    note_export(desk.records, _EVERYBODY, place=str(out.resolve()), purpose=_PURPOSE, actor=actor)
    write_private(out, content, force=force)
    return counts


def receipts(desk: Desk, user_id: str, out: Path, *, actor: str | None = None, force: bool = False) -> list[str]:
    """A file holds one person's receipts, one for each purpose they spoke of; what the standard asks for and lacks.

    Parameters
    ----------
    desk : Desk
    user_id : str
    out : Path
        ``.jsonld`` or ``.json``.
    actor : str, optional
        The public key of whoever does it.
    force : bool, default=False
        Whether a file that is there may be replaced.

    Raises
    ------
    NotFoundError
        If the consent store holds nothing of this person.
    UsageError
        If it is no id, or the file cannot be written there.

    Notes
    -----
    **Privacy.** *Reads* what the consent store holds of the person. *Returns* it, in a file for that person. Where it
    lies stands in the journal, sealed under their key. *Costs* nothing. *Assumes* whoever asks is the person, or acts
    for them.
    """
    check_place(out, force=force, suffixes=EVENTS)
    person = desk.person(user_id)
    note_read(desk.records, "receipt", purpose="proof for one person", actor=actor, sources={"consents": [STORE]})
    events = desk.consents.events(user_ids=[user_id])
    if not len(events) or person.key is None:
        raise NotFoundError(
            "a receipt says what somebody said",
            given="the consent store holds nothing of this person",
            do="Check the id",
        )
    made = receipt(events, processing=_processing(desk.settings), now=desk.records.now)
    with desk.records.transaction() as transaction:
        sealed = person.key.seal({"path": str(out.resolve())})
        body = {"what": "receipt", "purpose": "proof for one person", "subject": person.key.tag, "sealed": sealed}
        transaction.append(EXPORTED, body, actor=actor)
    write_private(out, _json(made), force=force)
    return missing(made)


_EVERYBODY, _PURPOSE = "export of consents", "answering for consents"


def _states(desk: Desk, suffix: str) -> tuple[bytes, dict[str, int]]:
    """How each purpose stands for everybody, as the bytes of a file, and counts."""
    data = desk.settings.data if desk.settings else None
    consents: list[Tabular] = [] if data is None or data.consents is None else [as_tabular(data.consents, None)]
    if not desk.consents.empty:
        consents.append(desk.consents.events(evidence=False))
    if not consents:
        raise _nobody()
    found = everybody(
        consents=consents,
        subjects=as_tabular(data.subjects, None) if data and data.subjects else None,
        erased=desk.subjects.erased(),
        keys=desk.keys,
    )
    found = found.filter(pa.array(map(is_asked, found["purpose"].to_pylist()), pa.bool_()))
    stand = Counter(zip(found["purpose"].to_pylist(), found["state"].to_pylist(), strict=True))
    return _file(found, suffix), {f"{purpose}: {state}": n for (purpose, state), n in sorted(stand.items())}


def _events(desk: Desk) -> tuple[bytes, dict[str, int]]:
    """Every event of the store as the bytes of a file, and how many they are."""
    if desk.consents.empty:
        raise _nobody()
    events = desk.consents.events()
    return _json(document(events)), {"events": len(events)}


def _file(found: pa.Table, suffix: str) -> bytes:
    """A table as the bytes of a CSV or Parquet file."""
    sink = io.BytesIO()
    if suffix == ".csv":
        pyarrow.csv.write_csv(found, sink)
    else:
        pyarrow.parquet.write_table(found, sink)
    return sink.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    """Plain values as the bytes of a JSON file."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()


def _processing(settings: TrainingConfig | None) -> Processing:
    """What the business says of its processing, as far as it says it."""
    if settings is None:
        return Processing()
    told = settings.controller
    known = {name: text for name in ("name", "contact", "rights") if (text := getattr(told, name)) != "not stated"}
    return Processing(
        controller=known.get("name", ""),
        contact=known.get("contact", ""),
        retention_days=settings.policy.retention_days,
        recipients=tuple(told.recipients) or None,
        withdraw_at=known.get("rights", ""),
    )


def _nobody() -> NotFoundError:
    """The error where there is nothing to export."""
    return NotFoundError(
        "somebody must have said what they agree to",
        given="the consent store is empty, and no configuration names a table of consents",
        do="Run: tactful consent import FILE, or name a configuration with --config",
    )
