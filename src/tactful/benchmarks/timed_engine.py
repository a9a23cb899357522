"""Any engine, with a stopwatch beside it: which step of a run took how long, of how many processors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from tactful.benchmarks.process_tree import taken
from tactful.personal.engines.base import Engine, Roll, Session

_STEPS = {"enroll": "name", "census": "consents"}
_CREATED = dict.fromkeys(("consent_rows", "consents", "subjects"), "consents") | {"judged": "judge"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stretch of time.

    Attributes
    ----------
    name : str
    began, ended : float, seconds since 1970
    core_seconds : float
        Of this process and those that it started.
    """

    name: str
    began: float
    ended: float
    core_seconds: float

    @property
    def seconds(self) -> float:
        """From its beginning to its end."""
        return self.ended - self.began


class Stopwatch:
    """Steps in the order of their ends; the time of one inside another counts in both."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What happens inside is a step of this name."""
        began, before = time.time(), taken(os.getpid()).core_seconds
        yield
        spent = taken(os.getpid()).core_seconds - before
        self.steps.append(Step(name=name, began=began, ended=time.time(), core_seconds=spent))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedEngine:
    """An engine whose sessions are timed.

    Attributes
    ----------
    engine : Engine
    watch : Stopwatch
    """

    engine: Engine
    watch: Stopwatch

    def session(self, roll: Roll | None = None) -> Session:
        """A session of the engine, whose steps are on the stopwatch."""
        return cast("Session", _TimedSession(self.engine.session(roll), self.watch))


class _TimedSession:
    """What a session does, and when."""

    def __init__(self, session: Session, watch: Stopwatch) -> None:
        self._session, self._watch = session, watch

    def __getattr__(self, name: str) -> Any:
        """The session's own method; the steps that matter are timed."""
        found = getattr(self._session, name)
        if name in _STEPS:
            return partial(self._timed, _STEPS[name], found)
        return self._create if name == "create" else found

    def _create(self, table: str, statement: str) -> None:
        """See `Session.create`."""
        if table in _CREATED:
            self._timed(_CREATED[table], self._session.create, table, statement)
        else:
            self._session.create(table, statement)

    def _timed(self, step: str, action: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What the action returns."""
        with self._watch.step(step):
            return action(*given, **named)
