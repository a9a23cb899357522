"""What a configuration says a run will release, before any data is touched; the same for a run and its audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.evaluation import design
from tactful.assurance.metrics import METRICS
from tactful.assurance.strata import Groupings
from tactful.config import FairnessSection, TrainingConfig
from tactful.errors import ConfigError
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.alternating_plan import alternating_plan
from tactful.privacy.cells import CellDesign
from tactful.privacy.exposures import LeakageCells
from tactful.privacy.plan import RunPlan
from tactful.privacy.statistics import ItemPopularity, PeopleCount
from tactful.released.dpals_rules import Head
from tactful.released.head import choose_head

MISCALIBRATION, NOISE_COST = "miscalibration@10", "noise_cost@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The releases of a run.

    Attributes
    ----------
    budget : PrivacyBudget
        What the run promises to each person.
    design : CellDesign
        The evaluation vector.
    plan : RunPlan
    """

    budget: PrivacyBudget
    design: CellDesign
    plan: RunPlan

    @classmethod
    def of(cls, settings: TrainingConfig) -> Planned:
        """The releases that these settings ask for. Reads their ``privacy``, ``fairness`` and ``model.method`` only."""
        privacy, fairness, groups = settings.privacy, settings.fairness, groupings(settings.fairness)
        cells = design(
            groups.attributes,
            (rule.metric for rule in fairness.rules),
            merges=groups.merges,
            intersections=groups.intersections,
            items={column: section.levels for column, section in fairness.items.items()},
            metrics=_measured(settings),
            history_edges=groups.history_edges,
        )
        leakage = LeakageCells.of(groups.attributes) if fairness.leakage and groups.attributes else None
        asked = fairness.mitigation
        twice = 2 if asked is not None and asked.method == "favour" else 1  # popularity comes with a leaning
        budget = PrivacyBudget(epsilon=privacy.epsilon, delta=privacy.delta)
        planner = alternating_plan if settings.model.method == "dpals" else RunPlan.of
        return cls(
            budget=budget,
            design=cells,
            plan=planner(budget, max_items=twice * privacy.max_items, evaluation_cells=cells.touched, leakage=leakage),
        )

    def head(self, popularity: ItemPopularity, people: PeopleCount) -> NDArray[np.int64]:
        """The head that the run chooses from released values."""
        if not self.plan.has("gram"):
            steps = sum(event.noise_multiplier**-2 for event in self.plan.events if event.name.startswith("rhs-"))
            return Head.of(popularity, people, noise_multiplier=steps**-0.5).places
        return choose_head(popularity, people, noise_multiplier=self.plan.event("gram").noise_multiplier)


def groupings(fairness: FairnessSection) -> Groupings:
    """Every group of people that the settings declare."""
    return Groupings(
        attributes={name: section.levels for name, section in fairness.attributes.items()},
        merges={name: section.merge for name, section in fairness.attributes.items()},
        intersections=fairness.intersections,
        history_edges=fairness.history_edges,
    )


def noise_cost_told(settings: TrainingConfig) -> bool:
    """Whether a second, noisier model is fitted, for what noise costs each group.

    Private alternating least squares asks people again in each round, so that more noise in one of them cannot be had
    afterwards.
    """
    named = settings.fairness.metrics
    return settings.model.method == "tactful" and (named is None or NOISE_COST in named)


def _measured(settings: TrainingConfig) -> list[str]:
    """The metrics that are named, or all that the settings have what is needed for."""
    fairness = settings.fairness
    missing = {
        name: do
        for name, do, there in (
            (MISCALIBRATION, "Set `category` under [fairness] to a column of the catalogue", fairness.category),
            (NOISE_COST, "Leave it out: it cannot be told of method dpals", settings.model.method == "tactful"),
        )
        if not there
    }
    for name in fairness.metrics or ():
        if name in missing:
            raise ConfigError("a metric has what it is measured with", given=f"{name} has not", do=missing[name])
    return [name for name in fairness.metrics or METRICS if name not in missing]
