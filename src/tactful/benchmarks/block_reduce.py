"""What the block reduce on Spark writes and holds: what follows from its sizes, and what a simulation of it measured.

The simulation is the reduce itself, `tactful.personal.engines.spark_sums.total`, on sums of the sizes of a Gram whose
numbers are random, so that nothing compresses: those of real people do. Each partition has one made-up row.

Notes
-----
With the head M the sum has S = M(M+1)/2 + M + 1 numbers of 8 bytes, in pieces of at most 131,072. Each of P partitions
writes all of them once, so that 8·S·P bytes are shuffled. Where P is above the fan-in F, ⌈P/F⌉ groups of partitions are
added up first, which write up to 8·S·⌈P/F⌉ bytes more: less where a task receives a piece from two groups, since it
adds them up at once. Each piece costs some 100 bytes besides: its place, lengths, and what cipher and shuffle add.

A worker that adds up holds of the batches that come to it, of at most 64 MB each
(``spark.sql.execution.arrow.maxBytesPerBatch``), one that is read and one that is added; and of its own pieces two
copies, the sum and what is sent. Its allocator keeps as much as it once held in batches: four batches in all, which was
measured and is not derived. Beside that it is as large as a worker that does nothing.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.benchmarks.engine_run import SPARK_SETTINGS, query, shuffled
from tactful.benchmarks.process_tree import taken, watched
from tactful.personal.engines.sum_parts import Division
from tactful.personal.grams import GramSums

PIECE_BYTES = 100
BATCH_BYTES = 64 << 20
HEAD, PARTS, FAN_IN = 2048, (4, 16, 64), 16
_TASKS = 8  # that add up, on two processors


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce:
    """One reduce, as it follows from its sizes.

    Attributes
    ----------
    head : int
    parts : int
        Times that the whole sum is written by those who hold rows.
    division : Division
    """

    head: int
    parts: int
    division: Division

    @property
    def sum_bytes(self) -> int:
        """Of the whole sum."""
        return 8 * sum(_Noise(head=self.head).sizes)

    @property
    def pieces(self) -> int:
        """Of the whole sum."""
        return self.division.pieces(_Noise(head=self.head))

    @property
    def groups(self) -> int:
        """Times that the whole sum is written by those who add up first; 0 if nobody does."""
        return math.ceil(self.parts / self.division.fan_in) if self.parts > self.division.fan_in else 0

    @property
    def shuffled(self) -> int:
        """Bytes written for others, if nothing compresses."""
        return (self.parts + self.groups) * (self.sum_bytes + PIECE_BYTES * self.pieces)

    def tasks(self, usual: int) -> tuple[int, ...]:
        """How many tasks add up, in each of the one or two steps, where there usually are so many."""
        steps = [self.pieces * self.groups] if self.groups else []
        return tuple(self.division.tasks(parts, usual) for parts in (*steps, self.pieces))

    def worker_bytes(self, usual: int) -> int:
        """The most that a worker holds that adds up, beside what it holds when it does nothing."""
        written = (self.pieces * self.groups, self.pieces) if self.groups else (self.pieces,)
        each = max(math.ceil(parts / tasks) for parts, tasks in zip(written, self.tasks(usual), strict=True))
        mine = each * 8 * self.division.piece
        coming = mine * min(self.parts, self.division.fan_in)
        return 4 * min(coming, BATCH_BYTES) + 2 * mine


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One reduce that was run.

    Attributes
    ----------
    head, parts : int
    predicted, written : int, bytes
        What was to be written for others, and what was.
    seconds : float
    """

    head: int
    parts: int
    predicted: int
    written: int
    seconds: float

    @property
    def deviation(self) -> float:
        """How much more was written than predicted, as a share."""
        return self.written / self.predicted - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Several reduces in one Spark context.

    Attributes
    ----------
    runs : tuple of Simulated
    idle_worker, predicted_worker, largest_worker : int, bytes
        The largest worker before anything was added up; what was to be the most; what was the most.
    """

    runs: tuple[Simulated, ...]
    idle_worker: int
    predicted_worker: int
    largest_worker: int

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and the deviations."""
        runs = [{**asdict(run), "deviation": run.deviation} for run in self.runs]
        return {**asdict(self), "runs": runs}


def simulate(head: int = HEAD, parts: Sequence[int] = PARTS, *, fan_in: int = FAN_IN) -> Simulation:
    """The reduce has been run on this machine, on two processors, once for each number of partitions.

    Parameters
    ----------
    head : int
    parts : sequence of int
    fan_in : int
        Smaller than in a run, so that few partitions are enough for two levels.

    Raises
    ------
    MissingExtraError
        If Spark is not installed.
    """
    division = Division(fan_in=fan_in)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        (idle, runs), most = watched(pool.submit(_reduced, head, tuple(parts), division), lambda: pid)
    expected = max(Reduce(head=head, parts=n, division=division).worker_bytes(_TASKS) for n in parts)
    return Simulation(runs=runs, idle_worker=idle, predicted_worker=idle + expected, largest_worker=most.largest_worker)


def _reduced(head: int, parts: tuple[int, ...], division: Division) -> tuple[int, tuple[Simulated, ...]]:
    """What an idle worker holds, and each reduce, in this process."""
    from tactful.personal.engines.spark import Spark

    with tempfile.TemporaryDirectory(prefix="tactful-") as temporary:
        logs = Path(temporary) / "logs"
        logs.mkdir()
        engine = Spark(
            master="local[2]",
            settings=SPARK_SETTINGS
            | {
                "spark.eventLog.dir": logs.as_uri(),
                "spark.local.dir": f"{temporary}/spark",
                "spark.sql.shuffle.partitions": str(_TASKS),
            },
        )
        try:
            _total(engine, 1, 2, division)  # workers have started and imported what they need
            idle = taken(os.getpid()).largest_worker
            times = [_total(engine, head, n, division) for n in parts]
        finally:
            engine.stop()
        stages = [*shuffled(logs)]
    runs = tuple(
        Simulated(
            head=head,
            parts=n,
            predicted=Reduce(head=head, parts=n, division=division).shuffled,
            written=sum(size for at, size in stages if began <= at <= ended),
            seconds=ended - began,
        )
        for n, (began, ended) in zip(parts, times, strict=True)
    )
    return idle, runs


def _total(engine: Any, head: int, parts: int, division: Division) -> tuple[float, float]:
    """When one reduce began and ended."""
    from tactful.personal.engines.spark_sums import total

    frame = engine.session()._session.sql(f"SELECT id FROM RANGE(0, {parts}, 1, {parts})")  # noqa: S608 (a number)
    began = time.time()
    total(frame, _Noise(head=head), n_people=parts, partitions=parts, division=division)
    return began, time.time()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """Sums as large as a Gram's, of numbers that mean nothing."""

    head: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those of the Gram."""
        return GramSums(query=query(self.head), n_items=self.head).sizes

    def prepared(self, batch: pa.RecordBatch) -> int:
        """Which row it is."""
        return int(batch.column("id")[0].as_py())

    def add(self, prepared: int, block: int, total: NDArray[np.int64]) -> None:
        """Random numbers have been added, of the row and the block."""
        total += np.random.default_rng([prepared, block]).integers(-(1 << 62), 1 << 62, len(total))
