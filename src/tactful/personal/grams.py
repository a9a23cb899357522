"""The item–item Gram of bounded interactions in whole numbers: what each person adds, and why its norm is at most S.

Notes
-----
*What a person is.* A `GramQuery` names the head, a whole weight a_i ≥ 1 for each of its items and a whole number D_i ≥
0, the direction of popularity; all are made from released values, and D = 0 if histories are not centred. Of a person
with the items H of the head counts the vector of whole numbers

    z_i = t·a_i·[i in H] − s·D_i   over the whole head,

where t ≥ 0 and s ≥ 0 are theirs: s/t is nearly (a·D over H)/(D·D), so that s·D is nearly the projection of the weighted
history on the direction, what everybody shares; and t is at most 2¹⁵ and nearly as large as the norm allows. A history
that lies along the direction adds nearly nothing. With D = 0 a person touches their own pairs only. A person of no item
in the head has t = s = 0 and adds nothing.

*What they add.* 3·z_i·z_j for each i < j of the upper triangle and z_i² on its diagonal. With n = Σ z² and f = Σ z⁴ the
squared norm of that is 9p + f, where p = Σ_{i<j} z_i² z_j² = (n² − f)/2. t and s are proposed by floats and decided by
whole numbers: while 9p + f > S² t is made smaller, and at t = s = 0 it holds (`tactful.personal.gram_kernels.shares`).
So the norm is at most S **exactly**, and depends on nobody else. Rounding in t and s moves what a person is weighted
with, never the bound. The diagonal counts among the entries because it is released with them; it has a third of the
weight of a pair, since popularity nearly knows it and a short history would spend most of its norm there. The lower
triangle repeats the upper one and is never released by itself.

*Weights.* A person who counts w/255 (`tactful.personal.weights`) has ⌊S·w/255⌋ in the place of S: t and s are smaller
and all else is the same. Since w ≤ 255 the norm is at most S, whoever weighs what.

*Why the sums are exact although a centred history is dense.* z zᵀ expands into whole numbers,

    Σ z_i z_j = a_i a_j Σ t²[i, j in H] − a_i D_j Σ t s [i in H] − a_j D_i Σ t s [j in H] + D_i D_j Σ s²,

so people's pairs are counted as for histories that are not centred, and one vector and one number beside them. Terms
may wrap around 64 bits; the sum of all is within 2⁶² for 2³² people, of whom none adds more than S = 2³⁰ to an entry,
and arithmetic modulo 2⁶⁴ gives it exactly. No order of summation, thread, engine or retry changes a bit
on one machine; on another, floats may propose another t, which whole numbers then judge alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import few_enough, norms

DIAGONAL_DIVISOR = 3  # a diagonal entry gets z_i² where a pair gets 3·z_i·z_j
MOST_WEIGHT = 255  # of a_i and of D_i: keeps all products of one person within 64 bits
_BLOCK = 1 << 20  # interactions
_FEW = 1 << 12  # interactions: up to here a thread costs more than it saves


class Query(Protocol):
    """What people are counted for: `tactful.privacy.statistics.GramQuery`, made from released and public values."""

    @property
    def head(self) -> NDArray[np.int64]:
        """Catalogue positions, distinct."""

    @property
    def weights(self) -> NDArray[np.int64]:
        """From 1 to 255, one an item of the head."""

    @property
    def direction(self) -> NDArray[np.int64]:
        """From 0 to 255, one an item of the head; all 0 if histories are not centred."""


def item_gram(bounded: BoundedInteractions, query: Query) -> NDArray[np.int64]:
    """How much people use items of the head together, in units of 1/SCALE.

    Parameters
    ----------
    query : GramQuery
        Made from released values.

    Returns
    -------
    int64 array of shape (n_head · (n_head + 1) / 2,)
        The upper triangle, row by row: 3 Σ z_i z_j, and Σ z_i² on the diagonal.

    Raises
    ------
    ConfigError
        If the query names an item twice or a weight is out of range.

    Notes
    -----
    People stream past in blocks of a million interactions; what a block needs is some 20 bytes an interaction. The
    accumulator is the returned array: 8 bytes an entry, 67 MB for a head of 4,096. Nothing else grows with people or
    items. Each thread adds to rows of the triangle that no other thread touches.

    **Privacy.** *Reads* bounded rows. *Returns* an exact sum over people, for `tactful.privacy.release` only.
    *Costs* nothing by itself. *Assumes* distinct items a person and weights of at most 255, which `bound` makes.
    """
    rows = few_enough(bounded.user_items)
    _check(query, rows.shape[1])
    starts, items = rows.indptr.astype(np.int64, copy=False), rows.indices.astype(np.int32, copy=False)
    n_head, place = len(query.head), np.full(rows.shape[1], -1, dtype=np.int32)
    place[query.head] = np.arange(n_head, dtype=np.int32)
    weights, direction = (np.ascontiguousarray(v, dtype=np.int64) for v in (query.weights, query.direction))
    upper = np.zeros(n_head * (n_head + 1) // 2, dtype=np.int64)
    along, squares = np.zeros(n_head, dtype=np.int64), np.zeros(1, dtype=np.int64)
    kernels, threads = _kernels(), _threads() if starts[-1] > _FEW else 1
    with ThreadPoolExecutor(threads) as pool:  # which starts no thread before something is submitted
        for block in _blocks(starts):
            begins, lists = kernels.head_lists(starts[block.start : block.stop + 1], items, place, n_head)
            times, shifts = kernels.shares(begins, lists, weights, direction, norms(bounded, block))
            kernels.add_shifts(begins, lists, times, shifts, along, squares)
            ends, people, places = kernels.by_row(begins, lists, n_head)
            amounts = times * times
            parts = [
                pool.submit(kernels.add_pairs, begins, lists, ends, people, places, amounts, part, threads, upper)
                for part in range(1, threads)
            ]
            kernels.add_pairs(begins, lists, ends, people, places, amounts, 0, threads, upper)
            for part in parts:
                part.result()
    kernels.finish(upper, weights, direction, along, squares[0])
    return upper


def _check(query: Query, n_items: int) -> None:
    """Raise unless the query is one; the loops below check no index and no size."""
    head, weights, direction = query.head, query.weights, query.direction
    fits = (
        weights.shape == head.shape == direction.shape == (len(head),)
        and all(np.issubdtype(v.dtype, np.integer) for v in (head, weights, direction))
        and len(np.unique(head)) == len(head)
        and bool(np.all((head >= 0) & (head < n_items)))
        and bool(np.all((weights >= 1) & (weights <= MOST_WEIGHT) & (direction >= 0) & (direction <= MOST_WEIGHT)))
    )
    if not fits:
        raise ConfigError(
            f"a query names items of the catalogue once, with whole weights from 1 to {MOST_WEIGHT}",
            given=f"{len(head)} items, weights {weights.shape}, direction {direction.shape}",
            do="Make it with tactful.released.head",
        )


def _blocks(starts: NDArray[np.int64]) -> Iterator[slice]:
    """People in blocks of about a million interactions, nobody divided."""
    n_people, first = len(starts) - 1, 0
    while first < n_people:
        last = int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1
        last = min(max(last, first + 1), n_people)
        yield slice(first, last)
        first = last


def _threads() -> int:
    """As many as there are processors for this process."""
    return min(len(os.sched_getaffinity(0)), 8) if hasattr(os, "sched_getaffinity") else 1


def _kernels() -> ModuleType:
    """The compiled loops, imported late: whoever only asks for help does not wait for a compiler."""
    from tactful.personal import gram_kernels

    return gram_kernels
