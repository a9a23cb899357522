"""Made-up evaluation people and the release of their figures as a training run makes it: benchmarks of fairness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.metrics import metric
from tactful.assurance.strata import Groupings
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Rehearsal
from tactful.privacy.cells import CellDesign
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.sums import EvaluationSums, inside

Values = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Crowd:
    """People who do not exist.

    Attributes
    ----------
    values : mapping of str to float array of shape (n_people,)
        By metric.
    groups : mapping of str to int array of shape (n_people,)
        By declared attribute.
    lengths : int array of shape (n_people,)
        Items of each history.
    """

    values: Mapping[str, Values]
    groups: Mapping[str, Codes]
    lengths: Codes


def released(
    crowd: Crowd, groupings: Groupings, design: CellDesign, budget: PrivacyBudget, noise: NoiseSource
) -> EvaluationSums:
    """What a training run of this budget would release about these people; nobody is charged."""
    plan = RunPlan.of(budget, max_items=200, evaluation_cells=design.touched)
    door = PrivateRelease(ledger=Rehearsal(), run="benchmark", plan=plan, noise=noise)
    return door.evaluation(_figures(crowd, design), groupings.codes(crowd.groups, crowd.lengths), design)


def _figures(crowd: Crowd, design: CellDesign) -> dict[str, Values]:
    """Every figure of the design: who is counted, the metrics, how far inside they are; 0 for what was not made up."""
    people = len(crowd.lengths)
    counted = dict.fromkeys(("people", "known", "consented"), np.ones(people))
    within = {inside(name): metric(name).inside(values) for name, values in crowd.values.items()}
    tables = [design.overall, *(cells.metrics for cells in design.groups.values())]
    nothing = dict.fromkeys((name for table in tables for name in table), np.zeros(people))
    return {**nothing, **counted, **crowd.values, **within}
