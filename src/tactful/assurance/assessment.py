"""What was measured about groups of people and what follows for each rule, as values. Nothing in them is exact."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.verdicts import Statistic, Verdict
from tactful.privacy.statistics import Noise
from tactful.privacy.sums import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """What was released about one group.

    Attributes
    ----------
    people : Measured
        Released number of people.
    people_interval : Interval
        The numbers that the noise allows.
    metrics : mapping of str to Estimate
        Empty unless the group was measured.
    status : str
        ``measured``, ``too small``, ``not measured``, or ``merged into`` and a name.
    """

    people: Measured
    people_interval: Interval
    metrics: Mapping[str, Estimate]
    status: str

    def as_json(self) -> dict[str, Any]:
        """The group as plain values."""
        people = {"value": plain(self.people.value), "sigma": plain(self.people.sigma)}
        return {"people": people, "status": self.status, "metrics": {m: e.as_json() for m, e in self.metrics.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeResult:
    """How the groups of one attribute are served.

    Attributes
    ----------
    by_group : mapping of str to GroupResult
        Every group, in declared order; merged groups follow the one they went into.
    entering : tuple of str
        The groups that rules compare.
    unmeasured : tuple of str
        Declared groups that could not be measured; with any of them no rule passes.
    overall, difference, ratio : mapping of str to Estimate
        For each metric, over the entering groups.
    not_assessed : Measured
        About how many evaluated people are in none of the groups because they did not agree to be assessed.
    """

    by_group: Mapping[str, GroupResult]
    entering: tuple[str, ...]
    unmeasured: tuple[str, ...]
    overall: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]
    ratio: Mapping[str, Estimate]
    not_assessed: Measured

    def gap(self, statistic: Statistic, metric: str) -> Estimate | None:
        """The gap between worst-served and best-served group, None where the metric was not measured."""
        return (self.ratio if statistic == "ratio" else self.difference).get(metric)

    def extremes(self, metric: str) -> tuple[str, str]:
        """The entering groups with the lowest and with the highest estimate."""
        values = {g: self.by_group[g].metrics[metric].value or 0.0 for g in self.entering}
        return min(values, key=values.__getitem__), max(values, key=values.__getitem__)

    def as_json(self) -> dict[str, Any]:
        """The attribute as plain values."""
        gaps = {"overall": self.overall, "difference": self.difference, "ratio": self.ratio}
        return {
            "by_group": {name: group.as_json() for name, group in self.by_group.items()},
            "entering": list(self.entering),
            "unmeasured": list(self.unmeasured),
            **{name: {m: e.as_json() for m, e in table.items()} for name, table in gaps.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessAssessment:
    """What was measured about each declared attribute, and the verdict on each rule.

    Attributes
    ----------
    attributes : mapping of str to AttributeResult
    verdicts : mapping of str to Verdict
        By the name of the rule.
    minimum_people : float, people
    confidence : float
    noise : {"system", "reproducible"}
    """

    attributes: Mapping[str, AttributeResult]
    verdicts: Mapping[str, Verdict]
    minimum_people: float
    confidence: float
    noise: Noise

    @property
    def by_group(self) -> dict[str, Mapping[str, GroupResult]]:
        """Attribute to group to result."""
        return {name: result.by_group for name, result in self.attributes.items()}

    def as_json(self) -> dict[str, Any]:
        """The whole assessment as plain values; nothing in it is exact."""
        return {
            "confidence": self.confidence,
            "minimum_people": self.minimum_people,
            "attributes": {name: result.as_json() for name, result in self.attributes.items()},
            "verdicts": {name: verdict.as_json() for name, verdict in self.verdicts.items()},
        }


def plain(value: float) -> float | None:
    """The value, or None where it is not a number."""
    return value if math.isfinite(value) else None
