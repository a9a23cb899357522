"""The signed decision beside a model: read, checked, and taken as an approval only if it is one that holds now.

Where several reviewers must approve, ``approval.json`` is the last one's approval with the others' under ``with``.

Notes
-----
Approvals count together only if the last of them names the others in what it signs, all are of the same bytes under the
same name and version, each is by another key, and their numbers follow one another, so that nothing else was decided
about the model in between. So one reviewer alone cannot make up the number with a signature that another gave for
something else or at another time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tactful.errors import ModelRefusedError
from tactful.scoring.signing import is_public_text
from tactful.scoring.statement import Statement, not_served, read_statement
from tactful.scoring.trust import Reviewers

__all__ = ["Approval", "Statement", "as_approval", "check_maker", "ends_model", "read_statement"]

_CLOCKS_DIFFER = timedelta(days=1)  # how far ahead of ours a reviewer's clock may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approval by as many trusted reviewers as it takes, which holds now.

    Attributes
    ----------
    model, version, manifest_digest, sequence, signer, id
        As in `Statement`; `id` is what records of answers name the approval by.
    expires_at : datetime, with zone
        When it says that it ends, or as many days after it was given as approvals hold, whichever is first; of several
        approvals that count together, the first to end.
    signers : tuple of str
        The public keys of all whose approvals count here, each once.
    since : int
        The number of the first of these approvals; `sequence` is the last one's.
    """

    model: str
    version: str
    manifest_digest: str
    sequence: int
    expires_at: datetime
    signer: str
    id: str
    signers: tuple[str, ...]
    since: int


def as_approval(
    statement: Statement,
    *,
    now: datetime,
    valid_days: int,
    model: str | None = None,
    version: str | None = None,
    reviewers: Reviewers | None = None,
) -> Approval:
    """The statement as an approval, if it is one that may be relied on now.

    Parameters
    ----------
    statement : Statement
    now : datetime, with zone
    valid_days : int, days
        How long an approval holds at most.
    model, version : str, optional
        What the address says the model is; where given, the approval must be of exactly that.
    reviewers : Reviewers, optional
        Who of the signers may approve this model, and how many must have. Without it all who are trusted may, and as
        many must have as the approvals themselves say.

    Raises
    ------
    ModelRefusedError
        If it is no approval, of another model or version, expired, given in the future, by somebody who may not
        approve this model, or by too few.
    """
    if statement.decision != "approved":
        raise not_served("the decision was `approved`", given="it was not", do="Serve the version that was approved")
    if (model or statement.model, version or statement.version) != (statement.model, statement.version):
        raise not_served(
            "the approval is of that very model and version",
            given=f"the signature is of another model: {statement.model} version {statement.version}",
            do="Have this one approved, or serve the other",
        )
    counted = _counted(statement, reviewers)
    return Approval(
        model=statement.model,
        version=statement.version,
        manifest_digest=statement.manifest_digest,
        sequence=statement.sequence,
        expires_at=min(_end(each, now, valid_days) for each in counted),
        signer=statement.signer,
        id=statement.id,
        signers=tuple(each.signer for each in counted),
        since=counted[0].sequence,
    )


def ends_model(statement: Statement, reviewers: Reviewers) -> bool:
    """Whether the statement is a rejection or a retirement by somebody whose to make it was: it is to be remembered."""
    if statement.decision == "rejected":
        return reviewers.may(statement.signer, "reject", statement.model)
    return statement.decision == "retired" and reviewers.may(statement.signer, "retire", statement.model)


def check_maker(meta: Mapping[str, Any], approval: Approval) -> None:
    """Raise unless the artifact is the approved model, trained by another key than approved it, with real noise.

    Parameters
    ----------
    meta : mapping
        What the artifact says about itself; the approval pins its bytes.
    approval : Approval

    Raises
    ------
    ModelRefusedError
        If it says otherwise, or does not say.
    """
    if meta.get("model") != approval.model:
        raise ModelRefusedError(
            "the approval is of the model that the artifact holds",
            given=f"the artifact says it is another model than {approval.model}",
            do="Have this one approved, or serve the other",
        )
    if meta.get("noise") != "system":
        raise ModelRefusedError(
            "a served model was made with noise from the operating system",
            given="this one was made with reproducible noise, which protects nobody",
            do="Train it again without a seed",
        )
    if not is_public_text(meta.get("trainer")):
        raise ModelRefusedError(
            "a served model was trained by somebody who is known",
            given="the artifact does not say whose key trained it",
            do="Train it again with --key or TACTFUL_ACTOR_KEY",
        )
    if meta["trainer"] in approval.signers:
        raise ModelRefusedError(
            "a served model was approved by other keys than the one that trained it",
            given="the same key did both",
            do="Have another reviewer approve it",
        )


def _counted(statement: Statement, reviewers: Reviewers | None) -> tuple[Statement, ...]:
    """The approvals that count for this model, the last one last; refused if they are too few or not of one piece."""
    given, model = (*statement.beside, statement), statement.model
    counted = tuple(each for each in given if reviewers is None or reviewers.may(each.signer, "approve", model))
    if statement not in counted:
        raise not_served(
            "somebody who may approve it did",
            given="the signer is no reviewer of this model",
            do="Have it approved by one, or correct the reviewers' file",
        )
    if not all(_same_subject(each, statement) for each in given) or len({each.signer for each in given}) < len(given):
        raise not_served(
            "its approvals are of the same model and version, each by another key",
            given="these are not",
            do="Have it approved again",
        )
    if any(later.sequence - earlier.sequence != 1 for earlier, later in pairwise(counted)):
        raise not_served(
            "nothing was decided about the model between the approvals that count together",
            given="their numbers do not follow one another",
            do="Have it approved again",
        )
    needed = max(reviewers.needed(model) if reviewers else 1, *(each.needed for each in given), 1)
    if len(counted) < needed:
        raise not_served(
            f"{needed} reviewers approved it",
            given=f"{len(counted)} who may approve it did",
            do="Have another reviewer approve it: tactful approve",
            needed=needed,
            counted=len(counted),
        )
    return counted


def _same_subject(one: Statement, other: Statement) -> bool:
    """Whether both approve the same bytes under the same name and version."""
    return one.decision == other.decision == "approved" and (one.model, one.version, one.manifest_digest) == (
        other.model,
        other.version,
        other.manifest_digest,
    )


def _end(statement: Statement, now: datetime, valid_days: int) -> datetime:
    """When the approval ends, which is later than now."""
    given, end = _moment(statement.approved_at), _moment(statement.expires_at)
    if given > now + _CLOCKS_DIFFER:
        raise not_served(
            "its approval was given before now",
            given=f"it says {given.isoformat()}",
            do="Correct the clock, or have it approved again",
        )
    if (end - given) / timedelta(days=1) > valid_days:
        end = given + timedelta(days=valid_days)
    if now >= end:
        raise not_served(
            "its approval has not expired",
            given=f"it expired at {end.isoformat()}",
            do="Have the model reviewed and approved again",
        )
    return end


def _moment(text: str) -> datetime:
    """A time with its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise not_served(
            "its approval says when it was given and when it ends",
            given="a time is malformed",
            do="Have it approved again",
        )
    return moment
