"""The methods with a guarantee that `tactful benchmark quality` compares, each as a training run would make it.

A method is a function from people, a budget and a source of noise to a model; to add one is to add a line to `PRIVATE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from tactful.alternating import fit_dpals
from tactful.benchmarks.worlds import World
from tactful.config import TrainingConfig
from tactful.errors import ConfigError
from tactful.fitting import fit_released
from tactful.forecast import MOST_EPSILON
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Rehearsal
from tactful.privacy.noise import NoiseSource
from tactful.privacy.release import PrivateRelease
from tactful.released.model import ReleasedModel
from tactful.released.popularity import PopularityRecommender

PrivateMethod = Callable[[World, PrivacyBudget, NoiseSource], ReleasedModel]
"""From public people, (ε, δ) of a whole run and the noise to the model that the run would register."""


def default_settings(budget: PrivacyBudget, *, method: str = "tactful") -> TrainingConfig:
    """What `tactful train` does with a configuration that says nothing but what it must; its tables are not read.

    Raises
    ------
    ConfigError
        If no run could have this budget.
    """
    nowhere = dict.fromkeys(("interactions", "items", "consents"), "nowhere.parquet")
    table = {
        "model": {"name": "benchmark", "method": method, "intended_use": "A measurement on public data."},
        "data": nowhere,
        "policy": {"retention_days": 36_500},
        "privacy": {"epsilon": budget.epsilon, "delta": budget.delta},
        "budget": {"epsilon": budget.epsilon, "delta": budget.delta},
    }
    try:
        return TrainingConfig.model_validate(table)
    except ValueError:
        raise ConfigError(
            "epsilon is above 0 and at most 30, and delta lies between 0 and 1",
            given=f"epsilon = {budget.epsilon:g}, delta = {budget.delta:g}",
            do="Give a budget that a training run may have",
        ) from None


def trained(world: World, budget: PrivacyBudget, noise: NoiseSource) -> ReleasedModel:
    """The model of `tactful train`, from whatever features the catalogue has."""
    door, planned = _paid(budget, noise)
    return fit_released(door, world.everybody, planned, door.people(world.everybody)).model


def simulated(world: World, budget: PrivacyBudget, noise: NoiseSource) -> ReleasedModel:
    """What `trained` would be with any budget: more than a run may have tells what less noise would bring."""
    settings = default_settings(replace(budget, epsilon=min(budget.epsilon, MOST_EPSILON)))
    privacy = settings.privacy.model_copy(update={"epsilon": budget.epsilon})
    door, planned = _door(settings.model_copy(update={"privacy": privacy}), noise)
    return fit_released(door, world.everybody, planned, door.people(world.everybody)).model


def popular(world: World, budget: PrivacyBudget, noise: NoiseSource) -> ReleasedModel:
    """The list of the same run that is the same for everybody."""
    door, _ = _paid(budget, noise)
    door.people(world.everybody)  # so that the noise that follows is that of `trained`
    return PopularityRecommender().fit(door.popularity(world.everybody)).model_


def alternated(world: World, budget: PrivacyBudget, noise: NoiseSource) -> ReleasedModel:
    """The model of private alternating least squares under the same promise, from whatever features there are."""
    door, planned = _paid(budget, noise, method="dpals")
    return fit_dpals(door, world.everybody, planned.plan, door.people(world.everybody)).model


def _paid(budget: PrivacyBudget, noise: NoiseSource, *, method: str = "tactful") -> tuple[PrivateRelease, Planned]:
    """A door for a run of this budget, and what it releases; nobody here needs a ledger."""
    return _door(default_settings(budget, method=method), noise)


def _door(settings: TrainingConfig, noise: NoiseSource) -> tuple[PrivateRelease, Planned]:
    """The door of a run with these settings, and what it releases."""
    planned = Planned.of(settings)
    return PrivateRelease(ledger=Rehearsal(), run="benchmark", plan=planned.plan, noise=noise), planned


PRIVATE: Mapping[str, PrivateMethod] = MappingProxyType(
    {"popularity": popular, "tactful": trained, "tactful-no-features": trained, "dpals": alternated}
)
"""By name. One whose name ends in ``-no-features`` is given a catalogue that has none."""
