"""The head of the journal in a file outside the database, so that a journal that was cut off or replaced shows.

The file names the journal (the digest of its first entry), its last entry, and since which entry it has been kept. It
lies beside a SQLite file as ``<file>.head``; for a server's database it is ``models/journal-<12 digits>.head``, by the
address; ``TACTFUL_JOURNAL_HEAD`` names another file, or a folder for it, and wins.

Notes
-----
It is written beside its place before each commit and put there after it, under a lock that is taken first; so the file
only ever goes forward, whatever dies in between leaves an older head, which still is in the chain, and where it cannot
be written nothing is committed. That it could be written and not be put in its place is all that can fail afterwards:
what was committed holds, and a warning says so at each commit (logger ``tactful.records``; without handlers, stderr).

It moves only if the entry it names still is where it was: when the end of the journal is gone, the file keeps saying
so, however much is appended afterwards, until somebody accepts the journal as it is and says why
(`tactful.records.store.Records.accept`). A journal that has entries and no head is told as such, and does not stop
anybody: a copy may have come without the file, another machine or folder begins to keep its own, and whoever can remove
the file can as well write one that agrees. The next commit makes a fresh head, which says since which entry it has been
kept. A writer that died in its first commit left what it had written beside the place: that counts while there is
nothing else and the journal agrees.

Whoever can write both the database and the file can make them agree. Keep the file where the database's owner cannot
write, or note the head elsewhere from time to time.

The file is longer than most: when the head moves, and when it must not, is one thing to read.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from tactful.errors import UsageError
from tactful.records.journal import JSON, StoredEntry

VARIABLE = "TACTFUL_JOURNAL_HEAD"
WAIT_SECONDS = 30
_LARGEST = 4096
_LOG = logging.getLogger("tactful.records")

DigestAt = Callable[[int], str | None]
State = Literal["ok", "behind", "missing", "cut off", "rewritten", "another journal", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a journal ended.

    Attributes
    ----------
    journal : str, 64 hex digits
        The digest of its first entry: which journal it is.
    sequence : int
        The number of its last entry.
    digest : str, 64 hex digits
        The digest of its last entry.
    time : str
        When that was written.
    since : int
        The number of the entry with which this file began to be kept.
    """

    journal: str
    sequence: int
    digest: str
    time: str
    since: int

    def as_json(self) -> dict[str, JSON]:
        """The head as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorReport:
    """What the head in the file says of the journal.

    Attributes
    ----------
    state : State
        ``ok``, or ``behind``: the file's head is in the journal, which went on. ``missing``: there is no file, though
        the journal has entries. Anything else is a journal that is not what it was.
    path : Path
        Where the file is.
    head : Head or None
        What it says.
    problem : str or None
        What is wrong, and with which entries.
    note : str or None
        What a reader should know although it is not wrong.
    """

    state: State
    path: Path
    head: Head | None
    problem: str | None = None
    note: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the journal."""
        return self.problem is None


class Anchor:
    """The file that keeps the head of one journal."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, address: str, sqlite_file: str | None) -> Anchor:
        """The one that belongs to records at this address; nothing is read or made.

        Parameters
        ----------
        address : str
            Without a password.
        sqlite_file : str or None
            Where the records are a file of SQLite's, that.
        """
        named, name = os.environ.get(VARIABLE), f"journal-{sha256(address.encode()).hexdigest()[:12]}.head"
        if named:
            return cls(Path(named) / name if Path(named).is_dir() else Path(named))
        if sqlite_file and not sqlite_file.startswith("file:"):
            return cls(Path(f"{sqlite_file}.head"))
        return cls(Path("models") / name)

    def __repr__(self) -> str:
        return f"Anchor({self.path})"

    def read(self) -> Head | None:
        """What the file says; None if there is none.

        Raises
        ------
        UsageError
            If it cannot be read, or is none that this module wrote.
        """
        return self._read(self.path)

    def _read(self, path: Path) -> Head | None:
        """What a file says; see `read`."""
        try:
            with path.open("rb") as file:
                head = Head(**json.loads(file.read(_LARGEST)))
            if [type(value) for value in (head.journal, head.sequence, head.digest, head.since)] != [
                str,
                int,
                str,
                int,
            ]:
                raise ValueError
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                "the file with the journal's head must be as tactful wrote it",
                given=f"{path} is not ({type(error).__name__})",
                do="Restore it from a copy, or run: tactful journal accept --reason TEXT",
            ) from None
        return head

    @contextmanager
    def moving(
        self, last: StoredEntry, digest_at: DigestAt, *, first: int, accepted: bool = False
    ) -> Iterator[Callable[[], None]]:
        """The file is this writer's own until the end; what is given writes the new head, to be called once committed.

        Parameters
        ----------
        last : StoredEntry
            The newest entry.
        digest_at : callable
            The digest of the entry with this number, if there is one.
        first : int
            The number of the first entry that this writer appended.
        accepted : bool, default=False
            Whether the new head counts whatever the file says.

        Raises
        ------
        UsageError
            If the file's folder cannot be written, or another writer does not let go of it.
        """
        with self._locked():
            head = self._next(last, digest_at, first=first, accepted=accepted)
            if head is not None:
                self._write(head)
            yield (lambda: self._settle(last.sequence)) if head else (lambda: None)

    def compare(self, last: StoredEntry | None, digest_at: DigestAt) -> AnchorReport:
        """What the file says of a journal with this last entry. Writes nothing."""
        try:
            head = self.read() or self._left(last, digest_at)
        except UsageError as error:
            return AnchorReport(state="unreadable", path=self.path, head=None, problem=error.given)
        if head is None:
            missing = f"there is no {self.path}: whether entries were cut off at the end cannot be told"
            return AnchorReport(
                state="missing" if last else "ok", path=self.path, head=None, note=missing if last else None
            )
        state, problem = _compared(head, last, digest_at)
        return AnchorReport(
            state=state, path=self.path, head=head, problem=problem, note=None if problem else _note(head, last)
        )

    def _next(self, last: StoredEntry, digest_at: DigestAt, *, first: int, accepted: bool) -> Head | None:
        """The head to write; None if the file says of this journal that it is not what it was."""
        try:
            before = None if accepted else self.read() or self._left(last, digest_at)
        except UsageError:
            return None
        if before is not None and _compared(before, last, digest_at)[1] is not None:
            return None
        journal = before.journal if before else str(digest_at(1))
        since = before.since if before else first
        return Head(journal=journal, sequence=last.sequence, digest=last.digest, time=last.time, since=since)

    @property
    def _fresh(self) -> Path:
        """Where a head is written before it is put in its place."""
        return self.path.with_name(f"{self.path.name}.new")

    def _left(self, last: StoredEntry | None, digest_at: DigestAt) -> Head | None:
        """What a writer wrote that died before it could put it in its place, if the journal agrees."""
        try:
            head = self._read(self._fresh)
        except UsageError:
            return None
        return None if head is None or _compared(head, last, digest_at)[1] is not None else head

    def _write(self, head: Head) -> None:
        """The head lies beside its place, whole and durable, before what it names is committed."""
        try:
            descriptor = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(head.as_json()).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(f"{error.strerror} ({self._fresh})") from None

    def _settle(self, sequence: int) -> None:
        """The file is replaced whole; if it cannot be, the older head stays, is true as well, and that is told."""
        try:
            self._fresh.replace(self.path)
        except OSError as error:
            _LOG.warning(
                "entry %d of the journal is written, its head is not: %s (%s). What is cut off after the head kept "
                "there does not show: free the file, or set %s",
                sequence,
                error.strerror,
                self.path,
                VARIABLE,
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else moves the head meanwhile."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritable(f"{error.strerror} ({lock})") from None
        try:
            _take(descriptor, lock)
            yield
        finally:
            os.close(descriptor)


def _take(descriptor: int, lock: Path) -> None:
    """The lock, waited for."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise _unwritable(f"another process holds {lock}") from None
            time.sleep(0.002)


def _compared(head: Head, last: StoredEntry | None, digest_at: DigestAt) -> tuple[State, str | None]:
    """How a head and a journal stand to each other, and what is wrong."""
    ends = last.sequence if last else 0
    if last is not None and digest_at(1) != head.journal:
        return "another journal", "the first entry is another than that of the journal whose head was kept"
    if ends < head.sequence:
        gone = (
            f"entry {head.sequence} is" if head.sequence == ends + 1 else f"entries {ends + 1} to {head.sequence} are"
        )
        return "cut off", f"{gone} missing at the end; the last of them was written at {head.time}"
    if digest_at(head.sequence) != head.digest:
        return "rewritten", f"entry {head.sequence} is another than it was when its digest was kept, at {head.time}"
    return ("ok" if ends == head.sequence else "behind"), None


def _note(head: Head, last: StoredEntry | None) -> str | None:
    """What to know of a head that agrees."""
    notes = []
    if last is not None and last.sequence > head.sequence:
        notes.append(f"the head was kept up to entry {head.sequence}, so what is cut off after that does not show")
    if head.since > 1:
        notes.append(f"the head has been kept since entry {head.since}: what was cut off before that does not show")
    return "; ".join(notes) or None


def _unwritable(given: str) -> UsageError:
    """The error for a head that cannot be kept."""
    return UsageError("the journal's head must be kept beside it", given=given, do=f"Free the file, or set {VARIABLE}")
