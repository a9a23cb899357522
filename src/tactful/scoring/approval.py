"""The signed decision beside a model: read, checked, and taken as an approval only if it is one that holds now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.errors import ModelRefusedError
from tactful.scoring.artifact import APPROVAL, read_document
from tactful.scoring.signing import SignedDocument, is_public_text

SCHEMA = 1
_TEXTS = ("model", "version", "manifest_digest", "decision", "approved_at", "expires_at", "reason")
_CLOCKS_DIFFER = timedelta(days=1)  # how far ahead of ours a reviewer's clock may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a trusted reviewer signed about a model; whether it approves the model, and still does, is not said.

    Attributes
    ----------
    model, version : str
        What was decided about, by the name and version of the registry.
    manifest_digest : str
        The artifact that was decided about, see `tactful.scoring.artifact.Artifact`.
    decision : str
        ``approved`` or ``rejected``.
    sequence : int
        Rises with every decision about this model; an older one is not served again.
    approved_at, expires_at : str
        As signed; ISO 8601 in an approval.
    signer : str
        The reviewer's public key.
    id : str
        `SignedDocument.digest` of what was signed.
    """

    model: str
    version: str
    manifest_digest: str
    decision: str
    sequence: int
    approved_at: str
    expires_at: str
    signer: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approval by a trusted reviewer that holds now.

    Attributes
    ----------
    model, version, manifest_digest, sequence, signer, id
        As in `Statement`; `id` is what records of answers name the approval by.
    expires_at : datetime, with zone
        When it says that it ends, or as many days after it was given as approvals hold, whichever is first.
    """

    model: str
    version: str
    manifest_digest: str
    sequence: int
    expires_at: datetime
    signer: str
    id: str


def read_statement(folder: Path, *, trusted: frozenset[str]) -> Statement:
    """What a trusted reviewer signed, as it lies beside a manifest.

    Parameters
    ----------
    folder : Path
        The folder of the artifact.
    trusted : frozenset of str
        Public keys of the reviewers.

    Raises
    ------
    ModelRefusedError
        If there is none, it is altered, its signer is not trusted, or it is of a kind this version does not read.
    """
    if not (folder / APPROVAL).exists():
        raise _refused(
            "it was approved by a reviewer", given=f"there is no {APPROVAL}", do="Approve it: tactful approve"
        )
    document = SignedDocument.from_json(read_document(folder / APPROVAL))
    document.verify()
    if document.public_key not in trusted:
        raise _refused(
            "a trusted reviewer approved it",
            given="the signer is not one",
            do="Add the reviewer's key, or have it approved by one",
        )
    return _parse(document)


def as_approval(
    statement: Statement, *, now: datetime, valid_days: int, model: str | None = None, version: str | None = None
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

    Raises
    ------
    ModelRefusedError
        If it is no approval, of another model or version, expired, or given in the future.
    """
    if statement.decision != "approved":
        raise _refused("the decision was `approved`", given="it was not", do="Serve the version that was approved")
    if (model or statement.model, version or statement.version) != (statement.model, statement.version):
        raise _refused(
            "the approval is of that very model and version",
            given=f"the signature is of another model: {statement.model} version {statement.version}",
            do="Have this one approved, or serve the other",
        )
    return Approval(
        model=statement.model,
        version=statement.version,
        manifest_digest=statement.manifest_digest,
        sequence=statement.sequence,
        expires_at=_end(statement, now, valid_days),
        signer=statement.signer,
        id=statement.id,
    )


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
    if meta["trainer"] == approval.signer:
        raise ModelRefusedError(
            "a served model was approved by another key than the one that trained it",
            given="the same key did both",
            do="Have another reviewer approve it",
        )


def _refused(must: str, *, given: str, do: str) -> ModelRefusedError:
    """The refusal to serve a model."""
    return ModelRefusedError(f"a model is served only if {must}", given=given, do=do)


def _parse(document: SignedDocument) -> Statement:
    """The statement in a signed document."""
    payload = document.payload
    sound = (
        type(payload.get("schema")) is int
        and payload["schema"] == SCHEMA
        and all(isinstance(payload.get(name), str) for name in _TEXTS)
        and re.fullmatch("[0-9a-f]{64}", payload["manifest_digest"])
        and type(payload.get("sequence")) is int
        and payload["sequence"] >= 0
    )
    if not sound:
        raise _refused(
            "its approval is of a kind this version reads", given="this one is not", do="Have it approved again"
        )
    return Statement(
        **{name: payload[name] for name in _TEXTS if name != "reason"},
        sequence=payload["sequence"],
        signer=document.public_key,
        id=document.digest,
    )


def _end(statement: Statement, now: datetime, valid_days: int) -> datetime:
    """When the approval ends, which is later than now."""
    given, end = _moment(statement.approved_at), _moment(statement.expires_at)
    if given > now + _CLOCKS_DIFFER:
        raise _refused(
            "its approval was given before now",
            given=f"it says {given.isoformat()}",
            do="Correct the clock, or have it approved again",
        )
    if (end - given) / timedelta(days=1) > valid_days:
        end = given + timedelta(days=valid_days)
    if now >= end:
        raise _refused(
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
        raise _refused(
            "its approval says when it was given and when it ends",
            given="a time is malformed",
            do="Have it approved again",
        )
    return moment
