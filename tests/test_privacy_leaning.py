"""What one group uses more than others is released beside popularity, both within the norm of one release."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gram_reference import N_ITEMS, histories
from privacy_worlds import NoNoise, bounded, door, plan, random_histories, squared_norm
from tactful.errors import ConfigError, UsageError
from tactful.personal import contributions
from tactful.personal.attributes import AttributeSpec
from tactful.personal.bounding import WHOLE, BoundedInteractions
from tactful.personal.contributions import SCALE, item_popularity, item_popularity_and_leaning
from tactful.personal.doors import opened
from tactful.personal.held_rows import HeldRows
from tactful.personal.weights import Leaning

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=100)
AGE = AttributeSpec(name="age", levels=("young", "old"))
history = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=N_ITEMS, unique=True)
leaning = st.one_of(st.integers(-WHOLE, WHOLE), st.sampled_from([-WHOLE, 0, WHOLE]))


def leaning_people(people: list[list[int]], leanings: list[int], n_items: int = N_ITEMS) -> BoundedInteractions:
    """These people, through the back door that only tests may use."""
    plain = bounded(people, n_items)
    return opened(
        BoundedInteractions,
        rows=HeldRows(user_items=plain.user_items, leanings=np.array(leanings, dtype=np.int64)),
        max_items=10,
        catalogue=plain.catalogue,
        weighted=True,
    )


def moved(person: list[int], own: int, others: list[list[int]], rest: list[int]) -> Any:
    """What one person adds to both halves."""
    both = item_popularity_and_leaning(leaning_people([person, *others], [own, *rest]))
    return both - item_popularity_and_leaning(leaning_people(others, rest))


@LAWS
@given(others=histories, person=history, data=st.data())
def test_one_person_moves_both_by_at_most_the_scale(
    others: list[list[int]], person: list[int], data: st.DataObject
) -> None:
    """Whatever anybody's leaning: at most S², exactly; a tenth of it at most in the second half."""
    own, rest = data.draw(leaning), data.draw(st.lists(leaning, min_size=len(others), max_size=len(others)))
    found = moved(person, own, others, rest)
    assert squared_norm(found) <= SCALE**2
    assert 10 * squared_norm(found[N_ITEMS:]) <= SCALE**2
    assert np.array_equal(np.sign(found[N_ITEMS:]) != 0, np.isin(np.arange(N_ITEMS), person) & (own != 0))


def test_a_split_that_is_not_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant that gives both halves the whole norm moves by more than the scale."""
    assert squared_norm(moved([1, 2], WHOLE, [], [])) <= SCALE**2
    whole = contributions.shared_weight
    monkeypatch.setattr(contributions, "shared_weight", lambda entries, _tenths: whole(entries))
    assert squared_norm(moved([1, 2], WHOLE, [], [])) > SCALE**2


def test_popularity_is_what_it_was_and_leaning_is_the_difference() -> None:
    """Divided by their shares of the norm they are popularity, and that of one group less that of the other."""
    people = random_histories(2, people=50, n_items=20, longest=9)
    leanings = [WHOLE if n % 3 else -WHOLE for n in range(50)]
    made = leaning_people(people, leanings, 20)
    popular, toward = door(NoNoise()).popularity_and_leaning(made)
    assert popular.values == pytest.approx(item_popularity(made) / SCALE, abs=1e-6)
    ahead = item_popularity(bounded([p for n, p in enumerate(people) if n % 3], 20)) / SCALE
    behind = item_popularity(bounded([p for n, p in enumerate(people) if not n % 3], 20)) / SCALE
    assert toward.values == pytest.approx(ahead - behind, abs=1e-6)
    assert (popular.sigma * 0.9**0.5, toward.sigma * 0.1**0.5) == pytest.approx(
        (plan().event("popularity").noise_multiplier,) * 2
    )


def test_a_plan_for_fewer_entries_is_refused() -> None:
    """A person touches each of their items twice, and the sampler's error is charged for both."""
    wide = bounded([[0]], 40)
    with pytest.raises(UsageError, match="than its plan pays for"):
        door(NoNoise(), run=plan(max_items=40)).popularity_and_leaning(wide)


def test_an_item_that_all_like_alike_comes_to_nothing() -> None:
    """Groups of other sizes are balanced by their declared shares, and nobody counts more than whole."""
    toward = Leaning.of(AGE, "young", {"young": 1, "old": 3})
    assert toward.units == (255, -85)
    assert Leaning.of(AGE, "old", {"young": 1, "old": 3}).units == (-255, 85)
    assert toward.of_people(np.array([0, 1, 2, 3, -1])).tolist() == [255, -85, 0, 0, 0]
    made = leaning_people([[5]] * 4, toward.of_people(np.array([0, 1, 1, 1])).tolist())
    assert abs(int(item_popularity_and_leaning(made)[N_ITEMS + 5])) < 4
    with pytest.raises(ConfigError, match="a declared level"):
        Leaning.of(AGE, "middle", {"young": 1, "old": 3})
