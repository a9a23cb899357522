"""Exact integer statistics of bounded interactions: what each person adds, and why that is at most `SCALE` in L2 norm.

Notes
-----
Neighbouring data differ by all rows of one person. Both statistics are sums over people of a vector that depends on
that person's bounded items alone, so two neighbouring sums differ by one such vector; its L2 norm is the sensitivity.

*Item popularity.* A person of l ≥ 1 distinct items adds w = ⌊S/√l⌋ to l entries, S = 2³⁰. The norm is w√l ≤ S. A
person of no items adds nothing.

*Item–item Gram.* A person of l ≥ 1 distinct items **in the head** adds w to each of the l(l−1)/2 entries (i, j), i < j,
of the upper triangle and ⌊w/2⌋ to each of the l entries (i, i) of its diagonal, where w = isqrt(⌊4S²/(l(2l−1))⌋). So
w²·l(2l−1) ≤ 4S², and as ⌊w/2⌋² ≤ w²/4 the squared norm is at most w²·l(l−1)/2 + (w²/4)·l = w²·l(2l−1)/4 ≤ S². A person
of one head item has no pair; w = 2S for them, and they add S to one entry. The lower triangle repeats the upper one and
is never released by itself. The diagonal counts among the entries because it is released with them; it has half the
weight of a pair, because popularity nearly knows it and a short history would spend most of its norm there.

Weights are isqrt of a whole quotient: integer arithmetic throughout, so the bound holds exactly for every l, and no
summation order, engine, thread or retry changes a bit. To round to the nearest instead would break it: three items
would get 619,925,131 each in popularity, and 3 · 619,925,131² > S². The head must not depend on the rows other than
through released values.

*No overflow.* A person adds at most S to an entry, so that sums stay within 2⁶² for 2³² people; more are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import isqrt
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.errors import TactfulError
from tactful.personal.bounding import BoundedInteractions

SCALE = 1 << 30  # the L2 sensitivity of every statistic, in integer units
MOST_PEOPLE = 1 << 32
_BLOCK = 1 << 20  # interactions
_FEW = 1 << 12  # interactions: up to here a thread costs more than it saves
DIAGONAL_DIVISOR = 2  # a diagonal entry of the Gram gets ⌊w/2⌋ where a pair gets w


def shared_weight(entries: NDArray[np.int64]) -> NDArray[np.int64]:
    """What n touched entries get each so that their norm is at most SCALE: exactly ⌊SCALE/√n⌋, and 0 for n = 0."""
    return _isqrt_of_shares(SCALE * SCALE, entries)


def pair_weight(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """What l head items get a pair, w, so that pairs at w and the diagonal at ⌊w/2⌋ have a norm of at most SCALE."""
    return _isqrt_of_shares(4 * SCALE * SCALE, lengths * (2 * lengths - 1))


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
    rows = few_enough(bounded.user_items)
    starts, items = _rows(rows)
    by_length = shared_weight(np.arange(_longest(starts) + 1))
    total = np.zeros(rows.shape[1], dtype=np.int64)
    _kernels().add_items(starts, items, by_length, total)
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
    People stream past in blocks of a million interactions; what a block needs is 20 bytes an interaction. The
    accumulator is the returned array: 8 bytes an entry, 67 MB for a head of 4,096. Nothing else grows with people or
    items. Each thread adds to rows of the triangle that no other thread touches.

    **Privacy.** As for `item_popularity`.
    """
    rows = few_enough(bounded.user_items)
    starts, items = _rows(rows)
    place = np.full(rows.shape[1], -1, dtype=np.int32)
    place[head] = np.arange(len(head), dtype=np.int32)
    by_length = pair_weight(np.arange(min(_longest(starts), len(head)) + 1))
    upper = np.zeros(len(head) * (len(head) + 1) // 2, dtype=np.int64)
    kernels, threads = _kernels(), _threads() if starts[-1] > _FEW else 1
    with ThreadPoolExecutor(threads) as pool:  # which starts no thread before something is submitted
        for block in _blocks(starts):
            begins, lists = kernels.head_lists(block, items, place, len(head))
            ends, people, places = kernels.by_row(begins, lists, len(head))
            parts = [
                pool.submit(kernels.add_pairs, begins, lists, ends, people, places, by_length, part, threads, upper)
                for part in range(1, threads)
            ]
            kernels.add_pairs(begins, lists, ends, people, places, by_length, 0, threads, upper)
            for part in parts:
                part.result()
    return upper


def _blocks(starts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Where people start, in blocks of about a million interactions, nobody divided."""
    n_people, first = len(starts) - 1, 0
    while first < n_people:
        last = int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1
        last = min(max(last, first + 1), n_people)
        yield starts[first : last + 1]
        first = last


def _isqrt_of_shares(whole: int, shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """isqrt(⌊whole/n⌋) for each n, exactly, and 0 for n = 0."""
    distinct, where = np.unique(shares, return_inverse=True)
    roots = [isqrt(whole // n) if n > 0 else 0 for n in distinct.tolist()]
    return np.array(roots, dtype=np.int64)[where]


def _rows(rows: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where each person starts, and everybody's items, in the types that the kernels are compiled for."""
    return rows.indptr.astype(np.int64, copy=False), rows.indices.astype(np.int32, copy=False)


def _longest(starts: NDArray[np.int64]) -> int:
    """The most items that a person has."""
    return int(np.diff(starts).max(initial=0))


def _threads() -> int:
    """As many as there are processors for this process."""
    return min(len(os.sched_getaffinity(0)), 8) if hasattr(os, "sched_getaffinity") else 1


def _kernels() -> ModuleType:
    """The compiled loops, imported late: whoever only asks for help does not wait for a compiler."""
    from tactful.personal import kernels

    return kernels


def few_enough(rows: csr_array) -> csr_array:
    """The rows; raise if sums over so many people might not fit an int64 beside their noise."""
    if rows.shape[0] > MOST_PEOPLE:
        raise TactfulError(
            f"sums in 64 bits hold up to {MOST_PEOPLE:,} people",
            given="there are more",
            do="Divide the population into several, each with records of its own",
        )
    return rows
