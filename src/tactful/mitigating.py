"""A model that was fitted with an eye to one group: what a training run does where mitigation is switched on.

Row weights need nothing here: they are in the bounded rows (`tactful.personal.weights`), and rules that ask how many
people there are get `PeopleCount.weighted`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tactful.fitting import Fitted, fit_released
from tactful.personal.bounding import BoundedInteractions
from tactful.planning import Planned
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery, ItemGram, ItemLeaning, ItemPopularity, PeopleCount
from tactful.released.exposure import toward_group
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel


class _Listening:
    """A door at which popularity comes with a group's leaning, which is kept for later."""

    def __init__(self, door: PrivateRelease) -> None:
        self._door = door

    popular: ItemPopularity
    leaning: ItemLeaning

    def popularity(self, bounded: BoundedInteractions) -> ItemPopularity:
        """As `PrivateRelease.popularity`, at nine tenths of the norm."""
        self.popular, self.leaning = self._door.popularity_and_leaning(bounded)
        return self.popular

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        """As `PrivateRelease.gram`."""
        return self._door.gram(bounded, query)


def fit_toward_group(
    door: PrivateRelease,
    bounded: BoundedInteractions,
    planned: Planned,
    people: PeopleCount,
    *,
    cost: float,
    noisier: np.random.Generator | None = None,
) -> Fitted:
    """The model of `fit_released` whose lists are moved to what one group uses more than others.

    Parameters
    ----------
    door : PrivateRelease
        Made for `planned`, whose popularity is planned for twice the items of a person.
    bounded : BoundedInteractions
        With leanings.
    planned : Planned
    people : PeopleCount
    cost : float in (0, 1]
        See `tactful.released.exposure`.
    noisier : numpy Generator, optional
        As for `fit_released`; the second model's lists are moved by the same rule.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands bounded rows to the door. *Returns* what was fitted from released values.
    *Costs* the events ``popularity`` and ``gram``, as without mitigation. *Assumes* what `tactful.privacy.release`
    says.
    """
    listening = _Listening(door)
    fitted = fit_released(
        listening,  # type: ignore[arg-type]  # asked for these two alone
        bounded,
        planned,
        people,
        noisier=noisier,
    )
    features = ItemFeatures.of(bounded.catalogue)

    def lifted(model: ReleasedModel) -> ReleasedModel:
        """The model with its bonus."""
        return toward_group(model, listening.leaning, listening.popular, people, features, cost=cost)

    return replace(fitted, model=lifted(fitted.model), noisier=fitted.noisier and lifted(fitted.noisier))
