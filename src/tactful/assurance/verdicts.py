"""Rules about gaps between groups, and the three verdicts on them.

A rule compares the best-served with the worst-served group. It **passes** only if every gap that the interval allows
keeps the rule, **fails** only if none does, and everything else is **insufficient evidence**. Missing, empty or
unusable values are never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tactful.assurance.intervals import Estimate, Interval
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
        For example ``age`` and ``ndcg@10``.
    statistic : {"ratio", "difference"}
        Worst-served over best-served group, or best-served minus worst-served.
    bound : float
        The least ratio or the greatest difference allowed, between 0 and 1.
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
        if not 0 <= self.bound <= 1:
            raise ConfigError(
                "the bound of a fairness rule lies between 0 and 1",
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
    explanation : str
        Why, in one or two sentences for a reader who knows no statistics.
    estimate : float or None
        None where nothing was measured, and where the interval is so wide that a figure would mislead.
    interval : Interval
    rule : FairnessRule
    """

    status: Status
    explanation: str
    estimate: float | None
    interval: Interval
    rule: FairnessRule

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


def gap_intervals(groups: Mapping[str, Interval]) -> dict[Statistic, Interval]:
    """The ratio and the difference between worst-served and best-served group, given that every interval holds.

    The lowest mean lies between the lowest lower end and the lowest upper end, the highest mean between the highest
    lower end and the highest upper end. Leaving groups out can only raise the ratio and lower the difference, so what
    fails on some of the groups fails on all of them.
    """
    if len(groups) < 2:
        return {"ratio": Interval(low=0.0, high=1.0), "difference": Interval(low=0.0, high=1.0)}
    lows, highs = [i.low for i in groups.values()], [i.high for i in groups.values()]
    return {
        "ratio": Interval(
            low=min(lows) / max(highs) if max(highs) > 0 else 0.0,
            high=min(1.0, min(highs) / max(lows)) if max(lows) > 0 else 1.0,
        ),
        "difference": Interval(low=max(0.0, max(lows) - min(highs)), high=max(highs) - min(lows)),
    }


def judge(rule: FairnessRule, gap: Estimate, *, worst: str, best: str, unmeasured: tuple[str, ...]) -> Verdict:
    """The verdict on a gap between measured groups.

    Parameters
    ----------
    rule : FairnessRule
    gap : Estimate
        The rule's statistic over the groups that were measured.
    worst, best : str
        The groups that look worst and best served.
    unmeasured : tuple of str
        Declared groups too small to measure; with any of them the rule cannot pass.
    """
    status: Status = "insufficient evidence"
    if gap.value is not None and rule.broken_by(gap.interval):
        status = "fail"
    elif gap.value is not None and math.isfinite(gap.value) and rule.kept_by(gap.interval) and not unmeasured:
        status = "pass"
    quoted = gap.tells or status != "insufficient evidence"
    seen = _seen(rule, gap, worst, best) if quoted else _unseen(rule, gap.interval)
    nothing = f"No group has a {metric_name(rule.metric)} above zero that could be compared, so nothing can be said."
    return Verdict(
        status=status,
        explanation=nothing if gap.value is None else f"{seen} {_therefore(rule, gap.interval, status, unmeasured)}",
        estimate=gap.value if quoted else None,
        interval=gap.interval,
        rule=rule,
    )


def undecided(rule: FairnessRule, reason: str) -> Verdict:
    """Insufficient evidence, because nothing that the rule could be held against was measured."""
    whole = Interval(low=0.0, high=1.0)
    return Verdict(status="insufficient evidence", explanation=reason, estimate=None, interval=whole, rule=rule)


def _seen(rule: FairnessRule, gap: Estimate, worst: str, best: str) -> str:
    """What the released values show."""
    metric, low, high = metric_name(rule.metric), gap.interval.low, gap.interval.high
    ratio = rule.statistic == "ratio"
    apart = f"about {gap.value:.0%} of that of" if ratio else f"about {gap.value:.3f} below that of"
    reach = f"from {low:.0%} to {high:.0%}" if ratio else f"from {low:.3f} to {high:.3f}"
    return (
        f"{metric} of the group that looks worst served (“{worst}”) is {apart} the one that looks best served "
        f"(“{best}”). Between worst and best it could be anything {reach}."
    )


def _unseen(rule: FairnessRule, interval: Interval) -> str:
    """That the released values allow nearly everything, without a figure that would be taken for an estimate."""
    low, high = interval.low, interval.high
    reach = (
        f"could reach anything from {low:.0%} to {high:.0%} of that of the best-served"
        if rule.statistic == "ratio"
        else f"could lie anything from {low:.3f} to {high:.3f} below that of the best-served"
    )
    return (
        "The released values cannot tell: with so few people, and the noise that protects them, "
        f"{metric_name(rule.metric)} of the worst-served group {reach}."
    )


def _therefore(rule: FairnessRule, interval: Interval, status: Status, unmeasured: tuple[str, ...]) -> str:
    """What follows for the rule."""
    if status == "pass":
        return f"All of that keeps the rule: {rule.asks_in_words}."
    if status == "fail":
        return f"All of that breaks the rule: {rule.asks_in_words}."
    few = f"too few people to measure {listed(unmeasured)}"
    if rule.kept_by(interval) and unmeasured:
        return f"That keeps the rule ({rule.asks_in_words}) for the groups that were measured, but there are {few}."
    more = f", and there are {few}" if unmeasured else ""
    asks = rule.asks_in_words
    return f"The rule asks for {asks}: some of that keeps it and some breaks it{more}. More people are needed."
