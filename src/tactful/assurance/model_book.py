"""What the journal says about models, as values: candidates, decisions about them, and so who is champion.

A book is what replaying the journal gives (`tactful.assurance.candidates.replay`); nothing here reads or writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tactful.scoring.signing import SignedDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Where MLflow keeps what one training run made.

    Parameters
    ----------
    model : str
        Name of the registered model.
    version : str or None
        MLflow's number as text; None if a gate refused the run, which is then shown and not registered.
    run_id, model_id : str
        MLflow's ids of the run and of the logged model.
    """

    model: str
    version: str | None
    run_id: str
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateEntry:
    """A candidate as the journal holds it.

    Parameters
    ----------
    candidate : Candidate
    manifest_digest : str
        Of the artifact.
    documents : mapping of str to str
        File name to SHA-256, in hexadecimal digits.
    verdicts : mapping of str to str
        Fairness rule to ``pass``, ``fail`` or ``insufficient evidence``.
    noise : str
        ``system`` or ``reproducible``.
    trainer : str or None
        The public key that signed this, or None.
    time : datetime, UTC
    """

    candidate: Candidate
    manifest_digest: str
    documents: Mapping[str, str]
    verdicts: Mapping[str, str]
    noise: str
    trainer: str | None
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer decided about one version, and signed.

    Parameters
    ----------
    document : SignedDocument
        What the scoring side checks.
    name : str
        The reviewer's name when the decision was made; it is not signed.
    time : datetime, UTC
        When it was journalled.
    resumed : bool
        Whether the decision stood in the journal before this call, which only finished showing it in MLflow.
    """

    document: SignedDocument
    name: str
    time: datetime
    resumed: bool = False

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.document.payload["model"])

    @property
    def version(self) -> str:
        """The version, MLflow's number as text."""
        return str(self.document.payload["version"])

    @property
    def approved(self) -> bool:
        """Whether it is an approval; otherwise it is a rejection."""
        return bool(self.document.payload["decision"] == "approved")

    @property
    def sequence(self) -> int:
        """The number of the decision among all those about this model; it rises."""
        return int(self.document.payload["sequence"])

    @property
    def expires_at(self) -> datetime:
        """From when on the approval no longer holds; for a rejection, the moment it was made."""
        return datetime.fromisoformat(str(self.document.payload["expires_at"]))

    def as_json(self) -> dict[str, Any]:
        """The decision as plain JSON."""
        payload = self.document.payload
        return {
            "model": self.model,
            "version": self.version,
            "status": payload["decision"],
            "sequence": self.sequence,
            "who": self.name,
            "key": self.document.public_key,
            "when": self.time.isoformat(),
            "why": payload["reason"],
            "overrides": dict(payload["overrides"]),
            "expires_at": payload["expires_at"] if self.approved else None,
            "resumed": self.resumed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All candidates and decisions, in the order of the journal."""

    candidates: tuple[CandidateEntry, ...] = field(repr=False)
    decisions: tuple[Decision, ...] = field(repr=False)

    def candidate(self, model: str, version: str, model_id: str) -> CandidateEntry | None:
        """The entry about exactly what MLflow holds under this number.

        MLflow's numbers start again in a new store, so the id of the logged model must agree too.
        """
        wanted = (model, version, model_id)
        return next((each for each in self.candidates if _place(each.candidate) == wanted), None)

    def knows(self, candidate: Candidate, manifest_digest: str) -> bool:
        """Whether a candidate was recorded already: this logged model, or these bytes of the model."""
        return any(
            each.candidate.model_id == candidate.model_id
            or (each.candidate.model, each.manifest_digest) == (candidate.model, manifest_digest)
            for each in self.candidates
        )

    def subject(self, decision: Decision) -> CandidateEntry | None:
        """The candidate that a decision is about: the same name, number and bytes."""
        wanted = _subject(decision)
        return next((each for each in self.candidates if _bytes(each) == wanted), None)

    def latest(self, entry: CandidateEntry) -> Decision | None:
        """The last decision about this candidate, or None."""
        found = self.about(entry)
        return found[-1] if found else None

    def about(self, entry: CandidateEntry) -> tuple[Decision, ...]:
        """Every decision about this candidate: the same name, number and bytes."""
        return tuple(each for each in self.decisions if _subject(each) == _bytes(entry))

    def champions(self, model: str) -> tuple[Decision | None, ...]:
        """Who was champion after each decision about the model, oldest first.

        Rejecting the champion leaves no champion until a reviewer approves again: that an earlier version was good once
        is no decision to go back to it.
        """
        states: list[Decision | None] = []
        for each in self.decisions:
            if each.model == model:
                states.append(_next_champion(states[-1] if states else None, each))
        return tuple(states)

    def champion(self, model: str) -> Decision | None:
        """The approval that counts now; None if there was none, or the champion was rejected since."""
        return next(reversed(self.champions(model)), None)

    def champion_before(self, model: str) -> Decision | None:
        """The last champion that was another version than the one now."""
        now = self.champion(model)
        earlier = [each for each in self.champions(model) if each and not (now and _subject(each) == _subject(now))]
        return earlier[-1] if earlier else None

    def next_sequence(self, model: str) -> int:
        """The number for the next decision about this model, above every one before."""
        return 1 + max((each.sequence for each in self.decisions if each.model == model), default=0)


def _place(candidate: Candidate) -> tuple[str, str | None, str]:
    return candidate.model, candidate.version, candidate.model_id


def _bytes(entry: CandidateEntry) -> tuple[str, str | None, str]:
    return entry.candidate.model, entry.candidate.version, entry.manifest_digest


def _subject(decision: Decision) -> tuple[str, str | None, str]:
    return decision.model, decision.version, str(decision.document.payload["manifest_digest"])


def _next_champion(champion: Decision | None, decision: Decision) -> Decision | None:
    if decision.approved:
        return decision
    ended = champion is not None and _subject(champion) == _subject(decision)
    return None if ended else champion
