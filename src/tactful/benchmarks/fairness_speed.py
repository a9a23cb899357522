"""How long an assessment takes, from figures of people to verdicts, beside fairlearn's bootstrap of the same table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.evaluation import design
from tactful.assurance.fairness import FairnessAssessment, FairnessRule, assess
from tactful.assurance.metrics import METRICS
from tactful.assurance.strata import Groupings
from tactful.benchmarks.assessed import Crowd, released
from tactful.errors import UsageError
from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SystemNoise

PEOPLE, ATTRIBUTES, MEASURES, LEVELS, RESAMPLES = 50_000, 6, 8, 5, 2
BUDGET = PrivacyBudget(epsilon=3.0, delta=1e-6)
PEER = "fairlearn.metrics.MetricFrame with n_boot and ci_quantiles, one an attribute: exact means, sampling only"


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessSpeed:
    """What an assessment of the same people took.

    Attributes
    ----------
    people, attributes, metrics : int
    seconds : float
        Sums by group, history and their squares, noise, intervals, gaps and verdicts.
    peer_seconds : float
        Of the peer: means by group with their intervals, overall, differences and ratios.
    resamples : int
        Of the peer's bootstrap.
    """

    people: int
    attributes: int
    metrics: int
    seconds: float
    peer_seconds: float
    resamples: int

    @property
    def ratio(self) -> float:
        """Our time over the peer's: below 1 is faster than it."""
        return self.seconds / self.peer_seconds

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and who the peer is."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return {**facts, "ratio": self.ratio, "peer": PEER}


def measure_fairness(
    people: int = PEOPLE, attributes: int = ATTRIBUTES, metrics: int = MEASURES, *, resamples: int = RESAMPLES
) -> FairnessSpeed:
    """An assessment has been timed beside the peer's, once each, after both had been loaded.

    Parameters
    ----------
    people : int
    attributes : int
        Each of five levels and two catch-all ones.
    metrics : int
        The first so many of `tactful.assurance.metrics.METRICS`.
    resamples : int
        Of the peer's bootstrap, far fewer than the usual hundreds, each of which takes as long.

    Raises
    ------
    UsageError
        If there is nobody, nothing to group by, or nothing to measure.
    """
    if min(people, attributes, metrics, resamples) < 1 or metrics > len(METRICS):
        raise UsageError(
            f"there must be people, attributes, resamples and from 1 to {len(METRICS)} metrics",
            given=f"{people}, {attributes}, {resamples} and {metrics}",
            do="Ask for others",
        )
    names, rng = list(METRICS)[:metrics], np.random.default_rng(0)
    groups = {f"attribute {i}": tuple(f"level {j}" for j in range(LEVELS)) for i in range(attributes)}
    few = _crowd(200, groups, names, rng)
    _assessed(few, groups, names)  # loads what is needed
    _peer(few, groups, names, 2)
    crowd = _crowd(people, groups, names, rng)
    began = time.perf_counter()
    _assessed(crowd, groups, names)
    ours = time.perf_counter()
    _peer(crowd, groups, names, resamples)
    return FairnessSpeed(
        people=people,
        attributes=attributes,
        metrics=metrics,
        seconds=ours - began,
        peer_seconds=time.perf_counter() - ours,
        resamples=resamples,
    )


def _crowd(people: int, groups: Mapping[str, tuple[str, ...]], names: Sequence[str], rng: np.random.Generator) -> Crowd:
    """People with figures between the bounds of each metric."""
    values = {}
    for name in names:
        told = METRICS[name]
        figures = rng.uniform(told.low, told.high, people)
        values[name] = np.rint(figures) if told.binary else figures
    return Crowd(
        values=values,
        groups={name: rng.integers(0, LEVELS + 2, people) for name in groups},
        lengths=rng.geometric(1 / 30, people).astype(np.int64),
    )


def _assessed(crowd: Crowd, groups: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> FairnessAssessment:
    """Ours: release and assessment, with a rule for each attribute."""
    layout = design(groups, [names[0]], metrics=names)
    sums = released(crowd, Groupings(attributes=groups), layout, BUDGET, SystemNoise())
    rules = [
        FairnessRule(name=name, attribute=name, metric=names[0], statistic="difference", bound=0.1) for name in groups
    ]
    return assess(sums, rules, levels=groups, minimum_people=20)


def _peer(crowd: Crowd, groups: Mapping[str, tuple[str, ...]], names: Sequence[str], resamples: int) -> None:
    """The peer's frames, each with every interval that it offers."""
    from fairlearn.metrics import MetricFrame

    means = dict.fromkeys(names, _mean)
    for attribute, levels in groups.items():
        member = np.array([*levels, OTHER, UNDISCLOSED])[crowd.groups[attribute]]
        frame = MetricFrame(
            metrics=means,
            y_true=crowd.lengths,
            y_pred=crowd.lengths,
            sensitive_features={attribute: member},
            sample_params={name: {"figures": crowd.values[name]} for name in names},
            n_boot=resamples,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
        _ = frame.overall_ci, frame.by_group_ci, frame.difference_ci(), frame.ratio_ci()


def _mean(y_true: NDArray[np.int64], y_pred: NDArray[np.int64], *, figures: NDArray[np.float64]) -> float:
    """The mean of a figure; fairlearn's own two columns are not used."""
    del y_true, y_pred
    return float(np.mean(figures))
