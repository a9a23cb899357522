"""One decision about one version of a model, as the journal holds it and a reviewer signed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tactful.scoring.signing import SignedDocument
from tactful.scoring.trust import Reviewers, Role

APPROVED, REJECTED, RETIRED = "approved", "rejected", "retired"
HALF_APPROVED = "half approved"
_ROLES: Mapping[str, Role] = {APPROVED: "approve", REJECTED: "reject", RETIRED: "retire"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer decided about one version, and signed.

    Parameters
    ----------
    document : SignedDocument
        What this reviewer signed; `published` is what the scoring side checks.
    name : str
        The reviewer's name when the decision was made; it is not signed.
    time : datetime, UTC
        When it was journalled.
    joined : tuple of Decision
        The approvals by others that count together with this one, the earliest first.
    resumed : bool
        Whether the decision stood in the journal before this call, which only finished showing it in MLflow.
    """

    document: SignedDocument
    name: str
    time: datetime
    joined: tuple[Decision, ...] = field(default=(), repr=False)
    resumed: bool = False

    @property
    def id(self) -> str:
        """The digest of what was signed; of an approval, what records of answers name."""
        return self.document.digest

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.document.payload["model"])

    @property
    def version(self) -> str:
        """The version, MLflow's number as text."""
        return str(self.document.payload["version"])

    @property
    def decision(self) -> str:
        """``approved``, ``rejected`` or ``retired``."""
        return str(self.document.payload["decision"])

    @property
    def approved(self) -> bool:
        """Whether it is an approval, be it one that others must join still; otherwise it ended the version."""
        return self.decision == APPROVED

    @property
    def sequence(self) -> int:
        """The number of the decision among all those about this model; it rises."""
        return int(self.document.payload["sequence"])

    @property
    def own_end(self) -> datetime:
        """From when on this reviewer's own approval no longer holds."""
        return datetime.fromisoformat(str(self.document.payload["expires_at"]))

    @property
    def expires_at(self) -> datetime:
        """From when on the approval, or the first of those that count together, no longer holds.

        For a rejection or a retirement, the moment it was made.
        """
        return min(each.own_end for each in (*self.joined, self))

    @property
    def signers(self) -> tuple[str, ...]:
        """The public keys of all whose approvals count together here, or of the one who ended the version."""
        return tuple(each.document.public_key for each in (*self.joined, self))

    @property
    def needed(self) -> int:
        """How many keys must sign; the most that any of those who signed was told."""
        return max(int(each.document.payload.get("approvals_needed", 1)) for each in (*self.joined, self))

    @property
    def missing(self) -> int:
        """How many more keys must sign before the approval counts; 0 for any other decision."""
        return max(0, self.needed - len(set(self.signers))) if self.approved else 0

    @property
    def not_counted(self) -> tuple[str, ...]:
        """The ids of rejections that this approval says nobody had a right to make."""
        return tuple(str(each) for each in self.document.payload.get("not_counted", ()))

    def by_one_who_may(self, reviewers: Reviewers) -> bool:
        """Whether its signer is a reviewer whose it is to decide so about the model."""
        return reviewers.may(self.document.public_key, _ROLES[self.decision], self.model)

    @property
    def rollback(self) -> bool:
        """Whether this, or an approval that it joins, was asked for as the way back to an earlier champion."""
        return any(each.document.payload.get("rollback") is True for each in (*self.joined, self))

    @property
    def status(self) -> str:
        """What the decision comes to: as `decision`, or ``half approved``."""
        return HALF_APPROVED if self.missing else self.decision

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all who signed, the last one last."""
        return tuple(each.name for each in (*self.joined, self))

    @property
    def why(self) -> str:
        """The reason; where several signed, each one's with the name."""
        if not self.joined:
            return str(self.document.payload["reason"])
        return "; ".join(f"{each.name}: {each.document.payload['reason']}" for each in (*self.joined, self))

    @property
    def published(self) -> SignedDocument:
        """What lies beside the manifest: the document, with those of the others whose approvals count with it."""
        return replace(self.document, beside=tuple(each.document for each in self.joined))

    def as_json(self) -> dict[str, Any]:
        """The decision as plain JSON."""
        payload = self.document.payload
        return {
            "model": self.model,
            "version": self.version,
            "status": self.status,
            "sequence": self.sequence,
            "approval_id": self.id,
            "who": self.name,
            "key": self.document.public_key,
            "when": self.time.isoformat(),
            "why": payload["reason"],
            "overrides": dict(payload["overrides"]),
            "expires_at": self.expires_at.isoformat() if self.approved else None,
            "approvals_needed": self.needed if self.approved else None,
            "missing": self.missing,
            "signed_by": list(self.names),
            "rollback": self.rollback,
            "resumed": self.resumed,
        }
