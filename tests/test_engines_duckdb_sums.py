"""DuckDB adds up what the written rule says, all rows at once or range after range of people."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines_contract import SumsContract, SumsWorld, admitted, solve_query
from gram_reference import N_ITEMS, histories, queries
from privacy_worlds import bounded, random_histories
from tactful.errors import ClosedDoorError
from tactful.personal import held_rows
from tactful.personal.bounding import WHOLE
from tactful.personal.contributions import LeaningSums, PopularitySums
from tactful.personal.engines import duckdb_rows
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.engines.duckdb_rows import RangedRows
from tactful.personal.grams import GramSums
from tactful.personal.held_rows import HeldRows, add_up, zeros
from tactful.personal.people_solves import SolvedSums
from tactful.personal.people_sums import Lists, Sums
from tactful.privacy.statistics import GramQuery

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=15)
SOLVED: Sequence[SolvedSums] = [
    SolvedSums(query=solve_query(3), what=what, n_items=N_ITEMS) for what in ("sides", "gram", "item_grams")
]


class TestAllAtOnce(SumsContract):
    """The admitted rows fit into memory."""

    engine = DuckDB()


class TestRanges(SumsContract):
    """They do not: one range of a few people after another."""

    engine = DuckDB(at_once=90)

    def test_nobody_is_looked_at_alone(self) -> None:
        """Rows that stay where they are add up, and are not handed out."""
        made = SumsWorld.of(1).bounded(admitted(self.engine, 1))
        assert isinstance(made.rows, RangedRows)
        assert len(made.rows.ranges) > 1
        with pytest.raises(ClosedDoorError, match="where they lie"):
            _ = made.user_items


@pytest.mark.prove
class TestManyWorlds(SumsContract):
    """The same for more worlds, one person at a time."""

    seeds = range(20)
    engine = DuckDB(at_once=1)


@pytest.mark.prove
class TestManyWorldsInLongerRanges(TestManyWorlds):
    """Ranges that end anywhere."""

    engine = DuckDB(at_once=60)


class Narrow(SumsContract):
    """In so many ranges that everybody is next to the end of one, for the broken readings below."""

    engine = DuckDB(at_once=9)


WITHIN = duckdb_rows._within
BROKEN = {
    "the first of a range is lost": ("_RANGE", " AND a.person > {} AND a.person < {}"),
    "the first of the next range counts twice": ("_RANGE", " AND a.person >= {} AND a.person <= {}"),
    "evaluation people count": ("_HELD", duckdb_rows._HELD.replace("p.part = 'training'", "1 = 1")),
    "the bound is not applied": ("_within", lambda *rows, most: WITHIN(*rows, most=9 * most)),
    "the hash is of the item alone": ("_NAMES", duckdb_rows._NAMES.replace("p.pseudonym, ", "")),
}


@pytest.fixture(scope="module", autouse=True)
def nothing_stays() -> Iterator[None]:
    """No session outlives these tests."""
    yield
    admitted.cache_clear()


@pytest.mark.prove
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_reading_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract fails for each of these; `TestManyWorlds` is the sound one in as many ranges."""
    monkeypatch.setattr(duckdb_rows, *BROKEN[name])
    with pytest.raises(AssertionError):  # noqa: PT012 (in ranges or at once)
        Narrow().test_sums_are_those_of_the_rule()
        TestAllAtOnce().test_sums_are_those_of_the_rule()


@pytest.mark.prove
def test_a_part_that_counts_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a batch is added again after a failure."""
    monkeypatch.setattr(
        held_rows, "add_up", lambda batches, *rest, **_: add_up([b for b in batches for _ in "ab"], *rest)
    )
    with pytest.raises(AssertionError):
        TestAllAtOnce().test_sums_are_those_of_the_rule()


# --- sums of batches ---


def batches(people: Lists, cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """The people in batches that end at these places, each a slice of one large batch."""
    whole = people.batch()
    places = [0, *sorted(cut % (len(people) + 1) for cut in cuts), len(people)]
    for first, last in pairwise(places):
        yield whole.slice(first, last - first)


def total(found: Iterator[pa.RecordBatch], sums: Sums, threads: int) -> list[int]:
    """The sum over these batches, by a copy of the sums as a worker gets it."""
    made = zeros(sums)
    add_up(found, pickle.loads(pickle.dumps(sums)), made, threads=threads)  # noqa: S301 (our own)
    return made.tolist()


@LAWS
@given(people=histories, asked=queries(), data=st.data())
def test_how_people_are_divided_changes_no_bit(people: list[list[int]], asked: GramQuery, data: st.DataObject) -> None:
    """Batches of any size, slices of others, nobody in some of them; one thread or three; weights and leanings."""
    many = {"min_size": len(people), "max_size": len(people)}
    units, leanings = (
        np.array(data.draw(st.lists(st.integers(least, WHOLE), **many)), dtype=np.int64) for least in (1, -WHOLE)
    )
    cuts, threads = data.draw(st.lists(st.integers(0, 99), max_size=4)), data.draw(st.sampled_from([1, 3]))
    rows = bounded(people, N_ITEMS).user_items
    held = HeldRows(user_items=rows, weights=units, leanings=leanings)
    lists = Lists(
        starts=rows.indptr.astype(np.int64), items=rows.indices.astype(np.int32), weights=units, leanings=leanings
    )
    asked_for: list[Sums] = [PopularitySums(n_items=N_ITEMS), LeaningSums(n_items=N_ITEMS)]
    for sums in (*asked_for, GramSums(query=asked, n_items=N_ITEMS), *SOLVED):
        assert total(batches(lists, cuts), sums, threads) == held.total(sums).tolist()


@pytest.mark.parametrize("n_head", [1, 40, 300])
def test_blocks_are_small_and_make_the_whole(n_head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block alone is that part of the sum; strips have whole rows, and at most so many entries."""
    monkeypatch.setattr("tactful.personal.grams._SMALLEST", 500)
    monkeypatch.setattr("tactful.personal.people_solves._LARGEST", 8)
    people = bounded(random_histories(2, people=30, n_items=300, longest=40), 300)
    gram = GramSums(query=GramQuery.plain(np.arange(n_head)), n_items=300)
    batch = next(people.rows._batches())  # type: ignore[attr-defined]
    for sums in (gram, *(SolvedSums(query=s.query, what=s.what, n_items=300) for s in SOLVED)):
        prepared, parts = sums.prepared(batch), [np.zeros(size, dtype=np.int64) for size in sums.sizes]
        for block, part in enumerate(parts):
            sums.add(prepared, block, part)
        assert np.array_equal(np.concatenate(parts), people.rows.total(sums))
    assert sum(gram.sizes) == n_head * (n_head + 1) // 2 + n_head + 1
    assert n_head < 300 or len(gram.sizes) > 10


def test_rows_of_a_part_keep_their_weights() -> None:
    """Part of what is bounded is bounded, and counts what it counted."""
    rows = HeldRows(user_items=bounded([[0], [1, 2], [3]], 4).user_items, weights=np.array([1, 2, 3]))
    part = rows.part(np.array([True, False, True]))
    assert part.user_items.toarray().tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert part.weights is not None
    assert (part.weights.tolist(), part.n_people, part.leanings) == ([1, 3], 2, None)
