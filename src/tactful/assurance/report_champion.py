"""The candidate beside the current champion, rule by rule and group by group, without claiming more than both allow."""

from __future__ import annotations

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.champion import ChampionFacts, champion_gaps, compare_gap
from tactful.assurance.charts import interval_chart
from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import Shown, chart_row, everything, reach, rule_metrics, said, with_reach
from tactful.assurance.summary import metric_name, readable
from tactful.assurance.verdicts import Verdict

_WORDS = {
    "smaller": "Better: the gap is smaller than the champion's",
    "larger": "Worse: the gap is larger than the champion's",
    "cannot tell": "Cannot tell",
}


def champion_line(assessment: FairnessAssessment, champion: ChampionFacts) -> str:
    """The comparison in a sentence."""
    found = [compare_gap(verdict, assessment, champion) for verdict in assessment.verdicts.values()]
    if not found:
        return f"Version {champion.version} is the champion; without rules there is nothing to compare."
    words = {"smaller": "better", "larger": "worse", "cannot tell": "not to be told apart"}
    counts = [f"{found.count(change)} {word}" for change, word in words.items() if change in found]
    return f"Against version {champion.version}, the current champion, of {len(found)} gaps: {', '.join(counts)}."


def champion_rules(assessment: FairnessAssessment, champion: ChampionFacts) -> Shown:
    """Each rule: the gap then and now, and whether they can be told apart."""
    return Shown(
        title="Gaps that rules are about",
        header=("Rule", "Champion's verdict", "Champion's gap", "Gap now", "Compared"),
        rows=tuple(_rule_row(verdict, assessment, champion) for verdict in assessment.verdicts.values()),
    )


def champion_groups(assessment: FairnessAssessment, champion: ChampionFacts) -> tuple[Shown, ...]:
    """The groups by each rule metric, champion and candidate side by side, where both measured them."""
    found = [
        (name, metric)
        for name in everything(assessment)
        for metric in rule_metrics(assessment, name)
        if name in champion.attributes and metric in champion.attributes[name].by_group
    ]
    shown = [_groups(f"champion-{i}", name, m, assessment, champion) for i, (name, m) in enumerate(found)]
    return tuple(each for each in shown if each.rows)


def _rule_row(verdict: Verdict, assessment: FairnessAssessment, champion: ChampionFacts) -> tuple[str, ...]:
    """One rule."""
    rule = verdict.rule
    ours, theirs = champion_gaps(rule.attribute, rule.metric, rule.statistic, assessment, champion)
    change = _WORDS[compare_gap(verdict, assessment, champion)]
    why = ": other groups were compared, or none" if theirs is None else ""
    before = champion.verdicts.get(rule.name, "no such rule")
    return rule.name, before, with_reach(theirs), with_reach(ours), f"{change}{why}"


def _groups(key: str, name: str, metric: str, assessment: FairnessAssessment, champion: ChampionFacts) -> Shown:
    """The groups of one attribute by one metric."""
    theirs = champion.attributes[name].by_group[metric]
    groups = everything(assessment)[name].by_group
    ours = {label: g.metrics[metric] for label, g in groups.items() if metric in g.metrics and label in theirs}
    title = f"{metric_name(metric)} by {readable(name)}: champion and candidate"
    rows = [chart_row(label, "", theirs[label], second=estimate) for label, estimate in ours.items()]
    return Shown(
        title=f"{metric_name(metric)} by {readable(name)}",
        chart=interval_chart(rows, key=key, title=title, description=f"{len(rows)} groups; see the table below."),
        header=("Group", "Champion", "Interval", "Candidate", "Interval", "Candidate is"),
        rows=tuple(
            (
                label,
                said(theirs[label]),
                reach(theirs[label]),
                said(e),
                reach(e),
                _moved(theirs[label], e),
            )
            for label, e in ours.items()
        ),
        caption="Upper bar, filled dot: champion. Lower bar, hollow dot: candidate.",
    )


def _moved(before: Estimate, after: Estimate) -> str:
    """Whether a group's figure is higher or lower, as far as intervals tell."""
    if after.interval.low > before.interval.high:
        return "higher"
    return "lower" if after.interval.high < before.interval.low else "cannot tell"
