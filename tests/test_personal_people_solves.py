"""People's solves: the textbook's sums, of which one person moves no more than 2³⁰, in whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy_worlds import bounded, random_histories, squared_norm
from solve_reference import query, sums
from tactful.errors import ConfigError, TactfulError
from tactful.personal import solve_kernels
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE
from tactful.personal.people_solves import solved_gram, solved_item_grams, solved_right_hand_sides
from tactful.personal.solve_kernels import SOLVED_SCALE
from tactful.privacy.statistics import SolveQuery

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
N_ITEMS = 9
Sum = Callable[[BoundedInteractions, SolveQuery], NDArray[np.int64]]
SUMS: dict[str, Sum] = {
    "right-hand sides": solved_right_hand_sides,
    "Gram": solved_gram,
    "item Grams": solved_item_grams,
}
histories = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=N_ITEMS, unique=True)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


def hostile(values: list[float], size: int, *, observed: float = 1.0, clip: float = 0.0) -> SolveQuery:
    """Factors, prior and weights made of any floats at all."""
    filled = np.resize(np.array(values), N_ITEMS * size + size * size + N_ITEMS)
    factors, prior, weights = np.split(filled, [N_ITEMS * size, N_ITEMS * size + size * size])
    return SolveQuery(
        step=1,
        head=np.arange(N_ITEMS),
        factors=factors.reshape(N_ITEMS, size),
        prior=prior.reshape(size, size),
        weights=weights,
        observed=observed,
        clip=clip,
    )


@pytest.mark.parametrize("observed", [0.0, 1.0, 7.0])
@pytest.mark.parametrize("clip", [0.0, 0.3])
def test_the_sums_are_the_textbooks(observed: float, clip: float) -> None:
    """To one integer unit a person: vectors by ridge regression, scaled, shared among the items of the head."""
    people = random_histories(1, people=30, n_items=12, longest=8)
    asked = query(N_ITEMS, 4, observed=observed, clip=clip)
    sides, gram, items = sums(people, asked)
    rows, columns = np.triu_indices(4)
    found = [made(bounded(people, 12), asked) / SCALE for made in SUMS.values()]
    close = 4 * len(people) / SOLVED_SCALE
    assert found[0] == pytest.approx(sides.ravel(), abs=close)
    assert found[1] == pytest.approx(gram[rows, columns], abs=close)
    assert found[2] == pytest.approx(items[:, rows, columns].ravel(), abs=close)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("size", [1, 3, 17])
def test_one_person_uses_the_whole_norm_and_no_more(name: str, size: int) -> None:
    """In worlds of short and long histories each person moves each sum by at most 2³⁰, and items' sums by nearly so."""
    for seed in range(6):
        people = random_histories(seed, people=7, n_items=60, longest=60)
        asked = query(60, size, seed)
        whole = SUMS[name](bounded(people, 60), asked)
        for person in range(len(people)):
            fewer = SUMS[name](bounded(people[:person] + people[person + 1 :], 60), asked)
            moved = squared_norm(whole - fewer)
            assert moved <= SCALE**2
            if name == "right-hand sides":
                assert moved > 0.999 * SCALE**2


@LAWS
@given(history=histories, values=st.lists(numbers, min_size=1, max_size=30), size=st.integers(1, 4), clip=numbers)
@pytest.mark.parametrize("name", SUMS)
def test_no_query_makes_one_person_move_more(
    name: str, history: list[int], values: list[float], size: int, clip: float
) -> None:
    """Whatever floats the factors, priors, weights and clips are, infinities and NaN too: at most 2³⁰."""
    asked = hostile(values, size, clip=clip)
    assert squared_norm(SUMS[name](bounded([history], N_ITEMS), asked)) <= SCALE**2


@LAWS
@given(people=st.lists(histories, min_size=2, max_size=6), seed=st.integers(0, 1000))
@pytest.mark.parametrize("name", SUMS)
def test_who_else_is_there_changes_nobodys_part(name: str, people: list[list[int]], seed: int) -> None:
    """To the last bit, the sum over people is the sum of the sums of each alone, in any order."""
    asked = query(N_ITEMS, 5, seed)
    alone = [SUMS[name](bounded([history], N_ITEMS), asked) for history in people]
    for order in (people, people[::-1]):
        assert np.array_equal(SUMS[name](bounded(order, N_ITEMS), asked), np.sum(alone, axis=0))


def test_values_are_cut_toward_zero() -> None:
    """Turning all factors round turns the right-hand sides round and leaves the Grams, to the last bit."""
    people = bounded(random_histories(2, people=20, n_items=N_ITEMS, longest=6), N_ITEMS)
    asked = query(N_ITEMS, 4)
    turned = replace(asked, factors=-asked.factors)
    assert np.array_equal(solved_right_hand_sides(people, turned), -solved_right_hand_sides(people, asked))
    assert np.array_equal(solved_gram(people, turned), solved_gram(people, asked))
    assert np.array_equal(solved_item_grams(people, turned), solved_item_grams(people, asked))


def test_items_outside_the_head_do_not_count() -> None:
    """A person's other items change nothing, and who has none of the head adds nothing."""
    asked = replace(query(3, 2), head=np.array([4, 0, 7]))
    for made in SUMS.values():
        assert np.array_equal(made(bounded([[0, 4]], 9), asked), made(bounded([[0, 1, 2, 4, 8]], 9), asked))
        assert not made(bounded([[1, 2, 3], []], 9), asked).any()


def test_weights_share_a_persons_norm() -> None:
    """An item of three times the weight gets three times as much of the person's vector."""
    asked = replace(query(2, 1), weights=np.array([1.0, 3.0]))
    first, second = solved_right_hand_sides(bounded([[0, 1]], 2), asked).tolist()
    assert second == pytest.approx(3 * first, rel=1e-5)
    assert first**2 + second**2 == pytest.approx(SCALE**2, rel=1e-5)


def test_a_short_vector_stays_short() -> None:
    """Clipping scales nobody up: below the clip a person adds in proportion to their norm."""
    asked = query(4, 2, observed=0.0)
    half = replace(asked, prior=2 * asked.prior, clip=100.0)
    people = bounded([[0, 2]], 4)
    found = [solved_right_hand_sides(people, asker) for asker in (replace(asked, clip=100.0), half)]
    assert found[0] == pytest.approx(2 * found[1], abs=2 * SCALE // SOLVED_SCALE)
    assert 0 < squared_norm(found[0]) < SCALE**2 / 4


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 12, 200, 2000])
def test_whole_numbers_are_as_long_as_they_may_be(length: int) -> None:
    """The norm is at most 2²⁰, and would be above it if each entry were rounded to the nearest or were one larger."""
    made = np.zeros(length, dtype=np.int64)
    assert solve_kernels.whole_numbers(np.full(length, 0.7), 0.0, made)
    assert squared_norm(made) <= SOLVED_SCALE**2 < squared_norm(made + 2)


def test_whole_numbers_move_toward_zero_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proposal that is too long, as rounding to the nearest makes it, is brought back by the whole numbers."""
    nearest = np.full(3, 605_396)
    assert squared_norm(nearest) > SOLVED_SCALE**2
    made = np.zeros(3, dtype=np.int64)
    plain = solve_kernels.whole_numbers.py_func  # type: ignore[attr-defined]
    monkeypatch.setattr(solve_kernels, "SOLVED_SCALE", SOLVED_SCALE + 2)
    assert plain(np.ones(3), 0.0, made)
    assert made.tolist() == [605_395] * 3


@pytest.mark.parametrize("values", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_what_is_no_vector_counts_for_nothing(values: list[float]) -> None:
    made = np.zeros(2, dtype=np.int64)
    assert not solve_kernels.whole_numbers(np.array(values), 0.0, made)


def test_a_query_that_does_not_fit_is_refused() -> None:
    """The compiled loops check no index, so the shapes are checked before."""
    asked, people = query(3, 2), bounded([[0]], 5)
    wrong = (
        replace(asked, head=np.array([0, 1])),
        replace(asked, head=np.array([0, 1, 1])),
        replace(asked, head=np.array([0, 1, 5])),
        replace(asked, head=np.array([0, 1, -1])),
        replace(asked, weights=np.ones(2)),
        replace(asked, prior=np.eye(3)),
    )
    for broken in wrong:
        for made in SUMS.values():
            with pytest.raises(ConfigError):
                made(people, broken)


def test_too_many_people_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tactful.personal.contributions.MOST_PEOPLE", 1)
    with pytest.raises(TactfulError, match="several"):
        solved_gram(bounded([[0], [1]], 3), query(3, 2))
