"""How many different items people are shown, in effect, from released exposures.

Notes
-----
*The figure* is one over the chance that a place of one person's list and a place of another's hold the same item: n
lists of which each is drawn evenly from m items show m items in effect. Of ten places a list, person i holds item b or
does not, x_ib; with C_b = Σᵢ x_ib, the pairs of places of different people that hold the same item are Σ_b (C_b² −
C_b), of 100 n(n − 1): a person's own places are no evidence for what others are shown. Places without an item, and
items without an entry of their own, count as different from all others.

*Noise.* c_b = C_b + e with E e = 0 and E e² = σ², so Σ_b (c_b² − σ² − c_b) has the right mean, and so has n̂² − σₙ² − n̂.
The noise of the first has variance Σ_b (4C_b²σ² + 2σ⁴), of which Σ_b C_b² is read off as Σ_b (c_b² − σ²).

*Sampling.* The chance is ‖m‖²/100 with m the mean of x, whose estimate varies by 4 Var(m·x)/n (delta method). Which
items are on one list together is not released; but m·x lies between 0 and the ten largest of m, H, and has mean ‖m‖²,
so its variance is at most ‖m‖²(H − ‖m‖²) (Bhatia & Davis 2000). Noise makes the ten largest look larger: it can only
widen the interval.

*What is told.* The ends of the interval of the chance, inverted; no more than the items that there are. No guess where
the released values allow that no two places hold the same item. The intervals of all groups of one attribute hold
together (Bonferroni), and so does that of everybody by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.intervals import Estimate, Interval, critical_value
from tactful.privacy.exposures import DEPTH, ListDesign
from tactful.privacy.sums import Exposures, Measured


def list_coverage(
    exposures: Exposures, design: ListDesign, *, confidence: float = 0.95
) -> dict[str, Mapping[str, Estimate]]:
    """How many different items the model shows in effect, by attribute and group; both empty: to everybody assessed.

    Parameters
    ----------
    exposures : Exposures
    design : ListDesign
        That they were counted by.
    confidence : float
        Held by the intervals of all groups of an attribute together.
    """
    items, smallest = len(design.entry_of), min(design.levels, key=lambda name: len(design.groups(name)))
    everybody = _of(exposures, smallest, slice(None), items, critical_value(confidence))
    found: dict[str, Mapping[str, Estimate]] = {"": {"": everybody}}
    for attribute in design.levels:
        groups = design.groups(attribute)
        z = critical_value(confidence, comparisons=len(groups))
        found[attribute] = {
            group: _of(exposures, attribute, slice(place, place + 1), items, z) for place, group in enumerate(groups)
        }
    return found


def effective_items(counts: NDArray[np.float64], sigma: float, people: Measured, *, items: int, z: float) -> Estimate:
    """How many different items are shown in effect.

    Parameters
    ----------
    counts : float array of shape (n_entries,)
        Released number of lists that hold each item.
    sigma : float
        Standard deviation of the noise on each.
    people : Measured
        Released number of lists.
    items : int
        How many items there are.
    z : float
        See `tactful.assurance.intervals.critical_value`.
    """
    n, pairs = people.value, people.value**2 - people.sigma**2 - people.value
    if not n > max(z * people.sigma, 2.0) or pairs <= 0:
        return Estimate(value=None, interval=Interval(low=1.0, high=float(items)), range=float(items))
    squares = float((counts**2).sum()) - sigma**2 * len(counts)
    same, places = (squares - float(counts.sum())) / pairs, DEPTH**2
    of_noise = sqrt(max(4 * sigma**2 * squares, 0.0) + 2 * sigma**4 * len(counts)) / pairs
    of_people = 2 * same * people.sigma / n
    reach = z * hypot(of_noise, of_people, _sampling(counts, max(same, 0.0), n))
    low, high = (
        min(max(places / x, 1.0), float(items)) if x > 0 else float(items) for x in (same + reach, same - reach)
    )
    value = min(max(places / same, low), high) if same > reach else None
    return Estimate(value=value, interval=Interval(low=low, high=high), range=float(items))


def _sampling(counts: NDArray[np.float64], same: float, n: float) -> float:
    """The most that ‖m‖² can vary with who is drawn, as a standard deviation."""
    largest = float(np.sort(counts)[-DEPTH:].sum()) / n
    return 2 * sqrt(same * max(largest - same, 0.0) / n)


def _of(exposures: Exposures, attribute: str, groups: slice, items: int, z: float) -> Estimate:
    """Of some groups of one attribute together."""
    counts, people = exposures.counts[attribute, "model"][groups, :-1], exposures.people[attribute][groups]
    more = sqrt(len(people))
    number = Measured(value=float(people.sum()), sigma=exposures.people_sigma * more)
    sigma = float(exposures.sigmas[0]) * more
    return effective_items(counts.sum(axis=0), sigma, number, items=items, z=z)
