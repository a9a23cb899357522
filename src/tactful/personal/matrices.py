"""Read-only sparse matrices of who used what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.personal.threads import in_ranges


def user_items(rows: NDArray[Any], items: NDArray[Any], n_items: int, n_rows: int | None = None) -> csr_array:
    """A csr_array of shape (n_rows, n_items), int8, with a one for each pair; canonical and read-only.

    Parameters
    ----------
    rows, items : integer arrays of one length
        The pairs, in any order, any number of times.
    n_rows : int, optional
        One more than the largest row if not given.
    """
    height = int(rows.max(initial=-1)) + 1 if n_rows is None else n_rows
    return of_lists(*lists_of_rows(rows, items, height, n_items), n_items)


def lists_of_rows(
    rows: NDArray[Any], items: NDArray[Any], n_rows: int, n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each row's items, rising and once: where each row starts, and the lists one after another."""
    from tactful.personal import kernels  # late: whoever only asks for help waits for no compiler

    pairs = rows.astype(np.int32, copy=False), items.astype(np.int32, copy=False)
    starts, lists = kernels.by_number(*pairs, n_rows)
    lengths = np.empty(n_rows, dtype=np.int64)
    in_ranges(lambda *ends: kernels.put_in_order(starts, lists, lengths, n_items, *ends), n_rows)
    found: tuple[NDArray[np.int64], NDArray[np.int32]] = kernels.closed_up(starts, lists, lengths)
    return found


def of_lists(starts: NDArray[np.int64], items: NDArray[np.int32], n_items: int) -> csr_array:
    """The same of lists: where each row starts, and each row's items, rising and distinct."""
    ones = np.ones(len(items), dtype=np.int8)
    matrix = csr_array((ones, items, starts), shape=(len(starts) - 1, n_items))
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return matrix
