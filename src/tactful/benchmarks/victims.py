"""The models under attack: one as tactful releases it, the same without noise, and implicit's ALS.

Each is a function from the people who are kept to the scores that order the lists it gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.benchmarks.worlds import World
from tactful.errors import MissingExtraError
from tactful.planning import Planned
from tactful.privacy.attacker import Rehearsal, Silence
from tactful.privacy.noise import NoiseSource, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.released.model import HISTORY_NORM, ReleasedModel
from tactful.released.spectral import SpectralRecommender

FACTORS, ITERATIONS = 64, 15  # of ALS; the rest is implicit's default

Victim = Callable[[NDArray[np.bool_], scipy.sparse.csr_array, int], NDArray[np.floating]]
"""From the people kept, the histories asked about and a seed to scores of shape (n_histories, n_items)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victims:
    """Models of one world under one plan.

    Attributes
    ----------
    world : World
    planned : Planned
        Whose noise, head rule and thresholds the two models of tactful have.
    """

    world: World
    planned: Planned

    def by_name(self) -> dict[str, Victim]:
        """Every kind of model.

        Raises
        ------
        MissingExtraError
            If implicit is not installed.
        """
        _implicit()
        return {
            "private": lambda kept, shown, _: as_served(self.released(kept, SystemNoise()), shown),
            "without noise": lambda kept, shown, _: as_served(self.released(kept, Silence()), shown),
            "als": self.als,
        }

    def released(self, kept: NDArray[np.bool_], noise: NoiseSource) -> ReleasedModel:
        """The model that a run would release about these people."""
        bounded = self.world.bounded(kept)
        door = PrivateRelease(ledger=Rehearsal(), run="shadow", plan=self.planned.plan, noise=noise)
        people, popularity = door.people(bounded), door.popularity(bounded)
        head = self.planned.head(popularity, people)
        return SpectralRecommender().fit(door.gram(bounded, head), popularity).model_

    def als(self, kept: NDArray[np.bool_], shown: scipy.sparse.csr_array, seed: int) -> NDArray[np.floating]:
        """Scores of implicit's ALS with the histories folded in."""
        model = _implicit().AlternatingLeastSquares(
            factors=FACTORS, iterations=ITERATIONS, num_threads=1, random_state=seed
        )
        model.fit(_for_implicit(self.world.bounded(kept).user_items), show_progress=False)
        people = model.recalculate_user(np.arange(shown.shape[0]), _for_implicit(shown))
        scores: NDArray[np.floating] = people @ model.item_factors.T
        return scores


def _implicit() -> Any:
    """The module of implicit's ALS, which takes a second to import."""
    try:
        from implicit import als
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "`tactful benchmark membership`", extra="benchmark", missing=missing.name or "implicit"
        ) from missing
    return als


def as_served(model: ReleasedModel, shown: scipy.sparse.csr_array) -> NDArray[np.float64]:
    """The scores by which `tactful.scoring` orders the whole catalogue for each history, in the artifact's 32 bits."""
    n_items, known = len(model.base), np.zeros((len(model.base), 1))
    encoder, decoder = (np.zeros((n_items, model.rank)) for _ in range(2))
    encoder[model.head], decoder[model.head] = model.encoder.astype(np.float32), model.decoder.astype(np.float32)
    known[model.head] = 1
    counts = shown @ known
    taste = (shown @ encoder) * np.maximum(counts, 1) ** -HISTORY_NORM
    popular = np.broadcast_to(model.popularity.astype(np.float32), (shown.shape[0], n_items))
    personal = taste @ decoder.T + model.base.astype(np.float32)
    return np.where(counts > 0, personal, popular)


def _for_implicit(rows: scipy.sparse.csr_array) -> scipy.sparse.csr_matrix:
    """The rows in the only type that implicit takes."""
    return scipy.sparse.csr_matrix(
        (rows.data.astype(np.float32), rows.indices.copy(), rows.indptr.astype(np.int32)), shape=rows.shape
    )
