"""At most k distinct items a person, so that one person can move a statistic only so far."""

from __future__ import annotations

from typing import final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.catalogue import Catalogue
from tactful.errors import ClosedDoorError, ConfigError
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.doors import ClosedDoor, opened
from tactful.personal.engines.base import Session
from tactful.personal.held_rows import HeldRows
from tactful.personal.people_sums import Rows

_PEOPLE = "SELECT person, part FROM people ORDER BY pseudonym"

WHOLE = 255
"""The weight of a person who counts whole; others count so many 255ths."""


@final
class BoundedInteractions(ClosedDoor):
    """What training people used, at most `max_items` items each, made by `bound` and by nothing else.

    Attributes
    ----------
    rows : Rows
        One a training person with an admitted item, where the engine keeps them, in an order that says nothing about
        them.
    max_items : int
        The bound.
    catalogue : Catalogue
        What items are positions in.
    weighted : bool
        Whether people have weights or leanings: how many 255ths each counts in popularity and Gram, from 1 to 255; or
        for, or against, the items that one group uses more than others, from -255 to 255.
    """

    __slots__ = ("catalogue", "max_items", "rows", "weighted")
    _door = "bound"

    rows: Rows
    max_items: int
    catalogue: Catalogue
    weighted: bool

    @property
    def n_people(self) -> int:
        """How many training people have a row."""
        return self.rows.n_people

    @property
    def user_items(self) -> csr_array:
        """The rows as a csr_array of shape (n_people, n_items), int8, ones. Read-only.

        Raises
        ------
        ClosedDoorError
            If the engine keeps the rows.
        """
        return _held(self.rows).user_items

    @property
    def weights(self) -> NDArray[np.int64] | None:
        """How many 255ths each person counts, or None. Read-only; raises as `user_items` does."""
        return _held(self.rows).weights

    @property
    def leanings(self) -> NDArray[np.int64] | None:
        """How many 255ths each person counts for or against, or None. Read-only; raises as `user_items` does."""
        return _held(self.rows).leanings

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
        How many 255ths each person of `consented` counts, in the order of their pseudonyms: what
        `tactful.personal.weights.RowWeights.of_people` makes of groups and declared numbers. Everybody counts whole
        without it.
    leanings : int array, from -255 to 255, optional
        The same of `tactful.personal.weights.Leaning.of_people`.

    Raises
    ------
    ConfigError
        If `max_items` is below 1, or a weight or leaning is out of range: nobody counts more than whole.
    ClosedDoorError
        If some of the rows are asked for, and the engine keeps them.

    Notes
    -----
    **Privacy.** *Reads* the admitted items of training people, without their number of times. *Returns* exact rows
    behind a closed door; only `tactful.privacy.release` may look. *Costs* nothing; nothing leaves. *Assumes* one id is
    one person. The choice depends on a person's own items, the pseudonym key and `max_items`, not on the order of rows,
    on other people or on the engine.
    """
    if max_items < 1:
        raise ConfigError(
            "max_items is at least 1", given=str(max_items), do="Choose how many items of a person may count"
        )
    session = consented._session
    counts = None if weights is None and leanings is None else _counts(session, weights, leanings)
    rows = session.bounded(max_items=max_items, n_items=len(consented.catalogue), counts=counts)
    return opened(
        BoundedInteractions,
        rows=rows if kept is None else _held(rows).part(kept),
        max_items=max_items,
        catalogue=consented.catalogue,
        weighted=counts is not None,
    )


def _counts(session: Session, weights: NDArray[np.int64] | None, leanings: NDArray[np.int64] | None) -> pa.Table:
    """One row a training person: who, and how many 255ths they count; raise unless all do, and none more than whole."""
    people = session.query(_PEOPLE)
    training = np.flatnonzero(people["part"] == "training")
    columns = {"person": pa.array(people["person"][training])}
    for name, numbers, least in (("weight", weights, 1), ("leaning", leanings, -WHOLE)):
        if numbers is not None:
            columns[name] = pa.array(_of_these(training, numbers, least=least).astype(np.int16))
    return pa.table(columns)


def _of_these(people: NDArray[np.intp], weights: NDArray[np.int64], *, least: int) -> NDArray[np.int64]:
    """The weights of these people; raise unless everybody has one, and none is more than whole."""
    enough = len(weights) > people.max(initial=-1)
    if not enough or weights.min(initial=WHOLE) < least or weights.max(initial=WHOLE) > WHOLE:
        raise ConfigError(
            f"everybody has a weight, from {least} to {WHOLE}",
            given="some are out of range" if enough else "some are missing",
            do="Make them with tactful.personal.weights",
        )
    return weights[people]


def _held(rows: Rows) -> HeldRows:
    """The rows, if they are in this process."""
    if isinstance(rows, HeldRows):
        return rows
    raise ClosedDoorError(
        "rows of single people are looked at where they lie",
        given="the engine keeps them, there are too many",
        do="Ask for sums, or use fewer rows",
    )
