"""How the evaluation vector is laid out: which figures, of which groups, and how much of the norm each has.

Notes
-----
*Importances* are shares of the squared norm, so that twice the noise is a quarter of the importance. By a declared
attribute a metric of a rule has 4, the number of people 2, any other metric 1, and who is known and who consented ½
each; how far inside its range a metric is has a quarter of what the metric has: it only says how wide an interval is.
In strata of history, and where groups meet, metrics of rules have 2 and people 1; a mixture of item groups has 1. What
is measured of everybody is scaled so that the lift over popularity, which says whether the model helps at all, has 2/23
of the whole, however much is measured beside it; where that is little, what is measured of everybody has more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tactful.assurance.item_groups import item_levels
from tactful.assurance.metrics import METRICS, metric
from tactful.assurance.strata import HISTORY_EDGES, Groupings
from tactful.errors import ConfigError
from tactful.privacy.cells import CellDesign, Declared, GroupCells, ShareCells
from tactful.privacy.sums import inside

EXPOSURE, INTEREST = "exposure@10", "interest"
"""Shares of item groups: in what is shown, places discounted as in nDCG, and in what people went on to use."""
ASK_FOR_MORE = ("miscalibration@10", "noise_cost@10")
"""Metrics that need more than people and a model: categories of items, and a second model with more noise."""

_OVERALL = {"people": 1.0, "ndcg@10": 1.0, "recall@10": 1.0, "popularity_recall@20": 1.0, "lift@20": 2.0}
_LIFT_SHARE = 2 / 23  # of the squared norm that `lift@20` has, whatever else is measured


def design(
    attributes: Mapping[str, Sequence[str]],
    rule_metrics: Iterable[str],
    *,
    merges: Mapping[str, Mapping[str, str]] | None = None,
    intersections: Sequence[tuple[str, str]] = (),
    items: Mapping[str, Sequence[str]] | None = None,
    metrics: Iterable[str] | None = None,
    history_edges: Sequence[int] = HISTORY_EDGES,
) -> CellDesign:
    """The layout of the evaluation vector: metrics that rules are about weigh four times what others do.

    Parameters
    ----------
    attributes : mapping of str to sequence of str
        Declared levels; ``other`` and ``undisclosed`` are added.
    rule_metrics : iterable of str
        Metrics that at least one rule is about, all of them among those measured.
    merges, intersections, history_edges
        As in `tactful.assurance.strata.Groupings`.
    items : mapping of str to sequence of str, optional
        Columns of the catalogue and the values that are item groups; ``other`` is added.
    metrics : iterable of str, optional
        Names of `tactful.assurance.metrics.METRICS`. If not given, all but those that ask for more than people and a
        model: ``miscalibration@10`` and ``noise_cost@10``.

    Raises
    ------
    ConfigError
        If there is no such metric for groups, a rule is about one that is not measured, or the groups do not fit.
    """
    ruled = set(rule_metrics)
    groupings = Groupings(
        attributes=attributes, merges=merges or {}, intersections=intersections, history_edges=history_edges
    )
    wanted = _checked(METRICS.keys() - set(ASK_FOR_MORE) if metrics is None else set(metrics), ruled)
    whole = {**_people(2.0), **_weighed({m: 4.0 if m in ruled else 1.0 for m in wanted})}
    whole |= {"known": (1.0, 0.5), "consented": (1.0, 0.5)}
    part = {**_people(1.0), **_weighed({m: 2.0 for m in wanted if m in ruled})}
    groups = {
        name: GroupCells(levels=levels, metrics=whole if name in attributes else part)
        for name, levels in groupings.levels().items()
    }
    shares = {
        (share, column): ShareCells(levels=item_levels(levels), importance=1.0)
        for column, levels in (items or {}).items()
        for share in (EXPOSURE, INTEREST)
    }
    return CellDesign(overall=_overall(groups, shares), groups=groups, shares=shares)


def _checked(names: set[str], ruled: set[str]) -> list[str]:
    """The metrics in the order of their table."""
    for wrong, told in ((names - METRICS.keys(), METRICS), (ruled - names, names)):
        if wrong:
            raise ConfigError(
                "metrics of groups, and those of rules, are among the ones that are measured",
                given=min(wrong),
                do=f"Name one of {', '.join(name for name in METRICS if name in told)}",
            )
    return [name for name in METRICS if name in names]


def _people(importance: float) -> dict[str, tuple[float, float]]:
    """The number of people."""
    return {"people": (1.0, importance)}


def _weighed(importances: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Each metric at its importance, and how far inside its range it is at a quarter, unless it is only 0 or 1."""
    declared = {}
    for name, importance in importances.items():
        declared[name] = (metric(name).clip, importance)
        if not metric(name).binary:
            declared[inside(name)] = (metric(name).most_inside, importance / 4)
    return declared


def _overall(groups: Mapping[str, GroupCells], shares: Mapping[tuple[str, str], ShareCells]) -> Declared:
    """What is measured over everybody, at an importance that leaves `lift@20` its share of the norm."""
    declared = {**_people(1.0), **_weighed({m: i for m, i in _OVERALL.items() if m != "people"})}
    others = sum(i for cells in groups.values() for _, i in cells.metrics.values())
    others += sum(cells.importance for cells in shares.values())
    total = sum(i for _, i in declared.values())
    scale = max(others * _LIFT_SHARE / (_OVERALL["lift@20"] - total * _LIFT_SHARE), 1.0)
    return {name: (clip, importance * scale) for name, (clip, importance) in declared.items()}
