"""Bounded rows out of DuckDB: all of them at once where they fit, else range after range of people.

Notes
-----
A person is the rank of their pseudonym, and a pseudonym is a keyed hash: a range of people is a range of that hash, who
is in it says nothing about anybody. Of admitted rows that do not fit, one range at a time is fetched, bounded, handed
on in batches and forgotten; for the next statistic again. Memory grows with the range, time with the number of
statistics. Nothing is written to disk, and the sum is the same to the last bit whatever the ranges are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.personal.engines.base import Session
from tactful.personal.held_rows import HeldRows, zeros
from tactful.personal.matrices import lists_of_rows, of_lists
from tactful.personal.people_sums import Rows, Sums
from tactful.personal.threads import in_ranges

AT_ONCE = 32_000_000
"""So many admitted rows are held at once unless asked otherwise: about 1 GB while they are put in order."""

_COUNT = "SELECT COUNT(*) AS n FROM admitted"
_ROWS = """
SELECT a.person, COUNT(*) AS n FROM admitted a
JOIN people p ON p.person = a.person
WHERE p.part = 'training'
GROUP BY a.person
ORDER BY a.person
"""
_HELD = """
SELECT a.person, a.item FROM admitted a
JOIN people p ON p.person = a.person
WHERE p.part = 'training'
"""
_RANGE = " AND a.person >= {} AND a.person < {}"
# MD5 needs no key of its own: the pseudonym is an HMAC under a secret key, so nobody without it can tell or choose
# which items of a person are kept. Only those with more than k items are hashed. The item's id, not its position,
# decides: reordering the catalogue or adding to it changes nothing. No other person's rows enter.
# Two of a person's items with one MD5 would be a collision under a prefix that nobody knows.
_NAMES = """
SELECT CONCAT(p.pseudonym, ':') AS name FROM people p
JOIN long_lists l ON l.person = p.person
ORDER BY p.person
"""
_TEXTS = "SELECT item_id FROM items ORDER BY item"


def bounded(
    session: Session, *, max_items: int, n_items: int, counts: pa.Table | None = None, at_once: int = AT_ONCE
) -> Rows:
    """See `tactful.personal.engines.base.Session.bounded`.

    Parameters
    ----------
    session : Session
        Of people who are numbers.
    max_items, n_items, counts
        As there.
    at_once : int
        How many admitted rows may be held in memory.

    Notes
    -----
    **Privacy.** *Reads* the admitted items of training people. *Returns* exact rows, to
    `tactful.personal.bounding.bound`. *Costs* nothing; nothing leaves. *Assumes* a person's number is the rank of their
    pseudonym.
    """
    reader = _Reader(session=session, max_items=max_items, n_items=n_items, counts=counts)
    if int(session.query(_COUNT)["n"][0]) <= at_once:
        return reader.rows()
    found = session.query(_ROWS)
    people = found["person"].astype(np.int64)
    ranges = _ranges(people, found["n"].astype(np.int64), at_once)
    return RangedRows(reader=reader, ranges=tuple(ranges), n_people=len(people))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class RangedRows:
    """Bounded rows that stay in DuckDB, and are read range by range each time that something is added up."""

    reader: _Reader
    ranges: tuple[tuple[int, int], ...]
    n_people: int

    def total(self, sums: Sums) -> NDArray[np.int64]:
        """See `tactful.personal.people_sums.Rows`."""
        total = zeros(sums)
        for first, last in self.ranges:
            self.reader.rows(first, last).add_to(total, sums)
        return total


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class _Reader:
    """Reads and bounds the rows of everybody, or of a range of people."""

    session: Session
    max_items: int
    n_items: int
    counts: pa.Table | None

    def rows(self, first: int = 0, last: int | None = None) -> HeldRows:
        """Those of the people from `first` before `last`."""
        held = self.session.query(_HELD if last is None else _HELD + _RANGE.format(first, last))
        places = held["person"] - np.int32(first) if first else held["person"]
        starts, items = lists_of_rows(places, held["item"], int(places.max(initial=-1)) + 1, self.n_items)
        present = np.flatnonzero(np.diff(starts))
        people, starts = first + present, starts[np.append(present, len(starts) - 1)]
        return HeldRows(
            user_items=of_lists(*_within(self.session, people, starts, items, most=self.max_items), self.n_items),
            weights=self._numbers("weight", people),
            leanings=self._numbers("leaning", people),
        )

    def _numbers(self, name: str, people: NDArray[np.intp]) -> NDArray[np.int64] | None:
        """How many 255ths these people count, if that was asked for."""
        if self.counts is None or name not in self.counts.column_names:
            return None
        known, numbers = (self.counts[column].to_numpy().astype(np.int64) for column in ("person", name))
        order = np.argsort(known)
        found: NDArray[np.int64] = numbers[order][np.searchsorted(known, people, sorter=order)]
        return found


def _within(
    session: Session, people: NDArray[np.intp], starts: NDArray[np.int64], items: NDArray[np.int32], *, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where these people's lists start, and the lists, of which those of more than `most` items keep the drawn ones."""
    lengths = np.diff(starts)
    long = np.flatnonzero(lengths > most)
    if not len(long):
        return starts, items
    from tactful.personal import draw_kernels, kernels  # late: whoever only asks for help waits for no compiler

    session.put("long_lists", pa.table({"person": people[long]}))
    try:
        names = _packed(session.query(_NAMES)["name"])
    finally:
        session.drop("long_lists")
    asked = starts, items, lengths, most, long, *names, *_packed(session.query(_TEXTS)["item_id"])
    in_ranges(lambda *ends: draw_kernels.keep_drawn(*asked, *ends), len(long))
    found: tuple[NDArray[np.int64], NDArray[np.int32]] = kernels.closed_up(starts, items, lengths)
    return found


def _packed(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts in UTF-8 one after another, and where each starts, and the end."""
    encoded = [text.encode() for text in texts]
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([0, *map(len, encoded)])


def _ranges(people: NDArray[np.int64], rows: NDArray[np.int64], at_once: int) -> list[tuple[int, int]]:
    """Ranges of people, each from its first before its last, of at most so many rows, or of one person."""
    ends, ranges, first = np.cumsum(rows), [], 0
    while first < len(people):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + at_once, side="right")), first + 1)
        ranges.append((int(people[first]), int(people[last - 1]) + 1))
        first = last
    return ranges
