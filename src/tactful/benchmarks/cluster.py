"""A worked plan for a cluster: what a run over so many people and events shuffles, holds, takes and costs, by stage.

Notes
-----
The plan for 10^8 people with 10^10 interactions on 512 cores, as ``tactful benchmark cluster`` prints it::

    stage              rows  shuffled GiB     tasks  core-hours
    name              1e+10         302.9     2,048        13.1
    consents        1.4e+08          11.5       512         0.3
    judge             1e+10         987.2     2,048        12.2
    bound             5e+09         237.5     2,048         8.2
    popularity        4e+09           0.3       512         0.0
    gram map        9.6e+10         128.1     2,048         0.1
    gram reduce     1.4e+05           2.0     2,114         0.8
    evaluation        4e+05           0.0       512         0.0

It shuffles 1.6 TiB and takes 35 core-hours, if all cores are busy and the network keeps up. Executors of four cores
need 9.4 GiB, the driver 1.9 GiB, and rows that are kept 1 TiB of memory or encrypted disks. How its figures follow
says `plan_cluster`. The block reduce was run at small sizes beside its formula (`tactful.benchmarks.block_reduce`),
rates were fitted to up to 8 million interactions (`tactful.benchmarks.core_rates`); nothing was run at this size.

There ε = 1 costs nearly nothing: ``tactful plan --people 100000000 --items 2000 --epsilon 1 --delta 1e-10`` forecasts
the same share of the gain as without noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tactful.benchmarks.block_reduce import BATCH_BYTES, Reduce
from tactful.benchmarks.cluster_sizes import Cluster, Population
from tactful.benchmarks.core_rates import MEASURED, Rates
from tactful.personal.engines.spark_settings import partitions_of
from tactful.personal.engines.sum_parts import Division
from tactful.privacy.accountant import PrivacyBudget, mu_at

GIB = 1 << 30
_READ = 128 << 20  # bytes a task: spark.sql.files.maxPartitionBytes
_STORED = 15  # bytes of an interaction in Parquet, as `tactful.benchmarks.lakes` writes it
_NAMED = 34  # bytes of a person who was named, in a shuffle: measured
_LOGGED = 64  # bytes of a row of the log as it is kept: that, the item's id, whether the person is held out
_JUDGED = 49  # bytes of a judged row: a pseudonym of 32 characters and its length, item, instant, outcome
_HELD_OUT = 140  # bytes of a row of an evaluation person in the driver: text and numbers of Python
_CATALOGUE = 300  # bytes of an item in the driver
_PREPARED = 6  # times the bytes of rows that a worker adds up at once, the rows included
_COPIES = 4  # of the sum in the driver's Python: parts, sum, noise, released values
_FIT = 4  # matrices of the size of the head while it is decomposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the run.

    Attributes
    ----------
    name : str
    rows : float
        What it goes through, in the unit of its rate: rows, people, items or pairs.
    shuffled : float, bytes
        That its tasks write for others.
    tasks : int
    core_hours : float
    """

    name: str
    rows: float
    shuffled: float
    tasks: int
    core_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """What the run takes.

    Attributes
    ----------
    population : Population
    cluster : Cluster
    rates : Rates
    stages : tuple of Stage
    parts : int
        Times that the whole Gram is written by those who hold rows.
    kept_gib : float
        Rows of the log and judged ones, in the memory of all executors or encrypted on their disks.
    worker_gib, executor_gib : float
        What Python needs beside Java in one task, and what both need in an executor.
    driver_gib : float
        Of Python and of Java in the driver together.
    noise_share : float
        The edge of the noise in the Gram, in people who agree in all they do, by the people who train.
    """

    population: Population
    cluster: Cluster
    rates: Rates
    stages: tuple[Stage, ...]
    parts: int
    kept_gib: float
    worker_gib: float
    executor_gib: float
    driver_gib: float
    noise_share: float

    @property
    def core_hours(self) -> float:
        """Of all stages."""
        return sum(stage.core_hours for stage in self.stages)

    @property
    def hours(self) -> float:
        """If all cores are busy all the time, which the last tasks of a stage are not."""
        return self.core_hours / self.cluster.cores

    @property
    def cost(self) -> float:
        """At the assumed price."""
        return self.core_hours * self.cluster.price

    @property
    def shuffled_tib(self) -> float:
        """Written for others by all stages."""
        return sum(stage.shuffled for stage in self.stages) / 2**40

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes and properties."""
        totals = {name: getattr(self, name) for name in ("core_hours", "hours", "cost", "shuffled_tib")}
        return {**totals, **asdict(self)}


def plan_cluster(
    population: Population | None = None, cluster: Cluster | None = None, rates: Rates = MEASURED
) -> ClusterPlan:
    """What a run over the population takes on the cluster.

    Parameters
    ----------
    population : Population, optional
        10^8 people and 10^10 events if not given.
    cluster : Cluster, optional
    rates : Rates, optional
        Of one core; those of the machine that tactful is measured on if not given.

    Notes
    -----
    N events of U people; A = N · admitted; K = U · (1 − evaluation share) · kept; M the head.

    *Name.* All N rows are read and named, and kept, 64 bytes each, until they are judged. A task that reads n rows sees
    U(1 − e^(−n/U)) different people of those that are spread over all files, and shuffles 34 bytes for each; the
    seconds of a row are fitted. *Consents* are read, named and joined: U · consents events. *Judge* joins people's
    standing (whose windows over events are part of its rate, at the hundred interactions a person of the runs), for
    which they are shuffled: people are too many to be sent to every task, and the runs that rates are fitted to do not
    send them either. It keeps N · 49 bytes. *Bound* shuffles the A admitted rows by person and ranks them. *Popularity*
    goes through K items. *Gram map* counts pairs: a history of l items in the head has l(l+1)/2 of them, and since
    lengths vary there are more than K · (kept + 1)/2; the rate takes the ratio of the two from the runs. Each of the
    tasks writes the whole triangle once for each 32 MB of rows; *Gram reduce* adds them up, see
    `tactful.benchmarks.block_reduce`, which a simulation checks. *Evaluation* brings U · evaluation share · kept rows
    to the driver.

    Core-hours are rows by rate, and what writing and adding up the Gram's bytes takes stands with its reduce; nothing
    is allowed for stragglers, retries or a slow disk, so count on more. Rates are those of Python, Java and Parquet on
    one machine's memory and disk: a network slower than what the cores shuffle stretches the hours and not the
    core-hours.

    *Partitions.* A task reads 128 MiB of files and receives 64 MiB of a shuffle, which are Spark's own sizes, but there
    are never more partitions than tactful asks for, four for each core (`spark_settings.partitions_of`): the more
    parts, the more often the whole Gram is written.

    *Workers.* A task that counts pairs holds 32 MB of rows, what it prepares of them, and a block; one that adds up
    holds what `Reduce.worker_bytes` says. *Executors.* For each core that, and three partitions of Java's, whose sorts
    spill beyond; the 1 GiB beside is Java's own. *Driver.* Java receives the sum in one piece, so that
    ``spark.driver.maxResultSize`` has to hold 4 · (M + 1)(M + 2) bytes, and a hundred for each MB of them; Python has
    it four times, then decomposes a matrix of M². What evaluation people need comes on top, and is what forbids a usual
    evaluation share at this size.

    *Noise.* Were the whole budget spent on the Gram, its noise would have the edge 2√M/μ in units of one person's whole
    contribution: what fewer people than that share is lost in noise.
    """
    population, cluster = population or Population(), cluster or Cluster()
    reduce = Reduce(head=population.head, parts=_parts(population, cluster, rates), division=Division())
    stages = tuple(_stages(population, cluster, rates, reduce))
    most = max(_READ, *(stage.shuffled / cluster.tasks(stage.shuffled) for stage in stages[:-3]))
    worker = rates.idle_worker + max(
        _PREPARED * Division().at_once + 2 * BATCH_BYTES, reduce.worker_bytes(partitions_of(cluster.cores))
    )
    mu = mu_at(PrivacyBudget(epsilon=population.epsilon, delta=population.delta).epsilon, population.delta)
    return ClusterPlan(
        population=population,
        cluster=cluster,
        rates=rates,
        stages=stages,
        parts=reduce.parts,
        kept_gib=population.events * (_LOGGED + _JUDGED) / GIB,
        worker_gib=worker / GIB,
        executor_gib=1 + cluster.cores_each * (worker + 3 * most) / GIB,
        driver_gib=_driver(population, reduce) / GIB,
        noise_share=2 * math.sqrt(population.head) / mu / _training(population),
    )


def _training(population: Population) -> float:
    """How many people train."""
    return population.people * (1 - population.evaluation_share)


def _parts(population: Population, cluster: Cluster, rates: Rates) -> int:
    """Times that the whole Gram is written: once a partition of bounded rows, and once for each 32 MB of them."""
    shuffled = population.events * population.admitted * rates.bound.shuffled
    rows = 4 * _training(population) * population.kept
    return max(cluster.tasks(shuffled), math.ceil(rows / Division().at_once))


def _stages(population: Population, cluster: Cluster, rates: Rates, reduce: Reduce) -> Iterator[Stage]:
    """Every stage, in order."""
    events, kept = float(population.events), _training(population) * population.kept
    pairs = kept * (population.kept + 1) / 2 * rates.spread
    done = {
        "name": events,
        "consents": population.people * population.consents,
        "judge": events,
        "bound": events * population.admitted,
        "popularity": kept,
    }
    scan = math.ceil(events * _STORED / _READ)
    written = {
        "name": scan * _NAMED * _distinct(events / scan, population.people),
    }
    for name, rows in done.items():
        rate = getattr(rates, name)
        shuffled = written.get(name, rows * rate.shuffled)
        tasks = max(scan if name in ("name", "judge") else 1, cluster.tasks(shuffled))
        yield Stage(name=name, rows=rows, shuffled=shuffled, tasks=tasks, core_hours=rows * rate.seconds / 3600)
    yield Stage(
        name="gram map",
        rows=pairs,
        shuffled=float(reduce.parts * reduce.sum_bytes),
        tasks=reduce.parts,
        core_hours=pairs * rates.pair_seconds / 3600,
    )
    yield Stage(
        name="gram reduce",
        rows=float(reduce.parts * reduce.pieces),
        shuffled=float(reduce.groups * reduce.sum_bytes),
        tasks=sum(reduce.tasks(partitions_of(cluster.cores))),
        core_hours=reduce.shuffled * rates.byte_seconds / 3600,
    )
    held_out = population.people * population.evaluation_share * population.kept
    yield Stage(name="evaluation", rows=held_out, shuffled=held_out * _JUDGED, tasks=cluster.cores, core_hours=0.0)


def _distinct(rows: float, people: int) -> float:
    """How many different people so many rows are of, if each row is of anybody."""
    return people * -math.expm1(-rows / people)


def _driver(population: Population, reduce: Reduce) -> float:
    """Bytes that the driver needs."""
    held_out = population.people * population.evaluation_share * population.kept * _HELD_OUT
    fit = _FIT * 8 * population.head**2
    return GIB + (1 + _COPIES) * reduce.sum_bytes + fit + held_out + _CATALOGUE * population.items
