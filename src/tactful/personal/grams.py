"""The item–item Gram of bounded interactions in whole numbers: what each person adds, and why its norm is at most S.

Notes
-----
*What a person is.* A `GramQuery` names the head, a whole weight a_i ≥ 1 for each of its items and a whole number D_i ≥
0, the direction of popularity; all are made from released values, and D = 0 if histories are not centred. Of a person
with the items H of the head counts the vector of whole numbers

    z_i = t·a_i·[i in H] − s·D_i   over the whole head,

where t ≥ 0 and s ≥ 0 are theirs: s/t is nearly c·(a·D over H)/(D·D), 0 < c ≤ 1 being the query's, so that s·D is nearly
c times the projection of the weighted history on the direction, what everybody shares; and t is at most 2¹⁵ and nearly
as large as the norm allows. At c = 1 a history that lies along the direction adds nearly nothing. With D = 0 a person
touches their own pairs only. A person of no item in the head has t = s = 0 and adds nothing.

*What they add.* 3·z_i·z_j for each i < j of the upper triangle and z_i² on its diagonal. With n = Σ z² and f = Σ z⁴ the
squared norm of that is 9p + f, where p = Σ_{i<j} z_i² z_j² = (n² − f)/2. t and s are proposed by floats and decided by
whole numbers: while 9p + f > S² t is made smaller, and at t = s = 0 it holds (`tactful.personal.gram_kernels.shares`).
So the norm is at most S **exactly**, whatever c is, and depends on nobody else. Rounding in t and s moves what a person
is weighted with, never the bound. The diagonal counts among the entries because it is released with them; it has a
third of the weight of a pair, since popularity nearly knows it and a short history would spend most of its norm there.
The lower triangle repeats the upper one and is never released by itself.

*Weights.* A person who counts w/255 (`tactful.personal.weights`) has ⌊S·w/255⌋ in the place of S: t and s are smaller
and all else is the same. Since w ≤ 255 the norm is at most S, whoever weighs what.

*Why the sums are exact although a centred history is dense.* z zᵀ expands into whole numbers,

    Σ z_i z_j = a_i a_j Σ t²[i, j in H] − a_i D_j Σ t s [i in H] − a_j D_i Σ t s [j in H] + D_i D_j Σ s²,

so people's pairs are counted as for histories that are not centred, and one vector and one number beside them. Terms
may wrap around 64 bits; the sum of all is within 2⁶² for 2³² people, of whom none adds more than S = 2³⁰ to an entry,
and arithmetic modulo 2⁶⁴ gives it exactly. No order of summation, thread, engine or retry changes a bit, and the floats
that propose t and s are the same on every machine (`tactful.personal.kernels`): who is counted where changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import norms, summed
from tactful.personal.people_sums import Lists

DIAGONAL_DIVISOR = 3  # a diagonal entry gets z_i² where a pair gets 3·z_i·z_j
MOST_WEIGHT = 255  # of a_i and of D_i: keeps all products of one person within 64 bits
_STRIPS = 16  # of the triangle of a small head, so that threads have something to share
_SMALLEST, _LARGEST = 1 << 12, 1 << 18  # entries of a strip; the largest is 2 MB


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

    @property
    def taken(self) -> float:
        """Which share of what lies along the direction is taken out: c, above 0 and at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPeople:
    """The people of a batch by head item: what every strip of the triangle asks for.

    Attributes
    ----------
    begins, lists : int64 array of shape (n_people + 1,), int32 array
        Where each person's list starts, and the lists: rows of the head, rising.
    times, shifts : int64 array of shape (n_people,)
        Each person's t and s.
    ends, people, places : int64 array of shape (n_head + 1,), int32 arrays
        For each row of the head where its part starts, who has it, and its place in `lists`.
    """

    begins: NDArray[np.int64]
    lists: NDArray[np.int32]
    times: NDArray[np.int64]
    shifts: NDArray[np.int64]
    ends: NDArray[np.int64]
    people: NDArray[np.int32]
    places: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GramSums:
    """What people add to the Gram: Σ t² of each pair, in strips of rows of the upper triangle; then Σ t·s, and Σ s².

    `item_gram` makes the Gram of them.

    Attributes
    ----------
    query : GramQuery
    n_items : int
        Of the catalogue.

    Raises
    ------
    ConfigError
        If the query names an item twice or a number is out of range.
    """

    query: Query
    n_items: int

    def __post_init__(self) -> None:
        _check(self.query, self.n_items)

    @property
    def sizes(self) -> tuple[int, ...]:
        """One number for each entry of a strip; in the last block one for each row of the head, and one."""
        n_head = len(self.query.head)
        cuts = np.array(_strips(n_head))
        return (*np.diff(cuts * n_head - cuts * (cuts - 1) // 2).tolist(), n_head + 1)

    def prepared(self, batch: pa.RecordBatch) -> PreparedPeople:
        """Everybody's list, t and s; some 20 bytes an interaction of the head, and 16 a person."""
        kernels, people, n_head = _kernels(), Lists.of(batch), len(self.query.head)
        place = np.full(self.n_items, -1, dtype=np.int32)
        place[self.query.head] = np.arange(n_head, dtype=np.int32)
        begins, lists = kernels.head_lists(people.starts, people.items, place, n_head)
        times, shifts = kernels.shares(begins, lists, *_numbers(self.query), self.query.taken, norms(people))
        ends, who, places = kernels.by_row(begins, lists, n_head)
        return PreparedPeople(
            begins=begins, lists=lists, times=times, shifts=shifts, ends=ends, people=who, places=places
        )

    def add(self, prepared: PreparedPeople, block: int, total: NDArray[np.int64]) -> None:
        """Everybody has added t² to their pairs in a strip; or, in the last block, t·s to their items and s²."""
        begins, lists, n_head = prepared.begins, prepared.lists, len(self.query.head)
        rows = _strips(n_head)
        if block == len(rows) - 1:
            _kernels().add_shifts(begins, lists, prepared.times, prepared.shifts, total[:n_head], total[n_head:])
        else:
            by_row = prepared.ends, prepared.people, prepared.places
            _kernels().add_pairs(begins, lists, *by_row, prepared.times, rows[block], rows[block + 1], total)


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
        If the query names an item twice or a number is out of range.

    Notes
    -----
    People stream past in batches, where their rows lie. What is added up is 8 bytes an entry, 67 MB for a head of
    4,096, of which a worker holds a strip of at most 2 MB. Nothing else grows with people or items.

    **Privacy.** *Reads* bounded rows. *Returns* an exact sum over people, for `tactful.privacy.release` only.
    *Costs* nothing by itself. *Assumes* distinct items a person and weights of at most 255, which `bound` makes.
    """
    n_head = len(query.head)
    total = summed(bounded.rows, GramSums(query=query, n_items=len(bounded.catalogue)))
    upper, along, squares = total[: -n_head - 1], total[-n_head - 1 : -1], int(total[-1])
    _kernels().finish(upper, *_numbers(query), along, squares)
    return upper


def _numbers(query: Query) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Weights and direction, as compiled loops take them."""
    weights, direction = (np.ascontiguousarray(v, dtype=np.int64) for v in (query.weights, query.direction))
    return weights, direction


@lru_cache(maxsize=64)
def _strips(n_head: int) -> tuple[int, ...]:
    """Where strips of whole rows of the triangle start, and the end: about equal in entries, none of more than 2 MB.

    One row is a strip of its own where it is longer.
    """
    most = min(max(n_head * (n_head + 1) // 2 // _STRIPS, _SMALLEST), _LARGEST)
    cuts, held = [0], 0
    for row in range(n_head):
        if held and held + n_head - row > most:
            cuts.append(row)
            held = 0
        held += n_head - row
    return (*cuts, n_head)


def _check(query: Query, n_items: int) -> None:
    """Raise unless the query is one; the loops below check no index and no size."""
    head, weights, direction = query.head, query.weights, query.direction
    fits = (
        weights.shape == head.shape == direction.shape == (len(head),)
        and all(np.issubdtype(v.dtype, np.integer) for v in (head, weights, direction))
        and len(np.unique(head)) == len(head)
        and bool(np.all((head >= 0) & (head < n_items)))
        and 0 < query.taken <= 1
        and bool(np.all((weights >= 1) & (weights <= MOST_WEIGHT) & (direction >= 0) & (direction <= MOST_WEIGHT)))
    )
    if not fits:
        raise ConfigError(
            f"a query names items once, with whole weights from 1 to {MOST_WEIGHT}, and takes out a share of at most 1",
            given=f"{len(head)} items, weights {weights.shape}, direction {direction.shape}, share {query.taken:g}",
            do="Make it with tactful.released.head",
        )


def _kernels() -> ModuleType:
    """The compiled loops, imported late: whoever only asks for help does not wait for a compiler."""
    from tactful.personal import gram_kernels

    return gram_kernels
