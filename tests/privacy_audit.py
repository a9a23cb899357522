"""The whole training release on two worlds that differ by one person, seen by an attacker who knows everything else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privacy_worlds import NoNoise, Outcomes, bounded, door, plan, random_histories
from tactful.privacy.accountant import epsilon_at
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.released.head import choose_head

N_ITEMS = 18
OTHERS = random_histories(7, people=20, n_items=N_ITEMS, longest=10)  # so few that the head depends on the noise
CONFIDENCE = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What the attacker made of each of many releases.

    Attributes
    ----------
    scores : float array of shape (n_repeats,)
        One number for the whole release: N(0, 1) without the person and N(shift, 1) with, if the release is what it
        says. It is the log-likelihood ratio, scaled, wherever the person is in every part of it.
    shifts : float array of shape (n_repeats,)
        They depend on the head alone.

    Notes
    -----
    Each part gives one N(0, 1) given the parts before it, which is what the head depends on; they are added with
    weights that nothing depends on. Dividing the ratio by its own shift instead would let the head's dependence on the
    popularity's noise into the score. A part that the person is not in adds a draw of its own.
    """

    scores: NDArray[np.float64]
    shifts: NDArray[np.float64]


class Worlds:
    """The others, with and without one person, under one plan."""

    def __init__(self, person: Sequence[int], run: RunPlan, kind: type[PrivateRelease] = PrivateRelease) -> None:
        self.run, self.kind = run, kind
        self.sigmas = [run.event(name).noise_multiplier for name in ("consent", "people", "popularity", "gram")]
        self.people = [bounded(OTHERS, N_ITEMS), bounded([*OTHERS, list(person)], N_ITEMS)]
        self._known: dict[bytes, tuple[list[NDArray], list[NDArray]]] = {}
        self.mu, self.fill = math.sqrt(sum(1 / s**2 for s in self.sigmas)), np.random.default_rng(11)

    def attack(self, source: NoiseSource, *, present: bool, repeats: int) -> Attack:
        """The whole release again and again in one of the worlds, each time scored by who knows everything else."""
        made = door(source, run=self.run, kind=self.kind)
        told = [self._score(*self._released(made, present=present)) for _ in range(repeats)]
        scores, shifts = np.array(told).T
        return Attack(scores=scores, shifts=shifts)

    def _released(
        self, made: PrivateRelease, *, present: bool, head: NDArray | None = None
    ) -> tuple[NDArray, list[NDArray]]:
        """The head that the release chose; and the consent counts, people, popularity and upper Gram of it."""
        people = self.people[present]
        count, popularity = made.people(people), made.popularity(people)
        consent = made.consent(Outcomes(admitted=len(OTHERS) + present))
        if head is None:
            head = np.sort(choose_head(popularity, count, noise_multiplier=self.sigmas[-1]))
        upper = made.gram(people, head).values[np.triu_indices(len(head))]
        counts = np.array([m.value for m in consent.people.values()])
        return head, [counts, np.array([count.value]), popularity.values, upper]

    def _score(self, head: NDArray, seen: list[NDArray]) -> tuple[float, float]:
        exact, added = self._exact(head)
        score = shift = 0.0
        for y, q, a, s in zip(seen, exact, added, self.sigmas, strict=True):
            weight, size = 1 / (s * self.mu), float(np.linalg.norm(a))
            score += weight * (float((y - q) @ a) / (s * size) if size else self.fill.standard_normal())
            shift += weight * size / s
        return score, shift

    def _exact(self, head: NDArray) -> tuple[list[NDArray], list[NDArray]]:
        """What would be released of this head without noise, and what the person adds to it."""
        if head.tobytes() not in self._known:
            plain = door(NoNoise(), run=self.run, kind=self.kind)
            without, with_them = (self._released(plain, present=there, head=head)[1] for there in (False, True))
            added = [w - q for q, w in zip(without, with_them, strict=True)]
            self._known[head.tobytes()] = without, added
        return self._known[head.tobytes()]


def epsilon_lower_bound(without: NDArray[np.bool_], with_them: NDArray[np.bool_], *, delta: float) -> float:
    """The ε that is certainly exceeded, from how often the attacker said the person was there.

    Clopper and Pearson bound both errors from above; the errors bound μ, and μ gives ε.
    """
    alpha, beta = _at_most(without), _at_most(~with_them)
    mu = float(stats.norm.isf(alpha) - stats.norm.ppf(beta))
    return epsilon_at(mu, delta) if mu > 0 else 0.0


def _at_most(wrong: NDArray[np.bool_]) -> float:
    """The upper end of the interval for the share of errors; both ends of an audit together hold at `CONFIDENCE`."""
    errors, trials = int(wrong.sum()), len(wrong)
    return float(stats.beta.isf((1 - CONFIDENCE) / 2, errors + 1, trials - errors)) if errors < trials else 1.0


def audit(source: NoiseSource, *, kind: type[PrivateRelease] = PrivateRelease, epsilon: float, repeats: int) -> float:
    """A lower bound on the ε of the whole training release, from `repeats` runs of each world.

    The threshold, half the shift, is fixed before anything is seen.
    """
    worlds = Worlds((3, 9, 14, 17), plan(epsilon=epsilon), kind)
    tried = [worlds.attack(source, present=present, repeats=repeats) for present in (False, True)]
    without, with_them = (a.scores > a.shifts / 2 for a in tried)
    return epsilon_lower_bound(without, with_them, delta=1e-6)
