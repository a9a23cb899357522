"""What an attacker who scores members and non-members achieves, with intervals, beside the most that μ allows.

Notes
-----
*The attacker's task.* For one model and one person, say whether that person was among the training people; a higher
score says so more strongly. Two figures are usual: the area under the ROC curve, and the share of members found while
at most 1% of the others are accused (Carlini et al. 2022, "Membership inference attacks from first principles", who
argue that the second one matters).

*Intervals.* Cases share a person, who is easy or hard to recognise, and a model, whose noise is common to everybody it
is asked about. So people and models are resampled, both, and a case weighs the product of how often its person and its
model were drawn (Owen 2007, "The pigeonhole bootstrap"). This does not understate the variance, and overstates
it where cases depend on neither.

*The bound.* Of a μ-GDP release every test has a true positive rate of at most Φ(Φ⁻¹(a) + μ) at the false positive rate
a (Dong, Roth & Su 2022, Definition 2.6). That is concave in a, so it also holds for one threshold on the scores of many
people and models; the area under it is Φ(μ/√2). The sampler's slack is left out: it moves ε by less than these figures
show.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tactful.errors import UsageError

ACCUSED = 0.01  # the false positive rate at which the true positive rate is told
_ROUNDING = 1e-12

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """What an attack achieved.

    Attributes
    ----------
    auc : float
        0.5 is blind, 1 knows every member.
    auc_interval : (low, high)
    tpr : float
        Share of members found at a false positive rate of at most 1%.
    tpr_interval : (low, high)
    """

    auc: float
    auc_interval: Interval
    tpr: float
    tpr_interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The most that any attack can achieve against a μ-GDP release.

    Attributes
    ----------
    auc, tpr : float
        As in `Leakage`.
    """

    auc: float
    tpr: float


def leakage(
    scores: NDArray[np.float64],
    members: NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    repeats: int = 200,
    confidence: float = 0.95,
) -> Leakage:
    """What the scores achieve, with intervals that cover the choice of people and of models.

    Parameters
    ----------
    scores : float array of shape (n_models, n_people)
        Higher for people who the attacker believes were trained on.
    members : bool array of the same shape
        Who was.
    rng : numpy Generator
        For the bootstrap.
    repeats : int
        How many times people and models are resampled.
    confidence : float
        Of each interval.

    Raises
    ------
    UsageError
        If the shapes differ, a score is not finite, or everybody or nobody is a member.
    """
    _check(scores, members)
    curve = _Curve.of(scores, members)
    found = curve.figures(np.ones(scores.shape))
    drawn = np.array([curve.resampled(rng) for _ in range(repeats)])
    (low_auc, low_tpr), (high_auc, high_tpr) = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Leakage(
        auc=found[0],
        auc_interval=(float(low_auc), float(high_auc)),
        tpr=found[1],
        tpr_interval=(float(low_tpr), float(high_tpr)),
    )


def most(mu: float) -> Most:
    """The most that any attack can achieve against a μ-GDP release of whatever data."""
    return Most(auc=float(ndtr(mu / sqrt(2))), tpr=float(ndtr(ndtri(ACCUSED) + mu)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curve:
    """Every case in the order of its score, so that a curve for other weights is two running sums.

    Attributes
    ----------
    order : int array of shape (n_cases,)
        Positions of the cases by falling score.
    ends : int array
        Where in that order cases of one score end: no threshold divides them.
    members : bool array of shape (n_models, n_people)
    """

    order: NDArray[np.intp]
    ends: NDArray[np.intp]
    members: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: NDArray[np.float64], members: NDArray[np.bool_]) -> _Curve:
        """The cases of an attack, sorted."""
        order = np.argsort(-scores, axis=None, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores.ravel()[order])), scores.size - 1)
        return cls(order=order, ends=ends, members=members)

    def figures(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """The area under the ROC curve, and its height at `ACCUSED`."""
        sums = (np.cumsum((weights * kind).ravel()[self.order])[self.ends] for kind in (~self.members, self.members))
        false, true = (np.append(0.0, s / s[-1]) for s in sums)
        height = float(true[np.searchsorted(false, ACCUSED + _ROUNDING, side="right") - 1])
        return float(np.trapezoid(true, false)), height

    def resampled(self, rng: np.random.Generator) -> tuple[float, float]:
        """The figures after models and people were drawn with replacement; a draw of members alone is drawn again."""
        while True:
            models, people = (rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64) for n in self.members.shape)
            weights: NDArray[np.float64] = np.outer(models, people)
            if 0 < weights[self.members].sum() < weights.sum():
                return self.figures(weights)


def _check(scores: NDArray[np.float64], members: NDArray[np.bool_]) -> None:
    """Raise `UsageError` unless there is something to be told apart."""
    if scores.ndim != 2 or scores.shape != members.shape or not np.isfinite(scores).all():
        raise UsageError(
            "an attack gives one finite score for each model and person",
            given=f"scores of shape {scores.shape} for memberships of shape {members.shape}, or not all finite",
            do="Score every pair",
        )
    if members.all() or not members.any():
        raise UsageError(
            "an attack is judged on members and on others",
            given="there is only one of the two",
            do="Leave each person out of some of the models",
        )
