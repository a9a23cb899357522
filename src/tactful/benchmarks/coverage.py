"""How often intervals hold what they are about: worlds whose true means are known, sampled, released and judged.

A world draws its own truth (how a metric is spread among people), people from it, and noise; an interval made from what
was released should hold the truth in 95 of 100 worlds. Everything is made by the very code that assesses a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import fmean
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from tactful.assurance.gaps import difference, ratio, worst_to_best
from tactful.assurance.groups import Group
from tactful.assurance.intervals import Interval, bounds_of, critical_value
from tactful.assurance.metrics import METRICS
from tactful.benchmarks.spreads import KINDS, Kind, Values
from tactful.errors import UsageError
from tactful.privacy.sums import Measured, inside

WORLDS = 1000
AGAIN = 4
SIZES = (20, 50, 200, 2000)
CONFIDENCE = 0.95
LEAST, MOST = 0.93, 0.97
NARROW = 0.3
"""Half-widths under this are of intervals that say something; those that cover more than `MOST` say too little."""

Noises: TypeAlias = Mapping[str, Callable[[int], float]]
NOISES: Noises = MappingProxyType({"none": lambda _: 0.0, "little": lambda _: 2.0, "half of them": lambda n: n / 2})
"""Standard deviation of the noise on a number of people, by how many they are.

A sum is released with 0.7 of it and how far inside its range a metric is with 0.35, as in the evaluation vector for
metrics of rules.
"""

GROUPS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "two, equal": (0.4, 0.4),
        "two, unequal": (0.2, 0.6),
        "four, equal": (0.4,) * 4,
        "four, one worse": (0.2, 0.6, 0.6, 0.6),
        "four, spread": (0.15, 0.35, 0.55, 0.75),
    }
)
"""How well the groups of a world are served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one kind of interval did.

    Attributes
    ----------
    statistic : str
        ``mean``; ``difference`` and ``ratio`` of two given groups; ``largest difference`` and ``smallest ratio``
        between any two of all groups.
    groups, kind, noise : str
        Keys of `GROUPS` (or ``one``), `KINDS` and `NOISES`.
    people : int
        In each group.
    worlds : int
    coverage : float
        Share of worlds whose truth was in the interval.
    half_width : float
        Mean half width, as a share of everything that the figure could be.
    """

    statistic: str
    groups: str
    kind: str
    noise: str
    people: int
    worlds: int
    coverage: float
    half_width: float

    @property
    def narrow(self) -> bool:
        """Whether the intervals say something."""
        return self.half_width < NARROW

    @property
    def mark(self) -> str:
        """``-`` if they hold the truth too rarely, ``+`` if they are narrow and hold it too often, else nothing."""
        if self.coverage < LEAST:
            return "-"
        return "+" if self.coverage > MOST and self.narrow else ""

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes."""
        return {name: getattr(self, name) for name in self.__slots__}


def benchmark_coverage(
    worlds: int = WORLDS,
    *,
    sizes: Sequence[int] = SIZES,
    kinds: Sequence[str] = tuple(KINDS),
    groups: Sequence[str] = tuple(GROUPS),
    noises: Sequence[str] = tuple(NOISES),
    again: int = 0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Row]:
    """How often intervals held the truth, for means and for gaps, in worlds of every kind.

    Parameters
    ----------
    worlds : int
        Of each row.
    sizes : sequence of int, people
        Of each group.
    kinds, groups, noises : sequence of str
        Keys of `KINDS`, `GROUPS` and `NOISES`.
    again : int
        A row that is marked is counted again in this many times as many worlds, none of which were looked at before:
        of thousands of rows some are marked by chance, which the worlds that marked them cannot tell.
    seed : int
        Of everything that is drawn; nobody here is there to be protected.
    progress : callable, optional
        Is told what is being done.

    Raises
    ------
    UsageError
        If there is not one world.
    """
    if worlds < 1:
        raise UsageError("coverage is counted over worlds", given=f"{worlds}", do="Ask for 1 or more")
    say, rng, rows = progress or (lambda _: None), np.random.default_rng(seed), list[Row]()
    for kind in kinds:
        say(f"{kind}: {worlds:,} worlds of each row")
        for people in sizes:
            for noise, name in product(noises, ("one", *groups)):
                row = partial(Row, groups=name, kind=kind, noise=noise, people=people)
                seen = partial(_seen, rng, KINDS[kind], name, people, NOISES[noise](people))
                counted = _rows(row, seen(worlds))
                if again and any(found.mark for found in counted.values()):
                    counted |= {key: new for key, new in _rows(row, seen(again * worlds)).items() if counted[key].mark}
                rows += counted.values()
    return rows


Found: TypeAlias = tuple[float, Interval, float]
"""The truth, the interval, and the width of everything that the figure could be."""


def _rows(row: Callable[..., Row], seen: Mapping[str, Sequence[Found]]) -> dict[str, Row]:
    """How each statistic did: how often the truth was inside, to a rounding error, and how wide the intervals are."""
    rows = {}
    for statistic, found in seen.items():
        inside = fmean(interval.low - 1e-12 <= truth <= interval.high + 1e-12 for truth, interval, _ in found)
        half_width = fmean((interval.high - interval.low) / 2 / width for _, interval, width in found)
        rows[statistic] = row(statistic=statistic, worlds=len(found), coverage=inside, half_width=half_width)
    return rows


def _seen(
    rng: np.random.Generator, kind: Kind, groups: str, people: int, sigma: float, worlds: int
) -> Mapping[str, Sequence[Found]]:
    """The intervals of all worlds of one kind, by statistic."""
    if groups == "one":
        z, bounds = critical_value(CONFIDENCE), bounds_of(kind.metric)
        means = [_world(rng, kind, (float(rng.random()),), people, sigma) for _ in range(worlds)]
        width = bounds[1] - bounds[0]
        return {"mean": [(truth[0], found[0].mean(kind.metric, z).interval, width) for truth, found in means]}
    made = [_world(rng, kind, GROUPS[groups], people, sigma) for _ in range(worlds)]
    found = [_gaps(truth, released, kind.metric) for truth, released in made]
    return {statistic: [row[statistic] for row in found] for statistic in found[0]}


def _gaps(truth: list[float], released: list[Group], metric: str) -> dict[str, Found]:
    """Every gap of one world."""
    bounds = bounds_of(metric)
    width = bounds[1] - bounds[0]

    reaches = [partial(group.ends, metric) for group in released]
    gap = worst_to_best(reaches, confidence=CONFIDENCE, bounds=bounds)
    found = {"largest difference": (max(truth) - min(truth), gap.difference, width)}
    if gap.ratio:
        found["smallest ratio"] = (min(truth) / max(truth), gap.ratio, 1.0)
    if len(released) == 2:
        z = critical_value(CONFIDENCE)
        found["difference"] = (truth[0] - truth[1], difference(*reaches, z=z, bounds=bounds), 2 * width)
        if gap.ratio:
            apart = ratio(*reaches, z=z, bounds=bounds)
            found["ratio"] = (truth[0] / truth[1], Interval(low=apart.low, high=min(apart.high, 2.0)), 2.0)
    return found


def _world(
    rng: np.random.Generator, kind: Kind, served: Sequence[float], people: int, sigma: float
) -> tuple[list[float], list[Group]]:
    """The true means of groups, and what is released about people who were drawn from them."""
    made = [kind.world(rng, level) for level in served]
    return [mean for _, mean in made], [_released(rng, kind.metric, draw(people), sigma) for draw, _ in made]


def _released(rng: np.random.Generator, metric: str, values: Values, sigma: float) -> Group:
    """The sums of one group with noise."""
    declared = METRICS[metric]

    def noisy(value: float, scale: float) -> Measured:
        """One released value."""
        return Measured(value=value + scale * float(rng.normal()), sigma=scale)

    totals = {
        metric: noisy(float(values.sum()), sigma * declared.clip / np.sqrt(2)),
        inside(metric): noisy(float(declared.inside(values).sum()), sigma * declared.most_inside * np.sqrt(2)),
    }
    return Group(people=noisy(len(values), sigma), totals=totals)
