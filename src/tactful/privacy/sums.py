"""What comes out of the private release about measuring: noisy sums over people, by cell. No rows, no way back.

What models are fitted from is in `tactful.privacy.statistics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import Released

Shown = Literal["model", "popularity"]
"""A list that people could be shown: the model's, or the most popular items that they do not have."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """What one entry of an evaluation vector counts.

    Attributes
    ----------
    metric : str
        ``people``, or a per-person metric such as ``ndcg@10``; its sum over the people of the cell is released.
    attribute, group : str
        The demographic cell; both empty for everybody.
    """

    metric: str
    attribute: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A noisy sum over people and the standard deviation of its noise, both in the metric's own unit."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentCounts(Released):
    """People by what the consent gate said of them.

    Attributes
    ----------
    people : mapping of (outcome, partition) to Measured
        The outcome is ``admitted`` or a reason code; the partition ``training`` or ``evaluation``.
    """

    people: dict[tuple[str, str], Measured]

    def by_outcome(self) -> dict[str, Measured]:
        """Training and evaluation people together; their noise is independent."""
        outcomes = dict.fromkeys(outcome for outcome, _ in self.people)
        parts = {o: [m for (outcome, _), m in self.people.items() if outcome == o] for o in outcomes}
        return {
            o: Measured(value=sum(m.value for m in found), sigma=hypot(*(m.sigma for m in found)))
            for o, found in parts.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSums(Released):
    """Sums over people, released together as one vector.

    Attributes
    ----------
    cells : mapping of Cell to Measured
    """

    cells: dict[Cell, Measured]

    def __getitem__(self, cell: Cell) -> Measured:
        return self.cells[cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures(Released):
    """How often items are among the first ten places of people's lists, by group; of one half of assessed people.

    Attributes
    ----------
    counts : mapping of (attribute, list) to float array of shape (n_groups, n_entries)
        Lists that hold the item; the last entry counts places, of all items that have no entry of their own.
    people : mapping of str to float array of shape (n_groups,)
        By attribute.
    sigmas : float array of shape (n_entries,)
        Standard deviation of the noise on the counts of each entry.
    people_sigma : float
        The same of `people`.
    """

    counts: Mapping[tuple[str, Shown], NDArray[np.float64]]
    people: Mapping[str, NDArray[np.float64]]
    sigmas: NDArray[np.float64]
    people_sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses(Released):
    """How people of the other half score, by the group that was asked about and whether it is theirs.

    Attributes
    ----------
    histograms : mapping of (attribute, list) to float array of shape (n_asked, 2, n_bins)
        People whose group is another one, then people whose group it is; by bins of rising score.
    sigma : float, people
        Standard deviation of the noise on each entry.
    """

    histograms: Mapping[tuple[str, Shown], NDArray[np.float64]]
    sigma: float


def inside(metric: str) -> str:
    """The name of the sum that says how far inside its range a metric is: ``ndcg_inside@10`` for ``ndcg@10``."""
    kind, at, depth = metric.partition("@")
    return f"{kind}_inside{at}{depth}"
