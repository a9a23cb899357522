"""Which of a person's items count where they have too many, compiled: those whose keyed hashes come first.

Notes
-----
The hash of an item is MD5 (RFC 1321) of ``pseudonym:item_id``, in the order of its hexadecimal digits, as SQL has it;
why MD5 is enough stands in `tactful.personal.engines.duckdb_rows`. The first sixteen digits decide. Where two of a
person's items share them, once in 10¹⁴ histories of 600 items, the first of the two counts: never more than k do.

Some messages go through each step side by side, for which processors have instructions. How loops are compiled
stands in `tactful.personal.kernels`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tactful.personal.kernels import compiled

_Int64 = NDArray[np.int64]
_Int32 = NDArray[np.int32]
_Bytes = NDArray[np.uint8]
_Words = NDArray[np.uint32]

_BESIDE = 32
_START = np.array([[0x67452301], [0xEFCDAB89], [0x98BADCFE], [0x10325476]], dtype=np.uint32)
_SINES = np.array([int(abs(math.sin(step)) * 2**32) for step in range(1, 65)], dtype=np.uint32)
_TURNS = np.repeat([[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]], 4, axis=0).ravel()
_TURNS = _TURNS.astype(np.uint32)
_PLACES = np.concatenate([(by * np.arange(16) + first) % 16 for by, first in ((1, 0), (5, 1), (3, 5), (7, 0))])


@compiled
def _take_in(state: _Words, words: _Words) -> None:
    """A block of each message has gone into its state."""
    before = state.copy()
    for step in range(64):
        a, b, c, d = -step & 3, (1 - step) & 3, (2 - step) & 3, (3 - step) & 3
        place, sine, turn = _PLACES[step], _SINES[step], _TURNS[step]
        for n in range(_BESIDE):
            if step < 16:
                mixed = state[d, n] ^ (state[b, n] & (state[c, n] ^ state[d, n]))
            elif step < 32:
                mixed = state[c, n] ^ (state[d, n] & (state[b, n] ^ state[c, n]))
            elif step < 48:
                mixed = state[b, n] ^ state[c, n] ^ state[d, n]
            else:
                mixed = state[c, n] ^ (state[b, n] | ~state[d, n])
            added = np.uint32(state[a, n] + mixed + words[place, n] + sine)
            state[a, n] = state[b, n] + (np.uint32(added << turn) | (added >> (np.uint32(32) - turn)))
    state += before


@compiled
def _turned(word: np.uint32) -> np.uint64:
    """The four bytes in the order of their digits."""
    w = np.uint64(word)
    return (w & 255) << 24 | (w >> 8 & 255) << 16 | (w >> 16 & 255) << 8 | w >> 24


@compiled
def first_digits(name: _Bytes, items: _Int32, texts: _Bytes, ends: _Int64) -> NDArray[np.uint64]:
    """The first sixteen digits of MD5 of the name and each item's text, which lies before its end."""
    longest = 0
    for item in items:
        longest = max(longest, ends[item + 1] - ends[item])
    words = np.empty((16 * ((len(name) + longest + 8) // 64 + 1), _BESIDE), dtype=np.uint32)
    opening = np.zeros((len(words), 1), dtype=np.uint32)
    for at in range(len(name)):
        opening[at >> 2, 0] |= np.uint32(name[at] << 8 * (at & 3))
    state, last = np.empty((4, _BESIDE), dtype=np.uint32), np.empty(_BESIDE, dtype=np.int64)
    digits = np.empty(len(items), dtype=np.uint64)
    for first in range(0, len(items), _BESIDE):
        some = items[first : first + _BESIDE]
        state[:], words[:] = _START, opening
        for n, item in enumerate(some):
            at = len(name)
            for place in range(ends[item], ends[item + 1]):
                words[at >> 2, n] |= np.uint32(texts[place] << 8 * (at & 3))
                at += 1
            words[at >> 2, n] |= np.uint32(0x80 << 8 * (at & 3))
            last[n] = (at + 8) // 64
            words[16 * last[n] + 14, n] = 8 * at
        for block in range(last[: len(some)].max() + 1):
            _take_in(state, words[16 * block : 16 * block + 16])
            for n in range(len(some)):
                if last[n] == block:
                    digits[first + n] = _turned(state[0, n]) << 32 | _turned(state[1, n])
    return digits


@compiled
def keep_drawn(
    starts: _Int64,
    lists: _Int32,
    lengths: _Int64,
    most: int,
    long: _Int64,
    names: _Bytes,
    name_ends: _Int64,
    texts: _Bytes,
    ends: _Int64,
    first: int,
    last: int,
) -> None:
    """Of the long lists, those from `first` before `last`, `most` items are left: in their order, at their start.

    Each has more than `most` items, and the name with the same number.
    """
    for which in range(first, last):
        row, left = long[which], 0
        mine = lists[starts[row] : starts[row + 1]]
        digits = first_digits(names[name_ends[which] : name_ends[which + 1]], mine, texts, ends)
        limit = np.partition(digits, most - 1)[most - 1]
        ties = most - (digits < limit).sum()
        for k in range(len(mine)):
            if digits[k] == limit:
                ties -= 1
            if digits[k] < limit or (digits[k] == limit and ties >= 0):
                mine[left] = mine[k]
                left += 1
        lengths[row] = left
