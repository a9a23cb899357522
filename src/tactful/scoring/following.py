"""A recommender that keeps up with an address: what is approved there answers, without a restart or a lost request.

A check asks what the address names and which decision lies beside it; only if one of them changed is a model fetched.
A new one is loaded and verified whole before one reference is exchanged, so every request runs on one model from its
first line to its last, and waits for no lock.

What ends serving, and what does not:

- a *signed* rejection or retirement of the version that is served ends it, at the next check, and so does one that
  was seen on this machine before, whatever lies beside the model by then. A person decided;
- so does the end of its approval, on the second, whether or not a check was made;
- so does a file of the served model that was written to in its place, at the next check: what would answer is not what
  was approved. Every byte is read again for that, until the file is as it was or the model can be loaded whole;
- an alias that vanished, a store that does not answer, a new model that does not verify: all these leave the served
  model where it is, for whoever can cut a cable must not be able to switch a service off. So does a file of decisions
  seen that cannot be read or is locked. `health` says what is wrong, and when checks are missed.

The file is longer than most: what a check may find, and what becomes of it, is one state.

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
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeGuard, TypeVar

from tactful.errors import ModelRefusedError, TactfulError, UsageError
from tactful.scoring import seen, seen_file
from tactful.scoring.address import named_version
from tactful.scoring.approval import Statement, as_approval
from tactful.scoring.asked import Asked, Model
from tactful.scoring.sighting import Health, Refused, Sighting, ends, sight
from tactful.scoring.trust import Reviewers
from tactful.scoring.watching import Watch

_LOG = logging.getLogger("tactful.scoring")
_MISSED = 3  # times `every` without a check that ended
_LONGEST = 86_400  # seconds between two checks
_LONGEST_PAUSE = 64  # checks between two attempts to load what was refused and looks the same

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State(Generic[M]):
    """Everything that a check may change, exchanged as one."""

    recommender: M
    statement: Statement
    since: int
    expires_at: datetime
    sighting: Sighting
    swapped_at: datetime
    checked_at: datetime
    remembers: bool
    newer: str | None = None
    ended: str | None = None
    altered: str | None = None


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
        About how often to check; waits differ by up to a fifth, so that many services do not ask at once. Each check
        reads the files of the served model once: let it be rarer where those are gigabytes.
    now : callable, optional
        The clock, for tests.
    seen_file : str or Path, optional
        As for `Recommender.load`.

    Raises
    ------
    ModelRefusedError, NotFoundError
        If there is nothing at the address yet that may be served: a service starts with a model or not at all.

    Notes
    -----
    **Privacy.** *Reads* nothing about people when made; each method as the one of `Recommender`. *Returns* the same.
    *Costs* nothing. *Assumes* the same.

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
        if not _is_pause(every):
            raise UsageError(
                "every is a number of seconds above 0 and at most a day", given="it was not", do="For example: every=30"
            )
        self._address = address
        self._load_model = load
        # keys are looked through at every check
        self._trusted = trusted_keys if isinstance(trusted_keys, str | Path | None) else tuple(trusted_keys)
        self._now = now or (lambda: datetime.now(UTC))
        self._seen_file = seen_file
        self._every = every
        self._closed = False
        self._refused: Refused | None = None
        self._state = self._load(sight(address, self._reviewers()))
        self._watch = Watch(self, every=every)

    def __repr__(self) -> str:
        return f"Follower({self._address}: {self._state.recommender!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Follower watches for one process: make one in each")

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
            "a model answers while it is followed, whole and approved",
            given=stopped,
            do="Follow the address anew" if self._closed else "Let the address name a version that is both",
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
            overdue=(self._now() - state.checked_at).total_seconds() > _MISSED * self._every,
            remembers=state.remembers,
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
            return f"{served} was {state.ended} by a reviewer"
        if state.altered is not None:
            return f"{state.altered} of {served} was written to while it was served"
        if state.expires_at <= self._now():
            return f"the approval of {served} ended at {state.expires_at.isoformat()}"
        return None

    def _look(self) -> None:
        """One check; nothing that it meets leaves it."""
        self._look_at_files()
        problem, against = self._keep_up(), self._against()
        problem = problem or against.reason
        if problem and problem != self._state.newer:
            _LOG.warning("%s: nothing newer is served: %s", self._address, problem)
        found = self._ending() if problem else None
        ended = found.decision if found else against.ended or self._state.ended
        remembers = seen_file.durable(self._place(self._state.sighting))
        self._state = replace(self._state, newer=problem, ended=ended, remembers=remembers, checked_at=self._now())
        if found:  # only now, for a file may have to be waited for
            self._remember(self._named())

    def _look_at_files(self) -> None:
        """Whether the files of what is served are what was approved."""
        state = self._state
        altered = state.recommender.altered()
        if altered is not None and state.altered is None:
            _LOG.error("%s: %s was written to; no more answers by this model", self._address, altered)
        self._state = replace(state, altered=altered)

    def _keep_up(self) -> str | None:
        """What the address names now answers; else why it does not."""
        try:
            sighting = sight(self._address, self._reviewers())
            whole = self._state.ended is None and self._state.altered is None
            if whole and sighting.same(self._state.sighting):
                return None
            if self._is_end(sighting.statement):
                self._state = replace(self._state, ended=sighting.statement.decision)
        except Exception as error:
            return _reason(error)
        return self._take(sighting)

    def _against(self) -> seen.Against:
        """What was seen on this machine that speaks against what is served; a file that cannot be read ends nothing."""
        state = self._state
        try:
            return seen.PROCESS.against(state.statement, since=state.since, file=self._place(state.sighting))
        except Exception as error:
            return seen.Against(reason=_reason(error))

    def _place(self, sighting: Sighting) -> Path | None:
        """Where what was seen outlives the process."""
        return seen.seen_place(self._seen_file, store=sighting.store)

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
            self._refused = Refused(sighting=sighting, reason=_reason(error), pause=pause, left=pause)
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
        reviewers = self._reviewers()
        approval = as_approval(statement, now=now, valid_days=reviewers.approval_valid_days, reviewers=reviewers)
        return _State(
            recommender=recommender,
            statement=statement,
            since=approval.since,
            expires_at=recommender.expires_at,
            sighting=sighting,
            swapped_at=now,
            checked_at=now,
            remembers=seen_file.durable(self._place(sighting)),
        )

    def _ending(self) -> Statement | None:
        """The decision by which a reviewer ended what is served, if any; whoever cannot be asked ends nothing."""
        with suppress(Exception):
            found = sight(self._named(), self._reviewers()).statement
            return found if self._is_end(found) else None
        return None

    def _is_end(self, found: Statement | None) -> TypeGuard[Statement]:
        return found is not None and ends(found, self._state.statement, self._reviewers())

    def _named(self) -> str | Path:
        """Where what is served lies, whatever the address names now."""
        return named_version(self._address, self._state.recommender.version)

    def _remember(self, where: str | Path) -> None:
        """Whoever loads here later is refused what a reviewer ended: so is this load, and it remembers why."""
        with suppress(Exception):
            self._load_model(where, trusted_keys=self._trusted, now=self._now, seen_file=self._seen_file)

    def _reviewers(self) -> Reviewers:
        """Whose decisions count now."""
        return Reviewers.of(self._trusted)


def _is_pause(every: object) -> bool:
    """Whether it is a number of seconds that a thread can wait."""
    return isinstance(every, Real) and not isinstance(every, bool) and 0 < float(every) <= _LONGEST


def _reason(error: Exception) -> str:
    """What went wrong, without what a foreign error might carry."""
    return str(error) if isinstance(error, TactfulError) else f"the check failed: {type(error).__name__}"
