"""The candidate beside the current champion, rule by rule and group by group, without claiming more than both allow."""

from __future__ import annotations

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.champion import ChampionFacts, ChampionRule, champion_gaps, compare_gap
from tactful.assurance.charts import interval_chart
from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import Shown, chart_row, everything, reach, rule_metrics, said, with_reach
from tactful.assurance.summary import metric_name, readable
from tactful.assurance.verdicts import FairnessRule
from tactful.errors import counted

_WORDS = {
    "smaller": "Better: the gap is smaller than the champion's",
    "larger": "Worse: the gap is larger than the champion's",
    "cannot tell": "Cannot tell",
}


def champion_line(assessment: FairnessAssessment, champion: ChampionFacts) -> str:
    """The comparison in a sentence."""
    found = [compare_gap(verdict.rule, assessment, champion) for verdict in assessment.verdicts.values()]
    changed = _changed(assessment, champion)
    if not found:
        return f"Version {champion.version} is the champion; without rules there is nothing to compare.{changed}"
    words = {"smaller": "better", "larger": "worse", "cannot tell": "not to be told apart"}
    counts = [f"{found.count(change)} {word}" for change, word in words.items() if change in found]
    gaps = f"{counted(len(found), 'gap')}: {', '.join(counts)}"
    return f"Against version {champion.version}, the current champion, of {gaps}.{changed}"


def champion_rules(assessment: FairnessAssessment, champion: ChampionFacts) -> Shown:
    """Each rule that either was judged by: what it asks, the gap then and now, whether they can be told apart."""
    names = dict.fromkeys([*assessment.verdicts, *_dropped(assessment, champion)])
    return Shown(
        title="Gaps that rules are about",
        header=(
            "Rule",
            "Asked of the champion → asked now",
            "Champion's verdict",
            "Champion's gap",
            "Gap now",
            "Compared",
        ),
        rows=tuple(_rule_row(name, assessment, champion) for name in names),
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


def _rule_row(name: str, assessment: FairnessAssessment, champion: ChampionFacts) -> tuple[str, ...]:
    """One rule."""
    verdict = assessment.verdicts.get(name)
    rule = verdict.rule if verdict else champion.rules.get(name)
    asked = f"{_asked(champion, name)} → {_asks(verdict.rule) if verdict else 'no such rule'}"
    before = champion.verdicts.get(name, "not said" if name in champion.rules else "no such rule")
    if rule is None:
        return name, asked, before, "–", "–", "Cannot tell: what was asked of the champion cannot be read"
    ours, theirs = champion_gaps(rule.attribute, rule.metric, rule.statistic, assessment, champion)
    change = _WORDS[compare_gap(rule, assessment, champion)]
    why = ": other groups were compared, or none" if theirs is None else ""
    return name, asked, before, with_reach(theirs), with_reach(ours), f"{change}{why}"


def _asked(champion: ChampionFacts, name: str) -> str:
    """What a rule asked of the champion."""
    rule = champion.rules.get(name)
    if rule is not None:
        return _asks(rule)
    return "cannot be read" if name in champion.verdicts else "no such rule"


def _asks(rule: FairnessRule | ChampionRule) -> str:
    """What a rule is about, and its bound."""
    return f"{rule.statistic} of {metric_name(rule.metric)} by {readable(rule.attribute)} {rule.asks}"


def _dropped(assessment: FairnessAssessment, champion: ChampionFacts) -> list[str]:
    """Rules by which the champion was judged and this candidate is not."""
    return [n for n in dict.fromkeys([*champion.verdicts, *champion.rules]) if n not in assessment.verdicts]


def _changed(assessment: FairnessAssessment, champion: ChampionFacts) -> str:
    """How many rules are gone or ask for something else, in sentences; empty where none is."""
    dropped = len(_dropped(assessment, champion))
    both = [(champion.rules[n], v.rule) for n, v in assessment.verdicts.items() if n in champion.rules]
    other = sum(_asks(then) != _asks(now) for then, now in both)
    judged = counted(dropped, "rule the champion was judged by is", "rules the champion was judged by are")
    gone = f" {judged} not asked of this one."
    moved = f" {counted(other, 'rule asks', 'rules ask')} for something else than of the champion."
    return (gone if dropped else "") + (moved if other else "")


def _groups(key: str, name: str, metric: str, assessment: FairnessAssessment, champion: ChampionFacts) -> Shown:
    """The groups of one attribute by one metric."""
    theirs = champion.attributes[name].by_group[metric]
    groups = everything(assessment)[name].by_group
    ours = {label: g.metrics[metric] for label, g in groups.items() if metric in g.metrics and label in theirs}
    title = f"{metric_name(metric)} by {readable(name)}: champion and candidate"
    rows = [chart_row(label, "", theirs[label], second=estimate) for label, estimate in ours.items()]
    return Shown(
        title=f"{metric_name(metric)} by {readable(name)}",
        chart=interval_chart(
            rows, key=key, title=title, description=f"{counted(len(rows), 'group')}; see the table below."
        ),
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
