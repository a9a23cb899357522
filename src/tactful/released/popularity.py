"""The list that is the same for everybody: items by released popularity."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemPopularity
from tactful.released.model import ReleasedModel


class PopularityRecommender(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Ranks items by released popularity; knows no taste.

    Attributes
    ----------
    model_ : ReleasedModel
        After `fit`.
    """

    model_: ReleasedModel

    def fit(self, popularity: ItemPopularity) -> Self:
        """Take over the released popularity; post-processing, costs nothing."""
        nothing = np.zeros((0, 0))
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=popularity.values,
            head=np.zeros(0, dtype=np.int64),
            encoder=nothing,
            decoder=nothing,
            noise=popularity.noise,
        )
        return self
