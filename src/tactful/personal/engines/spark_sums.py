"""Sums over people on Spark: each task adds up its own rows, tasks add up the parts, the driver receives the sum once.

Notes
-----
*Nothing counts twice.* A sum is the **output** of tasks, not something that tasks do on the side. Spark runs a task
again when its worker dies, and twice when it is slow (speculation), but of all attempts it commits one: a shuffle reads
the blocks of one attempt of each task, and the driver takes one result of each partition. An accumulator has no such
promise outside of actions, a file or a socket has none at all, so that there are none here. Which attempt is taken does
not matter: what people add are whole numbers that depend on their own row alone, and not on the machine that it came
to (`tactful.personal.kernels`). A worker with another version of tactful might add something else, and is refused. What
comes back is checked besides, see `tactful.personal.engines.sum_parts`.

*Memory.* A task holds what it prepared of some rows and one block of the sum; a task that adds up holds a few pieces of
a megabyte, and one batch of those that come, which Spark keeps to 64 MB by itself
(``spark.sql.execution.arrow.maxBytesPerBatch``). The driver holds the sum twice, 0.5 GB for a head of 8,192.

*What is seen.* The event log and the user interface show the names of these functions and of the columns of a part. A
worker that fails says which kind of error it met, and nothing of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tactful import __version__
from tactful.errors import TactfulError
from tactful.personal.engines.spark_silence import mapped, silence
from tactful.personal.engines.sum_parts import Batches, Division, added, summed, whole
from tactful.personal.people_sums import Sums

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

T = TypeVar("T")

DIVISION = Division()
_PARTS = "start BIGINT, people BIGINT, salt INT, numbers BINARY"  # tactful.personal.engines.sum_parts.PARTS
_ADDED = "people's rows can be added up where they lie"


def total(
    frame: DataFrame,
    sums: Sums,
    *,
    n_people: int | None = None,
    partitions: int | None = None,
    division: Division = DIVISION,
) -> NDArray[np.int64]:
    """The sum over all rows of the frame, block after block; modulo 2^64.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        With the columns that the sums read.
    sums : Sums
    n_people : int, optional
        How many rows the frame has, where that is known.
    partitions : int, optional
        How many partitions, where that is known: many of them are added up in two steps.
    division : Division, optional

    Raises
    ------
    TactfulError
        If the job fails, or what comes back is not the sum of each row once.

    Notes
    -----
    **Privacy.** *Reads* bounded rows of training people, or what the gate's statements select. *Returns* exact sums,
    for `tactful.privacy.release` only. *Costs* nothing by itself. *Assumes* driver and executors are inside the trust
    boundary, and so are the ways between them: parts of sums are exact. On disk they are encrypted, see
    `tactful.personal.engines.spark_settings`.
    """
    size, pieces = sum(sums.sizes), division.pieces(sums)
    if not size:
        return np.zeros(0, dtype=np.int64)
    parts = _mapped(frame, partial(_added, sums, division, __version__))
    usual = int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    groups = 1 if partitions is None else math.ceil(partitions / division.fan_in)
    if groups > 1:
        parts = parts.repartition(division.tasks(pieces * groups, usual), "start", "salt")
        parts = _mapped(parts, summed)
    parts = _mapped(parts.repartition(division.tasks(pieces, usual), "start"), summed)
    return whole(quietly(lambda: parts.toArrow().to_batches()), size=size, n_people=n_people)


def quietly(action: Callable[[], T]) -> T:
    """What the action returns. What Spark says when it fails is not passed on, nor carried by the error as context."""
    try:
        with silence():
            return action()
    except Exception as error:  # py4j's, pyspark's and the socket's have no common root
        kind = type(error).__name__
    raise TactfulError(
        _ADDED, given=f"Spark stopped with {kind}", do="Read its driver's log, which names the stage that failed"
    )


def _mapped(frame: DataFrame, work: Callable[[Batches], Batches]) -> DataFrame:
    """What the work makes of each partition, in parts."""
    return mapped(frame, partial(_plainly, work), _PARTS)


def _added(sums: Sums, division: Division, version: str, batches: Batches) -> Batches:
    """What one partition adds; runs in a worker, which must be of the driver's version."""
    from pyspark import TaskContext

    if version != __version__:
        raise TactfulError(_ADDED, given=f"a worker has tactful {__version__}, the driver {version}", do="Install one")
    task = TaskContext.get()
    return added(sums, batches, division=division, salt=task.partitionId() // division.fan_in if task else 0)


def _plainly(work: Callable[[Batches], Batches], batches: Batches) -> Batches:
    """What the work yields. If it fails its own words stay behind: Spark would write them to its event log."""
    try:
        yield from work(batch for batch in batches if batch.num_rows)
    except TactfulError as error:  # whose words name nobody
        given = error.given
    except Exception as error:  # whatever it is, its words may quote a row
        given = f"a worker stopped with {type(error).__name__}"
    else:
        return
    raise TactfulError(_ADDED, given=given, do="Give workers more memory and one version of tactful, or report this")
