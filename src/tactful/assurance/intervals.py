"""Intervals for means over people that cover both who happened to be measured and the noise that protects them.

Everything here reads released values and the known scale of their noise. It is post-processing: it costs nothing more.

Notes
-----
People are taken as a sample. Given the number n of people in a cell, a mean m in [a, b] and the share κ of the largest
possible variance that the group has (`tactful.assurance.spread`), the sum over people has variance n κ (m - a)(b - m).
The released sum S and the released number n̂ carry independent noise of known σ, so S - m n̂ has mean zero and variance
σ_S² + m² σ_n² + n κ (m - a)(b - m). The interval is every m that this does not make surprising: Fieller (1954) for the
noise and Wilson (1927) for the sampling, in one quadratic, held against Student's t where κ was estimated. n is taken
at n̂. That, and reading a normal quantile, make it an approximation, whose coverage is measured by simulation
(`tactful.benchmarks.coverage`), down to twenty people and up to noise of half their number.

An interval holds by itself. Where several are held against one rule, the chance to be misled by any of them is settled
there: `tactful.assurance.gaps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from tactful.assurance.metrics import METRICS, OVERALL
from tactful.assurance.spread import spread
from tactful.errors import ConfigError
from tactful.privacy.sums import Cell, EvaluationSums, Measured
from tactful.privacy.sums import inside as inside_


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """All values between two ends, both included.

    Attributes
    ----------
    low, high : float
    """

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def nearest(self, value: float) -> float:
        """The value itself if it is inside, else the end that is nearer to it."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A best guess and the interval around it.

    Attributes
    ----------
    value : float or None
        None where the released values allow no guess.
    interval : Interval
    range : float
        How wide everything is that the figure could be.
    """

    value: float | None
    interval: Interval
    range: float = 1.0

    @property
    def tells(self) -> bool:
        """Whether there is a guess worth saying aloud: the interval leaves out a good part of the range.

        A guess at an end of its interval was cut off there, as a share below 0 is, and reads like a finding about all
        or nothing: it has to leave out more.
        """
        if self.value is None:
            return False
        low, high = self.interval.low, self.interval.high
        most = _CUT_OFF if low < high and self.value in (low, high) else _TELLS_SOMETHING
        return high - low <= most * self.range

    def as_json(self) -> dict[str, float | None]:
        """The estimate as plain values: ``value``, ``low``, ``high``."""
        return {"value": self.value, "low": self.interval.low, "high": self.interval.high}


Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where the intervals of one figure end, at several critical values.

    Attributes
    ----------
    low, high : float arrays of shape (n_values,)
        ``inf`` and ``-inf`` at critical values at which nothing that the figure could be is likely enough.
    """

    low: Floats
    high: Floats


Reach: TypeAlias = Callable[[Floats], Ends]
"""The intervals of one figure, each of which holds by itself, at any critical values."""


_TELLS_SOMETHING = 0.75
_CUT_OFF = 0.5
_ROUNDING = 1e-9


def critical_value(confidence: float, *, comparisons: int = 1) -> float:
    """The z for which this many two-sided normal intervals hold together (Bonferroni).

    Parameters
    ----------
    confidence : float
        Between 0 and 1, for all intervals together.
    comparisons : int
        How many intervals have to hold at once.
    """
    if not 0 < confidence < 1:
        raise ConfigError(
            "the confidence lies between 0 and 1", given=f"confidence = {confidence}", do="Give, for example, 0.95"
        )
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * max(comparisons, 1)))


def mean_interval(
    total: Measured,
    people: Measured,
    *,
    z: float,
    bounds: tuple[float, float] = (0.0, 1.0),
    inside: Measured | None = None,
) -> Interval:
    """All means m in `bounds` with (S - m n̂)² ≤ t² (σ_S² + m² σ_n² + n̂ κ (m - a)(b - m)).

    The whole of `bounds` where the released values settle nothing: too few people to tell their number from the noise,
    values that are not finite, or values that no mean within the bounds explains.

    Parameters
    ----------
    total : Measured
        Released sum of the metric over people.
    people : Measured
        Released number of those people, its noise independent of that of `total`.
    z : float
        See `critical_value`.
    bounds : (float, float)
        Declared public bounds of the metric for one person.
    inside : Measured, optional
        Released sum that says how far inside its range the metric is. Without it κ = 1, which is exact for a metric
        that takes only the values of its bounds.
    """
    ends = mean_ends(total, people, np.array([z]), bounds=bounds, inside=inside)
    low, high = float(ends.low[0]), float(ends.high[0])
    return Interval(low=low, high=high) if low <= high else Interval(low=bounds[0], high=bounds[1])


def mean_ends(
    total: Measured,
    people: Measured,
    values: Floats,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    inside: Measured | None = None,
) -> Ends:
    """The ends of `mean_interval` at these critical values; none where no mean within `bounds` is likely enough.

    Noise may take a sum beyond what any mean within the bounds explains at a small critical value.
    """
    if not all(math.isfinite(x) for x in (total.value, total.sigma, people.value, people.sigma)):
        return Ends(low=np.full(len(values), bounds[0]), high=np.full(len(values), bounds[1]))
    (low, high), n = bounds, people.value
    found = spread(total, inside, people, bounds)
    t, share = _student(values, found.freedom), found.share * n
    ends = _solve(
        n**2 + t**2 * (share - people.sigma**2),
        -2 * total.value * n - t**2 * share * (low + high),
        total.value**2 - t**2 * (total.sigma**2 - share * low * high),
        bounds,
    )
    settled = n > np.maximum(values * people.sigma, 0.0)
    return Ends(low=np.where(settled, ends.low, low), high=np.where(settled, ends.high, high))


def mean_estimate(
    total: Measured,
    people: Measured,
    *,
    z: float,
    bounds: tuple[float, float] = (0.0, 1.0),
    inside: Measured | None = None,
) -> Estimate:
    """The released mean, kept within its interval and so within `bounds`; see `mean_interval`."""
    interval = mean_interval(total, people, z=z, bounds=bounds, inside=inside)
    value = None
    if people.value > 0 and math.isfinite(total.value / people.value):
        value = interval.nearest(total.value / people.value)
    return Estimate(value=value, interval=interval, range=bounds[1] - bounds[0])


def overall_estimates(sums: EvaluationSums, *, confidence: float = 0.95, lift_clip: float = 1.0) -> dict[str, Estimate]:
    """Each metric over everybody who was evaluated, with its own interval; not what only says how sure that is.

    Parameters
    ----------
    sums : EvaluationSums
    confidence : float
        For each metric alone.
    lift_clip : float
        Declared public bound of one person's lift.
    """
    z = critical_value(confidence)
    cells = {cell.metric: measured for cell, measured in sums.cells.items() if not cell.attribute}
    people = cells.pop("people", Measured(value=math.nan, sigma=math.nan))
    inside = {inside_(metric) for metric in cells}
    return {
        metric: mean_estimate(
            cells[metric], people, z=z, bounds=_bounds(metric, lift_clip), inside=cells.get(inside_(metric))
        )
        for metric in sorted(set(cells) - inside)
    }


def bounds_of(metric: str) -> tuple[float, float]:
    """Declared public bounds of the metric for one person; 0 to 1 where it has no line in the table of metrics."""
    declared = METRICS.get(metric) or OVERALL.get(metric)
    return (declared.low, declared.high) if declared else (0.0, 1.0)


def people_in(sums: EvaluationSums, attribute: str = "", group: str = "") -> Measured:
    """The released number of people of a cell; not a number where it was not released."""
    cell = Cell(metric="people", attribute=attribute, group=group)
    return sums.cells.get(cell, Measured(value=math.nan, sigma=math.nan))


def _bounds(metric: str, lift_clip: float) -> tuple[float, float]:
    """Declared bounds of one person's figure."""
    if metric.startswith("lift@"):
        return (-lift_clip, lift_clip)
    return bounds_of(metric)


def _student(values: Floats, freedom: float) -> Floats:
    """The quantiles of Student's t at the levels that these have among normal ones."""
    return values if math.isinf(freedom) else np.asarray(stdtrit(freedom, ndtr(values)))


def _solve(a: Floats, b: Floats, c: Floats, bounds: tuple[float, float]) -> Ends:
    """The part of `bounds` where a m² + b m + c ≤ 0; all of it where that has no ends."""
    low, high = bounds
    discriminant = b**2 - 4 * a * c
    none = discriminant < -_ROUNDING * b**2
    with np.errstate(all="ignore"):
        root = np.sqrt(np.maximum(discriminant, 0.0))
        left, right = np.maximum((-b - root) / (2 * a), low), np.minimum((-b + root) / (2 * a), high)
    none |= left > right
    left, right = np.where(none, math.inf, left), np.where(none, -math.inf, right)
    return Ends(low=np.where(a > 0, left, low), high=np.where(a > 0, right, high))
