"""Shares of the released vector that are about no metric: groups of items, and who shaped the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tactful.assurance.assessment import ItemGroupResult, Shaped
from tactful.assurance.groups import add
from tactful.assurance.intervals import mean_estimate, people_in
from tactful.assurance.strata import Groupings
from tactful.privacy.cells import ITEMS
from tactful.privacy.sums import Cell, EvaluationSums, Measured

EXPOSURE, INTEREST = "exposure@10", "interest"
"""Figures of groups of items: a person's own mixture, which adds up to 1."""


def item_groups(
    sums: EvaluationSums, columns: Mapping[str, Mapping[str, float]], *, z: float
) -> dict[str, dict[str, ItemGroupResult]]:
    """For each column of the catalogue how much each group of items is shown and used; empty where not released.

    Parameters
    ----------
    sums : EvaluationSums
    columns : mapping of str to mapping of str to float
        For each column its groups and their shares of the catalogue, which are public.
    z : float
        See `tactful.assurance.intervals.critical_value`; each interval holds by itself.

    Notes
    -----
    Squares are not released for shares, so their intervals are as wide as shares can make them: they cover more than is
    stated.
    """
    people = people_in(sums)
    return {column: _groups(sums, column, shares, people, z) for column, shares in columns.items()}


def shaped(sums: EvaluationSums, attribute: str, groupings: Groupings, *, z: float) -> dict[str, Shaped]:
    """For each group of people how many agreed to be assessed, and how many of them to training; empty if not released.

    A person agreed or did not, so the share's variance follows from itself.

    Parameters
    ----------
    sums : EvaluationSums
    attribute : str
    groupings : Groupings
        Whose merges say of which wider group a level is told as part.
    z : float
        See `tactful.assurance.intervals.critical_value`; each interval holds by itself.
    """
    wide = dict(zip(groupings.attributes[attribute], groupings.wide(attribute), strict=True))
    parts = dict[str, list[str]]()
    for cell in sums.cells:
        if (cell.metric, cell.attribute) == ("known", attribute):
            parts.setdefault(wide.get(cell.group, cell.group), []).append(cell.group)
    return {group: _shaped(sums, attribute, levels, z) for group, levels in parts.items()}


def _groups(
    sums: EvaluationSums, column: str, shares: Mapping[str, float], people: Measured, z: float
) -> dict[str, ItemGroupResult]:
    """The groups of one column of which both figures were released."""
    results = {}
    for group, catalogue in shares.items():
        totals = [sums.cells.get(Cell(metric=m, attribute=ITEMS + column, group=group)) for m in (EXPOSURE, INTEREST)]
        shown, used = (mean_estimate(total, people, z=z) if total else None for total in totals)
        if shown and used:
            results[group] = ItemGroupResult(catalogue=catalogue, exposure=shown, interest=used)
    return results


def _shaped(sums: EvaluationSums, attribute: str, levels: Sequence[str], z: float) -> Shaped:
    """These levels together."""
    nothing = Measured(value=float("nan"), sigma=float("nan"))
    known, consented = (
        add(sums.cells.get(Cell(metric=m, attribute=attribute, group=level), nothing) for level in levels)
        for m in ("known", "consented")
    )
    return Shaped(known=known, consented=mean_estimate(consented, known, z=z))
