"""The champion that a candidate would replace, and for each rule whether its gap is smaller, larger or cannot be told.

What is read here lies in MLflow, where anybody with access may have changed it: names are cut to a length, numbers are
let through only if they are finite, and whatever is not as it should be is left out. The document's digest is in the
journal and was compared when the champion was approved; it is not compared again here.

Notes
-----
*When the gaps of two models are told apart.* Both gaps are released through noise, and both come with an interval. They
are told apart only if the intervals do not overlap and the same groups were compared. For independent estimates that is
stricter than a test of their difference at the same confidence (Schenker & Gentleman 2001); where the same people
evaluated both models, their chance errors go together and it is stricter still. Anything else cannot be told.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from tactful.assurance.assessment import AttributeResult, FairnessAssessment
from tactful.assurance.fairness_record import DOCUMENT
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.metrics import METRICS, Metric
from tactful.assurance.registry import Registry
from tactful.assurance.verdicts import FairnessRule, Statistic
from tactful.errors import NotFoundError

Change = Literal["smaller", "larger", "cannot tell"]

_LONGEST_NAME, _MOST_NAMES, _LARGEST = 200, 1000, 8_000_000
_ASKS = r"at (least|most) [0-9.e+-]{1,20}"
_STATUSES = frozenset({"pass", "fail", "insufficient evidence"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionRule:
    """What a rule asked of the champion.

    Attributes
    ----------
    attribute, metric, statistic : str
    asks : str
        The bound in words: ``at least 0.8``.
    """

    attribute: str
    metric: str
    statistic: Statistic
    asks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionGroups:
    """How the champion served the groups of one attribute.

    Attributes
    ----------
    entering : frozenset of str
        The groups that were compared.
    by_group : mapping of str to mapping of str to Estimate
        By metric and group.
    difference, ratio : mapping of str to Estimate
        By metric.
    """

    entering: frozenset[str]
    by_group: Mapping[str, Mapping[str, Estimate]]
    difference: Mapping[str, Estimate]
    ratio: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionFacts:
    """What MLflow holds about the current champion.

    Attributes
    ----------
    version, created : str
        ``created`` is empty where the document does not say it.
    verdicts : mapping of str to str
        By rule.
    rules : mapping of str to ChampionRule
        What was asked, as far as it can be read.
    attributes : mapping of str to ChampionGroups
        Attributes and intersections.
    """

    version: str
    created: str
    verdicts: Mapping[str, str]
    rules: Mapping[str, ChampionRule]
    attributes: Mapping[str, ChampionGroups]

    @property
    def day(self) -> str:
        """The day it was made, as far as that can be read."""
        try:
            made = datetime.fromisoformat(self.created)
        except ValueError:
            return ""
        return f"{made.day} {made:%B %Y}"


def champion_facts(registry: Registry, model: str) -> ChampionFacts | None:
    """What is known of the current champion; None if there is none, or it has no document.

    Notes
    -----
    **Privacy.** *Reads* released values in MLflow. *Returns* those that are well formed. *Costs* nothing. *Assumes*
    nothing: the document may be anybody's.
    """
    try:
        version = registry.champion(model)
        text = registry.documents(model, version).get(DOCUMENT) if version is not None else None
    except NotFoundError:
        return None
    return read_champion(version, text) if version is not None and text is not None else None


def read_champion(version: str, text: str) -> ChampionFacts:
    """What a document says, as far as it is well formed; nothing of it is taken on trust."""
    told = _object(_parsed(text))
    created = told.get("created")
    found = {**_object(told.get("attributes")), **_object(told.get("intersections"))}
    judged = {n: _object(v) for n, v in _object(told.get("verdicts")).items()}
    verdicts = {n: v.get("status") for n, v in judged.items()}
    rules = {n: _rule(_object(v.get("rule"))) for n, v in judged.items()}
    return ChampionFacts(
        version=version,
        created=_name(created) if isinstance(created, str) else "",
        verdicts={n: status for n, status in verdicts.items() if isinstance(status, str) and status in _STATUSES},
        rules={n: rule for n, rule in rules.items() if rule is not None},
        attributes={name: _groups(_object(result)) for name, result in found.items()},
    )


def compare_gap(rule: FairnessRule | ChampionRule, assessment: FairnessAssessment, champion: ChampionFacts) -> Change:
    """Whether the gap that a rule is about is smaller or larger than the champion's, as far as intervals tell."""
    ours, theirs = champion_gaps(rule.attribute, rule.metric, rule.statistic, assessment, champion)
    if ours is None or theirs is None or not (ours.tells and theirs.tells):
        return "cannot tell"
    below = ours.interval.high < theirs.interval.low
    above = ours.interval.low > theirs.interval.high
    if not (below or above):
        return "cannot tell"
    return "smaller" if below == (rule.statistic == "difference") else "larger"


def champion_gaps(
    attribute: str, metric: str, statistic: Statistic, assessment: FairnessAssessment, champion: ChampionFacts
) -> tuple[Estimate | None, Estimate | None]:
    """The gap of the candidate and of the champion; None where it was not measured, or other groups were compared."""
    ours = {**assessment.attributes, **assessment.intersections}.get(attribute)
    theirs = champion.attributes.get(attribute)
    alike = ours is not None and theirs is not None and frozenset(ours.compared) == theirs.entering
    return _ours(ours, statistic, metric), _theirs(theirs, statistic, metric) if alike else None


def _ours(result: AttributeResult | None, statistic: Statistic, metric: str) -> Estimate | None:
    """A gap of the candidate."""
    return result.gap(statistic, metric) if result else None


def _theirs(groups: ChampionGroups | None, statistic: Statistic, metric: str) -> Estimate | None:
    """A gap of the champion."""
    return (groups.ratio if statistic == "ratio" else groups.difference).get(metric) if groups else None


def _parsed(text: str) -> Any:
    """The document, or nothing where it is too large or no JSON."""
    if len(text) > _LARGEST:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _rule(told: Mapping[str, Any]) -> ChampionRule | None:
    """What a rule asked, or None where it cannot be read."""
    words = tuple(told.get(part) for part in ("attribute", "metric", "asks"))
    attribute, metric, asks = (_name(word) if isinstance(word, str) else "" for word in words)
    statistic = next((s for s in get_args(Statistic) if s == told.get("statistic")), None)
    if statistic is None or not attribute or not metric or not re.fullmatch(_ASKS, asks):
        return None
    return ChampionRule(attribute=attribute, metric=metric, statistic=statistic, asks=asks)


def _groups(result: Mapping[str, Any]) -> ChampionGroups:
    """One attribute."""
    by_metric: dict[str, dict[str, Estimate]] = {}
    groups = _object(result.get("by_group"))
    for group, found in groups.items():
        for metric, estimate in _estimates(_object(found).get("metrics")).items():
            by_metric.setdefault(metric, {})[group] = estimate
    entering = result.get("entering")
    names = entering if isinstance(entering, list) else []
    parts = (name for name, found in groups.items() if _is_part(_object(found)))
    return ChampionGroups(
        entering=frozenset([*(_name(name) for name in names if isinstance(name, str)), *parts]),
        by_group=by_metric,
        difference=_estimates(result.get("difference")),
        ratio=_estimates(result.get("ratio")),
    )


def _is_part(group: Mapping[str, Any]) -> bool:
    """Whether the group was merged into another and compared by itself too."""
    return group.get("status") != "measured" and bool(_object(group.get("metrics")))


def _estimates(table: Any) -> dict[str, Estimate]:
    """Those entries of a table by metric that are estimates."""
    found = {name: _estimate(entry, METRICS.get(name)) for name, entry in _object(table).items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _estimate(entry: Any, metric: Metric | None) -> Estimate | None:
    """An estimate whose numbers are finite and in order, or None."""
    value, low, high = (_finite(_object(entry).get(part)) for part in ("value", "low", "high"))
    if value is None or low is None or high is None or not low <= value <= high:
        return None
    span = metric.high - metric.low if metric else 1.0
    return Estimate(value=value, interval=Interval(low=low, high=high), range=span)


def _finite(value: Any) -> float | None:
    """A number that can be written down, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _object(value: Any) -> dict[str, Any]:
    """A JSON object with names of bounded length and number; empty for anything else."""
    if not isinstance(value, dict):
        return {}
    return {_name(name): value[name] for name in list(value)[:_MOST_NAMES]}


def _name(text: str) -> str:
    """A name, cut where nobody would read on."""
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"
