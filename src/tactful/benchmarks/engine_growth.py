"""How time and memory grow on an engine: with interactions, with people and with the head; five sizes each.

*Interactions* grow as a population does, a hundred a person. *People* grow while interactions stay, so that histories
get shorter. The *head* grows alone.

Notes
-----
Measured by ``tactful benchmark engines --engine duckdb --memory 4GiB`` and ``… --engine spark`` on a virtual machine
with two processors and 24 GiB that did little else, one run a size: seconds from the gate to the Gram, and the most
memory of all processes together. Runs of the same work differ: 10 million interactions took 3.4 to 4.7 s on DuckDB
whatever the head, 100 million 50 s in another run, and Spark differs by a fifth. A head of 8,192 is twice what training
uses; it shows what the reduce takes.

DuckDB, its buffers limited to 4 GiB::

    interactions     people   head    gate   bound  popularity    gram     all      GiB
       1,000,000     10,000  2,048     0.7     0.1         0.0     0.0     0.8     0.43
       3,000,000     30,000  2,048     0.9     0.3         0.0     0.1     1.3     0.53
      10,000,000    100,000  2,048     2.8     0.6         0.0     0.1     3.6     0.81
      30,000,000    300,000  2,048     9.3     2.2         0.0     0.4    11.9     1.68
     100,000,000  1,000,000  2,048    45.5     1.7        10.1    10.1    67.5     3.85
    seconds grow with interactions to the power 0.96, core-seconds 1.04, memory 0.48

      10,000,000     25,000  2,048     2.4     1.2         0.0     0.1     3.7     1.07
      10,000,000     50,000  2,048     2.5     1.0         0.0     0.1     3.7     0.90
      10,000,000    100,000  2,048     2.8     0.6         0.0     0.1     3.6     0.81
      10,000,000    200,000  2,048     5.4     0.5         0.0     0.2     6.1     0.93
      10,000,000    400,000  2,048     7.8     0.5         0.0     0.2     8.6     1.06
    seconds grow with people to the power 0.31, core-seconds 0.25, memory 0.00

      10,000,000    100,000    512     3.7     0.9         0.0     0.1     4.7     0.83
      10,000,000    100,000  1,024     2.7     0.6         0.0     0.1     3.4     0.85
      10,000,000    100,000  2,048     2.8     0.6         0.0     0.1     3.6     0.81
      10,000,000    100,000  4,096     2.5     0.7         0.0     0.2     3.4     0.84
      10,000,000    100,000  8,192     2.9     0.5         0.0     0.9     4.3     0.98
    seconds grow with head to the power -0.03, core-seconds -0.02, memory 0.05

Spark 4.3 on ``local[2]``, after the 11 to 13 s that it takes to start::

    interactions     people   head    gate   bound  popularity    gram     all      GiB
         500,000      5,000  2,048    24.6     3.9         1.3     2.3    32.1     3.22
       1,000,000     10,000  2,048    27.5     5.0         2.3     2.5    37.3     3.21
       2,000,000     20,000  2,048    27.5     5.9         1.4     1.9    36.6     3.28
       4,000,000     40,000  2,048    37.7    11.3         1.9     2.3    53.2     3.65
       8,000,000     80,000  2,048    49.2    14.1         1.4     2.1    66.8     4.16
    seconds grow with interactions to the power 0.26, core-seconds 0.28, memory 0.09

       2,000,000      5,000  2,048    28.1     6.3         1.3     2.5    38.2     3.51
       2,000,000     10,000  2,048    32.5     8.3         1.8     2.8    45.4     3.50
       2,000,000     20,000  2,048    27.5     5.9         1.4     1.9    36.6     3.28
       2,000,000     40,000  2,048    32.0     8.0         1.9     2.2    44.0     3.53
       2,000,000     80,000  2,048    35.3     6.7         1.2     2.0    45.2     3.76
    seconds grow with people to the power 0.04, core-seconds 0.07, memory 0.02

       2,000,000     20,000    512    32.2     7.2         1.9     1.1    42.4     3.47
       2,000,000     20,000  1,024    31.2     9.0         2.0     1.6    43.7     3.58
       2,000,000     20,000  2,048    27.5     5.9         1.4     1.9    36.6     3.28
       2,000,000     20,000  4,096    29.7     7.3         1.2     5.4    43.6     3.89
       2,000,000     20,000  8,192    29.9     5.4         1.2    12.2    48.8     4.28
    seconds grow with head to the power 0.04, core-seconds 0.04, memory 0.07

Spark's powers are mostly those of its fixed costs, plans and compilers, half a minute here: from 4 to 8 million
interactions it is 0.33, and rising. DuckDB keeps bounded rows up to 32 million, and beyond that makes them again, by
ranges of people, for each sum: that is what popularity and Gram take with 100 million. The Gram grows with the square
of the head where the triangle itself is the work, which Spark writes once a partition, and else with pairs of items.
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
