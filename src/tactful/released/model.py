"""What every model fitted from released statistics comes down to: item-side arrays that `tactful.scoring` serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.privacy.statistics import Noise
from tactful.scoring.artifact import write_artifact

HISTORY_NORM = 0.5  # a history of m items is weighted by m^-½, so that scores of short and long histories compare


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedModel:
    """A recommender as item-side arrays; no array has a row for a person.

    The score of item j for a history of m known head items is ``base[j] + m^-½ Σ ⟨encoder[i], decoder[j]⟩``, and
    ``base[j]`` for items outside the head.

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
    """

    popularity: NDArray[np.float64]
    base: NDArray[np.float64]
    head: NDArray[np.int64]
    encoder: NDArray[np.float64]
    decoder: NDArray[np.float64]
    noise: Noise
    bonus: NDArray[np.float64] | None = None

    @property
    def lifted_base(self) -> NDArray[np.float32]:
        """Base and bonus together, in the 32 bits that are served."""
        base: NDArray[np.float32] = self.base.astype(np.float32)
        return base if self.bonus is None else base + self.bonus.astype(np.float32)

    @property
    def rank(self) -> int:
        """How many directions of taste stood out from the noise."""
        return int(self.encoder.shape[1])

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
        facts = {
            **meta,
            "noise": self.noise,
            "history_norm": HISTORY_NORM,
            "sensitive_bundles": [list(b) for b in bundles],
        }
        return write_artifact(folder, arrays, meta=facts)
