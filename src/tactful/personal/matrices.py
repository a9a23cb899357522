"""Read-only sparse matrices of who used what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def user_items(rows: NDArray[Any], items: NDArray[Any], n_items: int, n_rows: int | None = None) -> csr_array:
    """A csr_array of shape (n_rows, n_items), int8, with a one for each pair; canonical and read-only.

    Parameters
    ----------
    rows, items : integer arrays of one length
        The pairs, in any order, any number of times.
    n_rows : int, optional
        One more than the largest row if not given.
    """
    from tactful.personal.kernels import lists_of_rows  # late: whoever only asks for help waits for no compiler

    height = int(rows.max(initial=-1)) + 1 if n_rows is None else n_rows
    pairs = rows.astype(np.int32, copy=False), items.astype(np.int32, copy=False)
    return of_lists(*lists_of_rows(*pairs, height, n_items), n_items)


def of_lists(starts: NDArray[np.int64], items: NDArray[np.int32], n_items: int) -> csr_array:
    """The same of lists: where each row starts, and each row's items, rising and distinct."""
    ones = np.ones(len(items), dtype=np.int8)
    matrix = csr_array((ones, items, starts), shape=(len(starts) - 1, n_items))
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return matrix
