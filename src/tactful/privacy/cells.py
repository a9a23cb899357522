"""The evaluation vector as it is declared: which metrics, of whom, and how much of the norm each may use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tactful.errors import ConfigError
from tactful.personal.contributions import SCALE

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
