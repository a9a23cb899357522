"""Small worlds for the private release: bounded matrices by hand, a ledger that only remembers, noise that is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.consent import OUTCOMES
from tactful.personal.doors import opened
from tactful.personal.held_rows import HeldRows
from tactful.personal.matrices import user_items
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.cells import CellDesign, GroupCells, ShareCells
from tactful.privacy.events import GaussianEvent
from tactful.privacy.ledger import Debit
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import Noise

CERTAIN = 1e-12
"""Below this a p-value rejects: a sound mechanism fails one such test in 10¹², a broken one every time."""


_BY_GROUP = {"people": (1.0, 1.0), "ndcg@10": (1.0, 2.0)}
DESIGN = CellDesign(
    overall={**_BY_GROUP, "lift": (0.5, 1.0)},
    groups={
        "age": GroupCells(levels=("young", "old", "undisclosed"), metrics=_BY_GROUP),
        "region": GroupCells(levels=("north", "south"), metrics={**_BY_GROUP, "known": (1.0, 0.5)}),
    },
    shares={("exposure@10", "department"): ShareCells(levels=("food", "drink", "else"), importance=1.5)},
)
"""An evaluation vector of each kind of cell."""


def catalogue(n_items: int) -> Catalogue:
    """Items i0, i1, … without features."""
    ids = np.array([f"i{i}" for i in range(n_items)])
    return Catalogue(item_ids=ids, titles=ids, features={})


def bounded(
    histories: Sequence[Sequence[int]], n_items: int, weights: Sequence[int] | None = None
) -> BoundedInteractions:
    """Each history as one person's row, through the back door that only tests may use."""
    rows = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
    items = np.array([i for h in histories for i in h], dtype=np.int64)
    return of_matrix(user_items(rows, items, n_items, len(histories)), weights)


def of_matrix(matrix: scipy.sparse.csr_array, weights: Sequence[int] | None = None) -> BoundedInteractions:
    """The matrix as bounded interactions, whatever it holds; people count so many 255ths, or whole."""
    return opened(
        BoundedInteractions,
        rows=HeldRows(user_items=matrix, weights=None if weights is None else np.array(weights, dtype=np.int64)),
        max_items=matrix.shape[1],
        catalogue=catalogue(matrix.shape[1]),
        weighted=weights is not None,
    )


def random_histories(seed: int, people: int, n_items: int, longest: int) -> list[list[int]]:
    """Histories of 1 … `longest` distinct items, the first items of the catalogue more popular."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, n_items + 1)
    share /= share.sum()
    lengths = rng.integers(1, longest + 1, people)
    return [sorted(rng.choice(n_items, size, replace=False, p=share).tolist()) for size in lengths]


def squared_norm(values: NDArray[np.int64]) -> int:
    """The squared L2 norm, in whole numbers of any size."""
    return sum(v * v for v in values.ravel().tolist())


class Outcomes:
    """Stands for consented interactions where only the people by outcome are asked for."""

    def __init__(self, **training: int) -> None:
        self._training = training

    def people_by_outcome(self) -> dict[str, dict[str, int]]:
        return {o: {"training": self._training.get(o, 0), "evaluation": 7} for o in OUTCOMES}


class Memory:
    """A ledger that lets everything through and remembers what happened; noise and statistics may write in it too."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def debit(self, _run: str, events: Sequence[GaussianEvent], **_: object) -> Debit:
        return Debit(id="d", run="r", names=tuple(event.name for event in events))

    def open(self, _debit: Debit, name: str) -> None:
        self.steps.append(f"open {name}")

    def released(self, _debit: Debit, name: str) -> None:
        self.steps.append(f"released {name}")


class NoNoise:
    """No noise at all: what is released is the exact sum."""

    kind: Noise = "reproducible"

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory
        self.asked: list[tuple[float, int]] = []

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        self.asked.append((sigma, size))
        if self._memory:
            self._memory.steps.append("draw")
        return np.zeros(size, dtype=np.int64)


@cache
def plan(epsilon: float = 4.0, max_items: int = 40, delta: float = 1e-6) -> RunPlan:
    budget = PrivacyBudget(epsilon=epsilon, delta=delta)
    return RunPlan.of(budget, max_items=max_items, evaluation_cells=DESIGN.touched)


def door(
    noise: NoiseSource,
    *,
    ledger: Any = None,
    run: RunPlan | None = None,
    kind: type[PrivateRelease] = PrivateRelease,
) -> PrivateRelease:
    """The release door over a ledger that only remembers."""
    return kind(ledger=ledger or Memory(), run="r", plan=run or plan(), noise=noise)
