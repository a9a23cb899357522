"""How much people differ within a group, from what was released of it: what the width of an interval rests on.

Notes
-----
*The share κ.* A metric in [a, b] with mean m has a variance of at most (m - a)(b - m) (Bhatia & Davis 2000, Theorem 1),
which a metric that takes only the values a and b reaches. What is estimated is the share κ of it that a group has:
the variance of a mean m is then taken as κ (m - a)(b - m)/n at *every* m, also at those that were not observed. For a
metric of 0 and 1, κ = 1 is Wilson's interval (1927); for one that is 0 for most people it widens upwards as Wilson's
does, which a symmetrical interval, too short on the side where the tail is, would not.

*What is released for it.* U, the sum of (x - a)(b - x) over people: how far inside its range a metric is. People's
variance about their mean is exactly what is missing from the largest one: Σ(x - m)² = n(m - a)(b - m) - U. So κ = 1 -
U/(n(m - a)(b - m)). One person adds at most (b - a)²/4 to U, a quarter of what the largest square is for a metric from
0 to 1, so it is released with a quarter of the noise; and for people with 0 or 1 it is 0, with no part of κ that noise
in sums or numbers could move.

*Its estimate* is that of the released values, noise and the n/(n - 1) of a sample taken off, kept between 0.5/(n + 1),
as if half a person unlike all others had nearly been met, and 1.

*How sure that is.* Student's t (1908) with the degrees of freedom of Satterthwaite (1946): the variance of the sum is
one part known noise and one part estimated. What is estimated is uncertain by its noise; by 0.4 of what one person can
add to U, since those seen are not all there are; and by sampling (for a Beta distribution given its mean, 2κ²(1 - κ)/(1
+ 2κ) over the number of people who are not at the nearer end of the range, which Cauchy and Schwarz bound from below by
(Σx)²/Σx²). Eight degrees at least: with fewer, intervals of people who are alike cover 98% where noise is large, with
more, those of metrics that are 0 for most of twenty people cover less than 93%.

*What cannot be mended.* Where noise drowns U nothing released says whether people differ much or hardly, and where ten
or twenty people who hardly ever differ have all been alike nothing does. `tactful benchmark coverage` counts both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tactful.privacy.sums import Measured

_UNSEEN = 0.4  # of the most that one person adds to U: what one more could have shown
_LEAST = 0.5  # people, of n + 1: the share κ that even people who are all alike are taken to have
_LARGEST = 0.1  # people at the far end, at least, in the largest variance that κ is a share of
_FEWEST = 8.0  # degrees of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a group's variance is taken to be.

    Attributes
    ----------
    share : float
        κ: the share of the largest variance that the bounds of the metric permit.
    freedom : float
        Degrees of freedom of the whole variance, known noise included.
    """

    share: float
    freedom: float


LARGEST = Spread(share=1.0, freedom=math.inf)
"""Of a metric that takes only the values of its bounds, and of one about which nothing better is known."""


def spread(total: Measured, inside: Measured | None, people: Measured, bounds: tuple[float, float]) -> Spread:
    """The share of the largest possible variance that released values point to, and how sure that is.

    Parameters
    ----------
    total, inside, people : Measured
        Released sum of the metric x, sum of (x - a)(b - x), and number of people, with independent noise. Without the
        second, or where it is not a number, the variance is the largest possible one.
    bounds : (float, float)
        Declared public bounds a and b of the metric for one person.
    """
    if inside is None or not (math.isfinite(inside.value) and math.isfinite(inside.sigma)):
        return LARGEST
    (low, high), n = bounds, max(people.value, 2.0)
    mean, range_ = min(max(total.value / n, low), high), high - low
    at_most = n * (mean - low) * (high - mean) + total.sigma**2 / n
    within = min(max(inside.value, 0.0), at_most)
    differing = (at_most - within) * n / (n - 1)
    largest = max(differing + within, _LARGEST * range_**2)
    lacking = within / largest
    share = max(1 - lacking, _LEAST / (n + 1))
    noise = math.hypot(
        inside.sigma,
        lacking * (low + high - 2 * mean) * total.sigma,
        lacking * (mean**2 - low * high) * people.sigma,
        _UNSEEN * range_**2 / 4,
    )
    uncertain = noise**2 + largest**2 * _sampling(share) / _telling(total.value, inside.value, n, bounds)
    known = total.sigma**2 + mean**2 * people.sigma**2
    freedom = 2 * (known + share * largest) ** 2 / uncertain
    return Spread(share=share, freedom=max(freedom, _FEWEST))


def _sampling(share: float) -> float:
    """How much the share varies that one telling person shows."""
    return 2 * share**2 * (1 - share) / (1 + 2 * share)


def _telling(total: float, inside: float, n: float, bounds: tuple[float, float]) -> float:
    """At least so many people are not at the nearer end of the range; between 1 and all of them."""
    low, high = bounds
    away = []
    for from_end in (max(total - n * low, 0.0), max(n * high - total, 0.0)):
        squares = (high - low) * from_end - inside
        away.append(from_end**2 / squares if squares > 0 else 0.0)
    return min(max(min(away), 1.0), n)
