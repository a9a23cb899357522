"""A signed list of people in which nobody can be found without its key: the file that `Suppressions` answers from.

::

    the first line   JSON: the signed header, see `Header`
    the rest         16 bytes a person, sorted: HMAC-SHA256 of their id under the key of these lists, cut

Notes
-----
The file holds no id, and a guess cannot be confirmed without the key. Its size tells how many people are listed, and
whoever has the key can ask about anybody: file and key stay with the service and the officer, inside the boundary.

What is signed begins with a prefix of its own, so that an approval of a model is never taken for a list, nor a list
for an approval. The signature is checked before a byte after the first line is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.errors import RefusedError, UsageError
from tactful.scoring import withdrawn_marks
from tactful.scoring.signing import SignedDocument
from tactful.scoring.suppression_marks import MARK, key_check

Basis = Literal["consent", "objection"]
"""Whom a list holds. ``consent``: those who agreed, and nobody else is profiled. ``objection``: those who may not be
profiled, and everybody else is."""

PURPOSE = "personalization.recommendations"
"""What people are asked before their history is read to recommend to them."""

_SCHEMA = 1
_HEADER_AT_MOST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a list says about itself, signed.

    Attributes
    ----------
    basis : Basis
        Whom it holds.
    purpose : str
        What they were asked.
    made_at : datetime, with zone
        When the consents were read.
    expires_at : datetime, with zone
        Until when it holds at most: whoever is listed as agreeing does so until then, unless they change their mind.
    people : int
        How many are listed.
    sha256 : str
        Of everything after the first line.
    key_check : str
        Sixteen digits that tell under which key the ids were hashed, and nothing else about it.
    """

    basis: Basis
    purpose: str
    made_at: datetime
    expires_at: datetime
    people: int
    sha256: str
    key_check: str


def write_list(
    path: str | Path,
    marks: bytes,
    *,
    basis: Basis,
    purpose: str = PURPOSE,
    made_at: datetime,
    expires_at: datetime,
    key: bytes,
    signer: Ed25519PrivateKey,
) -> None:
    """The list is at `path`, whole, signed and on disk, or what was there before still is.

    Withdrawals that were noted beside it before `made_at` are forgotten: this list knows of them.

    Parameters
    ----------
    path : str or Path
        Its owner and group may read the file.
    marks : bytes
        Of each person `MARK` bytes, sorted, each once.
    basis, purpose, made_at, expires_at
        See `Header`.
    key : bytes of length 32
        The key that the marks were made with.
    signer : Ed25519PrivateKey
        Of whoever answers for the list.

    Raises
    ------
    UsageError
        If the folder does not exist or cannot be written, or the marks or the times are not as described.
    RefusedError
        If a list that says it was made later is there: whoever left meanwhile would be profiled again.

    Notes
    -----
    **Privacy.** *Reads* marks of people. *Returns* a file for inside the boundary. *Costs* nothing. *Assumes* services
    keep the file where only they and the officer can read it.
    """
    path = Path(path)
    each = [marks[at : at + MARK] for at in range(0, len(marks), MARK)]
    if len(marks) % MARK or any(one >= next_one for one, next_one in pairwise(each)) or made_at >= expires_at:
        raise UsageError(
            "a list holds whole marks in order, each once, and ends after it began",
            given="this one does not",
            do="Make it with tactful.personal.objections",
        )
    if path.exists() and not path.is_file():
        raise UsageError("a list replaces a list or nothing", given=f"{path} is no plain file", do="Correct the path")
    payload = {
        "schema": _SCHEMA,
        "basis": basis,
        "purpose": purpose,
        "made_at": made_at.isoformat(),
        "expires_at": expires_at.isoformat(),
        "people": len(each),
        "sha256": hashlib.sha256(marks).hexdigest(),
        "key_check": key_check(key),
    }
    header = SignedDocument.sign(payload, signer, purpose="suppressions").to_json().encode("ascii")
    with withdrawn_marks.writing(path):
        _check_not_older(path, made_at)
        _replace(path, header + b"\n" + marks)
        withdrawn_marks.compact(path, made_at, _replace)


def opened(path: Path) -> BinaryIO:
    """The file, opened without waiting at a pipe; links are followed, since what is signed vouches for itself.

    Raises
    ------
    OSError
        If it cannot be opened.
    RefusedError
        If it is no plain file.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise refused("is a plain file", "it is none")
    return file


def read_header(file: BinaryIO, *, trusted: frozenset[str]) -> Header:
    """The header, signed by one of the trusted keys; the file stands where the marks begin.

    Raises
    ------
    RefusedError
        If there is none, it was altered, or its signer is not trusted.
    OSError
        If the file cannot be read.
    """
    line = file.readline(_HEADER_AT_MOST)
    if not line.endswith(b"\n"):
        raise refused("begins with a signed header", "it does not")
    document = SignedDocument.from_json(line[:-1])
    if document.public_key not in trusted:
        raise refused("is signed by a key that the service trusts for lists", "its signer is not one")
    document.verify(purpose="suppressions")
    return _parsed(dict(document.payload))


def read_marks(file: BinaryIO, header: Header) -> bytes:
    """The marks after a header, which are those it was signed over.

    They are read, not mapped: a list that is copied over in place would otherwise take the service down.

    Raises
    ------
    RefusedError
        If they are not.
    OSError
        If the file cannot be read.
    """
    wanted = header.people * MARK
    if os.fstat(file.fileno()).st_size - file.tell() != wanted:
        raise refused("is as long as its header says", "it is not")
    marks = file.read(wanted)
    if hashlib.sha256(marks).hexdigest() != header.sha256:
        raise refused("holds what was signed", "it was altered")
    return marks


def refused(must: str, given: str) -> RefusedError:
    """The refusal of a list."""
    return RefusedError(f"a suppression list {must}", given=given, do="Write it again: tactful suppressions")


def _parsed(payload: dict[str, Any]) -> Header:
    """The header in what was signed."""
    times = [_moment(payload.get(name)) for name in ("made_at", "expires_at")]
    sound = (
        set(payload) == {"schema", *Header.__annotations__}
        and payload["schema"] == _SCHEMA
        and payload["basis"] in get_args(Basis)
        and isinstance(payload["purpose"], str)
        and type(payload["people"]) is int
        and 0 <= payload["people"] < 2**40
        and all(isinstance(payload[name], str) for name in ("sha256", "key_check"))
    )
    made_at, expires_at = times
    if not sound or made_at is None or expires_at is None:
        raise refused("is of a kind that this version reads", "this one is not")
    return Header(
        **{name: payload[name] for name in Header.__annotations__} | {"made_at": made_at, "expires_at": expires_at}
    )


def _moment(text: object) -> datetime | None:
    """A time with its zone, if the text is one."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _check_not_older(path: Path, made_at: datetime) -> None:
    """Raise if the list at the path says that it was made later; whatever else is there may be replaced."""
    try:
        with path.open("rb") as file:
            found = re.search(rb'"made_at":"([^"]{1,64})"', file.readline(_HEADER_AT_MOST))
    except OSError:
        return
    there = _moment(found[1].decode("ascii", "replace")) if found else None
    if there is not None and there > made_at:
        raise RefusedError(
            "a list is not replaced by an older one",
            given=f"the one in {path.name} was made at {there.isoformat()}, this one at {made_at.isoformat()}",
            do="Make it again; if a clock was wrong, correct it and remove the file",
        )


def _replace(path: Path, content: bytes) -> None:
    """The file holds this, durably, or still what it held."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, 0o640)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # or a loss of power could put the list before back
    finally:
        os.close(folder)
