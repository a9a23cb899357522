"""What is measured of one person: arithmetic on lists, histories and hidden items, one row a person.

Notes
-----
*No row depends on another, not by a bit.* The release cuts figures to whole numbers, so that a last bit that depended
on who else is there would move other people's entries. Sums here go along a row or entry by entry in the order of the
row; products with a vector, whose last bits depend on how many rows there are, are not used, nor is a vectorised
logarithm.

*Lists* are int arrays of catalogue positions, best first, −1 where a list is shorter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]
_SMOOTHED = 0.01  # Steck's α: how much of the history's mixture is mixed into the list's
_BLOCK = 4096  # people whose mixtures are laid out at a time


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Pairs:
    """Who has which item.

    Attributes
    ----------
    rows, items : int arrays of one length
        Rows rise.
    n_people, n_items : int
    """

    rows: _Ints
    items: _Ints
    n_people: int
    n_items: int

    @classmethod
    def of(cls, matrix: scipy.sparse.csr_array) -> Self:
        """The entries of a sparse matrix of shape (n_people, n_items)."""
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
        return cls(rows=rows, items=matrix.indices.astype(np.int64), n_people=matrix.shape[0], n_items=matrix.shape[1])

    def where(self, kept: _Bools) -> Self:
        """Those pairs."""
        return type(self)(rows=self.rows[kept], items=self.items[kept], n_people=self.n_people, n_items=self.n_items)

    def of_people(self, people: _Ints) -> Self:
        """The pairs of some people, numbered anew; positions rise."""
        place = np.full(self.n_people, -1, dtype=np.int64)
        place[people] = np.arange(len(people))
        kept = place[self.rows] >= 0
        return type(self)(
            rows=place[self.rows[kept]], items=self.items[kept], n_people=len(people), n_items=self.n_items
        )

    @property
    def counts(self) -> _Ints:
        """Items of each person."""
        return np.bincount(self.rows, minlength=self.n_people)

    def mean(self, values: _Floats) -> _Floats:
        """Each person's mean of a value of items; 0 for people without items."""
        summed = np.bincount(self.rows, weights=values[self.items], minlength=self.n_people)
        return np.asarray(summed / np.maximum(self.counts, 1))

    def mixture(self, membership: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Each person's shares of item groups, every item the same; of shape (n_people, n_levels)."""
        each = 1.0 / np.maximum(self.counts, 1)
        shape = (self.n_people, self.n_items)
        return scipy.sparse.csr_array((each[self.rows], (self.rows, self.items)), shape=shape) @ membership


def hits(lists: _Ints, truth: Pairs) -> _Bools:
    """Which places of each list hold an item of the person's truth."""
    keys = np.arange(len(lists), dtype=np.int64)[:, None] * truth.n_items + lists
    wanted = np.append(np.sort(truth.rows * truth.n_items + truth.items), -1)  # the last is where a search may end
    return np.asarray((lists >= 0) & (wanted[np.searchsorted(wanted[:-1], keys)] == keys))


def recall(found: _Bools, wanted: _Ints, k: int) -> _Floats:
    """Wanted items among the first k, over the most that k places can hold."""
    return np.asarray(found[:, :k].sum(axis=1) / np.minimum(k, wanted))


def ndcg(found: _Bools, wanted: _Ints, k: int) -> _Floats:
    """Normalised discounted cumulative gain of the first k places (Järvelin & Kekäläinen 2002), binary relevance."""
    best = np.cumsum(_discounts(k))[np.minimum(k, wanted) - 1]
    return np.asarray((found[:, :k] * _discounts(found[:, :k].shape[1])).sum(axis=1) / best)


def percentiles(popularity: NDArray[np.floating]) -> _Floats:
    """How popular each item is among all, from 0 (the least) to 1 (the most); equally popular ones share the mean."""
    _, place, equal = np.unique(popularity, return_inverse=True, return_counts=True)
    middle = np.cumsum(equal) - equal + (equal - 1) / 2
    return np.asarray(middle[place] / max(len(popularity) - 1, 1))


def shown_mean(lists: _Ints, values: _Floats) -> _Floats:
    """The mean of a value of items over what each list shows; 0 for lists that show nothing."""
    shown = lists >= 0
    summed = np.where(shown, values[lists], 0.0).sum(axis=1)
    return np.asarray(summed / np.maximum(shown.sum(axis=1), 1))


def popularity_lift(lists: _Ints, history: Pairs, percentile: _Floats) -> _Floats:
    """The mean percentile of what is shown less that of the history; 0 where one of them is empty."""
    both = (lists >= 0).any(axis=1) & (history.counts > 0)
    return np.where(both, shown_mean(lists, percentile) - history.mean(percentile), 0.0)


def miscalibration(lists: _Ints, history: Pairs, membership: scipy.sparse.csr_array) -> _Floats:
    """How far the categories of a list are from those of the person's history, from 0 to 1 (Steck 2018).

    Σ p log(p/q̃) / log(1/α), with p the mixture of the history, q that of the list and q̃ = (1 − α) q + α p, α = 0.01.
    As q̃ ≥ α p no term is above p log(1/α), so that the whole is at most 1, which lists without anything in common with
    the history reach, and lists that show nothing. All items of the history count the same, and all places of the list:
    a discount by place would make the figure about the first places, of which nDCG tells already, and a history is not
    ordered by taste.
    """
    theirs, shown = history.mixture(membership), _listed(lists, history).mixture(membership)
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(lists), _BLOCK)]
    parts = [_divergence(theirs[b].toarray(), shown[b].toarray()) for b in blocks]
    return np.clip(np.concatenate([np.empty(0), *parts]) / math.log(1 / _SMOOTHED), 0.0, 1.0)


def exposure(lists: _Ints, membership: scipy.sparse.csr_array) -> _Floats:
    """Each list's shares of item groups, places discounted as in nDCG; of shape (n_people, n_levels).

    They add up to 1, or to 0 for lists that show nothing.
    """
    shown = lists >= 0
    weights = shown * _discounts(lists.shape[1])
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    places = np.nonzero(shown)[0], lists[shown]
    weighted = scipy.sparse.csr_array((weights[shown], places), shape=(len(lists), membership.shape[0]))
    return np.asarray((weighted @ membership).toarray())


def popularity_lists(order: _Ints, history: Pairs, depth: int) -> _Ints:
    """The first items of an order that each person does not have yet, of shape (n_people, depth).

    Parameters
    ----------
    order : int array
        Catalogue positions, some or all of them.

    Notes
    -----
    In the order, let a person have the places t₀ < t₁ < …. Before the j-th place that is free (from 0) lie those i with
    tᵢ − i ≤ j, so that it is place j + #{i : tᵢ − i ≤ j}. The numbers tᵢ − i rise, and one search finds all of them.
    """
    place = np.full(history.n_items, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    rows, taken = history.rows, place[history.items]
    rows, taken = rows[taken >= 0], taken[taken >= 0]
    sorted_by_place = np.lexsort((taken, rows))
    rows, taken = rows[sorted_by_place], taken[sorted_by_place]
    starts = np.searchsorted(rows, np.arange(history.n_people))
    wide = len(order) + depth + 1
    before = rows * wide + taken - (np.arange(len(rows)) - starts[rows])
    wanted = np.arange(history.n_people)[:, None] * wide + np.arange(depth)
    free = np.arange(depth) + np.searchsorted(before, wanted, side="right") - starts[:, None]
    return np.where(free < len(order), order[np.minimum(free, len(order) - 1)], -1)


def _discounts(k: int) -> _Floats:
    """What the places of a list weigh."""
    return np.asarray(1 / np.log2(np.arange(2, k + 2)))


def _listed(lists: _Ints, like: Pairs) -> Pairs:
    """Lists as who is shown what."""
    shown = lists >= 0
    return Pairs(rows=np.nonzero(shown)[0], items=lists[shown], n_people=len(lists), n_items=like.n_items)


def _divergence(theirs: _Floats, shown: _Floats) -> _Floats:
    """Σ p log(p/q̃) of each row."""
    rows, columns = np.nonzero(theirs)
    p, q = theirs[rows, columns], shown[rows, columns]
    ratios = (p / ((1 - _SMOOTHED) * q + _SMOOTHED * p)).tolist()
    terms = p * np.array([math.log(ratio) for ratio in ratios])
    return np.bincount(rows, weights=terms, minlength=len(theirs)).astype(np.float64)
