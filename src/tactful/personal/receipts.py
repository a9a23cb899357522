"""Consent receipts: what a person takes away as proof of what they agreed to, refused and withdrew.

A receipt is a copy of the consent record, as ISO/IEC TS 27560:2023 allows, with a number of its own and the version of
its schema; written with the Data Privacy Vocabulary, one receipt for each consent (person and purpose). What the
standard asks for and nobody told is left out and named by `missing`: a receipt that guesses would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from tactful.errors import UsageError
from tactful.personal.consent_formats import dpv_writing
from tactful.personal.consent_formats.linked import PREFIXES
from tactful.personal.times import in_utc, utc_now

SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt-record"
"""The version of the schema that a receipt conforms to."""

_RECORD = ("dct:identifier", "dct:conformsTo", "dpv:hasDataSubject", "dpv:hasProcess")
_PARTIES = {
    "dpv:hasDataController": "pii controllers",
    "dpv:hasPersonalData": "pii information",
    "dpv:hasStorageCondition": "storage location and retention period",
    "dpv:hasRecipient": "recipient third parties",
    "dpv:hasWithdrawalMethod": "withdrawal method",
}
_EVENT = {
    "dpv:isIndicatedAtTime": "event time",
    "dpv:hasNotice": "privacy notice and its language",
    "dpv:hasJurisdiction": "jurisdiction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What a business says of its processing, for every receipt.

    Attributes
    ----------
    controller : str
        Who answers for the data.
    contact : str
        How to reach them.
    personal_data : tuple of str
        Categories of data.
    retention_days : int or None, days
        How long data may be used.
    locations : tuple of str
        Where it is stored.
    recipients : tuple of str or None
        Who else receives it; an empty tuple says that nobody does.
    withdraw_at : str
        How to withdraw.
    """

    controller: str = ""
    contact: str = ""
    personal_data: tuple[str, ...] = ()
    retention_days: int | None = None
    locations: tuple[str, ...] = ()
    recipients: tuple[str, ...] | None = None
    withdraw_at: str = ""

    def terms(self) -> dict[str, Any]:
        """What is known of it, in the vocabulary."""
        stored: list[dict[str, Any]] = []
        if self.retention_days is not None:
            period = {"@type": ["dpv:TemporalDuration"], "rdf:value": f"P{self.retention_days}D"}
            stored.append({"@type": ["dpv:StorageDuration"], "dpv:hasDuration": period})
        stored += [{"@type": ["dpv:StorageLocation"], "dpv:hasLocation": place} for place in self.locations]
        name = {"dpv:hasName": self.controller, "dpv:hasContact": self.contact}
        found: dict[str, Any] = {
            "dpv:hasDataController": {"@type": ["dpv:DataController"], **{k: v for k, v in name.items() if v}},
            "dpv:hasPersonalData": list(self.personal_data),
            "dpv:hasStorageCondition": stored,
            "dpv:hasWithdrawalMethod": self.withdraw_at,
        }
        known = {term: value for term, value in found.items() if value}
        if not self.controller:
            del known["dpv:hasDataController"]
        return known | ({"dpv:hasRecipient": list(self.recipients)} if self.recipients is not None else {})


def receipt(
    events: pa.Table,
    *,
    processing: Processing | None = None,
    now: Callable[[], datetime] = utc_now,
    numbers: Callable[[], object] = uuid4,
) -> dict[str, Any]:
    """The receipts of one person, one for each consent, as one JSON-LD document.

    Parameters
    ----------
    events : pyarrow.Table
        What one person said, with the contract's columns.
    processing : Processing, optional
        What the business says of its processing.
    now : callable returning a datetime, optional
        The clock.
    numbers : callable, optional
        Gives the number of each receipt.

    Raises
    ------
    UsageError
        If the events are of several people.

    Notes
    -----
    **Privacy.** *Reads* the events of one person. *Returns* them with their id, for that person. *Costs* nothing;
    nothing leaves. *Assumes* whoever hands it out knows whom to.
    """
    if len(set(events["user_id"].to_pylist())) > 1:
        raise UsageError("a receipt is about one person", given="the events are of several", do="Choose one person's")
    made = in_utc(now()).isoformat(timespec="seconds")
    records = dpv_writing.records(events, common=(processing or Processing()).terms())
    return {"@context": dict(PREFIXES), "@graph": [_receipt(record, str(numbers()), made) for record in records]}


def missing(document: Mapping[str, Any]) -> list[str]:
    """What ISO/IEC TS 27560 asks of these receipts and they do not say; empty if they say all of it.

    Raises
    ------
    UsageError
        If it is no document of receipts at all.
    """
    receipts = document.get("@graph")
    if not isinstance(receipts, list) or any("dpv:ConsentReceipt" not in each.get("@type", ()) for each in receipts):
        raise UsageError("receipts are dpv:ConsentReceipt nodes", given="others are there", do="Make them anew")
    found = [lack for each in receipts for lack in (*_lacks(each, ("dct:identifier", "dct:conformsTo")), *_of(each))]
    return list(dict.fromkeys(found))


def _receipt(record: dict[str, Any], number: str, made: str) -> dict[str, Any]:
    """One receipt around its record."""
    return {
        "@id": f"urn:uuid:{number}",
        "@type": ["dpv:ConsentReceipt"],
        "dct:identifier": number,
        "dct:conformsTo": SCHEMA,
        "dct:created": made,
        "dct:hasPart": [record],
    }


def _of(found: Mapping[str, Any]) -> list[str]:
    """What the records of a receipt lack."""
    lacks: list[str] = []
    for record in found.get("dct:hasPart", []):
        lacks += _lacks(record, _RECORD)
        lacks += [name for term, name in _PARTIES.items() if term not in record]
        events = [e for process in record.get("dpv:hasProcess", []) for e in process.get("dpv:hasConsentStatus", [])]
        lacks += [name for event in events for term, name in _EVENT.items() if term not in event]
        lacks += ["an event"] * (not events)
    return lacks


def _lacks(node: Mapping[str, Any], terms: Sequence[str]) -> list[str]:
    """Which of these terms a node does not have."""
    return [term for term in terms if not node.get(term)]
