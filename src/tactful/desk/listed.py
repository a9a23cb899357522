"""What the suppression lists that tactful wrote say of one person, as a service that asks them is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tactful.desk.person import Desk, Person
from tactful.errors import SecretError
from tactful.personal.announced_lists import in_force
from tactful.personal.withdrawals import mark_erased
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.suppressions import Suppressions


def lists_written(records: Records) -> list[dict[str, Any]]:
    """The lists that the journal names, the last announcement of each path; the earliest path first."""
    return [dict(entries[-1].body) for entries in in_force(records).values()]


def lists_about(desk: Desk, person: Person) -> list[dict[str, Any]]:
    """Of each list whether a service that asks it now may profile the person.

    Notes
    -----
    **Privacy.** *Reads* the lists, with the key that services have. *Returns* one answer a list, for the person.
    *Costs* nothing. *Assumes* nothing.
    """
    return [_said(desk, person, entries) for entries in in_force(desk.records).values()]


def _said(desk: Desk, person: Person, entries: list[Entry]) -> dict[str, Any]:
    """What the list says that lies at a path: a service relies on one of those announced for it, or on none."""
    answers = list({_asked(each): _answer(desk, person, each) for each in entries}.values())
    return next((told for told in answers if told["may_be_profiled"]), answers[-1])


def _asked(entry: Entry) -> tuple[str, ...]:
    """What a service is set to that reads this list."""
    return tuple(str(entry.body[name]) for name in ("basis", "purpose", "signer"))


def _answer(desk: Desk, person: Person, entry: Entry) -> dict[str, Any]:
    """What a service is told that takes the list at the path for this one."""
    written = entry.body
    path = Path(str(written["path"]))
    told = {"place": str(path), "purpose": written["purpose"], "basis": written["basis"], "there": path.is_file()}
    try:
        asked = Suppressions(
            path,
            key=desk.keys.for_lists(),
            trusted_keys=str(written["signer"]),
            basis="objection" if written["basis"] == "objection" else "consent",
            purpose=str(written["purpose"]),
        )
    except SecretError:
        return told | {"may_be_profiled": False}
    return told | {"may_be_profiled": asked.allows(person.user_id)}


def take_off(desk: Desk, person: Person) -> tuple[list[str], list[str]]:
    """No service that reads a list of ours profiles the person again; the lists that say so, and those not reached.

    A list that is not reached is one that a service may still rely on, and whose folder is gone or cannot be written.

    Notes
    -----
    **Privacy.** *Reads* nothing about the person. *Returns* places. Beside each list lies the person's mark, for good;
    it says nothing without the key of lists. *Costs* nothing. *Assumes* what `tactful.scoring.withdrawn_marks` assumes;
    the person is marked as erased.
    """
    found = mark_erased(desk.records, desk.keys, person.user_id, now=desk.records.now)
    return [each.path for each in found if each.reached], [each.path for each in found if not each.reached]
