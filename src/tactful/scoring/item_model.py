"""The arrays of a recommender, checked against each other, and the sums they stand for.

The file is longer than most: what may be in an artifact, and what is checked of it, is in one place.

For a history with m items in the head, each of weight w = m^-history_norm, the score of item j is
``base[j] + Σ w·⟨encoder[i], decoder[j]⟩`` over those items i; for an item outside the head it is ``base[j]``.

Where a caller weighs the items by a₁ … a_m, item i has the weight w = aᵢ / Σa · k^(1 - history_norm), k = (Σa)² / Σa²
being how many equally weighted items say as much (Kish 1965, section 11.7). So equal weights are m^-history_norm each,
only ratios matter, and an item whose weight goes to 0 leaves the sum without a jump; for a norm of ½ w is a / ‖a‖₂.

An artifact may hold a ``bonus`` an item, never below 0, which is added to its base: items of groups that are seen less
than was declared are lifted (`tactful.released.exposure`). The list that is the same for everybody has no bonus.

Of a wide catalogue most items may have no row in the factors, but one that follows from their features
(`tactful.scoring.described`). Where this file says *row*, it means either: those of the head first, then the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ModelRefusedError, counted
from tactful.scoring import described
from tactful.scoring.artifact import Artifact
from tactful.scoring.described import Described

_KINDS = {
    "item_ids": ("U", 1),
    "titles": ("U", 1),
    "popularity": ("f4", 1),
    "base": ("f4", 1),
    "head": ("i4", 1),
    "encoder": ("f4", 2),
    "decoder": ("f4", 2),
    "sensitive": ("i2", 1),
}
_OPTIONAL = {"bonus": ("f4", 1)}
_LARGEST_SCORE = 1e30  # scores and their sums must stay finite in 32 bits
_ROWS = 1024


class Finder(Protocol):
    """Finds rows behind those of the head that probably score highest for a taste, without a look at every one."""

    @property
    def recall(self) -> float:
        """Of what is best, the share that it finds."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""

    def find(self, taste: NDArray[np.float64]) -> NDArray[np.intp]:
        """Rows, none twice; of described items."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class ItemModel:
    """Everything a score is made of. It holds nothing about any person; all arrays are read-only.

    Attributes
    ----------
    position : mapping of str to int
        Catalogue position of each item id.
    item_ids : tuple of str
    titles : text array of shape (n_items,)
    popularity, base : float32 arrays of shape (n_items,)
        The base has the bonus in it.
    head : int array of shape (n_head,)
        Catalogue positions of the rows of the two factors.
    encoder, decoder : float32 arrays of shape (n_head, rank)
    described : Described or None
        Items whose rows follow from their features.
    places : int array of shape (n_rows,)
        Catalogue positions of all rows, those of the head and of described items.
    slot : int array of shape (n_items,)
        Row of each item; -1 where it has none.
    sensitive : int array of shape (n_items,)
        0, or the number of a bundle.
    bundles : tuple of frozenset of str
        Categories of the bundles 1, 2, …; an item needs all of its bundle to be allowed.
    history_norm : float
    by_popularity, tail : int arrays
        All items by falling popularity, and those without a row by falling base; ties in catalogue order.
    row_base : float32 array of shape (n_rows,)
    guarded : int array
        Rows whose items are in a bundle, rising.
    largest_row, largest_base : float
        Norm of the longest row of the decoder (of what described items are summed up from, see `Described`), and the
        largest magnitude in `row_base`.
    finder : Finder or None
        What finds likely rows without looking at all, where a service asked for it
        (`tactful.scoring.candidate_index`).
    """

    position: Mapping[str, int]
    item_ids: tuple[str, ...]
    titles: NDArray[np.str_]
    popularity: NDArray[np.float32]
    base: NDArray[np.float32]
    head: NDArray[np.intp]
    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    described: Described | None
    places: NDArray[np.intp]
    slot: NDArray[np.intp]
    sensitive: NDArray[np.intp]
    bundles: tuple[frozenset[str], ...]
    history_norm: float
    by_popularity: NDArray[np.intp]
    tail: NDArray[np.intp]
    row_base: NDArray[np.float32]
    guarded: NDArray[np.intp]
    largest_row: float
    largest_base: float
    finder: Finder | None = None

    def __len__(self) -> int:
        return len(self.item_ids)

    def __repr__(self) -> str:
        more = f", {len(self.described)} described" if self.described else ""
        return f"ItemModel({counted(len(self), 'item')}, {len(self.head)} in the head{more}, rank {self.rank})"

    @property
    def rank(self) -> int:
        """How many directions of taste there are."""
        return int(self.decoder.shape[1])

    @classmethod
    def of(cls, artifact: Artifact) -> ItemModel:
        """The model in an artifact whose bytes were checked.

        Raises
        ------
        ModelRefusedError
            If an array is missing, of another type, or does not fit the others.
        """
        arrays = _typed(artifact.arrays)
        bundles, history_norm = _settings(artifact.meta)
        beyond = _described(arrays)
        largest_row = _check_fit(arrays, len(bundles), beyond)
        if "bonus" in arrays:
            arrays["base"] = arrays["base"] + arrays.pop("bonus")
            arrays["base"].flags.writeable = False
        position = _positions(arrays.pop("item_ids"))
        head, base = arrays["head"].astype(np.intp), arrays["base"]
        places = head if beyond is None else np.concatenate([head, beyond.items])
        slot = np.full(len(base), -1, dtype=np.intp)
        slot[places] = np.arange(len(places))
        outside = np.flatnonzero(slot < 0)
        derived = {
            "head": head,
            "places": places,
            "slot": slot,
            "sensitive": arrays["sensitive"].astype(np.intp),
            "by_popularity": np.argsort(-arrays["popularity"], kind="stable"),
            "tail": outside[np.argsort(-base[outside], kind="stable")],
            "row_base": base[places],
            "guarded": np.flatnonzero(arrays["sensitive"][places]),
        }
        for array in derived.values():
            array.flags.writeable = False
        return cls(
            **(arrays | derived),
            item_ids=tuple(position),
            position=position,
            bundles=bundles,
            history_norm=history_norm,
            largest_row=largest_row,
            largest_base=float(np.abs(base[places]).max(initial=0.0)),
            described=beyond,
        )

    def allows(self, categories: Collection[str]) -> NDArray[np.bool_]:
        """For "no bundle" and each bundle, whether these categories allow its items."""
        return np.array([True, *(bundle <= frozenset(categories) for bundle in self.bundles)])

    def weights(self, count: int, ratios: NDArray[np.float64] | None = None) -> float | NDArray[np.float64]:
        """What each of `count` items of a history counts: all the same, or by the ratios of the caller's weights."""
        if ratios is None:
            return float(count**-self.history_norm)
        total = float(ratios.sum())
        alike: float = total**2 / float(np.square(ratios).sum())
        weighed: NDArray[np.float64] = ratios * (alike ** (1 - self.history_norm) / total)
        return weighed

    def rows_in(self, slots: NDArray[np.intp]) -> NDArray[Any]:
        """What these rows add to a taste; in 64 bits if one of them is a described item's."""
        if self.described is None:
            return self.encoder.take(slots, axis=0)
        return _mixed(self.encoder, slots, self.described.rows_in)

    def rows_out(self, slots: NDArray[np.intp]) -> NDArray[Any]:
        """What a taste is multiplied with to score these rows; in 64 bits if one of them is a described item's."""
        if self.described is None:
            return self.decoder.take(slots, axis=0)
        return _mixed(self.decoder, slots, self.described.rows_out)

    def rough(self, taste: NDArray[np.float64]) -> NDArray[np.float32]:
        """What this taste adds to the score of each row, in 32 bits."""
        found: NDArray[np.float32] = np.dot(self.decoder, taste.astype(np.float32))
        return found if self.described is None else np.concatenate([found, self.described.scores(taste)])

    def taste(self, slots: NDArray[np.intp], ratios: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The sum of what the items of a history say, of shape (rank,). It lives as long as the call."""
        rows, weights = self.rows_in(slots), self.weights(len(slots), ratios)
        summed: NDArray[np.float64]
        if isinstance(weights, float):
            summed = np.add.reduce(rows, axis=0, dtype=np.float64)
            summed *= weights
        else:
            summed = np.add.reduce(rows * weights[:, None], axis=0)
        return summed

    def contributions(
        self, slots: NDArray[np.intp], position: int, ratios: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """What each item of a history adds to the score of one item, of shape (len(slots),)."""
        target = self.slot[position]
        if target < 0:
            return np.zeros(len(slots))
        products = self.rows_in(slots).astype(np.float64) * self.rows_out(self.slot[position : position + 1])[0]
        added: NDArray[np.float64] = products.sum(axis=1) * self.weights(len(slots), ratios)
        return added


def _mixed(
    factors: NDArray[np.float32], slots: NDArray[np.intp], beyond: Callable[[NDArray[np.intp]], NDArray[np.float64]]
) -> NDArray[Any]:
    """Rows of the factors, and those of described items behind them."""
    own = slots < len(factors)
    if own.all():
        return factors.take(slots, axis=0)
    rows = np.empty((len(slots), factors.shape[1]))
    rows[own] = factors.take(slots[own], axis=0)
    rows[~own] = beyond(slots[~own] - len(factors))
    return rows


def _refused(what: str) -> ModelRefusedError:
    """The refusal of an artifact that is whole but no recommender."""
    return ModelRefusedError(
        "the arrays of a model must fit each other", given=what, do="Train the model again with this version of tactful"
    )


def _typed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays, all there, none more, each of its type."""
    kinds = _KINDS | {name: kind for name, kind in _OPTIONAL.items() if name in arrays}
    kinds |= described.KINDS if set(described.KINDS) & set(arrays) else {}
    if set(arrays) != set(kinds):
        raise _refused(f"these are missing or not known: {', '.join(sorted(set(arrays) ^ set(kinds)))}")
    for name, (kind, dimensions) in kinds.items():
        array = arrays[name]
        if not array.dtype.str.startswith("<" + kind) or array.ndim != dimensions:
            raise _refused(f"{name}.npy has the type {array.dtype} in {counted(array.ndim, 'dimension')}")
    return dict(arrays)


def _settings(meta: Mapping[str, Any]) -> tuple[tuple[frozenset[str], ...], float]:
    """The sensitive bundles and the norm of a history."""
    bundles, norm = meta.get("sensitive_bundles"), meta.get("history_norm")
    if not isinstance(bundles, list) or not all(_is_bundle(bundle) for bundle in bundles):
        raise _refused("sensitive_bundles is no list of lists of categories")
    if isinstance(norm, bool) or not isinstance(norm, int | float) or not 0 <= norm <= 1:
        raise _refused("history_norm is not between 0 and 1")
    return tuple(frozenset(bundle) for bundle in bundles), float(norm)


def _is_bundle(bundle: Any) -> bool:
    """Whether this is a list of at least one category; an empty one would allow everything."""
    return isinstance(bundle, list) and bool(bundle) and all(isinstance(c, str) and c for c in bundle)


def _described(arrays: dict[str, NDArray[Any]]) -> Described | None:
    """The described items, taken out of the arrays; None if there are none."""
    if "described" not in arrays:
        return None
    wrong = described.problem(arrays, n_items=len(arrays["base"]), rank=arrays["decoder"].shape[1])
    if wrong:
        raise _refused(wrong)
    return Described.of({name: arrays.pop(name) for name in described.KINDS})


def _check_fit(arrays: Mapping[str, NDArray[Any]], bundles: int, beyond: Described | None) -> float:
    """The norm of the longest row of the decoder, if shapes agree, indices point somewhere, and no score overflows."""
    n_items, n_head = len(arrays["item_ids"]), len(arrays["head"])
    per_item = {"titles", "popularity", "base", "sensitive", "bonus"} & set(arrays)
    if not n_items or any(len(arrays[name]) != n_items for name in per_item):
        raise _refused("the arrays that have one entry an item are not equally long")
    if arrays["encoder"].shape != arrays["decoder"].shape or len(arrays["encoder"]) != n_head:
        raise _refused("encoder and decoder have not one row for each item of the head")
    head, sensitive = arrays["head"], arrays["sensitive"]
    if n_head and (head.min() < 0 or head.max() >= n_items or len(np.unique(head)) < n_head):
        raise _refused("the head names an item twice, or one that is not there")
    if sensitive.min() < 0 or sensitive.max() > bundles:
        raise _refused("an item is in a sensitive bundle that is not declared")
    bonus = arrays.get("bonus", np.zeros(1, dtype=np.float32))
    if bonus.min() < 0:
        raise _refused("a bonus is below 0")
    largest_row = max(_largest_row(arrays["decoder"]), beyond.largest_out if beyond else 0.0)
    largest_in = max(_largest_row(arrays["encoder"]), beyond.largest_in if beyond else 0.0)
    largest_part = max(largest_row, beyond.largest_part if beyond else 0.0)
    product = (n_head + (len(beyond) if beyond else 0)) * largest_in * largest_part + float(bonus.max())
    if not product + float(np.abs(arrays["base"]).max()) < _LARGEST_SCORE:
        raise _refused("the factors are so large that scores would not be finite")
    return largest_row


def _largest_row(factors: NDArray[np.float32]) -> float:
    """Norm of the longest row; 0 without rows. Some rows at a time: their squares in 64 bits stay in the cache."""
    starts = range(0, len(factors), _ROWS)
    blocks = (factors[start : start + _ROWS].astype(np.float64) for start in starts)
    return math.sqrt(max((float(np.einsum("ij,ij->i", rows, rows).max()) for rows in blocks), default=0.0))


def _positions(item_ids: NDArray[np.str_]) -> dict[str, int]:
    """Catalogue position by id."""
    position = {item_id: index for index, item_id in enumerate(item_ids.tolist())}
    if len(position) < len(item_ids) or "" in position:
        raise _refused("item ids are empty or repeated")
    return position
