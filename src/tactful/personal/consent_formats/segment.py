"""Segment's events with a consent object, one JSON object on each line.

Fields, as Segment documents them (twilio.com/docs/segment/privacy/consent-management/consent-in-segment-connections,
and segment/connections/spec/common): ``userId``; ``context.consent.categoryPreferences``, an object of category to
``true`` or ``false``; ``timestamp``, when it happened; ``receivedAt``, when Segment had it; ``messageId``.

Notes
-----
- Any kind of event may carry the object; "Segment Consent Preference Updated" is the one that is sent for its sake.
- Events without it, which Segment lets flow to every destination, say nothing here and are counted.
- Events with an ``anonymousId`` alone are nobody's, unless the mapping names ``user_id = "anonymousId"``.
- ``gpc``, ``globalPrivacyControl`` or ``Sec-GPC`` in the context or the consent object is an objection signal.
- A category whose value is neither true nor false is refused; categories that cannot be read refuse everything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tactful.personal.consent_formats import files
from tactful.personal.consent_formats.mapping import PurposeMapping, is_signal
from tactful.personal.consent_formats.sayings import Sayings, id_in, is_on, nameless, said


def read(path: Path, mapping: PurposeMapping, sayings: Sayings) -> None:
    """Every event of the file has been taken into `sayings`.

    Raises
    ------
    SchemaError
        If a line is no JSON object, or an event with something to say of consent names nobody it could name.
    """
    who = mapping.user_id or "userId"
    for place, event in files.json_lines(path):
        if event is None:
            raise nameless(path.name, place, "line")
        given = event.get(who)
        user_id = id_in(given)
        if user_id is not None:
            _take(user_id, event, sayings)
        elif given in (None, ""):
            sayings.anonymous += 1
        elif _consent(event) is None:
            sayings.silent += 1
        else:
            raise nameless(path.name, place, "line")


def _take(user_id: str, event: dict[str, Any], sayings: Sayings) -> None:
    """One event of somebody."""
    context, consent = _context(event), _consent(event)
    at = event.get("timestamp") or event.get("originalTimestamp") or event.get("receivedAt")
    told = {"recorded_time": event.get("receivedAt"), "record_id": event.get("messageId"), "source": "segment"}
    places = [part for part in (context, consent) if isinstance(part, dict)]
    if any(is_signal(name) and is_on(value) for part in places for name, value in part.items()):
        sayings.objects(user_id, at, **told)
    if consent is None:
        sayings.silent += 1
        return
    preferences = consent.get("categoryPreferences", {}) if isinstance(consent, dict) else None
    if not isinstance(preferences, dict):
        sayings.cannot_be_read(user_id, at, **told)
        return
    sayings.silent += not preferences
    for category, value in preferences.items():
        _prefers(user_id, category, value, at, told, sayings)


def _prefers(user_id: str, category: str, value: object, at: object, told: dict[str, Any], sayings: Sayings) -> None:
    """One preference."""
    if not is_signal(category):
        sayings.says(user_id, category, said(value), at, **told)
    elif value is not True if "sale" in category.lower() else is_on(value):
        sayings.objects(user_id, at, **told)


def _context(event: dict[str, Any]) -> dict[str, Any]:
    """The context of an event."""
    context = event.get("context")
    return context if isinstance(context, dict) else {}


def _consent(event: dict[str, Any]) -> object:
    """The consent object of an event, None if it has none."""
    return _context(event).get("consent")
