"""Rules about gaps between groups, and the three verdicts on them.

A rule compares the group where a metric is highest with the one where it is lowest. It **passes** only if every gap
that the interval allows keeps the rule, **fails** only if none does, and everything else is **insufficient evidence**.
Missing, empty or unusable values are never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tactful.assurance.gaps import unknown
from tactful.assurance.intervals import Estimate, Interval, bounds_of
from tactful.assurance.metrics import METRICS, Better
from tactful.assurance.summary import listed, metric_name
from tactful.errors import ConfigError

Statistic = Literal["ratio", "difference"]
Status = Literal["pass", "fail", "insufficient evidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessRule:
    """What a candidate has to keep to.

    Attributes
    ----------
    name : str
        For example ``ndcg_by_age``.
    attribute, metric : str
        For example ``age`` and ``ndcg@10``. An intersection is an attribute: ``age × household``.
    statistic : {"ratio", "difference"}
        Lowest over highest group, or highest minus lowest.
    bound : float
        The least ratio allowed, between 0 and 1, or the greatest difference, between 0 and the range of the metric.

    Raises
    ------
    ConfigError
        If the statistic or the bound is none of these, or a ratio is asked for of a metric that may be negative.
    """

    name: str
    attribute: str
    metric: str
    statistic: Statistic
    bound: float

    def __post_init__(self) -> None:
        if self.statistic not in get_args(Statistic):
            raise ConfigError(
                "a fairness rule is about a ratio or a difference",
                given=f"{self.name} asks for {self.statistic!r}",
                do="Set statistic to ratio or difference",
            )
        low, high = bounds_of(self.metric)
        if self.statistic == "ratio" and low < 0:
            raise ConfigError(
                "a ratio compares figures that are never negative",
                given=f"{self.name} asks for the ratio of {self.metric}, which lies between {low:g} and {high:g}",
                do="Set statistic to difference",
            )
        largest = 1.0 if self.statistic == "ratio" else high - low
        if not 0 <= self.bound <= largest:
            raise ConfigError(
                f"the bound of a fairness rule about this lies between 0 and {largest:g}",
                given=f"{self.name} has {self.bound}",
                do="Set, for example, 0.8 for a ratio or 0.1 for a difference",
            )

    @property
    def asks(self) -> str:
        """The bound in words: ``at least 0.8``."""
        return f"{'at least' if self.statistic == 'ratio' else 'at most'} {self.bound:g}"

    @property
    def asks_in_words(self) -> str:
        """The bound as sentences have it: ``at least 80%`` for a ratio."""
        return f"at least {100 * self.bound:g}%" if self.statistic == "ratio" else self.asks

    def kept_by(self, interval: Interval) -> bool:
        """Whether every value of the interval keeps the rule."""
        return interval.low >= self.bound if self.statistic == "ratio" else interval.high <= self.bound

    def broken_by(self, interval: Interval) -> bool:
        """Whether every value of the interval breaks the rule."""
        return interval.high < self.bound if self.statistic == "ratio" else interval.low > self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the released values say about one rule.

    Attributes
    ----------
    status : {"pass", "fail", "insufficient evidence"}
    reason : str
        What was seen and what follows, in a few sentences for a reader who knows no statistics.
    estimate : float or None
        None where nothing was measured, and where the interval is so wide that a figure would mislead.
    interval : Interval
    rule : FairnessRule
    groups : tuple of str
        Who was merged with whom, and whom the rule does not compare; a sentence or two each.
    """

    status: Status
    reason: str
    estimate: float | None
    interval: Interval
    rule: FairnessRule
    groups: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        """The reason, and what there is to know about the groups."""
        return " ".join((self.reason, *self.groups)).strip()

    def as_json(self) -> dict[str, object]:
        """The verdict as plain values."""
        rule = self.rule
        return {
            "status": self.status,
            "explanation": self.explanation,
            "estimate": self.estimate,
            "interval": [self.interval.low, self.interval.high],
            "rule": {
                "attribute": rule.attribute,
                "metric": rule.metric,
                "statistic": rule.statistic,
                "asks": rule.asks,
            },
        }


def judge(
    rule: FairnessRule,
    gap: Estimate,
    *,
    lowest: str,
    highest: str,
    unmeasured: tuple[str, ...],
    doubts: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on a gap between measured groups.

    Parameters
    ----------
    rule : FairnessRule
    gap : Estimate
        The rule's statistic over the groups that were measured.
    lowest, highest : str
        The groups where the metric looks lowest and highest.
    unmeasured : tuple of str
        Declared groups too small to measure; with any of them the rule cannot pass.
    doubts : tuple of str
        What else keeps the rule from passing, as clauses.
    """
    missing = (*([f"there are too few people to measure {listed(unmeasured)}"] if unmeasured else []), *doubts)
    status: Status = "insufficient evidence"
    if gap.value is not None and rule.broken_by(gap.interval):
        status = "fail"
    elif gap.value is not None and math.isfinite(gap.value) and rule.kept_by(gap.interval) and not missing:
        status = "pass"
    seen = _seen(rule, gap, lowest, highest) if gap.tells else _unseen(rule, gap.interval, status)
    nothing = f"No group has a {metric_name(rule.metric)} above zero that could be compared, so nothing can be said."
    return Verdict(
        status=status,
        reason=nothing if gap.value is None else f"{seen} {_therefore(rule, gap.interval, status, missing)}",
        estimate=gap.value if gap.tells else None,
        interval=gap.interval,
        rule=rule,
    )


def undecided(rule: FairnessRule, reason: str) -> Verdict:
    """Insufficient evidence, because nothing that the rule could be held against was measured."""
    gap = unknown(bounds_of(rule.metric))
    whole = gap.difference if rule.statistic == "difference" or gap.ratio is None else gap.ratio
    return Verdict(status="insufficient evidence", reason=reason, estimate=None, interval=whole, rule=rule)


_ENDS: Mapping[Better, tuple[str, str, str]] = {
    "higher": ("the group that looks worst served", "the one that looks best served", "worst and best"),
    "lower": ("the group that looks best served", "the one that looks worst served", "best and worst"),
    "neither": ("the group where it looks lowest", "the one where it looks highest", "lowest and highest"),
}
"""The group with the lowest value, the one with the highest, and both: by whether more is better."""
_PLACES: Mapping[Better, tuple[str, str]] = {
    "higher": ("worst-served", "best-served"),
    "lower": ("best-served", "worst-served"),
    "neither": ("lowest", "highest"),
}


def _better(metric: str) -> Better:
    """Whether more is better; so it is where nothing else is declared."""
    return METRICS[metric].better if metric in METRICS else "higher"


def _seen(rule: FairnessRule, gap: Estimate, lowest: str, highest: str) -> str:
    """What the released values show."""
    metric, low, high = metric_name(rule.metric), gap.interval.low, gap.interval.high
    ratio = rule.statistic == "ratio"
    apart = f"about {gap.value:.0%} of that of" if ratio else f"about {gap.value:.3f} below that of"
    reach = f"from {low:.0%} to {high:.0%}" if ratio else f"from {low:.3f} to {high:.3f}"
    first, second, both = _ENDS[_better(rule.metric)]
    seen = f"{metric} of {first} (“{lowest}”) is {apart} {second} (“{highest}”)."
    return f"{seen} Between {both} it could be anything {reach}."


def _unseen(rule: FairnessRule, interval: Interval, status: Status) -> str:
    """That the released values allow nearly everything, without a figure that would be taken for an estimate."""
    low, high = interval.low, interval.high
    first, second = _PLACES[_better(rule.metric)]
    reach = (
        f"could reach anything from {low:.0%} to {high:.0%} of that of the {second}"
        if rule.statistic == "ratio"
        else f"could lie anything from {low:.3f} to {high:.3f} below that of the {second}"
    )
    open_ = "cannot tell" if status == "insufficient evidence" else "cannot tell how large the gap is"
    return (
        f"The released values {open_}: with so few people, and the noise that protects them, "
        f"{metric_name(rule.metric)} of the {first} group {reach}."
    )


def _therefore(rule: FairnessRule, interval: Interval, status: Status, missing: tuple[str, ...]) -> str:
    """What follows for the rule."""
    if status == "pass":
        return f"All of that keeps the rule: {rule.asks_in_words}."
    if status == "fail":
        return f"All of that breaks the rule: {rule.asks_in_words}."
    why = ", and ".join(missing)
    if rule.kept_by(interval) and missing:
        return f"That keeps the rule ({rule.asks_in_words}) for the groups that were measured, but {why}."
    more = f", and {why}" if missing else ""
    asks = rule.asks_in_words
    return f"The rule asks for {asks}: some of that keeps it and some breaks it{more}. More people are needed."
