"""What a run makes of the people it set aside: measured under the candidate, released, and judged.

Rows about them stay in the values between `hold_out` and `PrivateRelease`; what is judged is released.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.assessment import FairnessAssessment, Guessing
from tactful.assurance.evaluation import LIFT_CLIP, PersonMetrics, measure
from tactful.assurance.fairness import FairnessRule, assess
from tactful.assurance.guessing import guess_groups
from tactful.assurance.intervals import Estimate, overall_estimates
from tactful.assurance.item_groups import ItemGroups
from tactful.catalogue import Catalogue
from tactful.config import FairnessSection, TrainingConfig
from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, AttributeSpec, Demographics
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.halves import halves
from tactful.personal.keys import Keys
from tactful.personal.source import Tabular
from tactful.personal.split import EvaluationPeople, hold_out
from tactful.planning import Planned, groupings
from tactful.privacy.exposures import ListDesign, ListRows
from tactful.privacy.release import PrivateRelease
from tactful.scoring.artifact import Artifact

_Codes = Mapping[str, NDArray[np.int64]]
_Coverage = Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was released about evaluation people, and what follows from it.

    Attributes
    ----------
    estimates : mapping of str to Estimate
        Metrics over everybody.
    assessment : FairnessAssessment
    """

    estimates: Mapping[str, Estimate]
    assessment: FairnessAssessment

    @property
    def metrics(self) -> dict[str, float]:
        """The released metrics that have a value."""
        return {name: e.value for name, e in self.estimates.items() if e.value is not None}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Their intervals."""
        return {name: (e.interval.low, e.interval.high) for name, e in self.estimates.items()}

    @property
    def verdicts(self) -> dict[str, str]:
        """Rule to verdict."""
        return {name: verdict.status for name, verdict in self.assessment.verdicts.items()}

    @property
    def explanations(self) -> dict[str, str]:
        """Rule to why its verdict is what it is."""
        return {name: verdict.reason for name, verdict in self.assessment.verdicts.items()}


class Judge:
    """Who judges the candidates of one configuration. To make one reads headers and the catalogue, and no person.

    Parameters
    ----------
    settings : TrainingConfig
    planned : Planned
        Whose evaluation vector is released.
    catalogue : Catalogue
    gate : ConsentGate
        Who agreed to be assessed.
    keys : Keys
    attributes : str, Path, pyarrow.Table or pandas.DataFrame, optional
        The table of demographics, not read yet.

    Attributes
    ----------
    demographics : Demographics or None
        The declared attributes; None if there are none.

    Raises
    ------
    ConfigError
        If a column of items is not in the catalogue, or a rule asks for what its metric cannot say.
    SchemaError
        If a declared attribute is not in its table.
    """

    def __init__(
        self,
        settings: TrainingConfig,
        planned: Planned,
        *,
        catalogue: Catalogue,
        gate: ConsentGate,
        keys: Keys,
        attributes: Tabular | None,
    ) -> None:
        self._fairness: FairnessSection = settings.fairness
        self._planned, self._gate, self._keys = planned, gate, keys
        fairness = settings.fairness
        self._groupings = groupings(fairness)
        self._rules = [
            FairnessRule(name=r.name, attribute=r.attribute, metric=r.metric, statistic=r.statistic, bound=r.bound)
            for r in fairness.rules
        ]
        self._specs = [AttributeSpec(name=name, levels=s.levels) for name, s in fairness.attributes.items()]
        self._items = [ItemGroups.of(catalogue, column, s.levels) for column, s in fairness.items.items()]
        for groups in self._items:
            _check(groups)
        self._category = ItemGroups.of(catalogue, fairness.category) if fairness.category else None
        wanted = attributes is not None and self._specs
        self.demographics = Demographics.open(attributes, self._specs) if wanted else None

    def check(self) -> None:
        """What is needed can be read to its end; raises `SchemaError` here, before a run has paid, and not later."""
        if self.demographics:
            self.demographics.check(self._gate)

    def judge(
        self,
        door: PrivateRelease,
        consented: ConsentedInteractions,
        artifact: Artifact,
        *,
        noisier: Sequence[Artifact] = (),
        as_of: datetime | None = None,
    ) -> Judged:
        """Quality and fairness of an artifact on evaluation people.

        Parameters
        ----------
        door : PrivateRelease
        consented : ConsentedInteractions
        artifact : Artifact
        noisier : sequence of Artifact
            What the same releases would have made with twice the variance of noise, a few draws.
        as_of : datetime, optional
            When consent to the assessment is looked at, besides now.

        Notes
        -----
        **Privacy.** *Reads* histories and attributes of evaluation people. *Returns* what was released about them.
        *Costs* the event ``evaluation``, and ``exposures`` and ``guesses`` where the plan has them. *Assumes* what
        `tactful.privacy.release` says.
        """
        people = hold_out(consented)
        codes: _Codes = {}
        if self.demographics:
            codes = self.demographics.groups(people, self._gate, self._specs, as_of=as_of)
        measured = measure(people, artifact, noisier=noisier, items=self._items, category=self._category)
        groups = self._groupings.codes(codes, measured.lengths)
        sums = door.evaluation(measured.values, groups, self._planned.design, measured.shares)
        guessing, coverage = self._lists(door, people, measured, codes, artifact)
        assessment = assess(
            sums,
            self._rules,
            levels={spec.name: spec.levels for spec in self._specs},
            minimum_people=self._fairness.minimum_people,
            merges=self._groupings.merges,
            intersections=self._groupings.intersections,
            history_edges=self._groupings.history_edges,
            item_columns={groups.column: groups.catalogue_shares for groups in self._items},
            guessing=guessing,
            coverage=coverage,
        )
        return Judged(estimates=overall_estimates(sums, lift_clip=LIFT_CLIP), assessment=assessment)

    def _lists(
        self,
        door: PrivateRelease,
        people: EvaluationPeople,
        measured: PersonMetrics,
        codes: _Codes,
        artifact: Artifact,
    ) -> tuple[Mapping[str, Guessing], _Coverage]:
        """How well lists give groups away and how varied they are; nothing where the run does not pay for it."""
        if not codes or not self._planned.plan.has("exposures"):
            return {}, {}
        rows = ListRows(
            lists={"model": measured.lists, "popularity": measured.popular},
            codes=codes,
            halves=halves(people, self._keys),
        )
        wide = {name: self._groupings.wide(name) for name in self._groupings.attributes}
        return guess_groups(
            door,
            rows,
            ListDesign.of(wide, artifact.arrays["popularity"]),
            minimum_people=self._fairness.minimum_people,
        )


def _check(groups: ItemGroups) -> None:
    """Raise `ConfigError` unless each declared group has an item."""
    empty = [name for name, share in groups.catalogue_shares.items() if not share and name != OTHER]
    if empty:
        raise ConfigError(
            "each declared group of items has an item of the catalogue",
            given=f"no item's {groups.column} is {', '.join(empty)}",
            do=f"Correct the levels of [fairness.items.{groups.column}]",
        )
