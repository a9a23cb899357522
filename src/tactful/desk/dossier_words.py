"""The words of a dossier: what codes mean, said to the person whom it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tactful.personal.consent import SENSITIVE
from tactful.personal.one_person import UNREADABLE

_PURPOSES = {
    "personalization": "Personalisation as a whole",
    "personalization.training": "Teaching recommendations to a model",
    "personalization.recommendations": "Recommending to you from your own history",
    "fairness": "Checking and correcting fairness",
    "fairness.assessment": "Checking that groups of people are served equally well",
    "fairness.mitigation": "Correcting it where groups are not served equally well",
}

OUTCOMES: Mapping[str, str] = {
    "admitted": "may be used",
    "malformed": "not used: it cannot be read, or is dated in the future",
    "unknown_item": "not used: this item is not in the catalogue",
    "erased": "not used: you were erased",
    "minor": "not used: you are flagged as a minor",
    "no_record": "not used: you did not say that you agree",
    "refused": "not used: you refused",
    "withdrawn": "not used: you withdrew your consent",
    "expired": "not used: your consent has ended",
    "before_grant": "not used: it is older than your consent",
    "retention_expired": "not used: it is too old",
    "sensitive_category": "not used: it is of a sensitive category that you did not opt in to",
}

STATES: Mapping[str, str] = {
    "allowed": "You agree",
    "refused": "You refused",
    "withdrawn": "You withdrew your consent",
    "expired": "Your consent has ended",
    "no_record": "You were not asked, or did not answer: this counts as no",
    "minor": "No, since you are flagged as a minor",
    "erased": "No, since you were erased",
}

ROLES: Mapping[str, str] = {
    "trained on": "Your history was among those that taught it.",
    "used to judge": "Your history was among those that it was measured with. It taught the model nothing.",
    "not known": "Whether your history was in it is not known.",
    "not used": "Your history was not in it.",
}

_STATUS = {
    "candidate": "Nobody has approved it; it serves nobody.",
    "refused": "It was refused when it was made, and serves nobody.",
    "half approved": "It waits for a second approval and serves nobody yet.",
    "rejected": "It was rejected and serves nobody.",
    "retired": "It was retired and serves nobody any more.",
    "expired": "Its approval has ended; it serves nobody any more.",
    "no model": "No model came of it.",
}


NOT_TOLD = "What it recommends to you is not told here: it did not answer when this page was made."
NOT_JUDGED = "What each entry may be used for is not told here: that could not be found out when this page was made."


def next_words(*, erased: bool) -> str:
    """What happens next with what was learned."""
    later = (
        "Later trainings leave you out."
        if erased
        else "Each later training asks again whether you agree, and uses your history only while you do."
    )
    return (
        f"{later} What a model has learned cannot be taken out of it again; the bound says how little it can tell "
        "about you. A model is in use only until its approval ends or a newer one takes its place."
    )


def purpose_words(purpose: str) -> str:
    """What a purpose means, or the purpose itself."""
    if purpose.startswith(f"{SENSITIVE}."):
        return f"Using what you did with things about {purpose.removeprefix(f'{SENSITIVE}.').replace('_', ' ')}"
    return _PURPOSES.get(purpose, purpose)


def said(state: str | None, purpose: str | None) -> str:
    """What one record of consent says."""
    did = {"given": "You agreed", "refused": "You refused", "withdrawn": "You withdrew your consent"}
    what = purpose_words(purpose) if purpose else "no purpose is named, which counts as a no to everything"
    return f"{did.get((state or '').lower(), f'Unclear ({state}), which counts as a no')}: {what}"


def status_words(model: Mapping[str, Any]) -> str:
    """What became of a model."""
    until = model.get("approved_until")
    if model["champion"]:
        return f"It recommends to people now, until {day(until)} at the latest."
    if model["status"] == "approved":
        return f"It was approved, until {day(until)}; another version recommends now."
    return _STATUS.get(model["status"], str(model["status"]))


def day(time: str | None) -> str:
    """A day as people write it."""
    if not time or time == UNREADABLE:
        return "a time that cannot be read" if time else "–"
    moment = datetime.fromisoformat(time)
    return f"{moment.day} {moment:%B %Y}"


def minute(time: str | None) -> str:
    """A time to the minute, in UTC."""
    if not time or time == UNREADABLE:
        return "unreadable" if time else "–"
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M}"


def month(time: str | None) -> str:
    """The month that a row belongs to."""
    if not time or time == UNREADABLE:
        return "Without a readable time"
    return f"{datetime.fromisoformat(time):%B %Y}"
