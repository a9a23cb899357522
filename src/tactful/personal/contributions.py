"""Exact integer statistics of bounded interactions: what each person adds, and why that is at most `SCALE` in L2 norm.

Notes
-----
Neighbouring data differ by all rows of one person. A statistic is a sum over people of a vector that depends on that
person's bounded items alone, so two neighbouring sums differ by one such vector; its L2 norm is the sensitivity. The
Gram has a file of its own, `tactful.personal.grams`, and so have the sums of alternating least squares.

*Item popularity.* A person of l ≥ 1 distinct items adds w = ⌊S/√l⌋ to l entries, S = 2³⁰. The norm is w√l ≤ S. A
person of no items adds nothing.

*Weights.* Who counts u/255 (`tactful.personal.weights`), u a whole number from 1 to 255, adds ⌊w·u/255⌋ ≤ w instead:
the norm only falls. u depends on the person's own group and consent and on declared numbers, so neighbours still differ
by one person's vector, and its norm is at most S for every weight. Which weights others have, or that there are any,
enters nowhere.

*Leaning.* Where it is asked which items one group uses more than the others, one vector has both: ⌊S√(9/10l)⌋ for the
l items in its first half and ±⌊S√(1/10l)⌋, cut down further by the leaning, in its second. l(w² + v²) ≤ S²(9 + 1)/10.

The number of people is not weighted: it is what minimums and δ are judged by.

Weights are isqrt of a whole quotient: integer arithmetic throughout, so the bound holds exactly for every l, and no
summation order, engine, thread or retry changes a bit. To round to the nearest instead would break it: two items
would get 759,250,125 each, and 2 · 759,250,125² > S².

*No overflow.* A person adds at most S to an entry, so that sums stay within 2⁶² for 2³² people; more are refused.
"""

from __future__ import annotations

from math import isqrt
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.errors import TactfulError
from tactful.personal.bounding import WHOLE, BoundedInteractions

SCALE = 1 << 30  # the L2 sensitivity of every statistic, in integer units
MOST_PEOPLE = 1 << 32


def shared_weight(entries: NDArray[np.int64], tenths: int = 10) -> NDArray[np.int64]:
    """What n touched entries get each so that their squared norm is at most so many tenths of SCALE²; 0 for n = 0.

    Exactly ⌊SCALE·√(tenths/10n)⌋.
    """
    distinct, where = np.unique(entries, return_inverse=True)
    roots = [isqrt(SCALE * SCALE * tenths // (10 * n)) if n > 0 else 0 for n in distinct.tolist()]
    return np.array(roots, dtype=np.int64)[where]


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
    starts, items = rows.indptr.astype(np.int64, copy=False), rows.indices.astype(np.int32, copy=False)
    lengths, total = np.diff(starts), np.zeros(rows.shape[1], dtype=np.int64)
    amounts = shared_weight(np.arange(int(lengths.max(initial=0)) + 1))[lengths]
    if bounded.weights is not None:
        amounts = amounts * bounded.weights // WHOLE
    _kernels().add_items(starts, items, amounts, total)
    return total


def item_popularity_and_leaning(bounded: BoundedInteractions) -> NDArray[np.int64]:
    """How much people use each item at √0.9, and then at √0.1 how much more one group does, in units of 1/SCALE.

    Returns
    -------
    int64 array of shape (2 · n_items,)

    Notes
    -----
    **Privacy.** *Reads* bounded rows and people's leanings. *Returns* an exact sum over people, for
    `tactful.privacy.release` only. *Costs* nothing by itself. *Assumes* what `item_popularity` does, and leanings of
    at most 255, which `bound` makes.
    """
    rows = few_enough(bounded.user_items)
    starts, items = rows.indptr.astype(np.int64, copy=False), rows.indices.astype(np.int32, copy=False)
    lengths, total = np.diff(starts), np.zeros((2, rows.shape[1]), dtype=np.int64)
    whole = np.full(len(lengths), WHOLE, dtype=np.int64)
    weights = whole if bounded.weights is None else bounded.weights
    leanings = 0 * whole if bounded.leanings is None else bounded.leanings
    for tenths, counts, sums in ((9, whole, total[0]), (1, leanings, total[1])):
        own = shared_weight(np.arange(int(lengths.max(initial=0)) + 1), tenths)[lengths] * weights // WHOLE
        _kernels().add_items(starts, items, np.sign(counts) * (own * np.abs(counts) // WHOLE), sums)
    return total.ravel()


def norms(bounded: BoundedInteractions, people: slice) -> NDArray[np.int64]:
    """The most that each of these people may add to a statistic in L2 norm: SCALE, cut down by their weight."""
    if bounded.weights is None:
        return np.full(people.stop - people.start, SCALE, dtype=np.int64)
    return SCALE * bounded.weights[people] // WHOLE


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
