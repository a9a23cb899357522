"""How many different items are shown in effect: exact on lists by hand, covered under noise, and never made up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assurance_lists import N_ITEMS, ListWorld
from privacy_worlds import NoNoise, door
from tactful.assurance.intervals import Estimate, critical_value
from tactful.assurance.list_coverage import effective_items, list_coverage
from tactful.privacy.sums import Measured

Z = critical_value(0.95)


def of(counts: list[float] | np.ndarray, people: float, *, sigma: float = 0.0, people_sigma: float = 0.0) -> Estimate:
    """Of one group."""
    number = Measured(value=people, sigma=people_sigma)
    return effective_items(np.array(counts, dtype=float), sigma, number, items=len(counts), z=Z)


def test_lists_that_are_all_the_same_show_ten_items() -> None:
    """And lists with two halves of the people apart show twenty."""
    same, halved = of([50.0] * 10 + [0.0] * 90, 50), of([2500.0] * 20 + [0.0] * 80, 5000)
    assert same.value == pytest.approx(10)
    assert same.interval.low == pytest.approx(10)
    assert halved.value == pytest.approx(20, rel=1e-3)
    assert halved.interval.low < 20 < halved.interval.high


def test_a_persons_own_places_are_no_evidence() -> None:
    """Thirty people with items of their own, each: no pair is the same, and the end is open."""
    found = of([1.0] * 300, 30)
    assert found.value is None
    assert found.interval.high == 300


def test_noise_alone_settles_nothing() -> None:
    """Without people in sight there is no value, and everything is possible."""
    rng = np.random.default_rng(0)
    found = of(rng.normal(size=80) * 20, 30.0, sigma=20.0, people_sigma=20.0)
    assert (found.value, found.interval.low, found.interval.high) == (None, 1.0, 80.0)
    unknown = of([math.nan] * 5, math.nan)
    assert (unknown.value, unknown.interval.low, unknown.interval.high) == (None, 1.0, 5.0)


@pytest.mark.parametrize(
    ("people", "sigma"), [(40, 0.0), (40, 1.0), (400, 10.0), (400, 40.0), (4000, 100.0), (4000, 300.0)]
)
def test_intervals_cover(people: int, sigma: float) -> None:
    """At least 93% of 300 worlds; without taking the noise off the squares they would not."""
    crowd = ListWorld().people(3, 20_000).lists["model"]
    share = np.bincount(crowd.ravel(), minlength=N_ITEMS) / len(crowd)
    truth, rng, covered, forgotten = 100 / float(share @ share), np.random.default_rng(1), [], []
    for _ in range(300):
        lists = crowd[rng.integers(0, len(crowd), people)]
        counts = np.bincount(lists.ravel(), minlength=N_ITEMS) + rng.normal(size=N_ITEMS) * sigma
        number = people + rng.normal() * sigma / 2
        covered.append(truth in of(counts, number, sigma=sigma, people_sigma=sigma / 2).interval)
        forgotten.append(truth in of(counts, number, people_sigma=sigma / 2).interval)
    assert np.mean(covered) >= 0.93
    if sigma > people / 20:
        assert np.mean(forgotten) < 0.93


def test_each_group_and_everybody_have_a_figure() -> None:
    """Of everybody assessed, of each level, and of those beside; more people show more items than fewer do."""
    world = ListWorld(apart=2.0)
    design = world.design
    exposures = door(NoNoise(), run=world.plan(4.0)).exposures(world.people(2, 6_000), design)
    found = list_coverage(exposures, design)
    assert set(found) == {"", "age", "home"}
    assert tuple(found["home"]) == ("town", "land", "sea", "other", "undisclosed")
    everybody, levels = found[""][""].value, [found["age"][name].value for name in world.declared["age"]]
    assert everybody is not None
    assert all(value is not None and value < everybody for value in levels)


def test_items_beyond_the_last_entry_are_different_from_all_others() -> None:
    """The shared entry is left out of the pairs, and its places stay in their number."""
    world = ListWorld()
    wide, narrow = world.design, type(world.design).of(world.declared, -np.arange(float(N_ITEMS)), most_items=20)
    rows = world.people(2, 4_000)
    made = [list_coverage(door(NoNoise(), run=world.plan(4.0)).exposures(rows, d), d)[""][""] for d in (wide, narrow)]
    assert made[0].value is not None
    assert made[1].value is not None
    assert made[1].value > made[0].value
