"""Lists by hand and at random, and what is counted of them without any clever step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from privacy_worlds import door
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.exposures import LISTS, LeakageCells, ListDesign, ListRows
from tactful.privacy.guesses import GuessQuery, Question
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease

LEVELS = {"age": ("young", "middle", "old"), "home": ("town", "land")}
N_ITEMS = 40
OWN = 25
DESIGN = ListDesign.of(LEVELS, -np.arange(N_ITEMS, dtype=float), most_items=OWN)
"""Items 0 to 24 have entries of their own."""


@cache
def plan(epsilon: float = 4.0) -> RunPlan:
    """With what lists tell about groups."""
    budget = PrivacyBudget(epsilon=epsilon, delta=1e-6)
    return RunPlan.of(budget, max_items=40, evaluation_cells=20, leakage=LeakageCells.of(LEVELS))


def list_door(noise: NoiseSource, *, run: RunPlan | None = None) -> PrivateRelease:
    """A door that has exposures and guesses."""
    return door(noise, run=run or plan())


def rows(
    model: Sequence[Sequence[int]],
    codes: Sequence[Sequence[int]],
    halves: Sequence[int],
    popular: Sequence[Sequence[int]] | None = None,
) -> ListRows:
    """People by their lists, their codes of age and home, and their halves."""
    places = max(10, *map(len, model))
    lists = {
        name: np.array([[*row, *[-1] * (places - len(row))] for row in given], dtype=np.int64)
        for name, given in zip(LISTS, (model, model if popular is None else popular), strict=True)
    }
    by_person = np.array(codes, dtype=np.int64).reshape(len(model), 2)
    return ListRows(
        lists=lists, codes={"age": by_person[:, 0], "home": by_person[:, 1]}, halves=np.array(halves, dtype=np.int64)
    )


def random_rows(seed: int, people: int) -> ListRows:
    """Lists of different items, some short and some missing; levels, other, undisclosed and not assessed."""
    rng = np.random.default_rng(seed)
    lists = {name: np.argsort(rng.random((people, N_ITEMS)), axis=1)[:, :10] for name in LISTS}
    lengths = rng.integers(0, 11, people)
    lists = {name: np.where(np.arange(10) < lengths[:, None], found, -1) for name, found in lists.items()}
    codes = {"age": rng.integers(-1, 5, people), "home": rng.integers(-1, 4, people)}
    return ListRows(lists=lists, codes=codes, halves=rng.integers(0, 2, people))


def some(everybody: ListRows, which: NDArray[np.int64]) -> ListRows:
    """Some of the people."""
    return ListRows(
        lists={name: found[which] for name, found in everybody.lists.items()},
        codes={name: found[which] for name, found in everybody.codes.items()},
        halves=everybody.halves[which],
    )


def query(seed: int = 0, bins: int = 5) -> GuessQuery:
    """Any question about both attributes by both lists."""
    rng = np.random.default_rng(seed)
    return GuessQuery(
        design=DESIGN,
        questions={
            (attribute, name): Question(
                levels=tuple(range(len(levels))),
                says=rng.integers(-1000, 0, (len(levels), DESIGN.entries)),
                edges=np.sort(rng.integers(-3000, 3000, (len(levels) if len(levels) > 2 else 1, bins - 1)), axis=1),
            )
            for attribute, levels in LEVELS.items()
            for name in LISTS
        },
    )
