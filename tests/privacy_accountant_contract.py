"""The laws that every accountant of Gaussian releases keeps, whoever wrote it, and adapters for three of them.

`SoundAccountant` holds for whatever claims an upper bound on ε; `ExactAccountant` for what claims ε itself. A test
class inherits the laws and says how events are priced.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import dp_accounting
from dp_accounting.gaussian_mechanism import get_epsilon_gaussian
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.balance import Balance
from tactful.privacy.events import PARTITIONS, GaussianEvent, Partition, SamplerSlack

GOLDEN = [  # noise multipliers, ε, δ
    # google/differential-privacy, pld_privacy_accountant_test.py, test_gaussian_basic: three releases, one GDP
    ((math.sqrt(3),) * 3, 1.0, 0.12693674),
    # ibid., accountant_test.py, test_get_smallest_gaussian_noise: base; 25 queries of sensitivity 6 under σ = 10
    ((1 / 3,), 1.0, 0.78760074),
    ((10 / 6,) * 25, 1.0, 0.78760074),
    # Balle & Wang 2018, Algorithm 1 at (1, 1e-5)
    ((3.730631634,), 1.0, 1e-5),
]
RUNS = [  # noise multipliers, δ
    ((4.22,), 1e-6),
    ((1.0,), 1e-5),
    ((0.5,), 1e-6),
    ((5.0, 10.0, 20.0), 1e-6),
    ((12.0, 12.0, 12.0, 4.0), 1e-7),
    ((60.0,), 1e-6),
    ((3.0,) * 12, 1e-6),
    ((2.0, 2.5), 1e-9),
]


class Priced(Protocol):
    """What some events cost the people of one partition."""

    def epsilon(self, delta: float) -> float:
        """The ε claimed at this δ."""

    def delta(self, epsilon: float) -> float:
        """The δ claimed at this ε."""


class Ours:
    """`tactful.privacy.accountant`, as the ledger asks it."""

    def __init__(self, events: Sequence[GaussianEvent], partition: Partition) -> None:
        self._loss: PrivacyLoss = Balance().charge(events)[partition]

    def epsilon(self, delta: float) -> float:
        return self._loss.epsilon(delta)

    def delta(self, epsilon: float) -> float:
        return self._loss.delta(epsilon)


class Theirs:
    """An accountant of dp-accounting's; the slack of a sampler is nothing it knows."""

    def __init__(
        self, accountant: dp_accounting.PrivacyAccountant, events: Sequence[GaussianEvent], partition: Partition
    ) -> None:
        self._accountant = accountant
        for event in events:
            if partition in event.partitions:
                accountant.compose(dp_accounting.GaussianDpEvent(event.noise_multiplier))

    def epsilon(self, delta: float) -> float:
        return float(self._accountant.get_epsilon(delta))

    def delta(self, epsilon: float) -> float:
        return float(self._accountant.get_delta(epsilon))


def pld(events: Sequence[GaussianEvent], partition: Partition) -> Theirs:
    """Priced by privacy loss distributions."""
    return Theirs(PLDAccountant(value_discretization_interval=1e-3), events, partition)


def rdp(events: Sequence[GaussianEvent], partition: Partition) -> Theirs:
    """Priced by Rényi divergences, which is more than it costs."""
    return Theirs(RdpAccountant(), events, partition)


def run(*sigmas: float, partitions: tuple[Partition, ...] = ("training",)) -> list[GaussianEvent]:
    """One event for each noise multiplier, without slack."""
    return [
        GaussianEvent(name=f"release {n}", partitions=partitions, noise_multiplier=sigma, slack=SamplerSlack.none())
        for n, sigma in enumerate(sigmas)
    ]


def analytic(sigmas: Sequence[float], delta: float) -> float:
    """ε of one release as informative as these together, by dp-accounting's analytic Gaussian mechanism."""
    return float(get_epsilon_gaussian(sum(sigma**-2 for sigma in sigmas) ** -0.5, delta))


class SoundAccountant(ABC):
    """The laws of an upper bound."""

    tolerance = 1e-9

    @abstractmethod
    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        """The price by the accountant under test."""

    def test_nothing_costs_nothing(self) -> None:
        """No release: ε and δ are 0."""
        assert self.price([]).epsilon(1e-12) == self.price([]).delta(0.0) == self.price([]).delta(5.0) == 0

    def test_no_claim_is_below_what_was_published(self) -> None:
        """At the ε of a golden value no smaller δ is claimed, and at its δ no smaller ε."""
        for sigmas, epsilon, delta in GOLDEN:
            priced = self.price(run(*sigmas))
            assert priced.delta(epsilon) >= delta - 1e-8
            assert priced.epsilon(delta) >= epsilon - 1e-6 - self.tolerance

    def test_no_claim_is_below_the_analytic_gaussian(self) -> None:
        """Releases together cost at least what one as informative as all of them costs."""
        for sigmas, delta in RUNS:
            assert self.price(run(*sigmas)).epsilon(delta) >= analytic(sigmas, delta) - self.tolerance

    def test_the_order_of_releases_is_nothing(self) -> None:
        """Forwards, backwards and rotated."""
        events = run(5.0, 1.5, 9.0, 2.0)
        asked = self.price(events).epsilon(1e-6)
        for other in (events[::-1], events[1:] + events[:1]):
            assert abs(self.price(other).epsilon(1e-6) - asked) <= self.tolerance

    def test_less_noise_and_more_releases_cost_more(self) -> None:
        """ε and δ rise, strictly, as noise falls or a release is added, another like those before too."""
        for sigmas, delta in RUNS:
            here = self.price(run(*sigmas))
            for worse in ([0.9 * sigma for sigma in sigmas], [*sigmas, sigmas[0]], [*sigmas, 7.0]):
                there = self.price(run(*worse))
                assert there.epsilon(delta) > here.epsilon(delta)
                assert there.delta(here.epsilon(delta)) > here.delta(here.epsilon(delta))

    def test_delta_falls_in_epsilon_and_epsilon_in_delta(self) -> None:
        """A larger promise is easier to keep."""
        priced = self.price(run(2.0, 3.0))
        deltas = [priced.delta(epsilon) for epsilon in (0.0, 0.5, 1.0, 2.0, 4.0)]
        assert deltas == sorted(deltas, reverse=True)
        assert len(set(deltas)) == len(deltas)
        epsilons = [priced.epsilon(delta) for delta in (1e-12, 1e-9, 1e-6, 1e-3)]
        assert epsilons == sorted(epsilons, reverse=True)
        assert len(set(epsilons)) == len(epsilons)

    def test_the_two_readings_are_inverse(self) -> None:
        """δ at the ε read for δ is δ."""
        for sigmas, delta in RUNS:
            priced = self.price(run(*sigmas))
            assert math.isclose(priced.delta(priced.epsilon(delta)), delta, rel_tol=1e-4)

    def test_people_pay_for_what_is_about_them(self) -> None:
        """Releases about the others cost nothing; one about everybody costs both."""
        own, others = run(2.0, 3.0), run(0.5, 0.7, partitions=("evaluation",))
        alone = self.price(own).epsilon(1e-6)
        assert self.price([*own, *others]).epsilon(1e-6) == alone
        assert self.price(others).epsilon(1e-6) == self.price(own, "evaluation").epsilon(1e-6) == 0
        shared = [*own, *run(4.0, partitions=PARTITIONS)]
        assert self.price(shared).epsilon(1e-6) > alone
        assert self.price(shared, "evaluation").epsilon(1e-6) == self.price(run(4.0)).epsilon(1e-6)

    def test_slack_is_never_a_discount(self) -> None:
        """What a sampler may be off by only adds."""
        for sigmas, delta in RUNS:
            slack = SamplerSlack(epsilon=1e-3, tail=1e-20)
            events = [replace(event, slack=slack) for event in run(*sigmas)]
            assert self.price(events).epsilon(delta) >= self.price(run(*sigmas)).epsilon(delta)
            assert self.price(events).delta(1.0) >= self.price(run(*sigmas)).delta(1.0)


class ExactAccountant(SoundAccountant):
    """The laws of the cost itself: no less, and no more."""

    def test_the_claim_is_what_was_published(self) -> None:
        """Golden values, to all the digits they have."""
        for sigmas, epsilon, delta in GOLDEN:
            priced = self.price(run(*sigmas))
            assert math.isclose(priced.delta(epsilon), delta, rel_tol=1e-6, abs_tol=1e-8)
            assert math.isclose(priced.epsilon(delta), epsilon, abs_tol=1e-6 + self.tolerance)

    def test_composition_adds_inverse_variances(self) -> None:
        """Releases together cost what one with 1/σ² = Σ 1/σᵢ² costs (Dong, Roth & Su 2022, Corollary 3.3)."""
        for sigmas, delta in RUNS:
            one = sum(sigma**-2 for sigma in sigmas) ** -0.5
            together = self.price(run(*sigmas)).epsilon(delta)
            assert abs(together - self.price(run(one)).epsilon(delta)) <= self.tolerance
            assert abs(together - analytic(sigmas, delta)) <= self.tolerance
