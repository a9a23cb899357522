"""The area under a ROC curve from two noisy histograms of scores, with an interval for sampling and noise together.

Notes
-----
*The estimate.* For people who are in a group and people who are not, h₁ and h₀ count scores by bins that rise. With
K = 1 where the first is in a higher bin, ½ where both are in one and 0 elsewhere, h₁ᵀKh₀/(N₁N₀) is the chance that
somebody in the group scores higher than somebody outside of it, ties counting half. Noise is independent in both
histograms, so numerator and denominator are unbiased. Bins lose a little: it is the area for binned scores.

*Its variance*, by the delta method. With M = K − θ the error is nearly h₁ᵀMh₀/(N₁N₀), and its numerator has mean 0.

- Noise of variance σ² in every entry adds σ²(‖Mh₀‖² + ‖Mᵀh₁‖²) + σ⁴‖M‖²; the first part, read off noisy counts, is too
  large by 2σ⁴‖M‖², which is taken off, but never more than leaves σ⁴‖M‖².
- Sampling adds Σ h₁ᵢ (Mh₀)ᵢ² + Σ h₀ⱼ (Mᵀh₁)ⱼ², people being drawn independently (Hanley & McNeil 1982), again less what
  noise adds to the squares, and N₁N₀θ(1 − θ), the part that only small samples feel. It lies between 0 and the most
  that any scores can have, θ(1 − θ)/min(N₁, N₀) of (N₁N₀)² (Birnbaum & Klose 1957).

*Several groups.* The mean of their areas is about the same people, who vary together in a way that is not released. Its
standard deviation from sampling is at most the mean of theirs (Minkowski), which is taken: with three groups or more
and little noise the interval is wider than it would need to be, never narrower. Noise is independent between histograms
and adds up as such.

*The interval* is every θ that lies within z standard deviations of the estimate: those of noise, and of sampling as
they would be at θ, in proportion to θ(1 − θ) (Wilson 1927, with as many people as give the same variance).

*When it says nothing.* A number of people below three times its noise settles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.intervals import Estimate, Interval
from tactful.privacy.sums import Measured

_SETTLES = 3.0
_NOTHING = Estimate(value=None, interval=Interval(low=0.0, high=1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The area under one ROC curve.

    Attributes
    ----------
    value : float
    noise, sampling : float
        Standard deviations of its two errors.
    people : float
        In the smaller one of the two histograms.
    """

    value: float
    noise: float
    sampling: float
    people: float


def mean_area(histograms: NDArray[np.float64], sigma: float, *, z: float) -> Estimate:
    """The mean of the areas of several groups, or all that is possible where one of them is not settled.

    Parameters
    ----------
    histograms : float array of shape (n_asked, 2, n_bins)
        As in `tactful.privacy.sums.Guesses`.
    sigma : float, people
        Of the noise on each entry.
    z : float
        See `tactful.assurance.intervals.critical_value`.
    """
    found = [area(inside, outside, sigma) for outside, inside in histograms]
    areas = [a for a in found if a is not None]
    return _mean(areas, z) if len(areas) == len(found) > 0 else _NOTHING


def area(inside: NDArray[np.float64], outside: NDArray[np.float64], sigma: float) -> Area | None:
    """The area for people in a group against people outside of it, None where the noise leaves nothing.

    Parameters
    ----------
    inside, outside : float array of shape (n_bins,)
        Released counts, by bins of rising score.
    sigma : float, people
        Of the noise on each entry.
    """
    n1, n0 = float(inside.sum()), float(outside.sum())
    if not min(n1, n0) > max(_SETTLES * sigma * sqrt(len(inside)), 1.0):
        return None
    wins = np.tril(np.ones((len(inside), len(inside))), -1) + np.eye(len(inside)) / 2
    value = min(max(float(inside @ wins @ outside) / (n1 * n0), 0.0), 1.0)
    centred = wins - value
    of_inside, of_outside = centred @ outside, centred.T @ inside
    spread = sigma**2 * (of_inside @ of_inside + of_outside @ of_outside)
    least = sigma**4 * float((centred**2).sum())
    noise = max(float(spread) - least, least)
    by_inside = inside @ (of_inside**2 - sigma**2 * (centred**2).sum(axis=1))
    by_outside = outside @ (of_outside**2 - sigma**2 * (centred**2).sum(axis=0))
    most = value * (1 - value) * (n1 * n0) ** 2 / min(n1, n0)
    drawn = by_inside * n1 / (n1 - 1) + by_outside * n0 / (n0 - 1)
    sampling = min(max(float(drawn), 0.0) + n1 * n0 * value * (1 - value), most)
    pairs = n1 * n0
    return Area(value=value, noise=sqrt(noise) / pairs, sampling=sqrt(sampling) / pairs, people=min(n1, n0))


def people_guessed(histograms: Sequence[NDArray[np.float64]], sigma: float) -> Measured:
    """How many people were guessed, from histograms that each count all of them."""
    totals = [float(both.sum()) for several in histograms for both in several]
    entries = max(both.size for several in histograms for both in several)
    return Measured(value=float(np.mean(totals)), sigma=sigma * sqrt(entries / len(totals)))


def _mean(areas: Sequence[Area], z: float) -> Estimate:
    """The mean of areas, and its interval."""
    value = float(np.mean([a.value for a in areas]))
    noise = hypot(*(a.noise for a in areas)) / len(areas)
    spread, possible = float(np.mean([a.sampling for a in areas])), value * (1 - value)
    people = possible / spread**2 if possible > 0 and spread > 0 else min(a.people for a in areas)
    weight, centre = 1 + z**2 / people, value + z**2 / (2 * people)
    reach = sqrt(centre**2 - weight * (value**2 - z**2 * noise**2))
    low, high = (centre - reach) / weight, (centre + reach) / weight
    return Estimate(value=value, interval=Interval(low=max(low, 0.0), high=min(high, 1.0)))
