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

from dataclasses import dataclass
from math import isqrt
from types import ModuleType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import TactfulError
from tactful.personal.bounding import WHOLE, BoundedInteractions
from tactful.personal.people_sums import Lists, Rows, Sums

SCALE = 1 << 30  # the L2 sensitivity of every statistic, in integer units
MOST_PEOPLE = 1 << 32


def shared_weight(entries: NDArray[np.int64], tenths: int = 10) -> NDArray[np.int64]:
    """What n touched entries get each so that their squared norm is at most so many tenths of SCALE²; 0 for n = 0.

    Exactly ⌊SCALE·√(tenths/10n)⌋.
    """
    distinct, where = np.unique(entries, return_inverse=True)
    roots = [isqrt(SCALE * SCALE * tenths // (10 * n)) if n > 0 else 0 for n in distinct.tolist()]
    return np.array(roots, dtype=np.int64)[where]


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularitySums:
    """What people add to item popularity, in one block.

    Attributes
    ----------
    n_items : int
        Of the catalogue.
    """

    n_items: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """One number an item."""
        return (self.n_items,)

    def prepared(self, batch: pa.RecordBatch) -> Lists:
        """The people of the batch as arrays."""
        return Lists.of(batch)

    def add(self, prepared: Lists, block: int, total: NDArray[np.int64]) -> None:  # noqa: ARG002 (there is one)
        """Each person has added ⌊⌊S/√l⌋·u/255⌋ to each of their items."""
        _kernels().add_items(prepared.starts, prepared.items, _shares(prepared), total)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaningSums:
    """What people add to item popularity, in the first block, and to what one group uses more, in the second.

    Attributes
    ----------
    n_items : int
        Of the catalogue.
    """

    n_items: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Two numbers an item, one in each block."""
        return self.n_items, self.n_items

    def prepared(self, batch: pa.RecordBatch) -> Lists:
        """The people of the batch as arrays."""
        return Lists.of(batch)

    def add(self, prepared: Lists, block: int, total: NDArray[np.int64]) -> None:
        """Each person has added ⌊S√(9/10l)⌋, or ±⌊S√(1/10l)⌋ cut down by their leaning, to each of their items."""
        own = _shares(prepared, (9, 1)[block])
        if block == 1:
            leanings = 0 * own if prepared.leanings is None else prepared.leanings
            own = np.sign(leanings) * (own * np.abs(leanings) // WHOLE)
        _kernels().add_items(prepared.starts, prepared.items, own, total)


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
    return summed(bounded.rows, PopularitySums(n_items=len(bounded.catalogue)))


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
    return summed(bounded.rows, LeaningSums(n_items=len(bounded.catalogue)))


def norms(people: Lists) -> NDArray[np.int64]:
    """The most that each of these people may add to a statistic in L2 norm: SCALE, cut down by their weight."""
    if people.weights is None:
        return np.full(len(people), SCALE, dtype=np.int64)
    return SCALE * people.weights // WHOLE


def _shares(people: Lists, tenths: int = 10) -> NDArray[np.int64]:
    """What each person's items get each: `shared_weight`, cut down by the person's weight."""
    lengths = np.diff(people.starts)
    own = shared_weight(np.arange(int(lengths.max(initial=0)) + 1), tenths)[lengths]
    return own if people.weights is None else own * people.weights // WHOLE


def _kernels() -> ModuleType:
    """The compiled loops, imported late: whoever only asks for help does not wait for a compiler."""
    from tactful.personal import kernels

    return kernels


def summed(rows: Rows, sums: Sums) -> NDArray[np.int64]:
    """The sum over everybody, where the rows lie; raise if it might not fit."""
    few_enough(rows.n_people)
    return rows.total(sums)


def few_enough(n_people: int) -> None:
    """Raise if sums over so many people might not fit an int64 beside their noise."""
    if n_people > MOST_PEOPLE:
        raise TactfulError(
            f"sums in 64 bits hold up to {MOST_PEOPLE:,} people",
            given="there are more",
            do="Divide the population into several, each with records of its own",
        )
