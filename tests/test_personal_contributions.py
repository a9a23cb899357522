"""What one person adds is at most 2³⁰ in L2 norm, in whole numbers: popularity, consent and people.

The evaluation vector is in `test_privacy_cells.py`, the Gram in `test_personal_grams.py`, alternating least squares in
`test_personal_people_solves.py`.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st
from numpy.typing import NDArray

from personal_reference import PURPOSE, event, gate, log, moment, world
from privacy_evidence import one_person_moves_at_most_the_scale, weights_stay_within_the_scale
from privacy_worlds import NoNoise, bounded, door, random_histories, squared_norm
from tactful.errors import TactfulError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import MOST_PEOPLE, SCALE, item_popularity, shared_weight
from tactful.privacy.release import _outcomes

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
N_ITEMS = 12

histories = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=N_ITEMS, unique=True), max_size=7)


def test_every_length_stays_within_the_scale_and_could_not_give_more() -> None:
    """The whole range of the bound."""
    weights_stay_within_the_scale(shared_weight)


@pytest.mark.parametrize("length", [1, 2, 3, 17, 200, 2000])
def test_the_statistic_gives_just_these_weights(length: int) -> None:
    """One person of l items: ⌊S/√l⌋ in l places."""
    found = item_popularity(bounded([range(length)], length + 1))
    assert found.tolist() == [math.isqrt(SCALE**2 // length)] * length + [0]


def test_the_compiled_sums_are_the_plain_ones() -> None:
    """Bit for bit what sparse products give."""
    for seed in range(4):
        people = bounded([[], *random_histories(seed, people=200, n_items=60, longest=50)], 60)
        assert np.array_equal(item_popularity(people), plain_popularity(people))


def plain_popularity(people: BoundedInteractions) -> NDArray[np.int64]:
    """Popularity by a sparse product."""
    lengths = np.diff(people.user_items.indptr).astype(np.int64)
    return people.user_items.T.astype(np.int64) @ shared_weight(lengths)


@LAWS
@given(others=histories, person=st.lists(st.integers(0, N_ITEMS - 1), max_size=N_ITEMS, unique=True))
def test_one_person_moves_popularity_by_at_most_the_scale(others: list[list[int]], person: list[int]) -> None:
    """With and without any person, among any others."""
    moved = item_popularity(bounded([person, *others], N_ITEMS)) - item_popularity(bounded(others, N_ITEMS))
    target(float(squared_norm(moved)))  # the search climbs toward whoever moves most
    assert squared_norm(moved) <= SCALE**2


def test_more_people_than_an_int64_can_add_up_are_refused() -> None:
    """2³² people of S in one entry are 2⁶², which noise of at most 2⁵⁴ cannot carry over the edge."""
    crowd: Any = SimpleNamespace(rows=SimpleNamespace(n_people=MOST_PEOPLE + 1), catalogue=range(3))
    with pytest.raises(TactfulError, match="64 bits"):
        item_popularity(crowd)
    assert MOST_PEOPLE * SCALE + 11 * 2**50 < 2**63


@LAWS
@given(data=st.data(), rows=histories)
def test_order_and_splitting_change_no_bit(data: st.DataObject, rows: list[list[int]]) -> None:
    """Any order of people and of items, and the sum over any partition, give the same integers."""
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    shuffled = data.draw(st.permutations(rows))
    whole = item_popularity(bounded(rows, N_ITEMS))
    pieces = [[h for h, p in zip(rows, parts, strict=True) if p == part] for part in range(3)]
    assert np.array_equal(whole, sum(item_popularity(bounded(piece, N_ITEMS)) for piece in pieces))
    assert np.array_equal(whole, item_popularity(bounded([h[::-1] for h in shuffled], N_ITEMS)))


def outcome_vector(consents: list[dict], rows: list[tuple]) -> NDArray[np.int64]:
    """The consent vector of a world, through the real gate."""
    names = [(o, p) for o in ("admitted", "no_record", "refused", "withdrawn") for p in ("training", "evaluation")]
    names += [("unknown_item", "training"), ("unknown_item", "evaluation"), ("malformed", "training")]
    names += [("malformed", "evaluation"), ("before_grant", "training"), ("before_grant", "evaluation")]
    consented = gate(world(consents), now=9).admit(log(rows), PURPOSE, moment(9))
    return _outcomes(consented, names)


@pytest.mark.parametrize("seed", range(6))
def test_one_person_moves_one_consent_outcome_by_one(seed: int) -> None:
    """However many rows and reasons a person has, the gate counts them once."""
    rng = np.random.default_rng(seed)
    users = [f"u{n}" for n in range(6)]
    consents = [event("steady", "given", 0)]
    consents += [event(u, str(rng.choice(["given", "refused", "withdrawn"])), int(rng.integers(0, 8))) for u in users]
    items = ["bread", "milk", "test", "nothing we sell"]
    rows = [(str(rng.choice(users)), str(rng.choice(items)), int(rng.integers(0, 9))) for _ in range(60)]
    rows += [("steady", "bread", 1), ("nobody asked", "milk", 1), ("u0", "bread", "not a time")]
    whole = outcome_vector(consents, rows)
    for left_out in users[:2]:
        fewer = outcome_vector([c for c in consents if c["user_id"] != left_out], [r for r in rows if r[0] != left_out])
        moved = np.abs(whole - fewer)
        assert moved.sum() == moved.max() == SCALE


def test_one_person_moves_the_number_of_people_by_one() -> None:
    """And in every world the statistics that are summed over people stay within the scale."""
    one_person_moves_at_most_the_scale(item_popularity)
    one_person_moves_at_most_the_scale(lambda b: np.array([round(door(NoNoise()).people(b).value * SCALE)]))


def test_a_long_history_overflows_nothing() -> None:
    """Weights stay exact far beyond any history."""
    entries = np.array([10**12, 2**60, 2**60 + 1, 2**62])
    assert shared_weight(entries).tolist() == [SCALE // 10**6, 1, 0, 0]
    assert item_popularity(bounded([[0]] * 1000, 1)).tolist() == [1000 * SCALE]
