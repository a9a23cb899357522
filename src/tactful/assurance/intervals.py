"""Intervals for means over people that cover both who happened to be measured and the noise that protects them.

Everything here reads released values and the known scale of their noise. It is post-processing: it costs nothing more.

Notes
-----
People are taken as a sample. Given the number n of people in a cell, a mean m in [a, b] and any distribution of the
metric with that mean, the sum over people has variance at most n (m - a)(b - m) (Bhatia & Davis 2000, Theorem 1;
equality for a metric that takes only the values a and b). The released sum S and the released number n̂ carry
independent noise of known σ, so S - m n̂ has mean zero and variance at most σ_S² + m² σ_n² + n (m - a)(b - m). The
interval is every m that this does not make surprising: Fieller (1954) for the noise and Wilson (1927) for the
sampling, in one quadratic. n is taken at n̂. That, and reading a normal quantile, make it an approximation: its coverage
is measured by simulation, down to twenty people and noise of a quarter of their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from tactful.errors import ConfigError
from tactful.privacy.sums import Cell, EvaluationSums, Measured


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A best guess and the interval around it.

    Attributes
    ----------
    value : float or None
        None where the released values allow no guess.
    interval : Interval
    """

    value: float | None
    interval: Interval

    @property
    def tells(self) -> bool:
        """Whether there is a guess worth saying aloud: the interval leaves out a tenth of the range from 0 to 1."""
        return self.value is not None and self.interval.high - self.interval.low <= _TELLS_SOMETHING

    def as_json(self) -> dict[str, float | None]:
        """The estimate as plain values: ``value``, ``low``, ``high``."""
        return {"value": self.value, "low": self.interval.low, "high": self.interval.high}


_TELLS_SOMETHING = 0.9


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


def mean_interval(total: Measured, people: Measured, *, z: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """All means m in `bounds` with (S - m n̂)² ≤ z² (σ_S² + m² σ_n² + n̂ (m - a)(b - m)).

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
    """
    low, high = bounds
    n = people.value
    if not _settles(total, people, z=z):
        return Interval(low=low, high=high)
    return _solve(
        n**2 + z**2 * (n - people.sigma**2),
        -2 * total.value * n - z**2 * n * (low + high),
        total.value**2 - z**2 * (total.sigma**2 - n * low * high),
        bounds,
    )


def paired_interval(total: Measured, squares: Measured, people: Measured, *, clip: float, z: float) -> Interval:
    """All means m of a per-person difference that the released sum, sum of squares and number allow.

    The second moment of the difference is taken at the upper end of what the noise of the squares and of the number
    of people allows and never above clip², so the interval widens to the one of `mean_interval` when the noise of the
    squares says nothing.

    Parameters
    ----------
    total, squares : Measured
        Released sums of the difference and of its square, each person's difference clipped to [-clip, clip].
    people : Measured
        Released number of those people.
    clip : float
        Declared public bound of one person's difference.
    z : float
        See `critical_value`.
    """
    n = people.value
    if not _settles(total, people, z=z):
        return Interval(low=-clip, high=clip)
    spread = squares.value + z * math.hypot(squares.sigma, clip**2 * people.sigma)
    second_moment = min(max(spread, 0.0), n * clip**2) if math.isfinite(spread) else n * clip**2
    return _solve(
        n**2 + z**2 * (n - people.sigma**2),
        -2 * total.value * n,
        total.value**2 - z**2 * (total.sigma**2 + second_moment),
        (-clip, clip),
    )


def mean_estimate(total: Measured, people: Measured, *, z: float, bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """The released mean, kept within its interval and so within `bounds`; see `mean_interval`."""
    interval = mean_interval(total, people, z=z, bounds=bounds)
    value = None
    if people.value > 0 and math.isfinite(total.value / people.value):
        value = min(max(total.value / people.value, interval.low), interval.high)
    return Estimate(value=value, interval=interval)


def overall_estimates(sums: EvaluationSums, *, confidence: float = 0.95, lift_clip: float = 1.0) -> dict[str, Estimate]:
    """Each metric over everybody who was evaluated, with its own interval.

    ``lift@k`` is a paired difference: its interval uses the released ``lift_squared@k``, which is not itself listed.

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
    listed = sorted(metric for metric in cells if not metric.startswith("lift_squared@"))
    return {metric: _overall(metric, cells, people, z=z, clip=lift_clip) for metric in listed}


def people_in(sums: EvaluationSums, attribute: str = "", group: str = "") -> Measured:
    """The released number of people of a cell; not a number where it was not released."""
    cell = Cell(metric="people", attribute=attribute, group=group)
    return sums.cells.get(cell, Measured(value=math.nan, sigma=math.nan))


def _overall(metric: str, cells: dict[str, Measured], people: Measured, *, z: float, clip: float) -> Estimate:
    """One metric over everybody: a paired difference where it is a lift, a plain mean otherwise."""
    kind, _, depth = metric.partition("@")
    if kind != "lift":
        return mean_estimate(cells[metric], people, z=z)
    unknown = Measured(value=math.inf, sigma=0.0)
    interval = paired_interval(cells[metric], cells.get(f"lift_squared@{depth}", unknown), people, clip=clip, z=z)
    return Estimate(value=mean_estimate(cells[metric], people, z=z, bounds=(-clip, clip)).value, interval=interval)


def _settles(total: Measured, people: Measured, *, z: float) -> bool:
    """Whether the values are finite and show more people than the noise alone could (Fieller's condition)."""
    finite = all(math.isfinite(x) for x in (total.value, total.sigma, people.value, people.sigma))
    return finite and people.value > max(z * people.sigma, 0.0)


def _solve(a: float, b: float, c: float, bounds: tuple[float, float]) -> Interval:
    """The part of `bounds` where a m² + b m + c ≤ 0, or all of `bounds` where there is none."""
    low, high = bounds
    discriminant = b**2 - 4 * a * c
    if a <= 0 or discriminant < 0:
        return Interval(low=low, high=high)
    root = math.sqrt(discriminant)
    left, right = max((-b - root) / (2 * a), low), min((-b + root) / (2 * a), high)
    return Interval(low=left, high=right) if left <= right else Interval(low=low, high=high)
