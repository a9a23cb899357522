"""How fast one core is at each step of a run on Spark: fitted to runs of different sizes, not derived.

Notes
-----
A run has costs that do not grow: plans, compilers that warm up, tasks that start. So seconds of processors, and bytes
of shuffles, are fitted as a constant and a slope in what the step goes through, neither below 0, with errors in
proportion to the size. A single run has no slope: then all of it counts as growing, which says too much rather than too
little. Those of the Gram are fitted in two things, pairs counted and bytes of triangles written.

The runs send no table to every task, though theirs are small enough: the tables about people that a log is joined with
are not at 10^8 people, so that the log is shuffled. Nor is the catalogue sent, so that it is shuffled once more than a
small catalogue asks for: rates of judging say too much rather than too little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from tactful.benchmarks.block_reduce import Reduce
from tactful.benchmarks.engine_growth import Progress, lake_of, measured
from tactful.benchmarks.engine_run import EngineRun
from tactful.errors import UsageError
from tactful.personal.engines.sum_parts import Division

UNITS = {"name": "interactions", "consents": "consents", "judge": "interactions", "bound": "admitted"}
UNITS |= {"popularity": "kept"}
"""What each step goes through."""
_CONSENTS = 1.4  # events a person, in `tactful.benchmarks.lakes`
_SIZES = ((500_000, 1024), (1_000_000, 4096), (2_000_000, 1024), (4_000_000, 4096), (8_000_000, 2048))
_SHUFFLED_JOINS = {
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one row costs.

    Attributes
    ----------
    seconds : float
        Of one core.
    shuffled : float, bytes
        Written for others, compressed. Of `Rates.name` the plan counts people instead.
    """

    seconds: float
    shuffled: float

    def __post_init__(self) -> None:
        _check(self.seconds, self.shuffled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one core does.

    Attributes
    ----------
    name, judge : Rate
        Of an interaction.
    consents : Rate
        Of an event; a person has 1.4 of them on average.
    bound : Rate
        Of an admitted interaction.
    popularity : Rate
        Of a kept one.
    pair_seconds, byte_seconds : float
        Of a pair that is counted, and of a byte of the Gram that is written, sent and added up.
    spread : float
        How many more pairs there are than if all histories had the mean length.
    idle_worker : int, bytes
        What a Python worker holds that does nothing.
    """

    name: Rate
    consents: Rate
    judge: Rate
    bound: Rate
    popularity: Rate
    pair_seconds: float
    byte_seconds: float
    spread: float
    idle_worker: int = 340 << 20

    def __post_init__(self) -> None:
        _check(self.pair_seconds, self.byte_seconds, self.spread, self.idle_worker)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Rates:
        """Those that `tactful benchmark rates --json` printed as ``rates``.

        Raises
        ------
        UsageError
            If they are none.
        """
        try:
            steps = {step: Rate(**values[step]) for step in UNITS}
            return cls(**{**values, **steps})
        except (KeyError, TypeError):
            raise UsageError(
                "rates are those of `tactful benchmark rates --json`",
                given="others",
                do="Name the file that it was written to",
            ) from None

    @classmethod
    def fitted(cls, runs: Sequence[EngineRun]) -> Rates:
        """The rates that these runs on Spark show."""
        found: dict[str, Any] = {step: _rate(runs, step, unit) for step, unit in UNITS.items()}
        gram = np.array([run.steps["gram"].core_seconds for run in runs])
        pairs, written = (
            np.array([run.pairs for run in runs], dtype=float),
            np.array(
                [Reduce(head=run.head, parts=run.parts, division=Division()).shuffled for run in runs], dtype=float
            ),
        )
        pair, byte = _slopes([pairs, written], gram)
        return cls(**found, pair_seconds=pair, byte_seconds=byte, spread=fmean(map(_spread, runs)))


def measure_rates(*, progress: Progress = lambda _: None) -> list[EngineRun]:
    """Runs on Spark that rates can be fitted to, each in a process of its own.

    Raises
    ------
    MissingExtraError
        If Spark is not installed.
    """
    return [
        run
        for interactions, head in _SIZES
        for run in measured("spark", lake_of(interactions), [head], settings=_SHUFFLED_JOINS, progress=progress)
    ]


def _check(*numbers: float) -> None:
    """Raise `UsageError` unless these are finite and at least 0."""
    if not all(0 <= number < math.inf for number in numbers):
        raise UsageError("rates are finite numbers from 0", given="one is not", do="Measure them again")


def _rate(runs: Sequence[EngineRun], step: str, unit: str) -> Rate:
    """What one row of a step costs."""
    rows = np.array([_CONSENTS * run.people if unit == "consents" else getattr(run, unit) for run in runs], dtype=float)
    seconds = np.array([run.steps[step].core_seconds for run in runs])
    shuffled = np.array([run.steps[step].shuffled for run in runs], dtype=float)
    return Rate(seconds=_slopes([rows], seconds)[0], shuffled=_slopes([rows], shuffled)[0])


def _slopes(causes: list[NDArray[np.float64]], effect: NDArray[np.float64]) -> tuple[float, ...]:
    """How the effect grows with each cause, beside a constant if there are runs enough to tell."""
    constant = [np.ones_like(effect)] if len(effect) > len(causes) else []
    columns = np.stack([*causes, *constant], axis=1)
    scale, weight = columns.max(axis=0), 1 / np.maximum(effect, 1e-9)
    slopes = scipy.optimize.nnls(columns / scale * weight[:, None], effect * weight)[0] / scale
    return tuple(map(float, slopes[: len(causes)]))


def _spread(run: EngineRun) -> float:
    """Pairs by what they would be if everybody had the mean length and all items were in the head."""
    mean = run.kept / run.people
    return run.pairs / (run.kept * (mean + 1) / 2)


MEASURED = Rates(
    name=Rate(seconds=4.7e-6, shuffled=0.44),
    consents=Rate(seconds=7.4e-6, shuffled=88.0),
    judge=Rate(seconds=4.4e-6, shuffled=106.0),
    bound=Rate(seconds=5.9e-6, shuffled=51.0),
    popularity=Rate(seconds=0.0, shuffled=0.08),
    pair_seconds=3.5e-9,
    byte_seconds=2.1e-8,
    spread=1.17,
)
"""Of one core of a virtual machine with two that did little else, by ``tactful benchmark rates``: 0.5 to 8 million
interactions on Spark 4.3, heads of 1,024 to 4,096. What popularity takes did not grow among these sizes. Nor did what
pairs take, of 5 to 100 million: theirs is the rate of DuckDB, whose loops are the same, from the growth tables."""
