"""What a training run will release and what each release costs, settled before any data is touched.

The run's (ε, δ) becomes one μ (Gaussians compose exactly: μ² = Σ 1/σᵢ²), and μ² is split:

============  ======================  =========  ================================================================
release       about                   share μ²   why
============  ======================  =========  ================================================================
consent       everybody               1 %        counts of people by outcome; their error is tens of people
people        training people         1 %        one count; sets the head and checks the minimum
popularity    training people         10 %       ranks the catalogue and picks the head
gram          training people         88 %       what taste is learned from
evaluation    evaluation people       99 %       one vector: quality and fairness
============  ======================  =========  ================================================================

Training and evaluation people are disjoint, so each column sums to 100 % by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from tactful.errors import ConfigError
from tactful.personal.contributions import SCALE
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss, mu_at
from tactful.privacy.events import GaussianEvent, Partition
from tactful.privacy.noise import slack

_SHARES: Mapping[str, tuple[tuple[Partition, ...], float]] = {
    "consent": (("training", "evaluation"), 0.01),
    "people": (("training",), 0.01),
    "popularity": (("training",), 0.10),
    "gram": (("training",), 0.88),
    "evaluation": (("evaluation",), 0.99),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The releases of one training run, priced.

    Attributes
    ----------
    budget : PrivacyBudget
        (ε, δ) that the run as a whole stays within, for each person.
    events : tuple of GaussianEvent
    """

    budget: PrivacyBudget
    events: tuple[GaussianEvent, ...]

    @classmethod
    def of(cls, budget: PrivacyBudget, *, max_items: int, evaluation_cells: int) -> RunPlan:
        """The plan that spends `budget`, sampler's error included.

        Parameters
        ----------
        max_items : int
            The most distinct items that one person contributes.
        evaluation_cells : int
            The most entries of the evaluation vector that one person can touch.

        Raises
        ------
        ConfigError
            If no Gaussian noise reaches the budget.
        """
        touched = {
            "consent": 1,
            "people": 1,
            "popularity": max_items,
            "gram": max_items * (max_items + 1) // 2,
            "evaluation": evaluation_cells,
        }
        ideal = mu_at(budget.epsilon, budget.delta)

        def events(mu: float) -> tuple[GaussianEvent, ...]:
            return tuple(_event(name, mu, touched[name]) for name in _SHARES)

        def over(mu: float) -> float:
            return _loss(events(mu)).epsilon(budget.delta) - budget.epsilon

        mu = ideal if over(ideal) <= 0 else _below(over, ideal, budget)
        return cls(budget=budget, events=events(mu))

    def event(self, name: str) -> GaussianEvent:
        """The event of one release."""
        return next(e for e in self.events if e.name == name)

    def loss(self, partition: Partition) -> PrivacyLoss:
        """What the run costs a person of `partition`."""
        return _loss(tuple(e for e in self.events if partition in e.partitions))


def _event(name: str, mu: float, coordinates: int) -> GaussianEvent:
    """One release at its share of the run's μ²."""
    partitions, share = _SHARES[name]
    multiplier = 1 / (mu * np.sqrt(share))
    return GaussianEvent(
        name=name,
        partitions=partitions,
        noise_multiplier=float(multiplier),
        slack=slack(multiplier * SCALE, coordinates),
    )


def _loss(events: tuple[GaussianEvent, ...]) -> PrivacyLoss:
    """The dearer of the two partitions' losses, taken entry by entry."""
    sums = [
        sum((PrivacyLoss.of(e) for e in events if p in e.partitions), PrivacyLoss(mu_squared=0.0, slack_epsilon=0.0, tail=0.0))
        for p in ("training", "evaluation")
    ]
    return PrivacyLoss(
        mu_squared=max(s.mu_squared for s in sums),
        slack_epsilon=max(s.slack_epsilon for s in sums),
        tail=max(s.tail for s in sums),
    )


def _below(over: Callable[[float], float], ideal: float, budget: PrivacyBudget) -> float:
    """The largest μ under `ideal` whose loss, sampler's error included, stays within the budget."""
    low = ideal * 0.9
    if not over(low) < 0:
        raise ConfigError(
            "the sampler's own error must be small beside epsilon",
            given=f"epsilon = {budget.epsilon:g}, delta = {budget.delta:g}",
            do="Choose an epsilon between 0.01 and 30 and a delta above 1e-12",
        )
    return float(brentq(over, low, ideal, xtol=1e-15)) * (1 - 1e-12)
