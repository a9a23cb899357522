"""What a run of private alternating least squares will release, settled before any data is touched.

================  ====================  ============  =============================================================
release           about                 share of μ²   why
================  ====================  ============  =============================================================
consent           everybody             1%            as in `tactful.privacy.plan`
people            training people       1%            ditto; sets head, rank and regularisation
popularity        training people       10%           ditto
gram-n, rhs-n     training people       88% in all    steps alike; of a step 1/10 for the Gram of the factors, which has
                                                      few entries, the rest for the right-hand sides
evaluation        evaluation people     99%           as in `tactful.privacy.plan`
================  ====================  ============  =============================================================

With Grams of each item a step gives them as much as the right-hand sides, and each step has half the budget for what
decides: they are off unless asked for. What lists tell about groups is paid for as in `tactful.privacy.plan`.
"""

from __future__ import annotations

from tactful.errors import ConfigError
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.exposures import LeakageCells
from tactful.privacy.plan import RunPlan, Shares, with_leakage

STEPS = 6
MOST_FACTORS = 64
_ALWAYS: Shares = {
    "consent": (("training", "evaluation"), 0.01),
    "people": (("training",), 0.01),
    "popularity": (("training",), 0.10),
    "evaluation": (("evaluation",), 0.99),
}
_TRAINING = 0.88
_OF_STEP = {"gram": 0.1, "rhs": 0.9}
_WITH_ITEM_GRAMS = {"gram": 0.1, "rhs": 0.45, "item-grams": 0.45}


def alternating_plan(
    budget: PrivacyBudget,
    *,
    max_items: int,
    evaluation_cells: int,
    steps: int = STEPS,
    most_factors: int = MOST_FACTORS,
    item_grams: bool = False,
    leakage: LeakageCells | None = None,
) -> RunPlan:
    """The plan that spends `budget` on so many steps, sampler's error included.

    Parameters
    ----------
    budget : PrivacyBudget
    max_items : int
        The most distinct items that one person contributes.
    evaluation_cells : int
        The most entries of the evaluation vector that one person can touch.
    steps : int, default=6
        At least 1. A planner that wants fewer rounds asks the same several times: the average costs the same.
    most_factors : int, default=64
        The rank that the run may choose; what one person can touch grows with it.
    item_grams : bool, default=False
        Whether each step releases a Gram for each item.
    leakage : LeakageCells, optional
        As for `RunPlan.of`.

    Raises
    ------
    ConfigError
        If there is no step or no factor, or no Gaussian noise reaches the budget.
    """
    if steps < 1 or most_factors < 1:
        raise ConfigError(
            "alternating least squares takes at least one step and one factor",
            given=f"{steps} steps, {most_factors} factors",
            do="Raise them",
        )
    pairs = most_factors * (most_factors + 1) // 2
    entries = {"gram": pairs, "rhs": max_items * most_factors, "item-grams": max_items * pairs}
    of_step = _WITH_ITEM_GRAMS if item_grams else _OF_STEP
    solved = {f"{kind}-{step}": kind for step in range(1, steps + 1) for kind in of_step}
    touched = {"consent": 1, "people": 1, "popularity": max_items, "evaluation": evaluation_cells}
    shares = {**_ALWAYS} | {name: (("training",), _TRAINING * of_step[kind] / steps) for name, kind in solved.items()}
    touched |= {name: entries[kind] for name, kind in solved.items()}
    return RunPlan.sharing(budget, *with_leakage(shares, touched, leakage))
