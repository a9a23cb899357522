"""A history as the caller passes it, turned into what a score may use. Nothing in here keeps a history."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.errors import UsageError
from tactful.scoring.item_model import ItemModel

_NONE: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_NONE.flags.writeable = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class History:
    """What a history comes to.

    Attributes
    ----------
    slots : int array
        Rows of the factors of the items that may be used, rising; empty if none.
    known : int array
        Catalogue positions of all items of it that the catalogue has.
    unknown : int
        Different ids that it has not.
    withheld : int
        Known items of categories that are not allowed.
    """

    slots: NDArray[np.intp]
    known: NDArray[np.intp]
    unknown: int
    withheld: int


UNREAD = History(slots=_NONE, known=_NONE, unknown=0, withheld=0)


def read_history(model: ItemModel, history: Iterable[object], allowed: NDArray[np.bool_]) -> History:
    """The history, matched with the catalogue; the order and repetitions of its items do not matter.

    Privacy
    -------
    Reads: one person's history, once. Returns: positions, for the length of the call. Costs: nothing; it is not stored.
    Assumes: the person allows profiling; `allowed` is what they opted into.
    """
    ids = _distinct(history)
    known = np.array(sorted(model.position[item] for item in ids if item in model.position), dtype=np.intp)
    permitted = known[allowed[model.sensitive[known]]]
    slots = model.slot[permitted] if model.decoder.shape[1] else _NONE  # of rank 0, no item says anything
    return History(
        slots=np.sort(slots[slots >= 0]),
        known=known,
        unknown=len(ids) - len(known),
        withheld=len(known) - len(permitted),
    )


def as_id(item: object) -> str | None:
    """An id as text: the integer 7 and the text "7" are one id; None for what is neither text nor integer."""
    if isinstance(item, str):
        return str(item)
    try:
        return None if isinstance(item, bool) else str(operator.index(item))  # type: ignore[arg-type]  # whatever is no integer raises
    except TypeError:
        return None


def _distinct(history: Iterable[object]) -> set[str]:
    """The different ids of a history; everything that is no id counts as one unknown."""
    if isinstance(history, str | bytes):
        raise _not_a_list("a single text")
    try:
        return {text if (text := as_id(item)) is not None else "" for item in history}  # no item has the empty id
    except TypeError as error:
        raise _not_a_list(f"a {type(history).__name__}") from error


def _not_a_list(given: str) -> UsageError:
    """The error for a history of a wrong type."""
    return UsageError("a history is a list of item ids", given=f"it was {given}", do='Pass a list, such as ["a", "b"]')
