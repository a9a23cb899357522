"""Keeps everything that a process says while it works: logs, both output streams, results and exceptions."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from repository_search import Evidence, told


class Recorder(logging.Handler):
    """What was said, in order, each with the place where it was said."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[Evidence] = []
        self._stage = ""

    def emit(self, record: logging.LogRecord) -> None:
        """A log record of any library, its arguments and its exception included."""
        self._say(f"log of {record.name}", "\n".join([record.getMessage(), repr(record.args)]))
        if record.exc_info and record.exc_info[1]:
            self._hear(record.exc_info[1])

    def attempt(self, stage: str, call: Callable[[], Any]) -> Any:
        """What the call returns, or the exception it raised; all that was said on the way is kept."""
        self._stage = stage
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                found = call()
            except (Exception, SystemExit) as error:
                self._hear(error)
                found = error
        self._say("standard output", out.getvalue())
        self._say("standard error", err.getvalue())
        self._say("result", repr(found))
        return found

    def command(self, *arguments: str) -> tuple[int, str]:
        """The exit code and the last line of output of a command, run as `tactful` runs it."""
        from tactful.cli import main

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["tactful", *arguments])
            stopped = self.attempt(f"tactful {arguments[0]}", main)
        output = self.said[-3][1].strip().splitlines()
        return int(stopped.code or 0), output[-1] if output else ""

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Every logger of the process is heard, down to DEBUG."""
        root, level = logging.getLogger(), logging.getLogger().level
        apart = [logger for logger in map(logging.getLogger, logging.root.manager.loggerDict) if not logger.propagate]
        for logger in (root, *apart):
            logger.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.setLevel(level)
            for logger in (root, *apart):
                logger.removeHandler(self)

    def _hear(self, error: BaseException) -> None:
        for place, text in told(error):
            self._say(place, text)

    def _say(self, place: str, text: str) -> None:
        self.said.append((f"{self._stage}: {place}", text))
