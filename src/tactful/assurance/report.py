"""The fairness report: one self-contained HTML page for people who decide, not only for people who model.

It opens from a file, prints, follows light and dark, and asks the network for nothing, so that it shows in the
sandboxed frame of MLflow's pages with scripts off. The only home of jinja2.
"""

from __future__ import annotations

from typing import Any

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.card import unknowns
from tactful.assurance.champion import ChampionFacts
from tactful.assurance.lift import against_popularity
from tactful.assurance.report_beyond import coverage_shown, guessing_shown, items_shown, shaped_shown
from tactful.assurance.report_champion import champion_groups, champion_line, champion_rules
from tactful.assurance.report_change import advice, changes
from tactful.assurance.report_figures import Shown
from tactful.assurance.report_groups import attribute_shown, noise_shown
from tactful.assurance.report_mitigation import MitigationFacts, mitigation_shown
from tactful.assurance.report_verdicts import rests_on, tally, verdict_card, worst_gap
from tactful.assurance.summary import RunSummary, about, in_order, metric_meaning, metric_name
from tactful.errors import counted

_SIGNS = {"pass": "✓", "fail": "✕", "insufficient evidence": "?"}


def fairness_report(
    summary: RunSummary,
    assessment: FairnessAssessment,
    *,
    champion: ChampionFacts | None = None,
    mitigation: tuple[str, ...] = (),
    mitigated: MitigationFacts | None = None,
) -> str:
    """The report as one HTML page without scripts or outside references.

    Parameters
    ----------
    summary : RunSummary
    assessment : FairnessAssessment
    champion : ChampionFacts, optional
        The model that this one would replace; see `tactful.assurance.champion.champion_facts`.
    mitigation : tuple of str
        What may be tried against a gap, a sentence each.
    mitigated : MitigationFacts, optional
        What was done against gaps in this run, and what it was measured to do.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tactful.assurance", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    told = _run(summary) | _groups(assessment) | _beyond(assessment) | _against(assessment, champion)
    done = mitigation_shown(mitigated) if mitigated else None
    return environment.get_template("report.html.j2").render(told | {"advice": advice(mitigation), "mitigated": done})


def _run(summary: RunSummary) -> dict[str, Any]:
    """The run as the page tells it."""
    return {
        "run": summary,
        "made": f"{summary.created.day} {summary.created:%B %Y}",
        "quality": [_quality(summary, metric) for metric in in_order(summary.metrics)],
        "consent": [(meaning.capitalize(), about(people)) for _, meaning, people in summary.outcomes],
        "people": about(summary.people),
        "losses": summary.losses,
        "against_popularity": _sentence(against_popularity(summary.metric_intervals)),
    }


def _groups(assessment: FairnessAssessment) -> dict[str, Any]:
    """Verdicts, and how groups of people are served."""
    parts = {"attributes": assessment.attributes, "intersections": assessment.intersections}
    return {
        "assessment": assessment,
        "confidence": f"{assessment.confidence:.0%}",
        "tally": tally(assessment),
        "signs": _SIGNS,
        "verdicts": [verdict_card(i, v, assessment) for i, v in enumerate(assessment.verdicts.values())],
        "worst": worst_gap(assessment),
        "rests_on": rests_on(assessment),
        "unknowns": unknowns(assessment),
        "changes": changes(assessment),
        **{
            part: [attribute_shown(f"{part}-{i}", name, r, assessment) for i, (name, r) in enumerate(results.items())]
            for part, results in parts.items()
        },
    }


def _beyond(assessment: FairnessAssessment) -> dict[str, tuple[Shown, ...] | bool]:
    """What was measured beyond how groups are served."""
    return {
        "items": items_shown(assessment),
        "shaped": shaped_shown(assessment),
        "guessing": guessing_shown(assessment.guessing),
        "guessed": any(found.levels for found in assessment.guessing.values()),
        "coverage": coverage_shown(assessment.coverage),
        "noise": noise_shown(assessment),
    }


def _against(assessment: FairnessAssessment, champion: ChampionFacts | None) -> dict[str, Any]:
    """The comparison with the champion."""
    if champion is None:
        return {"champion": None}
    return {
        "champion": champion,
        "champion_line": champion_line(assessment, champion),
        "champion_rules": champion_rules(assessment, champion),
        "champion_groups": champion_groups(assessment, champion),
    }


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _quality(summary: RunSummary, metric: str) -> tuple[str, ...]:
    """One metric over everybody."""
    interval = summary.metric_intervals.get(metric)
    words = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "–"
    return metric_name(metric), f"{summary.metrics[metric]:.3f}", words, metric_meaning(metric)
