"""A small world for approval: a checkerboard artifact, a trainer, two reviewers, and an empty MLflow store to copy."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_world import checkerboard, meta
from tactful.assurance.approval import Decision, approve, record_candidate, reject, retire, rollback
from tactful.assurance.candidates import Candidate, signed_body
from tactful.assurance.registry import Registry
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.artifact import write_artifact
from tactful.scoring.signing import Purpose, SignedDocument, new_key, public_text, write_private
from tactful.scoring.trust import Reviewers

DOCUMENTS = {
    "report.html": "<!doctype html><title>Report</title>\n",
    "model_card.md": "# Card\n",
    "privacy_statement.yaml": "epsilon: 5.0\n",
    "consent_manifest.yaml": "people: 1200.5\n",
    "config.toml": "model = 'tiny'\n",
}
PASSES = {"ndcg_by_age": "pass", "recall_by_age": "pass"}


def empty_store(folder: Path) -> Path:
    """An MLflow database with its tables and no models: making them takes seconds."""
    Registry(f"sqlite:///{folder / 'mlflow.db'}")
    return folder / "mlflow.db"


@dataclass(kw_only=True)
class World:
    """One store, one journal, three people; each test has a model name of its own, as scoring remembers sequences."""

    folder: Path
    registry: Registry
    records: Records
    trainer: Ed25519PrivateKey
    reviewers: Reviewers
    model: str = field(default_factory=lambda: f"tiny-{uuid.uuid4().hex[:8]}")

    @classmethod
    def make(cls, folder: Path, registry: Registry) -> World:
        """Three people and an empty journal in a folder, with a registry that other worlds may share."""
        names = {}
        for name in ("Ada", "Grace", "Trainer"):
            key = new_key()
            write_private(key, folder / f"{name}.pem")
            names[public_text(key)] = name
        return cls(
            folder=folder,
            registry=registry,
            records=Records.open(f"sqlite:///{folder / 'records.db'}"),
            trainer=key,
            reviewers=Reviewers(names=names),
        )

    def key(self, name: str) -> Path:
        """The file of a person's private key."""
        return self.folder / f"{name}.pem"

    def reviewers_file(self) -> Path:
        """The reviewers as services read them."""
        found = self.reviewers
        text = f"approval_valid_days = {found.approval_valid_days}\napprovals_needed = {found.approvals_needed}\n"
        for model, needed in found.needed_for.items():
            text += f'[models."{model}"]\napprovals_needed = {needed}\n'
        for key, name in found.names.items():
            text += f'[[reviewer]]\nname = "{name}"\npublic_key = "{key}"\n'
            text += f"roles = {sorted(found.roles[key])}\n" if key in found.roles else ""
            text += f"models = {sorted(found.models[key])}\n" if key in found.models else ""
        path = self.folder / "reviewers.toml"
        path.write_text(text)
        return path

    def log(self, *, signed: bool = True, **changes: Any) -> tuple[Candidate, str]:
        """A candidate in MLflow, and the digest of its manifest; the journal does not know it yet."""
        artifact = self.folder / uuid.uuid4().hex / self.model
        trainer = public_text(self.trainer) if signed else None
        facts = meta(self.model, created=artifact.parent.name, trainer=trainer)
        digest = write_artifact(artifact, checkerboard(), meta=facts)
        given: dict[str, Any] = {
            "model": self.model,
            "artifact": artifact,
            "documents": DOCUMENTS,
            "params": {"epsilon": 5.0, "delta": 1e-6},
            "metrics": {"ndcg@10": 0.21, "people": 1200.5},
            "tags": {"noise": "system", "verdict.ndcg_by_age": "pass"},
        }
        return self.registry.log_candidate(**(given | changes)), digest

    def train(
        self,
        *,
        verdicts: Mapping[str, str] = PASSES,
        noise: str = "system",
        signed: bool = True,
        register: bool = True,
    ) -> Candidate:
        """A candidate in MLflow and in the journal."""
        tags = {"noise": noise, **{f"verdict.{rule}": status for rule, status in verdicts.items()}}
        candidate, digest = self.log(register=register, signed=signed, tags=tags)
        trainer = self.trainer if signed else None
        self.record(candidate, digest, verdicts=verdicts, noise=noise, trainer=trainer)
        return candidate

    def record(self, candidate: Candidate, digest: str, **changes: Any) -> Entry:
        """The journal knows the candidate."""
        documents = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in DOCUMENTS.items()}
        given: dict[str, Any] = {"verdicts": PASSES, "noise": "system", "trainer": self.trainer} | changes
        return record_candidate(
            self.records, candidate=candidate, manifest_digest=digest, document_digests=documents, **given
        )

    def write(self, kind: str, payload: Mapping[str, Any], key: Ed25519PrivateKey, **body: Any) -> Entry:
        """Somebody who can write to the database, and has this key, adds a statement past all checks."""
        purpose: Purpose = "candidate" if kind == "model.candidate" else "approval"
        document = SignedDocument.sign(payload, key, purpose=purpose)
        with self.records.transaction() as transaction:
            return transaction.append(kind, {**signed_body(document), **body}, actor=document.public_key)

    def approve(self, version: str | None = "1", *, by: str = "Ada", **changes: Any) -> Decision:
        """A reviewer approves."""
        given = {"reason": "fit for its purpose", "overrides": {}, "reviewers": self.reviewers} | changes
        return approve(self.records, self.registry, self.model, str(version), key=self.key(by), **given)

    def reject(self, version: str | None = "1", *, by: str = "Ada", **changes: Any) -> Decision:
        """A reviewer rejects."""
        given = {"reason": "serves one group worse", "reviewers": self.reviewers} | changes
        return reject(self.records, self.registry, self.model, str(version), key=self.key(by), **given)

    def retire(self, version: str | None = "1", *, by: str = "Ada", **changes: Any) -> Decision:
        """A reviewer retires."""
        given = {"reason": "replaced by a better one", "reviewers": self.reviewers} | changes
        return retire(self.records, self.registry, self.model, str(version), key=self.key(by), **given)

    def rollback(self, *, by: str = "Ada", **changes: Any) -> Decision:
        """A reviewer goes back to the champion before."""
        given = {"reason": "the new one repeats itself", "overrides": {}, "reviewers": self.reviewers} | changes
        return rollback(self.records, self.registry, self.model, key=self.key(by), **given)

    def published(self, version: str = "1") -> str:
        """The decision beside the manifest, as MLflow holds it."""
        path = self.registry.artifact_folder(self.model, version) / "approval.json"
        return path.read_text() if path.exists() else ""

    def kinds(self) -> list[str]:
        """What the journal holds, by kind."""
        return [entry.kind for entry in self.records.entries()]
