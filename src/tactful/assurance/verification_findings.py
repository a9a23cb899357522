"""What a verification found: each mismatch by a name that stays, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tactful.errors import TactfulError

_RETRAIN = "Find out who changed it; train again and have that reviewed, or restore it from a copy"
_RECORDS = "Find out who can write to the records, and restore them from a copy"
_RESTORE = "Find out who can write to MLflow, and restore the decision: decide anew with `tactful approve` or `reject`"
_FINISH = "If a command was interrupted, give it again: it finishes. Else find out who can write to MLflow"

REVIEWERS_MISSING = "reviewers_missing"
"""That nobody said whose decisions count: something that was not checked, and nothing that was altered."""

NAMES: Mapping[str, str] = {
    "alias_missing": _FINISH,
    "alias_moved": _FINISH,
    "alias_unexpected": "Find out who set it, and remove the alias",
    "approval_altered": _RESTORE,
    "approval_expired": "Review the model again and approve it anew, or approve another version",
    "approval_missing": _FINISH,
    "approval_not_latest": _FINISH,
    "approval_unexpected": "Serve nothing of it: find out where the decision comes from",
    "approvals_too_few": "Have another reviewer approve it",
    "array_added": _RETRAIN,
    "array_altered": _RETRAIN,
    "array_missing": _RETRAIN,
    "artifact_missing": "Restore MLflow's files from a copy, or train again",
    "artifact_unusable": _RETRAIN,
    "debit_missing": _RECORDS,
    "document_added": "Find out who added it: no reviewer had it when the model was trained",
    "document_altered": _RETRAIN,
    "document_missing": "Restore it from a copy: its digest in the journal tells the right one",
    "environment_altered": "Do not let MLflow install what it names; restore the file, or train again",
    "figure_added": "Find out who added it: it is no figure of the training",
    "figure_differs": "Believe the report, whose digest is in the journal; find out who changed the figure",
    "head_missing": _RECORDS,
    "journal_behind": _RECORDS,
    "journal_chain_broken": _RECORDS,
    "journal_cut_off": "Restore the newest copy of the records; if that was done: tactful journal accept --reason TEXT",
    "journal_replaced": "Restore the records; if that was done: tactful journal accept --reason TEXT",
    "journal_row_edited": _RECORDS,
    "journal_row_missing": _RECORDS,
    "journal_statement_invalid": _RECORDS,
    "journal_unreadable": _RECORDS,
    "logged_model_differs": _RETRAIN,
    "logged_model_missing": "Restore MLflow from a copy, or train again",
    "manifest_altered": _RETRAIN,
    "mlflow_unreachable": "Start the MLflow server, or set MLFLOW_TRACKING_URI to the right store, and verify again",
    "mlmodel_altered": _RETRAIN,
    "model_missing": "Restore MLflow from a copy, or train again",
    "name_differs": "If the reviewer was renamed, note it; else find out who can write to the records or to that file",
    "rejection_ignored": "Serve nothing of it: it stays rejected; find out who approved it past the checks",
    REVIEWERS_MISSING: "Give --trusted-keys FILE, or set TACTFUL_TRUSTED_KEYS",
    "run_deleted": "Restore the run in MLflow, before it is purged",
    "run_differs": _RETRAIN,
    "run_missing": "Restore MLflow from a copy, or train again",
    "signer_not_reviewer": "Have a listed reviewer decide, or correct the list: those who left stay, with fewer roles",
    "status_differs": _FINISH,
    "tag_added": "Find out who added it, and remove the tag: nothing that tactful found out says so",
    "tag_differs": "If a command was interrupted, give it again. Else believe the journal, and find out who changed it",
    "time_differs": _RECORDS,
    "version_missing": "Restore MLflow from a copy, or train again",
    "version_unknown": "Serve nothing of it: no training that the journal knows made it",
}
"""Every name that a mismatch can have, and what to do about it. Programs rely on the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that is not as the journal says.

    Attributes
    ----------
    name : str
        One of `NAMES`.
    version : str or None
        The version it is about; None if it is about the journal or the whole model.
    what : str
        What was found, in words.
    """

    name: str
    version: str | None
    what: str

    @property
    def do(self) -> str:
        """What to do about it."""
        return NAMES[self.name]

    def as_json(self) -> dict[str, Any]:
        """The mismatch as plain values."""
        return {"name": self.name, "version": self.version, "what": self.what, "do": self.do}


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was checked and what was found so far."""

    checked: dict[str, int] = field(default_factory=dict)
    mismatches: list[Mismatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """So many more of these were checked."""
        self.checked[what] = self.checked.get(what, 0) + number

    def add(self, name: str, what: str, *, version: str | None = None) -> None:
        """One more mismatch; the same one is told once."""
        found = Mismatch(name=name, version=version, what=what)
        if name not in NAMES:
            raise KeyError(name)
        if found not in self.mismatches:
            self.mismatches.append(found)

    def note(self, text: str) -> None:
        """Something that a reader should know and that is no mismatch."""
        if text not in self.notes:
            self.notes.append(text)


def said(error: Exception) -> str:
    """What went wrong, without what another library put into its message."""
    return error.given if isinstance(error, TactfulError) else f"it gave {type(error).__name__}"
