"""Who decided and when: each decision against the reviewers' file, what its signer wrote, and the time it holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tactful.assurance.decision import REJECTED
from tactful.assurance.model_book import Book, Decision
from tactful.assurance.verification_findings import REVIEWERS_MISSING, Findings
from tactful.scoring.trust import Reviewers

_MEANWHILE = timedelta(hours=1)
"""How long after it was signed a decision may be journalled, and how far two clocks may differ."""


def check_decisions(book: Book, model: str, reviewers: Reviewers | None, now: datetime, findings: Findings) -> None:
    """Whose decisions count made the model what it is, enough of them, and the champion's approval holds still.

    Parameters
    ----------
    book : Book
    model : str
    reviewers : Reviewers or None
        Whose decisions count; None is a mismatch.
    now : datetime, with zone
    findings : Findings
        Where mismatches go.
    """
    champion, decisions = book.champion(model), [each for each in book.decisions if each.model == model]
    deciding = _deciding(book, model, decisions)
    for each in decisions:
        if reviewers is None or each.id in deciding or each.by_one_who_may(reviewers):
            _check_time(each, findings)  # of what decides nothing and was nobody's to decide, a note is told below
    if champion is not None:
        _check_validity(champion, reviewers, now, findings)
    if reviewers is None:
        findings.add(REVIEWERS_MISSING, "whose decisions count is not known, so signers were not compared")
        return
    findings.count("signers", len({each.document.public_key for each in decisions}))
    for each in decisions:
        _check_signer(each, each.id in deciding, reviewers, findings)
    _check_rejections(decisions, reviewers, findings)
    if champion is not None and len(set(champion.signers)) < reviewers.needed(model):
        what = f"{len(set(champion.signers))} signed for the champion, and {reviewers.needed(model)} must"
        findings.add("approvals_too_few", what, version=champion.version)


def _deciding(book: Book, model: str, decisions: list[Decision]) -> set[str]:
    """The ids of the decisions by which things are as they are.

    The champion's or, where there is none, the last one; and whatever ended a version and was not followed by another
    decision about it.
    """
    entries = [each for each in book.candidates if each.candidate.model == model]
    ends = [each for each in map(book.latest, entries) if each is not None and not each.approved]
    last = book.champion(model) or next(reversed(decisions), None)
    return {each.id for each in [*ends, *((*last.joined, last) if last else ())]}


def _check_signer(decision: Decision, decides: bool, reviewers: Reviewers, findings: Findings) -> None:
    """The signer may decide so and has the name that the journal says; what was superseded since is a note."""
    key = decision.document.public_key
    what = f"decision {decision.sequence} ({decision.decision}) is signed by a key that may not decide so"
    if not decision.by_one_who_may(reviewers):
        if decides:
            findings.add("signer_not_reviewer", what, version=decision.version)
        else:
            findings.note(f"version {decision.version}: {what}, or may no more; other decisions stand in its place")
    if reviewers.names.get(key, decision.name) != decision.name:
        what = f"by the journal {decision.name} made decision {decision.sequence}; the key is {reviewers.names[key]}'s"
        findings.add("name_differs", what, version=decision.version)


def _check_rejections(decisions: Iterable[Decision], reviewers: Reviewers, findings: Findings) -> None:
    """No rejection by somebody who may was followed by an approval that does not count it."""
    listed = list(decisions)
    void = {each for decision in listed for each in decision.not_counted}
    for each in listed:
        if each.id in void and each.decision == REJECTED and each.by_one_who_may(reviewers):
            what = f"it was rejected by {each.name} (decision {each.sequence}) and approved all the same"
            findings.add("rejection_ignored", what, version=each.version)


def _check_time(decision: Decision, findings: Findings) -> None:
    """The journal has the decision about when its signer says that it was made."""
    payload = decision.document.payload
    said = _moment(payload.get("approved_at") if decision.approved else payload.get("expires_at"))
    if said is None or abs(decision.time - said) > _MEANWHILE:
        told = said.isoformat() if said else "no time"
        what = f"decision {decision.sequence} is of {decision.time.isoformat()} by the journal; its signer wrote {told}"
        findings.add("time_differs", what, version=decision.version)


def _check_validity(champion: Decision, reviewers: Reviewers | None, now: datetime, findings: Findings) -> None:
    """The champion's approval holds still, by the rule by which services take it."""
    days = timedelta(days=reviewers.approval_valid_days) if reviewers else timedelta.max
    ends = [champion.expires_at]
    for each in (*champion.joined, champion):
        given = _moment(each.document.payload.get("approved_at"))
        if given is not None and each.own_end - given > days:
            ends.append(given + days)
    if min(ends) <= now:
        what = f"the champion's approval ended at {min(ends).isoformat()}"
        findings.add("approval_expired", what, version=champion.version)


def _moment(text: object) -> datetime | None:
    """A time with its zone; None if it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
