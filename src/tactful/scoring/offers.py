"""What may be shown in one call: by the sensitive categories that were opted into, and by the caller's own lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.errors import UsageError
from tactful.scoring.arguments import as_categories
from tactful.scoring.histories import as_id
from tactful.scoring.item_model import ItemModel


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Offer:
    """What may be shown; the same for everybody in a call.

    Attributes
    ----------
    allowed : bool array
        For "no bundle" and each sensitive bundle, whether its items may be shown.
    row_base : float32 array of shape (n_rows,)
        As in `ItemModel`; minus infinity for what may not be shown.
    by_popularity, tail : int arrays
        As in `ItemModel`; they may still hold items of bundles that are not allowed, and denied ones.
    denied : frozenset of int
        Catalogue positions.
    """

    allowed: NDArray[np.bool_]
    row_base: NDArray[np.float32]
    by_popularity: NDArray[np.intp]
    tail: NDArray[np.intp]
    denied: frozenset[int]


def offer(
    model: ItemModel,
    categories: Collection[str] = (),
    *,
    allow: Iterable[object] | None = None,
    deny: Iterable[object] = (),
) -> Offer:
    """What remains of the catalogue: allowed categories only, of the `allow` list if there is one, nothing of `deny`.

    Raises
    ------
    UsageError
        If a list is one text or a mapping, or holds what is neither text nor an integer. Ids that the catalogue has not
        are ignored: they could not be shown anyway.
    """
    allowed = model.allows(as_categories(categories))
    only = None if allow is None else _places(model, allow, "allow_items")
    denied = _places(model, deny, "deny_items")
    barred = _slots(model, denied)
    if not allowed.all():
        barred = np.concatenate([barred, model.guarded[~allowed[model.sensitive[model.places[model.guarded]]]]])
    return Offer(
        allowed=allowed,
        row_base=_lowered(model, barred, only),
        by_popularity=model.by_popularity if only is None else _ordered(only, model.popularity),
        tail=model.tail if only is None else _ordered(only[model.slot[only] < 0], model.base),
        denied=frozenset(denied.tolist()),
    )


def _lowered(model: ItemModel, barred: NDArray[np.intp], only: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """The base of the rows, minus infinity for the barred rows and for all that are not on the list."""
    if only is None and not len(barred):
        return model.row_base
    lowered = model.row_base.copy()
    if only is not None:
        kept = _slots(model, only)
        lowered[:] = -np.inf
        lowered[kept] = model.row_base[kept]
    lowered[barred] = -np.inf
    return lowered


def _slots(model: ItemModel, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of those items that have one."""
    slots = model.slot[places]
    return slots[slots >= 0]


def _ordered(places: NDArray[np.intp], values: NDArray[np.float32]) -> NDArray[np.intp]:
    """The items by falling value, ties in catalogue order."""
    return places[np.argsort(-values[places], kind="stable")]


def _places(model: ItemModel, items: Iterable[object], name: str) -> NDArray[np.intp]:
    """Catalogue positions of a list of ids, rising."""
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise _bad_list(name, f"it was a {type(items).__name__}")
    places = set()
    for item in items:
        item_id = as_id(item)
        if item_id is None:
            raise _bad_list(name, "it holds something else")
        places.add(model.position.get(item_id, -1))
    return np.array(sorted(places - {-1}), dtype=np.intp)


def _bad_list(name: str, given: str) -> UsageError:
    """The error for what is no list of ids; an id of another type would be left out unnoticed."""
    return UsageError(
        f"{name} is a list of item ids, text or integers", given=given, do='Pass a list, such as ["a", "b"]'
    )
