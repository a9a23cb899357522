"""The two decisions that end a version: rejected for good, or retired until somebody approves it anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tactful.assurance.approval_case import Case
from tactful.assurance.approval_checks import refuse
from tactful.assurance.approval_showing import remember, show
from tactful.assurance.decision import REJECTED, RETIRED
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.records.store import Records
from tactful.scoring.trust import Reviewers


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
        As for `tactful.assurance.approval.approve`.

    Raises
    ------
    NotFoundError
        MLflow knows no such model or version.
    ApprovalRefusedError
        A version the journal does not know, or that is rejected already; a signer who is no reviewer or may not reject
        this model; no reason.
    UsageError
        MLflow does not answer: before the journal entry nothing is decided, after it the decision stands.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* the decision. *Costs* nothing. *Assumes* the reason names
    nobody.
    """
    case = Case.open(
        records, registry, model, version, role="reject", key=key, reason=reason, reviewers=reviewers, now=now
    )
    with records.transaction() as transaction:
        book, entry = case.known(transaction)
        decision = _standing(registry, book, entry, case, REJECTED)
        if decision is None:
            decision = case.journal(transaction, case.payload(book, entry, REJECTED))
    show(records, registry, entry, decision)
    return decision


def retire(
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
    """The version is retired: it was good, is not served any more, and may be approved anew.

    A champion that is retired leaves none. An approval that waits for others is withdrawn by it too.

    Parameters
    ----------
    records, registry, model, version, key, reason, reviewers, now
        As for `tactful.assurance.approval.approve`.

    Raises
    ------
    NotFoundError
        MLflow knows no such model or version.
    ApprovalRefusedError
        A version the journal does not know, that is not approved, or is retired already; a signer who is no reviewer
        or may not retire this model; no reason.
    UsageError
        MLflow does not answer: before the journal entry nothing is decided, after it the decision stands.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* the decision. *Costs* nothing. *Assumes* the reason names
    nobody.
    """
    case = Case.open(
        records, registry, model, version, role="retire", key=key, reason=reason, reviewers=reviewers, now=now
    )
    with records.transaction() as transaction:
        book, entry = case.known(transaction)
        decision, latest = _standing(registry, book, entry, case, RETIRED), book.latest(entry)
        if decision is None and (latest is None or not latest.approved):
            given = "nobody approved this one" if latest is None else f"this one is {latest.decision}"
            refuse("only what was approved is retired", given=given, do="Leave it, or reject it: tactful reject")
        if decision is None:
            decision = case.journal(transaction, case.payload(book, entry, RETIRED))
    show(records, registry, entry, decision)
    return decision


def _standing(registry: Registry, book: Book, entry: CandidateEntry, case: Case, wanted: str) -> Decision | None:
    """The same decision, where it stands in the journal and only has to be shown; refused where it is shown too."""
    latest = book.latest(entry)
    if latest is None or latest.decision != wanted or not latest.by_one_who_may(case.reviewers):
        return None
    remember(registry, book, entry)  # in case only that had failed
    if case.shown.status == wanted and not case.shown.champion:
        refuse(f"a version is {wanted} once", given=f"this one is {wanted}", do="Nothing is to be done")
    return replace(latest, resumed=True)
