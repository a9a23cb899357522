"""What is written about models in the journal, and how it is read back.

Every statement is a payload with the signature of whoever makes it (a candidate that nobody signed has none and can
never be approved). Nothing here looks at MLflow: a state is what replaying the journal gives. Replaying believes no
order of entries that `tactful.assurance.approval` would not have written: whoever can write to the database, and even
has a key, cannot say a second thing about a training, repeat an old decision, or skip a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.assurance.model_book import Book, Candidate, CandidateEntry, Decision
from tactful.errors import JournalBrokenError, ModelRefusedError, RefusedError
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.signing import Purpose, SignedDocument

__all__ = ["Book", "Candidate", "CandidateEntry", "Decision", "record_candidate", "replay", "signed_body"]

KINDS = "model."
CANDIDATE, APPROVED, REJECTED = "model.candidate", "model.approved", "model.rejected"


def record_candidate(
    records: Records,
    *,
    candidate: Candidate,
    manifest_digest: str,
    document_digests: Mapping[str, str],
    verdicts: Mapping[str, str],
    noise: str,
    trainer: Ed25519PrivateKey | None,
) -> Entry:
    """The journal says who trained this candidate, and which bytes and verdicts it has.

    Parameters
    ----------
    records : Records
    candidate : Candidate
    manifest_digest : str
        What `tactful.scoring.artifact.write_artifact` returned.
    document_digests : mapping of str to str
        SHA-256 of each document as it was logged, by file name.
    verdicts : mapping of str to str
        Fairness rule to ``pass``, ``fail`` or ``insufficient evidence``.
    noise : str
        ``system`` or ``reproducible``.
    trainer : Ed25519PrivateKey, optional
        Signs the statement. Without it the candidate can be looked at, and never approved.

    Raises
    ------
    RefusedError
        The journal knows this logged model or these bytes already: what was said of a training is never said again.
    JournalBrokenError
        What the journal says about models does not hold.

    Privacy
    -------
    Reads: nothing about people. Returns: the entry. Costs: nothing.
    Assumes: the digests are of released documents, never of rows.
    """
    payload = {
        "schema": 1,
        "decision": "candidate",
        "model": candidate.model,
        "version": candidate.version,
        "run_id": candidate.run_id,
        "model_id": candidate.model_id,
        "manifest_digest": manifest_digest,
        "documents": dict(document_digests),
        "verdicts": dict(verdicts),
        "noise": noise,
    }
    signed = SignedDocument.sign(payload, trainer, purpose="candidate") if trainer else None
    unsigned: dict[str, Any] = {"payload": payload, "public_key": None, "signature": None}
    body = signed_body(signed) if signed else unsigned
    with records.transaction() as transaction:
        if replay(transaction.entries(KINDS)).knows(candidate, manifest_digest):
            raise RefusedError(
                "a candidate is recorded once",
                given="the journal has this version, or these bytes, already",
                do="Train again: that makes a new version",
            )
        return transaction.append(CANDIDATE, body, actor=signed.public_key if signed else None)


def signed_body(document: SignedDocument) -> dict[str, Any]:
    """A signed statement as the body of an entry."""
    return {
        "payload": dict(document.payload),
        "public_key": document.public_key,
        "signature": document.signature,
    }


def replay(entries: Iterable[Entry]) -> Book:
    """The book that these entries give, in their order.

    Raises
    ------
    JournalBrokenError
        A statement does not carry the signature it claims, is not about what its kind says, or could not be made at
        that point: a second one about the same candidate, a decision whose number does not rise or that is about no
        candidate, an approval after a rejection or by the candidate's own trainer.
    """
    book = Book(candidates=(), decisions=())
    for entry in entries:
        try:
            if entry.kind == CANDIDATE:
                book = replace(book, candidates=(*book.candidates, _candidate(entry, book)))
            elif entry.kind in {APPROVED, REJECTED}:
                book = replace(book, decisions=(*book.decisions, _decision(entry, book)))
        except (KeyError, TypeError, ValueError, ModelRefusedError) as error:
            raise _broken(
                entry, "a statement about a model carries the signature of whoever made it", "does not"
            ) from error
    return book


def _candidate(entry: Entry, book: Book) -> CandidateEntry:
    payload, key = entry.body["payload"], entry.body["public_key"]
    if key is not None:
        _verified(entry, "candidate", "candidate")
    place = {name: payload[name] for name in ("model", "version", "run_id", "model_id")}
    facts = {name: payload[name] for name in ("manifest_digest", "documents", "verdicts", "noise")}
    found = CandidateEntry(candidate=Candidate(**place), **facts, trainer=key, time=entry.time)
    if book.knows(found.candidate, found.manifest_digest):
        raise _broken(entry, "a candidate is recorded once", "is about one that was recorded before")
    return found


def _decision(entry: Entry, book: Book) -> Decision:
    document = _verified(entry, entry.kind.removeprefix(KINDS), "approval")
    found = Decision(document=document, name=entry.body["name"], time=entry.time)
    subject = book.subject(found)
    if subject is None:
        raise _broken(entry, "a decision is about a candidate recorded before it", "is about none")
    if type(document.payload["sequence"]) is not int or found.sequence < book.next_sequence(found.model):
        raise _broken(entry, "the number of a decision is above all those before it", "has one that is not")
    if found.expires_at.tzinfo is None or not isinstance(document.payload["overrides"], Mapping):
        raise ValueError("not as decisions are written")
    if found.approved and not _may_approve(found, subject, book):
        raise _broken(entry, "an approval keeps the rules of approval", "breaks one")
    return found


def _may_approve(decision: Decision, subject: CandidateEntry, book: Book) -> bool:
    """Whether the candidate is another's, made with real noise, not rejected, and exactly the open rules overridden."""
    latest = book.latest(subject)
    open_rules = {rule for rule, verdict in subject.verdicts.items() if verdict != "pass"}
    return (
        subject.trainer not in {None, decision.document.public_key}
        and subject.noise == "system"
        and (latest is None or latest.approved)
        and open_rules == set(decision.document.payload["overrides"])
    )


def _verified(entry: Entry, decision: str, purpose: Purpose) -> SignedDocument:
    fields = {name: entry.body[name] for name in ("payload", "public_key", "signature")}
    document = SignedDocument(**fields)
    document.verify(purpose=purpose)
    if document.payload["decision"] != decision or entry.actor != document.public_key:
        raise ValueError("the statement is of another kind, or another's")
    return document


def _broken(entry: Entry, must: str, given: str) -> JournalBrokenError:
    return JournalBrokenError(
        must,
        given=f"entry {entry.sequence} ({entry.kind}) {given}",
        do="Run `tactful journal verify`, find out who wrote it, and restore the records from a copy",
    )
