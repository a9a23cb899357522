"""A person decides: a candidate is approved or rejected, for a reason, under a signature.

The journal entry is durable first and carries the signed decision; only then is the decision shown in MLflow
(``approval.json`` beside the manifest, the tag ``status``, and last the alias ``champion``). If showing it fails,
calling again finishes it and decides nothing anew.

Notes
-----
A key stands for a person, but nothing here can see that two keys belong to one person: who is listed as a reviewer is
for the organisation to decide. A rejection ends what loads from the registry; a copy of the artifact that was taken
while the approval held goes on loading elsewhere until that approval expires.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.assurance.candidates import (
    APPROVED,
    KINDS,
    REJECTED,
    Book,
    CandidateEntry,
    Decision,
    record_candidate,
    replay,
    signed_body,
)
from tactful.assurance.registry import RegisteredVersion, Registry
from tactful.errors import ApprovalRefusedError, ModelRefusedError, NotFoundError, UsageError
from tactful.records.store import Records, Transaction
from tactful.scoring.artifact import read_artifact
from tactful.scoring.recommender import Recommender
from tactful.scoring.signing import SignedDocument, load_private, public_text
from tactful.scoring.trust import Reviewers

__all__ = ["Decision", "approve", "history", "record_candidate", "reject"]


def approve(
    records: Records,
    registry: Registry,
    model: str,
    version: str,
    *,
    key: Path,
    reason: str,
    overrides: Mapping[str, str],
    reviewers: Reviewers,
    now: datetime | None = None,
) -> Decision:
    """The version is champion: journalled and signed, and shown so in MLflow.

    Approving an earlier version again is how to go back to it, and approving the champion after its approval ended
    renews it; each is a new decision with a higher number.

    Parameters
    ----------
    records : Records
    registry : Registry
    model, version : str
    key : Path
        File of the reviewer's private key.
    reason : str
        Why, in words.
    overrides : mapping of str to str
        Fairness rule to the reason for going on although it did not pass; one for each such rule.
    reviewers : Reviewers
        Whose approval counts, and for how many days.
    now : datetime, with zone, optional
        The journal's clock if left out.

    Returns
    -------
    Decision
        `resumed` says that it stood already and only had to be shown.

    Raises
    ------
    NotFoundError
        MLflow knows no such model or version.
    ApprovalRefusedError
        A candidate the journal does not know or that nobody signed; one's own; a signer who is no reviewer; noise that
        can be repeated; a version rejected before, or approved and shown already; no reason; a verdict that is no pass
        and has no override; bytes or documents in MLflow that are not those journalled.
    UsageError
        An override that is empty, or for a rule that passed or does not exist.

    Privacy
    -------
    Reads: nothing about people. Returns: the decision. Costs: nothing.
    Assumes: the reason and the overrides name nobody; they are shown outside with the approval.
    """
    case = _open_case(records, registry, model, version, key=key, reason=reason, reviewers=reviewers, now=now)
    found = _Evidence.gather(registry, case.shown)
    with records.transaction() as transaction:
        book, entry = _known(transaction, case.shown)
        _check_candidate(entry, book.latest(entry), case.reviewer)
        _check_evidence(entry, found)
        _check_verdicts(entry.verdicts, overrides)
        decision = _standing_approval(book, entry, case)
        if decision is None:
            ends = case.now + timedelta(days=reviewers.approval_valid_days)
            payload = _payload(book, entry, case) | {
                "decision": "approved",
                "approved_at": case.now.isoformat(),
                "expires_at": ends.isoformat(),
                "overrides": dict(overrides),
            }
            decision = _journal(transaction, APPROVED, payload, case)
        elif _is_shown(decision, case.shown, found):
            _refuse("a version is approved once", given="this one is approved and champion", do="Nothing is to be done")
    registry.publish_approval(model, version, decision.document)
    registry.set_status(model, version, "approved")
    _point_champion(records, registry, model)
    return decision


def reject(
    records: Records,
    registry: Registry,
    model: str,
    version: str,
    *,
    key: Path,
    reason: str,
    reviewers: Reviewers,
    now: datetime | None = None,
) -> Decision:
    """The version is rejected for good: journalled and signed, shown so in MLflow, and no longer champion.

    Parameters
    ----------
    records, registry, model, version, key, reason, reviewers, now
        As for `approve`.

    Raises
    ------
    NotFoundError
        MLflow knows no such model or version.
    ApprovalRefusedError
        A version the journal does not know, or that is rejected already; a signer who is no reviewer; no reason.

    Privacy
    -------
    Reads: nothing about people. Returns: the decision. Costs: nothing.
    Assumes: the reason names nobody.
    """
    case = _open_case(records, registry, model, version, key=key, reason=reason, reviewers=reviewers, now=now)
    with records.transaction() as transaction:
        book, entry = _known(transaction, case.shown)
        latest = book.latest(entry)
        if latest is None or latest.approved:
            payload = _payload(book, entry, case) | {
                "decision": "rejected",
                "approved_at": "",
                "expires_at": case.now.isoformat(),
                "overrides": {},
            }
            decision = _journal(transaction, REJECTED, payload, case)
        elif case.shown.status == "rejected" and not case.shown.champion:
            _refuse("a version is rejected once", given="this one is rejected", do="Nothing is to be done")
        else:
            decision = replace(latest, resumed=True)
    registry.clear_champion(model, version)
    with suppress(ModelRefusedError):  # an MLmodel file that was altered is no reason to leave the version unmarked
        registry.publish_approval(model, version, decision.document)
    registry.set_status(model, version, "rejected")
    return decision


def history(records: Records, registry: Registry | None = None, model: str | None = None) -> list[dict[str, Any]]:
    """Every model with its versions, what was decided about each, and who is champion now and was before.

    All of it comes from the journal. What MLflow shows is added for comparison, where a registry is given.

    Parameters
    ----------
    records : Records
    registry : Registry, optional
    model : str, optional
        Only this one.

    Returns
    -------
    list of dict
        ``model``, ``champion`` (``now``, ``before``), ``shown_champion``, and ``versions``, each with ``version``,
        ``status`` (candidate, refused, approved, expired, rejected), ``who``, ``when``, ``why``, ``decisions``.

    Raises
    ------
    NotFoundError
        The journal has no such model.
    """
    book = replay(records.entries(KINDS))
    known = {each.candidate.model for each in book.candidates}
    if model is not None and model not in known:
        raise NotFoundError("the journal must know the model", given=f"it has no {model}", do="Run: tactful models")
    names = sorted(known) if model is None else [model]
    return [_model_history(book, registry, name, records.now()) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One reviewer about to decide on one version, of which MLflow shows `shown`."""

    key: Ed25519PrivateKey
    reason: str
    reviewers: Reviewers
    now: datetime
    shown: RegisteredVersion

    @property
    def reviewer(self) -> str:
        return public_text(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What MLflow holds for a version at this moment."""

    manifest_digest: str
    model: str
    noise: str
    documents: Mapping[str, str]
    approval: str

    @classmethod
    def gather(cls, registry: Registry, shown: RegisteredVersion) -> _Evidence:
        try:
            artifact = read_artifact(registry.artifact_folder(shown.model, shown.version))
            Recommender.unapproved(artifact)
        except ModelRefusedError as error:
            _refuse(
                "the artifact in MLflow must be whole and one that can be served",
                given=error.given,
                do="Train again; do not approve this one",
            )
        texts = registry.documents(shown.model, shown.version)
        return cls(
            manifest_digest=artifact.manifest_digest,
            model=str(artifact.meta.get("model")),
            noise=str(artifact.meta.get("noise")),
            documents={name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
            approval=registry.published_approval(shown.model, shown.version),
        )


def _open_case(
    records: Records,
    registry: Registry,
    model: str,
    version: str,
    *,
    key: Path,
    reason: str,
    reviewers: Reviewers,
    now: datetime | None,
) -> _Case:
    private, reason = load_private(key), reason.strip()
    if not reason:
        _refuse("a decision has a reason", given="it was empty", do="Say why in a sentence")
    if public_text(private) not in reviewers.keys:
        _refuse("a decision is a listed reviewer's", given="this key is not listed", do="Have a listed reviewer decide")
    shown = registry.version(model, version)
    return _Case(key=private, reason=reason, reviewers=reviewers, now=now or records.now(), shown=shown)


def _known(transaction: Transaction, shown: RegisteredVersion) -> tuple[Book, CandidateEntry]:
    book = replay(transaction.entries(KINDS))
    entry = book.candidate(shown.model, shown.version, shown.model_id)
    if entry is None:
        _refuse(
            "a decision is about a candidate that the journal knows",
            given="its training was never recorded there",
            do="Use the records that it was trained with, or train it again with these",
        )
    return book, entry


def _check_candidate(entry: CandidateEntry, latest: Decision | None, reviewer: str) -> None:
    if entry.trainer is None:
        _refuse(
            "a candidate is approved only if its trainer signed it",
            given="nobody did",
            do="Train again with --key or TACTFUL_ACTOR_KEY",
        )
    if entry.trainer == reviewer:
        _refuse("nobody approves a model of their own", given="this key trained it", do="Have another reviewer decide")
    if entry.noise != "system":
        _refuse(
            "noise comes from the operating system and cannot be repeated",
            given=f"this model's noise is {entry.noise}",
            do="Train again without a seed",
        )
    if latest is not None and not latest.approved:
        _refuse("a rejected version stays rejected", given=f"it was, by {latest.name}", do="Train a new version")


def _check_evidence(entry: CandidateEntry, found: _Evidence) -> None:
    held = {name: found.documents.get(name) for name in entry.documents}
    changed = sorted(name for name, digest in entry.documents.items() if held[name] != digest)
    if found.manifest_digest != entry.manifest_digest:
        changed.append("the artifact")
    if (found.model, found.noise) != (entry.candidate.model, entry.noise):
        changed.append("what the artifact says of its name and noise")
    if changed:
        _refuse(
            "MLflow must hold what was recorded when the model was trained",
            given=f"changed or missing since: {', '.join(changed)}",
            do="Find out who changed it; train again",
            changed=tuple(changed),
        )


def _check_verdicts(verdicts: Mapping[str, str], overrides: Mapping[str, str]) -> None:
    open_rules = {rule: status for rule, status in verdicts.items() if status != "pass"}
    for rule, text in overrides.items():
        if rule not in open_rules or not text.strip():
            raise UsageError(
                "an override gives a reason for a rule that did not pass",
                given=f"{rule}: " + ("the reason is empty" if rule in open_rules else "no such rule is open"),
                do=f"Rules that did not pass: {', '.join(sorted(open_rules)) or 'none'}",
            )
    missing = {rule: status for rule, status in open_rules.items() if rule not in overrides}
    if missing:
        _refuse(
            "every fairness rule passes, or a reviewer writes down why to go on",
            given="; ".join(f"{rule}: {status}" for rule, status in sorted(missing.items())),
            do="Give --override RULE=TEXT for each, or reject the version",
            missing=missing,
        )


def _standing_approval(book: Book, entry: CandidateEntry, case: _Case) -> Decision | None:
    """The approval that makes this version champion now, if it holds still and its signer is still a reviewer."""
    latest = book.latest(entry)
    if latest is None or latest != book.champion(case.shown.model):
        return None
    holds = latest.expires_at > case.now and latest.document.public_key in case.reviewers.keys
    return replace(latest, resumed=True) if holds else None


def _is_shown(decision: Decision, shown: RegisteredVersion, found: _Evidence) -> bool:
    return shown.champion and shown.status == "approved" and found.approval == decision.document.to_json()


def _payload(book: Book, entry: CandidateEntry, case: _Case) -> dict[str, Any]:
    """What every decision states."""
    return {
        "schema": 1,
        "model": case.shown.model,
        "version": case.shown.version,
        "manifest_digest": entry.manifest_digest,
        "sequence": book.next_sequence(case.shown.model),
        "reason": case.reason,
    }


def _journal(transaction: Transaction, kind: str, payload: Mapping[str, Any], case: _Case) -> Decision:
    document, name = SignedDocument.sign(payload, case.key), case.reviewers.names[case.reviewer]
    entry = transaction.append(kind, {**signed_body(document), "name": name}, actor=case.reviewer)
    return Decision(document=document, name=name, time=entry.time)


def _point_champion(records: Records, registry: Registry, model: str) -> None:
    """The alias follows the journal, also if another reviewer decided in the meantime."""
    champion = replay(records.entries(KINDS)).champion(model)
    while champion is not None and registry.champion(model) != champion.version:
        registry.set_champion(model, champion.version)
        champion = replay(records.entries(KINDS)).champion(model)


def _model_history(book: Book, registry: Registry | None, model: str, now: datetime) -> dict[str, Any]:
    shown = _shown(registry, model)
    entries = [each for each in book.candidates if each.candidate.model == model]
    champion, before = book.champion(model), book.champion_before(model)
    return {
        "model": model,
        "champion": {"now": champion.version if champion else None, "before": before.version if before else None},
        "shown_champion": next((each.version for each in shown.values() if each.champion), None),
        "versions": [_version_history(book, entry, shown, now) for entry in entries],
    }


def _shown(registry: Registry | None, model: str) -> dict[str, RegisteredVersion]:
    """What MLflow shows, by the id of the logged model; nothing of a model it does not know."""
    try:
        return {each.model_id: each for each in registry.versions(model)} if registry else {}
    except NotFoundError:
        return {}


def _version_history(
    book: Book, entry: CandidateEntry, shown: Mapping[str, RegisteredVersion], now: datetime
) -> dict[str, Any]:
    decisions = book.about(entry)
    latest = decisions[-1].as_json() if decisions else {}
    in_mlflow = shown.get(entry.candidate.model_id)
    return {
        "version": entry.candidate.version,
        "run_id": entry.candidate.run_id,
        "status": _status(entry, decisions, now),
        "who": latest.get("who"),
        "when": latest.get("when"),
        "why": latest.get("why"),
        "expires_at": latest.get("expires_at"),
        "trained_at": entry.time.isoformat(),
        "trainer": entry.trainer,
        "noise": entry.noise,
        "verdicts": dict(entry.verdicts),
        "decisions": [each.as_json() for each in decisions],
        "shown_status": in_mlflow.status if in_mlflow else None,
    }


def _status(entry: CandidateEntry, decisions: tuple[Decision, ...], now: datetime) -> str:
    if not decisions:
        return "candidate" if entry.candidate.version else "refused"
    if not decisions[-1].approved:
        return "rejected"
    return "approved" if decisions[-1].expires_at > now else "expired"


def _refuse(must: str, *, given: str, do: str, **fields: Any) -> NoReturn:
    raise ApprovalRefusedError(must, given=given, do=do, **fields)
