"""What would change a verdict: how many more people would settle it, or what may be done about a gap.

Notes
-----
*How many more people.* A rule is open while its bound lies inside the interval. Let v be the estimate and h the
distance from v to the end of the interval beyond the bound. If v stays where it is, the bound leaves the interval once
h has shrunk to r, the distance from v to the bound. The half-width that comes from which people happened to be there
shrinks as one over the square root of their number, the one from noise as one over their number. With n times the
people the new h is therefore about h / √n where chance dominates and less where noise does, and n = (h / r)² is about
enough or too many. Intervals are not symmetric and are cut off where values end, so a third is added; a test holds the
result against verdicts on planted worlds. The estimate itself will move, which is why no more than one leading figure
is said, and nothing where the factor is above 400: an estimate so close to the bound is settled by chance, not by
people.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from tactful.assurance.assessment import AttributeResult, FairnessAssessment
from tactful.assurance.report_figures import everything
from tactful.assurance.summary import listed, metric_name, readable
from tactful.assurance.verdicts import Verdict

_FARTHEST = 400.0
_NARROW = 0.2
_MARGIN, _LEAST = 4 / 3, 1.5
_FAILED = (
    "every value that the measurements allow breaks the rule, so more people will not change that; another model may."
)


def changes(assessment: FairnessAssessment) -> list[str]:
    """For each rule that did not pass, what would settle or change it, in sentences."""
    results = everything(assessment)
    failed = [_about(verdict) for verdict in assessment.verdicts.values() if verdict.status == "fail"]
    found = [f"{'; '.join(failed)}: {_FAILED}"] if failed else []
    found += [
        f"{_about(v)}: {_change(v, results.get(v.rule.attribute), assessment.minimum_people)}"
        for v in assessment.verdicts.values()
        if v.status == "insufficient evidence"
    ]
    if assessment.verdicts and not found:
        found.append(
            "Every rule passed, for the people who were measured and the time they were measured at. Other people, "
            "another catalogue or another training may change that: judge each training anew."
        )
    return found


def factor(verdict: Verdict) -> float | None:
    """How many times as many people would settle an open rule, if its estimate stays; None where that is not to be had.

    Parameters
    ----------
    verdict : Verdict
        One that is insufficient evidence.
    """
    value, bound, interval = verdict.estimate, verdict.rule.bound, verdict.interval
    if value is None:
        return None
    room = abs(value - bound)
    half = value - interval.low if value >= bound else interval.high - value
    if room <= 0 or (half / room) ** 2 > _FARTHEST:
        return None
    return max(_MARGIN * (half / room) ** 2, _LEAST)


_LEFT_OUT = (
    "the groups that are compared keep the rule, but too many people are in none of them, or too few groups are left: "
    "see the verdict."
)


def _about(verdict: Verdict) -> str:
    """What a rule is about."""
    return f"{metric_name(verdict.rule.metric)} by {readable(verdict.rule.attribute)}"


def _change(verdict: Verdict, result: AttributeResult | None, minimum: float) -> str:
    """What would settle one open rule."""
    if result is None or len(result.entering) < 2:
        return f"at least two groups need {minimum:g} evaluated people each, by the released number."
    parts = [_settled(verdict, result)]
    if result.unmeasured:
        parts.append(
            f"For lack of people there is no figure for {listed(result.unmeasured)}: at least {minimum:g} evaluated "
            "people are needed, or a declared group to merge with."
        )
    return " ".join(part for part in parts if part) or _LEFT_OUT


def _settled(verdict: Verdict, result: AttributeResult) -> str:
    """How many people would settle an open rule."""
    rule, interval = verdict.rule, verdict.interval
    people = sum(result.by_group[group].people.value for group in result.entering)
    if rule.kept_by(interval):
        return ""
    if verdict.estimate is None:
        times = ((interval.high - interval.low) / _NARROW) ** 2
        return (
            f"nothing can be told yet. {_times(times, people).capitalize()} would bring the interval down to a width "
            f"of about {_NARROW:g}; as it is cut off where values end, it may take more."
        )
    times = factor(verdict) or math.inf
    if times == math.inf:
        return (
            f"the estimate, {verdict.estimate:.2f}, is so close to the bound, {rule.bound:g}, that more people can "
            "hardly be expected to settle it. Decide whether a gap of that size is acceptable."
        )
    then = "keep" if (verdict.estimate >= rule.bound) == (rule.statistic == "ratio") else "break"
    return (
        f"{_times(times, people)} would settle it, if the estimate stayed at {verdict.estimate:.2f}: the interval "
        f"would then {then} the rule. The estimate will move, so this is an order of magnitude."
    )


def _times(times: float, people: float) -> str:
    """So many times the people there are."""
    whole = _one_figure(max(times, _LEAST))
    now, then = _one_figure(people, places=2), _one_figure(people * whole, places=2)
    return f"about {whole:g} times as many evaluated people in these groups (about {then:,.0f}, now about {now:,.0f})"


def _one_figure(value: float, places: int = 1) -> float:
    """The next number above with so many leading figures."""
    if not math.isfinite(value) or value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - places + 1)
    return math.ceil(value / unit - 1e-9) * unit


def advice(mitigation: Iterable[str]) -> list[str]:
    """Which mitigation to try, in sentences that each end."""
    return [f"{text.rstrip('.')}." for text in mitigation if text.strip()]
