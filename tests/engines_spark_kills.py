"""A program of its own: sums on Spark while what computes them is killed. Prints one line of JSON for each try.

python engines_spark_kills.py MASTER FOLDER TRY…
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch
from uuid import uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engines_spark_world import N_ITEMS, crowd, gram_query
from tactful.personal.engines import spark_sums
from tactful.personal.engines.spark import Spark
from tactful.personal.engines.spark_rows import SparkRows
from tactful.personal.engines.sum_parts import Batches, summed
from tactful.personal.grams import GramSums
from tactful.personal.people_sums import Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Other sums. The first worker that prepares some is stopped; each that does leaves a file, and adds to a counter.

    The counter is what sums must not be: it is added to on the side.
    """

    sums: Sums
    folder: str
    how: str
    counter: Any

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those of the others."""
        return self.sums.sizes

    def prepared(self, batch: pa.RecordBatch) -> Any:
        """What the others prepare, unless this is the first."""
        found = self.sums.prepared(batch)
        self.counter.add(batch.num_rows)
        stop(self.folder, self.how)
        return found

    def add(self, prepared: Any, block: int, total: NDArray[np.int64]) -> None:
        """What the others add."""
        self.sums.add(prepared, block, total)


def stop(folder: str, how: str) -> None:
    """This attempt left a file; the first in this folder is stopped."""
    Path(folder, f"attempt-{uuid4()}").touch()
    if how == "nothing":
        return
    try:
        os.close(os.open(Path(folder, "stopped"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    {"worker": stop_worker, "raise": stop_by_error, "executor": stop_executor}[how]()


def stop_worker() -> NoReturn:
    """The Python process that adds up dies."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def stop_by_error() -> NoReturn:
    """The task fails."""
    raise ValueError("of somebody's row")


def stop_executor() -> None:
    """The Java process above this one dies, with its memory; it is one that runs tasks and nothing else."""
    above = os.getppid()
    while b"CoarseGrainedExecutorBackend" not in Path(f"/proc/{above}/cmdline").read_bytes():
        above = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
        assert above > 1, "no executor runs this worker"
    os.kill(above, signal.SIGKILL)


def stopped_then_summed(folder: str, batches: Iterable[pa.RecordBatch]) -> Batches:
    """The first executor that adds up parts, all of which have been written, dies."""
    stop(folder, "executor")
    yield from summed(batches)


def home(folder: str) -> str:
    """Spark's own folder, with another place for what a cluster of this machine writes into it."""
    import pyspark

    made = Path(folder, "spark")
    made.mkdir()
    for each in Path(pyspark.__file__).parent.iterdir():
        (made / each.name).symlink_to(each)
    return str(made)


def main(master: str, folder: str, *tries: str) -> None:
    """Tries are ``worker``, ``raise``, ``executor`` (in the map) and ``reduce`` (an executor in the reduce)."""
    os.environ["SPARK_HOME"] = home(folder)
    settings = {
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # a short life
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.executor.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
        "spark.worker.cleanup.enabled": "false",
    }
    engine, people, asked = (
        Spark(master=master, settings=settings),
        crowd(5),
        GramSums(query=gram_query(), n_items=N_ITEMS),
    )
    workspace = engine.session()
    people.put(workspace)
    exact = people.rows(20).total(asked)
    for how in tries:
        rows = workspace.bounded(max_items=20, n_items=N_ITEMS)
        assert isinstance(rows, SparkRows)
        traces = Path(folder, how)
        traces.mkdir()
        counter = workspace._session.sparkContext.accumulator(0)
        if how == "reduce":
            adds_up: Callable[..., Batches] = partial(stopped_then_summed, str(traces))
            sums = Interrupted(sums=asked, folder=str(traces), how="nothing", counter=counter)
        else:
            adds_up, sums = summed, Interrupted(sums=asked, folder=str(traces), how=how, counter=counter)
        with patch.object(spark_sums, "summed", adds_up):
            found = rows.total(sums)
        told = {
            "try": how,
            "equal": bool(np.array_equal(found, exact)),
            "stopped": (traces / "stopped").exists(),
            "attempts": len([*traces.glob("attempt-*")]),
            "people": rows.n_people,
            "counted": counter.value,
            "partitions": rows.partitions,
        }
        print(json.dumps(told), flush=True)  # noqa: T201 (what it is for)
    engine.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
