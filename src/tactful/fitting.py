"""From the door to a model: what a training run does once it has paid, and what every measurement of it repeats.

One function, so that a benchmark measures what a run would register and nothing that resembles it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.personal.bounding import BoundedInteractions
from tactful.planning import Planned
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import ItemGram, ItemPopularity, PeopleCount
from tactful.released.gram_recommender import GramRecommender
from tactful.released.histories import gram_query
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel
from tactful.released.noisier import noisier_gram, noisier_popularity

DRAWS = 3
"""How often more noise is drawn, where its cost is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model, and what it was fitted on.

    Attributes
    ----------
    model : ReleasedModel
    head : int array of shape (n_head,)
        Catalogue positions of the items that the Gram was about; the model's own head is empty if no taste stood out.
    features : tuple of str
        Columns of the catalogue that taste was learned with.
    noisier : tuple of ReleasedModel
        What the same releases would have made with twice the variance of noise, a few draws; empty if nobody asked.
    """

    model: ReleasedModel
    head: NDArray[np.int64]
    features: tuple[str, ...] = ()
    noisier: tuple[ReleasedModel, ...] = ()


def fit_released(
    door: PrivateRelease,
    bounded: BoundedInteractions,
    planned: Planned,
    people: PeopleCount,
    *,
    noisier: np.random.Generator | None = None,
) -> Fitted:
    """The model that `tactful train` makes of these people: popularity and Gram released, the estimator fitted to them.

    What the catalogue says of its items is used with them: it is public.

    Parameters
    ----------
    door : PrivateRelease
        Made for `planned`.
    bounded : BoundedInteractions
    planned : Planned
        Whose rule chooses the head.
    people : PeopleCount
        Released through the same door.
    noisier : numpy Generator, optional
        Source of more noise for worse models, from which the cost of noise is read.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands bounded rows to the door. *Returns* what was fitted from released values.
    *Costs* the events ``popularity`` and ``gram``. *Assumes* what `tactful.privacy.release` says.
    """
    popularity = door.popularity(bounded)
    head = planned.head(popularity, people)
    gram = door.gram(bounded, gram_query(popularity, people, head))
    features = ItemFeatures.of(bounded.catalogue)
    model = GramRecommender().fit(gram, popularity, people, features).model_
    worse = [_noisier(gram, popularity, people, features, noisier) for _ in range(DRAWS)] if noisier else []
    return Fitted(model=model, head=head, features=features.columns, noisier=tuple(worse))


def _noisier(
    gram: ItemGram,
    popularity: ItemPopularity,
    people: PeopleCount,
    features: ItemFeatures,
    rng: np.random.Generator,
) -> ReleasedModel:
    """What the same releases would have made with twice the variance of noise: one draw."""
    more = noisier_gram(gram, rng), noisier_popularity(popularity, rng)
    return GramRecommender().fit(*more, people, features).model_
