"""Sums in parts, without Spark: the same sum for every division of people, and none from parts that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tactful.errors import TactfulError
from tactful.personal.engines.sum_parts import Division, added, summed, whole
from tactful.personal.people_sums import Lists

N_ITEMS = 11
SMALL = Division(piece=4, batch=64, at_once=128, fan_in=2, held=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSums:
    """So many blocks of one number an item; what a person adds is near the end of 64 bits, and wraps around."""

    blocks: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Blocks of one size."""
        return (N_ITEMS,) * self.blocks

    def prepared(self, batch: pa.RecordBatch) -> Lists:
        """The lists."""
        return Lists.of(batch)

    def add(self, prepared: Lists, block: int, total: NDArray[np.int64]) -> None:
        """One person after the other."""
        for first, last in pairwise(prepared.starts):
            total[prepared.items[first:last]] += (block + 1) * (2**61 + int(last - first))


def people(histories: list[list[int]]) -> pa.RecordBatch:
    """One batch of these people."""
    starts = np.cumsum([0, *map(len, histories)])
    items = np.array([item for history in histories for item in sorted(history)], dtype=np.int32)
    return Lists(starts=starts, items=items, weights=None, leanings=None).batch()


def divided(batch: pa.RecordBatch, cuts: list[int]) -> list[pa.RecordBatch]:
    """The batch, cut before these people."""
    ends = [0, *sorted({cut for cut in cuts if 0 < cut < batch.num_rows}), batch.num_rows]
    return [batch.slice(a, b - a) for a, b in pairwise(ends)]


def by_start(parts: list[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """The parts as a shuffle of two tasks would bring them: each piece to one of them."""
    for task in (0, 1):
        yield [part for part in parts if part.column("start")[0].as_py() // 4 % 2 == task]


def exact(histories: list[list[int]], blocks: int) -> NDArray[np.int64]:
    """The sum, of everybody at once."""
    sums, total = ItemSums(blocks=blocks), np.zeros((blocks, N_ITEMS), dtype=np.int64)
    for block in range(blocks):
        sums.add(sums.prepared(people(histories)), block, total[block])
    return total.ravel()


HISTORIES = st.lists(st.lists(st.integers(0, N_ITEMS - 1), unique=True), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.lists(st.integers(1, 11)), st.lists(st.integers(0, 3), min_size=12, max_size=12), st.randoms())
def test_the_sum_is_the_same_for_every_division_of_people_and_every_order(
    histories: list[list[int]], cuts: list[int], owners: list[int], shuffle: Any
) -> None:
    """Batches, tasks, the order in which parts come, a tree of two levels, blocks and pieces change no bit."""
    sums, batches = ItemSums(blocks=3), divided(people(histories), cuts)
    parts = [
        part
        for task in range(4)
        for part in added(
            sums, [b for b, owner in zip(batches, owners, strict=False) if owner == task], division=SMALL, salt=task
        )
    ]
    shuffle.shuffle(parts)
    salted = [p for salt in (0, 1) for p in summed([p for p in parts if p.column("salt")[0].as_py() % 2 == salt])]
    found = [part for together in by_start(salted) for part in summed(together)]
    assert all(len(part.column("numbers")[0].as_py()) <= 8 * SMALL.piece for part in found)
    assert np.array_equal(whole(found, size=3 * N_ITEMS, n_people=len(histories)), exact(histories, 3))


def test_a_long_partition_is_sent_in_several_parts() -> None:
    """What a task holds does not grow with its rows: it prepares no more than `at_once` before it sends."""
    batches = divided(people([[1, 2], [3], [4, 5, 6]] * 20), list(range(60)))
    parts = [
        part for part in added(ItemSums(blocks=1), batches, division=SMALL) if part.column("start")[0].as_py() == 0
    ]
    assert len(parts) > 5
    assert sum(part.column("people")[0].as_py() for part in parts) == 60


def test_parts_that_do_not_fit_are_no_sum() -> None:
    """A part that was lost, came twice, or is of other people is refused, and so is a sum of too many or too few."""
    histories = [[0, 4], [1], [2, 9]]
    one, two = people(histories), people([[3], [4]])
    parts = list(added(ItemSums(blocks=1), [one], division=SMALL))
    others = list(added(ItemSums(blocks=1), [two], division=SMALL))
    assert np.array_equal(whole(parts, size=N_ITEMS, n_people=3), exact(histories, 1))
    mistaken: list[list[pa.RecordBatch]] = [
        parts[1:],
        parts[:-1],
        [*parts, parts[1]],
        [*parts[:-1], others[-1]],
        list(summed([*parts, others[0]])),
        [],
    ]
    for wrong in mistaken:
        with pytest.raises(TactfulError, match="counts each of them once"):
            whole(wrong, size=N_ITEMS, n_people=3)
    for n_people in (2, 4, 0):
        with pytest.raises(TactfulError, match="counts each of them once"):
            whole(parts, size=N_ITEMS, n_people=n_people)


def test_of_the_people_of_a_part_only_the_number_is_compared() -> None:
    """A part of as many other people, read again from a table that has changed, is added up like any other.

    So that a run stops tells that a table changed; that it does not stop tells nothing. Of one person more it stops.
    """
    parts, again = (
        list(added(ItemSums(blocks=1), [people(found)], division=SMALL))
        for found in ([[0, 4], [1], [9]], [[0, 5], [2], [9, 10]])
    )
    mixed = whole([parts[0], *again[1:]], size=N_ITEMS, n_people=3)
    assert not np.array_equal(mixed, exact([[0, 4], [1], [9]], 1))
    assert not np.array_equal(mixed, exact([[0, 5], [2], [9, 10]], 1))
    one_more = list(added(ItemSums(blocks=1), [people([[0, 5], [2], [9, 10], [7]])], division=SMALL))
    with pytest.raises(TactfulError, match="counts each of them once"):
        whole([parts[0], *one_more[1:]], size=N_ITEMS, n_people=3)


def test_nobody_adds_up_to_nothing() -> None:
    """Without a row there is no part, and the sum is zero."""
    assert not list(added(ItemSums(blocks=2), [], division=SMALL))
    assert not whole([], size=N_ITEMS).any()
    assert not whole([], size=N_ITEMS, n_people=0).any()
