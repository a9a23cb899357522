"""The exact price of Gaussian releases: μ² adds up, and ε is read off at any δ.

A Gaussian release of noise multiplier σ is 1/σ-GDP (Dong, Roth & Su 2022, Theorem 2.7); releases on the same people,
each chosen after seeing the ones before, compose to μ-GDP with μ² = Σ 1/σᵢ² (ibid., Corollary 3.3); and μ-GDP is
(ε, δ)-DP for exactly δ(ε) = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ) (ibid., Corollary 2.13; Balle & Wang 2018, Theorem 8).
Neighbours differ by adding or removing one person.

Notes
-----
*Sampler slack.* Let P, Q be the ideal outputs on neighbours and P′, Q′ the real ones, with log-ratios to the ideal
within s/2 but on an event of probability t under each. Then Σ(P′ − e^ε Q′)₊ ≤ e^{s/2} Σ(P − e^{ε−s} Q)₊ + t(1 + e^ε),
so the real mechanism is (ε, e^{s/2} δ(ε − s) + t(1 + e^ε))-DP. The factor e^{s/2} is next to nothing, and it is there.
That bound grows again where t·e^ε takes over, while the truth does not: what holds at ε holds at every larger ε. So δ
at ε is the bound's smallest value up to ε. The bound is convex in e^ε with slope t − e^{−s/2} Φ(−μ/2 − (ε − s)/μ), so
it falls up to ε = s − μ²/2 − μ Φ⁻¹(t e^{s/2}) and rises from there.

*Calibration.* diffprivlib's `GaussianAnalytic` forms Φ as (1 + erf)/2, which loses all digits once e^ε/δ nears 2^53: at
δ = 1e-6 it is good up to ε of about 11. Within its range both calibrations are computed and must agree to 1e-6, or
nothing is calibrated; what is returned is always the closed form's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import erfcx, log_ndtr, ndtri

from tactful.errors import ConfigError, TactfulError
from tactful.privacy.events import GaussianEvent, SamplerSlack

_AGREEMENT = 1e-6
_ROUNDS = 1000
_SHAVE = 1e-9
"""Calibrations stop this far below the exact μ, so that the parts of a run, split and added up again, still fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyBudget:
    """A promise that can be kept: finite ε above 0, δ strictly between 0 and 1.

    Raises
    ------
    ConfigError
        If either is out of range.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < math.inf:
            raise ConfigError(
                "epsilon is a finite number above 0",
                given=f"epsilon = {self.epsilon}",
                do="Choose the privacy you can promise, e.g. epsilon = 1",
            )
        if not 0 < self.delta < 1:
            raise ConfigError(
                "delta lies strictly between 0 and 1",
                given=f"delta = {self.delta}",
                do="Choose it far below one over the number of people, e.g. delta = 1e-6",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyLoss:
    """What releases on the same people have cost together.

    Attributes
    ----------
    mu_squared : float
        Σ 1/σᵢ².
    slack_epsilon, tail : float
        Sums of the samplers' slack.
    """

    mu_squared: float = 0.0
    slack_epsilon: float = 0.0
    tail: float = 0.0

    @classmethod
    def of(cls, event: GaussianEvent) -> PrivacyLoss:
        """The cost of one event to each person it reads."""
        mu = 1 / event.noise_multiplier
        return cls(mu_squared=mu * mu, slack_epsilon=event.slack.epsilon, tail=event.slack.tail)

    @classmethod
    def total(cls, losses: Iterable[PrivacyLoss]) -> PrivacyLoss:
        """The cost of all of them together, the same in any order."""
        parts = list(losses)
        return cls(
            mu_squared=math.fsum(part.mu_squared for part in parts),
            slack_epsilon=math.fsum(part.slack_epsilon for part in parts),
            tail=math.fsum(part.tail for part in parts),
        )

    def __add__(self, other: PrivacyLoss) -> PrivacyLoss:
        return PrivacyLoss.total((self, other))

    def delta(self, epsilon: float) -> float:
        """The smallest δ that is proven at this ε ≥ 0, in [0, 1]."""
        return self._bound(min(epsilon, max(0.0, self._turn())) if self.tail else epsilon)

    def epsilon(self, delta: float) -> float:
        """The smallest ε at this δ; infinite if the samplers' tails leave no room.

        What the tail adds grows with ε, so ε is found by rising from 0 to the least fixed point.
        """
        mu, found = math.sqrt(self.mu_squared), 0.0
        for _ in range(_ROUNDS):
            left = self._ideal_delta(delta, found)
            rises_to = self.slack_epsilon + _epsilon_any_sign(mu, left) if left > 0 else math.inf
            if rises_to <= found or rises_to == math.inf:
                return max(found, rises_to)
            found = rises_to
        return math.inf

    def fits(self, budget: PrivacyBudget) -> bool:
        """Whether the budget's promise covers it."""
        return self.delta(budget.epsilon) <= budget.delta

    def room(self, budget: PrivacyBudget, reserve: SamplerSlack) -> float:
        """The ε, at the budget's δ, of the largest run that can follow within the budget.

        Parameters
        ----------
        budget : PrivacyBudget
        reserve : SamplerSlack
            The most slack the next run may have. Any run with no more, and no larger ε at that δ, fits.
        """
        if self == PrivacyLoss():
            return budget.epsilon
        slack = PrivacyLoss(slack_epsilon=self.slack_epsilon + reserve.epsilon, tail=self.tail + reserve.tail)
        left = slack._largest_mu(budget) ** 2 - self.mu_squared
        return epsilon_at(math.sqrt(left), budget.delta) if left > 0 else 0.0

    def _ideal_delta(self, delta: float, epsilon: float) -> float:
        """What δ leaves for the ideal mechanism once the slack is paid at ε; may be negative."""
        return (delta - _tail_delta(self.tail, epsilon)) * math.exp(-self.slack_epsilon / 2)

    def _bound(self, epsilon: float) -> float:
        """The bound of the module's notes at this very ε."""
        ideal = self.slack_epsilon / 2 + _log_delta(math.sqrt(self.mu_squared), epsilon - self.slack_epsilon)
        return min(1.0, math.exp(min(0.0, ideal)) + _tail_delta(self.tail, epsilon))

    def _turn(self) -> float:
        """The ε from which on the bound rises, because of the tail."""
        mu = math.sqrt(self.mu_squared)
        return self.slack_epsilon - mu * (mu / 2 + float(ndtri(min(1.0, self.tail * math.exp(self.slack_epsilon / 2)))))

    def _largest_mu(self, budget: PrivacyBudget) -> float:
        """The largest μ that fits the budget with this slack, by the closed form alone; 0 if there is none."""
        mu = _largest_mu(budget.epsilon - self.slack_epsilon, self._ideal_delta(budget.delta, budget.epsilon))
        if not self.tail or (mu > 0 and self._with(mu)._turn() >= budget.epsilon):
            return mu
        return _last_that_fits(lambda mu: self._with(mu).fits(budget))

    def _with(self, mu: float) -> PrivacyLoss:
        """The same slack with another μ."""
        return PrivacyLoss(mu_squared=mu * mu, slack_epsilon=self.slack_epsilon, tail=self.tail)


def delta_at(mu: float, epsilon: float) -> float:
    """The δ of a μ-GDP mechanism at ε, accurate to about nine digits at any size it has as a float.

    Parameters
    ----------
    mu : float
        At least 0.
    epsilon : float
        Any real number; below 0 it is the same divergence, continued.
    """
    return math.exp(_log_delta(mu, epsilon))


def epsilon_at(mu: float, delta: float) -> float:
    """The smallest ε ≥ 0 of a μ-GDP mechanism at δ; 0 where δ(0) ≤ δ."""
    return max(0.0, _epsilon_any_sign(mu, delta))


def mu_at(epsilon: float, delta: float) -> float:
    """The largest μ that is (ε, δ)-DP, less one part in 10⁹, checked against diffprivlib.

    Raises
    ------
    ConfigError
        If ε or δ is out of range.
    TactfulError
        If the two calibrations disagree: then one of them is broken and neither may be used.
    """
    return calibrate(PrivacyBudget(epsilon=epsilon, delta=delta), SamplerSlack.none())


def calibrate(budget: PrivacyBudget, slack: SamplerSlack) -> float:
    """The largest μ a run may have so that, with its samplers' slack, it fits the budget; otherwise like `mu_at`.

    Parameters
    ----------
    budget : PrivacyBudget
    slack : SamplerSlack
        The sum over the run's events.
    """
    mu = PrivacyLoss(slack_epsilon=slack.epsilon, tail=slack.tail)._largest_mu(budget)
    if mu == 0:
        raise ConfigError(
            "the budget must leave room beyond the error of the sampler",
            given=f"epsilon = {budget.epsilon:g}, delta = {budget.delta:g} against {slack.epsilon:g}, {slack.tail:g}",
            do="Raise epsilon or delta, or use a sampler with a smaller error",
        )
    _check_calibration(budget)
    return mu


def _tail_delta(tail: float, epsilon: float) -> float:
    """t(1 + e^ε), for an ε of any size."""
    return tail * (1 + math.exp(min(epsilon, 700.0))) if tail else 0.0


def _last_that_fits(fits: Callable[[float], bool]) -> float:
    """The largest μ that fits, shaved, by bisection; 0 if not even 1e-9 does."""
    low, high = 1e-9, 1.0
    if not fits(low):
        return 0.0
    while fits(high):
        low, high = high, 2 * high
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * (1 - _SHAVE)


def _log_delta(mu: float, epsilon: float) -> float:
    """The logarithm of δ(ε). Where δ is small it is φ(a)(R(a) − R(b)) with R = Φ/φ, since φ(a) = e^ε φ(b)."""
    if mu == 0:
        return _log(-math.expm1(min(epsilon, 0.0)))
    a, b = mu / 2 - epsilon / mu, -mu / 2 - epsilon / mu
    if a > 1:
        return _log(math.exp(log_ndtr(a)) - math.exp(epsilon + log_ndtr(b)))
    return _log(float(erfcx(-a / math.sqrt(2)) - erfcx(-b / math.sqrt(2))) / 2) - a * a / 2


def _log(value: float) -> float:
    """The logarithm, and −∞ where rounding left nothing."""
    return math.log(value) if value > 0 else -math.inf


def _epsilon_any_sign(mu: float, delta: float) -> float:
    """The ε where δ(ε) = δ, rounded up; below 0 where δ(0) < δ."""
    if mu == 0 or delta >= 1:
        return math.log1p(-delta) if delta < 1 else -math.inf
    target = math.log(delta)
    low, high = math.log1p(-delta) - 1, mu * (mu / 2 + math.sqrt(-2 * target) + 1)
    found = float(brentq(lambda epsilon: _log_delta(mu, epsilon) - target, low, high, xtol=1e-18, rtol=1e-14))
    return found + 1e-12 * abs(found)


def _largest_mu(epsilon: float, delta: float) -> float:
    """The largest μ with δ_μ(ε) ≤ δ, shaved; 0 if there is none."""
    if delta <= -math.expm1(min(epsilon, 0.0)):
        return 0.0
    target = math.log(delta)
    high = 1.0
    while _log_delta(high, epsilon) < target:
        high *= 2
    low = high / 2
    while _log_delta(low, epsilon) > target:
        low /= 2
    found = float(brentq(lambda mu: _log_delta(mu, epsilon) - target, low, high, xtol=1e-300, rtol=1e-14))
    return found * (1 - _SHAVE)


def _check_calibration(budget: PrivacyBudget) -> None:
    """Raise unless diffprivlib calibrates the same μ, where its arithmetic can tell."""
    if budget.epsilon > 100 or (1 + math.exp(budget.epsilon)) * 2**-53 > 1e-5 * budget.delta:
        return
    from diffprivlib.mechanisms import GaussianAnalytic

    mechanism = GaussianAnalytic(epsilon=budget.epsilon, delta=budget.delta, sensitivity=1)
    theirs, ours = 1 / math.sqrt(mechanism.variance(0)), _largest_mu(budget.epsilon, budget.delta)
    if abs(theirs - ours) > _AGREEMENT * ours:
        raise TactfulError(
            "two calibrations of the same noise must agree",
            given=f"mu = {ours!r} by the closed form, {theirs!r} by diffprivlib, for {budget}",
            do="Release nothing; report this with the installed versions",
            ours=ours,
            theirs=theirs,
        )
