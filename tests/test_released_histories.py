"""How histories are looked at: long ones are centred, weights fall with popularity, and all of it is in range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_worlds import bounded, random_histories
from released_worlds import people, popularity
from tactful.personal.grams import item_gram
from tactful.released.histories import WEIGHT_UNIT, gram_query

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
values = st.lists(st.floats(-50, 1e6, width=32), min_size=1, max_size=30)


@pytest.mark.parametrize(("length", "centred"), [(1, False), (3, False), (4, False), (6, True), (36, True)])
def test_histories_longer_than_four_items_or_so_are_centred(length: int, centred: bool) -> None:
    """A person of l items adds √l to the sum of popularity, and a mean of √l above 2 is long."""
    liked = popularity(np.full(50, 1000 * np.sqrt(length) / 50))
    query = gram_query(liked, people(1000), np.arange(50))
    assert query.centred == centred
    assert set(query.direction.tolist()) == ({64} if centred else {0})
    assert set(query.weights.tolist()) == {WEIGHT_UNIT}


@LAWS
@given(released=values, count=st.floats(-10, 1e6), sigma=st.floats(1e-3, 1e3), data=st.data())
def test_any_released_values_give_a_query_that_people_can_be_asked(
    released: list[float], count: float, sigma: float, data: st.DataObject
) -> None:
    """Noise below zero, nobody, one item: weights are up to 255, the direction is up to 64, and the Gram accepts it."""
    places = np.arange(len(released))
    head = np.array(data.draw(st.lists(st.sampled_from(places.tolist()), min_size=1, unique=True)))
    query = gram_query(popularity(np.array(released), sigma), people(count), head)
    assert np.array_equal(query.head, head)
    assert query.weights.min() == WEIGHT_UNIT
    assert query.weights.max() <= 255
    assert query.direction.min() >= 0
    assert query.direction.max() == (64 if query.centred else 0)
    assert len(item_gram(bounded([[0]], len(released)), query)) == len(head) * (len(head) + 1) // 2


@LAWS
@given(released=values, long=st.booleans())
def test_more_popular_items_weigh_no_more_and_are_shared_no_less(released: list[float], long: bool) -> None:
    """Damping, which the direction of popularity more than makes up for."""
    liked = np.array(released)
    query = gram_query(popularity(liked), people(1 if long else 1e9), np.arange(len(liked)))
    order = np.argsort(-liked, kind="stable")
    assert (np.diff(query.weights[order]) >= 0).all()
    assert not query.centred or (np.diff(query.direction[order]) <= 1).all()  # whole weights move it by a step


@LAWS
@given(released=values, count=st.floats(1, 1e6), power=st.integers(-3, 5), data=st.data())
def test_a_query_follows_ratios_and_places_only(
    released: list[float], count: float, power: int, data: st.DataObject
) -> None:
    """Twice the people who use twice as much are asked the same; a head in another order is asked in that order."""
    liked, factor, head = np.array(released), 2.0**power, np.arange(len(released))
    one = gram_query(popularity(liked, 0.5), people(count + 8), head)
    same = gram_query(popularity(factor * liked, factor * 0.5), people(factor * (count + 8)), head)
    turn = np.array(data.draw(st.permutations(head.tolist())))
    turned = gram_query(popularity(liked, 0.5), people(count + 8), turn)
    assert one.taken == same.taken == turned.taken
    for name in ("weights", "direction"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
        assert np.array_equal(getattr(one, name)[turn], getattr(turned, name))


@pytest.mark.parametrize(("count", "taken"), [(159.0, 0.5), (161.0, 1.0)])
def test_of_few_people_half_of_what_they_share_is_left(count: float, taken: float) -> None:
    """Few is fewer than 160 times the noise of an item's popularity, centred or not."""
    for length in (2, 30):
        query = gram_query(popularity(np.full(50, count * np.sqrt(length) / 50), 1.0), people(count), np.arange(50))
        assert query.centred == (length > 4)
        assert query.taken == taken


def test_what_is_below_the_noise_is_taken_for_the_noise() -> None:
    """Items whose released popularity says nothing are all looked at alike, whichever way their noise fell."""
    query = gram_query(popularity(np.array([100.0, 3.0, 1.0, 0.0, -9.0]), 3.0), people(5), np.arange(5))
    assert len(set(query.weights[1:].tolist())) == 1
    assert len(set(query.direction[1:].tolist())) == 1


def test_centring_takes_out_most_of_what_everybody_shares() -> None:
    """In a world without taste what a centred Gram holds along popularity is a hundredth of what a plain one holds."""
    rows = bounded(random_histories(1, people=400, n_items=40, longest=25), 40)
    liked = popularity(np.asarray(rows.user_items.sum(axis=0), dtype=float) / 3)
    query = gram_query(liked, people(400), np.arange(40))
    assert query.centred
    unit = liked.values * query.weights / np.linalg.norm(liked.values * query.weights)
    shares = []
    for asked in (query, gram_query(liked, people(1e9), np.arange(40))):
        upper = np.zeros((40, 40))
        upper[np.triu_indices(40)] = item_gram(rows, asked)
        matrix = upper + upper.T
        shares.append(float(unit @ matrix @ unit) / float(np.trace(matrix)))
    assert shares[0] < 0.01 * shares[1]
