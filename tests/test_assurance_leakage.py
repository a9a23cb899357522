"""What an attack achieved: exact on small cases, and intervals that cover what is drawn from known worlds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score, roc_curve

from privacy_worlds import CERTAIN
from tactful.assurance.leakage import leakage, most
from tactful.errors import UsageError


def told(scores, members, **options):
    """The figures, with a seed."""
    return leakage(np.array(scores, float), np.array(members, bool), rng=np.random.default_rng(1), **options)


def test_small_cases_are_exact():
    """The area is the share of pairs in order, ties half; at 1% of few others nobody may be accused."""
    found = told([[3, 1, 2, 2]], [[1, 0, 1, 0]])
    assert found.auc == pytest.approx((2 + 1 + 0.5) / 4)
    assert found.tpr == 0.5
    assert told([[2, 2, 1, 1]], [[1, 0, 1, 0]]).tpr == 0.0
    perfect = told([[5, 6, 1, 2], [1, 7, 8, 0]], [[1, 1, 0, 0], [0, 1, 1, 0]])
    assert (perfect.auc, perfect.auc_interval, perfect.tpr, perfect.tpr_interval) == (1.0, (1.0, 1.0), 1.0, (1.0, 1.0))


@pytest.mark.parametrize(("above", "expected"), [([], 1.0), ([35.0], 1.0), ([35.0, 25.0], 0.5)])
def test_the_rate_at_one_percent_is_exact(above: list[float], expected: float) -> None:
    """Of 100 others one may be accused: members below the second highest of them are not found."""
    members, others = [40.0, 30.0, 20.0, 10.0], [*above, *np.linspace(0, 1, 100 - len(above))]
    assert told([members + others], [[True] * 4 + [False] * 100]).tpr == expected


def test_the_figures_agree_with_a_second_method() -> None:
    """Area and height are those of scikit-learn's curve, with ties and without."""
    rng = np.random.default_rng(2)
    for scores in (rng.normal(size=(20, 30)), rng.integers(0, 40, (20, 30)).astype(float)):
        members = rng.random(scores.shape) < 0.4
        found, flat = told(scores, members, repeats=1), (members.ravel(), scores.ravel())
        false, true, _ = roc_curve(*flat, drop_intermediate=False)
        assert found.auc == pytest.approx(roc_auc_score(*flat))
        assert found.tpr == pytest.approx(max(t for f, t in zip(false, true, strict=True) if f <= 0.01))


def simulated(rng: np.random.Generator, *, shift: float, people: float, models: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores N(0, 1) without and N(shift, 1) with, plus what is common to a person and to a model."""
    shape = (30, 60)
    members = rng.random(shape) < 0.5
    common = people * rng.normal(size=(1, 60)) + models * rng.normal(size=(30, 1))
    return rng.normal(size=shape) + shift * members + common, members


@pytest.mark.parametrize(
    ("people", "models"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.7, 0.7)], ids=["cases", "people", "models", "both"]
)
def test_intervals_cover(people: float, models: float) -> None:
    """Whether cases share their person, their model or neither, 95% intervals hold the true area nine times in ten.

    100 simulations of a sound interval fall short of 75 three times in 10¹²; that is what is asserted.
    """
    truth = float(ndtr(0.8 / np.sqrt(2 * (1 + people**2 + models**2))))
    rng, covered = np.random.default_rng(5), 0
    for _ in range(100):
        scores, members = simulated(rng, shift=0.8, people=people, models=models)
        low, high = leakage(scores, members, rng=rng, repeats=60).auc_interval
        covered += low <= truth <= high
    assert covered >= 75


def test_an_interval_that_ignores_models_is_too_narrow() -> None:
    """Where the cases of a model hang together, resampling cases one by one covers less than half, ours most."""
    rng, alone, ours = np.random.default_rng(5), 0, 0
    for _ in range(60):
        members = rng.random((24, 100)) < rng.choice([0.2, 0.8], (24, 1))
        scores = rng.normal(size=(24, 100)) + rng.normal(size=(24, 1))
        low, high = leakage(scores, members, rng=rng, repeats=60).auc_interval
        ours += low <= 0.5 <= high
        low, high = leakage(scores.reshape(-1, 1), members.reshape(-1, 1), rng=rng, repeats=60).auc_interval
        alone += low <= 0.5 <= high
    assert alone < 30
    assert ours >= 40


def test_the_bound_is_reached_by_the_best_test_and_not_exceeded() -> None:
    """Scores of the best attacker on a Gaussian release give the area and the rate of the bound."""
    rng, mu, n = np.random.default_rng(3), 1.3, 400_000
    members = np.arange(n) % 2 == 0
    scores = rng.normal(size=n) + mu * members
    found, bound = told([scores], [members], repeats=1), most(mu)
    certain = -ndtri(CERTAIN)
    assert abs(found.auc - bound.auc) < certain / np.sqrt(6 * n)
    assert abs(found.tpr - bound.tpr) < certain * np.sqrt(0.25 * 2 / n) * 4
    assert (most(0.0).auc, most(0.0).tpr) == (0.5, pytest.approx(0.01))


def test_the_bound_is_the_area_under_its_own_curve() -> None:
    """Φ(μ/√2) is ∫ Φ(Φ⁻¹(a) + μ) da."""
    grid = (np.arange(2_000_000) + 0.5) / 2_000_000
    for mu in (0.1, 1.0, 3.0):
        assert most(mu).auc == pytest.approx(ndtr(ndtri(grid) + mu).mean(), abs=1e-6)


WRONG: dict[str, Callable[[], object]] = {
    "shapes": lambda: told([[1, 2]], [[1, 0, 1]]),
    "one dimension": lambda: told([1, 2], [1, 0]),
    "not a number": lambda: told([[1, np.nan]], [[1, 0]]),
    "only members": lambda: told([[1, 2]], [[1, 1]]),
    "no members": lambda: told([[1, 2]], [[0, 0]]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_judged_is_refused(case: str) -> None:
    """A figure without a meaning is never given."""
    with pytest.raises(UsageError):
        WRONG[case]()
