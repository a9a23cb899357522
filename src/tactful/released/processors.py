"""Work on a large matrix divided among the processors by hand, each with one BLAS thread.

Notes
-----
A product of thousands of rows and sixteen columns waits for memory, and a BLAS that divides it among threads of its own
loses more than it gains; where anything else runs, those threads also wait for each other in turns, which costs a
hundred times as much. So parts are dealt out here. While a part is being worked on, BLAS has one thread in the whole
process; what it had before is put back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from threadpoolctl import threadpool_limits

Each = Callable[[Callable[[slice], Any], Iterable[slice]], list[Any]]
"""Calls a function with each of some parts, as many at once as there are processors, and returns what it returned."""
_LEAST = 256  # rows below which a thread costs more than it saves


@contextmanager
def processors() -> Iterator[Each]:
    """Gives what calls a function with each part of the work; BLAS has one thread until it is over."""
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(available()) as pool:
        yield lambda function, parts: list(pool.map(function, parts))


def strips(n: int) -> list[slice]:
    """One part of n rows for each processor, none that is not worth a thread."""
    count = max(1, min(available(), n // _LEAST))
    ends = [n * strip // count for strip in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(ends)]


def available() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
