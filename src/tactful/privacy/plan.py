"""What a training run will release and what each release costs, settled before any data is touched.

The run's (ε, δ) becomes one μ (Gaussians compose exactly: μ² = Σ 1/σᵢ²), and μ² is split:

============  ======================  =========  ================================================================
release       about                   share μ²   why
============  ======================  =========  ================================================================
consent       everybody               1%         counts of people by outcome; their error is tens of people
people        training people         1%         one count; sets the head and checks the minimum
popularity    training people         10%        ranks the catalogue and picks the head
gram          training people         88%        what taste is learned from
evaluation    evaluation people       99%        one vector: quality and fairness
============  ======================  =========  ================================================================

Training and evaluation people are disjoint, so each column sums to 100% by itself. A run that also asks how much lists
tell about groups takes that from the evaluation vector: 89%, and 5% each for the exposures and the guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

from tactful.errors import UsageError
from tactful.personal.contributions import SCALE
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss, calibrate, mu_at
from tactful.privacy.events import GaussianEvent, Partition, SamplerSlack
from tactful.privacy.exposures import LeakageCells
from tactful.privacy.noise import slack
from tactful.privacy.statistics import LARGEST_HEAD

Shares: TypeAlias = Mapping[str, tuple[tuple[Partition, ...], float]]

LEAKAGE: Shares = {
    "evaluation": (("evaluation",), 0.89),
    "exposures": (("evaluation",), 0.05),
    "guesses": (("evaluation",), 0.05),
}
"""What evaluation people's budget becomes where a run asks how much lists tell about groups."""
_SHARES: Shares = {
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
    def of(
        cls, budget: PrivacyBudget, *, max_items: int, evaluation_cells: int, leakage: LeakageCells | None = None
    ) -> RunPlan:
        """The plan that spends `budget`, sampler's error included.

        Parameters
        ----------
        max_items : int
            The most distinct items that one person contributes.
        evaluation_cells : int
            The most entries of the evaluation vector that one person can touch.
        leakage : LeakageCells, optional
            Of the exposures and guesses, if the run asks how much lists tell about groups.

        Raises
        ------
        ConfigError
            If no Gaussian noise reaches the budget.
        """
        touched = {
            "consent": 1,
            "people": 1,
            "popularity": max_items,
            "gram": LARGEST_HEAD * (LARGEST_HEAD + 1) // 2,  # a centred history touches every pair of the head
            "evaluation": evaluation_cells,
        }
        return cls.sharing(budget, *with_leakage(_SHARES, touched, leakage))

    @classmethod
    def sharing(cls, budget: PrivacyBudget, shares: Shares, touched: Mapping[str, int]) -> RunPlan:
        """The plan that spends `budget` on these releases.

        Parameters
        ----------
        shares : mapping of str to (partitions, share of μ²)
            In the order of the releases. In each partition the shares add up to at most 1.
        touched : mapping of str to int
            The most entries of each release that one person can change.

        Raises
        ------
        ConfigError
            If no Gaussian noise reaches the budget.
        """
        ideal = mu_at(budget.epsilon, budget.delta)
        both = PrivacyLoss.total(
            PrivacyLoss.of(e) for e in _events(ideal, shares, touched)
        )  # of both parts: more than either has
        mu = calibrate(budget, SamplerSlack(epsilon=both.slack_epsilon, tail=both.tail))
        return cls(
            budget=budget, events=_events(mu, shares, touched)
        )  # μ is at most `ideal`, so σ is no smaller and the slack no larger

    def has(self, name: str) -> bool:
        """Whether the plan releases this."""
        return any(event.name == name for event in self.events)

    def event(self, name: str) -> GaussianEvent:
        """The event of one release; raises `KeyError` if the plan has none of this name."""
        return {event.name: event for event in self.events}[name]

    def check(self, name: str, touched: int) -> None:
        """Raise unless the event pays for a sampler's error in so many entries of one person.

        Raises
        ------
        UsageError
            If one person can touch more entries of the release than was planned.
        """
        event = self.event(name)
        needed = slack(event.noise_multiplier * SCALE, touched)
        if needed.epsilon > event.slack.epsilon or needed.tail > event.slack.tail:
            raise UsageError(
                "a release touches no more entries of one person than its plan pays for",
                given=f"{name} would touch {touched}",
                do="Plan for more, or ask for less",
            )

    def loss(self, partition: Partition) -> PrivacyLoss:
        """What the run costs a person of `partition`."""
        return PrivacyLoss.total(PrivacyLoss.of(e) for e in self.events if partition in e.partitions)


def with_leakage(
    shares: Shares, touched: Mapping[str, int], leakage: LeakageCells | None
) -> tuple[Shares, Mapping[str, int]]:
    """Shares of μ² and touched entries of a run that also asks how much lists tell about groups; None: as they are."""
    if leakage is None:
        return shares, touched
    return {**shares, **LEAKAGE}, {**touched, "exposures": leakage.exposures, "guesses": leakage.guesses}


def _events(mu: float, shares: Shares, touched: Mapping[str, int]) -> tuple[GaussianEvent, ...]:
    """Every release at its share of μ²."""
    return tuple(
        GaussianEvent(name=name, partitions=partitions, noise_multiplier=m, slack=slack(m * SCALE, touched[name]))
        for name, (partitions, share) in shares.items()
        for m in (1 / (mu * sqrt(share)),)
    )
