"""The evaluation vector as it is declared: which figures, of whom, how much of the norm each may use; and its sum.

Notes
-----
*The norm, in whole numbers.* S = 2³⁰. A block is an overall metric, a metric of one attribute, or a table of shares;
block b has the declared importance i_b, and I is the sum over all blocks. What one person adds to block b has, in
integers, an L2 norm of at most F_b = S√(i_b/I), cut down; so the square of what they add to the whole vector is at most
Σ F_b² ≤ S² Σ i_b/I = S².

- *An overall metric* is one entry. The metric is clipped to ±clip, what is not a number counts 0, and x·F/clip is cut
  toward zero: at most F in absolute value.
- *A metric of an attribute* is one entry for each level, and a person is in one level of the attribute, or in none: one
  entry, argued as above. This holds for every attribute by itself, also for those that are made of two.
- *Shares* are one entry u_j ≥ 0 for each level, a person's own mixture: x_j is clipped to [0, 1] and x_j·F cut down.
  Should Σ u_j be above F, each u_j becomes ⌊u_j F / Σ u⌋, in whole numbers. Then Σ u_j ≤ F, whatever the caller gave,
  and as no u_j is negative Σ u_j² ≤ (Σ u_j)² ≤ F². Shares that add up to at most 1 lose nothing.

Nothing is assumed of the values. What is assumed is that a row is one person's and that no other row depends on whether
they are there, which `tactful.assurance.evaluation` argues.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.errors import ConfigError, UsageError, counted
from tactful.personal.contributions import SCALE, few_enough
from tactful.privacy.sums import Cell

ITEMS = "items: "
"""What the attribute of a cell begins with where its groups are groups of items; the column follows."""
_ROUNDED_DOWN = 1 - 2.0**-50  # keeps the float factors below their exact values

Declared: TypeAlias = Mapping[str, tuple[float, float]]
"""For each metric the bound on its absolute value for one person, and its share of the squared norm relative to all."""
Shares: TypeAlias = Mapping[tuple[str, str], NDArray[np.float64]]
"""For each (metric, column of the catalogue) a float array of shape (n_people, n_levels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCells:
    """What is summed by the levels of one attribute.

    Attributes
    ----------
    levels : sequence of str
        The catch-all ones included. A person is in one of them, or in none.
    metrics : mapping of str to (clip, importance)
        ``people`` is among them, with clip 1.
    """

    levels: Sequence[str]
    metrics: Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCells:
    """A mixture of each person over groups of items, summed over people.

    Attributes
    ----------
    levels : sequence of str
        The groups of items.
    importance : float
        Its share of the squared norm, relative to the others.
    """

    levels: Sequence[str]
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDesign:
    """How the evaluation vector is laid out, from declared quantities only.

    Attributes
    ----------
    overall : mapping of str to (clip, importance)
        Metrics that are summed over everybody; ``people`` is among them, with clip 1.
    groups : mapping of str to GroupCells
        By attribute.
    shares : mapping of (str, str) to ShareCells
        By metric and column of the catalogue; their cells have the attribute ``items: column``.

    Raises
    ------
    ConfigError
        If a clip or importance is not a finite number above 0, ``people`` is missing or clipped otherwise, a cell is
        there twice, or an attribute has no name or one of items: the norm would not be bounded, or a figure be lost.
    """

    overall: Declared
    groups: Mapping[str, GroupCells] = field(default_factory=dict)
    shares: Mapping[tuple[str, str], ShareCells] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tables = [self.overall, *(cells.metrics for cells in self.groups.values())]
        numbers = [n for table in tables for pair in table.values() for n in pair]
        numbers += [cells.importance for cells in self.shares.values()]
        people = {table.get("people", (0.0,))[0] for table in tables}
        if people != {1.0} or not all(0 < n < math.inf for n in numbers):
            raise ConfigError(
                "clips and importances are finite numbers above 0, and people count 1 each, overall and by group",
                given=f"{[dict(table) for table in tables]}, {[c.importance for c in self.shares.values()]}",
                do="Correct the design of the evaluation vector",
            )
        names = cell_names(self)
        taken = [name for name in self.groups if not name or name.startswith(ITEMS)]
        if len(set(names)) < len(names) or taken:
            more = counted(len(names) - len(set(names)), "cell")
            raise ConfigError(
                "each cell of the evaluation vector has a name of its own, and an attribute's is not that of items",
                given=f"an attribute {taken[0]!r}" if taken else f"{more} too many",
                do="Give each attribute, level and item group a name of its own",
            )

    @property
    def touched(self) -> int:
        """The most entries that one person can change."""
        grouped = sum(len(cells.metrics) for cells in self.groups.values())
        return len(self.overall) + grouped + sum(len(cells.levels) for cells in self.shares.values())

    @property
    def importance(self) -> float:
        """The sum of all importances."""
        tables = [self.overall, *(cells.metrics for cells in self.groups.values())]
        declared = sum(importance for table in tables for _, importance in table.values())
        return declared + sum(cells.importance for cells in self.shares.values())

    def factor(self, metric: str, attribute: str = "") -> float:
        """Integer units for one unit of the metric, overall or by the attribute (``items: column`` for shares)."""
        if attribute.startswith(ITEMS):
            clip, importance = 1.0, self.shares[metric, attribute.removeprefix(ITEMS)].importance
        else:
            clip, importance = (self.groups[attribute].metrics if attribute else self.overall)[metric]
        return float(SCALE * np.sqrt(importance / self.importance) * _ROUNDED_DOWN / clip)


def cell_names(design: CellDesign) -> list[Cell]:
    """The cells of the evaluation vector, in order."""
    return [
        *(Cell(metric=m) for m in design.overall),
        *(
            Cell(metric=m, attribute=attribute, group=level)
            for attribute, cells in design.groups.items()
            for level in cells.levels
            for m in cells.metrics
        ),
        *(
            Cell(metric=m, attribute=ITEMS + column, group=level)
            for (m, column), cells in design.shares.items()
            for level in cells.levels
        ),
    ]


def cell_sums(
    metrics: Mapping[str, NDArray[np.float64]],
    groups: Mapping[str, NDArray[np.int64]],
    design: CellDesign,
    shares: Shares | None = None,
) -> NDArray[np.int64]:
    """The exact evaluation vector, in units of 1/S.

    Parameters
    ----------
    metrics : mapping of str to float array of shape (n_people,)
        Every metric of the design, ``people`` too: 1 for whoever is measured, 0 for whoever is only known.
    groups : mapping of str to int array of shape (n_people,)
        For each attribute of the design the position of each person's level, or −1.
    shares : mapping of (metric, column) to float array of shape (n_people, n_levels), optional

    Raises
    ------
    TactfulError
        If there are more people than sums in 64 bits hold.

    Notes
    -----
    **Privacy.** *Reads* metrics, levels and shares of single people. *Returns* an exact sum over people, for
    `tactful.privacy.release` only. *Costs* nothing by itself. *Assumes* one row a person; the norm is argued above.
    """
    few_enough(len(metrics["people"]))
    return np.concatenate(list(_blocks(metrics, groups, design, shares or {})))


def _blocks(
    metrics: Mapping[str, NDArray[np.float64]],
    groups: Mapping[str, NDArray[np.int64]],
    design: CellDesign,
    shares: Shares,
) -> Iterator[NDArray[np.int64]]:
    """The sums, block after block, in the order of the cells."""
    for metric, (clip, _) in design.overall.items():
        yield _units(metrics[metric], clip, design.factor(metric)).sum(keepdims=True)
    for attribute, cells in design.groups.items():
        rows = [_units(metrics[m], clip, design.factor(m, attribute)) for m, (clip, _) in cells.metrics.items()]
        yield _summed_by(groups[attribute], len(cells.levels), np.stack(rows, axis=1)).ravel()
    for key, share in design.shares.items():
        metric, column = key
        yield _mixtures(shares[key], len(share.levels), design.factor(metric, ITEMS + column)).sum(axis=0)


def _units(values: NDArray[np.float64], clip: float, factor: float) -> NDArray[np.int64]:
    """One metric of each person in integer units, clipped and cut toward zero."""
    clipped = np.clip(np.nan_to_num(values, nan=0.0), -clip, clip)
    return np.trunc(clipped * factor).astype(np.int64)


def _summed_by(codes: NDArray[np.int64], levels: int, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums of the rows of each level, of shape (levels, n_metrics); rows of code −1 are in none."""
    member = np.flatnonzero(codes >= 0)
    ones = np.ones(len(member), dtype=np.int64)
    of_level = scipy.sparse.csr_array((ones, (codes[member], member)), shape=(levels, len(codes)))
    return np.asarray(of_level @ units)


def _mixtures(values: NDArray[np.float64], levels: int, factor: float) -> NDArray[np.int64]:
    """Shares of each person in integer units, none negative, that add up to at most `factor`."""
    if values.ndim != 2 or values.shape[1] != levels:
        raise UsageError(
            "shares have one column for each group of items",
            given=f"a shape of {values.shape[1:]}",
            do=f"Give {levels}",
        )
    units = np.maximum(_units(values, 1.0, factor), 0)
    most = math.floor(factor)
    scaled: NDArray[np.int64] = units * most // np.maximum(units.sum(axis=1, keepdims=True), max(most, 1))
    return scaled
