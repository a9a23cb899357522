"""What every model fitted from released statistics comes down to: item-side arrays that `tactful.scoring` serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.catalogue import Catalogue
from tactful.privacy.statistics import Noise
from tactful.scoring.artifact import write_artifact

HISTORY_NORM = 0.5  # a history of m items is weighted by m^-½, so that scores of short and long histories compare


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DescribedItems:
    """Items of a wide catalogue whose rows follow from their features: row = size · Σ value · term.

    Attributes
    ----------
    items : int array of shape (n,), catalogue positions outside the head
    sizes : float array of shape (n,), at least 0
    features : int16 array of shape (most, n)
        The features of each item, 0 being a constant; what is left over has the value 0.
    values : float32 array of shape (most, n)
    encoder, decoder : float arrays of shape (n_features, rank)
        The terms.
    """

    items: NDArray[np.int64]
    sizes: NDArray[np.float64]
    features: NDArray[np.int16]
    values: NDArray[np.float32]
    encoder: NDArray[np.float64]
    decoder: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"DescribedItems({len(self.items)} items, {len(self.encoder)} features)"

    @property
    def table(self) -> csr_array:
        """Size times value, of shape (n, n_features): what is multiplied with the terms to get the rows."""
        most, count = self.features.shape
        values = (self.values * self.sizes).T.ravel()
        starts = np.arange(0, most * count + 1, most)
        return csr_array((values, self.features.T.ravel().astype(np.int32), starts), shape=(count, len(self.encoder)))

    @property
    def served(self) -> DescribedItems:
        """The same from the 32 bits that are served."""
        encoder, decoder = (part.astype(np.float32).astype(np.float64) for part in (self.encoder, self.decoder))
        return replace(self, sizes=self.sizes.astype(np.float32).astype(np.float64), encoder=encoder, decoder=decoder)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As they are served, see `tactful.scoring.described`."""
        return {
            "described": self.items.astype(np.int32),
            "described_sizes": self.sizes.astype(np.float32),
            "described_features": self.features,
            "described_values": self.values,
            "feature_encoder": self.encoder.astype(np.float32),
            "feature_decoder": self.decoder.astype(np.float32),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedModel:
    """A recommender as item-side arrays; no array has a row for a person.

    The score of item j for a history of m known head items is ``base[j] + m^-½ Σ ⟨encoder[i], decoder[j]⟩``, and
    ``base[j]`` for items outside the head. Described items have such rows, too, which are made when they are needed.

    Attributes
    ----------
    popularity : float array of shape (n_items,)
        Scores of the list that is the same for everybody.
    base : float array of shape (n_items,)
    head : int array of shape (n_head,), catalogue positions
    encoder, decoder : float arrays of shape (n_head, rank)
    noise : {"system", "reproducible"}
    bonus : float array of shape (n_items,), at least 0, or None
        Added to the base of each item, to lift what is seen less than was declared (`tactful.released.exposure`).
    described : DescribedItems or None
        Items outside the head that have rows without having an array of them.
    """

    popularity: NDArray[np.float64]
    base: NDArray[np.float64]
    head: NDArray[np.int64]
    encoder: NDArray[np.float64]
    decoder: NDArray[np.float64]
    noise: Noise
    bonus: NDArray[np.float64] | None = None
    described: DescribedItems | None = None

    @property
    def lifted_base(self) -> NDArray[np.float32]:
        """Base and bonus together, in the 32 bits that are served."""
        base: NDArray[np.float32] = self.base.astype(np.float32)
        return base if self.bonus is None else base + self.bonus.astype(np.float32)

    @property
    def rank(self) -> int:
        """How many directions of taste stood out from the noise."""
        return int(self.encoder.shape[1])

    @property
    def reached(self) -> int:
        """How many items taste can recommend; all others are known by their popularity alone."""
        return len(self.head) + (0 if self.described is None else len(self.described.items))

    def write(
        self,
        folder: Path,
        *,
        catalogue: Catalogue,
        sensitive: tuple[tuple[str, ...], ...],
        meta: Mapping[str, Any],
    ) -> str:
        """Write the artifact that `tactful.scoring` serves and return the digest of its manifest.

        Parameters
        ----------
        sensitive : tuple of tuple of str
            For each catalogue item its sensitive categories.
        meta : mapping
            Public facts to keep beside the arrays: the model's name, ε, δ.
        """
        bundles = sorted({bundle for bundle in sensitive if bundle})
        code = {bundle: position + 1 for position, bundle in enumerate(bundles)}
        arrays: dict[str, NDArray[Any]] = {
            "item_ids": catalogue.item_ids,
            "titles": catalogue.titles,
            "popularity": self.popularity.astype(np.float32),
            "base": self.base.astype(np.float32),
            "head": self.head.astype(np.int32),
            "encoder": self.encoder.astype(np.float32),
            "decoder": self.decoder.astype(np.float32),
            "sensitive": np.array([code.get(bundle, 0) for bundle in sensitive], dtype=np.int16),
        }
        if self.bonus is not None:
            arrays["bonus"] = self.bonus.astype(np.float32)
        if self.described is not None:
            arrays |= self.described.arrays()
        facts = {
            **meta,
            "noise": self.noise,
            "history_norm": HISTORY_NORM,
            "sensitive_bundles": [list(b) for b in bundles],
        }
        return write_artifact(folder, arrays, meta=facts)
