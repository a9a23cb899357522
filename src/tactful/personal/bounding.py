"""At most k distinct items a person, so that one person can move a statistic only so far."""

from __future__ import annotations

from typing import final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.doors import ClosedDoor, opened
from tactful.personal.engines.base import Session
from tactful.personal.matrices import of_lists, user_items

_HELD = """
SELECT a.person, a.item FROM admitted a
JOIN people p ON p.person = a.person
WHERE p.part = 'training'
"""
# MD5 needs no key of its own: the pseudonym is an HMAC under a secret key, so nobody without it can tell or choose
# which items of a person are kept. Only those with more than k items are hashed. The item's id, not its position,
# decides: reordering the catalogue or adding to it changes nothing. No other person's rows enter.
_DRAWN = """
SELECT d.entry FROM (
  SELECT l.entry, l.max_items,
    ROW_NUMBER() OVER (PARTITION BY l.person ORDER BY MD5(CONCAT(p.pseudonym, ':', i.item_id)), l.item) AS place
  FROM long_held l
  JOIN people p ON p.person = l.person
  JOIN items i ON i.item = l.item
) AS d
WHERE d.place <= d.max_items
"""


WHOLE = 255
"""The weight of a person who counts whole; others count so many 255ths."""


@final
class BoundedInteractions(ClosedDoor):
    """What training people used, at most `max_items` items each, made by `bound` and by nothing else.

    Attributes
    ----------
    user_items : csr_array of shape (n_people, n_items), int8, ones
        Rows are training people with an admitted item, in an order that says nothing about them; columns are the
        catalogue. Read-only.
    max_items : int
        The bound.
    catalogue : Catalogue
        The columns.
    weights : int64 array of shape (n_people,), from 1 to 255, or None
        How many 255ths each person counts in popularity and Gram; None: everybody counts whole. Read-only.
    leanings : int64 array of shape (n_people,), from -255 to 255, or None
        How many 255ths each person counts for, or against, the items that one group uses more than others. Read-only.
    """

    __slots__ = ("_leanings", "_weights", "catalogue", "max_items", "user_items")
    _door = "bound"

    user_items: csr_array
    max_items: int
    catalogue: Catalogue
    _weights: NDArray[np.int64] | None
    _leanings: NDArray[np.int64] | None

    @property
    def weights(self) -> NDArray[np.int64] | None:
        """How many 255ths each person counts, or None."""
        return getattr(self, "_weights", None)

    @property
    def leanings(self) -> NDArray[np.int64] | None:
        """How many 255ths each person counts for or against, or None."""
        return getattr(self, "_leanings", None)

    def __repr__(self) -> str:
        return f"BoundedInteractions(at most {self.max_items} of {len(self.catalogue)} items a person)"


def bound(
    consented: ConsentedInteractions,
    *,
    max_items: int,
    kept: NDArray[np.bool_] | None = None,
    weights: NDArray[np.int64] | None = None,
    leanings: NDArray[np.int64] | None = None,
) -> BoundedInteractions:
    """At most `max_items` distinct items of each training person, chosen by keyed hash.

    Parameters
    ----------
    consented : ConsentedInteractions
    max_items : int
        At least 1.
    kept : bool array of shape (n_people,), optional
        The rows to keep, of those that come back without it: part of what is bounded is bounded. For shadow models on
        synthetic and public worlds, in benchmarks alone (a test reads the source for it): people of a real run are
        left out by the gate and by nothing else.
    weights : int array, from 1 to 255, optional
        How many 255ths each person of `consented` counts, by their number there: what
        `tactful.personal.weights.RowWeights.of_people` makes of groups and declared numbers. Everybody counts whole
        without it.
    leanings : int array, from -255 to 255, optional
        The same of `tactful.personal.weights.Leaning.of_people`.

    Raises
    ------
    ConfigError
        If `max_items` is below 1, or a weight or leaning is out of range: nobody counts more than whole.

    Privacy
    -------
    Reads: the admitted items of training people, without their number of times.
    Returns: exact rows behind a closed door; only `tactful.privacy.release` may look.
    Costs: nothing; nothing leaves.
    Assumes: one id is one person. The choice depends on a person's own items, the pseudonym key and `max_items`, not on
    the order of rows, on other people or on the engine.
    """
    if max_items < 1:
        raise ConfigError(
            "max_items is at least 1", given=str(max_items), do="Choose how many items of a person may count"
        )
    session, n_items = consented._session, len(consented.catalogue)
    held = session.query(_HELD)
    present = np.bincount(held["person"]) > 0
    everything = user_items((np.cumsum(present) - 1)[held["person"]], held["item"], n_items)
    people = np.flatnonzero(present)
    within = _within(session, people, everything, max_items)
    if kept is not None:
        within, people = of_lists(*_lists(within[np.flatnonzero(kept)]), n_items), people[np.flatnonzero(kept)]
    return opened(
        BoundedInteractions,
        user_items=within,
        max_items=max_items,
        catalogue=consented.catalogue,
        _weights=None if weights is None else _of_these(people, weights, least=1),
        _leanings=None if leanings is None else _of_these(people, leanings, least=-WHOLE),
    )


def _of_these(people: NDArray[np.intp], weights: NDArray[np.int64], *, least: int) -> NDArray[np.int64]:
    """The weights of these people, read-only; raise unless everybody has one, and none is more than whole."""
    enough = len(weights) > people.max(initial=-1)
    if not enough or weights.min(initial=WHOLE) < least or weights.max(initial=WHOLE) > WHOLE:
        raise ConfigError(
            f"everybody has a weight, from {least} to {WHOLE}",
            given="some are out of range" if enough else "some are missing",
            do="Make them with tactful.personal.weights",
        )
    found = weights[people].astype(np.int64)
    found.flags.writeable = False
    return found


def _within(session: Session, people: NDArray[np.intp], everything: csr_array, max_items: int) -> csr_array:
    """The rows, of which those with more than `max_items` items keep the drawn ones."""
    starts, items = _lists(everything)
    lengths = np.diff(starts)
    entries = np.flatnonzero(np.repeat(lengths > max_items, lengths))
    if not len(entries):
        return everything
    asked = {
        "entry": entries,
        "person": np.repeat(people, lengths)[entries],
        "item": items[entries],
        "max_items": np.full(len(entries), max_items),
    }
    session.put("long_held", pa.table(asked))
    try:
        drawn = session.query(_DRAWN)["entry"]
    finally:
        session.drop("long_held")
    stays = np.repeat(lengths <= max_items, lengths)
    stays[drawn] = True
    left = np.add.reduceat(stays, starts[:-1], dtype=np.int64)  # nobody is here without an item
    return of_lists(np.concatenate([[0], np.cumsum(left)]), items[stays], everything.shape[1])


def _lists(rows: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where each row starts, and its items."""
    return rows.indptr, rows.indices
