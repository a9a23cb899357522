"""One reviewer about to decide on one version: who they are, what they may, and what they sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.assurance.approval_checks import refuse
from tactful.assurance.approval_showing import asking
from tactful.assurance.candidates import KINDS, replay, signed_body
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.records.store import Records, Transaction
from tactful.scoring.signing import SignedDocument, load_private, public_text
from tactful.scoring.trust import Reviewers, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A reviewer whose it is to decide so, and the version as MLflow shows it.

    Parameters
    ----------
    key : Ed25519PrivateKey
    reason : str
        Why, in words.
    reviewers : Reviewers
    now : datetime, with zone
    shown : RegisteredVersion
    """

    key: Ed25519PrivateKey
    reason: str
    reviewers: Reviewers
    now: datetime
    shown: RegisteredVersion

    @classmethod
    def open(
        cls,
        records: Records,
        registry: Registry,
        model: str,
        version: str,
        *,
        role: Role,
        key: Path,
        reason: str,
        reviewers: Reviewers,
        now: datetime | None,
    ) -> Case:
        """The case of whoever holds the key.

        Raises
        ------
        ApprovalRefusedError
            There is no reason, the key is no reviewer's, or it is not this reviewer's to decide so about the model.
        NotFoundError
            MLflow knows no such model or version.
        UsageError
            The key cannot be read, or MLflow does not answer.
        """
        private, reason = load_private(key), reason.strip()
        if not reason:
            refuse("a decision has a reason", given="it was empty", do="Say why in a sentence")
        public = public_text(private)
        if public not in reviewers.keys:
            refuse(
                "a decision is a listed reviewer's",
                given=f"this key is not listed{reviewers.listed}",
                do="Have a listed reviewer decide",
            )
        if not reviewers.may(public, role, model):
            refuse(
                "reviewers decide what their roles and models allow",
                given=f"it is not {reviewers.names[public]}'s to {role} {model}",
                do="Have another reviewer decide, or change the reviewers' file",
            )
        with asking():
            shown = registry.version(model, version)
        return cls(key=private, reason=reason, reviewers=reviewers, now=now or records.now(), shown=shown)

    @property
    def reviewer(self) -> str:
        """The public key of whoever decides."""
        return public_text(self.key)

    @property
    def needed(self) -> int:
        """How many reviewers must approve the model now."""
        return self.reviewers.needed(self.shown.model)

    def known(self, transaction: Transaction) -> tuple[Book, CandidateEntry]:
        """What the journal says of all models, and of this candidate.

        Raises
        ------
        ApprovalRefusedError
            It does not know the candidate.
        """
        book = replay(transaction.entries(KINDS))
        entry = book.candidate(self.shown.model, self.shown.version, self.shown.model_id)
        if entry is None:
            refuse(
                "a decision is about a candidate that the journal knows",
                given="its training was never recorded there",
                do="Use the records that it was trained with, or train it again with these",
            )
        return book, entry

    def payload(self, book: Book, entry: CandidateEntry, decision: str, **more: Any) -> dict[str, Any]:
        """What is signed: the subject with all that was on record about it, the decision, its number and the reason."""
        return {
            "schema": 1,
            "model": self.shown.model,
            "version": self.shown.version,
            "run_id": entry.candidate.run_id,
            "manifest_digest": entry.manifest_digest,
            "documents": dict(entry.documents),
            "verdicts": dict(entry.verdicts),
            "sequence": book.next_sequence(self.shown.model),
            "decision": decision,
            "reason": self.reason,
            "approved_at": "",
            "expires_at": self.now.isoformat(),
            "overrides": {},
            **more,
        }

    def journal(
        self, transaction: Transaction, payload: Mapping[str, Any], joined: tuple[Decision, ...] = ()
    ) -> Decision:
        """The payload is signed and in the journal, durable when the transaction ends."""
        document, name = SignedDocument.sign(payload, self.key), self.reviewers.names[self.reviewer]
        kind = f"{KINDS}{payload['decision']}"
        entry = transaction.append(kind, {**signed_body(document), "name": name}, actor=self.reviewer)
        return Decision(document=document, name=name, time=entry.time, joined=joined)
