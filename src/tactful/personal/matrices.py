"""Read-only sparse matrices of who used what."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray


def user_items(
    rows: NDArray[Any], items: NDArray[Any], n_items: int, n_rows: int | None = None
) -> scipy.sparse.csr_array:
    """A csr_array of shape (n_rows, n_items), int8, with a one for each pair; canonical and read-only.

    Parameters
    ----------
    rows, items : integer arrays of one length
        The pairs, each once.
    n_rows : int, optional
        One more than the largest row if not given.
    """
    height = int(rows.max(initial=-1)) + 1 if n_rows is None else n_rows
    order = np.lexsort((items, rows))
    starts = np.zeros(height + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=height), out=starts[1:])
    ones = np.ones(len(rows), dtype=np.int8)
    matrix = scipy.sparse.csr_array((ones, items[order].astype(np.int32), starts), shape=(height, n_items))
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return matrix
