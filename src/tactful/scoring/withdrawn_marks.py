"""Who withdrew since a suppression list was made: a file beside it that takes away and never gives.

::

    <list>.withdrawn     24 bytes a withdrawal, one after the other:
                         8 bytes    when it was noted: microseconds since 1970 in UTC, most significant byte first;
                                    from `FOR_GOOD` on: that no list ends it, and under which key the mark was made
                         16 bytes   the person's mark, as in the list; all ones: everybody

A withdrawal counts while no list that was made after it lies there: whoever made a later one had read it.

Notes
-----
**It carries no signature.** To be on it takes profiling away, under both kinds of list, and nothing on it gives any.
Whoever may write it can therefore forge nothing but refusals, and could as well have deleted the list, to the same
effect. What remains to them is to *remove* somebody's line. That brings back no more than what the officer signed, and
only until the next list, or the end of this one; and a service that has seen a line keeps it until then, whatever
becomes of the file. So the folder of a list is to be written by the officer and whoever takes withdrawals alone.

**A line cut short** (power lost, disk full in the middle of a write) could be anybody's: services then profile nobody.
The next `append` writes "everybody" in its place, so that it keeps its meaning until a later list lies there. That list
has read the withdrawal itself, which was stored before it was noted here.

**One writer at a time.** To append, and to replace a list, is to hold the lock of their folder. Nothing is ever changed
in place except a line cut short: a new list removes lines older than itself by replacing the file, after it lies there
itself. So whoever reads first the lines and then the list never misses one.

The clocks of whoever takes withdrawals and whoever makes lists are taken to agree, as on one machine. Where the first
is behind by a minute, a withdrawal may be taken for older than a list that was made in that minute.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tactful.errors import UsageError
from tactful.scoring.suppression_marks import MARK

EVERYBODY = b"\xff" * MARK
"""Stands for all people: a mark that nobody has."""

FOR_GOOD = datetime(9999, 12, 31, tzinfo=UTC)
"""The time from which on a line is one that no list ends: of somebody whom no table names any more, so that no list
could hold them."""

Stamp = tuple[int, ...]
"""What changes with a file; empty where there is none."""

_CHECK = 8  # digits of a key's check: as microseconds they are 72 minutes at most
_TIME = 8
_LINE = _TIME + MARK
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def beside(path: Path) -> Path:
    """The file of withdrawals that belongs to a list."""
    return path.with_name(f"{path.name}.withdrawn")


def for_good_under(check: str) -> datetime:
    """The time of a line that no list ends; it tells under which key the mark was made.

    Parameters
    ----------
    check : str
        The `tactful.scoring.suppression_marks.key_check` of that key.
    """
    return FOR_GOOD + timedelta(microseconds=int(check[:_CHECK], 16))


def append(path: str | Path, marks: Iterable[bytes], at: datetime) -> None:
    """These people are profiled no more by services that read the list at `path`, from the next request; it is on disk.

    Parameters
    ----------
    path : str or Path
        The list. It need not be there.
    marks : iterable of bytes of length `MARK`
        Of those who withdrew, or `EVERYBODY`.
    at : datetime, with zone
        A time **after** the withdrawal could be read by whoever makes lists; or that of `for_good_under`.

    Raises
    ------
    UsageError
        If a mark or the time is none, or the folder or the file cannot be written.

    Notes
    -----
    **Privacy.** *Reads* marks of people. *Returns* nothing; the file is for inside the boundary. *Costs* nothing.
    *Assumes* what this module's notes say of the folder and the clocks.
    """
    path, marks = Path(path), list(marks)
    if any(len(mark) != MARK for mark in marks) or at.tzinfo is None:
        raise UsageError(
            f"a withdrawal is noted by a mark of {MARK} bytes and a time with its zone",
            given="one has another form",
            do="Make the mark with tactful.scoring.suppression_marks",
        )
    lines = b"".join(_line(mark, at) for mark in marks)
    until_the_next_list = at if at < FOR_GOOD else datetime.now(UTC)
    with writing(path):
        _write_behind(beside(path), lines, _line(EVERYBODY, until_the_next_list))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """No other process replaces the list at `path` or notes a withdrawal beside it meanwhile.

    Raises
    ------
    UsageError
        If the folder does not exist, or something in it cannot be written.
    """
    import fcntl  # not on every platform, and needed only where lists are written

    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # that of the open folder: it goes with the process, whatever ends it
            yield
            os.fsync(folder)  # or a loss of power could take away a file that is new
        finally:
            fcntl.flock(folder, fcntl.LOCK_UN)  # a process that was forked meanwhile would go on holding it
            os.close(folder)
    except OSError as error:
        raise UsageError(
            "a list is written to a folder that exists and may be written",
            given=f"{path.parent}: {type(error).__name__}",
            do="Correct the path",
        ) from error


def compact(path: Path, made_at: datetime, replace: Callable[[Path, bytes], None]) -> None:
    """Lines that are older than the list which lies at `path` are gone; only inside `writing`.

    Parameters
    ----------
    path : Path
        The list.
    made_at : datetime, with zone
        When it was made.
    replace : callable
        Puts bytes in place of a file, durably.

    Notes
    -----
    A line cut short is as old as the file, and becomes "everybody" if it is not older than the list. A file without a
    line stays: that somebody's line came and went must not look as if nothing had happened.
    """
    found = _content(beside(path))
    lines = [found[at : at + _LINE] for at in range(0, len(found), _LINE)]
    if lines and len(lines[-1]) < _LINE:
        lines[-1] = _line(EVERYBODY, datetime.fromtimestamp(beside(path).stat().st_mtime, UTC))
    kept = [line for line in lines if int.from_bytes(line[:_TIME], "big") >= _micros(made_at)]
    if len(kept) < len(lines) or len(found) % _LINE:
        replace(beside(path), b"".join(kept))


def stamp(path: str) -> Stamp:
    """What changes whenever the file does; empty if it is not there.

    A link that leads nowhere is no missing file: what it led to may hold somebody.

    Raises
    ------
    OSError
        If nobody can tell.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  (at each request: a Path costs as much again)
    except FileNotFoundError:
        if os.path.islink(path):  # noqa: PTH114
            raise
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(path: str) -> tuple[Stamp, dict[bytes, int]]:
    """The stamp of a file of withdrawals and, of each mark, when it was noted last, in microseconds since 1970.

    Raises
    ------
    OSError
        If it is there and cannot be read.
    ValueError
        If its last line is cut short.
    """
    before = stamp(path)
    found = _content(Path(path)) if before else b""
    if len(found) % _LINE:
        raise ValueError("the last line is cut short")
    noted: dict[bytes, int] = {}
    for at in range(0, len(found), _LINE):
        mark, time = found[at + _TIME : at + _LINE], int.from_bytes(found[at : at + _TIME], "big")
        noted[mark] = max(time, noted.get(mark, 0))
    return before, noted


def for_good(path: Path, check: str) -> tuple[list[bytes], int]:
    """The marks that no list ends, beside the list at `path`: those made under this key, and how many under others.

    Parameters
    ----------
    path : Path
        The list.
    check : str
        The `tactful.scoring.suppression_marks.key_check` of the key.

    Raises
    ------
    UsageError
        If the file is there and cannot be read to its end.
    """
    try:
        noted = read(str(beside(path)))[1]
    except (OSError, ValueError) as error:
        raise UsageError(
            "what was noted beside a list is readable",
            given=f"{beside(path)}: {type(error).__name__}",
            do=f"Write the list {path.name} again, or mend the file",
        ) from error
    mine = [mark for mark, time in noted.items() if time == _micros(for_good_under(check))]
    return mine, sum(time >= _micros(FOR_GOOD) for time in noted.values()) - len(mine)


def since(noted: dict[bytes, int], made_at: datetime) -> dict[bytes, int]:
    """Those that count beside a list that was made then."""
    begins = _micros(made_at)
    return {mark: time for mark, time in noted.items() if time >= begins}


def _content(path: Path) -> bytes:
    """All of a plain file, opened without waiting at a pipe; nothing if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no plain file")
        return file.read()


def _write_behind(path: Path, lines: bytes, cut_short: bytes) -> None:
    """The lines stand at the end of the file, on disk; a line cut short has become another."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no plain file")
        torn = found.st_size % _LINE
        if not found.st_size:
            os.fchmod(descriptor, 0o640)  # the group of the list is to read it, whatever the umask
        _write_all(descriptor, (cut_short if torn else b"") + lines, found.st_size - torn)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes, at: int) -> None:
    """All the bytes are in the file from there on."""
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], at + done)


def _line(mark: bytes, at: datetime) -> bytes:
    """One withdrawal as it is written."""
    return _micros(at).to_bytes(_TIME, "big") + mark


def _micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return max((at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1), 0)
