"""Work on people that is shared among threads, each with a range of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

_FEW = 1 << 10  # people: up to here a thread costs more than it saves


def threads() -> int:
    """As many as there are processors for this process."""
    return min(len(os.sched_getaffinity(0)), 8) if hasattr(os, "sched_getaffinity") else 1


def in_ranges(task: Callable[[int, int], None], n_people: int) -> None:
    """The task is done for everybody: called for ranges of people, each from its first before its last."""
    count = threads() if n_people > _FEW else 1
    ranges = pairwise(n_people * part // count for part in range(count + 1))
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(lambda ends: task(*ends), ranges):
            pass
