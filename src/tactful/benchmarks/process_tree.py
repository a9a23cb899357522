"""What a process and everything that it started take: memory now, and seconds of processors so far.

Read from ``/proc``, which only Linux has; elsewhere there is nothing to read and both are 0. Memory is what is resident
of each process, added up; what forked processes share counts in each of them. It is looked at four times a second: what
was held for a shorter time may have been missed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_PROC = Path("/proc")
_PARENT, _OWN_TICKS, _PAGES = 1, slice(11, 15), 21  # places after the name in /proc/<pid>/stat
_EACH = 0.25  # seconds between two looks

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a process and those that it started have taken.

    Attributes
    ----------
    memory : int, bytes
        Resident now, all processes.
    largest_worker : int, bytes
        Resident now in the largest Python process below the first one: a worker of Spark.
    core_seconds : float
        Of all processors so far, children that have ended included.
    """

    memory: int
    largest_worker: int
    core_seconds: float


def taken(root: int) -> Taken:
    """What the process and everything below it take."""
    found = _below(root, _processes())
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    workers = (int(cells[_PAGES]) for pid, (name, cells) in found.items() if pid != root and name.startswith("python"))
    return Taken(
        memory=page * sum(int(cells[_PAGES]) for _, cells in found.values()),
        largest_worker=page * max(workers, default=0),
        core_seconds=sum(int(ticks) for _, cells in found.values() for ticks in cells[_OWN_TICKS]) / tick,
    )


def watched(future: Future[T], root: Callable[[], int | None]) -> tuple[T, Taken]:
    """What the future brings, and the most that was taken until then, each figure by itself.

    Parameters
    ----------
    future : Future
    root : callable
        The process to watch, or None before there is one.
    """
    most = Taken(memory=0, largest_worker=0, core_seconds=0.0)
    while True:
        if (pid := root()) is not None:
            now = taken(pid)
            most = Taken(
                memory=max(most.memory, now.memory),
                largest_worker=max(most.largest_worker, now.largest_worker),
                core_seconds=max(most.core_seconds, now.core_seconds),
            )
        try:
            return future.result(timeout=_EACH), most
        except TimeoutError:
            if future.done():
                return future.result(), most


def _processes() -> dict[int, tuple[str, list[str]]]:
    """The name of each process, and what stands after it in its line."""
    found = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            line = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended
        name, _, rest = line.partition("(")[2].rpartition(")")
        found[int(folder.name)] = (name, rest.split())
    return found


def _below(root: int, processes: dict[int, tuple[str, list[str]]]) -> dict[int, tuple[str, list[str]]]:
    """The process and those that it started, and that they started."""
    children: dict[int, list[int]] = {}
    for pid, (_, cells) in processes.items():
        children.setdefault(int(cells[_PARENT]), []).append(pid)
    found, ahead = {}, [root]
    while ahead:
        pid = ahead.pop()
        if pid in processes:
            found[pid] = processes[pid]
        ahead += children.get(pid, [])
    return found
