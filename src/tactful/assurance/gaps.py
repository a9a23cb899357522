"""How far apart groups are, with intervals made from the groups' own: two given groups, and the worst and the best.

Notes
-----
*Two groups.* A difference d can be true if there are means m₁ and m₂ within their bounds, d apart, that what was
released does not make surprising together: with a normal score each, z₁² + z₂² ≤ z². So the upper end is the largest
u₁(z sin θ) - l₂(z cos θ), where l and u are the ends of a group's own interval at that critical value, and the lower
end and those of a ratio likewise. For symmetrical intervals that is the classical z√(s₁² + s₂²); for others it is what
MOVER, the method of variance estimates recovery, approaches by a square root (Zou & Donner 2008; Donner & Zou 2012).
Skewed intervals stay what they are, and bounds of a metric tell something: where noise took a sum beyond them, no mean
is likely at a small critical value, and the other group has the less to move in.

*The worst and the best of G groups.* The true gap D is the largest of all differences of ordered pairs.

- Upper end: the largest of the pairs' upper ends at the plain two-sided value z. It is below D only if that of the one
  pair whose difference is D is: intersection and union (Berger 1982) need no correction for the number of groups. So it
  errs at most 2.5% of the time, and less where D is small beside its uncertainty or several groups share a place.
- Lower end: the largest of the pairs' lower ends at a value between that of one pair and that of all. It errs as often
  as the upper end leaves room for, out of 5%: `tactful.assurance.extremes` says how, and how nearly.

A ratio is that of the lowest over the highest mean, which is the smallest of all ratios of ordered pairs: the same with
its ends exchanged, held against the same values.

*How many groups count.* Which groups are compared depends on released numbers of people: a small one is merged or left
out. It does not depend on how they are served, so among the worlds in which just these G groups are compared their
intervals hold as ever, and G is their number; that a released number took part in both the choice and the mean is
covered by its noise in the interval (`tests/test_assurance_gaps.py` measures groups at the very minimum).

*What is not known* is never narrow: a group whose own interval is the whole range could be anywhere, so a difference
from it is anything up to the range, and a ratio anything from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from tactful.assurance.extremes import Normals, near_value
from tactful.assurance.intervals import Ends, Estimate, Floats, Interval, Reach, critical_value

_PARTS = np.sin(np.linspace(0.0, math.pi / 2, 33))
"""Of a critical value, what one group has; the other has the same read backwards. The largest is 0.03% off at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How far the worst and the best of several groups may be apart.

    Attributes
    ----------
    difference : Interval
        Of the highest less the lowest mean.
    ratio : Interval or None
        Of the lowest over the highest mean; None for a metric that may be negative.
    """

    difference: Interval
    ratio: Interval | None


def unknown(bounds: tuple[float, float]) -> Gap:
    """The gap about which nothing was released."""
    low, high = bounds
    ratio = Interval(low=0.0, high=1.0) if low >= 0 else None
    return Gap(difference=Interval(low=0.0, high=high - low), ratio=ratio)


def worst_to_best(groups: Sequence[Reach], *, confidence: float, bounds: tuple[float, float]) -> Gap:
    """The gap between the lowest and the highest of all groups, with this confidence.

    Parameters
    ----------
    groups : sequence of Reach
        The intervals of each group's mean; with fewer than two there is no gap to know.
    confidence : float
    bounds : (float, float)
        Declared public bounds of the metric for one person.
    """
    if len(groups) < 2:
        return unknown(bounds)
    z, width = critical_value(confidence), bounds[1] - bounds[0]
    far = [group(z * _PARTS) for group in groups]
    known = [_normal(ends) for ends in far if not _open(ends, bounds)]
    closer = near_value(Normals.of(known, z), confidence) if len(known) > 1 else z
    near = [group(closer * _PARTS) for group in groups]
    upper = max(_difference(a, b, bounds).high for a, b in permutations(far, 2))
    lower = max(_difference(a, b, bounds).low for a, b in permutations(near, 2))
    gap = Interval(low=min(max(lower, 0.0), width), high=max(min(upper, width), 0.0))
    if bounds[0] < 0:
        return Gap(difference=gap, ratio=None)
    least = min(_ratio(a, b, bounds).low for a, b in permutations(far, 2))
    most = min(_ratio(a, b, bounds).high for a, b in permutations(near, 2))
    return Gap(difference=gap, ratio=Interval(low=min(least, 1.0), high=min(most, 1.0)))


def difference(first: Reach, second: Reach, *, z: float, bounds: tuple[float, float]) -> Interval:
    """The mean of the first group less that of the second."""
    return _difference(first(z * _PARTS), second(z * _PARTS), bounds)


def ratio(first: Reach, second: Reach, *, z: float, bounds: tuple[float, float]) -> Interval:
    """The mean of the first group over that of the second; up to infinity where the second could be 0."""
    return _ratio(first(z * _PARTS), second(z * _PARTS), bounds)


def straight(estimate: Estimate, z: float) -> Reach:
    """Intervals that grow as critical values do, from one at this value."""
    interval, value = estimate.interval, estimate.value
    if value is None or not all(math.isfinite(x) for x in (value, interval.low, interval.high)):
        return lambda values: Ends(low=np.full(len(values), -math.inf), high=np.full(len(values), math.inf))
    middle = interval.nearest(value)
    below, above = (middle - interval.low) / z, (interval.high - middle) / z

    def ends(values: Floats) -> Ends:
        """As far on each side as the values say."""
        return Ends(low=middle - below * values, high=middle + above * values)

    return ends


def _difference(first: Ends, second: Ends, bounds: tuple[float, float]) -> Interval:
    """All differences that the two ends allow."""
    width = bounds[1] - bounds[0]
    low, high = (first.low - second.high[::-1]).min(), (first.high - second.low[::-1]).max()
    if _open(first, bounds) or _open(second, bounds) or not low <= high:
        return Interval(low=-width, high=width)
    return Interval(low=float(low), high=float(high))


def _ratio(first: Ends, second: Ends, bounds: tuple[float, float]) -> Interval:
    """All ratios that the two ends allow."""
    low1, high1, low2, high2 = first.low, first.high, second.low[::-1], second.high[::-1]
    likely = (low1 <= high1) & (low2 <= high2)
    if _open(first, bounds) or _open(second, bounds) or not likely.any():
        return Interval(low=0.0, high=math.inf)
    with np.errstate(all="ignore"):
        low = np.where(high2 > 0, low1 / high2, 0.0)
        high = np.where(low2 > 0, high1 / low2, math.inf)
    return Interval(low=float(low[likely].min()), high=float(high[likely].max()))


def _normal(ends: Ends) -> tuple[float, float, float]:
    """What is likeliest, and the lower and upper end at the largest critical value."""
    first = int(np.argmax(ends.low <= ends.high))
    return float(ends.low[first] + ends.high[first]) / 2, float(ends.low[-1]), float(ends.high[-1])


def _open(ends: Ends, bounds: tuple[float, float]) -> bool:
    """Whether nothing is known of the mean: not even at the largest critical value is anything left out, or likely."""
    low, high = ends.low[-1], ends.high[-1]
    return bool((low <= bounds[0] and high >= bounds[1]) or low > high)
