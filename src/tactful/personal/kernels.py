"""Loops over people's rows, compiled: exact int64 sums, without the interpreter's lock.

Notes
-----
Compiled code is kept beside the source, or in the user's cache where the package folder is read-only, or not at all
where nothing can be written: then each process compiles once. `tactful.personal.contributions` imports this file when
it first adds something up, so that nobody waits for the compiler who only asks for help.

No locks and no atomics: each thread owns some rows of the result. Whole numbers add up the same in any order.

*Floats.* What one person adds may not depend on who else is there; on a cluster that decides which machine a person's
row comes to. So loops over floats use additions, products, quotients and roots alone, each of which IEEE 754 rounds in
one way, in the order in which they are written: no ``fastmath``, which would let the compiler reorder and fuse them
(a test reads what it made). Every machine with 64-bit floats then finds the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

_F = TypeVar("_F", bound=Callable[..., Any])
_Int64 = NDArray[np.int64]
_Int32 = NDArray[np.int32]


def compiled(function: _F) -> _F:
    """The function as machine code, kept on disk wherever there is a folder for it."""
    try:
        made = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # what numba raises where it finds no folder that it may write to
        made = numba.njit(nogil=True)(function)
    return cast("_F", made)


_TURN = np.uint64(0x03F79D71B4CB0A89)  # de Bruijn: its 64 windows of 6 bits are all different
_PLACE = np.zeros(64, dtype=np.int64)
_PLACE[[(0x03F79D71B4CB0A89 << n & (1 << 64) - 1) >> 58 for n in range(64)]] = np.arange(64)


@compiled
def _taken_in_order(marks: NDArray[np.uint64], marked: NDArray[np.uint64], out: _Int32, at: int) -> int:
    """The places of the bits that were set, rising, are in `out` from `at` on; returns the end, and no bit is set.

    `marked` has a bit for each word of `marks` with a bit, so that no other is looked at.
    """
    for block in range(len(marked)):
        words = marked[block]
        marked[block] = 0
        while words:
            rightmost = words & (~words + np.uint64(1))
            words ^= rightmost
            word = block * 64 + _PLACE[(rightmost * _TURN) >> np.uint64(58)]
            left = marks[word]
            marks[word] = 0
            while left:
                lowest = left & (~left + np.uint64(1))
                out[at] = word * 64 + _PLACE[(lowest * _TURN) >> np.uint64(58)]
                at += 1
                left ^= lowest
    return at


@compiled
def by_number(rows: _Int32, items: _Int32, n_rows: int) -> tuple[_Int64, _Int32]:
    """Each row's items in the order in which they come: where each row starts, and the lists one after another."""
    starts, lists = np.zeros(n_rows + 1, dtype=np.int64), np.empty(len(rows), dtype=np.int32)
    for row in rows:
        starts[row + 1] += 1
    for row in range(n_rows):
        starts[row + 1] += starts[row]
    filled = starts[:-1].copy()
    for k in range(len(rows)):
        lists[filled[rows[k]]] = items[k]
        filled[rows[k]] += 1
    return starts, lists


@compiled
def put_in_order(starts: _Int64, lists: _Int32, lengths: _Int64, n_items: int, first: int, last: int) -> None:
    """The lists from `first` before `last` are rising and without repeats, at their start; `lengths` says how long."""
    marks = np.zeros((n_items + 63) // 64, dtype=np.uint64)
    marked = np.zeros((len(marks) + 63) // 64, dtype=np.uint64)
    for row in range(first, last):
        for k in range(starts[row], starts[row + 1]):
            word = lists[k] >> 6
            marks[word] |= np.uint64(1) << np.uint64(lists[k] & 63)
            marked[word >> 6] |= np.uint64(1) << np.uint64(word & 63)
        lengths[row] = _taken_in_order(marks, marked, lists, starts[row]) - starts[row]


@compiled
def closed_up(starts: _Int64, lists: _Int32, lengths: _Int64) -> tuple[_Int64, _Int32]:
    """Where each list starts, and the lists, once there is nothing between them; in place."""
    begins = np.zeros(len(starts), dtype=np.int64)
    for row in range(len(lengths)):
        if begins[row] < starts[row]:
            for k in range(lengths[row]):
                lists[begins[row] + k] = lists[starts[row] + k]
        begins[row + 1] = begins[row] + lengths[row]
    return begins, lists[: begins[-1]]


@compiled
def add_items(starts: _Int64, items: _Int32, amounts: _Int64, total: _Int64) -> None:
    """Each person has added their amount to each of their items."""
    for person in range(len(starts) - 1):
        for k in range(starts[person], starts[person + 1]):
            total[items[k]] += amounts[person]


@compiled
def head_lists(starts: _Int64, items: _Int32, place: _Int32, n_head: int) -> tuple[_Int64, _Int32]:
    """For each person the rows of their head items, rising: where each list starts, and the lists one after another.

    `place` says which row an item of the catalogue is, −1 for none.
    """
    marks = np.zeros((n_head + 63) // 64, dtype=np.uint64)
    marked = np.zeros((len(marks) + 63) // 64, dtype=np.uint64)
    begins = np.zeros(len(starts), dtype=np.int64)
    lists = np.empty(starts[-1] - starts[0], dtype=np.int32)
    for person in range(len(starts) - 1):
        for k in range(starts[person], starts[person + 1]):
            found = place[items[k]]
            if found >= 0:
                marks[found >> 6] |= np.uint64(1) << np.uint64(found & 63)
                marked[found >> 12] |= np.uint64(1) << np.uint64(found >> 6 & 63)
        begins[person + 1] = _taken_in_order(marks, marked, lists, begins[person])
    return begins, lists[: begins[-1]]


@compiled
def by_row(begins: _Int64, lists: _Int32, n_head: int) -> tuple[_Int64, _Int32, _Int32]:
    """For each row whose lists hold it: where each row starts, the people, and the place of the row in `lists`."""
    ends = np.zeros(n_head + 1, dtype=np.int64)
    for row in lists:
        ends[row + 1] += 1
    for row in range(n_head):
        ends[row + 1] += ends[row]
    filled, people, places = ends[:-1].copy(), np.empty(len(lists), np.int32), np.empty(len(lists), np.int32)
    for person in range(len(begins) - 1):
        for k in range(begins[person], begins[person + 1]):
            at = filled[lists[k]]
            people[at], places[at] = person, k
            filled[lists[k]] = at + 1
    return ends, people, places
