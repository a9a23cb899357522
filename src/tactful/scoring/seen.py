"""Which decisions were seen before, so that an old or rejected model cannot be put back in place of a newer one.

The highest approval of each model and every rejection and retirement met are kept for the life of the process and,
where there is a place for it, in a file.

Notes
-----
Only what was seen can be remembered: by loading a model here, or by deciding about one on this machine. Whoever may
delete the file makes a service forget.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from tactful.errors import ModelRefusedError
from tactful.scoring import strict_json
from tactful.scoring.address import sqlite_file
from tactful.scoring.statement import Statement

_VARIABLE = "TACTFUL_SEEN_FILE"
_FILE = "seen.json"

_Seen = dict[str, int]
"""Numbers of decisions: "model" has its highest approval, "model/manifest digest" the rejection of that artifact, and
"model/manifest digest/retired" its last retirement. No name of a model has a slash."""


def seen_place(named: str | Path | None = None, *, store: str | None = None) -> Path | None:
    """Where what was seen outlives the process; None if it does not.

    Parameters
    ----------
    named : str or Path, optional
        The caller's wish. Without it, what ``TACTFUL_SEEN_FILE`` names.
    store : str, optional
        The address of the MLflow store that a model comes from. If no file is named: ``seen.json`` beside a SQLite
        store, and for any other store in ``models/`` of the working folder, if that folder exists and is writable.
    """
    wanted = named or os.environ.get(_VARIABLE)
    if wanted or store is None:
        return Path(wanted) if wanted else None
    beside = sqlite_file(store)
    folder = beside.parent if beside else Path("models")
    return folder / _FILE if folder.is_dir() and os.access(folder, os.W_OK) else None


class SeenSequences:
    """The decisions that were seen; it never forgets one."""

    __slots__ = ("_lock", "_seen")

    def __init__(self) -> None:
        self._seen: _Seen = {}
        self._lock = Lock()

    def admit(
        self, model: str, sequence: int, *, digest: str, file: Path | None = None, since: int | None = None
    ) -> None:
        """Remember an approval as the highest one seen of its model.

        Parameters
        ----------
        model : str
        sequence : int
        digest : str
            The manifest digest of what was approved.
        file : Path, optional
            Where what was seen outlives the process (JSON), see `seen_place`.
        since : int, optional
            Of several approvals that count together, the number of the first; `sequence` is the last one's.

        Raises
        ------
        ModelRefusedError
            If a higher one was seen, or a rejection of this artifact, or a retirement of it later than `since`, or the
            file cannot be read or written: then a rollback cannot be ruled out.
        """
        first = sequence if since is None else since
        self._update(lambda seen: _admitted(seen, model, sequence, digest, first), file)

    def reject(self, model: str, sequence: int, *, digest: str, file: Path | None = None) -> None:
        """Never admit an artifact again, whatever approval comes with it; other versions of the model are admitted.

        Parameters
        ----------
        model, sequence, digest, file
            Of the rejection, as for `admit`.

        Raises
        ------
        ModelRefusedError
            If the file cannot be read or written.
        """
        self._update(lambda _: {_rejection(model, digest): sequence}, file)

    def retire(self, model: str, sequence: int, *, digest: str, file: Path | None = None) -> None:
        """Admit an artifact only with an approval later than this retirement; other versions are admitted.

        Parameters
        ----------
        model, sequence, digest, file
            Of the retirement, as for `admit`.

        Raises
        ------
        ModelRefusedError
            If the file cannot be read or written.
        """
        name = _retirement(model, digest)
        self._update(lambda seen: {name: max(sequence, seen.get(name, sequence))}, file)

    def end(self, statement: Statement, *, file: Path | None = None) -> None:
        """Remember a rejection or a retirement that was met; see `reject` and `retire`."""
        remember = self.reject if statement.decision == "rejected" else self.retire
        remember(statement.model, statement.sequence, digest=statement.manifest_digest, file=file)

    def _update(self, change: Callable[[Mapping[str, int]], _Seen], file: Path | None) -> None:
        """What `change` says is remembered here and in the file, or, if it raises, in neither."""
        with self._lock:
            found = change(self._seen)
            if file:
                _update_file(file, change)
            self._seen |= found


def _rejection(model: str, digest: str) -> str:
    return f"{model}/{digest}"


def _retirement(model: str, digest: str) -> str:
    return f"{model}/{digest}/retired"


def _admitted(seen: Mapping[str, int], model: str, sequence: int, digest: str, since: int) -> _Seen:
    """What to remember of an approval; raise if a later one was seen, or a rejection, or a later retirement."""
    if _rejection(model, digest) in seen:
        raise ModelRefusedError(
            "a model that was rejected is not served again",
            given=f"a rejection of this version of {model} was seen, and now an approval lies in its place",
            do="Find out who put it there; load the champion",
        )
    retired = seen.get(_retirement(model, digest), since - 1)
    if since <= retired:
        raise ModelRefusedError(
            "a model that was retired is served again only with a later approval",
            given=f"{model}: this approval is number {since}, the retirement seen was {retired}",
            do="Load the champion, or approve this version anew",
            sequence=since,
            retired=retired,
        )
    highest = seen.get(model, sequence)
    if sequence < highest:
        raise ModelRefusedError(
            "an earlier approval is not served again once a later one was seen",
            given=f"{model}: this is number {sequence}, seen was {highest}",
            do="Load the champion, or approve this version anew; a new journal needs a new file of what was seen",
            sequence=sequence,
            highest=highest,
        )
    return {model: sequence}


def _update_file(path: Path, change: Callable[[Mapping[str, int]], _Seen]) -> None:
    """The same in a file that several processes may share; replaced whole, never half-written."""
    try:
        with _locked(path):
            before = _read(path)
            after = before | change(before)
            if after != before:
                _replace(path, after)
    except (OSError, strict_json.NotStrictJsonError) as error:
        raise ModelRefusedError(
            "the file of seen approvals must be readable and writable",
            given=f"{path} is not: {type(error).__name__}",
            do=f"Correct {_VARIABLE} or the file; deleting it forgets what was seen",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other process is between reading and writing."""
    import fcntl  # not on every platform, and needed only where there is a file

    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read(path: Path) -> _Seen:
    """The numbers of the file; none if it does not exist yet."""
    if not path.exists():
        return {}
    seen = strict_json.parse(path.read_bytes())
    if not isinstance(seen, dict) or not all(type(number) is int for number in seen.values()):
        raise strict_json.NotStrictJsonError("not a table of numbers")
    return seen


def _replace(path: Path, seen: _Seen) -> None:
    """The file holds these numbers, durably, or still the old ones."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(strict_json.canonical(seen))
            file.flush()
            os.fchmod(descriptor, 0o644)  # reviewers and services may be other users; nothing in it is secret
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


PROCESS = SeenSequences()
"""What this process has seen; the one piece of state in scoring, because a rollback is a matter of time."""
