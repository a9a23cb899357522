"""The top of the report: the verdicts in words, the worst gap, and how many people the figures rest on."""

from __future__ import annotations

import math
from statistics import NormalDist

from tactful.assurance.assessment import AttributeResult, FairnessAssessment
from tactful.assurance.charts import rule_chart
from tactful.assurance.intervals import Estimate, Interval, critical_value
from tactful.assurance.metrics import METRICS
from tactful.assurance.report_figures import Shown, everything, gaps_told, percents, rule_metrics, sides
from tactful.assurance.summary import about, metric_name, readable
from tactful.assurance.verdicts import Verdict
from tactful.errors import counted

_NO_GAP = 0.995  # what is said as 100%
_SERVICE = ("ndcg@10", "recall@10", "hit@10")
_CANNOT_TELL = (
    "The released values cannot tell which gap is the largest, or how large. With so few people in each group, and the "
    "noise that protects them, the worst-served group of any attribute could be served nearly as well as the "
    "best-served one or hardly at all. More people are needed."
)


def tally(assessment: FairnessAssessment) -> str:
    """How many rules have which verdict, in words."""
    statuses = [verdict.status for verdict in assessment.verdicts.values()]
    if not statuses:
        return "No rule was declared, so nothing was judged."
    words = {"pass": "passed", "fail": "failed", "insufficient evidence": "left open for want of evidence"}
    counts = [f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses]
    return f"Of {counted(len(statuses), 'rule')}: {', '.join(counts)}."


def verdict_card(index: int, verdict: Verdict, assessment: FairnessAssessment) -> Shown:
    """One rule with its chart."""
    rule, interval = verdict.rule, verdict.interval
    ratio = rule.statistic == "ratio"
    keeps = Interval(low=rule.bound, high=1.0) if ratio else Interval(low=0.0, high=rule.bound)
    low, high = (side.capitalize() for side in sides(rule.metric))
    what = f"{low} over {high.lower()} group" if ratio else f"{high} minus {low.lower()} group"
    chart = rule_chart(
        interval,
        value=verdict.estimate,
        keeps=keeps,
        key=f"rule-{index}",
        title=f"{rule.name}: {verdict.status}",
        description=f"{what}: from {interval.low:.3f} to {interval.high:.3f}. The rule asks for {rule.asks}.",
    )
    return Shown(
        title=f"{metric_name(rule.metric)} by {readable(rule.attribute)}",
        text=verdict.explanation,
        chart=chart,
        status=verdict.status,
        note=f"{what}. Rule {rule.name}: {rule.asks}. Shaded: what keeps the rule. Bar: what the measurements allow. "
        f"{'Dot: best estimate.' if verdict.estimate is not None else ''}",
        rows=_rests_on(verdict, assessment),
    )


def worst_gap(assessment: FairnessAssessment) -> str:
    """The largest gap in quality of service that can be told, in a sentence, or that there is none."""
    ratios = [
        (gaps_told(result, metric).get("ratio"), name, metric)
        for name, result in everything(assessment).items()
        for metric, ratio in result.ratio.items()
        if ratio.value is not None and metric in {*_SERVICE, *_served(assessment)}
    ]
    gaps = [(told.value, name, metric) for told, name, metric in ratios if told is not None and told.value is not None]
    if not ratios:
        return "No two groups had enough people to be compared, so no gap was measured."
    if not gaps:
        return _CANNOT_TELL
    _, name, metric = min(gaps)
    return _worst(everything(assessment)[name], name, metric, looked_at=len(ratios), confidence=assessment.confidence)


def rests_on(assessment: FairnessAssessment) -> str:
    """How many people the figures about groups rest on, from the smallest group that is compared to the largest."""
    measured = [
        (group.people.value, f"“{label}” ({readable(name)})", about(group.people))
        for name, result in everything(assessment).items()
        for label, group in result.by_group.items()
        if label in result.compared
    ]
    if not measured:
        return "No group had enough people to be measured."
    (_, small, fewest), (_, large, most) = min(measured), max(measured)
    return (
        f"The smallest group that is compared is {small}, with {fewest} evaluated people; the largest is {large}, "
        f"with {most}. Numbers of people carry noise too."
    )


def _worst(result: AttributeResult, name: str, metric: str, *, looked_at: int, confidence: float) -> str:
    """One gap in a sentence, with what it means that it was chosen as the largest."""
    low_group, high_group = result.extremes(metric)
    ratio: Estimate = result.ratio[metric]
    perhaps = _may_be_none(ratio, looked_at, confidence)
    lead = "No gap is certain here; this one looks largest, and may be none: " if perhaps else ""
    chosen = (
        f"It was chosen as the largest of {looked_at} gaps: among so many some look like this by chance alone, and the "
        "range does not allow for the choice. "
        if looked_at > 1
        else ""
    )
    return (
        f"{lead}{metric_name(metric)} by {readable(name)}. The group that looks worst served (“{low_group}”, "
        f"{about(result.by_group[low_group].people)} people) reaches {ratio.value:.0%} of the one that looks best "
        f"served (“{high_group}”, {about(result.by_group[high_group].people)} people). Between worst and best it "
        f"could be anything from {percents(ratio.interval)}. {chosen}Gaps whose interval "
        "leaves nearly everything open are not ranked."
    )


def _may_be_none(ratio: Estimate, looked_at: int, confidence: float) -> bool:
    """Whether the ratio could be 1, had its interval held for all gaps that were looked at (Bonferroni).

    Of several, the upper end is moved out in proportion on the logarithmic scale of ratios. It was held against the
    one-sided critical value or a larger one (`tactful.assurance.extremes`), so that is rather too far than too little.
    """
    if ratio.value is None or ratio.value <= 0:
        return True
    held_against = NormalDist().inv_cdf(confidence)
    wider = critical_value(confidence, comparisons=looked_at) / held_against if looked_at > 1 else 1.0
    return math.log(ratio.value) + wider * math.log(ratio.interval.high / ratio.value) >= math.log(_NO_GAP)


def _served(assessment: FairnessAssessment) -> set[str]:
    """Metrics of rules by which a higher value is better service."""
    found = {metric for name in everything(assessment) for metric in rule_metrics(assessment, name)}
    return {metric for metric in found if metric not in METRICS or METRICS[metric].better == "higher"}


def _rests_on(verdict: Verdict, assessment: FairnessAssessment) -> tuple[tuple[str, ...], ...]:
    """How many people are in each group that a verdict compares; empty where no two groups were compared."""
    result = everything(assessment).get(verdict.rule.attribute)
    if result is None or len(result.compared) < 2:
        return ()
    return tuple((group, about(result.by_group[group].people)) for group in result.compared)
