"""Planted worlds of lists: groups with tastes of their own, or with the same taste, through the real door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_worlds import door
from tactful.assurance.guessing import ask
from tactful.assurance.intervals import Estimate
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.exposures import LISTS, LeakageCells, ListDesign, ListRows, entries_of
from tactful.privacy.guesses import Question
from tactful.privacy.noise import SeededNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease

N_ITEMS = 120
HALF_SCORES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorld:
    """Levels of two attributes, of which only the first has to do with lists.

    Attributes
    ----------
    levels : int
        Of the attribute ``age``; ``home`` has three.
    apart : float
        How far tastes of the levels are apart; 0: not at all.
    """

    levels: int = 2
    apart: float = 1.0

    @property
    def declared(self) -> dict[str, list[str]]:
        return {"age": [f"level {n}" for n in range(self.levels)], "home": ["town", "land", "sea"]}

    @property
    def design(self) -> ListDesign:
        return ListDesign.of(self.declared, -np.arange(float(N_ITEMS)))

    def plan(self, epsilon: float) -> RunPlan:
        budget = PrivacyBudget(epsilon=epsilon, delta=1e-6)
        return RunPlan.of(budget, max_items=40, evaluation_cells=30, leakage=LeakageCells.of(self.declared))

    def door(self, seed: int, epsilon: float = 4.0) -> PrivateRelease:
        return door(SeededNoise(seed), run=self.plan(epsilon))

    def people(self, seed: int, people: int) -> ListRows:
        """Lists of the ten items that each likes best; those of the popularity list are the same for everybody."""
        rng = np.random.default_rng(seed)
        codes = {"age": rng.integers(0, self.levels, people), "home": rng.integers(-1, 4, people)}
        topic = np.arange(N_ITEMS) % HALF_SCORES
        taste = np.random.default_rng(5).normal(size=(self.levels, HALF_SCORES)) * self.apart
        liked = taste[codes["age"]] + rng.normal(size=(people, HALF_SCORES))
        score = liked[:, topic] + rng.gumbel(size=(people, N_ITEMS)) - 0.8 * np.log(np.arange(1, N_ITEMS + 1))
        model = np.argsort(-score, axis=1)[:, :10]
        popular = np.tile(np.arange(10), (people, 1))
        return ListRows(
            lists=dict(zip(LISTS, (model, popular), strict=True)), codes=codes, halves=rng.integers(0, 2, people)
        )


def true_area(question: Question, people: ListRows, design: ListDesign) -> float:
    """The area that the question has on so many people that none are drawn."""
    scores, codes = question.scores(entries_of(people.lists["model"], design)), people.codes["age"]
    areas = []
    for asked, found in enumerate(scores):
        bins = np.searchsorted(question.edges[asked], found, side="right")
        theirs = codes == question.levels[asked]
        areas.append(plain_area(np.bincount(bins[theirs], minlength=6), np.bincount(bins[~theirs], minlength=6)))
    return float(np.mean(areas))


def plain_area(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> float:
    """The chance that somebody inside is in a higher bin than somebody outside, ties counting half."""
    pairs = [
        (a * b) * (1.0 if i > j else 0.5 if i == j else 0.0)
        for i, a in enumerate(inside.tolist())
        for j, b in enumerate(outside.tolist())
    ]
    return float(sum(pairs) / (inside.sum() * outside.sum()))


def asked(world: ListWorld, rows: ListRows, door_of: PrivateRelease) -> Question:
    """What is asked about age by the model's list."""
    return ask(door_of.exposures(rows, world.design), world.design)["age", "model"]


def covers(estimate: Estimate, truth: float) -> bool:
    """Whether the interval holds the truth; an interval that says nothing always does."""
    return truth in estimate.interval
