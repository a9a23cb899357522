"""The critical value for the near end of a gap: large where several groups may be the worst or the best, else small.

Notes
-----
*What is asked.* A gap d of the lowest and the highest of G means is too small to be true where T(d), the largest of
(xᵢ - xⱼ - d)/sᵢⱼ over all ordered pairs, is larger than chance makes it. How large chance makes it depends on where the
other groups are. One value that is right wherever they are (Tukey 1953) is too large wherever they are not all equal.

*What is done.* Every d is tested where it would be true: with the means that are nearest to the estimates among those
whose gap is d (least squares, each weighted by its precision: the estimates, cut off at a and a + d), and of these the
ones within `_TIED` √(2 ln G) standard errors of an end at it. The largest of G estimates that are equal lies about √(2
ln G) standard errors away, so this is of groups that chance alone may have taken from the worst or the best. T is
drawn for these means. The far end of the gap leaves out a true d where T(d) < -z, in the same draws, some share of the
time: half of what may be missed, where the ends are clear, and less where groups share a place. The near end may leave
it out for the rest. So what both ends miss together is what is said for two groups (there is nobody else) and where
the ends are clear.

*What is not exact.* In between, the means are estimated. For that the near end takes only 0.8 of what the far end
leaves over, where there are others than the two. No estimate tells groups that lie between the ends, a few standard
errors from one of them, from groups that are at it; for the latter the interval must hold, so that it covers the former
too often. `tactful benchmark coverage` counts how often; `tests/test_assurance_gaps.py` holds it to normal means of
several shapes, and shows what one critical value for all of them would do.

The draws are of a fixed low-discrepancy sequence (Sobol 1967): the same released values give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.intervals import Floats, critical_value

_Singles: TypeAlias = NDArray[np.float32]
_Places: TypeAlias = NDArray[np.intp]

_DRAWS = 4096
_TIED = 1.25
_HALVINGS = 6
_TAKEN = 0.8  # by the near end, of what the far end leaves over, where there are others whose place is estimated
_BEHIND = 10.0  # standard errors
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Normals:
    """Estimates of several groups, each normal with a standard error of its own on each side.

    Attributes
    ----------
    centres, below, above : float arrays of shape (n_groups,)
        ``below`` says how far the truth may be under an estimate, so how far an estimate errs upward.
    """

    centres: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(cls, intervals: Sequence[tuple[float, float, float]], z: float) -> Normals:
        """From the middle, the lower and the upper end of intervals at this critical value."""
        table = np.array(intervals)
        below, above = np.maximum((table[:, 0] - table[:, 1], table[:, 2] - table[:, 0]), _TINY) / z
        return cls(centres=table[:, 0], below=below, above=above)


def near_value(groups: Normals, confidence: float) -> float:
    """What the near end of a gap is held against, where the far end is held against the two-sided normal quantile.

    Parameters
    ----------
    groups : Normals
        Two or more.
    confidence : float
        That the gap as a whole is to have.
    """
    pairs = _Pairs.of(groups)
    at_none = pairs.critical(0.0, confidence)
    if pairs.end(at_none) <= 0:
        return at_none
    low = max(pairs.end(critical_value(confidence, comparisons=len(pairs.best))), 0.0)
    high = pairs.end(NormalDist().inv_cdf(confidence))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if pairs.end(pairs.critical(middle, confidence)) > middle else (low, middle)
    return pairs.critical(high, confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """All ordered pairs of groups: who would be best and who worst, and what chance does to their difference.

    Attributes
    ----------
    groups : Normals
    best, worst : int arrays of shape (n_pairs,)
    near, far : float arrays of shape (n_pairs, 1)
        Standard errors of the lower and of the upper end of the pair's difference.
    near_errors, far_errors : float arrays of shape (n_pairs, n_draws)
        Of the difference, in these standard errors.
    """

    groups: Normals
    best: _Places
    worst: _Places
    near: Floats
    far: Floats
    near_errors: _Singles
    far_errors: _Singles

    @classmethod
    def of(cls, groups: Normals) -> _Pairs:
        """With errors that are drawn once and for all."""
        draws = _draws(len(groups.centres))
        errors = np.where(draws > 0, groups.below[:, None], groups.above[:, None]) * draws
        best, worst = np.nonzero(~np.eye(len(groups.centres), dtype=bool))
        apart: Floats = errors[best] - errors[worst]
        near: Floats = np.hypot(groups.below[best], groups.above[worst])[:, None]
        far: Floats = np.hypot(groups.above[best], groups.below[worst])[:, None]
        return cls(
            groups=groups,
            best=best,
            worst=worst,
            near=near,
            far=far,
            near_errors=(apart / near).astype(np.float32),
            far_errors=(apart / far).astype(np.float32),
        )

    def end(self, z: float) -> float:
        """The near end of the gap at this critical value."""
        return float((self._apart(self.groups.centres) - z * self.near).max())

    def critical(self, gap: float, confidence: float) -> float:
        """The value that T is above as often as it may be, if this is the gap."""
        off = self._apart(self._means(gap)) - gap
        most, least = NormalDist().inv_cdf((1 + confidence) / 2), NormalDist().inv_cdf(confidence)
        missed = float((_largest(self.far_errors, off / self.far) < -most).mean())
        half = (1 - confidence) / 2
        left_over = max(half - missed, 0.0) * (_TAKEN if len(self.groups.centres) > 2 else 1.0)
        may = half + left_over
        largest = _largest(self.near_errors, off / self.near)
        place = math.ceil((1 - may) * len(largest)) - 1
        return max(float(np.partition(largest, place)[place]), least)

    def _apart(self, means: Floats) -> Floats:
        """Each pair's difference."""
        return (means[self.best] - means[self.worst])[:, None]

    def _means(self, gap: float) -> Floats:
        """The nearest means with this gap, those at its ends that may be."""
        centres, error = self.groups.centres, (self.groups.below + self.groups.above) / 2
        low = _foot(centres, error**-2, gap)
        means = np.clip(centres, low, low + gap)
        reach = _TIED * math.sqrt(2 * math.log(len(means))) * error
        from_low, from_high = means - low, low + gap - means
        means = np.where((from_low < reach) & (from_low <= from_high), low, means)
        return np.where((from_high < reach) & (from_high < from_low), low + gap, means)


def _largest(errors: _Singles, off: Floats) -> _Singles:
    """In each draw the largest of all pairs; those that are far behind are not looked at."""
    close = off[:, 0] > off.max() - _BEHIND
    found: _Singles = (errors[close] + off[close].astype(np.float32)).max(axis=0)
    return found


def _foot(centres: Floats, weights: Floats, gap: float) -> float:
    """The a at which centres cut off at a and a + gap are moved least, in squares."""
    ends = np.sort(np.concatenate([centres, centres - gap]))
    pull = weights @ (np.maximum(ends - centres[:, None], 0) - np.maximum(centres[:, None] - ends - gap, 0))
    return float(np.interp(0.0, pull, ends))


@lru_cache(maxsize=64)
def _draws(count: int) -> Floats:
    """Standard normal errors of so many estimates, of shape (count, n_draws); for two groups every one as it is."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    found: Floats = ndtri(qmc.Sobol(count, rng=np.random.default_rng(0)).random(_DRAWS)).T
    found.flags.writeable = False
    return found
