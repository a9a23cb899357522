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
def add_right_hand_sides(mine: _Int64, shares: _Int64, person: _Int64, total: _Int64) -> None:
    """The person's vector is added to each of their items, by its share."""
    for k in range(len(mine)):
        for c in range(len(person)):
            total[mine[k], c] += cut(shares[k], person[c])


@compiled
def add_gram(person: _Int64, total: _Int64) -> None:
    """The upper triangle of the person's outer product is added, row by row."""
    entry = 0
    for c in range(len(person)):
        for e in range(c, len(person)):
            total[entry] += cut(person[c], person[e])
            entry += 1


@compiled
def add_item_grams(mine: _Int64, shares: _Int64, person: _Int64, total: _Int64) -> None:
    """The upper triangle of the person's outer product is added to each of their items, by its share."""
    for k in range(len(mine)):
        entry = 0
        for c in range(len(person)):
            for e in range(c, len(person)):
                total[mine[k], entry] += cut(shares[k], cut(person[c], person[e]))
                entry += 1


@compiled
def add_people(
    starts: _Int64,
    items: _Int32,
    place: _Int32,
    factors: _Float,
    weights: _Float,
    prior: _Float,
    observed: float,
    least: float,
    sides: _Int64,
    gram: _Int64,
    item_grams: _Int64,
) -> None:
    """Each person has added to the sums that have rows; a sum without any is not asked for."""
    size = factors.shape[1]
    buffer = np.empty(len(factors), dtype=np.int64)
    vector, person = np.empty(size), np.empty(size, dtype=np.int64)
    for row in range(len(starts) - 1):
        length = head_items(items[starts[row] : starts[row + 1]], place, buffer)
        if length == 0:
            continue
        mine = buffer[:length]
        shares = np.empty(length, dtype=np.int64)
        if not solve(factors, mine, prior, observed, vector):
            continue
        if not (whole_numbers(vector, least, person) and whole_numbers(weights[mine], 0.0, shares)):
            continue
        if len(sides):
            add_right_hand_sides(mine, shares, person, sides)
        if len(gram):
            add_gram(person, gram)
        if len(item_grams):
            add_item_grams(mine, shares, person, item_grams)
