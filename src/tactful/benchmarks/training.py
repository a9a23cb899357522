"""How long a private training run takes and how much memory, beside a peer without privacy, on synthetic people.

What is timed is what `tactful train` does between the consent gate and the evaluation: bound, release, fit. Every
measurement runs in a process of its own, so that its peak memory is its own; that peak counts the synthetic log and the
gate as well. Compiled loops and imports are warm: a tiny crowd goes through everything first, so that a compiler, which
runs once after an installation, is in no figure. BLAS has the threads that it has in a training run; what is divided by
hand takes them back for that long (`tactful.released.processors`), so that there are never more than processors.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tactful.benchmarks.crowd import crowd
from tactful.benchmarks.memory import peak_gib
from tactful.benchmarks.peers import for_implicit, implicit
from tactful.benchmarks.private import default_settings
from tactful.benchmarks.stopwatch import Clock, TimedRelease
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.fitting import fit_released
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.statistics import ItemPopularity, PeopleCount

USERS, ITEMS, HEAD = 138_000, 20_000, 4096
FACTORS, ITERATIONS = 64, 15
PEER = "implicit.als.AlternatingLeastSquares, its own threads, one BLAS thread as it asks for"
_BUDGET = PrivacyBudget(epsilon=1.0, delta=1e-6)
_TINY = (300, 1000)

Progress = Callable[[str], None]
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpeed:
    """One private training run, timed.

    Attributes
    ----------
    people, items, interactions : int
        Of the crowd, before the bound.
    head : int
        Items that the Gram was about.
    rank : int
        Directions of taste that stood out.
    bound, sums, noise, fit : float
        Seconds: of bounding; of exact sums over people; of drawing noise and adding it; of fitting, which is the rest.
    peak_gib : float
        Most memory that the process held, synthetic log and gate included.
    """

    people: int
    items: int
    interactions: int
    head: int
    rank: int
    bound: float
    sums: float
    noise: float
    fit: float
    peak_gib: float

    @property
    def seconds(self) -> float:
        """Bound, release and fit."""
        return self.bound + self.sums + self.noise + self.fit

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and the sum of the seconds."""
        return {"seconds": self.seconds, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingComparison:
    """Private training with a forced head and with its own, beside the peer.

    Attributes
    ----------
    forced, default : TrainingSpeed
    peer_seconds : float
        Of implicit's ALS on the same interactions, all of them.
    """

    forced: TrainingSpeed
    default: TrainingSpeed
    peer_seconds: float

    def as_json(self) -> dict[str, Any]:
        """The forced run under the names of the attributes, the default one beside it, and each one's ratio."""
        return {
            **self._row(self.forced),
            "peer_seconds": self.peer_seconds,
            "peer": PEER,
            "factors": FACTORS,
            "iterations": ITERATIONS,
            "epsilon": _BUDGET.epsilon,
            "delta": _BUDGET.delta,
            "default": self._row(self.default),
        }

    def _row(self, speed: TrainingSpeed) -> dict[str, Any]:
        """One run and its ratio."""
        return {"ratio": speed.seconds / self.peer_seconds, **speed.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How training grows with people and with items.

    Attributes
    ----------
    by_people, by_items : tuple of TrainingSpeed
        Rising sizes of the one, the other staying.
    runs : int
        Of each size, of which the one with the median of the seconds is here.
    """

    by_people: tuple[TrainingSpeed, ...]
    by_items: tuple[TrainingSpeed, ...]
    runs: int

    @property
    def exponents(self) -> dict[str, float]:
        """The slope of log seconds on log size: 1 is proportional."""
        return {
            "people": _slope([(row.people, row.seconds) for row in self.by_people]),
            "items": _slope([(row.items, row.seconds) for row in self.by_items]),
        }

    def as_json(self) -> dict[str, Any]:
        """Rows and exponents as plain values."""
        rows = {"by_people": self.by_people, "by_items": self.by_items}
        tables = {name: [r.as_json() for r in found] for name, found in rows.items()}
        return {**tables, "exponents": self.exponents, "runs": self.runs}


def benchmark_training(
    users: int = USERS, items: int = ITEMS, *, head: int = HEAD, progress: Progress = lambda _: None
) -> TrainingComparison:
    """Private training has been timed twice beside implicit's ALS, on the same synthetic interactions.

    Parameters
    ----------
    users, items : int
        Of the crowd; see `tactful.benchmarks.crowd.crowd`.
    head : int
        Items that the Gram is forced to be about, in the first run.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    MissingExtraError
        If implicit is not installed.
    """
    progress(f"private training, a head of {min(head, items):,}")
    forced = _alone(measure, users, items, head)
    progress("private training, the head that its rule chooses")
    default = _alone(measure, users, items, None)
    progress(f"implicit's ALS, {FACTORS} factors, {ITERATIONS} iterations")
    return TrainingComparison(forced=forced, default=default, peer_seconds=_alone(peer, users, items))


def benchmark_growth(
    people: Sequence[int] = (4_000, 8_000, 16_000, 32_000, 64_000),
    items: Sequence[int] = (1_000, 2_000, 4_000, 8_000, 16_000),
    *,
    runs: int = 3,
    progress: Progress = lambda _: None,
) -> Growth:
    """Private training has been timed at several sizes: people at the middle number of items, and the other way round.

    Parameters
    ----------
    people, items : sequence of int
        Rising.
    runs : int, default=3
        Of each size, one after another.
    progress : callable, optional
        Told what is being done.

    Notes
    -----
    The head is the one that the rule chooses. It grows with people as well, up to the catalogue or its own limit, so
    the exponent in people is that of training as it is, not of sums over people alone.
    """

    def row(n_people: int, n_items: int) -> TrainingSpeed:
        """One size, in a process of its own."""
        progress(f"{n_people:,} people, {n_items:,} items")
        return _alone(measure, n_people, n_items, None, runs)

    middle_people, middle_items = people[len(people) // 2], items[len(items) // 2]
    return Growth(
        by_people=tuple(row(n, middle_items) for n in people),
        by_items=tuple(row(middle_people, n) for n in items),
        runs=runs,
    )


def measure(users: int, items: int, head: int | None, runs: int = 1) -> TrainingSpeed:
    """Private training of a crowd, timed in this process: of several runs the one with the median of the seconds.

    A head of None is the one of the rule.
    """
    _run(_world(*_TINY)[0], head)
    world, interactions = _world(users, items)
    median = sorted((_run(world, head) for _ in range(runs)), key=lambda run: run.seconds)[runs // 2]
    return replace(median, items=items, interactions=interactions, peak_gib=peak_gib())


def peer(users: int, items: int) -> float:
    """Seconds of implicit's ALS on the interactions of the crowd."""
    als = implicit("als", command="`tactful benchmark training`")
    rows = for_implicit(crowd(users, items))
    with threadpool_limits(limits=1, user_api="blas"):
        model = als.AlternatingLeastSquares(factors=FACTORS, iterations=ITERATIONS, random_state=0)
        began = time.perf_counter()
        model.fit(rows, show_progress=False)
        return time.perf_counter() - began


def _world(users: int, items: int) -> tuple[World, int]:
    """The crowd through the gate, and the number of its interactions."""
    rows = crowd(users, items)
    catalogue = Catalogue.of_table(pa.table({"item_id": np.arange(items).astype(str)}))
    return World.of(rows, catalogue, max_items=default_settings(_BUDGET).privacy.max_items), rows.nnz


def _run(world: World, head: int | None) -> TrainingSpeed:
    """Bound, release and fit, each with its seconds."""
    planned = Planned.of(default_settings(_BUDGET))
    chosen = (
        planned if head is None else _Forced(budget=planned.budget, design=planned.design, plan=planned.plan, size=head)
    )
    clock = Clock()
    with clock.timed("bound"):
        bounded = world.bounded()
    door = TimedRelease(clock, planned.plan)
    with clock.timed("all"):
        fitted = fit_released(door, bounded, chosen, door.people(bounded))
    spent = clock.seconds
    return TrainingSpeed(
        people=world.people,
        items=world.items,
        interactions=bounded.user_items.nnz,
        head=len(fitted.head),
        rank=fitted.model.rank,
        bound=spent["bound"],
        sums=spent["release"] - spent["noise"],
        noise=spent["noise"],
        fit=spent["all"] - spent["release"],
        peak_gib=peak_gib(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forced(Planned):
    """A plan whose head has a given size."""

    size: int

    def head(self, popularity: ItemPopularity, people: PeopleCount) -> NDArray[np.int64]:  # noqa: ARG002  (it is the interface)
        """The most popular items by released popularity."""
        return np.argsort(-popularity.values, kind="stable")[: self.size].astype(np.int64)


def _alone(task: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What the task returns, in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *args, **kwargs).result()


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """The exponent of seconds in size, by least squares on logarithms."""
    sizes, seconds = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(sizes, seconds, 1)[0])
