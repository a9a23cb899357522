"""What was done against gaps, and what it was measured to do, for the report to tell."""

from __future__ import annotations

from dataclasses import dataclass

from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import Shown, reach, said


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigatedGap:
    """A figure without and with a mitigation.

    Attributes
    ----------
    name : str
        For example ``Gap in nDCG@10 by age``.
    before, after : Estimate
    change : Estimate or None
        Paired, with its own interval; None if it was not measured.
    """

    name: str
    before: Estimate
    after: Estimate
    change: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationFacts:
    """What was done against gaps, and what it was measured to do.

    Attributes
    ----------
    method : str
        What was done, in a sentence or two.
    measured_on : str
        Where the figures come from, e.g. ``public data, 20 splits``.
    gaps : tuple of MitigatedGap
    notes : tuple of str
        What it costs and what it does not do.
    """

    method: str
    measured_on: str
    gaps: tuple[MitigatedGap, ...] = ()
    notes: tuple[str, ...] = ()


def mitigation_shown(facts: MitigationFacts) -> Shown:
    """The figures of a mitigation before and after."""
    return Shown(
        title=facts.measured_on,
        text=facts.method,
        header=("Figure", "Without", "Interval", "With", "Interval", "Change"),
        rows=tuple(
            (gap.name, said(gap.before), reach(gap.before), said(gap.after), reach(gap.after), _changed(gap.change))
            for gap in facts.gaps
        ),
        note=" ".join(f"{note.rstrip('.')}." for note in facts.notes),
    )


def _changed(change: Estimate | None) -> str:
    """A paired change; unresolved where its interval holds 0."""
    if change is None or change.value is None:
        return "not measured"
    words = f"{said(change)} ({reach(change)})"
    return f"{words}: unresolved" if 0.0 in change.interval else words
