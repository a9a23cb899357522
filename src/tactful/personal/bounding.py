"""At most k distinct items a person, so that one person can move a statistic only so far."""

from __future__ import annotations

from typing import final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.doors import ClosedDoor, opened
from tactful.personal.matrices import user_items

# MD5 needs no key of its own: the pseudonym is an HMAC under a secret key, so nobody without it can tell or choose
# which items of a person are kept. Only those with more than k items are hashed. The item's id, not its position,
# decides: reordering the catalogue or adding to it changes nothing. No other person's rows enter.
_BOUNDED = """
WITH held AS (
  SELECT DISTINCT a.person, a.item FROM admitted a
  JOIN people p ON p.person = a.person
  WHERE p.part = 'training'
),
sizes AS (
  SELECT h.person, b.max_items FROM held h CROSS JOIN bound b
  GROUP BY h.person, b.max_items
  HAVING COUNT(*) > b.max_items
),
drawn AS (
  SELECT h.person, h.item, s.max_items,
    ROW_NUMBER() OVER (PARTITION BY h.person ORDER BY MD5(CONCAT(p.pseudonym, ':', i.item_id)), h.item) AS place
  FROM held h
  JOIN sizes s ON s.person = h.person
  JOIN people p ON p.person = h.person
  JOIN items i ON i.item = h.item
)
SELECT h.person, h.item FROM held h LEFT JOIN sizes s ON s.person = h.person WHERE s.person IS NULL
UNION ALL
SELECT person, item FROM drawn WHERE place <= max_items
"""


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
    """

    __slots__ = ("catalogue", "max_items", "user_items")
    _door = "bound"

    user_items: scipy.sparse.csr_array
    max_items: int
    catalogue: Catalogue

    def __repr__(self) -> str:
        return f"BoundedInteractions(at most {self.max_items} of {len(self.catalogue)} items a person)"


def bound(
    consented: ConsentedInteractions, *, max_items: int, kept: NDArray[np.bool_] | None = None
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

    Raises
    ------
    ConfigError
        If `max_items` is below 1.

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
    session = consented._session
    session.create("bound", f"SELECT {int(max_items)} AS max_items")
    try:
        found = session.query(_BOUNDED)
    finally:
        session.drop("bound")
    (_, rows), items = np.unique(found["person"], return_inverse=True), found["item"]
    if kept is not None:
        items = items[kept[rows]]
        _, rows = np.unique(rows[kept[rows]], return_inverse=True)
    return opened(
        BoundedInteractions,
        user_items=user_items(rows, items, len(consented.catalogue)),
        max_items=max_items,
        catalogue=consented.catalogue,
    )
