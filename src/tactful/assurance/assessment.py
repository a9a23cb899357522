"""What was measured about groups of people and what follows for each rule, as values. Nothing in them is exact."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tactful.assurance.intervals import Estimate
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
    metrics : mapping of str to Estimate
        Empty unless the group was measured, or merged with enough people by itself.
    status : str
        ``measured``, ``too small``, ``not measured``, or ``merged into`` and a name.
    """

    people: Measured
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
        The groups after merges, which have nobody in common.
    unmeasured : tuple of str
        Declared groups that could not be measured; with any of them no rule passes.
    overall, difference, ratio : mapping of str to Estimate
        For each metric: `overall` over the entering groups, gaps over all that are compared.
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

    @property
    def compared(self) -> tuple[str, ...]:
        """What rules compare: the entering groups, and the merged ones that have enough people by themselves."""
        return (*self.entering, *(n for n, g in self.by_group.items() if g.status != "measured" and g.metrics))

    def gap(self, statistic: Statistic, metric: str) -> Estimate | None:
        """The gap between worst-served and best-served group, None where the metric was not measured."""
        return (self.ratio if statistic == "ratio" else self.difference).get(metric)

    def extremes(self, metric: str) -> tuple[str, str]:
        """The compared groups with the lowest and with the highest estimate."""
        values = {g: self.by_group[g].metrics[metric].value or 0.0 for g in self.compared}
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
class Conditioned:
    """How the groups of one attribute are served by one metric when their histories are equally long.

    Each group's mean is taken within strata of history length and averaged with the same weights for every group:
    direct standardisation. The plain figures are of the same people, each group with its own mixture of strata. They
    are not those of `AttributeResult`, which compares other groups: finer ones, and ``undisclosed``.

    Attributes
    ----------
    attribute, metric : str
    strata, weights : tuple of str, tuple of float
        History lengths in words in which every group was measured, shortest first; their weights add up to 1.
    by_group, plain_by_group : mapping of str to Estimate
        The mean of each group, standardised and plain: the declared levels after all merges that have enough people.
    difference, ratio, plain_difference : Estimate
        Between the lowest and the highest of these.
    covered : float
        Share of the released evaluated people of the groups who are in these strata.
    """

    attribute: str
    metric: str
    strata: tuple[str, ...]
    weights: tuple[float, ...]
    by_group: Mapping[str, Estimate]
    difference: Estimate
    ratio: Estimate
    plain_by_group: Mapping[str, Estimate]
    plain_difference: Estimate
    covered: float

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return {
            "metric": self.metric,
            "strata": dict(zip(self.strata, self.weights, strict=True)),
            "by_group": _values(self.by_group),
            "difference": self.difference.as_json(),
            "ratio": self.ratio.as_json(),
            "plain_by_group": _values(self.plain_by_group),
            "plain_difference": self.plain_difference.as_json(),
            "covered": self.covered,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGroupResult:
    """How much of what is shown belongs to one group of items.

    Attributes
    ----------
    catalogue : float
        Share of the items of the catalogue; public.
    exposure : Estimate
        Share of what people see in the first ten places, places discounted as in nDCG.
    interest : Estimate
        Share of what the same people went on to use.
    """

    catalogue: float
    exposure: Estimate
    interest: Estimate

    def as_json(self) -> dict[str, Any]:
        """The shares as plain values."""
        return {
            "catalogue": self.catalogue,
            "exposure": self.exposure.as_json(),
            "interest": self.interest.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """How much of one group shaped the model, among people who agreed to be assessed.

    Attributes
    ----------
    known : Measured
        Released number of them among the people set aside for evaluation, whether they agreed to training or not.
    consented : Estimate
        Share of them with at least one row that consent lets train. By the keyed hash it is as among training people.
    """

    known: Measured
    consented: Estimate

    def as_json(self) -> dict[str, Any]:
        """The shares as plain values."""
        known = {"value": plain(self.known.value), "sigma": plain(self.known.sigma)}
        return {"known": known, "consented": self.consented.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessing:
    """How well a person's group can be guessed from the list that they are shown.

    Attributes
    ----------
    levels : tuple of str
        The groups that were told apart.
    auc : Estimate
        Area under the ROC curve, each group against the others, averaged: 0.5 is blind.
    popularity_auc : Estimate
        The same from the popularity list less what the person has already.
    people : Measured
        Released number of people whose group was guessed.
    """

    levels: tuple[str, ...]
    auc: Estimate
    popularity_auc: Estimate
    people: Measured

    def as_json(self) -> dict[str, Any]:
        """The guess as plain values."""
        return {
            "levels": list(self.levels),
            "auc": self.auc.as_json(),
            "popularity_auc": self.popularity_auc.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessAssessment:
    """What was measured about each declared attribute, and the verdict on each rule.

    Attributes
    ----------
    attributes : mapping of str to AttributeResult
        The declared attributes.
    verdicts : mapping of str to Verdict
        By the name of the rule.
    minimum_people : float, people
    confidence : float
    noise : {"system", "reproducible"}
    intersections : mapping of str to AttributeResult
        Declared intersections, such as ``age × household``.
    conditioned : tuple of Conditioned
        Gaps among people whose histories are equally long.
    items : mapping of str to mapping of str to ItemGroupResult
        By a column of the catalogue, and by the groups of items there.
    shaped : mapping of str to mapping of str to Shaped
        By attribute and group.
    guessing : mapping of str to Guessing
        By attribute; empty if the run did not pay for it.
    coverage : mapping of str to mapping of str to Estimate
        By attribute and group (both empty: everybody) how many different items are shown, in effect: the inverse of
        the chance that two places hold the same item. Empty if the run did not pay for it.
    """

    attributes: Mapping[str, AttributeResult]
    verdicts: Mapping[str, Verdict]
    minimum_people: float
    confidence: float
    noise: Noise
    intersections: Mapping[str, AttributeResult] = field(default_factory=dict)
    conditioned: tuple[Conditioned, ...] = ()
    items: Mapping[str, Mapping[str, ItemGroupResult]] = field(default_factory=dict)
    shaped: Mapping[str, Mapping[str, Shaped]] = field(default_factory=dict)
    guessing: Mapping[str, Guessing] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)

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
            "intersections": {name: result.as_json() for name, result in self.intersections.items()},
            "conditioned_on_history": [{"attribute": c.attribute, **c.as_json()} for c in self.conditioned],
            "items": {column: _values(groups) for column, groups in self.items.items()},
            "shaped": {name: _values(groups) for name, groups in self.shaped.items()},
            "guessing": _values(self.guessing),
            "coverage": {name: _values(groups) for name, groups in self.coverage.items()},
            "verdicts": {name: verdict.as_json() for name, verdict in self.verdicts.items()},
        }


class _Told(Protocol):
    """What says itself in plain values."""

    def as_json(self) -> Mapping[str, Any]:
        """Plain values."""


def _values(results: Mapping[str, _Told]) -> dict[str, Any]:
    """Each result as plain values."""
    return {name: result.as_json() for name, result in results.items()}


def plain(value: float) -> float | None:
    """The value, or None where it is not a number."""
    return value if math.isfinite(value) else None
