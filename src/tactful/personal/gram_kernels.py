"""Loops over people's rows for the item–item Gram, compiled: exact int64 sums, without the interpreter's lock.

What they add up and why it is exact stands in `tactful.personal.grams`; how they are compiled in
`tactful.personal.kernels`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.personal.kernels import by_row, compiled, head_lists

__all__ = ["add_pairs", "add_shifts", "by_row", "finish", "head_lists", "shares"]

_PAIR = 3  # times the weight of a diagonal entry; `tactful.personal.grams.DIAGONAL_DIVISOR`
_Int64 = NDArray[np.int64]
_Int32 = NDArray[np.int32]


@compiled
def shares(
    begins: _Int64, lists: _Int32, weights: _Int64, direction: _Int64, taken: float, norms: _Int64
) -> tuple[_Int64, _Int64]:
    """Each person's t and s: as large as floats propose and whole numbers allow, 0 for who has no item.

    Pairs at 3·z_i·z_j and the diagonal at z_i² have a norm of at most the person's own, in whole numbers; none is
    above 2³⁰.
    """
    n_people = len(begins) - 1
    times, shifts = np.zeros(n_people, dtype=np.int64), np.zeros(n_people, dtype=np.int64)
    squares, fourths = np.int64(0), np.int64(0)
    for place in range(len(direction)):
        squares += direction[place] ** 2
        fourths += direction[place] ** 4
    for person in range(n_people):
        mine, scale = lists[begins[person] : begins[person + 1]], norms[person]
        largest = np.int64(np.sqrt(scale))
        if len(mine) == 0:
            continue
        share = 0.0
        if squares > 0:
            along = 0
            for place in mine:
                along += weights[place] * direction[place]
            share = taken * along / squares
        second, fourth = share**2 * squares, share**4 * fourths
        for place in mine:
            away, before = weights[place] - share * direction[place], share * direction[place]
            second += away**2 - before**2
            fourth += away**4 - before**4
        norm = np.sqrt(max(_PAIR**2 * (second**2 - fourth) / 2 + fourth, 0.0))
        t = largest if norm * largest**2 <= scale else np.int64(np.sqrt(scale / norm))
        while t > 0:
            s = np.int64(np.rint(t * share))
            if fits(mine, weights, direction, squares, fourths, t, s, scale):
                times[person], shifts[person] = t, s
                break
            t -= 1 + (t >> 10)
    return times, shifts


@compiled
def fits(
    mine: _Int32,
    weights: _Int64,
    direction: _Int64,
    squares: np.int64,
    fourths: np.int64,
    t: np.int64,
    s: np.int64,
    scale: int,
) -> bool:
    """Whether 9p + f ≤ scale² for z = t·a − s·D, n = Σ z², f = Σ z⁴ and p = (n² − f)/2, in whole numbers.

    n is exact: t ≤ 2¹⁵, a ≤ 255 and the 4,096 items that a plan pays for keep each of its parts below 2⁶². Where n ≤
    scale ≤ 2³⁰, f ≤ n² ≤ 2⁶⁰ is exact modulo 2⁶⁴, whatever its parts are, and 9p + f < 2⁶³; where n > scale, 9p + f
    is at least n² and too large.
    """
    n, f = s * s * squares, s * s * s * s * fourths
    for place in mine:
        z, before = t * weights[place] - s * direction[place], s * direction[place]
        n += z * z - before * before
        f += z * z * z * z - before * before * before * before
    return bool(n <= scale and _PAIR * _PAIR * ((n * n - f) // 2) + f <= scale * scale)


@compiled
def add_shifts(begins: _Int64, lists: _Int32, times: _Int64, shifts: _Int64, along: _Int64, squares: _Int64) -> None:
    """t·s is added to each of a person's items, and s² to the one number."""
    for person in range(len(times)):
        s = shifts[person]
        if s > 0:
            squares[0] += s * s
            for k in range(begins[person], begins[person + 1]):
                along[lists[k]] += times[person] * s


@compiled
def add_pairs(
    begins: _Int64,
    lists: _Int32,
    ends: _Int64,
    people: _Int32,
    places: _Int32,
    times: _Int64,
    first: int,
    last: int,
    strip: _Int64,
) -> None:
    """Everybody has added t² to the pairs and the diagonal of their head items, in the rows from `first` before `last`.

    Row by row of the upper triangle, which lie in `strip` one after another: a row fits the cache, the triangle does
    not. Places are unsigned because a signed one is asked each time whether it counts from the end.
    """
    n_head = len(ends) - 1
    sums, entry = np.zeros(n_head, dtype=np.int64), 0
    for row in range(first, last):
        for k in range(ends[row], ends[row + 1]):
            t, end = times[people[k]], begins[people[k] + 1]
            amount = t * t
            for b in range(np.uint64(places[k]), np.uint64(end)):
                sums[np.uint64(lists[b])] += amount
        for column in range(row, n_head):
            strip[entry] += sums[column]
            sums[column] = 0
            entry += 1


@compiled
def finish(upper: _Int64, weights: _Int64, direction: _Int64, along: _Int64, squares: int) -> None:
    """From sums of t², t·s and s² to 3 Σ z_i z_j and, on the diagonal, Σ z_i²."""
    n_head, entry = len(weights), 0
    for i in range(n_head):
        a, d = weights[i], direction[i]
        mine = a * along[i]
        for j in range(i, n_head):
            theirs = weights[j] * along[j]
            total = a * weights[j] * upper[entry] - mine * direction[j] - theirs * d + squares * d * direction[j]
            upper[entry] = total if i == j else _PAIR * total
            entry += 1
