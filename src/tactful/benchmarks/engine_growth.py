"""How time and memory grow on an engine: with interactions, with people and with the head; five sizes each.

*Interactions* grow as a population does, a hundred a person. *People* grow while interactions stay, so that histories
get shorter. The *head* grows alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tactful.benchmarks.engine_run import EngineRun, Name, run_engine
from tactful.benchmarks.lakes import Lake

EACH = 100
HEAD = 2048
AXES = ("interactions", "people", "head")
_MILLION = 1_000_000

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is measured on an engine.

    Attributes
    ----------
    interactions : tuple of int
        Rising, a hundred a person.
    people : tuple of int
        Rising, of `middle` interactions together.
    heads : tuple of int
        Rising, with `middle` interactions.
    middle : int
    head : int
        Of the first two.
    """

    interactions: tuple[int, ...]
    people: tuple[int, ...]
    heads: tuple[int, ...]
    middle: int
    head: int = HEAD

    def points(self, axis: str) -> list[tuple[Lake, int]]:
        """The lake and the head of each size along an axis."""
        if axis == "interactions":
            return [(lake_of(rows), self.head) for rows in self.interactions]
        if axis == "people":
            return [(lake_of(self.middle, people), self.head) for people in self.people]
        return [(lake_of(self.middle), head) for head in self.heads]


_HEADS = (512, 1024, 2048, 4096, 8192)
SIZES: Mapping[Name, Sizes] = {
    "duckdb": Sizes(
        interactions=tuple(n * _MILLION for n in (1, 3, 10, 30, 100)),
        people=(25_000, 50_000, 100_000, 200_000, 400_000),
        heads=_HEADS,
        middle=10 * _MILLION,
    ),
    "spark": Sizes(
        interactions=tuple(n * _MILLION // 2 for n in (1, 2, 4, 8, 16)),
        people=(5_000, 10_000, 20_000, 40_000, 80_000),
        heads=_HEADS,
        middle=2 * _MILLION,
    ),
}
"""What fits two processors and 24 GiB, in about half an hour an engine."""
QUICK = Sizes(
    interactions=(10_000, 20_000, 40_000, 80_000, 160_000),
    people=(200, 400, 800, 1_600, 3_200),
    heads=(64, 128, 256, 512, 1024),
    middle=40_000,
    head=256,
)
"""Whether it runs at all; the figures say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGrowth:
    """The runs of one engine.

    Attributes
    ----------
    engine : {"duckdb", "spark"}
    runs : mapping of str to tuple of EngineRun
        By axis, in the order of its sizes.
    """

    engine: Name
    runs: Mapping[str, tuple[EngineRun, ...]]

    @property
    def exponents(self) -> dict[str, dict[str, float]]:
        """By axis the slopes of log seconds, of log core-seconds and of log memory on log size: 1 is proportional."""
        return {
            axis: {
                "seconds": exponent([(getattr(run, axis), run.seconds) for run in runs]),
                "core_seconds": exponent([(getattr(run, axis), run.core_seconds) for run in runs]),
                "peak_gib": exponent([(getattr(run, axis), run.peak_gib) for run in runs]),
            }
            for axis, runs in self.runs.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Runs and exponents as plain values."""
        runs = {axis: [run.as_json() for run in found] for axis, found in self.runs.items()}
        return {"engine": self.engine, "runs": runs, "exponents": self.exponents}


def benchmark_engines(
    engine: Name,
    sizes: Sizes | None = None,
    *,
    memory: str | None = None,
    progress: Progress = lambda _: None,
) -> EngineGrowth:
    """The engine has been measured at every size, each in a process of its own.

    Parameters
    ----------
    engine : {"duckdb", "spark"}
    sizes : Sizes, optional
        Those of `SIZES` if not given.
    memory : str, optional
        The most that DuckDB's tables and queries take.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    MissingExtraError
        If the engine is not installed.
    """
    wanted = sizes or SIZES[engine]
    points = {axis: wanted.points(axis) for axis in AXES}
    found: dict[tuple[Lake, int], EngineRun] = {}
    asked = sorted({p for listed in points.values() for p in listed}, key=lambda p: (*_size(p[0]), p[1]))
    for lake, heads in groupby(asked, key=lambda point: point[0]):
        for run in measured(engine, lake, [head for _, head in heads], memory=memory, progress=progress):
            found[lake, run.head] = run
    return EngineGrowth(engine=engine, runs={axis: tuple(found[p] for p in listed) for axis, listed in points.items()})


def measured(
    engine: Name,
    lake: Lake,
    heads: Sequence[int],
    *,
    memory: str | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    progress: Progress = lambda _: None,
) -> list[EngineRun]:
    """One run for each head on one lake, which is written first and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tactful-") as temporary:
        folder = Path(temporary) / "lake"
        progress(f"writing {lake.interactions:,} interactions of {lake.people:,} people")
        lake.write(folder)
        runs = []
        for head in heads:
            progress(f"{engine}: {lake.interactions:,} interactions, {lake.people:,} people, a head of {head:,}")
            runs.append(run_engine(engine, lake, folder, head=head, memory=memory, settings=settings))
    return runs


def lake_of(interactions: int, people: int | None = None) -> Lake:
    """A lake of so many interactions, a hundred a person unless said otherwise."""
    return Lake(interactions=interactions, people=people or max(1, interactions // EACH))


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The exponent of the second in the first, by least squares on logarithms."""
    sizes, values = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(sizes, values, 1)[0])


def _size(lake: Lake) -> tuple[int, int]:
    """By what lakes are ordered."""
    return lake.interactions, lake.people
