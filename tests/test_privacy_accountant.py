"""Exact accounting: the laws every accountant keeps, kept by ours and two others, and what only ours promises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import mpmath
import pytest
from diffprivlib.mechanisms import GaussianAnalytic
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from privacy_accountant_contract import RUNS, ExactAccountant, Ours, Priced, SoundAccountant, pld, rdp, run
from tactful.errors import ConfigError, TactfulError, UsageError
from tactful.privacy import accountant
from tactful.privacy.accountant import (
    PrivacyBudget,
    PrivacyLoss,
    calibrate,
    delta_at,
    epsilon_at,
    mu_at,
)
from tactful.privacy.events import PARTITIONS, GaussianEvent, Partition, SamplerSlack

LAWS = settings(deadline=None, derandomize=True, database=None)

epsilons = st.floats(0.01, 100)
deltas = st.floats(-14, -1).map(lambda exponent: 10.0**exponent)
mus = st.floats(1e-3, 20)
slacks = st.builds(SamplerSlack, epsilon=st.floats(0, 1e-3), tail=st.floats(0, 1e-16))


def event(sigma: float, name: str = "x", slack: SamplerSlack | None = None) -> GaussianEvent:
    return GaussianEvent(
        name=name, partitions=("training",), noise_multiplier=sigma, slack=slack or SamplerSlack.none()
    )


def loss(*sigmas: float, slack: SamplerSlack | None = None) -> PrivacyLoss:
    return PrivacyLoss.total(PrivacyLoss.of(event(sigma, slack=slack)) for sigma in sigmas)


@pytest.mark.parametrize(
    ("mu", "epsilon", "delta"),
    [
        # google/differential-privacy, privacy_loss_mechanism_test.py, test_gaussian_get_delta_for_epsilon
        (1.0, 1.0, 0.12693674),
        (3.0, 1.0, 0.78760074),
        (1.0, 2.0, 0.02092364),
        (1.0, 0.0, 0.38292492),  # 2Φ(1/2) − 1: the total variation of two unit normals one apart
        (1.0, -1.0, 0.67881797),
        (1.0, -2.0, 0.86749642),
    ],
)
def test_golden_deltas(mu: float, epsilon: float, delta: float) -> None:
    """δ(ε) is what other implementations publish, to all digits they give."""
    assert delta_at(mu, epsilon) == pytest.approx(delta, abs=1e-8)


def test_fifty_two_weekly_runs() -> None:
    """52 runs of ε = 1 at δ = 1e-6 make 9.1 in a year, not 52 and not √52."""
    assert epsilon_at(math.sqrt(52) * mu_at(1.0, 1e-6), 1e-6) == pytest.approx(9.0946, abs=1e-4)


@pytest.mark.parametrize("mu", [1e-6, 1e-3, 0.1, 1.0, 3.0, 10.0, 50.0])
@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 1e-5, 0.01, 1.0, 8.0, 50.0, 300.0, 600.0])
def test_delta_is_exact_where_subtraction_would_not_be(mu: float, epsilon: float) -> None:
    """At sixty digits the formula gives the same δ, down to 1e-290."""
    with mpmath.workdps(60):
        m, e = mpmath.mpf(mu), mpmath.mpf(epsilon)
        exact = mpmath.ncdf(m / 2 - e / m) - mpmath.exp(e) * mpmath.ncdf(-m / 2 - e / m)
    if exact > 1e-290:
        assert delta_at(mu, epsilon) == pytest.approx(float(exact), rel=5e-9)
    else:
        assert delta_at(mu, epsilon) < 1e-289


class TestOurs(ExactAccountant):
    """`tactful.privacy.accountant`."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return Ours(events, partition)


class TestLossDistributions(ExactAccountant):
    """dp-accounting's privacy loss distributions, an exact method that shares nothing with ours."""

    tolerance = 5e-5  # of its discretisation

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return pld(events, partition)


class TestRenyi(SoundAccountant):
    """dp-accounting's Rényi accountant, an upper bound."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return rdp(events, partition)

    def test_it_lies_above_the_exact_cost(self) -> None:
        """By more than rounding, at every run: if ours were not below it, ours would be no exact accountant."""
        for sigmas, delta in RUNS:
            assert self.price(run(*sigmas)).epsilon(delta) > 1.01 * Ours(run(*sigmas), "training").epsilon(delta)


class Forgetful(ExactAccountant):
    """Counts releases with the same noise once."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return Ours(list({event.noise_multiplier: event for event in events}.values()), partition)


class Averaging(ExactAccountant):
    """Charges as if each release had everybody's average noise, once."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        mean = sum(event.noise_multiplier for event in events) / max(1, len(events))
        return Ours(run(mean) if events else [], partition)


class Indifferent(ExactAccountant):
    """Lets everybody pay for everything."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return Ours([replace(event, partitions=PARTITIONS) for event in events], partition)


class Generous(ExactAccountant):
    """Rounds down."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        return Ours([replace(e, noise_multiplier=1.001 * e.noise_multiplier) for e in events], partition)


class Crediting(ExactAccountant):
    """Takes a sampler's slack off the bill."""

    def price(self, events: Sequence[GaussianEvent], partition: Partition = "training") -> Priced:
        wide = [replace(e, noise_multiplier=e.noise_multiplier * (1 + 2 * e.slack.epsilon)) for e in events]
        return Ours([replace(e, slack=SamplerSlack.none()) for e in wide], partition)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (Forgetful, "test_composition_adds_inverse_variances"),
        (Forgetful, "test_no_claim_is_below_what_was_published"),
        (Averaging, "test_less_noise_and_more_releases_cost_more"),
        (Indifferent, "test_people_pay_for_what_is_about_them"),
        (Generous, "test_no_claim_is_below_the_analytic_gaussian"),
        (Generous, "test_the_claim_is_what_was_published"),
        (Crediting, "test_slack_is_never_a_discount"),
    ],
)
def test_a_broken_accountant_breaks_a_law(broken: type[ExactAccountant], law: str) -> None:
    """Each way of charging too little, or the wrong people, is caught by the law beside it."""
    with pytest.raises(AssertionError):
        getattr(broken(), law)()


def test_the_renyi_accountant_is_the_published_one() -> None:
    """google/differential-privacy, rdp_privacy_accountant_test.py: at σ = 4.530877117 it gives (1, 1e-6)."""
    assert rdp(run(4.530877117), "training").epsilon(1e-6) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("delta", [1e-7, 1e-6, 1e-3])
def test_diffprivlib_calibrates_the_same_noise(epsilon: float, delta: float) -> None:
    """Its analytic Gaussian (Balle & Wang 2018, Algorithm 1) and ours give the same σ."""
    theirs = math.sqrt(GaussianAnalytic(epsilon=epsilon, delta=delta, sensitivity=1).variance(0))
    assert 1 / mu_at(epsilon, delta) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0, 3.0, 8.0, 20.0, 50.0, 100.0])
@pytest.mark.parametrize("delta", [1e-12, 1e-6, 1e-2])
def test_calibration_and_reading_are_inverse(epsilon: float, delta: float) -> None:
    """mu_at spends all of (ε, δ) and no more, at any size."""
    mu = mu_at(epsilon, delta)
    assert delta_at(mu, epsilon) <= delta
    assert epsilon_at(mu, delta) == pytest.approx(epsilon, rel=1e-7)
    assert epsilon_at(mu, delta) <= epsilon


@LAWS
@given(mus, deltas)
def test_reading_and_calibration_are_inverse(mu: float, delta: float) -> None:
    """From μ to ε and back."""
    epsilon = epsilon_at(mu, delta)
    assume(0.01 < epsilon < 100)
    assert mu_at(epsilon, delta) == pytest.approx(mu, rel=1e-6)


@LAWS
@given(mus, epsilons, deltas, st.floats(1.001, 2))
def test_more_of_anything_is_more(mu: float, epsilon: float, delta: float, factor: float) -> None:
    """δ falls in ε and rises in μ; ε falls in δ and rises in μ."""
    assert delta_at(mu, epsilon * factor) <= delta_at(mu, epsilon) <= delta_at(mu * factor, epsilon)
    assert epsilon_at(mu, min(delta * factor, 0.99)) <= epsilon_at(mu, delta) <= epsilon_at(mu * factor, delta)


@LAWS
@given(epsilons, deltas, slacks, st.lists(st.floats(0.01, 1), min_size=1, max_size=8))
@example(1.0, 1e-6, SamplerSlack.none(), [0.01, 0.01, 0.1, 0.88])
def test_a_run_calibrated_split_and_added_up_fits(
    epsilon: float, delta: float, slack: SamplerSlack, weights: list[float]
) -> None:
    """However μ² is split among events, the run still fits the budget it was calibrated to, slack included."""
    assume(slack.tail * (1 + math.exp(epsilon)) < delta / 2)
    assume(slack.epsilon < epsilon / 2)
    budget = PrivacyBudget(epsilon=epsilon, delta=delta)
    mu, share = calibrate(budget, slack), 1 / len(weights)
    part = SamplerSlack(epsilon=slack.epsilon * share, tail=slack.tail * share)
    run = loss(*(1 / (mu * math.sqrt(w / sum(weights))) for w in weights), slack=part)
    assert run.fits(budget)
    assert run.epsilon(delta) <= epsilon
    if slack.tail * math.exp(epsilon) < delta / 1000:
        assert run.epsilon(delta) == pytest.approx(epsilon, rel=1e-6)
    assert not loss(*(0.999 / (mu * math.sqrt(w / sum(weights))) for w in weights), slack=part).fits(budget)


@LAWS
@given(mus, deltas, slacks)
def test_epsilon_is_the_smallest_that_holds(mu: float, delta: float, slack: SamplerSlack) -> None:
    """With slack: δ at the ε reported is within δ, and just below it is not."""
    found = loss(1 / mu, slack=slack).epsilon(delta)
    assume(0.01 < found < math.inf)
    assert loss(1 / mu, slack=slack).delta(found) <= delta * (1 + 1e-6)
    assert loss(1 / mu, slack=slack).delta(found * (1 - 1e-5)) > delta
    assert found >= epsilon_at(mu, delta) + slack.epsilon * 0.999 - 1e-9


@LAWS
@given(mus, deltas, slacks, epsilons, st.floats(1, 50))
def test_what_fits_a_budget_fits_every_larger_one(
    mu: float, delta: float, slack: SamplerSlack, epsilon: float, factor: float
) -> None:
    """Also where the sampler's tail at 1 + e^ε outgrows δ: the promise at a smaller ε still stands."""
    real, small = loss(1 / mu, slack=slack), PrivacyBudget(epsilon=epsilon, delta=delta)
    larger = PrivacyBudget(epsilon=epsilon * factor, delta=delta)
    assert real.fits(larger) or not real.fits(small)
    assert real.delta(larger.epsilon) <= real.delta(small.epsilon) * (1 + 1e-9)
    if slack.tail * (1 + math.exp(small.epsilon)) < delta / 2 and slack.epsilon < epsilon / 2:
        assert calibrate(larger, slack) >= calibrate(small, slack) * (1 - 1e-9)


def test_a_tail_does_not_shut_a_large_limit() -> None:
    """A run of ε = 0.4 fits a limit of 50, although 1e-20 · e^50 is far above δ."""
    assert loss(10.0, slack=SamplerSlack(epsilon=1e-9, tail=1e-20)).fits(PrivacyBudget(epsilon=50, delta=1e-6))


def test_slack_is_paid_in_full() -> None:
    """ε shifts by the slack, δ pays the tail at 1 + e^ε and the ratio at e^{s/2}."""
    real = loss(2.0, slack=SamplerSlack(epsilon=0.1, tail=1e-9))
    expected = math.exp(0.05) * delta_at(0.5, 0.9) + 1e-9 * (1 + math.e)
    assert real.delta(1.0) == pytest.approx(expected, rel=1e-12)


def test_a_tail_too_heavy_for_delta_has_no_epsilon() -> None:
    """No ε is claimed when the sampler alone may fail more often than δ."""
    assert loss(2.0, slack=SamplerSlack(epsilon=0.0, tail=1e-6)).epsilon(1e-6) == math.inf
    assert loss(0.05, slack=SamplerSlack(epsilon=0.0, tail=1e-20)).epsilon(1e-6) == math.inf
    with pytest.raises(ConfigError, match="error of the sampler"):
        calibrate(PrivacyBudget(epsilon=1, delta=1e-6), SamplerSlack(epsilon=0, tail=1e-6))


def test_nothing_fits_the_smallest_budget() -> None:
    """Nothing released fits anything; noise so strong that δ(0) ≤ δ has ε = 0, and a little less does not."""
    assert PrivacyLoss().fits(PrivacyBudget(epsilon=1e-9, delta=1e-300))
    assert epsilon_at(0.0, 1e-6) == epsilon_at(2e-6, 1e-6) == 0
    assert epsilon_at(3e-6, 1e-6) > 0


def test_losses_add_in_any_order() -> None:
    """Sums are correctly rounded, so a replayed ledger never depends on the order of addition."""
    parts = [loss(sigma) for sigma in (0.1, 3.0, 7.7, 1e5, 0.3)]
    assert PrivacyLoss.total(parts) == PrivacyLoss.total(reversed(parts))
    assert loss(2.0) + PrivacyLoss() == loss(2.0)


@LAWS
@given(st.floats(0.05, 5), st.floats(0.1, 0.99), deltas, slacks)
def test_the_room_left_is_room(epsilon: float, used: float, delta: float, slack: SamplerSlack) -> None:
    """A run of the ε that remains, with no more slack than was kept for it, fits; a slightly larger one does not."""
    budget = PrivacyBudget(epsilon=epsilon, delta=delta)
    assume(slack.epsilon < epsilon / 100)
    assume(slack.tail * (1 + math.exp(epsilon)) < delta / 100)
    spent = loss(1 / (used * mu_at(epsilon, delta)), slack=slack)
    room = spent.room(budget, slack)
    assume(room > 0.001)
    following = PrivacyBudget(epsilon=room, delta=delta)
    assume(slack.epsilon < room / 2)
    mu = calibrate(following, slack)
    assert (spent + loss(1 / mu, slack=slack)).fits(budget)
    assert not (spent + loss(1 / (1.01 * mu_at(room, delta)), slack=slack)).fits(budget)


def test_there_is_no_room_past_the_limit() -> None:
    """All is room before the first event; none after too much."""
    budget, none = PrivacyBudget(epsilon=1, delta=1e-6), SamplerSlack.none()
    assert PrivacyLoss().room(budget, none) == 1
    assert loss(1.0).room(budget, none) == 0
    assert loss(1 / mu_at(1, 1e-6)).room(budget, none) == 0


@pytest.mark.parametrize("epsilon", [0, -1, math.inf, math.nan])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon: float) -> None:
    """ε is finite and above 0."""
    with pytest.raises(ConfigError, match="epsilon is a finite number above 0"):
        PrivacyBudget(epsilon=epsilon, delta=1e-6)


@pytest.mark.parametrize("delta", [0, 1, -1e-6, math.nan, 2])
def test_a_delta_that_promises_nothing_is_refused(delta: float) -> None:
    """δ lies strictly between 0 and 1."""
    with pytest.raises(ConfigError, match="delta lies strictly between"):
        mu_at(1, delta)


def test_a_broken_calibration_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the closed form off by 1e-5, diffprivlib's own calibration would say so and nothing would be released."""
    exact = accountant._largest_mu
    monkeypatch.setattr(accountant, "_largest_mu", lambda epsilon, delta: exact(epsilon, delta) * (1 + 1e-5))
    with pytest.raises(TactfulError, match="two calibrations of the same noise must agree"):
        mu_at(1, 1e-6)


@settings(LAWS, max_examples=300)
@given(st.floats(0.001, 60), deltas)
def test_the_two_calibrations_never_raise_a_false_alarm(epsilon: float, delta: float) -> None:
    """Wherever they are compared they agree."""
    assert mu_at(epsilon, delta) > 0


@pytest.mark.parametrize(
    "fields",
    [
        {"noise_multiplier": 0.0},
        {"noise_multiplier": -1.0},
        {"noise_multiplier": math.inf},
        {"noise_multiplier": math.nan},
        {"name": ""},
        {"partitions": ()},
        {"partitions": ("training", "training")},
        {"partitions": ("everybody",)},
    ],
)
def test_an_event_that_describes_nothing_is_refused(fields: dict) -> None:
    """A name, whose data, and a positive finite σ."""
    right = {"name": "x", "partitions": ("training",), "noise_multiplier": 1.0, "slack": SamplerSlack.none()}
    with pytest.raises(UsageError):
        GaussianEvent(**{**right, **fields})


@pytest.mark.parametrize(("epsilon", "tail"), [(-1.0, 0.0), (math.inf, 0.0), (0.0, -1e-9), (0.0, 1.0), (math.nan, 0.0)])
def test_slack_that_would_earn_privacy_is_refused(epsilon: float, tail: float) -> None:
    """Slack is never negative."""
    with pytest.raises(UsageError):
        SamplerSlack(epsilon=epsilon, tail=tail)


@LAWS
@given(st.floats(1e-3, 1e6), slacks)
def test_an_event_reads_back_from_json_exactly(sigma: float, slack: SamplerSlack) -> None:
    """What the journal keeps is the event, to the last bit."""
    there = event(sigma, slack=slack)
    assert GaussianEvent.of_json(there.as_json()) == there
