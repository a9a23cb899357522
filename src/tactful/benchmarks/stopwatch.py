"""A stopwatch for a private run: how long bounding, exact sums and noise take, without a change to what runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.attacker import Rehearsal
from tactful.privacy.ledger import Debit
from tactful.privacy.noise import SystemNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease


class Clock:
    """Seconds by name, added up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(("bound", "release", "noise", "all"), 0.0)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """What happens inside counts under this name."""
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began


class TimedLedger(Rehearsal):
    """A ledger without a budget that knows when each release was opened and when it was there: noise in between."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock, self._opened = clock, 0.0

    def open(self, debit: Debit, name: str) -> None:
        """The draw begins."""
        super().open(debit, name)
        self._opened = time.perf_counter()

    def released(self, debit: Debit, name: str) -> None:
        """The draw has ended."""
        self._clock.seconds["noise"] += time.perf_counter() - self._opened
        super().released(debit, name)


class TimedRelease(PrivateRelease):
    """The door, timed: exact sums and noise."""

    def __init__(self, clock: Clock, plan: RunPlan) -> None:
        super().__init__(ledger=TimedLedger(clock), run="benchmark", plan=plan, noise=SystemNoise())
        self._clock = clock

    def _release(self, name: str, statistic: Callable[[], NDArray[np.int64]]) -> tuple[NDArray[np.float64], float]:
        with self._clock.timed("release"):
            return super()._release(name, statistic)
