"""Demographic groups as released: their people and sums, and what becomes of those that are too small."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tactful.assurance.intervals import Ends, Estimate, Floats, bounds_of, mean_ends, mean_estimate, people_in
from tactful.assurance.metrics import METRICS
from tactful.assurance.strata import CROSS
from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.privacy.sums import Cell, EvaluationSums, Measured, inside

_COUNTS = frozenset({"people", "known", "consented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The released sums of one group of people.

    Attributes
    ----------
    people : Measured
    totals : mapping of str to Measured
        For each metric its sum over these people; for some also how far inside its range it is.
    """

    people: Measured
    totals: Mapping[str, Measured]

    @property
    def metrics(self) -> list[str]:
        """What people were measured by, in the order in which it is told; not what only says how sure that is."""
        hidden = _COUNTS | {inside(name) for name in self.totals}
        return [*(m for m in METRICS if m in self.totals), *sorted(set(self.totals) - hidden - set(METRICS))]

    @property
    def measured(self) -> bool:
        """Whether there is a metric, and every released value is a number."""
        values = [self.people, *(self.totals[m] for m in self.metrics)]
        return len(values) > 1 and all(math.isfinite(v.value) and math.isfinite(v.sigma) for v in values)

    def mean(self, metric: str, z: float) -> Estimate:
        """The mean of a metric over these people; the interval holds by itself at the critical value z."""
        bounds, within = bounds_of(metric), self._inside(metric)
        return mean_estimate(self.totals[metric], self.people, z=z, bounds=bounds, inside=within)

    def ends(self, metric: str, values: Floats) -> Ends:
        """Where the intervals of that mean end, at several critical values."""
        bounds, within = bounds_of(metric), self._inside(metric)
        return mean_ends(self.totals[metric], self.people, values, bounds=bounds, inside=within)

    def _inside(self, metric: str) -> Measured | None:
        """What was released of how much people differ; nothing is needed for a metric that is 0 or 1."""
        declared = METRICS.get(metric)
        return None if declared and declared.binary else self.totals.get(inside(metric))

    def has_at_least(self, minimum: float) -> bool:
        """Whether the released number of people is a number and reaches `minimum`."""
        return math.isfinite(self.people.value) and self.people.value >= minimum


def read_groups(sums: EvaluationSums, attribute: str, levels: Iterable[str]) -> dict[str, Group]:
    """Every declared level, and every other group the release has for the attribute, in that order.

    A declared level that was not released is there with a number of people that is not a number, so that it can never
    be mistaken for a group that was measured.
    """
    seen = sorted({c.group for c in sums.cells if c.attribute == attribute}, key=lambda g: (g == UNDISCLOSED, g))
    metrics = sorted({c.metric for c in sums.cells if c.attribute == attribute and c.metric != "people"})
    declared = [level for level in levels if level not in (OTHER, UNDISCLOSED)]
    return {name: _read(sums, attribute, name, metrics) for name in dict.fromkeys([*declared, *seen])}


def is_mixture(name: str) -> bool:
    """Whether the group is, in any of its parts, of values that nobody declared."""
    return OTHER in name.split(CROSS)


def may_be_missing(name: str) -> bool:
    """Whether a rule can pass without the group: it is of people who gave no value, or of values nobody declared."""
    return bool({OTHER, UNDISCLOSED} & set(name.split(CROSS)))


def merge_small(
    groups: Mapping[str, Group], targets: Mapping[str, str], minimum: float
) -> tuple[dict[str, Group], dict[str, str]]:
    """Groups below `minimum` pooled as declared, and which group went into which.

    A small group joins its declared target together with every other group that leads there, directly or through
    another target, so that the pooled group means the same whichever of its parts was small. Repeats while a declared
    merge is left.

    Parameters
    ----------
    groups : mapping of str to Group
    targets : mapping of str to str
        For a group the name of the wider group it may be pooled into.
    minimum : float, people
        Compared with released numbers, so that the choice is post-processing.
    """
    _check_targets(targets)
    left, merged = dict(groups), dict[str, str]()
    while small := _next_small(left, targets, merged, minimum):
        target = targets[small]
        parts = [name for name in left if _leads_to(name, target, targets)]
        left = _replace(left, parts, target)
        merged |= {name: target for name in parts if name != target}
    return left, merged


def merged_parts(
    released: Mapping[str, Group], targets: Mapping[str, str], merged: Mapping[str, str]
) -> dict[str, tuple[str, Group]]:
    """Every group that went into a wider one, as it is by itself: where it went, and its people and sums.

    Declared levels, a level that others were merged into, and wider groups that went into still wider ones. So nobody's
    figures are gone because somebody else's group was small; which of these have enough people is for the caller.

    Parameters
    ----------
    released : mapping of str to Group
        Before merges.
    targets : mapping of str to str
        As given to `merge_small`.
    merged : mapping of str to str
        Which group went into which, from `merge_small`.
    """
    pools = [name for name in merged.values() if name not in merged]
    taken = {frozenset(n for n in released if _ended(n, merged) == wide) for wide in pools}
    found: dict[str, tuple[str, Group]] = {}
    for label, members in _parts(released, targets, merged):
        if members not in taken:
            taken.add(members)
            found[label] = _ended(min(members), merged), pool(released[n] for n in released if n in members)
    return found


def _parts(
    released: Mapping[str, Group], targets: Mapping[str, str], merged: Mapping[str, str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Each group that may have gone into a wider one: what it is called and which released groups are in it."""
    for name in released:
        if name in merged or name in merged.values():
            yield name if name in merged else f"{name} (by itself)", frozenset([name])
    for name in dict.fromkeys(targets.values()):
        members = frozenset(n for n in released if _leads_to(n, name, targets))
        if members and members <= set(merged):
            yield f"{name} (with what joins it)" if name in released else name, members


def _ended(name: str, merged: Mapping[str, str]) -> str:
    """Where a group ended up."""
    while name in merged:
        name = merged[name]
    return name


def _leads_to(name: str, target: str, targets: Mapping[str, str]) -> bool:
    """Whether following declared merges from `name` arrives at `target`."""
    seen = set[str]()
    while name != target and name in targets and name not in seen:
        seen.add(name)
        name = targets[name]
    return name == target


def _next_small(
    groups: Mapping[str, Group], targets: Mapping[str, str], merged: Mapping[str, str], minimum: float
) -> str | None:
    """The first group that is too small and has a target which has not itself been merged away."""
    for name, group in groups.items():
        if name in targets and targets[name] not in merged and not group.has_at_least(minimum):
            return name
    return None


def _replace(groups: Mapping[str, Group], parts: list[str], target: str) -> dict[str, Group]:
    """The groups with `parts` pooled under one name, at the place of the first of them."""
    pooled = pool([groups[name] for name in parts])
    return {
        (target if name in parts else name): (pooled if name in parts else group)
        for name, group in groups.items()
        if name not in parts[1:]
    }


def pool(groups: Iterable[Group]) -> Group:
    """Disjoint groups as one: sums add, variances of their independent noise add."""
    parts = list(groups)
    metrics = sorted({metric for part in parts for metric in part.totals})
    return Group(
        people=add(part.people for part in parts),
        totals={m: add(part.totals.get(m, _UNKNOWN) for part in parts) for m in metrics},
    )


def add(values: Iterable[Measured]) -> Measured:
    """The sum of released values with independent noise."""
    parts = list(values)
    return Measured(value=sum(p.value for p in parts), sigma=math.hypot(*(p.sigma for p in parts)))


def unassessed(sums: EvaluationSums, groups: Mapping[str, Group]) -> Measured:
    """About how many evaluated people are in no group, because they did not agree to be assessed."""
    everybody, grouped = people_in(sums), add(group.people for group in groups.values())
    return Measured(value=everybody.value - grouped.value, sigma=math.hypot(everybody.sigma, grouped.sigma))


_UNKNOWN = Measured(value=math.nan, sigma=math.nan)


def _read(sums: EvaluationSums, attribute: str, name: str, metrics: list[str]) -> Group:
    """One group of the release."""
    totals = {m: sums.cells.get(Cell(metric=m, attribute=attribute, group=name), _UNKNOWN) for m in metrics}
    return Group(people=people_in(sums, attribute, name), totals=totals)


def _check_targets(targets: Mapping[str, str]) -> None:
    """Raise `ConfigError` where a group is to be merged into itself."""
    for name, target in targets.items():
        if name == target:
            raise ConfigError(
                "a small group is merged into another, wider group",
                given=f"{name} is merged into itself",
                do="Name the wider group, or leave the merge out",
            )
