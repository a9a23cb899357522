"""Which approvals were seen before, so that an old model cannot be put back in place of a newer one.

The highest sequence number of each model is kept for the life of the process and, if a file is named, there too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from tactful.errors import ModelRefusedError
from tactful.scoring import strict_json

_VARIABLE = "TACTFUL_SEEN_FILE"


class SeenSequences:
    """The highest sequence number of each model that was loaded. It only rises."""

    __slots__ = ("_highest", "_lock")

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self._lock = Lock()

    def admit(self, model: str, sequence: int, *, file: str | Path | None = None) -> None:
        """The sequence number is now the highest one seen of this model.

        Parameters
        ----------
        model : str
        sequence : int
        file : str or Path, optional
            Where the numbers outlive the process (JSON); else what ``TACTFUL_SEEN_FILE`` names, else nowhere.

        Raises
        ------
        ModelRefusedError
            If a higher one was seen, or the file cannot be read or written: then a rollback cannot be ruled out.
        """
        named = file if file is not None else os.environ.get(_VARIABLE)
        with self._lock:
            _check(self._highest.get(model, sequence), sequence, model)
            if named:
                _admit_in_file(Path(named), model, sequence)
            self._highest[model] = sequence


def _check(highest: int, sequence: int, model: str) -> None:
    """Raise if a later approval was seen."""
    if sequence < highest:
        raise ModelRefusedError(
            "an earlier approval is not served again once a later one was seen",
            given=f"{model}: this is number {sequence}, seen was {highest}",
            do="Load the champion; to go back to an earlier version, approve it anew",
            sequence=sequence,
            highest=highest,
        )


def _admit_in_file(path: Path, model: str, sequence: int) -> None:
    """The same in a file that several processes may share; replaced whole, never half-written."""
    try:
        with _locked(path):
            seen = _read(path)
            _check(seen.get(model, sequence), sequence, model)
            if seen.get(model) != sequence:
                _replace(path, seen | {model: sequence})
    except (OSError, strict_json.NotStrictJsonError) as error:
        raise ModelRefusedError(
            "the file of seen approvals must be readable and writable",
            given=f"{path} is not: {type(error).__name__}",
            do=f"Correct {_VARIABLE} or the file; deleting it forgets what was seen",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other process is between reading and writing."""
    import fcntl  # not on every platform, and needed only where a file is named

    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, int]:
    """The numbers of the file; none if it does not exist yet."""
    if not path.exists():
        return {}
    seen = strict_json.parse(path.read_bytes())
    if not isinstance(seen, dict) or not all(type(number) is int for number in seen.values()):
        raise strict_json.NotStrictJsonError("not a table of numbers")
    return seen


def _replace(path: Path, seen: dict[str, int]) -> None:
    """The file holds these numbers, durably, or still the old ones."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(strict_json.canonical(seen))
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


PROCESS = SeenSequences()
"""What this process has seen; the one piece of state in scoring, because a rollback is a matter of time."""
