"""Consent events as records of ISO/IEC TS 27560, in JSON-LD with the Data Privacy Vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from tactful.personal.consent_formats.dpv import OURS, RECORD, STATE
from tactful.personal.consent_formats.linked import PREFIXES
from tactful.personal.times import in_utc

SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#record"
"""The version of the schema that the records conform to."""

_TYPES = {"given": "dpv:ConsentGiven", "refused": "dpv:ConsentRefused", "withdrawn": "dpv:ConsentWithdrawn"}
_FIELDS = {
    "recorded_time": "dct:dateSubmitted",
    "method": "dpv:hasIndicationMethod",
    "jurisdiction": "dpv:hasJurisdiction",
    "legal_basis": "dpv:hasLegalBasis",
    "data_categories": "dpv:hasPersonalData",
    "source": "dct:source",
    "record_id": "dct:identifier",
}


def document(events: pa.Table, *, common: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All events as one JSON-LD document, which is read back as ``dpv`` to the same verdicts of the gate.

    Parameters
    ----------
    events : pyarrow.Table
        With the contract's columns, as the consent store gives them.
    common : mapping, optional
        What holds for every record, e.g. ``dpv:hasDataController``.

    Notes
    -----
    **Privacy.** *Reads* consent events. *Returns* them with ids, for inside the boundary or the person themselves.
    *Costs* nothing. *Assumes* whoever gets it may see it.
    """
    return {"@context": dict(PREFIXES), "@graph": records(events, common=common)}


def records(events: pa.Table, *, common: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """A consent record for each person and purpose, with its events in the order of the table."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in events.to_pylist():
        found.setdefault((str(row["user_id"]), str(row.get("purpose") or "")), []).append(row)
    return [_record(user_id, purpose, rows, common or {}) for (user_id, purpose), rows in found.items()]


def _record(user_id: str, purpose: str, rows: list[dict[str, Any]], common: Mapping[str, Any]) -> dict[str, Any]:
    """One consent record."""
    number = str(uuid4())
    return {
        "@id": f"{RECORD}{number}",
        "@type": ["dpv:ConsentRecord"],
        "dct:conformsTo": SCHEMA,
        "dct:identifier": number,
        "dpv:hasDataSubject": {"@type": ["dpv:DataSubject"], "dct:identifier": user_id},
        **common,
        "dpv:hasProcess": [
            {
                "@type": ["dpv:Process"],
                "dpv:hasPurpose": [f"{OURS}{purpose}"],
                "dpv:hasConsentStatus": [_event(row) for row in rows],
            }
        ],
    }


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """One event of a consent."""
    state = str(row.get("state") or "").strip().lower()
    found: dict[str, Any] = {"@type": [_TYPES.get(state, "dpv:ConsentUnknown")]}
    if state not in _TYPES:
        found[STATE] = "unreadable"
    fields = {"event_time": "dpv:isIndicatedAtTime", **_FIELDS}
    found |= {theirs: text for ours, theirs in fields.items() if (text := _text(row.get(ours)))}
    until, version, language = (_text(row.get(name)) for name in ("valid_until", "notice_version", "language"))
    if until:
        found["dpv:hasDuration"] = {"@type": ["dpv:UntilTimeDuration"], "rdf:value": until}
    if version or language:
        notice = {"dct:hasVersion": version, "dct:language": language}
        found["dpv:hasNotice"] = {"@type": ["dpv:ConsentNotice"], **{k: text for k, text in notice.items() if text}}
    return found


def _text(value: object) -> str | None:
    """A cell as text; a time in ISO 8601."""
    if isinstance(value, datetime):
        return in_utc(value).isoformat()
    return None if value is None else str(value)
