"""The signed decision that lies beside a model, read and checked to be a reviewer's, not judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from tactful.errors import ModelRefusedError
from tactful.scoring.artifact import APPROVAL, read_document
from tactful.scoring.signing import SignedDocument

SCHEMA = 1
_TEXTS = ("model", "version", "manifest_digest", "decision", "approved_at", "expires_at", "reason")


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
        ``approved``, ``rejected`` or ``retired``.
    sequence : int
        Rises with every decision about this model; an older one is not served again.
    approved_at, expires_at : str
        As signed; ISO 8601 in an approval.
    signer : str
        The reviewer's public key.
    id : str
        `SignedDocument.digest` of what was signed.
    needed : int
        How many keys must have signed, as was so when this was signed.
    joins : tuple of str
        The ids of the approvals that the signer approved together with.
    beside : tuple of Statement
        Those of them that lie beside this one and are signed by other trusted reviewers.
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
    needed: int = 1
    joins: tuple[str, ...] = ()
    beside: tuple[Statement, ...] = ()


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
        raise not_served(
            "it was approved by a reviewer", given=f"there is no {APPROVAL}", do="Approve it: tactful approve"
        )
    document = SignedDocument.from_json(read_document(folder / APPROVAL))
    document.verify()
    if document.public_key not in trusted:
        raise not_served(
            "a trusted reviewer approved it",
            given="the signer is not one",
            do="Add the reviewer's key, or have it approved by one",
        )
    beside = tuple(_parse(other) for other in document.beside)
    statement = _parse(document)
    if tuple(other.id for other in beside) != statement.joins:
        raise not_served(
            "its approval names those it counts together with",
            given="what lies beside it is something else",
            do="Fetch it again, or have it approved again",
        )
    return replace(statement, beside=tuple(other for other in beside if other.signer in trusted))


def _parse(document: SignedDocument) -> Statement:
    """The statement in a signed document."""
    payload = document.payload
    needed, joins = payload.get("approvals_needed", 1), payload.get("joins", [])
    sound = (
        type(payload.get("schema")) is int
        and payload["schema"] == SCHEMA
        and all(isinstance(payload.get(name), str) for name in _TEXTS)
        and re.fullmatch("[0-9a-f]{64}", payload["manifest_digest"])
        and type(payload.get("sequence")) is int
        and payload["sequence"] >= 0
        and type(needed) is int
        and needed >= 1
        and isinstance(joins, list)
        and all(isinstance(each, str) for each in joins)
    )
    if not sound:
        raise not_served(
            "its approval is of a kind this version reads", given="this one is not", do="Have it approved again"
        )
    return Statement(
        **{name: payload[name] for name in _TEXTS if name != "reason"},
        sequence=payload["sequence"],
        signer=document.public_key,
        id=document.digest,
        needed=needed,
        joins=tuple(joins),
    )


def not_served(must: str, *, given: str, do: str, **fields: int) -> ModelRefusedError:
    """The refusal to serve a model."""
    return ModelRefusedError(f"a model is served only if {must}", given=given, do=do, **fields)
