"""A sum in parts: what a task adds up of its own rows, what another adds up of such parts, and the sum they make.

Notes
-----
Nothing here knows Spark. A part is one row: where its numbers start in the sum, how many people they are of, and the
numbers as bytes, the lowest first. A task yields a part for each piece of the sum; a second task adds up parts of the
same piece; whoever receives one part for each piece has the sum.

Each part carries how many people it is of. These are added up like the numbers, and the sum is refused if one entry is
of more people than another, or of more or fewer than there are: a part that was lost or counted twice is found. It is
only how many people that is compared. Where a part is made again, of rows read again from a table that has changed
since, that shows if they are more or fewer, and not if they are other people or the same with other rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import TactfulError
from tactful.personal.people_sums import Sums

PARTS = pa.schema({"start": pa.int64(), "people": pa.int64(), "salt": pa.int32(), "numbers": pa.binary()})

Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """How a sum and the rows it is of are divided.

    Attributes
    ----------
    piece : int, numbers
        The most that one part holds: 1 MB. A task that adds up holds one piece of each kind that comes to it.
    batch : int, bytes
        Rows that are added up together: a million interactions, for which compiled loops are made.
    at_once : int, bytes
        Rows of which a task holds what `Sums.prepared` makes of them, some five times as much: eight million
        interactions. It sends parts of these before it reads more, so that no partition is too large.
    fan_in : int
        Parts of one piece that one task adds up; where there are more they are added up in two steps, a tree.
    held : int
        Pieces that a task that adds up holds on average.
    """

    piece: int = 1 << 17
    batch: int = 4 << 20
    at_once: int = 32 << 20
    fan_in: int = 64
    held: int = 16

    def pieces(self, sums: Sums) -> int:
        """How many parts make the sum."""
        return sum(math.ceil(size / self.piece) for size in sums.sizes)

    def tasks(self, parts: int, usual: int) -> int:
        """How many tasks add up so many parts: as many as there usually are, or more, so that none holds many."""
        return min(parts, max(usual, math.ceil(parts / self.held)))


def added(sums: Sums, batches: Iterable[pa.RecordBatch], *, division: Division, salt: int = 0) -> Batches:
    """What these rows add to each piece of the sum.

    Parameters
    ----------
    sums : Sums
    batches : iterable of pyarrow.RecordBatch
        One person in one row.
    division : Division
    salt : int, optional
        By which the parts are divided among those who add them up.

    Notes
    -----
    **Privacy.** *Reads* rows of people, where they lie. *Returns* exact sums over them, to those who add them up.
    *Costs* nothing. *Assumes* all of these are inside the trust boundary.
    """
    for together in _gathered(batches, division.at_once):
        prepared, people = [], 0
        for batch in _joined(together, division.batch):
            prepared.append(sums.prepared(batch))
            people += batch.num_rows
        first = 0
        for block, size in enumerate(sums.sizes):
            numbers = np.zeros(size, dtype=np.int64)
            for each in prepared:
                sums.add(each, block, numbers)
            for at in range(0, size, division.piece):
                yield _part(first + at, people, salt, numbers[at : at + division.piece])
            first += size


def summed(batches: Iterable[pa.RecordBatch]) -> Batches:
    """One part for each piece that comes: the sum of its parts, each of which is forgotten once it is added.

    Notes
    -----
    **Privacy.** *Reads* exact sums over people. *Returns* the same, added up. *Costs* nothing. *Assumes* what `added`
    assumes.
    """
    people: dict[int, int] = {}
    held: dict[int, NDArray[np.int64]] = {}
    for batch in batches:
        for start, n_people, numbers in _rows(batch):
            people[start] = people.get(start, 0) + n_people
            if start in held:
                held[start] += numbers
            else:
                held[start] = numbers.astype(np.int64)
    for start in sorted(held):
        yield _part(start, people[start], 0, held.pop(start))


def whole(batches: Iterable[pa.RecordBatch], *, size: int, n_people: int | None = None) -> NDArray[np.int64]:
    """The sum that these parts make.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        One part for each piece; none if there was no row.
    size : int
        Of the sum.
    n_people : int, optional
        How many people it is of, where that is known.

    Raises
    ------
    TactfulError
        Unless each entry is there once and is of as many people as all others, and as `n_people`.

    Notes
    -----
    **Privacy.** *Reads* exact sums over people. *Returns* one exact sum, for `tactful.privacy.release` only. *Costs*
    nothing by itself. *Assumes* what `added` assumes.
    """
    sums, spans = np.zeros(size, dtype=np.int64), list[tuple[int, int]]()
    counts = set[int]() if n_people is None else {n_people}
    for batch in batches:
        for start, people, numbers in _rows(batch):
            sums[start : start + len(numbers)] += numbers
            spans.append((start, start + len(numbers)))
            counts.add(people)
    starts, stops = [start for start, _ in sorted(spans)], [stop for _, stop in sorted(spans)]
    once = [0, *stops] == [*starts, size] if spans else not n_people
    if not once or len(counts) > 1:
        raise TactfulError(
            "a sum over people counts each of them once",
            given="parts of it do not fit each other",
            do="See that nobody writes to the tables while they are read, and run again",
        )
    return sums


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Of each part where it starts, how many people it is of, and its numbers, not copied."""
    starts, people = batch.column("start").to_pylist(), batch.column("people").to_pylist()
    for start, n_people, numbers in zip(starts, people, batch.column("numbers"), strict=True):
        yield start, n_people, np.frombuffer(numbers.as_buffer(), dtype="<i8")


def _part(start: int, people: int, salt: int, numbers: NDArray[np.int64]) -> pa.RecordBatch:
    """One row of `PARTS`."""
    values = ([start], [people], [salt], [numbers.astype("<i8").tobytes()])
    return pa.record_batch([pa.array(v, t) for v, t in zip(values, PARTS.types, strict=True)], schema=PARTS)


def _gathered(batches: Iterable[pa.RecordBatch], least: int) -> Iterator[Batches]:
    """The batches in groups, each ended by the one with which it has this many bytes. Go through each before the next.

    Nothing is held: a group takes from `batches` what it gives.
    """
    source = iter(batches)
    for first in source:
        yield _until(first, source, least)


def _until(first: pa.RecordBatch, source: Batches, least: int) -> Batches:
    """The batch, and those after it up to this many bytes."""
    held = first.nbytes
    yield first
    while held < least and (following := next(source, None)) is not None:
        held += following.nbytes
        yield following


def _joined(batches: Batches, least: int) -> Batches:
    """The same rows in larger batches: what is done once a batch for each item of the head is done less often."""
    for together in _gathered(batches, least):
        yield from pa.Table.from_batches(together).combine_chunks().to_batches()
