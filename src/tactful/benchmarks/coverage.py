"""How often intervals hold what they are about: worlds whose true means are known, sampled, released and judged.

A world draws its own truth (how a metric is spread among people), people from it, and noise; an interval made from what
was released should hold the truth in 95 of 100 worlds. Everything is made by the very code that assesses a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.gaps import difference, ratio, worst_to_best
from tactful.assurance.groups import Group
from tactful.assurance.intervals import Interval, bounds_of, critical_value
from tactful.assurance.metrics import METRICS
from tactful.errors import UsageError
from tactful.privacy.sums import Measured, inside

WORLDS = 1000
SIZES = (20, 50, 200, 2000)
CONFIDENCE = 0.95
NARROW = 0.3
"""Half-widths under this are of intervals that say something; where they cover more than 97%, they say too little."""

Noises: TypeAlias = Mapping[str, Callable[[int], float]]
NOISES: Noises = MappingProxyType({"none": lambda _: 0.0, "little": lambda _: 2.0, "half of them": lambda n: n / 2})
"""Standard deviation of the noise on a number of people, by how many they are.

A sum is released with 0.7 of it and how far inside its range a metric is with 0.35, as in the evaluation vector for
metrics of rules.
"""

Values: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[int], Values]
"""So many people of one world, by one metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way in which a metric may be spread among people.

    Attributes
    ----------
    metric : str
        One that has such values: its bounds are used, and whether it is declared to be only 0 or 1.
    world : callable
        From a generator and how well people are served, between 0 and 1, to people and their true mean.
    """

    metric: str
    world: Callable[[np.random.Generator, float], tuple[Draw, float]]


def _binary(rng: np.random.Generator, served: float, *, least: float, most: float) -> tuple[Draw, float]:
    """A hit or none."""
    p = least + (most - least) * served
    return lambda n: (rng.random(n) < p).astype(float), p


def _ranked(rng: np.random.Generator, served: float, *, least: float, most: float) -> tuple[Draw, float]:
    """Nothing for most people, and for the others what the place of one hit is worth, as in nDCG."""
    p, worth = least + (most - least) * served, 1 / np.log2(np.arange(2, 12))
    return lambda n: np.where(rng.random(n) < p, rng.choice(worth, n), 0.0), float(p * worth.mean())


def _recalled(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """A share of one to five hidden items, as in Recall: often 0, now and then 1."""
    p = 0.05 + 0.7 * served

    def draw(n: int) -> Values:
        """So many people's recall."""
        hidden = rng.integers(1, 6, n)
        return rng.binomial(hidden, p) / hidden

    return draw, p


def _nearly_whole(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """The whole for nearly everybody, and any part of it for 2 to 20 in 100."""
    p = 0.2 - 0.18 * served
    return lambda n: np.where(rng.random(n) < p, rng.random(n), 1.0), 1 - p / 2


def _sparse(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """Nothing for most people; for 5 to 30 in 100 all that counts, up three times as often as down."""
    touched, high = 0.05 + 0.25 * served, bounds_of("noise_cost@10")[1]
    shares = (0.75 * touched, 0.25 * touched, 1 - touched)
    return lambda n: rng.choice((high, -high, 0.0), n, p=shares), high * touched / 2


def _beta(rng: np.random.Generator, served: float, *, strength: float) -> tuple[Draw, float]:
    """Values around a mean: the stronger, the closer."""
    mean = 0.1 + 0.8 * served
    return lambda n: rng.beta(strength * mean, strength * (1 - mean), n), mean


def _skewed(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """Nearly nothing for nearly everybody, and much for a few."""
    a = 0.2 + 0.4 * served
    return lambda n: rng.beta(a, 3.0, n), a / (a + 3.0)


def _signed(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """More or less than before: from -1 to 1."""
    draw, mean = _beta(rng, served, strength=8.0)
    return lambda n: 2 * draw(n) - 1, 2 * mean - 1


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "0 or 1": Kind(metric="hit@10", world=partial(_binary, least=0.05, most=0.95)),
        "ranked, mass at 0": Kind(metric="ndcg@10", world=partial(_ranked, least=0.1, most=0.8)),
        "shares of few": Kind(metric="recall@10", world=_recalled),
        "Beta": Kind(metric="novelty@10", world=partial(_beta, strength=5.0)),
        "Beta, narrow": Kind(metric="novelty@10", world=partial(_beta, strength=30.0)),
        "skewed": Kind(metric="miscalibration@10", world=_skewed),
        "signed": Kind(metric="popularity_lift@10", world=_signed),
        "one hidden item": Kind(metric="recall@10", world=partial(_binary, least=0.05, most=0.95)),
        "one hidden item, rare": Kind(metric="recall@10", world=partial(_binary, least=0.01, most=0.05)),
        "ranked, rare": Kind(metric="ndcg@10", world=partial(_ranked, least=0.01, most=0.05)),
        "mass at 1": Kind(metric="head_share", world=_nearly_whole),
        "signed, mass at 0": Kind(metric="noise_cost@10", world=_sparse),
    }
)

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
            for noise in noises:
                sigma = NOISES[noise](people)
                case: dict[str, Any] = {"kind": kind, "noise": noise, "people": people, "worlds": worlds}
                for (statistic, name), found in _seen(rng, KINDS[kind], people, sigma, worlds, groups):
                    coverage, half_width = _summary(found)
                    row = Row(statistic=statistic, groups=name, coverage=coverage, half_width=half_width, **case)
                    rows.append(row)
    return rows


Found: TypeAlias = tuple[float, Interval, float]
"""The truth, the interval, and the width of everything that the figure could be."""


def _seen(
    rng: np.random.Generator, kind: Kind, people: int, sigma: float, worlds: int, groups: Sequence[str]
) -> Iterator[tuple[tuple[str, str], list[Found]]]:
    """The intervals of all worlds of one kind, by statistic and groups."""
    z = critical_value(CONFIDENCE)
    means = [_world(rng, kind, (float(rng.random()),), people, sigma) for _ in range(worlds)]
    width = bounds_of(kind.metric)[1] - bounds_of(kind.metric)[0]
    yield ("mean", "one"), [(truth[0], found[0].mean(kind.metric, z).interval, width) for truth, found in means]
    for name in groups:
        made = [_world(rng, kind, GROUPS[name], people, sigma) for _ in range(worlds)]
        found = [_gaps(truth, released, kind.metric) for truth, released in made]
        for statistic in found[0]:
            yield (statistic, name), [row[statistic] for row in found]


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


def _summary(found: Sequence[Found]) -> tuple[float, float]:
    """How often the truth was inside, to a rounding error, and how wide the intervals are."""
    inside = [interval.low - 1e-12 <= truth <= interval.high + 1e-12 for truth, interval, _ in found]
    return fmean(inside), fmean((interval.high - interval.low) / 2 / width for _, interval, width in found)
