"""The whole release on worlds that differ by one person: what its likelihood ratio sees is what the accountant says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from privacy_audit import attacker, fixed, neighbours, nobody, world
from privacy_worlds import CERTAIN, plan
from tactful.privacy.neighbours import N_ITEMS, PERSONS, Person
from tactful.privacy.noise import SystemNoise

HEAD = fixed(*range(2, N_ITEMS))
FULL = [name for name in PERSONS if name not in ("no item at all", "one item")]
"""People who are in every part of what is released about their part."""


@pytest.mark.parametrize(
    ("name", "trials"),
    [
        ("no item at all", 60),
        ("all tail items", 400),
        ("held out for evaluation", 400),
        *(pytest.param(name, 3000, marks=pytest.mark.prove) for name in PERSONS),
    ],
)
def test_the_likelihood_ratio_is_that_of_two_gaussians(name: str, trials: int) -> None:
    """With the head given, over everything released: N(∓m²/2, m²) without and with the person, and m is at most μ."""
    attack = attacker(world(name), head=HEAD)
    part = PERSONS[name].part
    mu = math.sqrt(plan(epsilon=4.0).loss(part).mu_squared)  # type: ignore[arg-type]
    without, with_them = (attack.scores(place, SystemNoise(), trials)[:, 0] for place in (0, 1))
    m = math.sqrt(2 * attack._knowledge(HEAD(None, None)).halves[0])  # type: ignore[arg-type]
    assert m <= mu
    if name == "no item at all":
        assert m == 0
        assert not without.any()
        assert not with_them.any()
        return
    for scores, centre in ((without, -m * m / 2), (with_them, m * m / 2)):
        assert stats.kstest((scores - centre) / m, "norm").pvalue > CERTAIN
        assert stats.kstest((scores - centre) / (0.8 * m), "norm").pvalue < 1e-3 or trials < 1000
    if name in FULL:
        assert m > 0.998 * mu  # the accountant claims no more than there is to see


def test_worlds_differ_by_the_person_and_by_nothing_else() -> None:
    """The person's row is there beside the others', with each item once; an evaluation person is in no bounded row."""
    without = nobody()
    for name, person in PERSONS.items():
        more = world(name)
        grown = {part: more.outcomes["admitted"][part] - n for part, n in without.outcomes["admitted"].items()}
        assert grown == {part: int(part == person.part and bool(person.items)) for part in grown}, name
        rows = int(person.part == "training" and bool(person.items))
        assert more.bounded.user_items.shape[0] == without.bounded.user_items.shape[0] + rows, name
        items = np.zeros(N_ITEMS)
        items[list(person.items)] = rows
        before, after = (w.bounded.user_items.sum(axis=0) for w in (without, more))
        assert np.array_equal(after - before, items), name
        assert more.evaluated - without.evaluated == int(person.part == "evaluation"), name


def test_copies_of_rows_and_consent_events_change_nothing() -> None:
    """Somebody who is there thirty times over is there once."""
    items = PERSONS["every row and consent event many times"].items
    once = neighbours().world(Person(part="training", items=items))
    assert once.outcomes == world("every row and consent event many times").outcomes
