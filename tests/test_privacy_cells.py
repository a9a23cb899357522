"""The evaluation vector: whatever is measured of one person, they move it by at most 2³⁰ in L2 norm, in integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy_worlds import DESIGN, squared_norm
from tactful.errors import ConfigError, TactfulError, UsageError
from tactful.personal.contributions import MOST_PEOPLE, SCALE
from tactful.privacy import cells
from tactful.privacy.cells import CellDesign, GroupCells, ShareCells, cell_names, cell_sums
from tactful.privacy.sums import Cell

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=80)
METRICS = ("people", "known", "ndcg@10", "lift")
KEY = ("exposure@10", "department")
FIGURES = len(METRICS) + 3

any_value = st.one_of(
    st.floats(), st.sampled_from([0.0, 1 / 3, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324])
)
person = st.tuples(st.tuples(*[any_value] * FIGURES), st.tuples(st.integers(-2, 2), st.integers(-1, 1)))
Sums = Callable[[list[Any], CellDesign], NDArray[np.int64]]


def vector(people: list[Any], design: CellDesign = DESIGN) -> NDArray[np.int64]:
    """The sums over people, each given as figures and codes."""
    values = np.array([figures for figures, _ in people], dtype=float).reshape(len(people), FIGURES)
    codes = np.array([found for _, found in people], dtype=np.int64).reshape(len(people), 2)
    metrics = {m: values[:, i] for i, m in enumerate(METRICS)}
    return cell_sums(metrics, dict(zip(("age", "region"), codes.T, strict=True)), design, {KEY: values[:, 4:]})


def designs() -> st.SearchStrategy[CellDesign]:
    """Any bounds and importances for the metrics of `DESIGN`."""

    def made(numbers: list[float]) -> CellDesign:
        a, b, c, d, e, f, g, h, i = numbers
        by_group = {"people": (1.0, d), "ndcg@10": (f, e)}
        return CellDesign(
            overall={"people": (1.0, a), "ndcg@10": (f, b), "lift": (g, c)},
            groups={
                "age": GroupCells(levels=("young", "old", "undisclosed"), metrics=by_group),
                "region": GroupCells(levels=("north", "south"), metrics={**by_group, "known": (1.0, h)}),
            },
            shares={KEY: ShareCells(levels=("food", "drink", "else"), importance=i)},
        )

    return st.lists(st.floats(1e-3, 1e3), min_size=9, max_size=9).map(made)


@LAWS
@given(people=st.lists(person, min_size=1, max_size=5), design=designs())
def test_one_person_moves_the_vector_by_at_most_the_scale(people: list[Any], design: CellDesign) -> None:
    """Whatever their figures are, not-a-number and infinite ones included, whichever groups they are in."""
    moved = vector(people, design) - vector(people[1:], design)
    target(float(squared_norm(moved)))  # the search climbs toward whoever moves most
    assert squared_norm(moved) <= SCALE**2
    assert np.count_nonzero(moved) <= design.touched


@pytest.mark.parametrize("mixture", [(9.0, 0.0, -1.0), (1.0, math.nan, -math.inf), (math.inf, 0.0, 0.0)])
def test_the_bound_is_tight(mixture: tuple[float, ...]) -> None:
    """A person at every clip uses the norm up but for rounding: a bound that was larger by 1% would be broken."""
    moved = vector([((9.0, 9.0, 9.0, -9.0, *mixture), (1, 0))])
    assert 0.9999 * SCALE**2 < squared_norm(moved) <= SCALE**2


def mixtures_stay_within_their_part(mixtures: Callable[..., NDArray[np.int64]]) -> None:
    """No mixture of any sum has a norm above its part of the scale, negative ones and what is no number included."""
    rng = np.random.default_rng(5)
    given_shares = np.concatenate([rng.random((200, 3)) * 3 - 1, rng.dirichlet([0.3] * 3, 200), [[math.nan, 2, 9]]])
    for factor in (SCALE * 0.31 + 0.7, float(SCALE), 7.9, 0.3):
        for row in mixtures(given_shares, 3, factor).tolist():
            assert sum(u * u for u in row) <= factor**2, "a mixture moves more than its part"


def clipped_one_by_one(values: NDArray[np.float64], levels: int, factor: float) -> NDArray[np.int64]:
    """The mutant that bounds each share and not what they add up to."""
    del levels
    return np.trunc(np.clip(np.nan_to_num(values), 0, 1) * factor).astype(np.int64)


def with_negative_shares(values: NDArray[np.float64], levels: int, factor: float) -> NDArray[np.int64]:
    """The mutant whose negative shares make room for larger ones: they add up to little."""
    del levels
    units = np.trunc(np.clip(np.nan_to_num(values), -1, 1) * factor).astype(np.int64)
    most = math.floor(factor)
    return units * most // np.maximum(units.sum(axis=1, keepdims=True), max(most, 1))


def to_the_nearest(values: NDArray[np.float64], levels: int, factor: float) -> NDArray[np.int64]:
    """The mutant that rounds."""
    del levels
    shares = np.clip(np.nan_to_num(values), 0, 1)
    return np.rint(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1) * factor).astype(np.int64)


def test_mixtures_stay_within_their_part() -> None:
    """And those that add up to at most one lose nothing but what cutting to integers takes."""
    mixtures_stay_within_their_part(cells._mixtures)
    shares = np.random.default_rng(6).dirichlet([1.0] * 4, 50)
    assert np.abs(cells._mixtures(shares, 4, 1e9) - shares * 1e9).max() < 2


@pytest.mark.parametrize("mutant", [clipped_one_by_one, with_negative_shares, to_the_nearest])
def test_mixtures_that_are_not_bounded_are_caught(mutant: Callable[..., NDArray[np.int64]]) -> None:
    """The claim fails for each broken one."""
    with pytest.raises(AssertionError, match="more than its part"):
        mixtures_stay_within_their_part(mutant)


def norm_is_kept(design: CellDesign = DESIGN) -> None:
    """The person who moves most stays within the scale."""
    moved = squared_norm(vector([((9.0, 9.0, 9.0, -9.0, 9.0, 0.0, 0.0), (1, 0))], design))
    assert moved <= SCALE**2, "one person moves more than the sensitivity"


def without(design: CellDesign, part: str) -> float:
    """The sum of importances that forgets a part of the design."""
    forgotten = {
        "a group": sum(i for _, i in design.groups["age"].metrics.values()),
        "the levels' metrics": 0.5,
        "the mixtures": design.shares[KEY].importance,
    }
    return 9.5 + 2.5 - forgotten[part]


@pytest.mark.parametrize("part", ["a group", "the levels' metrics", "the mixtures"])
def test_a_norm_that_forgets_a_part_is_caught(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right sum of importances keeps the norm; without an attribute, a metric or the mixtures it is broken."""
    norm_is_kept()
    assert DESIGN.importance == 12.0
    monkeypatch.setattr(CellDesign, "importance", property(lambda design: without(design, part)))
    with pytest.raises(AssertionError, match="more than the sensitivity"):
        norm_is_kept()


def test_metrics_that_are_rounded_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding up by less than one unit in each entry is enough to break the bound."""

    def upward(values: NDArray[np.float64], clip: float, factor: float) -> NDArray[np.int64]:
        return np.ceil(np.clip(values, -clip, clip) * factor + 1).astype(np.int64)

    monkeypatch.setattr(cells, "_units", upward)
    with pytest.raises(AssertionError, match="more than the sensitivity"):
        norm_is_kept()


def test_the_cells_are_in_the_order_of_the_sums() -> None:
    """One person in one group: what is not 0 has the names of just their cells."""
    found = vector([((1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0), (1, -1))])
    named = {cell for cell, value in zip(cell_names(DESIGN), found.tolist(), strict=True) if value}
    assert named == {
        Cell(metric="people"),
        Cell(metric="ndcg@10"),
        Cell(metric="lift"),
        Cell(metric="people", attribute="age", group="old"),
        Cell(metric="ndcg@10", attribute="age", group="old"),
        Cell(metric="exposure@10", attribute="items: department", group="drink"),
    }
    assert DESIGN.touched == 3 + 2 + 3 + 3


def test_sums_of_many_are_exact() -> None:
    """Bit for bit the sum of what each adds, in any order."""
    rng = np.random.default_rng(8)
    everybody = [
        (tuple(rng.normal(size=FIGURES).tolist()), (int(rng.integers(-1, 3)), int(rng.integers(-1, 2))))
        for _ in range(200)
    ]
    alone = sum(vector([one]) for one in everybody)
    assert np.array_equal(vector(everybody), alone)
    assert np.array_equal(vector(everybody[::-1]), alone)


def test_nobody_is_a_vector_of_zeros() -> None:
    assert vector([]).tolist() == [0] * len(cell_names(DESIGN))


def test_shares_of_another_shape_are_refused() -> None:
    """Before anything is drawn."""
    with pytest.raises(UsageError, match="one column for each group"):
        cell_sums(
            dict.fromkeys(METRICS, np.ones(2)), dict.fromkeys(("age", "region"), np.zeros(2, int)), DESIGN,
            {KEY: np.ones((2, 2))},
        )  # fmt: skip


def test_more_people_than_an_int64_can_add_up_are_refused() -> None:
    """Every entry of one person is at most S."""
    crowd = np.broadcast_to(np.float64(1), (MOST_PEOPLE + 1,))
    with pytest.raises(TactfulError, match="64 bits"):
        cell_sums({"people": crowd}, {}, CellDesign(overall={"people": (1.0, 1.0)}))


ONE = {"people": (1.0, 1.0)}


@pytest.mark.parametrize(
    ("overall", "by_group", "importance"),
    [
        ({**ONE, "m": (0.0, 1.0)}, ONE, 1.0),
        ({**ONE, "m": (1.0, -1.0)}, ONE, 1.0),
        ({**ONE, "m": (math.nan, 1.0)}, ONE, 1.0),
        (ONE, {"people": (1.0, math.inf)}, 1.0),
        ({"people": (2.0, 1.0)}, ONE, 1.0),
        (ONE, {"m": (1.0, 1.0)}, 1.0),
        ({"m": (1.0, 1.0)}, ONE, 1.0),
        (ONE, ONE, 0.0),
        (ONE, ONE, math.nan),
    ],
)
def test_a_design_whose_norm_is_not_bounded_is_refused(overall: Any, by_group: Any, importance: float) -> None:
    """A clip or importance of 0, below 0, or not finite would make the argument for the norm void."""
    with pytest.raises(ConfigError, match="finite numbers above 0"):
        CellDesign(
            overall=overall,
            groups={"age": GroupCells(levels=("a",), metrics=by_group)},
            shares={("e", "c"): ShareCells(levels=("x",), importance=importance)},
        )


@pytest.mark.parametrize(
    ("groups", "shares"),
    [
        ({"age": GroupCells(levels=("a", "a"), metrics=ONE)}, {}),
        ({"": GroupCells(levels=("a",), metrics={**ONE, "m": (0.1, 1.0)})}, {}),
        ({"items: c": GroupCells(levels=("a",), metrics=ONE)}, {}),
        ({}, {("e", "c"): ShareCells(levels=("x", "x"), importance=1.0)}),
        (
            {"items: c": GroupCells(levels=("x",), metrics={**ONE, "e": (1.0, 1.0)})},
            {("e", "c"): ShareCells(levels=("x",), importance=1.0)},
        ),
    ],
)
def test_a_cell_without_a_name_of_its_own_is_refused(groups: Any, shares: Any) -> None:
    """One figure would hide the other, or have the bounds of another."""
    with pytest.raises(ConfigError, match="name of its own"):
        CellDesign(overall=ONE, groups=groups, shares=shares)
