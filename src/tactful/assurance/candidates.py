"""What the journal says about models: who trained which bytes, who decided what about them, and so who is champion.

Every statement is a payload with the signature of whoever makes it (a candidate that nobody signed has none and can
never be approved). Nothing here looks at MLflow: a state is what replaying the journal gives.

The file is longer than most: what is written about a model and how it is read back are one format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.errors import JournalBrokenError, ModelRefusedError
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.signing import SignedDocument

KINDS = "model."
CANDIDATE, APPROVED, REJECTED = "model.candidate", "model.approved", "model.rejected"


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
        found = [each for each in self.candidates if _place(each.candidate) == wanted]
        return found[-1] if found else None

    def latest(self, entry: CandidateEntry) -> Decision | None:
        """The last decision about this candidate, or None."""
        found = self.about(entry)
        return found[-1] if found else None

    def about(self, entry: CandidateEntry) -> tuple[Decision, ...]:
        """Every decision about this candidate: the same name, number and bytes."""
        wanted = (entry.candidate.model, entry.candidate.version, entry.manifest_digest)
        return tuple(each for each in self.decisions if _subject(each) == wanted)

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


def record_candidate(
    records: Records,
    *,
    candidate: Candidate,
    manifest_digest: str,
    document_digests: Mapping[str, str],
    verdicts: Mapping[str, str],
    noise: str,
    trainer: Ed25519PrivateKey | None,
) -> Entry:
    """The journal says who trained this candidate, and which bytes and verdicts it has.

    Parameters
    ----------
    records : Records
    candidate : Candidate
    manifest_digest : str
        What `tactful.scoring.artifact.write_artifact` returned.
    document_digests : mapping of str to str
        SHA-256 of each document as it was logged, by file name.
    verdicts : mapping of str to str
        Fairness rule to ``pass``, ``fail`` or ``insufficient evidence``.
    noise : str
        ``system`` or ``reproducible``.
    trainer : Ed25519PrivateKey, optional
        Signs the statement. Without it the candidate can be looked at, and never approved.

    Privacy
    -------
    Reads: nothing about people. Returns: the entry. Costs: nothing.
    Assumes: the digests are of released documents, never of rows.
    """
    payload = {
        "schema": 1,
        "decision": "candidate",
        "model": candidate.model,
        "version": candidate.version,
        "run_id": candidate.run_id,
        "model_id": candidate.model_id,
        "manifest_digest": manifest_digest,
        "documents": dict(document_digests),
        "verdicts": dict(verdicts),
        "noise": noise,
    }
    signed = SignedDocument.sign(payload, trainer) if trainer else None
    unsigned: dict[str, Any] = {"payload": payload, "public_key": None, "signature": None}
    body = signed_body(signed) if signed else unsigned
    with records.transaction() as transaction:
        return transaction.append(CANDIDATE, body, actor=signed.public_key if signed else None)


def signed_body(document: SignedDocument) -> dict[str, Any]:
    """A signed statement as the body of an entry."""
    return {
        "payload": dict(document.payload),
        "public_key": document.public_key,
        "signature": document.signature,
    }


def replay(entries: Iterable[Entry]) -> Book:
    """The book that these entries give, in their order.

    Raises
    ------
    JournalBrokenError
        A statement does not carry the signature it claims, or is not about what its kind says.
    """
    candidates: list[CandidateEntry] = []
    decisions: list[Decision] = []
    for entry in entries:
        try:
            if entry.kind == CANDIDATE:
                candidates.append(_candidate(entry))
            elif entry.kind in {APPROVED, REJECTED}:
                decisions.append(_decision(entry))
        except (KeyError, TypeError, ValueError, ModelRefusedError) as error:
            raise _broken(entry) from error
    return Book(candidates=tuple(candidates), decisions=tuple(decisions))


def _candidate(entry: Entry) -> CandidateEntry:
    payload, key = entry.body["payload"], entry.body["public_key"]
    if key is not None:
        _verified(entry, "candidate")
    place = {name: payload[name] for name in ("model", "version", "run_id", "model_id")}
    facts = {name: payload[name] for name in ("manifest_digest", "documents", "verdicts", "noise")}
    return CandidateEntry(candidate=Candidate(**place), **facts, trainer=key, time=entry.time)


def _decision(entry: Entry) -> Decision:
    document = _verified(entry, entry.kind.removeprefix(KINDS))
    return Decision(document=document, name=entry.body["name"], time=entry.time)


def _verified(entry: Entry, decision: str) -> SignedDocument:
    fields = {name: entry.body[name] for name in ("payload", "public_key", "signature")}
    document = SignedDocument(**fields)
    document.verify()
    if document.payload["decision"] != decision or entry.actor != document.public_key:
        raise ValueError("the statement is of another kind, or another's")
    return document


def _broken(entry: Entry) -> JournalBrokenError:
    return JournalBrokenError(
        "every statement about a model carries the signature of whoever made it",
        given=f"that of entry {entry.sequence} ({entry.kind}) does not hold",
        do="Run `tactful journal verify` and restore the records from a copy",
    )


def _place(candidate: Candidate) -> tuple[str, str | None, str]:
    return candidate.model, candidate.version, candidate.model_id


def _subject(decision: Decision) -> tuple[str, str | None, str]:
    return decision.model, decision.version, str(decision.document.payload["manifest_digest"])


def _next_champion(champion: Decision | None, decision: Decision) -> Decision | None:
    if decision.approved:
        return decision
    ended = champion is not None and _subject(champion) == _subject(decision)
    return None if ended else champion
