"""A history as the caller passes it, turned into what a score may use. Nothing in here keeps a history."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.errors import UsageError
from tactful.scoring.item_model import ItemModel

_NONE: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_NONE.flags.writeable = False


class History(NamedTuple):
    """What a history comes to.

    Attributes
    ----------
    slots : int array
        Rows of the factors of the items that may be used, rising; empty if none.
    ratios : float array of shape (len(slots),), or None
        What the caller says that each of them weighs, the largest being 1; None where all weigh the same.
    known, held : int arrays
        Catalogue positions of all items of it that the catalogue has, and rows of those that have one.
    unknown : int
        Different ids that it has not.
    withheld : int
        Known items of categories that are not allowed.
    silent : bool
        Whether it has items and none of them weighs anything.
    """

    slots: NDArray[np.intp]
    ratios: NDArray[np.float64] | None
    known: NDArray[np.intp]
    held: NDArray[np.intp]
    unknown: int
    withheld: int
    silent: bool

    def __repr__(self) -> str:
        return "History()"


UNREAD = History(slots=_NONE, ratios=None, known=_NONE, held=_NONE, unknown=0, withheld=0, silent=False)


def read_history(model: ItemModel, history: Iterable[object], allowed: NDArray[np.bool_]) -> History:
    """The history, matched with the catalogue; the order and repetitions of its items do not matter.

    Notes
    -----
    **Privacy.** *Reads* one person's history, once. *Returns* positions, for the length of the call. *Costs* nothing;
    it is not stored. *Assumes* the person allows profiling; `allowed` is what they opted into.
    """
    weights = _weights(history) if type(history) is not list and isinstance(history, Mapping) else None
    known, unknown = _matched(model, history if weights is None else weights)
    held = _rows(model, known)
    permitted = known[allowed[model.sensitive[known]]] if model.bundles else known
    slots, ratios = (held, None) if permitted is known else (_rows(model, permitted), None)
    if weights is not None:
        slots, ratios = _weighed(model, slots, weights)
    return History(
        slots=slots if model.rank else _NONE,  # of rank 0, no item says anything
        ratios=ratios,
        known=known,
        held=held,
        unknown=unknown,
        withheld=len(known) - len(permitted),
        silent=weights is not None and bool(weights) and not any(weights.values()),
    )


def as_id(item: object) -> str | None:
    """An id as text: the integer 7 and the text "7" are one id; None for what is neither, or no id could be."""
    if isinstance(item, str):
        return str(item)
    try:
        return None if isinstance(item, bool) else str(operator.index(item))  # type: ignore[arg-type]  # whatever is no integer raises
    except (TypeError, ValueError):  # Python does not write out an integer of thousands of digits
        return None


def _id(item: object) -> str:
    """An id as text; raise for what is none, for it stands for an item that the person has."""
    found = as_id(item)
    if found is None:
        raise UsageError(
            "item ids are text or whole numbers",
            given=f"the history holds a {type(item).__name__}, or a number of thousands of digits",
            do="Pass each id as the catalogue has it; a column with gaps makes 9.0 of 9",
        )
    return found


def _rows(model: ItemModel, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of the factors of those items that have one, rising."""
    rows = model.slot[places]
    if len(model.tail):
        rows = rows[rows >= 0]
    rows.sort()
    return rows


def _weighed(
    model: ItemModel, slots: NDArray[np.intp], weights: Mapping[str, float]
) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
    """Those rows that weigh anything, and how much beside the heaviest; None where all weigh the same."""
    given = np.array([weights[model.item_ids[place]] for place in model.places[slots].tolist()])
    slots, given = slots[given > 0], given[given > 0]
    if not len(given) or given.min() == given.max():
        return slots, None
    return slots, given / given.max()


def _matched(model: ItemModel, ids: Iterable[object]) -> tuple[NDArray[np.intp], int]:
    """Catalogue positions of the ids that the catalogue has, and how many it has not."""
    unknown = 0
    places: set[int | None]
    try:
        places = set(map(model.position.get, ids)) if type(ids) is list else {None}
    except TypeError:  # something in it cannot be looked up
        places = {None}
    if None in places:  # an id is unknown, or an integer
        distinct = _distinct(ids)
        places = set(map(model.position.get, distinct)) - {None}
        unknown = len(distinct) - len(places)
    return np.fromiter(places, np.intp, len(places)), unknown


def _distinct(history: Iterable[object]) -> set[str]:
    """The different ids of a history."""
    if isinstance(history, str | bytes):
        raise _not_a_list("a single text")
    try:
        given = iter(history)
    except TypeError as error:
        raise _not_a_list(f"a {type(history).__name__}") from error
    return {item if type(item) is str else _id(item) for item in given}


def _weights(history: Mapping[object, object]) -> dict[str, float]:
    """The weight of each id; two keys that are one id, such as 7 and "7", add up."""
    weights: dict[str, float] = {}
    for item, weight in history.items():
        item_id = _id(item)
        weights[item_id] = weights.get(item_id, 0.0) + _weight(weight)
    if not all(map(math.isfinite, weights.values())):
        raise _no_weight()
    return weights


def _weight(weight: object) -> float:
    """One weight, finite and not below 0."""
    try:
        number = float(weight) if isinstance(weight, Real) and not isinstance(weight, bool) else -1.0
    except OverflowError:
        number = math.inf
    if not 0 <= number < math.inf:
        raise _no_weight()
    return number


def _no_weight() -> UsageError:
    """The error for a weight that is none; it does not repeat it."""
    return UsageError(
        "the weight of an item in a history is a finite number from 0",
        given="one is not, or too large",
        do="Pass a list of item ids, or a mapping from item id to weight",
    )


def _not_a_list(given: str) -> UsageError:
    """The error for a history of a wrong type."""
    return UsageError("a history is a list of item ids", given=f"it was {given}", do='Pass a list, such as ["a", "b"]')
