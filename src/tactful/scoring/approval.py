"""The signed approval beside a model: read, checked, and compared with what was seen before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tactful.errors import ModelRefusedError
from tactful.scoring.artifact import APPROVAL, read_document
from tactful.scoring.signing import SignedDocument

SCHEMA = 1
_TEXTS = ("model", "version", "manifest_digest", "decision", "approved_at", "expires_at", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A decision that a trusted reviewer signed and that holds now.

    Attributes
    ----------
    model, version : str
        What was approved, by the name and version of the registry.
    manifest_digest : str
        The artifact that was approved, see `tactful.scoring.artifact.Artifact`.
    sequence : int
        Rises with every approval of this model; an older one is not served again.
    expires_at : datetime, with zone
    signer : str
        The reviewer's public key.
    """

    model: str
    version: str
    manifest_digest: str
    sequence: int
    expires_at: datetime
    signer: str


def read_approval(
    folder: Path, *, trusted: frozenset[str], now: datetime, model: str | None = None, version: str | None = None
) -> Approval:
    """The approval beside a manifest, if it may be relied on.

    Parameters
    ----------
    folder : Path
        The folder of the artifact.
    trusted : frozenset of str
        Public keys of the reviewers.
    now : datetime, with zone
    model, version : str, optional
        What the address says the model is; where given, the approval must be of exactly that.

    Raises
    ------
    ModelRefusedError
        If there is none, it is altered, its signer is not trusted, it is no approval, of another model, or expired.
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
    approval = _parse(document)
    _check_subject(approval, model, version)
    _check_time(approval, now)
    return approval


def _refused(must: str, *, given: str, do: str) -> ModelRefusedError:
    """The refusal to serve a model."""
    return ModelRefusedError(f"a model is served only if {must}", given=given, do=do)


def _parse(document: SignedDocument) -> Approval:
    """The approval in a signed document."""
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
    if payload["decision"] != "approved":
        raise _refused("the decision was `approved`", given="it was not", do="Serve the version that was approved")
    return Approval(
        model=payload["model"],
        version=payload["version"],
        manifest_digest=payload["manifest_digest"],
        sequence=payload["sequence"],
        expires_at=_moment(payload),
        signer=document.public_key,
    )


def _moment(payload: Mapping[str, Any]) -> datetime:
    """When the approval ends."""
    try:
        moment = datetime.fromisoformat(payload["expires_at"])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _refused("its approval says when it ends", given="the time is malformed", do="Have it approved again")
    return moment


def _check_subject(approval: Approval, model: str | None, version: str | None) -> None:
    """Raise if the approval is of another model or version than the address."""
    if (model is not None and model != approval.model) or (version is not None and version != approval.version):
        raise _refused(
            "the approval is of that very model and version",
            given=f"the signature is of another model: {approval.model} version {approval.version}",
            do="Have this one approved, or serve the other",
        )


def _check_time(approval: Approval, now: datetime) -> None:
    """Raise if the approval has ended."""
    if now >= approval.expires_at:
        raise _refused(
            "its approval has not expired",
            given=f"it expired at {approval.expires_at.isoformat()}",
            do="Have the model reviewed and approved again",
        )
