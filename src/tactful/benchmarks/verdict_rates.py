"""How often each verdict is given in worlds that are unfair by construction, and in worlds where all are equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from tactful.assurance.evaluation import design
from tactful.assurance.fairness import FairnessRule, assess
from tactful.assurance.strata import Groupings
from tactful.assurance.verdicts import Status
from tactful.benchmarks.assessed import Crowd, released
from tactful.errors import UsageError
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SeededNoise

REPETITIONS = 200
BUDGET = PrivacyBudget(epsilon=3.0, delta=1e-6)
LEVELS = ("under 35", "35-54", "55-64", "65+")
_SHARES = (0.3, 0.3, 0.25, 0.15)
_HIT = 0.5
_METRIC = "ndcg@10"
RULE = FairnessRule(name="ndcg_by_age", attribute="age", metric=_METRIC, statistic="ratio", bound=0.8)
MINIMUM_PEOPLE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedWorld:
    """People whose groups are served as it says.

    Attributes
    ----------
    people : int
        Who are evaluated, in four groups of different sizes.
    served : float
        How well the smallest group is served, where 1 is as well as the others.
    should : str
        The verdict that it deserves.
    """

    people: int
    served: float
    should: Status


WORLDS: Mapping[str, PlantedWorld] = MappingProxyType(
    {
        "unfair": PlantedWorld(people=20_000, served=0.5, should="fail"),
        "equal": PlantedWorld(people=20_000, served=1.0, should="pass"),
        "equal, few people": PlantedWorld(people=200, served=1.0, should="insufficient evidence"),
        "at the bound": PlantedWorld(people=20_000, served=RULE.bound, should="insufficient evidence"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRates:
    """What was said of one planted world, again and again.

    Attributes
    ----------
    world : str
    people, repetitions : int
    should : str
        The verdict that the world deserves.
    rates : mapping of str to float
        How often each verdict was given.
    """

    world: str
    people: int
    repetitions: int
    should: Status
    rates: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes."""
        return {
            "world": self.world,
            "people": self.people,
            "repetitions": self.repetitions,
            "should": self.should,
            "rates": dict(self.rates),
        }


def verdict_rates(
    repetitions: int = REPETITIONS, *, seed: int = 0, progress: Callable[[str], None] | None = None
) -> list[VerdictRates]:
    """How often each verdict was given in each planted world; people and noise at ε = 3 are drawn anew each time.

    Parameters
    ----------
    repetitions : int
        Of each world.
    seed : int
        Of people and noise; nobody here is there to be protected.
    progress : callable, optional
        Is told what is being done.

    Raises
    ------
    UsageError
        If there is not one repetition.
    """
    if repetitions < 1:
        raise UsageError("rates are counted over repetitions", given=f"{repetitions}", do="Ask for 1 or more")
    say, found = progress or (lambda _: None), list[VerdictRates]()
    for number, (name, world) in enumerate(WORLDS.items()):
        say(f"verdicts on the world that is {name}, {repetitions:,} times")
        rng, noise = np.random.default_rng([seed, number]), SeededNoise(seed * len(WORLDS) + number)
        said = Counter(_verdict(world, rng, noise) for _ in range(repetitions))
        rates = {status: said[status] / repetitions for status in get_args(Status)}
        row = VerdictRates(world=name, people=world.people, repetitions=repetitions, should=world.should, rates=rates)
        found.append(row)
    return found


def _verdict(world: PlantedWorld, rng: np.random.Generator, noise: SeededNoise) -> Status:
    """What is said of one world, from people to verdict."""
    groupings = Groupings(attributes={"age": LEVELS})
    layout = design(groupings.attributes, [_METRIC], metrics=[_METRIC])
    sums = released(_crowd(world, rng), groupings, layout, BUDGET, noise)
    found = assess(sums, [RULE], levels={"age": LEVELS}, minimum_people=MINIMUM_PEOPLE)
    return found.verdicts[RULE.name].status


def _crowd(world: PlantedWorld, rng: np.random.Generator) -> Crowd:
    """People of one world: a hit at a random place among ten, or none."""
    age = rng.choice(len(LEVELS), world.people, p=_SHARES)
    hit = rng.random(world.people) < np.where(age == len(LEVELS) - 1, _HIT * world.served, _HIT)
    worth = rng.choice(1 / np.log2(np.arange(2, 12)), world.people)
    return Crowd(
        values={_METRIC: np.where(hit, worth, 0.0)},
        groups={"age": age.astype(np.int64)},
        lengths=rng.geometric(1 / 30, world.people).astype(np.int64),
    )
