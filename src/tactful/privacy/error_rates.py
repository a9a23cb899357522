"""What the errors of a test say about ε, and how likely they are to say it.

Notes
-----
*From errors to ε.* Let α be the share of worlds without the person in which a test says *present*, β of worlds with
the person in which it says *absent*. Clopper and Pearson (1934) bound each from above at half the level. Every test
of a μ-GDP release has Φ⁻¹(1 − α) − Φ⁻¹(β) ≤ μ (Dong, Roth & Su 2022, Definition 2.6), so the bounds on α and β give a
lower bound on μ, and ε is read off at δ (Nasr et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm

from tactful.privacy.accountant import epsilon_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How often a test that was settled beforehand was wrong.

    Attributes
    ----------
    false_alarms, without : int
        Of so many releases without the person, those after which it said *present*.
    misses, present : int
        Of so many releases with the person, those after which it said *absent*.
    """

    false_alarms: int
    without: int
    misses: int
    present: int

    def epsilon_lower_bound(self, *, delta: float, level: float) -> float:
        """The ε that is exceeded, unless something happened that has probability `level` at most."""
        alpha = _at_most(self.false_alarms, self.without, level / 2)
        mu = float((norm.isf(alpha) - norm.ppf(_at_most(self.misses, self.present, level / 2)))[0])
        return epsilon_at(mu, delta) if mu > 0 else 0.0


def chance_of_at_most(mu_bound: float, *, mu: float, without: int, present: int, level: float) -> float:
    """How likely the best test of a μ-GDP release leads to no larger lower bound on μ than `mu_bound`.

    Parameters
    ----------
    mu_bound : float
    mu : float
        What is true: the best test errs with probability Φ(−μ/2) on either side.
    without, present : int
        Releases without and with the person.
    level : float
        Of the bound.
    """
    wrong, alarms = norm.sf(mu / 2), np.arange(without + 1)
    alphas = norm.isf(_at_most(alarms, without, level / 2))
    betas = norm.ppf(_at_most(np.arange(present + 1), present, level / 2))  # rises with the misses
    enough = np.searchsorted(betas, alphas - mu_bound, side="left")  # so many misses are too many to exceed it
    return float(np.sum(binom.pmf(alarms, without, wrong) * binom.sf(enough - 1, present, wrong)))


def _at_most(errors: int | NDArray[np.int64], trials: int, level: float) -> NDArray[np.float64]:
    """Clopper and Pearson's upper bound on the share of errors."""
    counts = np.atleast_1d(errors)
    return np.where(counts < trials, beta.isf(level, counts + 1, np.maximum(trials - counts, 1)), 1.0)
