"""What each training paid, against what its documents claim: the debits of the journal before the candidate.

A debit carries no signature, and names no candidate. So each candidate takes one debit for itself that was made before
it and whose releases come to the ε that its figures claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose

from tactful.assurance.candidates import CANDIDATE
from tactful.assurance.figures import Figures
from tactful.assurance.model_book import CandidateEntry
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.events import PARTITIONS, GaussianEvent
from tactful.records.journal import Entry, StoredEntry

DEBITED = "budget.debited"
_CLOSE = 0.02  # of ε: a plan spends its budget but for the samplers' slack


@dataclass(frozen=True, slots=True, kw_only=True)
class _Debit:
    sequence: int
    losses: tuple[PrivacyLoss, ...]

    def comes_to(self, epsilon: float, delta: float) -> bool:
        """Whether this is what the releases cost the people who lose most."""
        return isclose(max(loss.epsilon(delta) for loss in self.losses), epsilon, rel_tol=_CLOSE)


class Debits:
    """The debits of the journal, each to be taken by one candidate.

    Parameters
    ----------
    stored : sequence of StoredEntry
        The journal.
    """

    def __init__(self, stored: Sequence[StoredEntry]) -> None:
        entries = [entry for entry in map(_parsed, stored) if entry is not None]
        self._left = [found for found in map(_debit, entries) if found is not None]
        self._places = {_digest(entry): entry.sequence for entry in entries if entry.kind == CANDIDATE}

    def take(self, entry: CandidateEntry, figures: Figures) -> bool:
        """Whether a debit before this candidate comes to what its figures claim; it is nobody else's then."""
        place, claimed = self._places.get(entry.manifest_digest, 0), _claimed(figures.params)
        if claimed is None:
            return False
        found = next((each for each in self._left if each.sequence < place and each.comes_to(*claimed)), None)
        if found is not None:
            self._left.remove(found)
        return found is not None


def _parsed(row: StoredEntry) -> Entry | None:
    try:
        return row.parsed() if row.kind in {DEBITED, CANDIDATE} else None
    except (AttributeError, TypeError, ValueError):
        return None  # told where the journal itself is checked


def _debit(entry: Entry) -> _Debit | None:
    """The debit of an entry; None if it is none, or cannot be read."""
    try:
        events = [GaussianEvent.of_json(each) for each in entry.body["events"]] if entry.kind == DEBITED else []
    except (KeyError, TypeError, ValueError):
        return None
    parts = ([PrivacyLoss.of(each) for each in events if part in each.partitions] for part in PARTITIONS)
    return _Debit(sequence=entry.sequence, losses=tuple(map(PrivacyLoss.total, parts))) if events else None


def _digest(entry: Entry) -> str:
    payload = entry.body.get("payload")
    return str(payload.get("manifest_digest")) if isinstance(payload, Mapping) else ""


def _claimed(params: Mapping[str, str]) -> tuple[float, float] | None:
    """The ε and δ that figures claim; None where they claim none."""
    try:
        return float(params["epsilon"]), float(params["delta"])
    except (KeyError, ValueError):
        return None
