"""What one person adds to the Gram is at most 2³⁰ in L2 norm, in whole numbers, however histories are looked at."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

import gram_reference as reference
from gram_reference import N_ITEMS, histories, queries, query, random_query
from privacy_worlds import bounded, door, of_matrix, random_histories, squared_norm
from tactful.errors import ConfigError, TactfulError, UsageError
from tactful.personal import gram_kernels, held_rows
from tactful.personal.contributions import MOST_PEOPLE, SCALE
from tactful.personal.grams import DIAGONAL_DIVISOR, item_gram
from tactful.personal.matrices import user_items
from tactful.privacy.noise import SeededNoise
from tactful.privacy.statistics import LARGEST_HEAD, GramQuery

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=120)
history = st.lists(st.integers(0, N_ITEMS - 1), max_size=N_ITEMS, unique=True)
everything = list(range(N_ITEMS))


def squared(z: list[int]) -> int:
    """The squared norm of what z adds, in Python's integers: c² Σ z_i² z_j² over pairs, and Σ z_i⁴."""
    n, f = sum(v**2 for v in z), sum(v**4 for v in z)
    return DIAGONAL_DIVISOR**2 * ((n * n - f) // 2) + f


@LAWS
@given(people=histories, asked=queries())
def test_the_triangle_is_the_sum_over_people(people: list[list[int]], asked: GramQuery) -> None:
    """Entry by entry c Σ z_i z_j, c the diagonal's divisor, and Σ z_i² on the diagonal, by each person's t and s."""
    assert item_gram(bounded(people, N_ITEMS), asked).tolist() == reference.gram(people, asked)


@LAWS
@given(others=histories, person=history, asked=queries())
def test_one_person_moves_it_by_at_most_the_scale(others: list[list[int]], person: list[int], asked: GramQuery) -> None:
    """With and without any person, among any others, for any query: at most S² exactly."""
    moved = item_gram(bounded([person, *others], N_ITEMS), asked) - item_gram(bounded(others, N_ITEMS), asked)
    target(float(squared_norm(moved)))  # the search climbs toward whoever moves most
    assert squared_norm(moved) <= SCALE**2
    assert squared_norm(moved) == squared(reference.vector(person, asked, *reference.shares(person, asked)))


@pytest.mark.parametrize("seed", range(20))
def test_usual_people_use_nearly_the_whole_norm(seed: int) -> None:
    """Heads of a run, weighted and centred or plain: more than 90% of S² for everybody who lies off the direction."""
    n_head = 20 + 37 * seed
    centred = random_query(seed, n_head)
    plain, weighted = GramQuery.plain(centred.head), replace(centred, direction=np.zeros_like(centred.direction))
    for used in random_histories(seed, people=12, n_items=n_head, longest=200 if n_head > 200 else n_head // 2):
        for asked in (plain, weighted, centred):
            found = squared(reference.vector(used, asked, *reference.shares(used, asked)))
            assert 0.9 * SCALE**2 < found <= SCALE**2


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_textbooks(seed: int) -> None:
    """Weighted, centred and of norm 1, as the docstring of the released Gram says, to the rounding of t and s."""
    people = random_histories(seed, people=60, n_items=30, longest=12)
    for asked in (random_query(seed, 30), random_query(seed, 30, taken=0.5), GramQuery.plain(np.arange(5, 25))):
        found = reference.matrix(item_gram(bounded(people, 30), asked), len(asked.head)) / SCALE
        found[np.diag_indices(len(found))] *= DIAGONAL_DIVISOR
        wanted = reference.textbook(people, asked)
        assert found == pytest.approx(wanted, abs=0.02 * float(np.abs(wanted).max()))


@LAWS
@given(person=history, asked=queries(centred=True))
def test_what_lies_along_the_direction_is_taken_out_by_its_share(person: list[int], asked: GramQuery) -> None:
    """What is left is the share that is not taken out, to ½ D·D: s is the nearest whole number."""
    t, s = reference.shares(person, asked)
    direction = asked.direction.tolist()
    whole, left = (
        sum(v * d for v, d in zip(reference.vector(person, asked, t, shift), direction, strict=True))
        for shift in (0, s)
    )
    assert abs(left - (1 - asked.taken) * whole) <= (0.5 + 1e-9) * sum(d * d for d in direction) + 1e-9


@LAWS
@given(asked=queries(centred=True), people=histories)
def test_who_has_nothing_of_the_head_adds_nothing(asked: GramQuery, people: list[list[int]]) -> None:
    """Centred or not: an empty history is no history, not one that lacks everything."""
    outside = [i for i in everything if i not in asked.head]
    assert reference.shares(outside, asked) == (0, 0)
    without = item_gram(bounded(people, N_ITEMS), asked)
    assert np.array_equal(item_gram(bounded([[], outside, *people], N_ITEMS), asked), without)
    assert not item_gram(bounded([[], outside], N_ITEMS), asked).any()


@LAWS
@given(data=st.data(), people=histories, asked=queries())
def test_order_and_splitting_change_no_bit(data: st.DataObject, people: list[list[int]], asked: GramQuery) -> None:
    """Any order of people and of items, and the sum over any partition, give the same integers."""
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(people), max_size=len(people)))
    shuffled = data.draw(st.permutations(people))
    whole = item_gram(bounded(people, N_ITEMS), asked)
    pieces = [[h for h, p in zip(people, parts, strict=True) if p == part] for part in range(3)]
    assert np.array_equal(whole, sum(item_gram(bounded(piece, N_ITEMS), asked) for piece in pieces))
    assert np.array_equal(whole, item_gram(bounded([h[::-1] for h in shuffled], N_ITEMS), asked))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [1, 7, 500])
def test_threads_and_blocks_change_no_bit(threads: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it matter where a block of people ends, or that a person is longer than a block."""
    people = bounded([[], *random_histories(5, people=150, n_items=60, longest=50)], 60)
    asked = random_query(5, 40)
    wanted = item_gram(people, asked)
    monkeypatch.setattr(held_rows, "_threads", lambda: threads)
    monkeypatch.setattr(held_rows, "_FEW", 0)
    monkeypatch.setattr(held_rows, "_BATCH", block)
    assert np.array_equal(item_gram(people, asked), wanted)


@LAWS
@given(data=st.data(), people=histories, asked=queries())
def test_the_head_in_another_order_is_the_same_gram(
    data: st.DataObject, people: list[list[int]], asked: GramQuery
) -> None:
    """Entry (i, j) is about the head's i-th and j-th item: rows and columns move along with the query."""
    turn, n_head = np.array(data.draw(st.permutations(range(len(asked.head))))), len(asked.head)
    turned = query(asked.head[turn], asked.weights[turn], asked.direction[turn], asked.taken)  # type: ignore[arg-type]
    one, other = (reference.matrix(item_gram(bounded(people, N_ITEMS), q), n_head) for q in (asked, turned))
    assert np.array_equal(one[np.ix_(turn, turn)], other)


def test_the_bound_is_on_the_released_triangle() -> None:
    """The mirrored matrix would have almost √2 the norm: releasing both halves would not be covered."""
    upper = reference.matrix(item_gram(bounded([range(9)], 9), GramQuery.plain(np.arange(9))), 9)
    assert squared_norm(np.triu(upper)) <= SCALE**2 < squared_norm(upper)


# --- extremes ---

WHOLE = list(range(LARGEST_HEAD))
HALF = list(range(0, LARGEST_HEAD, 2))
LARGE = [255] * LARGEST_HEAD
EXTREMES: dict[str, tuple[list[int], GramQuery]] = {
    "a head of one": ([0], query([0], [255], [0])),
    "a head of one, all of it shared": ([0], query([0], [255], [255])),
    "one item of a large head": ([7], query(WHOLE, LARGE, [0] * LARGEST_HEAD)),
    "one item, centred by everything": ([7], query(WHOLE, LARGE, LARGE)),
    "one item, centred by another": ([7], query(WHOLE, LARGE, [0] * 8 + [255] + [0] * (LARGEST_HEAD - 9))),
    "one item, centred by itself at length 1": ([7], query(WHOLE, LARGE, [0] * 7 + [1] + [0] * (LARGEST_HEAD - 8))),
    "everything at the largest weight": (WHOLE, query(WHOLE, LARGE, [0] * LARGEST_HEAD)),
    "everything along the direction": (WHOLE, query(WHOLE, LARGE, LARGE)),
    "everything nearly along the direction": (WHOLE, query(WHOLE, LARGE, [254, *LARGE[1:]])),
    "everything, centred by a hair": (WHOLE, query(WHOLE, LARGE, [1, *[0] * (LARGEST_HEAD - 1)])),
    "half, the other half in the direction": (HALF, query(WHOLE, LARGE, [0, 255] * (LARGEST_HEAD // 2))),
    "half, all of it in the direction": (HALF, query(WHOLE, LARGE, [255, 0] * (LARGEST_HEAD // 2))),
    "light items, heavy direction": (HALF, query(WHOLE, [1] * LARGEST_HEAD, LARGE)),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_stay_within_the_scale_and_exact(name: str) -> None:
    """The largest head and numbers: norms by Python's integers, and entries as they say, though products wrap."""
    used, asked = EXTREMES[name]
    t, s = reference.shares(used, asked)
    z = reference.vector(used, asked, t, s)
    assert t > 0
    assert squared(z) <= SCALE**2
    upper, n_head = item_gram(bounded([used], LARGEST_HEAD), asked), len(asked.head)
    found, start = np.array(z), 0  # none above 2¹⁵, as their squares sum up to 2³⁰ at most
    for i in range(n_head):
        wanted = found[i] * found[i:] * np.where(np.arange(n_head - i) > 0, DIAGONAL_DIVISOR, 1)
        assert np.array_equal(upper[start : start + n_head - i], wanted)
        start += n_head - i
    assert start == len(upper)


@pytest.mark.parametrize("direction", [[255, 255, 255], [255, 254, 255], [255, 0, 1]])
def test_many_people_wrap_around_and_come_out_exact(direction: list[int]) -> None:
    """2¹⁸ people of the largest t: Σ t² a_i a_j alone passes 2⁶³, and the sum of everything is a person's times 2¹⁸."""
    crowd, asked = 1 << 18, query([0, 1, 2], [255, 255, 255], direction)
    used, rows = [0, 1, 2], np.repeat(np.arange(crowd), 3)
    people = of_matrix(user_items(rows, np.tile(used, crowd), 3, crowd))
    t, s = reference.shares(used, asked)
    wanted = [crowd * v for v in reference.triangle(reference.vector(used, asked, t, s))]
    assert item_gram(people, asked).tolist() == wanted
    assert crowd * t * t * 255 * 255 > 2**63 or direction == [255, 0, 1]


def test_sums_of_as_many_people_as_are_allowed_come_out_exact() -> None:
    """From counts that wrapped around to the triangle of 2³² people, in every entry of which stands nearly 2⁶²."""
    asked = query([0, 1], [255, 1], [254, 3])
    used = [0]
    t, s = reference.shares(used, asked)
    crowd = MOST_PEOPLE
    upper = np.array([crowd * t * t, 0, 0], dtype=object)
    along = np.array([crowd * t * s, 0], dtype=object)
    squares = crowd * s * s
    wrapped = [np.array([v % 2**64 for v in a.tolist()], dtype=np.uint64).view(np.int64) for a in (upper, along)]
    gram_kernels.finish(
        wrapped[0], asked.weights, asked.direction, wrapped[1], np.uint64(squares % 2**64).view(np.int64)
    )
    wanted = [crowd * v for v in reference.triangle(reference.vector(used, asked, t, s))]
    assert wrapped[0].tolist() == wanted
    assert max(map(abs, wanted)) < 2**62


@LAWS
@given(
    data=st.data(),
    n_head=st.integers(1, 9),
    t=st.one_of(st.integers(0, 1 << 15), st.sampled_from([1 << 15, (1 << 15) - 1])),
    away=st.integers(-2, 2),
)
def test_whole_numbers_decide_what_fits(data: st.DataObject, n_head: int, t: int, away: int) -> None:
    """The norm in 64 bits says what Python's integers say, for the largest t too, where fourth powers wrap."""
    many = {"min_size": n_head, "max_size": n_head}
    weights = data.draw(st.lists(reference.whole.map(lambda n: max(n, 1)), **many))
    direction = data.draw(st.one_of(st.lists(reference.whole, **many), st.just(weights)))
    used = data.draw(st.lists(st.integers(0, n_head - 1), min_size=1, unique=True))
    asked = query(range(n_head), weights, direction)
    squares, fourths = sum(d**2 for d in direction), sum(d**4 for d in direction)
    share = sum(weights[i] * direction[i] for i in used) / squares if squares else 0.0
    s = max(round(t * share) + away, 0) if squares else 0
    z = reference.vector(used, asked, t, s)
    mine = np.array(sorted(used), dtype=np.int32)
    said = gram_kernels.fits(mine, asked.weights, asked.direction, squares, fourths, t, s, SCALE)
    assert said == (squared(z) <= SCALE**2)


def test_a_proposal_that_is_too_long_is_cut_until_it_fits() -> None:
    """The norm at the proposed t is above S for some, by how floats round; what is returned never is."""
    cut = 0
    for seed in range(60):
        asked = random_query(seed, 40, hostile=True)
        rng = np.random.default_rng(seed)
        for size in (1, 2, 3, 20):
            used = rng.choice(40, size, replace=False).tolist()
            t, s = reference.shares(used, asked)
            assert squared(reference.vector(used, asked, t, s)) <= SCALE**2
            share = s / t
            cut += squared(reference.vector(used, asked, t + 1, round((t + 1) * share))) > SCALE**2
    assert cut > 200  # nearly everybody has the largest t that fits


# --- what is refused ---


@pytest.mark.parametrize(
    "broken",
    [
        query([0, 0], [1, 1], [0, 0]),
        query([0, 9], [1, 1], [0, 0]),
        query([0, -1], [1, 1], [0, 0]),
        query([0, 1], [0, 1], [0, 0]),
        query([0, 1], [1, 256], [0, 0]),
        query([0, 1], [1, 1], [-1, 0]),
        query([0, 1], [1, 1], [0, 256]),
        query([0, 1], [1], [0, 0]),
        query([0, 1], [1, 1], [0]),
        replace(query([0, 1], [1, 1], [0, 0]), weights=np.array([1.5, 1.0])),
        query([0, 1], [1, 1], [1, 0], taken=0.0),
        query([0, 1], [1, 1], [1, 0], taken=1.5),
        query([0, 1], [1, 1], [1, 0], taken=float("nan")),
    ],
)
def test_a_query_out_of_range_is_refused(broken: GramQuery) -> None:
    """The compiled loops check no index and no size, so that they are checked before."""
    with pytest.raises(ConfigError, match="weights from 1 to 255"):
        item_gram(bounded([[0]], 9), broken)


def test_more_people_than_an_int64_can_add_up_are_refused() -> None:
    crowd: Any = SimpleNamespace(rows=SimpleNamespace(n_people=MOST_PEOPLE + 1), catalogue=range(3))
    with pytest.raises(TactfulError, match="64 bits"):
        item_gram(crowd, GramQuery.plain(np.arange(3)))


def test_a_head_that_the_plan_does_not_pay_for_is_refused() -> None:
    """One item more than the largest head: a person could touch more entries than the sampler's error pays for."""
    people, head = bounded([[0]], LARGEST_HEAD + 1), np.arange(LARGEST_HEAD + 1)
    with pytest.raises(UsageError, match="no more entries of one person"):
        door(SeededNoise(1)).gram(people, GramQuery.plain(head))
