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

from tactful.assurance.model_book import Book, Candidate, CandidateEntry, Decision, open_rules
from tactful.errors import JournalBrokenError, ModelRefusedError, RefusedError
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.signing import Purpose, SignedDocument

__all__ = ["Book", "Candidate", "CandidateEntry", "Decision", "record_candidate", "replay", "signed_body"]

KINDS = "model."
CANDIDATE, APPROVED, REJECTED, RETIRED = "model.candidate", "model.approved", "model.rejected", "model.retired"


def record_candidate(
    records: Records,
    *,
    candidate: Candidate,
    manifest_digest: str,
    document_digests: Mapping[str, str],
    verdicts: Mapping[str, str],
    noise: str,
    trainer: Ed25519PrivateKey | None,
    run: str | None = None,
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
    run : str, optional
        The training's own id, under which the journal says what it read and what it paid.

    Raises
    ------
    RefusedError
        The journal knows this logged model or these bytes already: what was said of a training is never said again.
    JournalBrokenError
        What the journal says about models does not hold.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* the entry. *Costs* nothing. *Assumes* the digests are of
    released documents, never of rows.
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
        **({} if run is None else {"run": run}),
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
        candidate or states other facts than its own, an approval after a rejection or by the candidate's own trainer,
        an approval that joins others than those it could, a retirement of what is not approved.
    """
    book = Book(candidates=(), decisions=())
    for entry in entries:
        try:
            if entry.kind == CANDIDATE:
                book = replace(book, candidates=(*book.candidates, _candidate(entry, book)))
            elif entry.kind in {APPROVED, REJECTED, RETIRED}:
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
    found = CandidateEntry(candidate=Candidate(**place), **facts, trainer=key, time=entry.time, run=payload.get("run"))
    if book.knows(found.candidate, found.manifest_digest):
        raise _broken(entry, "a candidate is recorded once", "is about one that was recorded before")
    return found


def _decision(entry: Entry, book: Book) -> Decision:
    document = _verified(entry, entry.kind.removeprefix(KINDS), "approval")
    joins = document.payload.get("joins", [])
    joined = _joined(joins, book.last(str(document.payload["model"])))
    found = Decision(document=document, name=entry.body["name"], time=entry.time, joined=joined)
    subject = book.subject(found)
    if subject is None:
        raise _broken(entry, "a decision is about a candidate recorded before it", "is about none")
    if type(document.payload["sequence"]) is not int or found.sequence < book.next_sequence(found.model):
        raise _broken(entry, "the number of a decision is above all those before it", "has one that is not")
    if found.expires_at.tzinfo is None or not isinstance(document.payload["overrides"], Mapping) or found.needed < 1:
        raise ValueError("not as decisions are written")
    if any(document.payload.get(name, fact) != fact for name, fact in _facts(subject).items()):
        raise _broken(entry, "a decision states the facts of its candidate as recorded", "states others")
    if [each.id for each in joined] != joins or (joined and not _may_join(found, book.last(found.model))):
        raise _broken(entry, "an approval joins those that wait for it", "joins others")
    if found.approved and not _may_approve(found, subject, book):
        raise _broken(entry, "an approval keeps the rules of approval", "breaks one")
    if found.decision == "retired" and not _may_retire(subject, book):
        raise _broken(entry, "what is retired was approved before", "retires what is not")
    return found


def _facts(subject: CandidateEntry) -> dict[str, Any]:
    """What a decision repeats of the candidate's entry; decisions of the first kind did not yet."""
    return {
        "run_id": subject.candidate.run_id,
        "documents": dict(subject.documents),
        "verdicts": dict(subject.verdicts),
    }


def _joined(joins: list[str], last: Decision | None) -> tuple[Decision, ...]:
    """The approvals that wait for this one; none if it names none."""
    return (*last.joined, last) if joins and last is not None else ()


def _may_join(decision: Decision, last: Decision | None) -> bool:
    """Whether an approval follows at once on those that it joins, which wait for another key, about the same bytes."""
    return (
        last is not None
        and decision.approved
        and bool(last.missing)
        and decision.sequence == last.sequence + 1
        and decision.document.public_key not in last.signers
        and (last.version, last.document.payload["manifest_digest"])
        == (decision.version, decision.document.payload["manifest_digest"])
    )


def _may_approve(decision: Decision, subject: CandidateEntry, book: Book) -> bool:
    """Whether the candidate is another's, made with real noise, not rejected, and exactly the open rules overridden.

    Of a rejection before it, an approval may say under signature that nobody had a right to make it: whose right it was
    is not in the journal, so that is for `tactful verify` to judge.
    """
    rejections = [each.id for each in book.rejections(subject)]
    return (
        subject.trainer not in {None, decision.document.public_key}
        and subject.noise == "system"
        and decision.document.payload.get("not_counted", []) == rejections
        and set(open_rules(subject.verdicts)) == set(decision.document.payload["overrides"])
    )


def _may_retire(subject: CandidateEntry, book: Book) -> bool:
    """Whether the last word about the candidate was an approval."""
    latest = book.latest(subject)
    return latest is not None and latest.approved


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
