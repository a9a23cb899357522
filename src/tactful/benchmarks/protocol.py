"""How quality is measured on public data: who is held out, what of their history is hidden, and how lists are judged.

The same for every method. Interactions are positives, each pair once. Of the people with at least 5 items, in the
order of their ids as text, a share is held out by seed; a fifth of each one's items, and at least one, is hidden at
random, and the rest is the history that a method is shown. Every item but those shown is a candidate; equal scores are
ordered as the catalogue is.

Notes
-----
**Privacy.** *Reads* rows about people without any protection, and compares lists with what they did. *Assumes* that
nobody in them needs protection: whoever names the files says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.errors import UsageError

FEWEST_ITEMS = 5
RECALL_AT, NDCG_AT = 20, 100
_HIDDEN = 5  # one item in so many is hidden
_SCORES_AT_ONCE = 1 << 22

Scorer = Callable[[scipy.sparse.csr_array], NDArray[np.floating]]
"""From histories of shape (n, n_items) to scores of the same shape, which the caller may overwrite."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Split:
    """Who trains, and who is judged on what.

    Attributes
    ----------
    training : csr_array of shape (n_training, n_items), int8, ones
    shown, hidden : csr_arrays of shape (n_held_out, n_items), int8, ones
        What a method is shown of each held-out person, and what it is to find.
    """

    training: scipy.sparse.csr_array
    shown: scipy.sparse.csr_array
    hidden: scipy.sparse.csr_array

    def __repr__(self) -> str:
        return f"Split({self.training.shape[0]} people train, {self.shown.shape[0]} are held out)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Means over held-out people.

    Attributes
    ----------
    recall : float
        Share of the hidden items among the first 20, of at most 20 hidden.
    ndcg : float
        Normalised discounted cumulative gain of the first 100.
    """

    recall: float
    ndcg: float


def hold_out(
    user_items: scipy.sparse.csr_array, *, seed: int, share: float, order: NDArray[np.int64] | None = None
) -> Split:
    """The split that this seed makes.

    Parameters
    ----------
    user_items : csr_array of shape (n_people, n_items), ones
        Rows in the order of the people's ids, indices rising.
    seed : int
        Chooses the people and what of theirs is hidden.
    share : float
        Of the people with at least 5 items; read as the decimal number it is written as, then rounded down.
    order : int array of shape (n_items,), optional
        The place of each item by its id. With it, the same items are hidden however the catalogue is ordered, and
        whatever else is in it.

    Raises
    ------
    UsageError
        If `share` is not between 0 and 1, or nobody is held out or left to train.
    """
    if not 0 < share < 1:
        raise UsageError("the share of people held out lies between 0 and 1", given=f"{share:g}", do="Choose e.g. 0.2")
    rng = np.random.default_rng(seed)
    held = held_out(user_items, rng, share=share)
    training = np.ones(user_items.shape[0], dtype=np.bool_)
    training[held] = False
    rows = user_items[held]
    away = _hidden(rows, np.arange(rows.shape[1]) if order is None else order, rng)
    return Split(training=user_items[training], shown=_part(rows, ~away), hidden=_part(rows, away))


def held_out(user_items: scipy.sparse.csr_array, rng: np.random.Generator, *, share: float) -> NDArray[np.int64]:
    """The rows of the people whom `hold_out` holds out, rising, if the generator begins with its seed.

    Raises
    ------
    UsageError
        If nobody is held out or left to train.
    """
    enough = np.flatnonzero(np.diff(user_items.indptr) >= FEWEST_ITEMS)
    count = int(Fraction(str(share)) * len(enough))
    if not 0 < count < user_items.shape[0]:
        raise UsageError(
            f"somebody with {FEWEST_ITEMS} items is held out, and somebody is left to train",
            given=f"{count} held out of {user_items.shape[0]} people, {len(enough)} of whom have enough items",
            do="Give a larger table or another share",
        )
    return np.sort(rng.permutation(enough)[:count])


def judge(scorer: Scorer, split: Split) -> Quality:
    """How well the scores order what was hidden, a block of people at a time.

    Parameters
    ----------
    scorer : callable
        Fitted to the people who train.
    split : Split
    """
    n_people, n_items = split.shown.shape
    block = max(1, _SCORES_AT_ONCE // n_items)
    totals = np.zeros(2)
    for start in range(0, n_people, block):
        part = slice(start, start + block)
        totals += _judged(scorer(split.shown[part]), split.shown[part], split.hidden[part])
    recall, ndcg = (totals / n_people).tolist()
    return Quality(recall=recall, ndcg=ndcg)


def best(scores: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """The n items of the highest score in each row, best first, equal scores in item order.

    Parameters
    ----------
    scores : float array of shape (n_rows, n_items)
        No NaN.
    n : int
        At most n_items.
    """
    n_rows, n_items = scores.shape
    least = np.partition(scores, n_items - n, axis=1)[:, n_items - n, None]
    rows, items = np.nonzero(scores >= least)
    order = np.lexsort((items, -scores[rows, items], rows))
    starts = np.searchsorted(rows, np.arange(n_rows))
    first = np.arange(len(rows)) - starts[rows] < n
    return items[order][first].reshape(n_rows, n)


def _hidden(rows: scipy.sparse.csr_array, order: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """For each entry of the matrix whether it is hidden: a fifth of each row, rounded down, and at least one."""
    by_id = np.lexsort((order[rows.indices], np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))))
    away = np.zeros(rows.nnz, dtype=np.bool_)
    for start, end in zip(rows.indptr[:-1].tolist(), rows.indptr[1:].tolist(), strict=True):
        chosen = rng.permutation(end - start)[: max(1, (end - start) // _HIDDEN)]
        away[by_id[start + chosen]] = True
    return away


def _part(rows: scipy.sparse.csr_array, chosen: NDArray[np.bool_]) -> scipy.sparse.csr_array:
    """The chosen entries of a matrix."""
    starts = np.concatenate([[0], np.cumsum(chosen)])[rows.indptr]
    return scipy.sparse.csr_array((rows.data[chosen], rows.indices[chosen], starts), shape=rows.shape)


def _judged(
    scores: NDArray[np.floating], shown: scipy.sparse.csr_array, hidden: scipy.sparse.csr_array
) -> NDArray[np.float64]:
    """The sums of recall and of nDCG over some people."""
    there = shown.tocoo()
    scores[there.row, there.col] = -np.inf
    top = best(scores, min(NDCG_AT, scores.shape[1]))
    hits = np.take_along_axis(hidden.toarray() > 0, top, axis=1)
    sizes = np.diff(hidden.indptr)
    recall = hits[:, :RECALL_AT].sum(axis=1) / np.minimum(sizes, RECALL_AT)
    discounts = 1 / np.log2(np.arange(2, NDCG_AT + 2))
    ideal = np.cumsum(discounts)[np.minimum(sizes, NDCG_AT) - 1]
    ndcg = hits @ discounts[: hits.shape[1]] / ideal
    return np.array([recall.sum(), ndcg.sum()])
