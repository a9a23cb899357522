"""Loops over people's rows, compiled: exact int64 sums, without the interpreter's lock.

Notes
-----
Compiled code is kept beside the source, or in the user's cache where the package folder is read-only, or not at all
where nothing can be written: then each process compiles once. `tactful.personal.contributions` imports this file when
it first adds something up, so that nobody waits for the compiler who only asks for help.

No locks and no atomics: each thread owns some rows of the result. Whole numbers add up the same in any order.
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


@compiled
def add_items(starts: _Int64, items: _Int32, by_length: _Int64, total: _Int64) -> None:
    """Each person has added the weight of their number of items to each of their items."""
    for person in range(len(starts) - 1):
        first, last = starts[person], starts[person + 1]
        weight = by_length[last - first]
        for k in range(first, last):
            total[items[k]] += weight


@compiled
def add_pairs(
    starts: _Int64,
    items: _Int32,
    place: _Int32,
    by_length: _Int64,
    n_head: int,
    part: int,
    parts: int,
    upper: _Int64,
) -> None:
    """Each person has added to the pairs and the diagonal of their head items, in rows n of which n % parts == part.

    `upper` is the upper triangle, row by row; `place` says which row an item of the catalogue is, −1 for none.
    """
    mine = np.empty(n_head, dtype=np.int64)
    for person in range(len(starts) - 1):
        length = 0
        for k in range(starts[person], starts[person + 1]):
            found = place[items[k]]
            if found >= 0:
                mine[length] = found
                length += 1
        weight = by_length[length]
        for a in range(length):
            row = mine[a]
            if row % parts != part:
                continue
            start = row * n_head - row * (row + 1) // 2  # entry (row, column) is at start + column
            upper[start + row] += weight // 2
            for b in range(length):
                column = mine[b]
                if column > row:
                    upper[start + column] += weight
