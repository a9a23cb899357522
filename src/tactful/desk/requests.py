"""What the journal holds about one person: what was recorded and asked about them, opened with their own key.

Most entries bear the person's tag. That of an erasure bears none, so that nothing leads from the record of erased
people to what else the journal tells of them; it is theirs if their key opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tactful.errors import SecretError
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.records.subjects import SubjectKey

_WORDS = {
    "consent.recorded": "Consents of yours were recorded",
    "consent.withdrawn": "You withdrew a consent",
    "consent.given": "You gave a consent",
    "subject.exported": "A file with what is held about you was made",
    "subject.impact": "It was looked up which models your data were in",
    "subject.erasing": "Your erasure began",
    "subject.erased": "You were erased",
    "data.exported": "A file with data of yours was written",
    "suppressions.marked": "Services were told that you withdrew",
}
_UNTAGGED = ("consent.recorded", "subject.erasing")


def entries_about(records: Records, key: SubjectKey | None) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Every entry about one person, with what was sealed in it.

    Notes
    -----
    **Privacy.** *Reads* the journal, and with the person's key what is sealed for them. *Returns* what it says of them,
    for them or whoever answers to them. *Costs* nothing. *Assumes* nothing.
    """
    if key is None:
        return
    for entry in records.entries():
        if entry.body.get("subject") == key.tag:
            yield entry, _opened(key, entry.body.get("sealed"))
        elif entry.kind in _UNTAGGED and (opened := _opened(key, entry.body.get("sealed"))):
            yield entry, opened


def requests_of(records: Records, key: SubjectKey | None) -> list[dict[str, Any]]:
    """What was recorded and asked about one person, as plain values; the earliest first."""
    return [
        {
            "time": entry.time.isoformat(),
            "kind": entry.kind,
            "what": _WORDS.get(entry.kind, entry.kind),
            "details": opened,
        }
        for entry, opened in entries_about(records, key)
    ]


def _opened(key: SubjectKey, sealed: object) -> dict[str, Any]:
    """What was sealed; nothing where it does not open."""
    try:
        return key.open(sealed) if isinstance(sealed, str) else {}
    except (SecretError, ValueError):
        return {}
