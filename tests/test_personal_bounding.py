"""Contributions are bounded and histories are divided, each person by their own rows alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from personal_reference import KEYS, PURPOSE, event, gate, log, world
from tactful.errors import ConfigError
from tactful.personal.bounding import bound
from tactful.personal.engines import duckdb_rows
from tactful.personal.ids import enrolled
from tactful.personal.keys import Keys
from tactful.personal.split import hold_out

ITEMS = {f"item-{number}": () for number in range(30)}
USERS = [f"user-{number}" for number in range(20)]


def rows(seed: int = 1) -> list[tuple]:
    """Each person with some of the items, some of them twice, at times of their own."""
    draw = random.Random(seed)  # noqa: S311
    return [(u, i, draw.randint(0, 99) / 10) for u in USERS for i in draw.choices([*ITEMS], k=draw.randint(1, 25))]


def consented(interactions: list[tuple], items: dict = ITEMS, share: float = 0.0, keys: Keys = KEYS):
    made = world([event(user, "given", 0) for user in USERS], items=items)
    return gate(made, 10, share=share, keys=keys).admit(log(interactions), PURPOSE)


def kept(interactions: list[tuple], max_items: int, items: dict = ITEMS, **options: object) -> list[set[str]]:
    """The items of each bounded row, in order."""
    made = bound(consented(interactions, items, **options), max_items=max_items).user_items
    names = [*items]
    return [{names[item] for item in made[[row]].indices} for row in range(made.shape[0])]


def by_person(interactions: list[tuple]) -> list[set[str]]:
    """The distinct items of each person, in the order of pseudonyms."""
    users = enrolled({user for user, _, _ in interactions}, KEYS, 0.0)[0]["user_id"].to_pylist()
    return [{item for user, item, _ in interactions if user == one} for one in users]


def test_everybody_keeps_at_most_k_of_their_own_items():
    """Those with k or fewer keep all; the entries are ones, sorted and without duplicates."""
    everything = by_person(rows())
    for bound_at in (1, 5, 200):
        for had, has in zip(everything, kept(rows(), bound_at), strict=True):
            assert has <= had
            assert len(has) == min(bound_at, len(had))
    made = bound(consented(rows()), max_items=5).user_items
    assert made.dtype == np.int8
    assert set(made.data.tolist()) == {1}
    assert made.has_canonical_format


def test_the_choice_does_not_depend_on_order_repeats_or_other_people():
    """Shuffled or doubled rows, fewer people, a reordered and larger catalogue: the same items of a person."""
    chosen = kept(rows(), 3)
    shuffled = rows() * 2
    random.Random(2).shuffle(shuffled)  # noqa: S311
    assert kept(shuffled, 3) == chosen
    users = enrolled(USERS, KEYS, 0.0)[0]["user_id"].to_pylist()
    alone = [row for row in rows() if row[0] == users[4]]
    assert kept(alone, 3) == [chosen[4]]
    assert kept(rows(), 3, dict.fromkeys([*reversed(ITEMS), "new"], ())) == chosen


def test_the_choice_is_nested_and_keyed():
    """A larger bound keeps what a smaller kept; another pseudonym key chooses others."""
    small, large = kept(rows(), 3), kept(rows(), 4)
    assert all(a <= b for a, b in zip(small, large, strict=True))
    other = Keys(pseudonym=b"q" * 32, storage=KEYS.storage, assignment=KEYS.assignment)
    assert sorted(map(sorted, kept(rows(), 3, keys=other))) != sorted(map(sorted, small))


def test_a_bound_that_is_not_applied_is_noticed(monkeypatch):
    """The mutant that keeps everything fails the first claim."""
    sound = duckdb_rows._within
    monkeypatch.setattr(duckdb_rows, "_within", lambda *rows, most: sound(*rows, most=9 * most))
    assert max(map(len, kept(rows(), 3))) > 3


def test_training_and_evaluation_people_are_different_people():
    """Together they are everybody, whatever the share; only training people are bounded."""
    for share in (0.0, 0.3, 0.6):
        both = consented(rows(), share=share)
        training = bound(both, max_items=200).user_items.shape[0]
        evaluation = hold_out(both, minimum_items=2).folded.shape[0]
        parts = enrolled(USERS, KEYS, share)[1]["part"].to_pylist()
        assert training == parts.count("training")
        assert evaluation <= parts.count("evaluation")


def test_nobody_to_train_is_an_empty_matrix():
    """Zero people, all items."""
    made = consented(rows(), share=1 - 2**-40)
    assert bound(made, max_items=3).user_items.shape == (0, 30)
    assert hold_out(made, minimum_items=2).folded.shape[1] == 30


def test_the_later_share_of_each_history_is_hidden():
    """Distinct items by first time, ties in catalogue order; floor of the share, at least one; not the short."""
    interactions = rows()
    made = hold_out(consented(interactions, share=1 - 2**-40), minimum_items=4, hidden_share=0.3)
    names = [*ITEMS]
    found = [
        ([names[i] for i in made.folded[[row]].indices], [names[i] for i in made.hidden[[row]].indices])
        for row in range(made.folded.shape[0])
    ]
    wanted = []
    for user in enrolled(USERS, KEYS, 0.0)[0]["user_id"].to_pylist():
        first: dict[str, float] = {}
        for _, item, time in (row for row in interactions if row[0] == user):
            first[item] = min(time, first.get(item, time))
        ordered = sorted(first, key=lambda item: (first[item], names.index(item)))
        if len(ordered) >= 4:
            late = max(1, int(0.3 * len(ordered)))
            wanted.append((sorted(ordered[:-late], key=names.index), sorted(ordered[-late:], key=names.index)))
    assert found == wanted


def test_evaluation_people_who_are_not_divided_are_known():
    """Everybody of the part in the log is there once, those with enough items first."""
    interactions, share = rows(), 1 - 2**-40
    refused = [event(user, "refused", 0) for user in USERS[::3]]
    consents = [event(user, "given", 0) for user in USERS if user not in USERS[::3]] + refused
    made = gate(world(consents, items=ITEMS), 10, share=share).admit(log(interactions), PURPOSE)
    people = hold_out(made, minimum_items=4)
    ids, parts = enrolled(USERS, KEYS, share)
    there = {row[0] for row in interactions}
    known = dict(zip(parts["pseudonym"].to_pylist(), parts["part"].to_pylist(), strict=True))
    named = dict(zip(parts["pseudonym"].to_pylist(), ids["user_id"].to_pylist(), strict=True))
    wanted = {name for name, part in known.items() if part == "evaluation" and named[name] in there}
    assert set(people._pseudonyms) == wanted
    assert len(people._pseudonyms) == len(people.admitted) == len(wanted)
    admitted = {named[name]: bool(a) for name, a in zip(people._pseudonyms, people.admitted, strict=True)}
    assert {user for user, a in admitted.items() if not a} == {user for user in admitted if user in USERS[::3]}
    assert people.admitted[: people.folded.shape[0]].all()
    assert 0 < people.folded.shape[0] < people.admitted.sum() < len(wanted)
    assert not people.admitted.flags.writeable


@pytest.mark.parametrize("options", [{"minimum_items": 1}, {"hidden_share": 0.0}, {"hidden_share": 1.0}])
def test_a_split_leaves_something_on_both_sides(options):
    """Other settings are refused."""
    with pytest.raises(ConfigError):
        hold_out(consented(rows()), **options)


def test_a_bound_is_at_least_one():
    """Zero items a person is no statistic."""
    with pytest.raises(ConfigError):
        bound(consented(rows()), max_items=0)
