"""A recommender that keeps up with an address: what is approved there answers, without a restart or a lost request.

A check asks what the address names and which decision lies beside it; only if one of them changed is a model fetched.
A new one is loaded and verified whole before one reference is exchanged, so every request runs on one model from its
first line to its last, and waits for no lock.

What ends serving, and what does not:

- a *signed* rejection or retirement of the version that is served ends it, at the next check. A person decided;
- so does the end of its approval, on the second, whether or not a check was made;
- an alias that vanished, a store that does not answer, files that were altered, a model that does not verify: all these
  leave the served model where it is, for whoever can cut a cable must not be able to switch a service off. `health`
  says what is wrong.

Notes
-----
A reviewer's key that is taken off the list ends what it approved at the next load, not before: restart for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from tactful.errors import ModelRefusedError, TactfulError, UsageError
from tactful.scoring.address import named_version
from tactful.scoring.approval import Statement
from tactful.scoring.asked import Asked, Model
from tactful.scoring.sighting import Health, Sighting, ends, sight
from tactful.scoring.trust import Reviewers
from tactful.scoring.watching import Watch

_LOG = logging.getLogger("tactful.scoring")
_LONGEST_PAUSE = 64  # checks between two attempts to load what was refused and looks the same

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State(Generic[M]):
    """Everything that a check may change, exchanged as one."""

    recommender: M
    statement: Statement
    expires_at: datetime
    sighting: Sighting
    swapped_at: datetime
    checked_at: datetime
    newer: str | None = None
    ended: Statement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    """What was not served when it was last tried, and for how many checks it is not tried again."""

    sighting: Sighting
    reason: str
    pause: int
    left: int


class Follower(Asked, Generic[M]):
    """Answers as a `Recommender` does, with what is approved at an address now. Safe to share between threads.

    Parameters
    ----------
    address : str or Path
        ``models:/name@champion``, a version, or a folder whose content is replaced by renaming.
    load : callable
        `Recommender.load`; `Recommender.follow` passes it.
    trusted_keys : iterable of str, str or Path, optional
        As for `Recommender.load`.
    every : float, seconds
        About how often to check; waits differ by up to a fifth, so that many services do not ask at once.
    now : callable, optional
        The clock, for tests.
    seen_file : str or Path, optional
        As for `Recommender.load`.

    Raises
    ------
    ModelRefusedError, NotFoundError
        If there is nothing at the address yet that may be served: a service starts with a model or not at all.

    Privacy
    -------
    Reads: nothing about people when made; each method as the one of `Recommender`. Returns: the same. Costs: nothing.
    Assumes: the same.

    Notes
    -----
    Checks are made by a daemon thread. It survives whatever a check meets; in a process that was forked off it starts
    again at the first request. Two requests may be answered by two models: whoever needs one for both takes `current`.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        load: Callable[..., M],
        trusted_keys: Iterable[str] | str | Path | None = None,
        every: float = 30.0,
        now: Callable[[], datetime] | None = None,
        seen_file: str | Path | None = None,
    ) -> None:
        if isinstance(every, bool) or not every > 0:
            raise UsageError("every is a number of seconds above 0", given="it was not", do="For example: every=30")
        self._address = address
        self._load_model = load
        self._trusted = trusted_keys
        if not isinstance(trusted_keys, str | Path | None):
            self._trusted = tuple(trusted_keys)  # they are looked through at every check
        self._now = now or (lambda: datetime.now(UTC))
        self._seen_file = seen_file
        self._closed = False
        self._refused: _Refused | None = None
        self._state = self._load(sight(address, self._reviewers()))
        self._watch = Watch(self, every=every)

    def __repr__(self) -> str:
        return f"Follower({self._address}: {self._state.recommender!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def current(self) -> M:
        """The model that answers now, for several calls that must agree.

        Raises
        ------
        ModelRefusedError
            If nothing may be served: the approval ended, a reviewer rejected or retired what was served, or the
            follower was closed.
        """
        self._watch.keep()
        state = self._state
        stopped = self._stopped(state)
        if stopped is None:
            return state.recommender
        raise ModelRefusedError(
            "a model answers while its approval holds",
            given=stopped,
            do="Have a version reviewed and approved, and let the address name it",
        )

    def health(self) -> Health:
        """What answers, since when and until when, and why nothing newer does. It asks nobody."""
        self._watch.keep()
        state = self._state
        stopped = self._stopped(state)
        return Health(
            model=state.recommender.model,
            version=state.recommender.version,
            approval_id=state.statement.id,
            serving=stopped is None,
            stopped=stopped,
            newer=state.newer,
            checked_at=state.checked_at,
            swapped_at=state.swapped_at,
            expires_at=state.expires_at,
        )

    def check(self) -> Health:
        """What is approved at the address now is served, or `health` says why not. Waits for a check under way."""
        with self._watch.alone():
            if not self._closed:
                self._look()
        return self.health()

    def close(self) -> None:
        """No more checks and no more answers; requests under way end as they began."""
        self._closed = True
        self._watch.stop()

    def _stopped(self, state: _State[M]) -> str | None:
        """Why nothing is answered now, if so."""
        if self._closed:
            return "it was closed"
        served = f"{state.recommender.model} version {state.recommender.version}"
        if state.ended is not None:
            return f"{served} was {state.ended.decision} by a reviewer"
        if state.expires_at <= self._now():
            return f"the approval of {served} ended at {state.expires_at.isoformat()}"
        return None

    def _look(self) -> None:
        """One check; nothing that it meets leaves it."""
        try:
            sighting = sight(self._address, self._reviewers())
        except Exception as error:
            problem: str | None = _reason(error)
        else:
            served = self._state.ended is None and sighting.same(self._state.sighting)
            problem = None if served else self._take(sighting)
        if problem and problem != self._state.newer:
            _LOG.warning("%s: what is there now is not served: %s", self._address, problem)
        ended = self._ending() if problem else None
        self._state = replace(self._state, newer=problem, ended=ended, checked_at=self._now())

    def _take(self, sighting: Sighting) -> str | None:
        """The model that was sighted answers from now on; else nothing changes, and why."""
        before = self._refused if self._refused and sighting.same(self._refused.sighting) else None
        if before and before.left:
            self._refused = replace(before, left=before.left - 1)
            return before.reason
        try:
            self._state = self._load(sighting)
        except Exception as error:
            pause = min(2 * before.pause, _LONGEST_PAUSE) if before else 1
            self._refused = _Refused(sighting=sighting, reason=_reason(error), pause=pause, left=pause)
            return self._refused.reason
        self._refused = None
        _LOG.info("%s: version %s answers now", self._address, self._state.recommender.version)
        return None

    def _load(self, sighting: Sighting) -> _State[M]:
        """The model at the address, whole and approved, if it still is the one that was sighted."""
        recommender = self._load_model(
            self._address, trusted_keys=self._trusted, now=self._now, seen_file=self._seen_file
        )
        statement, now = sighting.statement, self._now()
        if statement is None or statement.id != recommender.approval_id or recommender.expires_at is None:
            raise ModelRefusedError(
                "what is followed stays the same while it is loaded",
                given=f"the decision beside {self._address} changed meanwhile",
                do="Wait for the next check",
            )
        return _State(
            recommender=recommender,
            statement=statement,
            expires_at=recommender.expires_at,
            sighting=sighting,
            swapped_at=now,
            checked_at=now,
        )

    def _ending(self) -> Statement | None:
        """The decision by which a reviewer ended what is served, if there is one; who cannot be asked ends nothing."""
        served, where = self._state.statement, named_version(self._address, self._state.recommender.version)
        found = None
        with suppress(Exception):
            found = sight(where, self._reviewers()).statement
            if found is not None and ends(found, served, self._reviewers()):
                with suppress(TactfulError):  # it refuses, and remembers why for whoever loads here later
                    self._load_model(where, trusted_keys=self._trusted, now=self._now, seen_file=self._seen_file)
                return found
        return self._state.ended

    def _reviewers(self) -> Reviewers:
        """Whose decisions count now."""
        return Reviewers.of(self._trusted)


def _reason(error: Exception) -> str:
    """What went wrong, without what a foreign error might carry."""
    return str(error) if isinstance(error, TactfulError) else f"the check failed: {type(error).__name__}"
