"""A person decides: a candidate is approved, for a reason, under a signature; or the champion before is, again.

The journal entry is durable first and carries the signed decision; only then is the decision shown in MLflow
(``approval.json`` beside the manifest, the tag ``status``, and the alias ``champion``), and last it is remembered where
models are loaded on this machine (`tactful.scoring.seen`), so that older approvals no longer load. If showing it fails,
calling again finishes it and decides nothing anew.

Where several reviewers must approve, each signs an approval of their own. They count together as long as nothing else
is decided about the model in between; until enough have signed, only the tag says ``half approved``.

Notes
-----
A key stands for a person, but nothing here can see that two keys belong to one person: who is listed as a reviewer is
for the organisation to decide. A rejection or a retirement ends what loads from the registry. A copy of the artifact
that was taken while the approval held, and MLflow if somebody puts the old approval back, go on loading until that
approval expires wherever the decision was neither made nor met; see `tactful.scoring.seen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.assurance.approval_case import Case
from tactful.assurance.approval_checks import (
    Evidence,
    check_candidate,
    check_evidence,
    check_reasons,
    check_verdicts,
    is_shown,
    refuse,
)
from tactful.assurance.approval_ends import reject, retire
from tactful.assurance.approval_showing import asking, remember, show
from tactful.assurance.candidates import KINDS, record_candidate, replay
from tactful.assurance.decision import APPROVED
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.model_history import history
from tactful.assurance.registry import Registry
from tactful.errors import NotFoundError
from tactful.records.store import Records
from tactful.scoring.signing import load_private, public_text
from tactful.scoring.trust import Reviewers

__all__ = ["Decision", "approve", "history", "record_candidate", "reject", "retire", "rollback"]


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
    """The version is approved: journalled and signed, and champion as soon as enough reviewers have signed.

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
        Fairness rule to the reason for going on although it did not pass; one for each such rule. Those of the
        approvals that this one joins stand, and are signed again; other words for the same rule are refused.
    reviewers : Reviewers
        Whose approval counts, how many it takes, and for how many days it holds.
    now : datetime, with zone, optional
        The journal's clock if left out.

    Returns
    -------
    Decision
        `resumed` says that it stood already and only had to be shown; `missing`, how many more must approve.

    Raises
    ------
    NotFoundError
        MLflow knows no such model or version.
    ApprovalRefusedError
        A candidate the journal does not know or that nobody signed; one's own; a signer who is no reviewer or may not
        approve this model; a second approval by the same key; noise that can be repeated; a version rejected before, or
        approved and shown already; no reason; a verdict that is no pass and has no override; bytes or documents in
        MLflow that are not those journalled.
    UsageError
        An override that is empty, or for a rule that passed or does not exist. Or MLflow does not answer: before the
        journal entry nothing is decided, after it the decision stands.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* the decision. *Costs* nothing. *Assumes* the reason and the
    overrides name nobody; they are shown outside with the approval.
    """
    case = Case.open(
        records, registry, model, version, role="approve", key=key, reason=reason, reviewers=reviewers, now=now
    )
    return _approved(records, registry, case, overrides, rollback=False)


def rollback(
    records: Records,
    registry: Registry,
    model: str,
    *,
    key: Path,
    reason: str,
    overrides: Mapping[str, str],
    reviewers: Reviewers,
    now: datetime | None = None,
) -> Decision:
    """The champion before the last one is approved anew, by the rules of `approve`; one that was rejected is passed by.

    Where the way back stands in the journal already and MLflow does not show it, this shows it. The very same call
    again, by the same key for the same reason, is taken for that too, and never for the way forward again.

    Parameters
    ----------
    records, registry, model, key, reason, overrides, reviewers, now
        As for `approve`.

    Returns
    -------
    Decision
        An approval, with `rollback`.

    Raises
    ------
    NotFoundError
        The journal has no such model.
    ApprovalRefusedError
        There was no other champion to go back to; and as for `approve`.
    UsageError
        As for `approve`.

    Notes
    -----
    **Privacy.** As `approve`.
    """
    book = replay(records.entries(KINDS))
    if not any(each.candidate.model == model for each in book.candidates):
        raise NotFoundError("the journal must know the model", given=f"it has no {model}", do="Run: tactful models")
    target = _repeated(registry, book, model, public_text(load_private(key)), reason.strip()) or book.way_back(
        model, reviewers
    )
    if target is None:
        refuse(
            "a rollback goes to the champion before the last one",
            given=f"{model} had no other that is not rejected",
            do="Approve a version by its number: tactful approve; or retire the champion: tactful retire",
        )
    case = Case.open(
        records, registry, model, target.version, role="approve", key=key, reason=reason, reviewers=reviewers, now=now
    )
    return _approved(records, registry, case, overrides, rollback=True)


def _repeated(registry: Registry, book: Book, model: str, key: str, reason: str) -> Decision | None:
    """The way back that is the last decision about the model, if this call repeats it or MLflow does not show it."""
    last = book.last(model)
    if last is None or last != book.champion(model) or not last.rollback:
        return None
    if (last.document.public_key, last.document.payload["reason"]) == (key, reason):
        return last
    with asking():
        shown = registry.version(model, last.version)
    return None if shown.champion and shown.status == APPROVED else last


def _approved(
    records: Records, registry: Registry, case: Case, overrides: Mapping[str, str], *, rollback: bool
) -> Decision:
    with asking():
        found = Evidence.gather(registry, case.shown)
    with records.transaction() as transaction:
        book, entry = case.known(transaction)
        check_candidate(entry, book, case.reviewer, case.reviewers)
        check_evidence(entry, found)
        decision, joined = _standing(book, entry, case), _joined(book, entry, case)
        standing = _overrides(decision, joined)
        said = {**overrides, **standing}
        _check_words(said, overrides)
        check_verdicts(entry.verdicts, said, back_to=case.shown.version if rollback else None)
        check_reasons({rule: text for rule, text in overrides.items() if rule not in standing})
        if decision is None:
            payload = _payload(book, entry, case, joined, said) | ({"rollback": True} if rollback else {})
            decision = case.journal(transaction, payload, joined)
        else:
            remember(registry, book, entry)  # in case only that had failed
            _refuse_if_shown(decision, book, entry, case, found)
    show(records, registry, entry, decision)
    return decision


def _standing(book: Book, entry: CandidateEntry, case: Case) -> Decision | None:
    """The approval after which this key has nothing more to sign: the champion's, or its own that waits for others.

    It must hold still, its signers must be reviewers still, and they must be as many as are needed now.
    """
    joined, champion, needed = _joined(book, entry, case), book.champion(entry.candidate.model), case.needed
    if any(case.reviewer == each.document.public_key for each in joined):
        return replace(joined[-1], resumed=True)
    if champion is None or champion != book.published(entry) or len(champion.signers) < needed:
        return None
    holds = champion.expires_at > case.now and _may_all(champion.signers, case)
    return replace(champion, resumed=True) if holds else None


def _joined(book: Book, entry: CandidateEntry, case: Case) -> tuple[Decision, ...]:
    """The approvals that this one counts together with, if all their signers still may approve."""
    waiting = book.open_round(entry, at=case.now)
    return waiting if _may_all(tuple(each.document.public_key for each in waiting), case) else ()


def _may_all(keys: tuple[str, ...], case: Case) -> bool:
    return all(case.reviewers.may(key, "approve", case.shown.model) for key in keys)


def _overrides(standing: Decision | None, joined: tuple[Decision, ...]) -> dict[str, str]:
    """What others wrote about rules that did not pass, and signed."""
    before = standing or (joined[-1] if joined else None)
    return dict(before.document.payload["overrides"]) if before else {}


def _check_words(said: Mapping[str, str], overrides: Mapping[str, str]) -> None:
    """Raise where other words are given for a rule than stand under somebody's signature already."""
    other = sorted(rule for rule, text in overrides.items() if said[rule] != text)
    if other:
        refuse(
            "the reasons why a rule is overridden stand as the first reviewer signed them",
            given=f"other words for {', '.join(other)}",
            do="Leave the override out, which signs the words that stand; or retire it, and begin anew",
        )


def _payload(
    book: Book, entry: CandidateEntry, case: Case, joined: tuple[Decision, ...], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """What an approval states; `check_candidate` let pass only rejections that nobody had a right to make."""
    void = book.rejections(entry)
    return case.payload(
        book,
        entry,
        APPROVED,
        approved_at=case.now.isoformat(),
        expires_at=(case.now + timedelta(days=case.reviewers.approval_valid_days)).isoformat(),
        overrides=dict(overrides),
        approvals_needed=max([case.needed, *(each.needed for each in joined)]),
        joins=[each.id for each in joined],
        **({"not_counted": [each.id for each in void]} if void else {}),
    )


def _refuse_if_shown(decision: Decision, book: Book, entry: CandidateEntry, case: Case, found: Evidence) -> None:
    """Raise where nothing is left to do for this key: neither to sign nor to show."""
    if decision.missing and case.shown.status == book.status(entry):
        refuse(
            "each reviewer approves a version once",
            given=f"this key did, and {decision.missing} more must approve",
            do="Have another reviewer approve it; to begin anew, retire it first: tactful retire",
            missing=decision.missing,
        )
    if not decision.missing and is_shown(decision, case.shown, found):
        refuse("a version is approved once", given="this one is approved and champion", do="Nothing is to be done")
