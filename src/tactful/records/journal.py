"""The journal's entries and the hash chain that binds them. No database here.

Each entry's digest covers the digest before it and the stored bytes of the entry, so that an edit, a removal in the
middle or a change of order shows. Bodies are hashed as the bytes that are stored and never parsed to verify: a body
that is encrypted, or whose key was destroyed, verifies like any other.

Notes
-----
A chain cannot show that its *end* was cut off: what remains is a chain. `tactful.records.anchor` keeps its head in a
file outside the database; one noted elsewhere (a commit, a mail) is handed to `verify` as ``expected_head``. Nor does a
chain show who wrote an entry: whoever may write to the database can write a whole new chain. What must be attributed
carries a signature in its body.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from tactful.errors import UsageError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

GENESIS = "0" * 64
"""What the first entry has as its ``previous``."""

ACT = "act"
"""Where in a body the signature of its actor stands, if they signed."""

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, as it stands in the journal.

    Attributes
    ----------
    sequence : int
        1, 2, … without a gap.
    time : datetime, UTC
        The writer's clock when it was written.
    kind : str
        Dotted lower-case words, e.g. ``budget.debited``.
    actor : str or None
        The public key of whoever did it; None where nobody was named.
    body : mapping
        What was written, read from JSON; it shows in no `repr`.
    previous, digest : str, 64 hex digits
        The digest of the entry before, and of this one.
    """

    sequence: int
    time: datetime
    kind: str
    actor: str | None
    body: Mapping[str, Any] = field(repr=False)
    previous: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry exactly as the table holds it."""

    sequence: int
    time: str
    kind: str
    actor: str | None
    body: bytes = field(repr=False)
    previous: str
    digest: str

    def parsed(self) -> Entry:
        """The entry with its time and body read."""
        return Entry(
            sequence=self.sequence,
            time=datetime.fromisoformat(self.time),
            kind=self.kind,
            actor=self.actor,
            body=json.loads(self.body),
            previous=self.previous,
            digest=self.digest,
        )

    def recomputed(self) -> str:
        """The digest these fields should have."""
        return digest_of(self.previous, self.sequence, self.time, self.kind, self.actor, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """Whether the chain holds.

    Attributes
    ----------
    ok : bool
    entries : int
        How many entries hold, counted from the first.
    head : str, 64 hex digits
        The digest of the last entry that holds; keep it elsewhere to notice a journal that was cut off.
    problem : str or None
        What is wrong, and at which entry.
    """

    ok: bool
    entries: int
    head: str
    problem: str | None

    def as_json(self) -> dict[str, JSON]:
        """The report as plain values."""
        return {"ok": self.ok, "entries": self.entries, "head": self.head, "problem": self.problem}


class Signer(Protocol):
    """Who signs what they append; `tactful.actors.Signature` is one."""

    @property
    def public(self) -> str:
        """The public key, as it stands in entries as their actor."""

    def sign(self, act: Mapping[str, JSON]) -> str:
        """The signature on an act."""


def seal(
    last: StoredEntry | None,
    *,
    kind: str,
    actor: str | None,
    body: Mapping[str, JSON],
    time: datetime,
    signer: Signer | None = None,
) -> StoredEntry:
    """The entry that follows `last`, with its digest; signed, if it is the signer's own.

    Raises
    ------
    UsageError
        If the kind is not dotted lower-case words, the actor is empty, or the body has a number JSON cannot hold or
        the name of the signature.
    """
    _check(kind, actor)
    if ACT in body:
        raise UsageError("a body leaves the signature to the journal", given=f"a key {ACT!r}", do="Name it otherwise")
    sequence, previous = (last.sequence + 1, last.digest) if last else (1, GENESIS)
    stamp = time.astimezone(UTC).isoformat(timespec="microseconds")
    if signer is not None and signer.public == actor:
        body = {**body, ACT: signer.sign(_act(previous, stamp, kind, body))}
    stored = canonical(body)
    digest = digest_of(previous, sequence, stamp, kind, actor, stored)
    return StoredEntry(
        sequence=sequence, time=stamp, kind=kind, actor=actor, body=stored, previous=previous, digest=digest
    )


def act_of(entry: StoredEntry) -> tuple[Mapping[str, JSON], str | None]:
    """What the actor of an entry signed if they did, and the signature in its body; None where there is none."""
    body = dict(json.loads(entry.body))
    signature = body.pop(ACT, None)
    return _act(entry.previous, entry.time, entry.kind, body), None if signature is None else str(signature)


def _act(previous: str, time: str, kind: str, body: Mapping[str, JSON]) -> dict[str, JSON]:
    """An entry as its actor signs it: what it says, when, and after which other, so that it fits nowhere else."""
    return {"previous": previous, "time": time, "kind": kind, "body": hashlib.sha256(canonical(body)).hexdigest()}


def canonical(body: Mapping[str, JSON]) -> bytes:
    """One byte string for one body: sorted keys, no spaces, UTF-8; floats read back exactly."""
    try:
        text = json.dumps(dict(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise UsageError(
            "a journal body holds finite numbers only", given=f"{error}", do="Leave the value out or write it as text"
        ) from error
    return text.encode()


def digest_of(previous: str, sequence: int, time: str, kind: str, actor: str | None, body: bytes) -> str:
    """SHA-256 of the fields, each with its length before it, so that no two entries have the same encoding."""
    fields = (
        b"tactful journal 1",
        previous.encode(),
        str(sequence).encode(),
        time.encode(),
        kind.encode(),
        b"-" if actor is None else b"+" + actor.encode(),
        body,
    )
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in fields)).hexdigest()


def check_chain(stored: Iterable[StoredEntry], *, expected_head: str | None = None) -> ChainReport:
    """What holds of the chain, up to the first entry that does not.

    Parameters
    ----------
    stored : iterable of StoredEntry, by sequence
    expected_head : str, optional
        A head seen before; it must be the digest of one of the entries, or the journal was cut off or replaced.
    """
    entries, head, seen = 0, GENESIS, expected_head in (None, GENESIS)
    for entry in stored:
        problem = _broken(entry, entries + 1, head)
        if problem:
            return ChainReport(ok=False, entries=entries, head=head, problem=problem)
        entries, head = entries + 1, entry.digest
        seen = seen or head == expected_head
    problem = None if seen else "the head seen before is not in the chain: entries were cut off or replaced"
    return ChainReport(ok=seen, entries=entries, head=head, problem=problem)


def _broken(entry: StoredEntry, sequence: int, head: str) -> str | None:
    """What is wrong with an entry that should have this sequence and follow this head."""
    if entry.sequence != sequence:
        return f"entry {sequence} is missing or out of order: found {entry.sequence} in its place"
    if entry.previous != head:
        return f"entry {sequence} does not follow the entry before it"
    try:
        holds = entry.recomputed() == entry.digest
    except (AttributeError, TypeError):
        holds = False
    return None if holds else f"entry {sequence} was changed after it was written"


def _check(kind: str, actor: str | None) -> None:
    """Raise unless the kind is dotted lower-case words and the actor, if any, is named."""
    if not _KIND.fullmatch(kind):
        raise UsageError("a kind is dotted lower-case words", given=repr(kind), do="Write it like budget.debited")
    if actor is not None and not actor.strip():
        raise UsageError("an actor is a public key or nobody", given="an empty text", do="Pass None for nobody")
