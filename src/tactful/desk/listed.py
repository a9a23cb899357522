"""What the suppression lists that tactful wrote say of one person, as a service that asks them is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tactful.desk.person import Desk, Person
from tactful.errors import SecretError, UsageError
from tactful.records.store import Records
from tactful.scoring.suppressions import Suppressions
from tactful.scoring.withdrawn_marks import append

WRITTEN = "suppressions.written"


def lists_written(records: Records) -> list[dict[str, Any]]:
    """The lists that the journal names, the last writing of each path; the earliest path first."""
    return list({str(entry.body["path"]): dict(entry.body) for entry in records.entries(WRITTEN)}.values())


def lists_about(desk: Desk, person: Person) -> list[dict[str, Any]]:
    """Of each list whether a service that asks it now may profile the person.

    Privacy
    -------
    Reads: the lists, with the key that services have.
    Returns: one answer a list, for the person.
    Costs: nothing.
    Assumes: nothing.
    """
    return [_said(desk, person, each) for each in lists_written(desk.records)]


def _said(desk: Desk, person: Person, written: dict[str, Any]) -> dict[str, Any]:
    """What one list says."""
    path = Path(str(written["path"]))
    told = {"place": str(path), "purpose": written["purpose"], "basis": written["basis"], "there": path.is_file()}
    try:
        asked = Suppressions(
            path,
            key=desk.keys.for_lists(),
            trusted_keys=str(written["signer"]),
            basis=written["basis"],
            purpose=str(written["purpose"]),
        )
    except SecretError:
        return told | {"may_be_profiled": False}
    return told | {"may_be_profiled": asked.allows(person.user_id)}


def take_off(desk: Desk, person: Person) -> tuple[list[str], list[str]]:
    """Services that read a list of ours profile the person no more; the lists that say so, and those not reached.

    A list that cannot be reached is one whose folder is gone or cannot be written.

    Privacy
    -------
    Reads: nothing about the person.
    Returns: places. Beside each list lies the person's mark, which says nothing without the key of lists.
    Costs: nothing.
    Assumes: what `tactful.scoring.withdrawn_marks` assumes.
    """
    told: list[str] = []
    missed: list[str] = []
    for each in lists_written(desk.records):
        path = str(each["path"])
        try:
            append(path, desk.keys.marks([person.user_id]), desk.records.now())
            told.append(path)
        except UsageError:
            missed.append(path)
    return told, missed
