"""The whole release on worlds that differ by one person: what the best attacker sees is what the accountant says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from privacy_audit import N_ITEMS, OTHERS, Worlds, audit, epsilon_lower_bound
from privacy_worlds import CERTAIN, plan
from tactful.privacy.accountant import epsilon_at
from tactful.privacy.noise import NoiseSource, SeededNoise, SystemNoise

PERSONS = {
    "nobody at all": (),
    "one item": (17,),
    "tail items": (13, 14, 15, 16, 17),
    "the longest history": tuple(range(N_ITEMS)),
    "somebody's double": tuple(OTHERS[0]),
}


@pytest.mark.parametrize(
    ("name", "repeats"),
    [
        ("nobody at all", 400),
        ("tail items", 400),
        ("the longest history", 400),
        *(pytest.param(name, 3000, marks=pytest.mark.prove) for name in PERSONS),
    ],
)
def test_the_likelihood_ratio_is_that_of_two_gaussians(name: str, repeats: int) -> None:
    """Over consent, people, popularity and Gram together: N(0, 1) without the person, N(m, 1) with, and m ≤ μ."""
    worlds = Worlds(PERSONS[name], plan(epsilon=4.0))
    mu = math.sqrt(worlds.run.loss("training").mu_squared)
    without, with_them = (worlds.attack(SystemNoise(), present=there, repeats=repeats) for there in (False, True))
    assert stats.kstest(without.scores, "norm").pvalue > CERTAIN
    assert stats.kstest(with_them.scores - with_them.shifts, "norm").pvalue > CERTAIN
    assert max(without.shifts.max(), with_them.shifts.max()) <= mu
    if PERSONS[name]:
        assert stats.kstest(with_them.scores, "norm").pvalue < 1e-6
        assert np.max(with_them.shifts) > 0.999 * mu  # the accountant claims no more than there is to see


@pytest.mark.parametrize(
    ("source", "repeats"),
    [(SeededNoise(4), 1000), pytest.param(SystemNoise(), 5000, marks=pytest.mark.prove)],
    ids=["seeded", "system"],
)
def test_the_audit_stays_below_the_claim_and_sees_much_of_it(source: NoiseSource, repeats: int) -> None:
    """Clopper and Pearson's lower bound is under ε and over a third of it, so it is neither blind nor exceeded."""
    assert 0.3 * 4.0 < audit(source, epsilon=4.0, repeats=repeats) < 4.0


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_the_audit_itself_is_two_sided(mu: float) -> None:
    """On Gaussians of a known μ it finds most of the ε and does not exceed it."""
    rng = np.random.default_rng(2)
    without, with_them = rng.normal(0, 1, 50_000) > mu / 2, rng.normal(mu, 1, 50_000) > mu / 2
    found = epsilon_lower_bound(without, with_them, delta=1e-6)
    assert 0.8 * epsilon_at(mu, 1e-6) < found < epsilon_at(mu, 1e-6)
