"""What a training run does for groups where mitigation is switched on: people weighed, lists moved, items lifted.

Row weights are in the bounded rows (`tactful.personal.weights`), and rules of a fit that ask how many people there are
get `PeopleCount.weighted`; minimums and δ never do. Attributes open here for training people, only for those who agreed
to ``fairness.mitigation``, and only to weigh them; no model has them, and nothing asks for them when scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from tactful.assurance.item_groups import ItemGroups
from tactful.assurance.report_mitigation import MitigationFacts
from tactful.catalogue import Catalogue
from tactful.config import ExposureSection, FairnessSection
from tactful.errors import ConfigError, counted
from tactful.fitting import Fitted, fit_released
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.weights import Leaning, RowWeights
from tactful.planning import Planned
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery, ItemGram, ItemLeaning, ItemPopularity, PeopleCount
from tactful.released.exposure import toward_group, toward_targets, usual_length
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel

ADVICE = (
    (
        "Let training people of large groups count less (under fairness.mitigation, method weights): it helps a small "
        "group whose taste is drowned by the others, where many people train, and costs quality where few do"
    ),
    (
        "Move lists toward what one group uses more (method favour): it narrows gaps mostly by serving the others less "
        "well, so look at the worst-served group itself"
    ),
    "Try both on public data with “tactful benchmark mitigation” before people pay for it",
)
"""What a reader may try against a gap."""
_NOT_COMPARED = (
    (
        "This run was not made a second time without it, which would cost as much privacy again: how much it changed "
        "is not measured here. “tactful benchmark mitigation” measures it on public data."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation:
    """What the settings ask to be done for groups.

    Attributes
    ----------
    weights : RowWeights or None
        How much training people of each group count.
    leaning : Leaning or None
        Toward whom lists are moved.
    cost : float in (0, 1]
        Of that, see `tactful.released.exposure`.
    exposure : ExposureSection or None
        Which groups of items are lifted.
    """

    weights: RowWeights | None = None
    leaning: Leaning | None = None
    cost: float = 1.0
    exposure: ExposureSection | None = None

    @classmethod
    def of(cls, fairness: FairnessSection) -> Mitigation:
        """What this section asks for, nothing included.

        Raises
        ------
        ConfigError
            If a level has no share or no weight, or is not declared.
        """
        asked = fairness.mitigation
        if asked is None:
            return cls(exposure=fairness.exposure)
        spec = AttributeSpec(name=asked.attribute, levels=fairness.attributes[asked.attribute].levels)
        if asked.favour is not None:
            return cls(leaning=Leaning.of(spec, asked.favour, asked.shares), cost=asked.cost)
        weights = RowWeights.of(spec, asked.shares, floor=asked.floor, weights=asked.weights)
        return cls(weights=weights, exposure=fairness.exposure)

    def check(self, catalogue: Catalogue) -> None:
        """Raise `ConfigError` unless the catalogue has the groups of items that are to be lifted."""
        if self.exposure is not None:
            groups = ItemGroups.of(catalogue, self.exposure.column, tuple(self.exposure.targets))
            empty = [name for name in self.exposure.targets if not groups.catalogue_shares[name]]
            if empty or sum(self.exposure.targets.values()) > 1:
                raise ConfigError(
                    "targets are for groups that have items, and add up to at most 1",
                    given=f"nothing is {', '.join(empty)}" if empty else f"{sum(self.exposure.targets.values()):g}",
                    do=f"Correct the targets of {self.exposure.column} under [fairness.exposure]",
                )

    def bound(
        self,
        consented: ConsentedInteractions,
        *,
        max_items: int,
        gate: ConsentGate,
        demographics: Demographics | None,
        as_of: datetime | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> BoundedInteractions:
        """What each training person adds, weighed by their group where that was asked for.

        `say` hears how many people agreed to that, exactly: it is for the operator's terminal.

        Notes
        -----
        **Privacy.** *Reads* admitted rows; attributes of training people who agreed to ``fairness.mitigation``.
        *Returns* bounded rows behind a closed door. *Costs* nothing; nobody counts more than whole, so no release
        becomes more sensitive. *Assumes* what `bound` does.
        """
        asked = self.weights or self.leaning
        if asked is None or demographics is None:
            return bound(consented, max_items=max_items)
        codes = demographics.training_groups(consented, gate, asked.spec, as_of=as_of)
        known = int(((codes >= 0) & (codes < len(asked.spec.levels))).sum())
        people = counted(known, "person", "people")
        say(f"{people} in a declared group agreed to be weighed by {asked.spec.name}")
        return bound(
            consented,
            max_items=max_items,
            weights=self.weights.of_people(codes) if self.weights else None,
            leanings=self.leaning.of_people(codes) if self.leaning else None,
        )

    def fit(
        self,
        door: PrivateRelease,
        bounded: BoundedInteractions,
        planned: Planned,
        people: PeopleCount,
        *,
        noisier: np.random.Generator | None = None,
    ) -> Fitted:
        """The model of `fit_released`, with what was asked for; parameters and cost in privacy are the same."""
        if self.leaning is not None:
            return fit_toward_group(door, bounded, planned, people, cost=self.cost, noisier=noisier)
        weighed = people.weighted(self.weights.mean) if self.weights else people
        fitted = fit_released(door, bounded, planned, weighed, noisier=noisier)
        return replace(
            fitted,
            model=self.lifted(fitted.model, bounded.catalogue, weighed),
            noisier=tuple(self.lifted(worse, bounded.catalogue, weighed) for worse in fitted.noisier),
        )

    def lifted(self, model: ReleasedModel, catalogue: Catalogue, people: PeopleCount) -> ReleasedModel:
        """The model, items of the declared groups lifted; the same one if none are declared."""
        if self.exposure is None:
            return model
        return toward_targets(
            model,
            catalogue.features[self.exposure.column],
            self.exposure.targets,
            cost=self.exposure.cost,
            length=usual_length(model.popularity, people),
        ).model

    @property
    def told(self) -> MitigationFacts | None:
        """What was done, for the report; None if nothing was."""
        done = [*self._weighed(), *self._moved(), *self._lifted()]
        if not done:
            return None
        return MitigationFacts(method=" ".join(done), measured_on="What was done in this run", notes=_NOT_COMPARED)

    def _weighed(self) -> Iterator[str]:
        """The row weights in words."""
        if self.weights is not None:
            each = ", ".join(f"“{name}” {weight:.2f}" for name, weight in self.weights.by_group.items())
            yield (
                f"Training people count by their {self.weights.spec.name}: {each}; everybody else, and whoever did not "
                f"agree to that, {self.weights.mean:.2f}. The fewer agree, the less it moves."
            )

    def _moved(self) -> Iterator[str]:
        """The leaning in words."""
        if self.leaning is not None:
            favoured = self.leaning.spec.levels[int(np.argmax(self.leaning.units))]
            yield (
                f"Lists are moved toward what “{favoured}” of {self.leaning.spec.name} uses more than others, as far "
                f"as people agreed to that; a usual list loses at most {self.cost:.0%} of what the model expects of it."
            )

    def _lifted(self) -> Iterator[str]:
        """The lifted items in words."""
        if self.exposure is not None:
            each = ", ".join(f"“{name}” {share:.0%}" for name, share in self.exposure.targets.items())
            yield (
                f"Items of {self.exposure.column} that are shown too little are lifted toward {each} of the places; a "
                f"usual list loses at most {self.exposure.cost:.0%} of what the model expects of it."
            )


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

    return replace(fitted, model=lifted(fitted.model), noisier=tuple(map(lifted, fitted.noisier)))
