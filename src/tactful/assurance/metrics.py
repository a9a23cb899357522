"""Every metric that people are measured by: its name, its words, its public bounds, and whether more is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure about one person; means over people are released.

    Attributes
    ----------
    title : str
        What readers call it.
    meaning : str
        What it measures, in a clause.
    low, high : float
        Declared public bounds of the figure for one person; values beyond them count as the bound.
    better : {"higher", "lower", "neither"}
        Which people are served better. ``neither``: the groups are served differently, and readers judge.
    binary : bool
        Whether it is 0 or 1, so that its mean says its variance.
    """

    title: str
    meaning: str
    low: float = 0.0
    high: float = 1.0
    better: Better = "higher"
    binary: bool = False

    @property
    def clip(self) -> float:
        """The bound on its absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def most_inside(self) -> float:
        """The bound on `inside`: that of the middle of the range, (high - low)²/4."""
        return (self.high - self.low) ** 2 / 4

    def inside(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far inside the range each person's figure x is: (x - low)(high - x), which is 0 at both ends.

        It says how much people differ (`tactful.assurance.spread`). Whoever is added or left out moves its sum over
        people by their own alone, which is between 0 and `most_inside`: to that it is clipped when it is added up.
        """
        return (values - self.low) * (self.high - values)


METRICS: dict[str, Metric] = {
    "ndcg@10": Metric(
        title="nDCG@10",
        meaning="how many of a person's hidden items are among the first 10 suggestions, and how near the top",
    ),
    "recall@10": Metric(
        title="Recall@10",
        meaning="of a person's hidden items (at most 10 count), the share among the first 10 suggestions",
    ),
    "hit@10": Metric(
        title="Hit share@10",
        meaning="the share of people with at least one hidden item among the first 10 suggestions",
        binary=True,
    ),
    "novelty@10": Metric(
        title="Novelty@10",
        meaning="how rarely used the first 10 suggestions are, from 0 (the most used item) to 1 (the least used one)",
        better="neither",
    ),
    "popularity_lift@10": Metric(
        title="Popularity lift@10",
        meaning="how much more popular the first 10 suggestions are than the person's own history, in percentiles of "
        "the catalogue: above 0 the person is shown more popular items than they use",
        low=-1.0,
        better="neither",
    ),
    "miscalibration@10": Metric(
        title="Miscalibration@10",
        meaning="how far the categories of the first 10 suggestions are from those of the person's own history, from "
        "0 (the same mixture) to 1 (nothing in common); Steck 2018",
        better="lower",
    ),
    "fallback": Metric(
        title="Fallback share",
        meaning="the share of people whose history said nothing to the model: they were shown what everybody is shown",
        better="lower",
        binary=True,
    ),
    "head_share": Metric(
        title="Head share",
        meaning="the share of a person's history that lies in the part of the catalogue whose taste was learned",
    ),
    "noise_cost@10": Metric(
        title="Cost of noise, nDCG@10",
        meaning="what as much noise once more takes from nDCG@10, the mean of three draws, each person counted within "
        "±0.2; how much a group would gain without any noise, it does not say",
        low=-0.2,
        high=0.2,
        better="lower",
    ),
}
"""Metrics that are measured for groups, by name, in the order in which they are told."""

OVERALL: dict[str, Metric] = {
    "popularity_recall@20": Metric(
        title="Recall@20 of the popularity list",
        meaning="of a person's hidden items (at most 20 count), the share among the 20 most popular items they do not "
        "have yet, which everybody could be shown",
    ),
    "lift@20": Metric(
        title="Lift over popularity, Recall@20",
        meaning="Recall@20 of the model minus that of the popularity list, each person counted within ±0.2; above 0 it "
        "helps",
        low=-0.2,
        high=0.2,
    ),
}
"""Metrics that are measured over everybody only."""


def metric(name: str) -> Metric:
    """The metric of this name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = METRICS.get(name) or OVERALL.get(name)
    if found is None:
        raise ConfigError("a metric is one that is measured", given=name, do=f"Name one of {', '.join(METRICS)}")
    return found
