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

from tactful.benchmarks.peers import for_implicit, implicit
from tactful.benchmarks.served import as_served
from tactful.benchmarks.worlds import World
from tactful.fitting import fit_released
from tactful.planning import Planned
from tactful.privacy.attacker import Rehearsal, Silence
from tactful.privacy.noise import NoiseSource, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.released.model import ReleasedModel

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
        return fit_released(door, bounded, self.planned, door.people(bounded)).model

    def als(self, kept: NDArray[np.bool_], shown: scipy.sparse.csr_array, seed: int) -> NDArray[np.floating]:
        """Scores of implicit's ALS with the histories folded in."""
        model = _implicit().AlternatingLeastSquares(
            factors=FACTORS, iterations=ITERATIONS, num_threads=1, random_state=seed
        )
        model.fit(for_implicit(self.world.bounded(kept).user_items), show_progress=False)
        people = model.recalculate_user(np.arange(shown.shape[0]), for_implicit(shown))
        scores: NDArray[np.floating] = people @ model.item_factors.T
        return scores


def _implicit() -> Any:
    """The module of implicit's ALS, which takes a second to import."""
    return implicit("als", command="`tactful benchmark membership`")
