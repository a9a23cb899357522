"""A run's plan spends its (ε, δ) for each person, nearly all of it, and never more."""

from __future__ import annotations

import dp_accounting
import pytest
from dp_accounting.pld import PLDAccountant

from tactful.errors import TactfulError
from tactful.personal.contributions import SCALE
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss
from tactful.privacy.events import PARTITIONS, Partition
from tactful.privacy.noise import slack
from tactful.privacy.plan import RunPlan
from tactful.privacy.statistics import LARGEST_HEAD

BUDGETS = [(0.1, 1e-6), (0.5, 1e-8), (1.0, 1e-6), (3.0, 1e-9), (4.0, 1e-6), (8.0, 1e-5), (20.0, 1e-6)]


def plan(epsilon: float, delta: float, max_items: int = 200, cells: int = 60) -> RunPlan:
    return RunPlan.of(PrivacyBudget(epsilon=epsilon, delta=delta), max_items=max_items, evaluation_cells=cells)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
@pytest.mark.parametrize("part", PARTITIONS)
def test_the_run_costs_each_person_its_budget_from_below(epsilon: float, delta: float, part: Partition) -> None:
    """ε of the whole run at δ is the budget's to 1e-4 and not above it, sampler's error included."""
    made = plan(epsilon, delta)
    spent = made.loss(part).epsilon(delta)
    assert epsilon * (1 - 1e-4) < spent <= epsilon
    assert made.loss(part).fits(made.budget)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
@pytest.mark.parametrize("part", PARTITIONS)
def test_the_pld_accountant_agrees(epsilon: float, delta: float, part: Partition) -> None:
    """dp-accounting composes the same Gaussians to the same ε, to 1e-3."""
    accountant = PLDAccountant(value_discretization_interval=1e-4 if epsilon < 8 else 5e-4)
    for event in plan(epsilon, delta).events:
        if part in event.partitions:
            accountant.compose(dp_accounting.GaussianDpEvent(event.noise_multiplier))
    assert accountant.get_epsilon(delta) == pytest.approx(epsilon, abs=1e-3)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_a_bigger_share_is_never_hidden(epsilon: float, delta: float) -> None:
    """The shares of μ² add up to all of it in each partition, as the module's table says."""
    made = plan(epsilon, delta)
    for part in PARTITIONS:
        parts = {e.name: e.noise_multiplier**-2 for e in made.events if part in e.partitions}
        whole = sum(parts.values())
        wanted = {"consent": 0.01, "people": 0.01, "popularity": 0.10, "gram": 0.88}
        if part == "evaluation":
            wanted = {"consent": 0.01, "evaluation": 0.99}
        assert {name: value / whole for name, value in parts.items()} == pytest.approx(wanted)
        assert made.loss(part).mu_squared == pytest.approx(whole)


def test_training_and_evaluation_are_accounted_apart() -> None:
    """Only the consent counts are about both; the two parts are different people, and each keeps the whole budget."""
    made = plan(1.0, 1e-6)
    both = [e.name for e in made.events if len(e.partitions) == 2]
    assert both == ["consent"]
    everything = PrivacyLoss.total(PrivacyLoss.of(e) for e in made.events)
    assert everything.epsilon(1e-6) > 1.4
    assert everything.mu_squared < sum(made.loss(part).mu_squared for part in PARTITIONS)


def test_every_event_carries_the_slack_of_what_one_person_can_touch() -> None:
    """One count, k items, every pair of the largest head, the cells of the evaluation vector."""
    made = plan(1.0, 1e-6, max_items=30, cells=17)
    touched = {
        "consent": 1,
        "people": 1,
        "popularity": 30,
        "gram": LARGEST_HEAD * (LARGEST_HEAD + 1) // 2,
        "evaluation": 17,
    }
    for event in made.events:
        assert event.slack == slack(event.noise_multiplier * SCALE, touched[event.name])


def test_longer_histories_need_a_little_more_noise() -> None:
    """The sampler's slack is paid for out of the budget: more coordinates, less μ, the same promise."""
    short, long = plan(1.0, 1e-6, max_items=1), plan(1.0, 1e-6, max_items=3000)
    assert long.event("gram").noise_multiplier > short.event("gram").noise_multiplier
    assert long.loss("training").slack_epsilon > short.loss("training").slack_epsilon
    assert long.loss("training").fits(long.budget)


@pytest.mark.parametrize(("epsilon", "delta"), [(1e-12, 1e-300), (1e13, 0.5)])
def test_budgets_beyond_the_sampler_are_refused(epsilon: float, delta: float) -> None:
    """Where the sampler's bound was not proved there is no plan."""
    with pytest.raises(TactfulError):
        plan(epsilon, delta)


def test_an_unknown_release_is_no_event() -> None:
    """There is no price for a release that the plan does not name."""
    with pytest.raises(KeyError):
        plan(1.0, 1e-6).event("everything")
