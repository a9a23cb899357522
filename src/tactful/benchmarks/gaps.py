"""Gaps between two groups over seeds, paired: how much smaller, at what cost, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Verdict = Literal["smaller", "larger", "unresolved"]
Judged = tuple[str, bool, float, Mapping[str, float]]
"""Method, whether there was noise, the mean over everybody, and over each group: one row a seed, seeds in order."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over seeds and its 95% interval by Student's t.

    Notes
    -----
    Seeds divide the same people differently, so intervals tell how the figure varies over splits, not over other
    people.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: _Floats, unit: float = 1.0) -> Mean:
        """Of values in this unit."""
        half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        ends = sorted(((float(values.mean()) - half) / unit, (float(values.mean()) + half) / unit))
        return cls(value=float(values.mean()) / unit, low=ends[0], high=ends[1])

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One method, with noise, beside the plain one and beside itself without noise.

    Attributes
    ----------
    method : str
    best, worst : str
        The groups that the plain method serves best and worst, on the mean over seeds.
    overall : float
        Mean over everybody.
    by_group : mapping of str to float
    gap : Mean
        Best less worst.
    cut : Mean
        How much of the plain method's gap is gone, as a share of it.
    change : Mean
        What happens to the mean over everybody, as a share of the plain method's.
    worst_change : Mean
        The same of the worst group: a gap can also get smaller because the best-served lose.
    excess_gap : Mean
        The gap less the gap of the same method without noise: who pays for privacy.
    """

    method: str
    best: str
    worst: str
    overall: float
    by_group: Mapping[str, float]
    gap: Mean
    cut: Mean
    change: Mean
    worst_change: Mean
    excess_gap: Mean

    @property
    def verdict(self) -> Verdict:
        """Whether the gap became smaller than the plain method's."""
        if not (self.cut.resolved and np.isfinite(self.cut.value)):
            return "unresolved"
        return "smaller" if self.cut.value > 0 else "larger"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "by_group": dict(self.by_group), "verdict": self.verdict}


def gaps(judged: Iterable[Judged], plain: str = "tactful") -> list[Gap]:
    """A line for each method.

    Parameters
    ----------
    judged : iterable of Judged
        Every method with noise and without, on every seed.
    plain : str
        The method that others are compared with.
    """
    rows = list(judged)
    names = sorted(set.intersection(*(set(groups) for _, _, _, groups in rows)))
    found = {
        key: _columns(rows, key, names) for key in dict.fromkeys((method, private) for method, private, _, _ in rows)
    }
    means = found[plain, True][:, 1:].mean(axis=0)
    ends = int(means.argmax()), int(means.argmin())
    return [_gap(method, found, plain, names, ends) for method, private in found if private]


def _columns(rows: Sequence[Judged], key: tuple[str, bool], names: Sequence[str]) -> _Floats:
    """One row a seed: everybody, and each group."""
    return np.array(
        [[all_, *(groups[n] for n in names)] for method, noise, all_, groups in rows if (method, noise) == key]
    )


def _gap(
    method: str, found: Mapping[tuple[str, bool], _Floats], plain: str, names: Sequence[str], ends: tuple[int, int]
) -> Gap:
    """The line of one method."""
    base, own, silent = found[plain, True], found[method, True], found[method, False]
    best, worst = ends[0] + 1, ends[1] + 1
    before, after, quiet = (table[:, best] - table[:, worst] for table in (base, own, silent))
    return Gap(
        method=method,
        best=names[ends[0]],
        worst=names[ends[1]],
        overall=float(own[:, 0].mean()),
        by_group=dict(zip(names, own[:, 1:].mean(axis=0).tolist(), strict=True)),
        gap=Mean.of(after),
        cut=Mean.of(before - after, float(before.mean())),
        change=Mean.of(own[:, 0] - base[:, 0], float(base[:, 0].mean())),
        worst_change=Mean.of(own[:, worst] - base[:, worst], float(base[:, worst].mean())),
        excess_gap=Mean.of(after - quiet),
    )
