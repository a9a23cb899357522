"""How far apart groups are, with intervals made from the groups' own: two given groups, and the worst and the best.

Notes
-----
*Two groups.* MOVER, the method of variance estimates recovery: the distance from a mean to the end of its own interval
says its variance near that end, so the ends of a difference are √((m₁ - l₁)² + (u₂ - m₂)²) below and √((u₁ - m₁)² +
(m₂ - l₂)²) above it (Zou & Donner 2008), and those of a ratio likewise solve a quadratic (Donner & Zou 2012). Skewed
intervals and ends at the bounds of a metric stay what they are.

*The worst and the best of G groups.* The true gap D is the largest of all differences of ordered pairs.

- Lower end: the largest of the pairs' lower ends at the Tukey-Kramer critical value q(G)/√2 (Tukey 1953; Kramer 1956;
  conservative where groups differ in size, Hayter 1984). Whatever the means are, all of these hold at once with 95%,
  so it is above D at most 5% of the time, and 5% only where all groups are equal.
- Upper end: the largest of the pairs' upper ends at an unadjusted critical value. It is below D only if that of the one
  pair whose difference is D is: intersection and union (Berger 1982) need no correction for the number of groups.
- Where all groups are equal the upper end never errs; where the worst and the best are clear the lower end errs for one
  pair only, with the chance 1 - Φ(q(G)/√2). The upper end gets the rest of the 5%: for two groups half of it, as in a
  plain interval, for more groups more. So a gap as a whole is covered 95% of the time in both of these cases, and more
  often in between, up to nearly always: where it is small beside its uncertainty, or several groups share a place.

A ratio is that of the lowest over the highest mean, which is the smallest of all ratios of ordered pairs: the same with
its ends exchanged.

*How many groups count.* Which groups are compared depends on released numbers of people: a small one is merged or left
out. It does not depend on how they are served, so among the worlds in which just these G groups are compared their
intervals hold as ever, and G is their number; that a released number took part in both the choice and the mean is
covered by its noise in the interval (`tests/test_assurance_gaps.py` measures groups at the very minimum).

*What is not known* is never narrow: a group whose own interval is the whole range could be anywhere, so a difference
from it is anything up to the range, and a ratio anything from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from statistics import NormalDist

from tactful.assurance.intervals import Estimate, Interval

GroupsAt = Callable[[float], Sequence[Estimate]]
"""The means of the groups at a critical value z: each with an interval that holds by itself."""


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


def worst_to_best(groups_at: GroupsAt, count: int, *, confidence: float, bounds: tuple[float, float]) -> Gap:
    """The gap between the lowest and the highest of all groups, with this confidence.

    Parameters
    ----------
    groups_at : callable
        The groups' estimates at a given critical value.
    count : int
        How many groups these are; with fewer than two there is no gap to know.
    confidence : float
    bounds : (float, float)
        Declared public bounds of the metric for one person.
    """
    if count < 2:
        return unknown(bounds)
    far, near = _critical_values(count, confidence)
    outer, inner = list(permutations(groups_at(far), 2)), list(permutations(groups_at(near), 2))
    width = bounds[1] - bounds[0]
    upper = max(difference(a, b, bounds=bounds).high for a, b in outer)
    lower = max(difference(a, b, bounds=bounds).low for a, b in inner)
    gap = Interval(low=min(max(lower, 0.0), width), high=max(min(upper, width), 0.0))
    if bounds[0] < 0:
        return Gap(difference=gap, ratio=None)
    least = min(ratio(a, b, bounds=bounds).low for a, b in outer)
    most = min(ratio(a, b, bounds=bounds).high for a, b in inner)
    return Gap(difference=gap, ratio=Interval(low=min(least, 1.0), high=min(most, 1.0)))


def difference(first: Estimate, second: Estimate, *, bounds: tuple[float, float]) -> Interval:
    """The mean of the first group less that of the second."""
    width = bounds[1] - bounds[0]
    if _open(first, bounds) or _open(second, bounds):
        return Interval(low=-width, high=width)
    (m1, l1, u1), (m2, l2, u2) = _ends(first), _ends(second)
    return Interval(low=m1 - m2 - math.hypot(m1 - l1, u2 - m2), high=m1 - m2 + math.hypot(u1 - m1, m2 - l2))


def ratio(first: Estimate, second: Estimate, *, bounds: tuple[float, float]) -> Interval:
    """The mean of the first group over that of the second; up to infinity where the second could be 0."""
    if _open(first, bounds) or _open(second, bounds):
        return Interval(low=0.0, high=math.inf)
    (m1, l1, u1), (m2, l2, u2) = _ends(first), _ends(second)
    product = m1 * m2
    below = product + math.sqrt(max(product**2 - l1 * u2 * (2 * m1 - l1) * (2 * m2 - u2), 0.0))
    above = product + math.sqrt(max(product**2 - u1 * l2 * (2 * m1 - u1) * (2 * m2 - l2), 0.0))
    return Interval(
        low=l1 * (2 * m1 - l1) / below if below > 0 else 0.0,
        high=above / (l2 * (2 * m2 - l2)) if l2 > 0 else math.inf,
    )


@lru_cache(maxsize=64)
def _critical_values(groups: int, confidence: float) -> tuple[float, float]:
    """What the far end of a gap is held against, and what the near end is."""
    from scipy.stats import studentized_range

    near = float(studentized_range.ppf(confidence, groups, math.inf)) / math.sqrt(2)
    rest = 1 - confidence - (1 - NormalDist().cdf(near))
    return NormalDist().inv_cdf(1 - rest), near


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    """Mean, lower and upper end; the mean is within."""
    interval = estimate.interval
    value = estimate.value if estimate.value is not None else math.nan
    return interval.nearest(value), interval.low, interval.high


def _open(estimate: Estimate, bounds: tuple[float, float]) -> bool:
    """Whether nothing is known of the mean."""
    interval = estimate.interval
    known = estimate.value is not None and all(math.isfinite(x) for x in (estimate.value, interval.low, interval.high))
    return not known or (interval.low <= bounds[0] and interval.high >= bounds[1])
