"""Erases people, and dies at a point that it is told: a program for `test_desk_killed.py`.

A line of input names a folder, a person and a point; the answer is how the run ended and how many points it passed.
Points are the calls that make something last: a file flushed, renamed or removed, a transaction committed.
"""

from __future__ import annotations

import json
import os
import posix
import signal
import sys
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import Any

from desk_world import DeskWorld
from tactful.desk.erasure import erase

_FILES = frozenset({"fsync", "replace", "rename", "unlink", "remove", "link"})


class Points:
    """Counts the points that are passed, and ends the process right before one of them."""

    def __init__(self, fatal: int) -> None:
        self.passed, self._fatal = 0, fatal

    def __call__(self, _frame: FrameType, event: str, called: Any) -> None:
        """What `sys.setprofile` calls."""
        if event == "c_call" and isinstance(called, BuiltinFunctionType) and _lasts(called):
            if self.passed == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self.passed += 1


def _lasts(called: BuiltinFunctionType) -> bool:
    """Whether a call makes something last."""
    owner = called.__self__
    return (owner is posix and called.__name__ in _FILES) or called.__name__ == "commit"


def _run(folder: str, user: str, fatal: int) -> int:
    """Erase somebody in this process; how many points were passed."""
    desk, points = DeskWorld.at(Path(folder)).desk(), Points(fatal)
    sys.setprofile(points)
    try:
        erase(desk, user)
    finally:
        sys.setprofile(None)
    return points.passed


def _answer(line: str) -> dict[str, Any]:
    """What became of a run in a process of its own."""
    folder, user, fatal = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            out.write(str(_run(folder, user, fatal)))
            out.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        passed = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status, "passed": int(passed) if passed else None}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(line)), flush=True)  # noqa: T201
