"""One person's least-squares solve and what it adds to integer sums, compiled; see `tactful.personal.people_solves`.

Notes
-----
Each person is gone through alone, by the same operations in the same order wherever their row stands: no blocks, no
matrix products over several people. What one person adds depends to the last bit on nothing but their own items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.personal.kernels import compiled

_Int64 = NDArray[np.int64]
_Int32 = NDArray[np.int32]
_Float = NDArray[np.float64]

_BITS = 20
SOLVED_SCALE = 1 << _BITS


@compiled
def head_items(items: _Int32, place: _Int32, mine: _Int64) -> int:
    """The head rows of these items are in `mine`; how many there are comes back."""
    length = 0
    for item in items:
        if place[item] >= 0:
            mine[length] = place[item]
            length += 1
    return length


@compiled
def solve(factors: _Float, mine: _Int64, prior: _Float, observed: float, out: _Float) -> bool:
    """`out` is (prior + observed·Σ v vᵀ)⁻¹ Σ v over the person's items, by Cholesky; False if that cannot be."""
    size = len(out)
    lower = prior.copy()
    for c in range(size):
        out[c] = 0.0
    for item in mine:
        for c in range(size):
            out[c] += factors[item, c]
            if observed > 0.0:
                for e in range(c + 1):
                    lower[c, e] += observed * factors[item, c] * factors[item, e]
    for c in range(size):
        for e in range(c + 1):
            left = lower[c, e]
            for b in range(e):
                left -= lower[c, b] * lower[e, b]
            if e < c:
                lower[c, e] = left / lower[e, e]
            elif left > 0.0:
                lower[c, c] = np.sqrt(left)
            else:
                return False
    for c in range(size):
        for b in range(c):
            out[c] -= lower[c, b] * out[b]
        out[c] /= lower[c, c]
    for c in range(size - 1, -1, -1):
        for b in range(c + 1, size):
            out[c] -= lower[b, c] * out[b]
        out[c] /= lower[c, c]
    return True


@compiled
def whole_numbers(values: _Float, least: float, out: _Int64) -> bool:
    """`out` is the vector over max(norm, least) in units of 2⁻²⁰, its norm at most 2²⁰; False if there is no vector.

    Floats propose, whole numbers decide: while the exact squared norm is above 2⁴⁰, entries move toward zero.
    """
    squared = 0.0
    for value in values:
        squared += value * value
    norm = max(np.sqrt(squared), least)
    if not (0.0 < norm < np.inf):
        return False
    for c in range(len(values)):
        share = values[c] / norm
        if not (-1.0 <= share <= 1.0):
            share = 0.0
        out[c] = np.int64(share * SOLVED_SCALE)  # toward zero
    while _squared_norm(out) > 1 << (2 * _BITS):
        for c in range(len(out)):
            out[c] -= np.sign(out[c])
    return True


@compiled
def _squared_norm(values: _Int64) -> int:
    """In whole numbers: each is at most 2²⁰ in absolute value, so that 2²² of them fit an int64."""
    total = 0
    for value in values:
        total += value * value
    return total


@compiled
def cut(left: int, right: int) -> int:
    """The product over 2²⁰, toward zero."""
    product = left * right
    return product >> _BITS if product >= 0 else -((-product) >> _BITS)


@compiled
def solved_people(
    starts: _Int64,
    items: _Int32,
    place: _Int32,
    factors: _Float,
    weights: _Float,
    prior: _Float,
    observed: float,
    least: float,
) -> tuple[_Int64, _Int64, _Int64, _Int64]:
    """Each person's head rows, the shares of those, and vectors: where each starts, and they one after another.

    Whoever has no item in the head, or no solution, has no rows, and zeros for a vector.
    """
    n_people, size = len(starts) - 1, factors.shape[1]
    begins = np.zeros(n_people + 1, dtype=np.int64)
    rows, shares = np.empty((2, starts[-1] - starts[0]), dtype=np.int64)
    vector, vectors = np.empty(size), np.zeros((n_people, size), dtype=np.int64)
    for person in range(n_people):
        begin = begins[person]
        length = head_items(items[starts[person] : starts[person + 1]], place, rows[begin:])
        mine, found = rows[begin : begin + length], False
        if length > 0 and solve(factors, mine, prior, observed, vector):
            found = whole_numbers(vector, least, vectors[person])
            found = found and whole_numbers(weights[mine], 0.0, shares[begin : begin + length])
        if not found:
            vectors[person] = 0
        begins[person + 1] = begin + length if found else begin
    return begins, rows[: begins[-1]], shares[: begins[-1]], vectors


@compiled
def add_right_hand_sides(
    begins: _Int64, rows: _Int64, shares: _Int64, vectors: _Int64, first: int, last: int, total: _Int64
) -> None:
    """Each person's vector is added to each of their rows from `first` before `last`, by its share."""
    size = vectors.shape[1]
    for person in range(len(vectors)):
        for k in range(begins[person], begins[person + 1]):
            if first <= rows[k] < last:
                start = (rows[k] - first) * size
                for c in range(size):
                    total[start + c] += cut(shares[k], vectors[person, c])


@compiled
def add_gram(vectors: _Int64, total: _Int64) -> None:
    """The upper triangles of everybody's outer product are added, row by row."""
    size = vectors.shape[1]
    for person in range(len(vectors)):
        entry = 0
        for c in range(size):
            for e in range(c, size):
                total[entry] += cut(vectors[person, c], vectors[person, e])
                entry += 1


@compiled
def add_item_grams(
    begins: _Int64, rows: _Int64, shares: _Int64, vectors: _Int64, first: int, last: int, total: _Int64
) -> None:
    """The upper triangle of each outer product is added to each of the person's rows from `first` before `last`."""
    size = vectors.shape[1]
    pairs = size * (size + 1) // 2
    for person in range(len(vectors)):
        for k in range(begins[person], begins[person + 1]):
            if first <= rows[k] < last:
                entry = (rows[k] - first) * pairs
                for c in range(size):
                    for e in range(c, size):
                        total[entry] += cut(shares[k], cut(vectors[person, c], vectors[person, e]))
                        entry += 1
