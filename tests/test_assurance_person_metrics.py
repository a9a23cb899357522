"""What is measured of one person, by hand: percentiles, mixtures, lists without the history."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tactful.assurance import person_metrics as of_person
from tactful.assurance.item_groups import ItemGroups, item_levels
from tactful.assurance.person_metrics import Pairs
from tactful.catalogue import Catalogue
from tactful.errors import ConfigError

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
N_ITEMS = 12
histories = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=N_ITEMS, unique=True), min_size=1, max_size=6)


def pairs(rows: list[list[int]], n_items: int = N_ITEMS) -> Pairs:
    """Who has which item."""
    return Pairs(
        rows=np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        items=np.array([item for row in rows for item in row], dtype=np.int64),
        n_people=len(rows),
        n_items=n_items,
    )


def catalogue(**features: list[str]) -> Catalogue:
    """Items i0, i1, … with these columns."""
    count = len(next(iter(features.values())))
    ids = np.array([f"i{n}" for n in range(count)])
    told = {name: tuple(tuple(filter(None, v.split("|"))) for v in values) for name, values in features.items()}
    return Catalogue(item_ids=ids, titles=ids, features=told)


def groups(*values: str) -> scipy.sparse.csr_array:
    """To which group each item belongs."""
    return ItemGroups.of(catalogue(category=list(values)), "category").membership


class TestPopularity:
    """Novelty and lift are about ranks, not about numbers."""

    def test_percentiles_by_hand(self) -> None:
        """The least popular is at 0, the most popular at 1, and equal ones share the middle of their places."""
        assert of_person.percentiles(np.array([5.0, -1.0, 900.0])).tolist() == [0.5, 0.0, 1.0]
        assert of_person.percentiles(np.array([2.0, 7.0, 2.0, 2.0, 9.0])).tolist() == [0.25, 0.75, 0.25, 0.25, 1.0]
        assert of_person.percentiles(np.array([3.0, 3.0])).tolist() == [0.5, 0.5]
        assert of_person.percentiles(np.array([3.0])).tolist() == [0.0]

    def test_the_mean_is_over_what_was_shown(self) -> None:
        """A list of two counts two; one of none counts 0."""
        lists = np.array([[0, 2, -1], [1, 1, 1], [-1, -1, -1]])
        assert of_person.shown_mean(lists, np.array([0.5, 0.25, 1.0])).tolist() == [0.75, 0.25, 0.0]

    def test_lift_by_hand(self) -> None:
        """Above 0 where the list is more popular than the history; 0 where nothing is shown."""
        percentile = np.array([0.0, 0.5, 1.0])
        lists = np.array([[2, 1], [0, -1], [-1, -1]])
        lift = of_person.popularity_lift(lists, pairs([[0], [1, 2], [2]], 3), percentile)
        assert lift.tolist() == [0.75, -0.75, 0.0]


class TestMiscalibration:
    """Steck's divergence of the list from the history, on a scale from 0 to 1."""

    membership = groups("a", "a", "b", "b", "a|b", "", "a")

    def one(self, shown: list[int], history: list[int]) -> float:
        return float(of_person.miscalibration(np.array([shown]), pairs([history], 7), self.membership)[0])

    def test_the_same_mixture_is_0(self) -> None:
        """Whichever items make it up."""
        assert self.one([0, 2], [1, 3]) == pytest.approx(0)
        assert self.one([4, -1], [1, 3]) == pytest.approx(0)

    def test_nothing_in_common_is_1(self) -> None:
        """And so is a list that shows nothing."""
        assert self.one([0, 1], [2, 3]) == pytest.approx(1)
        assert self.one([-1, -1], [2, 3]) == pytest.approx(1)

    def test_by_hand(self) -> None:
        """A history of three a and one b, a list of half and half."""
        wanted = 0.75 * math.log(0.75 / (0.99 * 0.5 + 0.01 * 0.75)) + 0.25 * math.log(0.25 / (0.99 * 0.5 + 0.01 * 0.25))
        assert self.one([2, 1], [0, 1, 6, 3]) == pytest.approx(wanted / math.log(100))

    def test_no_category_is_a_category(self) -> None:
        """Items without a value are compared, too."""
        assert self.one([5, -1], [5]) == pytest.approx(0)
        assert self.one([0, -1], [5]) == pytest.approx(1)

    @LAWS
    @given(rows=histories, seed=st.integers(0, 100))
    def test_it_is_within_its_bounds(self, rows: list[list[int]], seed: int) -> None:
        """For any history and list, many categories included."""
        rng = np.random.default_rng(seed)
        membership = scipy.sparse.csr_array(rng.dirichlet([0.2] * 5, N_ITEMS))
        lists = rng.integers(-1, N_ITEMS, (len(rows), 4))
        found = of_person.miscalibration(lists, pairs(rows), membership)
        assert ((found >= 0) & (found <= 1)).all()


class TestExposure:
    """How much of a list belongs to a group of items."""

    def test_by_hand(self) -> None:
        """The first place weighs 1, the second 1/log2(3); an item of two groups gives half to each."""
        membership = groups("a", "b", "a|b")
        found = of_person.exposure(np.array([[1, 2, -1], [-1, -1, -1]]), membership)
        second = 1 / math.log2(3)
        assert found[0] == pytest.approx([0.5 * second / (1 + second), (1 + 0.5 * second) / (1 + second), 0])
        assert found[1].tolist() == [0, 0, 0]

    @LAWS
    @given(seed=st.integers(0, 100))
    def test_shares_add_up_to_one(self, seed: int) -> None:
        """For whoever is shown anything."""
        rng = np.random.default_rng(seed)
        membership = scipy.sparse.csr_array(rng.dirichlet([0.2] * 5, N_ITEMS))
        lists = rng.integers(-1, N_ITEMS, (20, 3))
        found = of_person.exposure(lists, membership)
        assert found.sum(axis=1) == pytest.approx((lists >= 0).any(axis=1).astype(float))


def listed(order: list[int], history: list[int], depth: int) -> list[int]:
    """The first items of an order that are not in the history, filled up."""
    new = [item for item in order if item not in history][:depth]
    return new + [-1] * (depth - len(new))


@LAWS
@given(
    rows=histories,
    order=st.permutations(range(N_ITEMS)),
    cut=st.integers(1, N_ITEMS),
    depth=st.integers(1, N_ITEMS + 2),
)
def test_popularity_lists_are_the_order_less_the_history(
    rows: list[list[int]], order: list[int], cut: int, depth: int
) -> None:
    """Against plain lists, for any order that leaves items out."""
    found = of_person.popularity_lists(np.array(order[:cut]), pairs(rows), depth)
    assert found.tolist() == [listed(order[:cut], row, depth) for row in rows]


@LAWS
@given(rows=histories, seed=st.integers(0, 100))
def test_hits_are_places_that_hold_a_wanted_item(rows: list[list[int]], seed: int) -> None:
    """One's own, not another's."""
    lists: NDArray[np.int64] = np.random.default_rng(seed).integers(-1, N_ITEMS, (len(rows), 4))
    found = of_person.hits(lists, pairs(rows))
    assert found.tolist() == [[item in row for item in shown] for shown, row in zip(lists.tolist(), rows, strict=True)]


class TestItemGroups:
    """Columns of the catalogue as groups."""

    def test_every_item_is_of_one_whole(self) -> None:
        """In equal parts where it has several values, of `other` where it has none or none that is declared."""
        items = catalogue(kind=["a", "b|c", "", "x", "a|x", "x|y"])
        found = ItemGroups.of(items, "kind", ("a", "b"))
        assert found.levels == ("a", "b", "other")
        assert found.membership.toarray().tolist() == [
            [1, 0, 0],
            [0, 0.5, 0.5],
            [0, 0, 1],
            [0, 0, 1],
            [0.5, 0, 0.5],
            [0, 0, 1],
        ]
        assert found.catalogue_shares == pytest.approx({"a": 1.5 / 6, "b": 0.5 / 6, "other": 4 / 6})

    def test_without_levels_every_value_is_a_group(self) -> None:
        """In the order of the alphabet, `other` last, whether it is a value or not."""
        assert ItemGroups.of(catalogue(kind=["b", "other", "a"]), "kind").levels == ("a", "b", "other")
        assert item_levels(["z", "other", "a", "z"]) == ("z", "a", "other")

    def test_a_column_that_is_not_there_is_named(self) -> None:
        """And so are those that are."""
        with pytest.raises(ConfigError, match="Name one of: kind"):
            ItemGroups.of(catalogue(kind=["a"]), "brand")
