"""Whether what was added is the noise that was stated, whoever it hides: a test of many releases without an attack.

Notes
-----
An attack on a person sees noise only along what that person moves. Noise that is used twice, that is missing from an
entry which nobody tried moves, or that one could average away, stands still there. So the residuals are tested for what
they must be, independent standard normals in every entry of every run:

- variance, two-sided, and mean: of each entry, and of each release as a whole;
- correlation: of every two entries of one run, within a release and across releases;
- of every two entries in successive runs;
- of every two entries in runs of the same place from two sources of noise, each made afresh: a fixed seed repeats.

Means are known to be 0, so a correlation r of n runs has r√((n − 1)/(1 − r²)) distributed as Student's t with n − 1
degrees of freedom, exactly, and a sum of n squares as chi-squared: the tests are right for few runs as well. Successive
runs are taken two by two, so that no run is counted twice. Each test rejects at `CERTAIN`; an audit makes about 10⁶ of
them, so that sound noise fails fewer than one audit in a million.

*What is not seen:* dependence without correlation (such as noise with its sign turned at random), noise that repeats
only in another process, a source whose seed somebody could guess. Replays, forks and seeds have tests of their own
in the repository, on the source.

*The head* is chosen from noisy values, so it may itself say something about a person, up to the μ of what it is chosen
from. Any event E has Φ⁻¹(P₁(E)) − Φ⁻¹(P₀(E)) ≤ μ between worlds (Dong, Roth & Su 2022, Definition 2.6), here that an
item is in the head or that the head is a certain one. `mu_of_heads` bounds the left side from below. A head chosen from
exact rows makes it as large as the number of runs allows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CERTAIN = 1e-13
"""Below this a p-value rejects."""
_LISTED = 3  # pairs of releases, beyond which the releases are named and not the pairs

_Runs = NDArray[np.float64]


def not_as_stated(residuals: _Runs, entries: Sequence[str]) -> list[str]:
    """What is wrong with the noise, by release; nothing if it is as stated.

    Parameters
    ----------
    residuals : float array of shape (runs, entries)
        In units of the noise that is stated.
    entries : sequence of str
        The release that each entry belongs to.
    """
    names = np.array(entries)
    places, squares = {name: names == name for name in dict.fromkeys(entries)}, (residuals**2).sum(axis=0)
    found = []
    for name, here in places.items():
        sums = np.append(squares[here], squares[here].sum())
        runs = np.append(np.full(here.sum(), len(residuals)), len(residuals) * here.sum())
        centres = np.append(residuals[:, here].sum(axis=0), residuals[:, here].sum())
        if (_two_sided(sums, runs) < CERTAIN).any():
            found.append(f"{name}: another variance")
        if (2 * stats.norm.sf(np.abs(centres) / np.sqrt(runs)) < CERTAIN).any():
            found.append(f"{name}: a mean that is not 0")
    found += _between(_related(residuals, residuals) & ~np.eye(len(names), dtype=bool), places, "depend on each other")
    turns = len(residuals) // 2 - 1
    for first in (0, 1):
        one, next_one = (residuals[start : start + 2 * turns : 2] for start in (first, first + 1))
        found += _between(_related(one, next_one), places, "depend on the run before")
    return list(dict.fromkeys(found))


def repeated(residuals: _Runs, others: _Runs, entries: Sequence[str]) -> list[str]:
    """Where runs say something about those of another source of noise."""
    names, runs = np.array(entries), min(len(residuals), len(others))
    places = {name: names == name for name in dict.fromkeys(entries)}
    return _between(_related(residuals[:runs], others[:runs]), places, "repeat another source of noise")


def mu_of_heads(without: NDArray[np.bool_], present: NDArray[np.bool_]) -> float:
    """A lower bound on the μ that the head alone gives away, unless something nearly impossible happened.

    Parameters
    ----------
    without, present : bool arrays of shape (runs, items)
        The heads of runs without and with a person.
    """
    heads, which = np.unique(np.vstack([without, present]), axis=0, return_inverse=True)
    chosen = np.eye(len(heads), dtype=bool)[which.ravel()]
    before = np.hstack([without, chosen[: len(without)]]).sum(axis=0)
    after = np.hstack([present, chosen[len(without) :]]).sum(axis=0)
    return float(
        max(_apart(before, len(without), after, len(present)), _apart(after, len(present), before, len(without)))
    )


def _apart(low: NDArray[np.int64], low_runs: int, high: NDArray[np.int64], high_runs: int) -> float:
    """The largest Φ⁻¹(P(high)) − Φ⁻¹(P(low)) that counts allow to claim, by Clopper and Pearson on each."""
    some = high > 0
    few, many = low[some], high[some]
    least = stats.beta.ppf(CERTAIN / 2, many, high_runs - many + 1)
    most = np.where(few < low_runs, stats.beta.isf(CERTAIN / 2, few + 1, np.maximum(low_runs - few, 1)), 1.0)
    return float(np.max(stats.norm.ppf(least) - stats.norm.ppf(most), initial=-np.inf))


def _two_sided(squares: _Runs, runs: NDArray[np.int64]) -> _Runs:
    """p-values of sums of squares of so many standard normals."""
    tails: _Runs = 2 * np.minimum(stats.chi2.cdf(squares, runs), stats.chi2.sf(squares, runs))
    return tails


def _related(one: _Runs, other: _Runs) -> NDArray[np.bool_]:
    """Which entries of `one` are correlated with which of `other`."""
    if len(one) < 3:
        return np.zeros((one.shape[1], other.shape[1]), dtype=bool)
    sizes = np.sqrt(np.outer((one**2).sum(axis=0), (other**2).sum(axis=0)))
    t = stats.t.isf(CERTAIN / 2, len(one) - 1)
    related: NDArray[np.bool_] = np.abs(one.T @ other) > sizes * t / np.hypot(t, np.sqrt(len(one) - 1))
    return related


def _between(related: NDArray[np.bool_], places: dict[str, NDArray[np.bool_]], what: str) -> list[str]:
    """The pairs of releases that have entries which are related."""
    if not related.any():
        return []
    pairs = {
        tuple(sorted((one, other)))
        for one, here in places.items()
        for other, there in places.items()
        if related[np.ix_(here, there)].any()
    }
    if len(pairs) > _LISTED:
        return [f"{', '.join(sorted({name for pair in pairs for name in pair}))}: {what}"]
    return [f"{' and '.join(dict.fromkeys(pair))}: {what}" for pair in sorted(pairs)]
