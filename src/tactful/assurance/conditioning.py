"""How groups are served when their histories are equally long: direct standardisation over strata.

Notes
-----
Whoever has bought more is served better, and groups differ in how much they buy. So each group's mean is also taken
within strata of history length and averaged with the same weights for every group (direct standardisation; Rothman,
Greenland & Lash 2008): the weights are the released numbers of all evaluated people in the strata. They are a choice,
the same whichever group is looked at, and so carry no uncertainty into the comparison.

*What it is held against.* The gap of the same groups in the same strata, each group with its own mixture of strata:
nothing but the mixture differs between the two. The gap of the whole attribute is between other groups (before merges,
with ``undisclosed``) and of more people, so it may be wider or narrower for reasons that have nothing to do with
history. Where the two gaps differ, the plain one goes with how long histories are; that is no cause, and no excuse.

*Which strata.* Those in which every compared group has enough people by the released count, and more than the noise
alone could make of nobody. The levels are coarse ones, each declared level after all merges; a level that does not have
enough people in all of its strata together is left out, and so are people whose value is other or undisclosed.

*How sure.* The strata are different people and their noise is independent, so variances add, recovered from the
intervals of the strata as MOVER does (Zou & Donner 2008): the lower end is √Σ w²(m - l)² below the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tactful.assurance.assessment import Conditioned
from tactful.assurance.gaps import straight, worst_to_best
from tactful.assurance.groups import Group, pool, read_groups
from tactful.assurance.intervals import Estimate, Interval, Reach, bounds_of, critical_value, people_in
from tactful.assurance.strata import CROSS, HISTORY, Groupings
from tactful.privacy.sums import EvaluationSums

FEWEST = 20
"""People of a group in a stratum, at least: the fewest that the intervals were tried with."""
_SETTLED = 4.0  # standard deviations of the noise that a number of people is above 0, more than any critical value here


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """The groups of one attribute within strata in which all of them have enough people.

    Attributes
    ----------
    groups : mapping of str to tuple of Group
        For each group its people in each stratum.
    names : tuple of str
        Of the strata.
    weights : tuple of float
        Of the strata; they add up to 1.
    covered : float
        Share of the released people of these groups who are in these strata.
    """

    groups: Mapping[str, tuple[Group, ...]]
    names: tuple[str, ...]
    weights: tuple[float, ...]
    covered: float

    @property
    def metrics(self) -> list[str]:
        """What every group was measured by in every stratum."""
        parts = [part.metrics for parts in self.groups.values() for part in parts]
        return [metric for metric in parts[0] if all(metric in metrics for metrics in parts)]

    def standardised(self, metric: str, z: float) -> dict[str, Estimate]:
        """Each group's mean with its histories as long as everybody's; the intervals hold one by one."""
        return {name: self._mean(parts, metric, z) for name, parts in self.groups.items()}

    def as_they_are(self, metric: str, z: float) -> dict[str, Estimate]:
        """Each group's mean in these strata, its own mixture of them; the intervals hold one by one."""
        return {name: pool(parts).mean(metric, z) for name, parts in self.groups.items()}

    def _mean(self, parts: tuple[Group, ...], metric: str, z: float) -> Estimate:
        """The weighted mean of one group."""
        low, high = bounds_of(metric)
        estimates = [part.mean(metric, z) for part in parts]
        means = [e.interval.low if e.value is None else e.value for e in estimates]
        value = sum(w * m for w, m in zip(self.weights, means, strict=True))
        weighted = list(zip(self.weights, means, estimates, strict=True))
        below = math.hypot(*(w * (m - e.interval.low) for w, m, e in weighted))
        above = math.hypot(*(w * (e.interval.high - m) for w, m, e in weighted))
        interval = Interval(low=max(value - below, low), high=min(value + above, high))
        return Estimate(value=value, interval=interval, range=high - low)


def conditioned(
    sums: EvaluationSums, attribute: str, groupings: Groupings, minimum: float, confidence: float
) -> tuple[Conditioned, ...]:
    """The groups of the attribute by each metric, their histories as long as everybody's; empty if none compare.

    Parameters
    ----------
    sums : EvaluationSums
    attribute : str
    groupings : Groupings
    minimum : float, people
        Of a group, over all strata.
    confidence : float
        Of each group's interval by itself, and of each gap between all groups.
    """
    strata = stratified(sums, attribute, groupings, minimum)
    return tuple(_by_metric(attribute, strata, m, confidence) for m in strata.metrics) if strata else ()


def _by_metric(attribute: str, strata: Strata, metric: str, confidence: float) -> Conditioned:
    """The groups of one attribute by one metric."""
    z = critical_value(confidence)
    standardised, plain = strata.standardised(metric, z), strata.as_they_are(metric, z)
    difference, ratio = _gap(standardised, [straight(mean, z) for mean in standardised.values()], metric, confidence)
    reaches = [partial(pool(parts).ends, metric) for parts in strata.groups.values()]
    plain_difference, _ = _gap(plain, reaches, metric, confidence)
    return Conditioned(
        attribute=attribute,
        metric=metric,
        strata=strata.names,
        weights=strata.weights,
        by_group=standardised,
        difference=difference,
        ratio=ratio,
        plain_by_group=plain,
        plain_difference=plain_difference,
        covered=strata.covered,
    )


def _gap(
    means: Mapping[str, Estimate], reaches: Sequence[Reach], metric: str, confidence: float
) -> tuple[Estimate, Estimate]:
    """The difference and the ratio of lowest and highest group; no guess of the ratio of what may be negative."""
    low, high = bounds_of(metric)
    found = [mean.value for mean in means.values() if mean.value is not None]
    gap = worst_to_best(reaches, confidence=confidence, bounds=(low, high))
    difference = gap.difference.nearest(max(found) - min(found))
    ratio = gap.ratio.nearest(min(found) / max(found)) if gap.ratio and max(found) > 0 else None
    return (
        Estimate(value=difference, interval=gap.difference, range=high - low),
        Estimate(value=ratio, interval=gap.ratio or Interval(low=0.0, high=1.0)),
    )


def stratified(sums: EvaluationSums, attribute: str, groupings: Groupings, minimum: float) -> Strata | None:
    """The groups of the attribute by length of history; None where fewer than two can be compared in any stratum.

    Parameters
    ----------
    sums : EvaluationSums
    attribute : str
    groupings : Groupings
    minimum : float, people
        Of a group, over all strata. In each stratum `FEWEST` are enough, or fewer if this is less.
    """
    crossed = attribute + CROSS + HISTORY
    found = read_groups(sums, crossed, ())
    cells = {
        level: [found[level + CROSS + s] for s in groupings.strata if level + CROSS + s in found]
        for level in groupings.coarse(attribute)
    }
    whole = {level: parts for level, parts in cells.items() if len(parts) == len(groupings.strata)}
    compared = {level: parts for level, parts in whole.items() if pool(parts).has_at_least(minimum)}
    places = [
        i
        for i, stratum in enumerate(groupings.strata)
        if all(_enough(parts[i], minimum) for parts in compared.values()) and _people(sums, stratum) > 0
    ]
    if len(compared) < 2 or not places:
        return None
    people = [_people(sums, groupings.strata[i]) for i in places]
    groups = {level: tuple(parts[i] for i in places) for level, parts in compared.items()}
    return Strata(
        groups=groups,
        names=tuple(groupings.strata[i] for i in places),
        weights=tuple(n / sum(people) for n in people),
        covered=min(_all_in(groups) / _all_in(compared), 1.0),
    )


def _all_in(groups: Mapping[str, Sequence[Group]]) -> float:
    """The released number of people of these groups in these strata."""
    return sum(pool(parts).people.value for parts in groups.values())


def _enough(group: Group, minimum: float) -> bool:
    """Whether a group is measured within a stratum."""
    least = max(min(minimum, FEWEST), _SETTLED * group.people.sigma)
    return group.measured and group.has_at_least(least)


def _people(sums: EvaluationSums, stratum: str) -> float:
    """The released number of evaluated people with a history of this length; 0 where there is none."""
    value = people_in(sums, HISTORY, stratum).value
    return value if math.isfinite(value) else 0.0
