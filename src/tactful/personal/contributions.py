"""Exact integer statistics of bounded interactions: what each person adds, and why that is at most `SCALE` in L2 norm.

Notes
-----
Neighbouring data differ by all rows of one person. Both statistics are sums over people of a vector that depends on
that person's bounded items alone, so two neighbouring sums differ by one such vector; its L2 norm is the sensitivity.

*Item popularity.* A person of l ≥ 1 distinct items adds w = ⌊S/√l⌋ to l entries, S = 2²⁰. The norm is w√l ≤ S. A
person of no items adds nothing.

*Item–item Gram.* A person of l ≥ 1 distinct items **in the head** adds w = ⌊S/√(l(l+1)/2)⌋ to each of the l(l+1)/2
entries (i, j), i ≤ j, of the upper triangle, diagonal included. The norm is w√(l(l+1)/2) ≤ S. The lower triangle
repeats the upper one and is never released by itself.

Both weights are ⌊S/√n⌋ for a whole number n, which equals isqrt(⌊S²/n⌋): integer arithmetic throughout, so the bound
n·w² ≤ S² holds exactly for every l, and no summation order, engine or retry changes a bit. To round to the nearest
instead would break it: three items would get 605,396 each, and 3 · 605,396² > S². The diagonal counts among the
entries because it is released with them. The head must not depend on the rows other than through released values.

*No overflow.* A person adds at most S to an entry, so that sums stay within 2⁶² for 2⁴² people; more are refused.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.errors import TactfulError
from tactful.personal.bounding import BoundedInteractions

SCALE = 1 << 20  # the L2 sensitivity of every statistic, in integer units
MOST_PEOPLE = 1 << 42


def shared_weight(entries: NDArray[np.int64]) -> NDArray[np.int64]:
    """What n touched entries get each so that their norm is at most SCALE: exactly ⌊SCALE/√n⌋, and 0 for n = 0."""
    distinct, where = np.unique(entries, return_inverse=True)
    weights = [isqrt(SCALE * SCALE // n) if n > 0 else 0 for n in distinct.tolist()]
    return np.array(weights, dtype=np.int64)[where]


def item_popularity(bounded: BoundedInteractions) -> NDArray[np.int64]:
    """How much people use each item, in units of 1/SCALE.

    Returns
    -------
    int64 array of shape (n_items,)

    Notes
    -----
    **Privacy.** *Reads* bounded rows. *Returns* an exact sum over people, for `tactful.privacy.release` only.
    *Costs* nothing by itself. *Assumes* distinct items a person, which `bound` makes.
    """
    rows = _few_enough(bounded.user_items)
    lengths = np.diff(rows.indptr).astype(np.int64)
    per_entry = np.repeat(shared_weight(lengths), lengths)
    total = np.zeros(rows.shape[1], dtype=np.int64)
    np.add.at(total, rows.indices, per_entry)
    return total


def item_gram(bounded: BoundedInteractions, head: NDArray[np.int64]) -> NDArray[np.int64]:
    """How much people use items of the head together, in units of 1/SCALE.

    Parameters
    ----------
    head : int array of shape (n_head,)
        Catalogue positions, distinct, chosen from released values.

    Returns
    -------
    int64 array of shape (n_head · (n_head + 1) / 2,)
        The upper triangle, row by row, diagonal included.

    Notes
    -----
    **Privacy.** As for `item_popularity`.
    """
    rows = _few_enough(bounded.user_items)[:, head]
    lengths = np.diff(rows.indptr).astype(np.int64)
    weights = shared_weight(lengths * (lengths + 1) // 2)
    weighted = csr_array((np.repeat(weights, lengths), rows.indices, rows.indptr), shape=rows.shape)
    upper: NDArray[np.int64] = (rows.T @ weighted).toarray()[np.triu_indices(len(head))]
    return upper


def _few_enough(rows: csr_array) -> csr_array:
    """The rows; raise if sums over so many people might not fit an int64 beside their noise."""
    if rows.shape[0] > MOST_PEOPLE:
        raise TactfulError(
            f"sums in 64 bits hold up to {MOST_PEOPLE:,} people",
            given="there are more",
            do="Divide the population into several, each with records of its own",
        )
    return rows
