"""People may count less, by group; nobody counts more than whole, and the sensitivity is what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gram_reference as reference
from gram_reference import N_ITEMS, histories, queries
from personal_reference import KEYS, PURPOSE, event, gate, log, world
from privacy_worlds import bounded, random_histories, squared_norm
from tactful.errors import ConfigError
from tactful.personal import contributions, grams, held_rows
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.bounding import WHOLE, bound
from tactful.personal.contributions import SCALE, item_popularity, shared_weight
from tactful.personal.grams import item_gram
from tactful.personal.people_solves import solved_gram
from tactful.personal.weights import RowWeights
from tactful.privacy.statistics import GramQuery, PeopleCount, SolveQuery

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=100)
MITIGATION = "fairness.mitigation"
AGE = AttributeSpec(name="age", levels=("young", "old"))
history = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=N_ITEMS, unique=True)
weight = st.one_of(st.integers(1, WHOLE), st.sampled_from([1, 2, WHOLE - 1, WHOLE]))

# --- what a weighted person adds ---


@LAWS
@given(others=histories, person=history, asked=queries(), data=st.data())
def test_a_weighted_person_moves_the_gram_by_at_most_their_share(
    others: list[list[int]], person: list[int], asked: GramQuery, data: st.DataObject
) -> None:
    """With and without them, among people of any weights: at most (S·w/255)², exactly."""
    units = data.draw(st.lists(weight, min_size=len(others) + 1, max_size=len(others) + 1))
    everybody = item_gram(bounded([person, *others], N_ITEMS, units), asked)
    moved = everybody - item_gram(bounded(others, N_ITEMS, units[1:]), asked)
    assert squared_norm(moved) * WHOLE**2 <= (SCALE * units[0]) ** 2
    own = reference.vector(person, asked, *reference.shares(person, asked, norm=SCALE * units[0] // WHOLE))
    assert moved.tolist() == reference.triangle(own)


@LAWS
@given(others=histories, person=history, data=st.data())
def test_a_weighted_person_moves_popularity_by_at_most_their_share(
    others: list[list[int]], person: list[int], data: st.DataObject
) -> None:
    """Each of their items gets ⌊⌊S/√l⌋·w/255⌋, and nothing else moves."""
    units = data.draw(st.lists(weight, min_size=len(others) + 1, max_size=len(others) + 1))
    moved = item_popularity(bounded([person, *others], N_ITEMS, units)) - item_popularity(
        bounded(others, N_ITEMS, units[1:])
    )
    wanted = np.zeros(N_ITEMS, dtype=np.int64)
    wanted[person] = int(shared_weight(np.array([len(person)]))[0]) * units[0] // WHOLE
    assert moved.tolist() == wanted.tolist()
    assert squared_norm(moved) * WHOLE**2 <= (SCALE * units[0]) ** 2


@pytest.mark.parametrize("seed", range(5))
def test_whole_weights_change_no_bit(seed: int) -> None:
    """Everybody at 255 is everybody without weights, in both statistics."""
    people, asked = random_histories(seed, people=80, n_items=40, longest=20), reference.random_query(seed, 30)
    plain, whole = bounded(people, 40), bounded(people, 40, [WHOLE] * len(people))
    assert np.array_equal(item_gram(plain, asked), item_gram(whole, asked))
    assert np.array_equal(item_popularity(plain), item_popularity(whole))


@pytest.mark.parametrize("block", [1, 50, 10_000])
def test_weights_stay_with_their_people(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However people are divided into blocks, the sum is that of each person alone; half counts nearly half."""
    people = random_histories(3, people=60, n_items=30, longest=15)
    units = np.random.default_rng(3).choice([64, 127, 255], len(people)).tolist()
    asked = reference.random_query(3, 30)
    monkeypatch.setattr(held_rows, "_BATCH", block)
    found = item_gram(bounded(people, 30, units), asked)
    alone = [item_gram(bounded([one], 30, [unit]), asked) for one, unit in zip(people, units, strict=True)]
    assert np.array_equal(found, sum(alone))
    half, whole = (item_gram(bounded(people, 30, [unit] * 60), asked) for unit in (128, 255))
    assert half == pytest.approx(whole * 128 / 255, abs=0.01 * float(np.abs(whole).max()))


def within_their_share(people: list[list[int]], units: list[int]) -> bool:
    """Whether nobody who leaves takes more than S·w/255 out of either statistic."""
    asked = GramQuery.plain(np.arange(N_ITEMS))
    for gone, unit in enumerate(units):
        rest = [*people[:gone], *people[gone + 1 :]], N_ITEMS, [*units[:gone], *units[gone + 1 :]]
        everybody, others = bounded(people, N_ITEMS, units), bounded(*rest)
        for moved in (
            item_gram(everybody, asked) - item_gram(others, asked),
            item_popularity(everybody) - item_popularity(others),
        ):
            if squared_norm(moved) * WHOLE**2 > (SCALE * unit) ** 2:
                return False
    return True


MUTANTS: dict[str, Any] = {
    "twice the share": lambda people: 2 * SCALE * people.weights // WHOLE,
    "rounded up": lambda people: -(-SCALE * (people.weights + 1) // WHOLE),
    "the weight of whoever is next": lambda people: SCALE * np.roll(people.weights, 1) // WHOLE,
    "the mean of all": lambda people: np.full(len(people), SCALE * int(people.weights.mean()) // WHOLE),
}
PEOPLE, UNITS = [[0], [1, 2], [3], [2, 4, 5], [6], [0, 7]], [WHOLE, 20, WHOLE, 20, 90, 90]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_weight_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With each mutant somebody who leaves takes more than their share; without, nobody does."""
    assert within_their_share(PEOPLE, UNITS)
    monkeypatch.setattr(grams, "norms", MUTANTS[name])
    assert not within_their_share(PEOPLE, UNITS)


def test_popularity_of_more_than_whole_people_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant that divides by too little."""
    monkeypatch.setattr(contributions, "WHOLE", 200)
    assert not within_their_share(PEOPLE, UNITS)


# --- who weighs what ---


def test_the_smallest_group_counts_whole_and_nobody_less_than_the_floor() -> None:
    """The written rule, cut down to 255ths; everybody else counts the mean of the groups."""
    made = RowWeights.of(AGE, {"young": 0.2, "old": 0.3})
    assert made.units == (255, 170)
    assert made.others == int((0.2 * 255 + 0.3 * 170) / 0.5)
    assert made.mean == made.others / 255
    assert RowWeights.of(AGE, {"young": 1, "old": 99}).by_group == {"young": 1.0, "old": 127 / 255}
    assert RowWeights.of(AGE, {"young": 1, "old": 99}, floor=0.1).units == (255, 25)
    assert RowWeights.of(AGE, {"young": 1, "old": 1}, weights={"young": 0.3, "old": 1.0}).units == (76, 255)
    assert made.of_people(np.array([0, 1, 2, 3, -1])).tolist() == [255, 170, *[made.others] * 3]


def test_people_are_as_many_as_they_amount_to() -> None:
    """For rules that fit; its noise shrinks with it."""
    count = PeopleCount(noise="system", value=1000.0, sigma=4.0)
    assert count.weighted(0.5) == PeopleCount(noise="system", value=500.0, sigma=2.0)


@pytest.mark.parametrize(
    ("shares", "weights"),
    [
        ({"young": 1.0}, None),
        ({"young": 1.0, "old": 0.0}, None),
        ({"young": 1.0, "old": 1.0, "other": 1.0}, None),
        ({"young": float("nan"), "old": 1.0}, None),
        ({"young": 1.0, "old": 1.0}, {"young": 1.0}),
        ({"young": 1.0, "old": 1.0}, {"young": 1.0, "old": 1.01}),
        ({"young": 1.0, "old": 1.0}, {"young": 1.0, "old": 0.0}),
    ],
)
def test_every_level_has_a_share_and_no_weight_above_whole(shares: dict[str, float], weights: Any) -> None:
    """A weight above 1 would raise the sensitivity."""
    with pytest.raises(ConfigError, match="each level of age"):
        RowWeights.of(AGE, shares, weights=weights)


USERS = [f"user-{number}" for number in range(24)]


def setting(share: float = 0.25) -> tuple[Any, Any, Demographics]:
    """A third agreed to mitigation, a third to assessment, the rest to neither; everybody told their age."""
    consents = [event(user, "given", 0) for user in USERS]
    consents += [event(user, "given", 1, MITIGATION) for user in USERS[::3]]
    consents += [event(user, "given", 1, "fairness.assessment") for user in USERS[1::3]]
    judge = gate(world(consents), 9, share=share)
    rows = [(user, "bread", 2) for user in USERS] + [(user, "milk", 3) for user in USERS[:12]]
    ages = pa.table({"user_id": USERS, "age": ["young" if n % 2 else "old" for n in range(24)]})
    return judge.admit(log(rows), PURPOSE), judge, Demographics.open(ages, [AGE])


def test_only_people_who_train_and_agreed_to_mitigation_have_a_group() -> None:
    """Assessment is another purpose; evaluation people weigh nothing and are not asked."""
    consented, judge, demographics = setting()
    codes = demographics.training_groups(consented, judge, AGE)
    names = dict(zip(KEYS.pseudonyms(USERS), USERS, strict=True))
    found = consented._session.query("SELECT person, pseudonym, part FROM people")
    told = {
        names[n]: (part, codes[p])
        for p, n, part in zip(*(found[c] for c in ("person", "pseudonym", "part")), strict=True)
        if p < len(codes)
    }
    for number, user in enumerate(USERS):
        part, code = told.get(user, ("evaluation", -1))
        expected = (0 if number % 2 else 1) if part == "training" and number % 3 == 0 else -1
        assert code == expected
    assert {part for part, _ in told.values()} == {"training", "evaluation"}
    assert not codes.flags.writeable


def test_each_row_has_the_weight_of_its_person() -> None:
    """Bounded rows are in an order of their own; the weights follow them, through leaving people out as well."""
    consented, judge, demographics = setting(share=0.0)
    codes = demographics.training_groups(consented, judge, AGE)
    weights = RowWeights.of(AGE, {"young": 1, "old": 3}).of_people(codes)
    made = bound(consented, max_items=5, weights=weights)
    names = dict(zip(KEYS.pseudonyms(USERS), USERS, strict=True))
    people = consented._session.query("SELECT person, pseudonym FROM people ORDER BY person")
    order = [int(names[n].removeprefix("user-")) for n in people["pseudonym"]]
    wanted = [159 if n % 3 else (255 if n % 2 else 127) for n in order]
    assert made.weights is not None
    assert [(w, len(made.user_items[[row]].indices)) for row, w in enumerate(made.weights.tolist())] == [
        (w, 2 if n < 12 else 1) for w, n in zip(wanted, order, strict=True)
    ]
    kept = np.arange(24) % 2 == 0
    part = bound(consented, max_items=5, weights=weights, kept=kept)
    assert part.weights is not None
    assert part.weights.tolist() == made.weights[kept].tolist()
    assert not made.weights.flags.writeable
    assert bound(consented, max_items=5).weights is None


def test_alternating_least_squares_does_not_forget_weights_silently() -> None:
    """It has none; who asks for both is told."""
    asked = SolveQuery(step=1, head=np.arange(2), factors=np.ones((2, 1)), prior=np.eye(1), weights=np.ones(2))
    with pytest.raises(ConfigError, match="counts everybody whole"):
        solved_gram(bounded([[0], [1]], 2, [255, 100]), asked)
    assert solved_gram(bounded([[0], [1]], 2), asked).any()


@pytest.mark.parametrize("weights", [[255] * 23, [255] * 23 + [256], [255] * 23 + [0], []])
def test_weights_that_are_missing_or_out_of_range_are_refused(weights: list[int]) -> None:
    """The bound would not hold, or a person would be lost; the error tells no number of people."""
    consented, _, _ = setting(share=0.0)
    with pytest.raises(ConfigError, match="everybody has a weight") as refused:
        bound(consented, max_items=5, weights=np.array(weights, dtype=np.int64))
    assert "23" not in str(refused.value)
