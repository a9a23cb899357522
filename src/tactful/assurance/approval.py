"""A person decides: a candidate is approved or rejected, for a reason, under a signature.

The journal entry is durable first and carries the signed decision; only then is the decision shown in MLflow
(``approval.json`` beside the manifest, the tag ``status``, and the alias ``champion``), and last it is remembered where
models are loaded on this machine (`tactful.scoring.seen`), so that older approvals no longer load. If showing it fails,
calling again finishes it and decides nothing anew.

Notes
-----
A key stands for a person, but nothing here can see that two keys belong to one person: who is listed as a reviewer is
for the organisation to decide. A rejection ends what loads from the registry. A copy of the artifact that was taken
while the approval held, and MLflow if somebody puts the old approval back, go on loading until that approval expires
wherever the rejection was neither decided nor met; see `tactful.scoring.seen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.assurance.approval_checks import (
    Evidence,
    check_candidate,
    check_evidence,
    check_verdicts,
    is_shown,
    refuse,
)
from tactful.assurance.candidates import (
    APPROVED,
    KINDS,
    REJECTED,
    record_candidate,
    replay,
    signed_body,
)
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.model_history import history
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.errors import ModelRefusedError
from tactful.records.store import Records, Transaction
from tactful.scoring.seen import PROCESS, seen_place
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
    found = Evidence.gather(registry, case.shown)
    with records.transaction() as transaction:
        book, entry = _known(transaction, case.shown)
        check_candidate(entry, book.latest(entry), case.reviewer)
        check_evidence(entry, found)
        check_verdicts(entry.verdicts, overrides)
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
        elif is_shown(decision, case.shown, found):
            refuse("a version is approved once", given="this one is approved and champion", do="Nothing is to be done")
    _show(records, registry, entry)
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
            refuse("a version is rejected once", given="this one is rejected", do="Nothing is to be done")
        else:
            decision = replace(latest, resumed=True)
    _show(records, registry, entry)
    return decision


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
        """The public key of whoever decides."""
        return public_text(self.key)


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
        refuse("a decision has a reason", given="it was empty", do="Say why in a sentence")
    if public_text(private) not in reviewers.keys:
        refuse("a decision is a listed reviewer's", given="this key is not listed", do="Have a listed reviewer decide")
    shown = registry.version(model, version)
    return _Case(key=private, reason=reason, reviewers=reviewers, now=now or records.now(), shown=shown)


def _known(transaction: Transaction, shown: RegisteredVersion) -> tuple[Book, CandidateEntry]:
    book = replay(transaction.entries(KINDS))
    entry = book.candidate(shown.model, shown.version, shown.model_id)
    if entry is None:
        refuse(
            "a decision is about a candidate that the journal knows",
            given="its training was never recorded there",
            do="Use the records that it was trained with, or train it again with these",
        )
    return book, entry


def _standing_approval(book: Book, entry: CandidateEntry, case: _Case) -> Decision | None:
    """The approval that makes this version champion now, if it holds still and its signer is still a reviewer."""
    latest = book.latest(entry)
    if latest is None or latest != book.champion(case.shown.model):
        return None
    holds = latest.expires_at > case.now and latest.document.public_key in case.reviewers.keys
    return replace(latest, resumed=True) if holds else None


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


def _show(records: Records, registry: Registry, entry: CandidateEntry) -> None:
    """MLflow shows what the journal says of this version and the champion, also if others decide meanwhile."""
    book = replay(records.entries(KINDS))
    while True:
        _show_decision(registry, book, entry)
        _show_champion(registry, book, entry.candidate.model)
        before, book = book, replay(records.entries(KINDS))
        if len(book.decisions) == len(before.decisions):
            break
    _remember(registry, book, entry)


def _show_decision(registry: Registry, book: Book, entry: CandidateEntry) -> None:
    latest = book.latest(entry)
    if latest is None:
        return
    if latest.approved:
        registry.publish_approval(latest.model, latest.version, latest.document)
        registry.set_status(latest.model, latest.version, "approved")
        return
    registry.clear_champion(latest.model, latest.version)
    with suppress(ModelRefusedError):  # an MLmodel file that was altered is no reason to leave the version unmarked
        registry.publish_approval(latest.model, latest.version, latest.document)
    registry.set_status(latest.model, latest.version, "rejected")


def _remember(registry: Registry, book: Book, entry: CandidateEntry) -> None:
    """Loading on this machine refuses what came before these decisions, also if it was never loaded here."""
    seen = seen_place(store=registry.uri)
    latest, champion = book.latest(entry), book.champion(entry.candidate.model)
    if latest is not None and not latest.approved:
        PROCESS.reject(latest.model, latest.sequence, digest=entry.manifest_digest, file=seen)
    if champion is not None:
        digest = str(champion.document.payload["manifest_digest"])
        PROCESS.admit(champion.model, champion.sequence, digest=digest, file=seen)


def _show_champion(registry: Registry, book: Book, model: str) -> None:
    champion = book.champion(model)
    if champion is not None and registry.champion(model) != champion.version:
        registry.set_champion(model, champion.version)
