"""Bounded rows out of DuckDB: all of them at once where they fit, else range after range of people.

Notes
-----
A person is the rank of their pseudonym, and a pseudonym is a keyed hash: a range of people is a range of that hash, who
is in it says nothing about anybody. Of admitted rows that do not fit, one range at a time is fetched, bounded, handed
on in batches and forgotten; for the next statistic again. Memory grows with the range, time with the number of
statistics. Nothing is written to disk, and the sum is the same to the last bit whatever the ranges are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.personal.engines.base import Session
from tactful.personal.held_rows import HeldRows, zeros
from tactful.personal.matrices import of_lists, user_items
from tactful.personal.people_sums import Rows, Sums

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
_DRAWN = """
SELECT UNNEST(MIN_BY(l.entry, MD5(CONCAT(p.pseudonym, ':', i.item_id)), {})) AS entry
FROM long_held l
JOIN people p ON p.person = l.person
JOIN items i ON i.item = l.item
GROUP BY l.person
"""


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
        places = held["person"] - np.int32(first)
        present = np.bincount(places) > 0
        everything = user_items((np.cumsum(present) - 1)[places], held["item"], self.n_items)
        people = first + np.flatnonzero(present)
        return HeldRows(
            user_items=self._within(people, everything),
            weights=self._numbers("weight", people),
            leanings=self._numbers("leaning", people),
        )

    def _within(self, people: NDArray[np.intp], everything: csr_array) -> csr_array:
        """The rows, of which those with more than `max_items` items keep the drawn ones."""
        starts, items = everything.indptr, everything.indices
        lengths = np.diff(starts)
        entries = np.flatnonzero(np.repeat(lengths > self.max_items, lengths))
        if not len(entries):
            return everything
        asked = {
            "entry": entries,
            "person": np.repeat(people, lengths)[entries],
            "item": items[entries],
        }
        self.session.put("long_held", pa.table(asked))
        try:
            drawn = self.session.query(_DRAWN.format(self.max_items))["entry"]
        finally:
            self.session.drop("long_held")
        stays = np.repeat(lengths <= self.max_items, lengths)
        stays[drawn] = True
        left = np.add.reduceat(stays, starts[:-1], dtype=np.int64)  # nobody is here without an item
        return of_lists(np.concatenate([[0], np.cumsum(left)]), items[stays], everything.shape[1])

    def _numbers(self, name: str, people: NDArray[np.intp]) -> NDArray[np.int64] | None:
        """How many 255ths these people count, if that was asked for."""
        if self.counts is None or name not in self.counts.column_names:
            return None
        known, numbers = (self.counts[column].to_numpy().astype(np.int64) for column in ("person", name))
        order = np.argsort(known)
        found: NDArray[np.int64] = numbers[order][np.searchsorted(known, people, sorter=order)]
        return found


def _ranges(people: NDArray[np.int64], rows: NDArray[np.int64], at_once: int) -> list[tuple[int, int]]:
    """Ranges of people, each from its first before its last, of at most so many rows, or of one person."""
    ends, ranges, first = np.cumsum(rows), [], 0
    while first < len(people):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + at_once, side="right")), first + 1)
        ranges.append((int(people[first]), int(people[last - 1]) + 1))
        first = last
    return ranges
