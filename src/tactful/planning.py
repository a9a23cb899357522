"""What a configuration says a run will release, before any data is touched; the same for a run and its audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.evaluation import design
from tactful.config import TrainingConfig
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.alternating_plan import alternating_plan
from tactful.privacy.cells import CellDesign
from tactful.privacy.plan import RunPlan
from tactful.privacy.statistics import ItemPopularity, PeopleCount
from tactful.released.dpals_rules import Head
from tactful.released.head import choose_head


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
        privacy, fairness = settings.privacy, settings.fairness
        levels = {name: section.levels for name, section in fairness.attributes.items()}
        cells = design(levels, (rule.metric for rule in fairness.rules))
        budget = PrivacyBudget(epsilon=privacy.epsilon, delta=privacy.delta)
        planner = alternating_plan if settings.model.method == "dpals" else RunPlan.of
        return cls(
            budget=budget,
            design=cells,
            plan=planner(budget, max_items=privacy.max_items, evaluation_cells=cells.touched),
        )

    def head(self, popularity: ItemPopularity, people: PeopleCount) -> NDArray[np.int64]:
        """The head that the run chooses from released values."""
        if not self.plan.has("gram"):
            steps = sum(event.noise_multiplier**-2 for event in self.plan.events if event.name.startswith("rhs-"))
            return Head.of(popularity, people, noise_multiplier=steps**-0.5).places
        return choose_head(popularity, people, noise_multiplier=self.plan.event("gram").noise_multiplier)
