"""Private alternating least squares (DPALS): item factors from a few rounds of noisy sums over people's solves.

Chien, Jain, Krichene, Rendle, Song, Thakurta & Zhang, "Private Alternating Least Squares: Practical Private Matrix
Completion with Tighter Rates", ICML 2021; item weights after Krichene, Jain, Song, Sundararajan, Thakurta & Zhang,
"Multi-Task Differential Privacy Under Distribution Skew", ICML 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from tactful.privacy.statistics import ItemPopularity, Noise, PeopleCount, SolvedStep, SolveQuery
from tactful.released.factor_noise import positive, shrunk, spectrum, turned
from tactful.released.model import ReleasedModel

Ask: TypeAlias = Callable[[SolveQuery], SolvedStep]
"""What answers a step: `PrivateRelease.solved` for given people."""

_SMALLEST_HEAD, _LARGEST_HEAD, _HEAD_RATE = 16, 4096, 2.5
_FEWEST, _MOST, _FACTOR_RATE = 4, 64, 0.4


def head_count(people: float, *, noise_multiplier: float, catalogue_size: int) -> int:
    """How many items have factors: 2.5 (n/σ)^⅔, at least 16, at most 4,096 and the catalogue.

    Parameters
    ----------
    people : float
        Released or declared.
    noise_multiplier : float
        σ of the right-hand sides of all steps together, 1/√Σ σₜ⁻².
    catalogue_size : int
    """
    wanted = round(_HEAD_RATE * math.cbrt(max(people, 1.0) / noise_multiplier) ** 2)
    return min(max(wanted, _SMALLEST_HEAD), _LARGEST_HEAD, catalogue_size)


def factor_count(people: float, *, noise_multiplier: float) -> int:
    """The rank of a step: 0.4 √(n/σ), between 4 and 64, σ being the noise multiplier of the step's right-hand sides."""
    return min(max(round(_FACTOR_RATE * math.sqrt(max(people, 1.0) / noise_multiplier)), _FEWEST), _MOST)


class PrivateALS(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A recommender by DPALS, as a planner: it asks one step at a time and sees nothing but what was released.

    Parameters
    ----------
    factors : int, optional
        Rank d of a step; `factor_count` if not given.
    steps : int, default=3
        The rounds that the plan pays for.
    unobserved_weight : float, default=1.0
        α₀, the weight of what a person did not use, in their system and in the items'.
    regularization : float, default=1.0
        Ridge of the items' systems, in units of n/d, the average eigenvalue of the Gram of n vectors of norm 1.
    user_regularization : float, default=0.5
        Ridge of people's systems, in units of Mσ², what noise alone adds to an eigenvalue of VᵀV.
    weight_exponent : float, default=0.0
        A person's items share their norm in proportion to released popularity to this power.
    clip : float, default=0.0
        Norm from which on a person's vector is scaled to 1; 0 scales everybody, which is what small clips come to.
    shrinkage : float, default=0.1
        Ridge of the model, in units of the largest singular value.
    damping : float, default=0.2
        What taste says of an item is divided by released popularity to this power.
    base_weight : float, default=0.2
        Weight of released popularity in every score.
    seed : int, default=0
        Of the public item factors that the first step starts from.

    Attributes
    ----------
    model_ : ReleasedModel
    singular_values_ : float array of shape (rank,)
        What stood out from the noise, in units of the noise, largest first.
    """

    def __init__(
        self,
        *,
        factors: int | None = None,
        steps: int = 3,
        unobserved_weight: float = 1.0,
        regularization: float = 1.0,
        user_regularization: float = 0.5,
        weight_exponent: float = 0.0,
        clip: float = 0.0,
        shrinkage: float = 0.1,
        damping: float = 0.2,
        base_weight: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.factors, self.steps, self.unobserved_weight = factors, steps, unobserved_weight
        self.regularization, self.user_regularization = regularization, user_regularization
        self.weight_exponent, self.clip, self.shrinkage = weight_exponent, clip, shrinkage
        self.damping, self.base_weight, self.seed = damping, base_weight, seed

    model_: ReleasedModel
    singular_values_: NDArray[np.float64]

    def fit(self, popularity: ItemPopularity, people: PeopleCount, ask: Ask, *, noise_multiplier: float) -> Self:
        """Every step asked and answered in turn.

        Parameters
        ----------
        popularity : ItemPopularity
        people : PeopleCount
        ask : callable
            From a `SolveQuery` to its `SolvedStep`.
        noise_multiplier : float
            Of the right-hand sides of one step.
        """
        queries = self.queries(popularity, people, noise_multiplier=noise_multiplier)
        query = next(queries)
        with suppress(StopIteration):
            while True:
                query = queries.send(ask(query))
        return self

    def queries(
        self, popularity: ItemPopularity, people: PeopleCount, *, noise_multiplier: float
    ) -> Generator[SolveQuery, SolvedStep, None]:
        """Yield one query a step and take what was released for it; fitted when the last one was answered.

        The parameters are those of `fit`.
        """
        n_people = max(people.value, 1.0)
        head = self._head(popularity, n_people, noise_multiplier)
        factors = self._start(len(head.places), n_people, noise_multiplier)
        ridge = float((factors**2).sum()) / factors.shape[1]
        seen: list[SolvedStep] = []
        for step in range(1, self.steps + 1):
            seen.append((yield self._query(step, head, factors, ridge)))
            factors = self._factors(seen[-1], n_people)
            ridge = self.user_regularization * len(head.places) * seen[-1].sides.sigma ** 2
        self._finish(seen, head, popularity)

    def _head(self, popularity: ItemPopularity, n_people: float, noise_multiplier: float) -> _Head:
        """The most popular items by released popularity."""
        size = head_count(
            n_people, noise_multiplier=noise_multiplier / math.sqrt(self.steps), catalogue_size=len(popularity.values)
        )
        places = np.argsort(-popularity.values, kind="stable")[:size].astype(np.int64)
        known = np.maximum(popularity.values[places], popularity.sigma)
        return _Head(places=places, popularity=known / known.max())

    def _start(self, n_head: int, n_people: float, noise_multiplier: float) -> NDArray[np.float64]:
        """Public factors, drawn from the seed."""
        wanted = self.factors or factor_count(n_people, noise_multiplier=noise_multiplier)
        return np.random.default_rng(self.seed).normal(size=(n_head, min(wanted, n_head)))

    def _query(self, step: int, head: _Head, factors: NDArray[np.float64], ridge: float) -> SolveQuery:
        """What is asked of people, given item factors."""
        return SolveQuery(
            step=step,
            head=head.places,
            factors=factors,
            prior=self.unobserved_weight * factors.T @ factors + ridge * np.eye(factors.shape[1]),
            weights=head.popularity**self.weight_exponent,
            clip=self.clip,
        )

    def _factors(self, solved: SolvedStep, n_people: float) -> NDArray[np.float64]:
        """Item factors from one step: each item's ridge regression on people's vectors, noise taken out first.

        Where nothing stands out from the noise, what there is goes on: the next step may see more in it.
        """
        signal, size = shrunk(solved.sides.values, solved.sides.sigma), len(solved.gram.values)
        if not signal.any():
            signal = solved.sides.values
        share = size / n_people
        system = self.unobserved_weight * share * positive(solved.gram.values) + self.regularization * np.eye(size)
        if solved.item_grams is None:
            return turned(np.asarray(np.linalg.solve(system, signal.T).T, dtype=np.float64))
        own = share * positive(solved.item_grams.values)
        return turned(np.asarray(np.linalg.solve(system + own, signal[:, :, None])[:, :, 0], dtype=np.float64))

    def _finish(self, seen: Sequence[SolvedStep], head: _Head, popularity: ItemPopularity) -> None:
        """The model from what all steps released."""
        stacked = np.concatenate([step.sides.values / step.sides.sigma for step in seen], axis=1)
        vectors, self.singular_values_, _ = spectrum(stacked, 1.0)
        gain = self.singular_values_ / (self.singular_values_ + self.shrinkage * self.singular_values_.max(initial=0.0))
        used = len(head.places) if len(gain) else 0
        length = max(float(np.linalg.norm(popularity.values[head.places])), 1e-12)
        self.model_ = ReleasedModel(
            popularity=popularity.values,
            base=self.base_weight * popularity.values / length,
            head=head.places[:used],
            encoder=(vectors * gain)[:used],
            decoder=(vectors * head.popularity[:, None] ** -self.damping)[:used],
            noise=_weaker(popularity.noise, *(step.sides.noise for step in seen)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Head:
    """Catalogue positions of the items that have factors, and their released popularity, the largest as 1."""

    places: NDArray[np.int64]
    popularity: NDArray[np.float64]


def _weaker(*kinds: Noise) -> Noise:
    """``reproducible`` if any of the noises is."""
    return "reproducible" if "reproducible" in kinds else "system"
