"""An assessment with everything in it that a report may have to tell, made up so that each part says something."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from tactful.assurance.assessment import (
    AttributeResult,
    Conditioned,
    FairnessAssessment,
    GroupResult,
    Guessing,
    ItemGroupResult,
    Shaped,
)
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.metrics import METRICS
from tactful.assurance.report_mitigation import MitigatedGap, MitigationFacts
from tactful.assurance.verdicts import FairnessRule, Status, Verdict
from tactful.privacy.sums import Measured

LEVEL = {
    "ndcg@10": 0.21,
    "recall@10": 0.19,
    "hit@10": 0.62,
    "novelty@10": 0.14,
    "popularity_lift@10": -0.04,
    "miscalibration@10": 0.22,
    "fallback": 0.03,
    "head_share": 0.71,
    "noise_cost@10": 0.012,
}
"""The mean of each metric where nothing else is said."""

PEOPLE: dict[str, dict[str, float]] = {
    "age": {"under 35": 312.0, "35-44": 540.0, "45-54": 803.0, "55 and over": 411.0, "undisclosed": 61.0},
    "income": {"under 35K": 611.0, "35-74K": 902.0, "75K and over": 553.0},
    "household": {"1 Adult No Kids": 402.0, "2 Adults No Kids": 830.0, "1 Adult Kids": 14.0, "2 Adults Kids": 740.0},
    "marital_status": {"Married": 820.0, "Unmarried": 790.0},
}
FACTORS = {"under 35": 0.52, "1 Adult No Kids": 0.86, "75K and over": 1.05, "undisclosed": 0.9}
RULES = (
    FairnessRule(name="ndcg_by_age", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(name="ndcg_by_income", attribute="income", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(name="ndcg_by_household", attribute="household", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(name="lists_by_age", attribute="age", metric="miscalibration@10", statistic="difference", bound=0.1),
    FairnessRule(name="ndcg_by_status", attribute="marital_status", metric="ndcg@10", statistic="ratio", bound=0.8),
    FairnessRule(
        name="ndcg_where_they_meet", attribute="age × household", metric="ndcg@10", statistic="ratio", bound=0.7
    ),
)
STRATA = ("1–9 items", "10–29 items", "30–99 items", "100 and more items")


def estimate(value: float, half: float, low: float = 0.0, high: float = 1.0) -> Estimate:
    """A value and an interval around it, within bounds."""
    interval = Interval(low=max(value - half, low), high=min(value + half, high))
    return Estimate(value=value, interval=interval, range=high - low)


def attribute(people: Mapping[str, float], metrics: tuple[str, ...] = tuple(LEVEL)) -> AttributeResult:
    """Groups with so many people, served as the tables above say; those under 20 are too small."""
    groups = {name: _group(name, n, metrics) for name, n in people.items()}
    entering = tuple(name for name, group in groups.items() if group.status == "measured")
    gaps = {metric: _gaps({name: groups[name].metrics[metric] for name in entering}, metric) for metric in metrics}
    return AttributeResult(
        by_group=groups,
        entering=entering,
        unmeasured=tuple(name for name, group in groups.items() if group.status == "too small"),
        overall={metric: estimate(LEVEL[metric], 0.01, -1.0) for metric in metrics},
        difference={metric: difference for metric, (difference, _) in gaps.items()},
        ratio={metric: ratio for metric, (_, ratio) in gaps.items()},
        not_assessed=Measured(value=212.0, sigma=8.0),
    )


def rich_assessment() -> FairnessAssessment:
    """Four attributes, an intersection, and every other part."""
    attributes = {name: attribute(people) for name, people in PEOPLE.items()}
    meet = {"under 35 × 1 Adult No Kids": 62.0, "under 35 × 2 Adults Kids": 148.0, "45-54 × 2 Adults Kids": 390.0}
    intersections = {"age × household": attribute(meet, ("ndcg@10", "miscalibration@10"))}
    return FairnessAssessment(
        attributes=attributes,
        verdicts={rule.name: _verdict(rule, {**attributes, **intersections}) for rule in RULES},
        minimum_people=20,
        confidence=0.95,
        noise="system",
        intersections=intersections,
        conditioned=(conditioned("age"), conditioned("household")),
        items={
            "department": items("GROCERY", "PRODUCE", "MEAT", "DRUG GM", "FLORAL"),
            "brand": items("own", "national"),
        },
        shaped={name: shaped(people) for name, people in PEOPLE.items()},
        guessing={
            "age": guessing(("under 35", "35-44", "45-54"), 0.61, 0.53, 0.05),
            "household": guessing(("1 Adult No Kids", "2 Adults Kids"), 0.55, 0.54, 0.08),
            "marital_status": guessing(("Married", "Unmarried"), 0.5, 0.5, 0.5),
        },
        coverage={
            "": {"": estimate(312.0, 21.0, high=2000.0)},
            "age": {name: estimate(120.0 + n / 4, 60.0, high=2000.0) for name, n in PEOPLE["age"].items()},
        },
    )


def conditioned(name: str, metric: str = "ndcg@10") -> Conditioned:
    """The groups of an attribute with most of their gap gone, of about nine in ten people."""
    people = {group: 0.93 * n for group, n in PEOPLE[name].items() if n >= 20 and group != "undisclosed"}
    found = {group: _served(group, n, metric, part=0.2) for group, n in people.items()}
    plain = {group: _served(group, n, metric) for group, n in people.items()}
    difference, ratio = _gaps(found, metric)
    plain_difference, _ = _gaps(plain, metric)
    return Conditioned(
        attribute=name,
        metric=metric,
        strata=STRATA[1:],
        weights=(0.3, 0.45, 0.25),
        by_group=found,
        difference=difference,
        ratio=ratio,
        plain_by_group=plain,
        plain_difference=plain_difference,
        covered=0.93,
    )


def items(*names: str) -> dict[str, ItemGroupResult]:
    """Groups of items that get half of what the one before gets; the last is shown less than it is used."""
    shares = [2.0**-i for i in range(len(names))]
    total = sum(shares)
    return {
        name: ItemGroupResult(
            catalogue=1 / len(names),
            exposure=estimate(share / total, 0.015),
            interest=estimate(share / total * (0.8 if i == 0 else 1.1) + (0.06 if i == len(names) - 1 else 0.0), 0.02),
        )
        for i, (name, share) in enumerate(zip(names, shares, strict=True))
    }


def shaped(people: Mapping[str, float]) -> dict[str, Shaped]:
    """Groups that agreed more often the larger they are."""
    return {
        name: Shaped(known=Measured(value=n * 1.3, sigma=6.0), consented=estimate(0.6 + n / 4000, 1.2 / sqrt(n)))
        for name, n in people.items()
    }


def guessing(levels: tuple[str, ...], auc: float, popular: float, half: float) -> Guessing:
    """A guess with an interval on both sides."""
    return Guessing(
        levels=levels,
        auc=estimate(auc, half),
        popularity_auc=estimate(popular, half),
        people=Measured(value=930.0, sigma=9.0),
    )


def mitigated() -> MitigationFacts:
    """One gap that was cut and one that is unresolved."""
    return MitigationFacts(
        method="People of groups with few people count for as much as the others when item pairs are counted.",
        measured_on="Public data, 20 splits",
        gaps=(
            MitigatedGap(
                name="Gap in nDCG@10 by age",
                before=estimate(0.10, 0.02),
                after=estimate(0.06, 0.02),
                change=estimate(-0.04, 0.01, -1.0),
            ),
            MitigatedGap(
                name="Gap in nDCG@10 by household",
                before=estimate(0.03, 0.02),
                after=estimate(0.028, 0.02),
                change=estimate(-0.002, 0.01, -1.0),
            ),
        ),
        notes=("nDCG@10 of everybody fell by 0.002", "No attribute is used when the model recommends"),
    )


def _group(name: str, people: float, metrics: tuple[str, ...]) -> GroupResult:
    """One group."""
    few = people < 20
    return GroupResult(
        people=Measured(value=people, sigma=4.0),
        metrics={} if few else {metric: _served(name, people, metric) for metric in metrics},
        status="too small" if few else "measured",
    )


def _served(name: str, people: float, metric: str, part: float = 1.0) -> Estimate:
    """How one group is served."""
    factor = min((f for word, f in FACTORS.items() if word in name), default=1.0)
    known = METRICS[metric]
    value = LEVEL[metric] * (1 + part * (factor - 1) * (1 if known.better == "higher" else -2))
    return estimate(value, 0.45 * (known.high - known.low) / sqrt(people), known.low, known.high)


def _gaps(found: Mapping[str, Estimate], metric: str) -> tuple[Estimate, Estimate]:
    """Difference and ratio of the highest and the lowest, roughly; no ratio of what may be negative."""
    nothing = Estimate(value=None, interval=Interval(low=0.0, high=1.0))
    if len(found) < 2:
        return nothing, nothing
    low, high = (pick(found.values(), key=lambda e: e.value or 0.0) for pick in (min, max))
    assert low.value is not None
    assert high.value is not None
    half = (low.interval.high - low.interval.low) / 2
    difference = estimate(high.value - low.value, half, high=METRICS[metric].high - METRICS[metric].low)
    if METRICS[metric].low < 0:
        return difference, nothing
    return difference, estimate(low.value / high.value, half / high.value)


def _verdict(rule: FairnessRule, results: Mapping[str, AttributeResult]) -> Verdict:
    """The verdict that follows, in words of this world's own."""
    result = results[rule.attribute]
    gap = result.gap(rule.statistic, rule.metric)
    assert gap is not None
    status: Status = "insufficient evidence"
    if rule.broken_by(gap.interval):
        status = "fail"
    elif rule.kept_by(gap.interval) and not result.unmeasured:
        status = "pass"
    low, high = result.extremes(rule.metric)
    words = (
        f"Between “{low}” and “{high}”: {gap.interval.low:.2f} to {gap.interval.high:.2f}; {rule.asks} is asked for."
    )
    return Verdict(status=status, reason=words, estimate=gap.value, interval=gap.interval, rule=rule)
