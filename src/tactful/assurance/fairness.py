"""How differently groups of people are served, from released sums alone. The only home of fairlearn.

`assess` reads one noisy vector of sums (see `tactful.privacy.sums.EvaluationSums`). It sees no person, so it is
post-processing: rules, minimums and merges may be tried again at no cost to anybody's privacy.

Notes
-----
*Why MetricFrame on one row a group is legitimate.* The metrics here are means over people. A mean over several groups
is the mean of their means weighted by their numbers, so `by_group`, `overall`, `difference` and `ratio` from one row a
group (released mean, released number as weight) are the same functions that fairlearn applies to one row a person,
applied to released values. Nothing is lost but what the noise took, and that is in the intervals.

*Which groups enter a rule.* The declared levels, after merging, and ``undisclosed``, where each has the minimum number
of people by the released count. A group that was merged because another was small and has the minimum by itself is
compared too, beside the wider group that it is in: no merge turns a fail into a pass. Intersections are declared on
levels after all merges. ``other`` is shown and enters no rule: it is a mixture of values nobody declared. A declared
level that is too small keeps the rule from passing, and so do people who are left out (`tactful.assurance.judgement`);
the rule can still fail on the others.

*How sure.* The interval of a group holds by itself. What rules are held against, the gap between the lowest and the
highest of all groups, holds as a whole with the stated confidence however many groups there are; see
`tactful.assurance.gaps`. Over several rules the chances to be misled add up. Where a merged group is compared beside
the wider one that it is in, the two go together: their distance is surer than it is taken to be here, so the interval
of such a gap is too wide rather than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.assessment import (
    AttributeResult,
    FairnessAssessment,
    GroupResult,
    Guessing,
    plain,
)
from tactful.assurance.conditioning import conditioned
from tactful.assurance.gaps import worst_to_best
from tactful.assurance.groups import (
    Group,
    is_mixture,
    may_be_missing,
    merge_small,
    merged_parts,
    pool,
    read_groups,
    unassessed,
)
from tactful.assurance.intervals import Estimate, Interval, bounds_of, critical_value
from tactful.assurance.judgement import MERGED, verdict_on
from tactful.assurance.shares import item_groups, shaped
from tactful.assurance.strata import CROSS, HISTORY_EDGES, Groupings
from tactful.assurance.verdicts import FairnessRule, Verdict
from tactful.errors import ConfigError
from tactful.privacy.sums import EvaluationSums

__all__ = ["AttributeResult", "FairnessAssessment", "FairnessRule", "GroupResult", "Verdict", "assess"]


def assess(
    sums: EvaluationSums,
    rules: Iterable[FairnessRule],
    *,
    levels: Mapping[str, tuple[str, ...]],
    minimum_people: float,
    merges: Mapping[str, Mapping[str, str]] | None = None,
    confidence: float = 0.95,
    intersections: Sequence[tuple[str, str]] = (),
    history_edges: Sequence[int] = HISTORY_EDGES,
    item_columns: Mapping[str, Mapping[str, float]] | None = None,
    guessing: Mapping[str, Guessing] | None = None,
    coverage: Mapping[str, Mapping[str, Estimate]] | None = None,
) -> FairnessAssessment:
    """Every declared group is measured, merged or shown as too small, and every rule has a verdict.

    Parameters
    ----------
    sums : EvaluationSums
        The released vector. What it does not have is not in the assessment.
    rules : iterable of FairnessRule
    levels : mapping of str to tuple of str
        For each attribute its declared levels.
    minimum_people : float, people
        Groups with fewer, by the released count, are merged as declared or shown as too small.
    merges : mapping of str to mapping of str to str, optional
        For each attribute and small group the wider group it may join.
    confidence : float
        Of each group's interval by itself, and of each gap between all groups of an attribute.
    intersections : sequence of (str, str)
        Pairs of attributes whose groups were declared, after all merges, as groups of their own.
    history_edges : sequence of int, items
        Where strata of history length begin, as in the vector.
    item_columns : mapping of str to mapping of str to float, optional
        For each column of the catalogue the share of items in each of its groups, which is public.
    guessing, coverage : mappings, optional
        What other releases say, taken over as they are.

    Raises
    ------
    ConfigError
        If two rules share a name, the minimum is not positive, the confidence is not between 0 and 1, or the groups
        could not have been declared.
    """
    wanted, targets, z = tuple(rules), merges or {}, critical_value(confidence)
    _check(wanted, minimum_people)
    groupings = Groupings(attributes=levels, merges=targets, intersections=intersections, history_edges=history_edges)
    declared = groupings.levels()
    attributes = {
        name: _assess_attribute(sums, name, levels[name], minimum_people, targets.get(name, {}), confidence)
        for name in levels
    }
    crossed = {
        name: _assess_attribute(sums, name, declared[name], minimum_people, {}, confidence)
        for name in map(CROSS.join, intersections)
    }
    return FairnessAssessment(
        attributes=attributes,
        verdicts={rule.name: verdict_on(rule, attributes, crossed) for rule in wanted},
        minimum_people=minimum_people,
        confidence=confidence,
        noise=sums.noise,
        intersections=crossed,
        conditioned=tuple(c for a in levels for c in conditioned(sums, a, groupings, minimum_people, confidence)),
        items={column: found for column, found in item_groups(sums, item_columns or {}, z=z).items() if found},
        shaped={name: found for name in levels if (found := shaped(sums, name, groupings, z=z))},
        guessing=guessing or {},
        coverage=coverage or {},
    )


def _assess_attribute(
    sums: EvaluationSums,
    attribute: str,
    levels: tuple[str, ...],
    minimum: float,
    targets: Mapping[str, str],
    confidence: float,
) -> AttributeResult:
    """One attribute: merge, measure, compare."""
    released = read_groups(sums, attribute, levels)
    z = critical_value(confidence)
    groups, merged = merge_small(released, targets, minimum)
    results = {name: _result(group, minimum, z) for name, group in groups.items()}
    entering = tuple(name for name in groups if not is_mixture(name) and results[name].status == "measured")
    parts = merged_parts(released, targets, merged)
    least = {name: math.inf if is_mixture(name) else minimum for name in parts}
    shown = {name: _result(group, least[name], z, into=wide) for name, (wide, group) in parts.items()}
    judged = {name: parts[name][1] for name, result in shown.items() if result.metrics}
    return AttributeResult(
        by_group=_with_merged(results, shown),
        entering=entering,
        unmeasured=tuple(n for n in groups if not may_be_missing(n) and n not in entering),
        **_compare({name: groups[name] for name in entering}, judged, confidence),
        not_assessed=unassessed(sums, released),
    )


def _result(group: Group, minimum: float, z: float, *, into: str = "") -> GroupResult:
    """One group as it may be shown; metrics only where there are enough people and every value is a number."""
    enough = "measured" if group.has_at_least(minimum) else "too small"
    status = enough if group.measured else "not measured"
    return GroupResult(
        people=group.people,
        metrics={m: group.mean(m, z) for m in group.metrics} if status == "measured" else {},
        status=f"{MERGED} {into}" if into else status,
    )


def _with_merged(results: Mapping[str, GroupResult], parts: Mapping[str, GroupResult]) -> dict[str, GroupResult]:
    """The results, each followed by the groups that went into it, so that no group disappears."""
    table: dict[str, GroupResult] = {}
    for name, result in results.items():
        table |= {name: result, **{part: r for part, r in parts.items() if r.status == f"{MERGED} {name}"}}
    return table


def _compare(
    entering: Mapping[str, Group], parts: Mapping[str, Group], confidence: float
) -> dict[str, dict[str, Estimate]]:
    """`overall` of each metric over the entering groups; `difference` and `ratio` over the merged ones too."""
    if not entering:
        return {"overall": {}, "difference": {}, "ratio": {}}
    groups = {**entering, **parts} if len(entering) > 1 or len(parts) > 1 else entering
    z, everyone = critical_value(confidence), pool(entering.values())
    metrics = [m for m in everyone.metrics if all(m in group.metrics for group in groups.values())]
    overall, points = (_points(each, metrics, z) for each in (entering, groups))
    gaps = {m: _gap(groups.values(), m, points, confidence) for m in metrics}
    return {
        "overall": {m: _at(everyone.mean(m, z), overall["overall"][m]) for m in metrics},
        "difference": {m: difference for m, (difference, _) in gaps.items()},
        "ratio": {m: ratio for m, (_, ratio) in gaps.items() if bounds_of(m)[0] >= 0},
    }


def _points(groups: Mapping[str, Group], metrics: Sequence[str], z: float) -> dict[str, dict[str, float | None]]:
    """What fairlearn says of the groups."""
    means = {m: [group.mean(m, z).value for group in groups.values()] for m in metrics}
    return _fairlearn(tuple(groups), [group.people.value for group in groups.values()], means)


def _gap(
    groups: Collection[Group], metric: str, points: Mapping[str, Mapping[str, float | None]], confidence: float
) -> tuple[Estimate, Estimate]:
    """The difference and the ratio of lowest and highest group; no guess where there is but one group, or no ratio."""
    low, high = bounds_of(metric)
    reaches = [partial(group.ends, metric) for group in groups]
    gap = worst_to_best(reaches, confidence=confidence, bounds=(low, high))
    difference = Estimate(value=None, interval=gap.difference, range=high - low)
    ratio = Estimate(value=None, interval=gap.ratio or Interval(low=0.0, high=1.0))
    if len(groups) < 2:
        return difference, ratio
    told = points["ratio"][metric] if gap.ratio else None
    return _at(difference, points["difference"][metric]), _at(ratio, told)


def _at(estimate: Estimate, value: float | None) -> Estimate:
    """The same interval around another guess, which is kept inside."""
    guess = None if value is None else estimate.interval.nearest(value)
    return Estimate(value=guess, interval=estimate.interval, range=estimate.range)


def _fairlearn(
    names: tuple[str, ...], people: Sequence[float], means: Mapping[str, Sequence[float | None]]
) -> dict[str, dict[str, float | None]]:
    """The `overall`, `difference` and `ratio` of fairlearn's MetricFrame, from one row a group."""
    from fairlearn.metrics import MetricFrame

    weights = np.array(people)
    rows = {m: np.array(values, dtype=float) for m, values in means.items()}
    with np.errstate(all="ignore"):
        frame = MetricFrame(
            metrics=dict.fromkeys(means, _weighted_mean),
            y_true=weights,
            y_pred=weights,
            sensitive_features={"group": list(names)},
            sample_params={m: {"means": rows[m], "people": weights} for m in means},
        )
        tables = {"overall": frame.overall, "difference": frame.difference(), "ratio": frame.ratio()}
    return {name: {m: plain(float(table[m])) for m in means} for name, table in tables.items()}


def _weighted_mean(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, means: NDArray[np.float64], people: NDArray[np.float64]
) -> float:
    """Released means weighted by released numbers of people; fairlearn's own two columns are not used."""
    del y_true, y_pred
    return float(np.average(means, weights=people))


def _check(rules: tuple[FairnessRule, ...], minimum_people: float) -> None:
    """Raise `ConfigError` unless the rules have different names and the minimum is positive."""
    if len({rule.name for rule in rules}) < len(rules):
        raise ConfigError("each fairness rule has its own name", given="two rules share one", do="Rename one of them")
    if not minimum_people > 0:
        raise ConfigError(
            "the least number of people in a group is above 0", given=f"{minimum_people}", do="Set, for example, 50"
        )
