"""The item–item Gram in Python's own integers, person by person; nothing compiled but t and s."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tactful.personal import gram_kernels
from tactful.personal.contributions import SCALE
from tactful.personal.grams import DIAGONAL_DIVISOR
from tactful.privacy.statistics import GramQuery

N_ITEMS = 12
History = Sequence[int]


def query(head: Sequence[int], weights: Sequence[int], direction: Sequence[int], taken: float = 1.0) -> GramQuery:
    """A query of these whole numbers."""
    return GramQuery(head=np.array(head), weights=np.array(weights), direction=np.array(direction), taken=taken)


def shares(
    history: History, asked: GramQuery, found: object = gram_kernels.shares, norm: int = SCALE
) -> tuple[int, int]:
    """One person's t and s, alone; they may add `norm`."""
    mine = np.flatnonzero(np.isin(asked.head, list(history))).astype(np.int32)
    numbers = asked.weights, asked.direction, asked.taken
    times, shifts = found(np.array([0, len(mine)]), mine, *numbers, np.array([norm]))  # type: ignore[operator]
    return int(times[0]), int(shifts[0])


def vector(history: History, asked: GramQuery, t: int, s: int) -> list[int]:
    """z = t·a∘x − s·D over the whole head."""
    used = np.isin(asked.head, list(history)).tolist()
    return [t * a * x - s * d for a, x, d in zip(asked.weights.tolist(), used, asked.direction.tolist(), strict=True)]


def triangle(z: Sequence[int]) -> list[int]:
    """z_i² on the diagonal and c·z_i z_j beside it, of the upper triangle, row by row; c is the diagonal's divisor."""
    return [
        z[i] * z[j] * (1 if i == j else DIAGONAL_DIVISOR) for i, j in combinations_with_replacement(range(len(z)), 2)
    ]


def triangle_norm(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """√(c²p + f) of vectors in the last axis: p = Σ y_i² y_j² over pairs = (n² − f)/2, n = Σ y², f = Σ y⁴."""
    n, f = (y**2).sum(axis=-1), (y**4).sum(axis=-1)
    made: NDArray[np.float64] = np.sqrt(np.maximum(DIAGONAL_DIVISOR**2 * (n**2 - f) / 2 + f, 0.0))
    return made


def gram(histories: Sequence[History], asked: GramQuery) -> list[int]:
    """Everybody's triangle, added up."""
    total = [0] * (len(asked.head) * (len(asked.head) + 1) // 2)
    for history in histories:
        added = triangle(vector(history, asked, *shares(history, asked)))
        total = [one + other for one, other in zip(total, added, strict=True)]
    return total


def matrix(upper: NDArray[np.int64] | Sequence[int], n_head: int) -> NDArray[np.int64]:
    """The symmetric matrix of an upper triangle."""
    made = np.zeros((n_head, n_head), dtype=np.int64)
    made[np.triu_indices(n_head)] = upper
    return made + np.triu(made, 1).T


def textbook(histories: Sequence[History], asked: GramQuery) -> NDArray[np.float64]:
    """c·y yᵀ over the norm of its triangle, summed, y the weighted history less what is taken out of it.

    In floats, from the docstring of `ItemGram`; who has nothing of the head or nothing off the direction adds nothing.
    """
    total = np.zeros((len(asked.head), len(asked.head)))
    along = asked.unit_direction
    for history in histories:
        x = np.isin(asked.head, list(history)) * asked.weights.astype(float)
        y = x - asked.taken * (x @ along) * along
        if x.any() and np.linalg.norm(y) > 1e-9 * np.linalg.norm(x):
            total += DIAGONAL_DIVISOR * np.outer(y, y) / float(triangle_norm(y))
    return total


histories = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=N_ITEMS, unique=True), max_size=7)
whole = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 254, 255]))


@st.composite
def queries(draw: st.DrawFn, *, centred: bool | None = None) -> GramQuery:
    """Any head, weights and direction that the rules allow: plain, parallel and hostile ones among them."""
    head = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=N_ITEMS, unique=True))
    many = {"min_size": len(head), "max_size": len(head)}
    weights = draw(st.one_of(st.just([1] * len(head)), st.lists(whole.map(lambda n: max(n, 1)), **many)))
    none, parallel = st.just([0] * len(head)), st.just(weights)
    any_direction = st.one_of(st.lists(whole, **many), st.lists(st.sampled_from([0, 255]), **many), parallel)
    direction = draw({None: st.one_of(none, any_direction), True: any_direction, False: none}[centred])
    return query(head, weights, direction, draw(st.sampled_from([1.0, 0.5, 1e-6])))


def random_query(seed: int, n_head: int, *, hostile: bool = False, taken: float = 1.0) -> GramQuery:
    """As a run makes it, of a popularity that falls from item to item; or any numbers in range."""
    rng = np.random.default_rng(seed)
    if hostile:
        return query(range(n_head), rng.integers(1, 256, n_head), rng.choice([0, 1, 255], n_head))  # type: ignore[arg-type]
    popular = 1 / np.arange(1, n_head + 1)
    weights = np.minimum(np.rint(8 * popular**-0.3), 255)
    direction = np.rint(64 * weights * popular / (weights * popular).max())
    return query(rng.permutation(n_head), weights.astype(int), direction.astype(int), taken)  # type: ignore[arg-type]
