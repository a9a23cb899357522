"""The thread that makes a follower look again and again; what becomes of it in a forked process or without an owner."""

from __future__ import annotations

import os
import random
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

_SPREAD = 0.2  # each wait is within this share of the wanted one
_PATIENCE = 5.0  # seconds that a fork waits for a check under way


class Checks(Protocol):
    """What is made to look."""

    def check(self) -> object:
        """One look."""
        ...


class Watch:
    """A daemon thread that makes its owner check; it ends with its owner, and starts again in a forked process.

    Parameters
    ----------
    owner : Checks
        Held weakly.
    every : float, seconds
    """

    def __init__(self, owner: Checks, *, every: float) -> None:
        self._owner = weakref.ref(owner)
        self._every = every
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._running = False
        weakref.finalize(owner, self._stop.set).atexit = False
        _ALL.add(self)
        self.keep()

    def keep(self) -> None:
        """The thread runs, unless it was stopped; costs nothing if it does."""
        if not self._running and not self._stop.is_set():
            self._start()

    def stop(self) -> None:
        """The thread makes no further check."""
        self._stop.set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other check is under way."""
        with self._lock:
            yield

    def _start(self) -> None:
        if not self._lock.acquire(blocking=False):  # somebody else starts it
            return
        try:
            if not self._running:
                self._running = True
                arguments = (self._owner, self._stop, self._every)
                threading.Thread(target=_watch, args=arguments, name="tactful-follower", daemon=True).start()
        finally:
            self._lock.release()

    def hold(self) -> bool:
        """No check is under way, and none begins until `release`; False if one took too long."""
        return self._lock.acquire(timeout=_PATIENCE)

    def release(self) -> None:
        """Checks may be made again."""
        self._lock.release()

    def renew(self) -> None:
        """In a forked process, where the thread is gone: the next request starts it."""
        self._lock = threading.RLock()
        self._running = False


def _watch(owner: weakref.ref[Checks], stop: threading.Event, every: float) -> None:
    """Check until told to stop, or nobody is there to check for; nothing that a check raises ends it."""
    chance = random.SystemRandom()
    while not stop.wait(every * chance.uniform(1 - _SPREAD, 1 + _SPREAD)):
        alive = owner()
        if alive is None:
            return
        with suppress(Exception):
            alive.check()
        del alive


_ALL: weakref.WeakSet[Watch] = weakref.WeakSet()
_HELD = threading.local()


def _before_fork() -> None:
    """No follower of this process is in the middle of a check, so that no lock is left locked in the new one."""
    _HELD.watches = [watch for watch in list(_ALL) if watch.hold()]


def _after_in_parent() -> None:
    for watch in _HELD.watches:
        watch.release()


def _after_in_child() -> None:
    for watch in list(_ALL):
        watch.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
