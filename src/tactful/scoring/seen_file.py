"""The file of decisions that were seen: read without a lock, as it is replaced whole, and written under one.

Reviewers and services may be other users of one machine. Whoever may only read the file obeys it and writes nothing;
whoever could hold its lock, or put something else in its place, can at most make a load fail.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tactful.errors import ModelRefusedError
from tactful.scoring import strict_json

Numbers = dict[str, int]
Change = Callable[[Mapping[str, int]], Numbers]

_PATIENCE = 5.0  # seconds for a lock that others hold for some milliseconds
_PAUSE = 0.02
_LARGEST = 16 * 2**20  # bytes; a decision takes about a hundred
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_PLAINLY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no link is followed, no pipe waited for


def durable(path: Path | None) -> bool:
    """Whether what is seen from now on outlives the process: there is a place for it, which may be written."""
    if path is None or not os.access(path.parent, os.W_OK):
        return False
    lock = _lock_of(path)
    return not os.path.lexists(lock) or os.access(lock, os.R_OK)


def read(path: Path) -> Numbers:
    """The numbers of the file; none if it does not exist yet.

    Raises
    ------
    ModelRefusedError
        If it is a link, no plain file, not readable, or not what this module writes.
    """
    with _refusing(path):
        return _read(path)


def update(path: Path, change: Change) -> None:
    """What `change` says of the numbers in the file is in it; replaced whole, never half-written.

    Parameters
    ----------
    path : Path
        Several processes may share it. If it may only be read, it stays as it is.
    change : callable
        What to add, by what is there. What it raises is passed on, and nothing is written then.

    Raises
    ------
    ModelRefusedError
        If the file cannot be read, is not there and cannot be made, or another process does not let go of its lock.
    """
    with _refusing(path):
        if not _news(_read(path), change):
            return
        try:
            with _locked(path):
                before = _read(path)
                if _news(before, change):
                    _replace(path, before | change(before))
        except OSError as error:
            if error.errno not in _DENIED or not any(map(os.path.lexists, (path, _lock_of(path)))):
                raise


def _news(before: Numbers, change: Change) -> bool:
    return before | change(before) != before


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """What is wrong with the file refuses the model: a rollback cannot be ruled out then."""
    try:
        yield
    except (OSError, strict_json.NotStrictJsonError) as error:
        raise ModelRefusedError(
            "the file of seen approvals must be readable, and writable unless it exists",
            given=f"{path} is not: {type(error).__name__}",
            do="Correct TACTFUL_SEEN_FILE or the file; deleting it forgets what was seen",
        ) from error


def _read(path: Path) -> Numbers:
    try:
        descriptor = _plain(path, os.O_RDONLY)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        seen = strict_json.parse(file.read(_LARGEST))  # a table that is cut off is none
    if not isinstance(seen, dict) or not all(type(number) is int for number in seen.values()):
        raise strict_json.NotStrictJsonError("not a table of numbers")
    return seen


def _plain(path: Path, flags: int) -> int:
    """The plain file, opened."""
    descriptor = os.open(path, flags | _PLAINLY, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return descriptor


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other process is between reading and writing."""
    lock = _plain(_lock_of(path), os.O_RDONLY | os.O_CREAT)
    try:
        _hand_over(lock, path.parent.stat())
        _wait_for(lock, path)
        yield
    finally:
        os.close(lock)


def _hand_over(lock: int, folder: os.stat_result) -> None:
    """Whoever may write the folder may take the lock, and nobody else, for whoever can hold it stops all who write."""
    held = os.fstat(lock)
    if held.st_uid != os.geteuid():
        return
    writers = 0o600 | (0o060 if folder.st_mode & stat.S_IWGRP else 0) | (0o006 if folder.st_mode & stat.S_IWOTH else 0)
    if stat.S_IMODE(held.st_mode) != writers:
        os.fchmod(lock, writers)
    owner = folder.st_uid if held.st_uid == 0 else held.st_uid
    if (held.st_uid, held.st_gid) != (owner, folder.st_gid):
        with suppress(PermissionError):
            os.fchown(lock, owner, folder.st_gid)


def _wait_for(lock: int, path: Path) -> None:
    """The lock is held; raise if another process does not let go of it."""
    import fcntl  # not on every platform, and needed only where there is a file

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise ModelRefusedError(
                    "the file of seen approvals is locked for moments only",
                    given=f"another process holds {_lock_of(path)}",
                    do="Find out which, end it, and try again",
                ) from error
        time.sleep(_PAUSE)


def _replace(path: Path, seen: Numbers) -> None:
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
