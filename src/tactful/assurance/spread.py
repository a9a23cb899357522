"""How much people differ within a group, from released sums of squares: what the width of an interval rests on.

Notes
-----
*The share κ.* A metric in [a, b] with mean m has a variance of at most (m - a)(b - m) (Bhatia & Davis 2000, Theorem 1),
which a metric that takes only the values a and b reaches. What is estimated is the share κ of it that a group has:
the variance of a mean m is then taken as κ (m - a)(b - m)/n at *every* m, also at those that were not observed. For a
metric of 0 and 1, κ = 1 is Wilson's interval (1927); for one that is 0 for most people it widens upwards as Wilson's
does, which a symmetrical interval, too short on the side where the tail is, would not.

*Its estimate.* The released squares, sum and number give Q̂ - Ŝ²/n̂ with noise of known scale τ; that those seen are not
all there are is added to τ as 0.15 of what one person can add to squares, and as the sampling of squares (for a
Beta distribution given its mean, 2κ²(1 - κ)/(1 + 2κ) over the number of people who are not at the end of the range,
which Cauchy and Schwarz bound from below by (Σx)²/Σx²). κ is the mean of its posterior. Its prior gives seven tenths to
κ = 1 and the rest to Jeffreys' prior of a proportion (κ = sin² θ, θ uniform): many metrics take only the values of
their bounds for many people, as Recall does for everybody with one hidden item, without being declared to, and a prior
that makes nothing of that takes κ below 1 whenever there is noise. With one half in place of seven tenths, the same
`tactful benchmark coverage` finds such metrics covered less than 93% of the time. So κ is near 1 where squares agree
with that, is 0.85 where noise drowns them, and is never nothing because noise, or twenty people who happen to be alike,
make it look so: it is at least 1.5/(n + 1), as if somebody unlike them had nearly been met.

*How sure that is.* Student's t (1908) with the degrees of freedom of Satterthwaite (1946): the variance of the sum is
one part known noise and one part estimated, and what is estimated is as uncertain as its posterior.

*What cannot be mended.* Where τ is above the whole range of the squares nothing released says whether people differ
much or hardly. The interval is made for those who differ much, since one that is too short misleads and one that is too
wide only says less: where people are much alike and there is noise, or at twenty people where κ is less than its least
value, it covers up to five points more than is said. What Wilson's interval itself is short of at single means of rare
metrics of 0 and 1 (92.2% at 2% of fifty people) is left as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.sums import Measured

_SHARES = np.append(np.sin((np.arange(96) + 0.5) / 96 * np.pi / 2) ** 2, 1.0)
_PRIOR = np.append(np.full(96, 0.3 / 96), 0.7)
_SHARP = 1 / 60  # a posterior narrower than this falls between the points of the grid, and is normal
_UNSEEN = 0.15  # of the largest square: what one more person could have shown
_LEAST = 1.5  # people, of n + 1: the share κ that even people who are all alike are taken to have
_FEWEST = 4.0  # degrees of freedom: Student's t has a variance above 2 and a kurtosis above 4


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


def spread(total: Measured, squares: Measured | None, people: Measured, bounds: tuple[float, float]) -> Spread:
    """The share of the largest possible variance that released squares point to, and how sure that is.

    Parameters
    ----------
    total, squares, people : Measured
        Released sum, sum of squares and number of people, with independent noise. Without squares, or where they are
        not a number, the variance is the largest possible one.
    bounds : (float, float)
        Declared public bounds of the metric for one person.
    """
    if squares is None or not (math.isfinite(squares.value) and math.isfinite(squares.sigma)):
        return LARGEST
    (low, high), n = bounds, max(people.value, 2.0)
    mean, range_ = min(max(total.value / n, low), high), high - low
    largest = max(n * (mean - low) * (high - mean), range_**2 / 4)
    found = (squares.value - total.value**2 / n + total.sigma**2 / n) * n / (n - 1)
    tau = math.hypot(squares.sigma, 2 * mean * total.sigma, mean**2 * people.sigma, _UNSEEN * range_**2)
    telling = _telling(total.value, squares.value, n, bounds)
    share, variance = _posterior(found / largest, tau / largest, telling, least=_LEAST / (n + 1))
    known = total.sigma**2 + mean**2 * people.sigma**2
    freedom = 2 * (known + share * largest) ** 2 / (largest**2 * variance)
    return Spread(share=share, freedom=max(freedom, _FEWEST))


def _posterior(found: float, tau: float, telling: float, *, least: float) -> tuple[float, float]:
    """Mean and variance of a share that was seen with normal noise and by the sampling of so many people."""
    near = min(max(found, least), 1.0)
    variance = tau**2 + float(_sampling(np.array(near))) / telling
    if variance < _SHARP**2:
        return near, variance
    seen = min(max(found, -6 * tau), 1 + 6 * tau)
    variances = tau**2 + _sampling(_SHARES) / telling
    logs = -0.5 * (_SHARES - seen) ** 2 / variances
    weights = np.exp(logs - logs.max()) * _PRIOR / np.sqrt(variances)
    weights /= weights.sum()
    mean = float(weights @ _SHARES)
    return max(mean, least), float(weights @ (_SHARES - mean) ** 2)


def _sampling(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much the share varies that one telling person shows."""
    return 2 * shares**2 * (1 - shares) / (1 + 2 * shares)


def _telling(total: float, squares: float, n: float, bounds: tuple[float, float]) -> float:
    """At least so many people are not at the nearer end of the range; between 1 and all of them."""
    low, high = bounds
    from_low = (total - n * low, squares - 2 * low * total + n * low**2)
    from_high = (n * high - total, n * high**2 - 2 * high * total + squares)
    away = [max(first, 0.0) ** 2 / second if second > 0 else 0.0 for first, second in (from_low, from_high)]
    return min(max(min(away), 1.0), n)
