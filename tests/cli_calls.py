"""The command line as a test calls it, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
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


Tactful = Callable[..., Called]
"""Takes the words of a command."""


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Called:
    """What ``tactful`` with these arguments leaves behind."""
    capsys.readouterr()
    code = exit_code(monkeypatch, *arguments)
    captured = capsys.readouterr()
    return Called(code, captured.out, captured.err)


def called_for_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Called:
    """The same with ``--json``: at most one line is on standard output, and no output names any CANARY."""
    found = called(monkeypatch, capsys, *arguments, "--json")
    assert "CANARY" not in found.out + found.err
    assert len(found.out.splitlines()) <= 1
    return found


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """How ``tactful`` with these arguments ends."""
    monkeypatch.setattr(sys, "argv", ["tactful", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)
