"""The evaluation vector as it is declared: which metrics, of whom, how much of the norm each may use; and its sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.contributions import SCALE
from tactful.privacy.sums import Cell

_ROUNDED_DOWN = 1 - 2.0**-50  # keeps the float factors below their exact values


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDesign:
    """How the evaluation vector is laid out, from declared quantities only.

    Attributes
    ----------
    overall, by_group : mapping of str to (clip, importance)
        For each metric the declared bound on its absolute value for one person, and its share of the squared norm
        relative to the others. ``people`` must be among both, with clip 1.
    attributes : mapping of str to sequence of str
        For each demographic attribute its levels, the catch-all ones included.

    Raises
    ------
    ConfigError
        If a clip or importance is not a finite number above 0, or ``people`` is missing or clipped otherwise: the norm
        would not be bounded.
    """

    overall: Mapping[str, tuple[float, float]]
    by_group: Mapping[str, tuple[float, float]]
    attributes: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        numbers = [n for part in (self.overall, self.by_group) for pair in part.values() for n in pair]
        people = [part.get("people", (0.0,))[0] for part in (self.overall, self.by_group)]
        if people != [1.0, 1.0] or not all(0 < n < math.inf for n in numbers):
            raise ConfigError(
                "clips and importances are finite numbers above 0, and people count 1 each, overall and by group",
                given=f"{dict(self.overall)}, {dict(self.by_group)}",
                do="Correct the design of the evaluation vector",
            )

    @property
    def touched(self) -> int:
        """The most entries that one person can change."""
        return len(self.overall) + len(self.by_group) * len(self.attributes)

    def factor(self, metric: str, grouped: bool) -> float:
        """Integer units for one unit of the metric."""
        clip, importance = (self.by_group if grouped else self.overall)[metric]
        total = sum(i for _, i in self.overall.values())
        total += len(self.attributes) * sum(i for _, i in self.by_group.values())
        return float(SCALE * np.sqrt(importance / total) * _ROUNDED_DOWN / clip)


def cell_names(design: CellDesign) -> list[tuple[Cell, bool]]:
    """The cells of the evaluation vector in order, and whether each is about a group."""
    overall = [(Cell(metric=m), False) for m in design.overall]
    grouped = [
        (Cell(metric=m, attribute=a, group=g), True)
        for a, levels in design.attributes.items()
        for g in levels
        for m in design.by_group
    ]
    return overall + grouped


def cell_sums(
    metrics: Mapping[str, NDArray[np.float64]], groups: Mapping[str, NDArray[np.int64]], design: CellDesign
) -> NDArray[np.int64]:
    """The exact evaluation vector, in units of 1/S.

    Notes
    -----
    One person adds to each overall cell m at most ⌊f_m·clip_m⌋ in absolute value, f_m = S√(i_m/I)/clip_m, and the
    same to the cells of one level of each attribute (a person has one level an attribute, or none). Metrics are
    clipped to ±clip_m, NaN to 0, and f_m·x is cut toward zero, so the squared norm is at most Σ S² i_m/I over the
    overall metrics plus, for each attribute, over the grouped ones; I is the sum of just these importances: the norm
    is ≤ S.
    """
    n_people = len(next(iter(metrics.values())))
    values = {**metrics, "people": np.ones(n_people)}
    parts = [_units(values[m], design, m, grouped=False).sum(keepdims=True) for m in design.overall]
    by_group = np.stack([_units(values[m], design, m, grouped=True) for m in design.by_group], axis=1)
    for attribute, levels in design.attributes.items():
        codes = groups[attribute]
        member = codes >= 0
        sums = np.zeros((len(levels), len(design.by_group)), dtype=np.int64)
        np.add.at(sums, codes[member], by_group[member])
        parts.append(sums.ravel())
    return np.concatenate(parts)


def _units(values: NDArray[np.float64], design: CellDesign, metric: str, *, grouped: bool) -> NDArray[np.int64]:
    """One metric of each person in integer units, clipped and cut toward zero."""
    clip = (design.by_group if grouped else design.overall)[metric][0]
    clipped = np.clip(np.nan_to_num(values, nan=0.0), -clip, clip)
    return np.trunc(clipped * design.factor(metric, grouped)).astype(np.int64)
