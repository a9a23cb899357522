"""What one person agreed to: how each purpose stands now by the consent gate, what they said, and what changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from tactful.catalogue import Catalogue
from tactful.desk.deciding_event import deciding
from tactful.desk.dossier_rows import Judging, tables_of
from tactful.desk.impact import impact
from tactful.desk.person import Desk, Person
from tactful.desk.standing import asked_about, standing
from tactful.errors import TactfulError
from tactful.personal.policy import Policy
from tactful.records.reads import note_read

TRAINING = "personalization.training"
_SHOWN = (
    "purpose",
    "state",
    "event_time",
    "recorded_time",
    "valid_until",
    "stored_time",
    "notice_version",
    "method",
    "legal_basis",
    "jurisdiction",
    "language",
)
"""What is shown of an event. Its own number and its source may name the person, so they are in the dossier alone."""
_REASONS = {
    "no_record": "nothing was said that bears on it",
    "refused": "a refusal of it, of what it is part of, or a record that cannot be read",
    "withdrawn": "withdrawn, by itself or with what it is part of",
    "expired": "what was given has ended, or gives something else",
    "minor": "flagged as a minor",
    "erased": "erased",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsentStanding:
    """What one person agreed to. Exact, for inside the trust boundary.

    Attributes
    ----------
    purposes : mapping of str to mapping
        Of each purpose its ``state``, ``since``, ``until`` and ``reason``; where it is refused, withdrawn or expired,
        also ``by`` which event.
    history : tuple of mapping
        What they said, in the order in which it happened, without their id.
    erased : bool
    problems : tuple of str
        What could not be read.
    """

    purposes: dict[str, dict[str, Any]]
    history: tuple[dict[str, Any], ...]
    erased: bool
    problems: tuple[str, ...]

    def __repr__(self) -> str:
        return "ConsentStanding(one person)"

    @property
    def given(self) -> list[str]:
        """The purposes that are in force now."""
        return [name for name, told in self.purposes.items() if told["state"] == "given"]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "purposes": self.purposes,
            "events": len(self.history),
            "history": list(self.history),
            "erased": self.erased,
            "problems": list(self.problems),
        }


def consent_standing(desk: Desk, user_id: str, *, actor: str | None = None) -> ConsentStanding:
    """How each purpose stands for a person; the journal says that it was looked up.

    Parameters
    ----------
    desk : Desk
    user_id : str
    actor : str, optional
        The public key of whoever does it.

    Raises
    ------
    UsageError
        If it is no id.

    Notes
    -----
    **Privacy.** *Reads* the person's consents and flags, in the consent store and in the tables that the desk knows.
    *Returns* what they said and how it stands, for them or whoever answers to them. *Costs* nothing. *Assumes* one id
    is one person.
    """
    judging = _judging(desk, user_id, actor)
    training = desk.settings.model.purpose if desk.settings else TRAINING
    history = _in_order(judging)
    return ConsentStanding(
        purposes=_purposes(judging, history, asked_about(judging, training)),
        history=history,
        erased=judging.person.erased_at is not None,
        problems=tuple(each.problem for each in judging.held if each.problem),
    )


def one_standing(desk: Desk, user_id: str, purpose: str, *, actor: str | None = None) -> dict[str, Any]:
    """How one purpose stands for a person, as in `ConsentStanding.purposes`; the journal says that it was looked up.

    Notes
    -----
    **Privacy.** As `consent_standing`.
    """
    judging = _judging(desk, user_id, actor)
    return _purposes(judging, _in_order(judging), [purpose])[purpose]


def _judging(desk: Desk, user_id: str, actor: str | None) -> Judging:
    """What the gate is asked with: what the person said, read now."""
    person = desk.person(user_id)
    tables = [table for table in desk.tables if table.role in ("consents", "subjects")]
    named = {role: desk.names[role] for role in ("consents", "subjects")}
    note_read(desk.records, "status", purpose="consent of one person", actor=actor, sources=named)
    return Judging(
        desk=desk, person=person, held=desk.held(person, tables), catalogue=_NO_ITEMS, policy=desk.policy or _NO_POLICY
    )


def _purposes(judging: Judging, history: Sequence[Mapping[str, Any]], asked: list[str]) -> dict[str, dict[str, Any]]:
    """How purposes stand now, by name."""
    now = judging.desk.records.now()
    return {each["purpose"]: _told(each, history, now) for each in standing(judging, asked)}


def _in_order(judging: Judging) -> tuple[dict[str, Any], ...]:
    """What the person said, in the order in which it happened."""
    return tuple(sorted(_history(judging), key=lambda event: str(event.get("event_time") or "")))


def models_of(desk: Desk, person: Person) -> tuple[list[dict[str, Any]], str | None]:
    """The models that a person's rows were in, with their ε; or why that cannot be said. Nothing is journalled here."""
    try:
        return [each.as_json() for each in impact(desk, person).models], None
    except TactfulError as error:
        return [], str(error)


def is_known(desk: Desk, person: Person) -> bool:
    """Whether tactful, or a table that it knows, holds anything of this person, or a record of erased people does."""
    return person.key is not None or person.erased_at is not None or any(len(each) for each in desk.held(person))


_NO_ITEMS = Catalogue(item_ids=np.array([], dtype=str), titles=np.array([], dtype=str), features={})
_NO_POLICY = Policy(retention_days=1)


def _told(found: dict[str, Any], history: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """How a purpose stands, in the words of consent events."""
    state = str(found["state"])
    given = state == "allowed"
    if state in ("refused", "withdrawn", "expired"):
        by, since = deciding(history, str(found["purpose"]), state, now)
        return {"state": state, "since": since, "until": None, "reason": _REASONS[state], "by": by and dict(by)}
    return {
        "state": "given" if given else state,
        "since": found["since"],
        "until": found["until"],
        "reason": None if given else _REASONS.get(state, state),
    }


def _history(judging: Judging) -> Iterator[dict[str, Any]]:
    """Each event that the tables hold, without the person."""
    for table in tables_of(judging.held, "consents"):
        for row in table.to_pylist():
            yield {name: row[name] for name in _SHOWN if row.get(name) is not None}
