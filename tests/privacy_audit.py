"""The audit on one person: what the attacker sees of a release, broken or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from privacy_worlds import plan
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Attacker, HeadRule
from tactful.privacy.error_rates import Errors
from tactful.privacy.judging import Tests
from tactful.privacy.neighbours import PERSONS, Neighbours, World
from tactful.privacy.noise import NoiseSource, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.released.head import choose_head

LEVEL = 1e-6
"""A sound release exceeds its claim in one of a million of these audits."""


@cache
def neighbours() -> Neighbours:
    return Neighbours(max_items=40, evaluation_share=0.3)


@cache
def nobody() -> World:
    return neighbours().world()


@cache
def world(person: str) -> World:
    return neighbours().world(PERSONS[person])


def chosen(epsilon: float) -> HeadRule:
    """The rule by which a run chooses its head."""
    sigma = plan(epsilon=epsilon).event("gram").noise_multiplier
    return lambda popularity, people: choose_head(popularity, people, noise_multiplier=sigma)


def fixed(*head: int) -> HeadRule:
    return lambda *_: np.array(head, dtype=np.int64)


def attacker(
    *worlds: World, epsilon: float = 4.0, head: HeadRule | None = None, kind: type[PrivateRelease] = PrivateRelease
) -> Attacker:
    """Who knows these worlds and the one without anybody more."""
    rule = head or chosen(epsilon)
    return Attacker(plan(epsilon=epsilon), rule, without=nobody(), others=worlds, kind=kind)


def objections(
    *, kind: type[PrivateRelease] = PrivateRelease, make: Callable[[], NoiseSource] = SystemNoise, trials: int = 200
) -> list[str]:
    """What the tests of noise and head say of releases without and with a pair that nobody else has."""
    attack = attacker(world("a pair nobody else has"), kind=kind)
    alone, there = (attack.watch(place, make(), trials) for place in (0, 1))
    tests = Tests(attack, plan(epsilon=4.0), PrivacyBudget(epsilon=4.0, delta=1e-6), alone=alone)
    found = [*tests.objections(alone), *tests.objections(there, alone)]
    return list(dict.fromkeys(what for part in found for what in part))


def seen(
    *,
    source: NoiseSource | None = None,
    kind: type[PrivateRelease] = PrivateRelease,
    present: Callable[[], World] = lambda: world("the longest history"),
    epsilon: float = 4.0,
    trials: int = 800,
) -> float:
    """A lower bound on the ε of the whole release."""
    attack = attacker(present(), epsilon=epsilon, kind=kind)
    drawn = source or SystemNoise()
    alarms, found = (attack.scores(place, drawn, trials)[:, 0] > 0 for place in (0, 1))
    return errors(alarms, found).epsilon_lower_bound(delta=1e-6, level=LEVEL)


def errors(alarms: NDArray[np.bool_], found: NDArray[np.bool_]) -> Errors:
    """The errors of a test by what it said in each world."""
    return Errors(false_alarms=int(alarms.sum()), without=len(alarms), misses=int((~found).sum()), present=len(found))
