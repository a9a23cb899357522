"""Consent records of ISO/IEC TS 27560 as JSON-LD with the Data Privacy Vocabulary (DPV).

Terms, as the W3C community group's guide maps them (w3id.org/dpv/guides/consent-27560): a ``dpv:ConsentRecord`` has
``dpv:hasDataSubject``; it or its ``dpv:hasProcess`` has ``dpv:hasPurpose`` and ``dpv:hasConsentStatus``, each status
with a type such as ``dpv:ConsentGiven``, ``dpv:isIndicatedAtTime`` and perhaps ``dpv:hasDuration``, ``dpv:hasNotice``,
``dpv:hasIndicationMethod``. Older records have events under ``dct:hasPart`` with ``dct:date``. Short and whole names
are read, one record, a list, or an ``@graph``; references inside the document are followed, none outside it.

=============================================================  ==========================
status                                                         here
=============================================================  ==========================
ConsentGiven, RenewedConsentGiven                              given
ConsentRefused                                                 refused
ConsentWithdrawn, ConsentRevoked, ConsentExpired,              withdrawn
ConsentInvalidated
ConsentRequested, ConsentRequestDeferred, ConsentUnknown       nothing
any other                                                      cannot be read, so refuses
=============================================================  ==========================

Notes
-----
A purpose of tactful's own, as it exports them (``urn:tactful:purpose:…``), needs no mapping. A status of a whole record
counts for the purposes of all its processes. A status that is told without a time sums up the events beside it, if the
last of them says the same; else the gate cannot order it, and it refuses. A consent ends as its status says, else its
process, else its record. A duration that cannot be read, or one of two, has passed.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.errors import SchemaError
from tactful.personal.consent_formats import files, linked
from tactful.personal.consent_formats.linked import Linked
from tactful.personal.consent_formats.mapping import PurposeMapping, is_signal
from tactful.personal.consent_formats.sayings import UNREADABLE, Sayings, id_in, nameless

RECORD = "urn:tactful:consent:"
"""What the address of a record that tactful exported begins with: its number is the export's, not the event's."""

OURS = "urn:tactful:purpose:"
"""What a purpose of tactful's own begins with."""

STATE = "urn:tactful:state"
"""The key under which a state that DPV has no word for is exported."""

_STATES = {
    "dpv:ConsentGiven": "given",
    "dpv:RenewedConsentGiven": "given",
    "dpv:ConsentRefused": "refused",
    "dpv:ConsentWithdrawn": "withdrawn",
    "dpv:ConsentRevoked": "withdrawn",
    "dpv:ConsentExpired": "withdrawn",
    "dpv:ConsentInvalidated": "withdrawn",
}
_SILENT = {"dpv:ConsentRequested", "dpv:ConsentRequestDeferred", "dpv:ConsentUnknown"}
_DURATIONS = {f"dpv:{kind}Duration" for kind in ("Endless", "UntilTime", "Temporal", "UntilEvent", "FixedOccurences")}
_DEEPEST = 5
_TIMES = ("dpv:isIndicatedAtTime", "dct:date")
_PARTS = ("dct:hasPart", "dpv:hasPart")
_PERIOD = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?"
)


def read(path: Path, _: PurposeMapping, sayings: Sayings) -> None:
    """Every consent record of the file has been taken into `sayings`.

    Raises
    ------
    SchemaError
        If it is no JSON or holds no consent record, or a record does not name its data subject.
    """
    records = linked.nodes(files.whole_json(path), kind="dpv:ConsentRecord")
    if not records:
        raise SchemaError(
            f"{path.name} holds nodes of the type dpv:ConsentRecord", given="it holds none", do="Name another format"
        )
    for place, record in enumerate(records, 1):
        assert isinstance(record, Linked)  # noqa: S101 (for mypy)
        user_id = id_in(linked.text(record.one("dpv:hasDataSubject")))
        if user_id is None:
            raise nameless(path.name, place, "record")
        _take(user_id, record, sayings)


def _take(user_id: str, record: Linked, sayings: Sayings) -> None:
    """One record."""
    spoke = False
    for chain in _chains([record], 0):
        for status in _statuses(chain):
            spoke = True
            _say(user_id, [*chain, status], sayings)
    if not spoke:
        sayings.cannot_be_read(user_id, None, record_id=_field([record], "dct:identifier", "dpv:hasIdentifier"))


def _chains(chain: list[Linked], depth: int) -> Iterator[list[Linked]]:
    """A record alone, and with each of its processes and theirs: what an outer one says holds for inner ones."""
    yield chain
    for process in chain[-1].all("dpv:hasProcess") if depth < _DEEPEST else ():
        if isinstance(process, Linked):
            yield from _chains([*chain, process], depth + 1)


def _statuses(chain: list[Linked]) -> list[Linked]:
    """The events of the innermost: those with a time, and a status without one that does not just sum these up."""
    node = chain[-1]
    given = node.all("dpv:hasConsentStatus")
    found = [each if isinstance(each, Linked) else Linked({"@type": each}, {}) for each in given]
    events = [part for part in node.all(*_PARTS[:1]) + node.all(*_PARTS[1:]) if isinstance(part, Linked)]
    events = [part for part in events if linked.kinds(part) & (set(_STATES) | _SILENT)]
    timed = [*events, *(each for each in found if each.one(*_TIMES) is not None)]
    sums_up = _last_states(timed) if events else set()
    alone = [each for each in found if each.one(*_TIMES) is None]
    return [*timed, *(each for each in alone if {_state(each)} != sums_up or "dpv:hasDuration" in each)]


def _last_states(events: list[Linked]) -> set[str | None]:
    """What the last of the events say, several if they are of one time; nothing if a time cannot be read."""
    spoken = [(_time(linked.text(each.one(*_TIMES))), _state(each)) for each in events]
    times = [time for time, state in spoken if state is not None and time is not None]
    if len(times) < sum(state is not None for _, state in spoken):
        return set()
    last = max(times, default=None)
    return {state for time, state in spoken if state is not None and time == last}


def _time(text: str | None) -> datetime | None:
    """The time in a text, in UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _kinds(status: Linked) -> set[str]:
    """The types of a status; of a bare reference, what it refers to."""
    named = status.get("@id")
    return linked.kinds(status) or ({linked.short(named)} if isinstance(named, str) else set())


def _say(user_id: str, chain: list[Linked], sayings: Sayings) -> None:
    """One event: who said it, of what, when."""
    state, at = _state(chain[-1]), linked.text(chain[-1].one(*_TIMES))
    if state is None:
        sayings.silent += 1
        return
    told = _told(chain)
    about = _purposes(chain)
    for purpose, within in about or [(None, chain)]:
        told["valid_until"] = _until(within, at) if state == "given" else None
        if purpose is None:
            sayings.cannot_be_read(user_id, at, **told)
        elif purpose.startswith(OURS):
            sayings.puts(user_id, (purpose.removeprefix(OURS),), state, at, **told)
        else:
            sayings.says(user_id, purpose, state, at, **told)
    if state != "given" and is_signal(str(told["method"])) and not all(str(p).startswith(OURS) for p, _ in about):
        sayings.objects(user_id, at, **told)


def _purposes(chain: list[Linked]) -> list[tuple[str | None, list[Linked]]]:
    """What an event is about, and within what: its process and what that stands in, else all processes below."""
    found = [(linked.text(each), chain) for node in chain for each in node.all("dpv:hasPurpose")]
    if found:
        return found
    below = [[*chain[:-2], *inner, chain[-1]] for outer in chain[-2:-1] for inner in _chains([outer], 0)]
    return [(linked.text(each), inner) for inner in below for each in inner[-2].all("dpv:hasPurpose")]


def _state(status: Linked) -> str | None:
    """What a status is here; None if it says nothing. Among several the one that refuses counts."""
    if STATE in status:
        return UNREADABLE
    named = {kind for kind in _kinds(status) if "Status" in kind or kind in _SILENT or kind in _STATES}
    states = {_STATES.get(kind, UNREADABLE) for kind in named - _SILENT}
    if not states:
        return None if named else UNREADABLE
    return next(state for state in (UNREADABLE, "withdrawn", "refused", "given") if state in states)


def _told(chain: list[Linked]) -> dict[str, Any]:
    """The further fields of an event: what it says itself, else what its process or record says."""
    notice = next((found for node in reversed(chain) if isinstance(found := node.one("dpv:hasNotice"), Linked)), None)
    ours = str(chain[0].get("@id", "")).startswith(RECORD)
    near = [*chain, notice] if notice is not None else chain
    return {
        "recorded_time": _field(chain[-1:], "dct:dateSubmitted"),
        "notice_version": _field([notice], "dct:hasVersion", "dpv:hasIdentifier", "@id")
        if notice is not None
        else None,
        "language": _field(near, "dct:language"),
        "jurisdiction": _field(chain, "dpv:hasJurisdiction"),
        "method": _field(chain[-1:], "dpv:hasIndicationMethod", "dpv:isExercisedAt"),
        "legal_basis": _field(chain, "dpv:hasLegalBasis"),
        "data_categories": _field(chain, "dpv:hasPersonalData"),
        "source": _field(chain, "dct:source"),
        "record_id": _field(chain[-1:] if ours else chain, "dct:identifier", "dpv:hasIdentifier"),
    }


def _field(chain: list[Linked], *keys: str) -> str | None:
    """The text under one of the keys, in the innermost that has it; several are joined by bars."""
    for node in reversed(chain):
        texts = [found for value in node.all(*keys) if (found := linked.text(value))]
        if texts:
            return "|".join(texts)
    return None


def _until(chain: list[Linked], at: str | None) -> str | None:
    """When the consent ends, by the nearest that says so; a duration without a type is a period or seconds."""
    told = ([each for each in node.all("dpv:hasDuration") if each is not None] for node in reversed(chain))
    durations = next((found for found in told if found), [])
    if len(durations) > 1:
        return UNREADABLE
    duration = next(iter(durations), None)
    node = duration if isinstance(duration, Linked) else Linked({"rdf:value": duration}, {})
    named, value = linked.kinds(node) & _DURATIONS, node.one("rdf:value")
    if duration is None or "dpv:EndlessDuration" in named:
        return None
    if "dpv:UntilTimeDuration" in named:
        return str(value)
    return (_after(at, value) if named <= {"dpv:TemporalDuration"} else None) or UNREADABLE


def _after(at: str | None, period: Any) -> str | None:
    """The time so much later: a period such as ``P6M``, or seconds."""
    begins = _time(at)
    if begins is None:
        return None
    try:
        if isinstance(period, int | float) and not isinstance(period, bool):
            return (begins + timedelta(seconds=period)).isoformat()
        found = _PERIOD.fullmatch(str(period))
        if found is None or not any(found.groups()):
            return None
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        ends = _months_later(begins, 12 * years + months)
        return (ends + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)).isoformat()
    except (ValueError, OverflowError):
        return None


def _months_later(begins: datetime, months: int) -> datetime:
    """The same day so many months later, or the last of its month."""
    year, month = divmod(begins.year * 12 + begins.month - 1 + months, 12)
    day = min(begins.day, calendar.monthrange(year, month + 1)[1])
    return begins.replace(year=year, month=month + 1, day=day)
