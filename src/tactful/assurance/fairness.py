"""How differently groups of people are served, from released sums alone. The only home of fairlearn.

`assess` reads one noisy vector of sums (see `tactful.privacy.sums.EvaluationSums`). It sees no person, so it is
post-processing: rules, minimums and merges may be tried again at no cost to anybody's privacy.

Notes
-----
*Why MetricFrame on one row a group is legitimate.* The metrics here are means over people. A mean over several groups
is the mean of their means weighted by their numbers, so `by_group`, `overall`, `difference` and `ratio` from one row a
group (released mean, released number as weight) are the same functions that fairlearn applies to one row a person,
applied to released values. Nothing is lost but what the noise took, and that is in the intervals.

*Which groups enter a rule.* The declared levels (after merging) and ``undisclosed``, where each has the minimum number
of people by the released count. ``other`` is shown and enters no rule: it is a mixture of values nobody declared. A
declared level that is too small keeps the rule from passing; the rule can still fail on the others.

*How sure.* For one metric, the intervals of all groups of an attribute hold together with the stated confidence:
Bonferroni over every group that was released and every group that a merge could make of them, since which of them are
shown depends on released values. Each rule is held against that; over several rules the chances to be misled add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.assessment import AttributeResult, FairnessAssessment, GroupResult, plain
from tactful.assurance.groups import Group, merge_small, pool, read_groups, unassessed
from tactful.assurance.intervals import Estimate, Interval, critical_value, mean_estimate
from tactful.assurance.summary import metric_name, readable
from tactful.assurance.verdicts import FairnessRule, Verdict, gap_intervals, judge, undecided
from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, UNDISCLOSED
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
) -> FairnessAssessment:
    """Every declared group is measured, merged or shown as too small, and every rule has a verdict.

    Parameters
    ----------
    sums : EvaluationSums
        The released vector.
    rules : iterable of FairnessRule
    levels : mapping of str to tuple of str
        For each attribute its declared levels.
    minimum_people : float, people
        Groups with fewer, by the released count, are merged as declared or shown as too small.
    merges : mapping of str to mapping of str to str, optional
        For each attribute and small group the wider group it may join.
    confidence : float
        Held by all intervals of one metric by one attribute together.

    Raises
    ------
    ConfigError
        If two rules share a name, the minimum is not positive, or the confidence is not between 0 and 1.
    """
    wanted = tuple(rules)
    _check(wanted, minimum_people)
    critical_value(confidence)
    attributes = {
        name: _assess_attribute(sums, name, declared, minimum_people, (merges or {}).get(name, {}), confidence)
        for name, declared in levels.items()
    }
    return FairnessAssessment(
        attributes=attributes,
        verdicts={rule.name: _judge(rule, attributes.get(rule.attribute)) for rule in wanted},
        minimum_people=minimum_people,
        confidence=confidence,
        noise=sums.noise,
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
    z = critical_value(confidence, comparisons=len(released) + len(set(targets.values())))
    groups, merged = merge_small(released, targets, minimum)
    results = {name: _result(group, minimum, z) for name, group in groups.items()}
    entering = tuple(name for name in groups if name != OTHER and results[name].status == "measured")
    return AttributeResult(
        by_group=_with_merged(results, released, merged, z),
        entering=entering,
        unmeasured=tuple(n for n in groups if n not in (OTHER, UNDISCLOSED) and n not in entering),
        **_compare({name: results[name] for name in entering}, {name: groups[name] for name in entering}, z),
        not_assessed=unassessed(sums, released),
    )


def _result(group: Group, minimum: float, z: float, status: str | None = None) -> GroupResult:
    """One group as it may be shown; metrics only where there are enough people and every value is a number."""
    finite = all(math.isfinite(t.value) and math.isfinite(t.sigma) for t in [group.people, *group.totals.values()])
    if status is None:
        measured = finite and group.totals and group.has_at_least(minimum)
        status = "measured" if measured else ("too small" if finite and group.totals else "not measured")
    people, reach = group.people, z * group.people.sigma
    return GroupResult(
        people=people,
        people_interval=Interval(low=max(people.value - reach, 0.0), high=max(people.value + reach, 0.0)),
        metrics={m: mean_estimate(t, people, z=z) for m, t in group.totals.items()} if status == "measured" else {},
        status=status,
    )


def _with_merged(
    results: Mapping[str, GroupResult], released: Mapping[str, Group], merged: Mapping[str, str], z: float
) -> dict[str, GroupResult]:
    """The results, each followed by the groups that went into it, so that no group disappears."""
    table: dict[str, GroupResult] = {}
    for name, result in results.items():
        table[name] = result
        parts = [part for part in merged if part in released and _last(part, merged) == name]
        table |= {part: _result(released[part], 0.0, z, status=f"merged into {name}") for part in parts}
    return table


def _last(name: str, merged: Mapping[str, str]) -> str:
    """Where a merged group ended up."""
    while name in merged:
        name = merged[name]
    return name


def _compare(
    results: Mapping[str, GroupResult], groups: Mapping[str, Group], z: float
) -> dict[str, dict[str, Estimate]]:
    """`overall`, `difference` and `ratio` of each metric over the entering groups."""
    if not results:
        return {"overall": {}, "difference": {}, "ratio": {}}
    metrics = list(next(iter(results.values())).metrics)
    points = _fairlearn(results, metrics)
    everyone = pool(groups.values())
    overall = {m: mean_estimate(everyone.totals[m], everyone.people, z=z).interval for m in metrics}
    gaps = {m: gap_intervals({name: r.metrics[m].interval for name, r in results.items()}) for m in metrics}
    alone = len(results) < 2
    return {
        "overall": {m: Estimate(value=points["overall"][m], interval=overall[m]) for m in metrics},
        "difference": {
            m: Estimate(value=None if alone else points["difference"][m], interval=gaps[m]["difference"])
            for m in metrics
        },
        "ratio": {m: Estimate(value=None if alone else points["ratio"][m], interval=gaps[m]["ratio"]) for m in metrics},
    }


def _fairlearn(results: Mapping[str, GroupResult], metrics: list[str]) -> dict[str, dict[str, float | None]]:
    """The `overall`, `difference` and `ratio` of fairlearn's MetricFrame, from one row a group."""
    from fairlearn.metrics import MetricFrame

    weights = np.array([result.people.value for result in results.values()])
    means = {m: np.array([result.metrics[m].value for result in results.values()], dtype=float) for m in metrics}
    with np.errstate(all="ignore"):
        frame = MetricFrame(
            metrics=dict.fromkeys(metrics, _weighted_mean),
            y_true=weights,
            y_pred=weights,
            sensitive_features={"group": list(results)},
            sample_params={m: {"means": means[m], "people": weights} for m in metrics},
        )
        tables = {"overall": frame.overall, "difference": frame.difference(), "ratio": frame.ratio()}
    return {name: {m: plain(float(table[m])) for m in metrics} for name, table in tables.items()}


def _weighted_mean(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, means: NDArray[np.float64], people: NDArray[np.float64]
) -> float:
    """Released means weighted by released numbers of people; fairlearn's own two columns are not used."""
    del y_true, y_pred
    return float(np.average(means, weights=people))


def _judge(rule: FairnessRule, result: AttributeResult | None) -> Verdict:
    """The verdict on a rule, given what was measured about its attribute."""
    gap = result.gap(rule.statistic, rule.metric) if result else None
    if result is None or gap is None:
        return undecided(
            rule, f"No group was measured by {metric_name(rule.metric)} for the attribute {readable(rule.attribute)}."
        )
    if len(result.entering) < 2:
        return undecided(
            rule, f"Fewer than two groups of {readable(rule.attribute)} have enough people to be compared."
        )
    worst, best = result.extremes(rule.metric)
    return judge(rule, gap, worst=worst, best=best, unmeasured=result.unmeasured)


def _check(rules: tuple[FairnessRule, ...], minimum_people: float) -> None:
    """Raise `ConfigError` unless the rules have different names and the minimum is positive."""
    if len({rule.name for rule in rules}) < len(rules):
        raise ConfigError("each fairness rule has its own name", given="two rules share one", do="Rename one of them")
    if not minimum_people > 0:
        raise ConfigError(
            "the least number of people in a group is above 0", given=f"{minimum_people}", do="Set, for example, 50"
        )
