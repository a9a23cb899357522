"""One run of an engine over a synthetic lake, from the consent gate to the Gram: time, processors, memory, shuffles.

Each run has a process of its own, and its memory is that of the process and everything it started: Java and Python
workers where Spark runs, on this machine. Compiled loops are warm, from a tiny run before; Java is not. Shuffles are
what Spark's own event log counts, written before they are read, compressed as they travel.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.benchmarks.lakes import DAYS, PURPOSE, START, Lake
from tactful.benchmarks.memory import peak_gib
from tactful.benchmarks.process_tree import watched
from tactful.benchmarks.timed_engine import Step, Stopwatch, TimedEngine
from tactful.catalogue import Catalogue
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.contributions import item_popularity
from tactful.personal.engines.base import Engine
from tactful.personal.engines.choice import engine_of, stop
from tactful.personal.gate import ConsentGate
from tactful.personal.grams import item_gram
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.people_sums import Lists
from tactful.personal.policy import Policy
from tactful.privacy.statistics import GramQuery

Name = Literal["duckdb", "spark"]
MAX_ITEMS, EVALUATION_SHARE = 200, 0.01
STEPS = ("start", "gate", "name", "consents", "judge", "bound", "popularity", "gram")
"""The steps that are told; `name`, `consents` and `judge` are parts of the gate."""
_WHOLE = ("gate", "bound", "popularity", "gram")
_KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
_TINY = Lake(interactions=2_000, people=50, items=300)
SPARK_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",  # short pauses help nobody here
    "spark.driver.memory": "3g",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
"""Of Spark on this machine, with an event log that `shuffled` reads."""
_WRITTEN = "internal.metrics.shuffle.write.bytesWritten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one step took.

    Attributes
    ----------
    seconds, core_seconds : float
        Of a clock, and of all processors.
    shuffled : int, bytes
        What Spark's tasks wrote for one another; 0 on DuckDB.
    """

    seconds: float
    core_seconds: float
    shuffled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """One run.

    Attributes
    ----------
    engine : {"duckdb", "spark"}
    interactions, people, items, head : int
        Of the lake, and of the Gram.
    admitted : int, rows
        That the gate let through.
    kept, pairs : int
        Of training people, after the bound: items, and pairs of the head with the diagonal.
    parts : int
        Partitions whose sums Spark adds up; 1 on DuckDB.
    steps : mapping of str to Spent
        By the names in `STEPS`.
    peak_gib, worker_gib : float
        The most that all processes held, and the largest worker of Spark.
    """

    engine: Name
    interactions: int
    people: int
    items: int
    head: int
    admitted: int
    kept: int
    pairs: int
    parts: int
    steps: Mapping[str, Spent]
    peak_gib: float
    worker_gib: float

    @property
    def seconds(self) -> float:
        """From the gate to the Gram, after the session's start."""
        return sum(self.steps[name].seconds for name in _WHOLE)

    @property
    def core_seconds(self) -> float:
        """Of all processors, over the same steps."""
        return sum(self.steps[name].core_seconds for name in _WHOLE)

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and the seconds of a clock and of all processors."""
        return {"seconds": self.seconds, "core_seconds": self.core_seconds, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a process is asked to measure."""

    engine: Name
    lake: Lake
    folder: Path
    head: int
    memory: str | None
    settings: Mapping[str, str]


def run_engine(
    engine: Name,
    lake: Lake,
    folder: Path,
    *,
    head: int,
    memory: str | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> EngineRun:
    """The lake in the folder has gone through the engine, in a process of its own.

    Parameters
    ----------
    engine : {"duckdb", "spark"}
    lake : Lake
        What was written there.
    folder : Path
    head : int
        Items that the Gram is about.
    memory : str, optional
        The most that DuckDB's tables and queries take.
    settings : mapping of str to str, optional
        Of Spark, besides `SPARK_SETTINGS`.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        task = _Task(engine=engine, lake=lake, folder=folder, head=head, memory=memory, settings=dict(settings))
        asked = pool.submit(_measure, task)
        run, most = watched(asked, lambda: pid)
    return replace(run, peak_gib=max(run.peak_gib, most.memory / 2**30), worker_gib=most.largest_worker / 2**30)


def _measure(task: _Task) -> EngineRun:
    """The run, and the memory of this process alone."""
    with tempfile.TemporaryDirectory(prefix="tactful-") as temporary:
        tiny, logs = Path(temporary) / "tiny", Path(temporary) / "logs"
        logs.mkdir()
        _TINY.write(tiny)
        _through(engine_of(), tiny, _TINY, 50, Stopwatch())
        own = SPARK_SETTINGS | {"spark.eventLog.dir": logs.as_uri(), "spark.local.dir": f"{temporary}/spark"}
        own |= task.settings
        engine = engine_of(
            task.engine,
            master="local[2]" if task.engine == "spark" else None,
            memory=task.memory,
            settings=own if task.engine == "spark" else {},
        )
        watch = Stopwatch()
        try:
            with watch.step("start"):
                engine.session()
            found = _through(engine, task.folder, task.lake, task.head, watch)
        finally:
            stop(engine)
        shuffles = [*shuffled(logs)]
    return EngineRun(
        engine=task.engine,
        interactions=task.lake.interactions,
        people=task.lake.people,
        items=task.lake.items,
        head=task.head,
        **found,
        steps={name: _spent(name, watch.steps, shuffles) for name in STEPS},
        peak_gib=peak_gib(),
        worker_gib=0.0,
    )


def _through(engine: Engine, folder: Path, lake: Lake, head: int, watch: Stopwatch) -> dict[str, int]:
    """Gate, bound, popularity, Gram, each on the stopwatch; and how much each of them had to do."""
    gate = ConsentGate(
        consents=folder / "consents",
        catalogue=Catalogue.open(folder / "items.parquet"),
        policy=Policy(retention_days=DAYS - 100, sensitive={"family": {"category": ("family",)}}),
        keys=_KEYS,
        evaluation_share=EVALUATION_SHARE,
        engine=TimedEngine(engine=engine, watch=watch),
        now=lambda: START + timedelta(days=DAYS + 1),
    )
    with watch.step("gate"):
        consented = gate.admit(InteractionLog.open(folder / "interactions"), PURPOSE)
    with watch.step("bound"):
        bounded = bound(consented, max_items=MAX_ITEMS)
    with watch.step("popularity"):
        item_popularity(bounded)
    with watch.step("gram"):
        item_gram(bounded, query(head))
    kept, pairs = _work(bounded, lake.items, head)
    return {
        "admitted": consented.counts.admitted,
        "kept": kept,
        "pairs": pairs,
        "parts": getattr(bounded.rows, "partitions", 1),
    }


def query(head: int) -> GramQuery:
    """A Gram of the most popular items of a lake, damped and centred as those of a training run are."""
    ranks = np.arange(1, head + 1)
    weights = np.clip(np.round(255 * np.sqrt(ranks / head)), 1, 255).astype(np.int64)
    return GramQuery(head=ranks - 1, weights=weights, direction=(255 // ranks).astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Counts what the sums of bounded rows have to do: items, and pairs of the head with the diagonal."""

    head: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Two numbers."""
        return (2,)

    def prepared(self, batch: pa.RecordBatch) -> Lists:
        """The people of the batch as arrays."""
        return Lists.of(batch)

    def add(self, prepared: Lists, block: int, total: NDArray[np.int64]) -> None:  # noqa: ARG002 (there is one)
        """The batch's items and pairs have been counted."""
        inside = np.concatenate([[0], np.cumsum(prepared.items < self.head)])[prepared.starts]
        lengths = np.diff(inside)
        total += [int(prepared.starts[-1] - prepared.starts[0]), int((lengths * (lengths + 1) // 2).sum())]


def _work(bounded: BoundedInteractions, items: int, head: int) -> tuple[int, int]:
    """Items and pairs of the bounded rows."""
    kept, pairs = bounded.rows.total(_Work(head=min(head, items))).tolist()
    return kept, pairs


def _spent(name: str, steps: Iterable[Step], shuffles: Iterable[tuple[float, int]]) -> Spent:
    """What all steps of the name took together; a shuffle belongs to the step in which its stage was submitted."""
    mine = [step for step in steps if step.name == name]
    return Spent(
        seconds=sum(step.seconds for step in mine),
        core_seconds=sum(step.core_seconds for step in mine),
        shuffled=sum(size for at, size in shuffles if any(step.began <= at <= step.ended for step in mine)),
    )


def shuffled(logs: Path) -> Iterable[tuple[float, int]]:
    """Of each finished stage in Spark's event logs when it was submitted, and the bytes its tasks wrote for others."""
    for file in sorted(logs.iterdir()):
        for event in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            if event["Event"] == "SparkListenerStageCompleted":
                stage = event["Stage Info"]
                written = (int(a["Value"]) for a in stage["Accumulables"] if a["Name"] == _WRITTEN)
                yield stage["Submission Time"] / 1000, sum(written)
