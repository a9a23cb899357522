"""The command line as a test calls it, in this process."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import pytest

from tactful.cli import main


class Called(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object on the last line of standard output; None if nothing is there."""
        lines = self.out.strip().splitlines()
        return json.loads(lines[-1]) if lines else None


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Called:
    """What ``tactful`` with these arguments leaves behind."""
    capsys.readouterr()
    code = exit_code(monkeypatch, *arguments)
    captured = capsys.readouterr()
    return Called(code, captured.out, captured.err)


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """How ``tactful`` with these arguments ends."""
    monkeypatch.setattr(sys, "argv", ["tactful", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)
