"""Groups that lists give away are found out, groups that they do not are not accused, and few people settle nothing."""

from __future__ import annotations

import numpy as np
import pytest

from assurance_lists import N_ITEMS, ListWorld, asked, covers, true_area
from privacy_worlds import Memory, NoNoise, door
from tactful.assurance import guessing
from tactful.assurance.guessing import ask, guess_groups
from tactful.privacy.exposures import LISTS, ListRows
from tactful.privacy.statistics import read_only
from tactful.privacy.sums import Exposures


@pytest.mark.parametrize("levels", [2, 3])
def test_groups_with_tastes_of_their_own_are_told_apart(levels: int) -> None:
    """The area is far above blind and holds the truth; popularity alone, the same for all, gives nothing away."""
    world = ListWorld(levels=levels)
    rows = world.people(1, 12_000)
    found, _ = guess_groups(world.door(2), rows, world.design)
    truth = true_area(asked(world, rows, world.door(2)), world.people(9, 30_000), world.design)
    age = found["age"]
    assert age.levels == tuple(world.declared["age"])
    assert age.auc.value is not None
    assert truth > 0.65
    assert age.auc.interval.low > 0.6
    assert covers(age.auc, truth)
    assert abs(age.people.value - 6000) < 600
    for blind in (age.popularity_auc, found["home"].auc):
        assert blind.value == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("seed", range(6))
def test_groups_with_one_taste_are_not_accused(seed: int) -> None:
    """What has to do with nothing covers blind guessing."""
    world = ListWorld(apart=0.0)
    found, _ = guess_groups(world.door(seed), world.people(seed, 8_000), world.design)
    assert found["age"].auc.value is not None
    assert covers(found["age"].auc, 0.5)


def test_few_people_settle_nothing() -> None:
    """At 150 people, however different: no value, and everything is possible."""
    world = ListWorld(apart=3.0)
    found, coverage = guess_groups(world.door(3, epsilon=1.0), world.people(3, 150), world.design)
    for name in ("age", "home"):
        assert (found[name].auc.value, found[name].popularity_auc.value) == (None, None)
        assert (found[name].auc.interval.low, found[name].auc.interval.high) == (0.0, 1.0)
        assert not found[name].auc.tells
    assert coverage["age"]["level 0"].value is None


def test_what_is_not_asked_is_not_opened() -> None:
    """Where no two levels have enough people, the second release is left unopened and can be given back."""
    world, memory = ListWorld(), Memory()
    made = door(NoNoise(memory), ledger=memory, run=world.plan(4.0))
    found, _ = guess_groups(made, world.people(1, 6), world.design)
    assert [step for step in memory.steps if step.startswith("open")] == ["open exposures"]
    assert found["age"].levels == ()


def test_a_level_without_people_is_left_out() -> None:
    """The others are told apart without it; one level alone is not asked about."""
    world = ListWorld(levels=3)
    rows = world.people(1, 6_000)
    kept = ListRows(lists=rows.lists, codes={**rows.codes, "age": np.minimum(rows.codes["age"], 1)}, halves=rows.halves)
    found, _ = guess_groups(door(NoNoise(), run=world.plan(4.0)), kept, world.design)
    assert found["age"].levels == ("level 0", "level 1")
    alone = ListRows(lists=rows.lists, codes={**rows.codes, "age": 0 * rows.codes["age"]}, halves=rows.halves)
    found, _ = guess_groups(door(NoNoise(), run=world.plan(4.0)), alone, world.design)
    assert (found["age"].levels, found["age"].auc.value) == ((), None)


def test_a_question_follows_from_released_values() -> None:
    """The same exposures ask the same; what noise alone could have made says nothing of any level."""
    world, rng = ListWorld(), np.random.default_rng(0)
    entries, sigma = N_ITEMS + 1, 30.0
    noise = {
        (name, which): rng.normal(size=(len(levels) + 2, entries)) * sigma
        for name, levels in world.declared.items()
        for which in LISTS
    }
    made = Exposures(
        noise="reproducible",
        counts={key: read_only(values) for key, values in noise.items()},
        people={name: np.full(len(levels) + 2, 500.0) for name, levels in world.declared.items()},
        sigmas=np.full(entries, sigma),
        people_sigma=10.0,
    )
    first, again = ask(made, world.design), ask(made, world.design)
    for key, question in first.items():
        assert np.array_equal(question.says, again[key].says)
        assert np.array_equal(question.edges, again[key].edges)
        differ = np.ptp(question.says - question.says[:1], axis=1)
        assert (
            np.median(np.abs(question.says[1] - question.says[0])) == np.abs(question.says[1] - question.says[0]).min()
        )
        assert differ[0] == 0


def test_sizes_of_groups_say_nothing() -> None:
    """Two levels of one taste, one nine times the other: every item says nearly the same of both."""
    world, rng = ListWorld(apart=0.0), np.random.default_rng(4)
    rows = world.people(4, 20_000)
    codes = {**rows.codes, "age": (rng.random(20_000) < 0.1).astype(np.int64)}
    uneven = ListRows(lists=rows.lists, codes=codes, halves=rows.halves)
    question = asked(world, uneven, door(NoNoise(), run=world.plan(4.0)))
    assert np.abs(question.says[0] - question.says[1]).max() < 0.4 * guessing._UNIT
    found, _ = guess_groups(world.door(4), uneven, world.design)
    assert covers(found["age"].auc, 0.5)


@pytest.mark.prove
@pytest.mark.parametrize(("levels", "apart", "people"), [(2, 0.0, 3_000), (2, 0.5, 5_000), (4, 0.5, 8_000)])
def test_intervals_cover_the_area_of_the_guess_that_was_tried(levels: int, apart: float, people: int) -> None:
    """Of 150 worlds, each with people, noise and a classifier of its own, at least 93% cover."""
    world = ListWorld(levels=levels, apart=apart)
    crowd, covered = world.people(10_000, 100_000), []
    for seed in range(150):
        rows = world.people(seed, people)
        found, _ = guess_groups(world.door(seed), rows, world.design)
        truth = true_area(asked(world, rows, world.door(seed)), crowd, world.design)
        covered.append(covers(found["age"].auc, truth))
    assert np.mean(covered) >= 0.93
