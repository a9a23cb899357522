"""The verdict on a rule: the gap it is held against, who is in that gap, and who is not.

Notes
-----
*Who is left out.* ``other`` enters no rule, ``undisclosed`` none where it is too small, and neither is in a group where
two attributes meet. How many people these are is said with every verdict. Where they are, by the released numbers,
more than a tenth of those who are compared, the rule does not pass: it says too little about the people served.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from tactful.assurance.assessment import AttributeResult
from tactful.assurance.groups import may_be_missing
from tactful.assurance.strata import CROSS
from tactful.assurance.summary import about, listed, metric_name, readable
from tactful.assurance.verdicts import FairnessRule, Verdict, judge, undecided
from tactful.privacy.sums import Measured

MERGED = "merged into"
_MOST_LEFT_OUT = 0.1


def verdict_on(
    rule: FairnessRule, attributes: Mapping[str, AttributeResult], crossed: Mapping[str, AttributeResult]
) -> Verdict:
    """The verdict on a rule, with the groups that were merged and the people whom it does not compare.

    Parameters
    ----------
    rule : FairnessRule
    attributes, crossed : mapping of str to AttributeResult
        The declared attributes and the declared intersections.
    """
    result = {**attributes, **crossed}.get(rule.attribute)
    gap = result.gap(rule.statistic, rule.metric) if result else None
    if result is None or gap is None:
        return undecided(
            rule, f"No group was measured by {metric_name(rule.metric)} for the attribute {readable(rule.attribute)}."
        )
    left = left_out(rule.attribute, attributes)
    if gap.value is None and len(result.entering) < 2:
        few = f"Fewer than two groups of {readable(rule.attribute)} have enough people to be compared."
        found = undecided(rule, few)
    else:
        low, high = result.extremes(rule.metric)
        doubts = (*_doubts(result), *_too_many(left, result))
        found = judge(rule, gap, lowest=low, highest=high, unmeasured=result.unmeasured, doubts=doubts)
    outside = left_out_in_words(left)
    return replace(found, groups=(*_merges(result), *([f"This rule does not compare {outside}."] if outside else [])))


def left_out(name: str, attributes: Mapping[str, AttributeResult]) -> dict[str, dict[str, Measured]]:
    """By attribute the released numbers of people whom rules about an attribute or an intersection do not compare.

    Parameters
    ----------
    name : str
        Of the attribute or the intersection.
    attributes : mapping of str to AttributeResult
        The declared attributes.
    """
    if name in attributes:
        return {name: _aside(attributes[name], attributes[name].compared)}
    return {part: _aside(attributes[part], ()) for part in name.split(CROSS) if part in attributes}


def left_out_in_words(left: Mapping[str, Mapping[str, Measured]]) -> str:
    """Who is left out and how many they are; empty where the released numbers show nobody."""
    return ", ".join(
        f"“{group}”{f' ({readable(name)})' if len(left) > 1 else ''}, {_many(people)}"
        for name, groups in left.items()
        for group, people in _somebody(groups).items()
    )


def _somebody(groups: Mapping[str, Measured]) -> dict[str, Measured]:
    """Without those in which the released numbers show nobody."""
    return {name: people for name, people in groups.items() if not people.value <= 0}


def _many(people: Measured) -> str:
    """A released number of people."""
    return f"{about(people)} people" if math.isfinite(people.value) else "how many was not released"


def _aside(result: AttributeResult, compared: tuple[str, ...]) -> dict[str, Measured]:
    """Groups that are in no comparison and in no other group."""
    return {
        name: group.people
        for name, group in result.by_group.items()
        if may_be_missing(name) and name not in compared and not group.status.startswith(MERGED)
    }


def _too_many(left: Mapping[str, Mapping[str, Measured]], result: AttributeResult) -> list[str]:
    """For each attribute by which more people are left out than a tenth of those compared, that they are."""
    compared = sum(result.by_group[name].people.value for name in result.entering)
    return [
        f"more people than a tenth of those compared are in no group of this rule ({listed(_somebody(groups))})"
        for groups in left.values()
        if not sum(_at_least_none(people.value) for people in groups.values()) <= _MOST_LEFT_OUT * compared
    ]


def _at_least_none(people: float) -> float:
    """A number of people; as many as can be where it was not released."""
    return max(people, 0.0) if math.isfinite(people) else math.inf


def _doubts(result: AttributeResult) -> list[str]:
    """That a small group is compared with nobody, as everybody was merged into one."""
    return ["after merges there are not two groups left to compare"] if len(result.entering) < 2 else []


def _merges(result: AttributeResult) -> list[str]:
    """For each wider group what was merged into it, and which of that is compared by itself too."""
    found = []
    for wide in result.by_group:
        parts = [name for name, group in result.by_group.items() if group.status == f"{MERGED} {wide}"]
        alone = [name for name in parts if name in result.compared]
        also = f" Of these, with enough people of their own, compared beside it: {listed(alone)}." if alone else ""
        if parts:
            found.append(f"Merged into “{wide}”, as not all have enough people: {listed(parts)}.{also}")
    return found
