"""Bounded rows in this process's memory, and how batches of rows are added up in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tactful.personal.matrices import of_lists
from tactful.personal.people_sums import Lists, Sums
from tactful.personal.threads import threads as _threads

_BATCH = 1 << 20  # interactions
_FEW = 1 << 12  # interactions: up to here a thread costs more than it saves


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class HeldRows:
    """Bounded rows of training people, in memory.

    Attributes
    ----------
    user_items : csr_array of shape (n_people, n_items), int8, ones
        Canonical. Read-only.
    weights, leanings : int64 array of shape (n_people,), or None
        See `tactful.personal.bounding.BoundedInteractions`. Read-only.
    """

    user_items: csr_array
    weights: NDArray[np.int64] | None = None
    leanings: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for numbers in (self.weights, self.leanings):
            if numbers is not None:
                numbers.flags.writeable = False

    @property
    def n_people(self) -> int:
        """How many people have a row."""
        return int(self.user_items.shape[0])

    def total(self, sums: Sums) -> NDArray[np.int64]:
        """See `tactful.personal.people_sums.Rows`."""
        total = zeros(sums)
        self.add_to(total, sums)
        return total

    def add_to(self, total: NDArray[np.int64], sums: Sums) -> None:
        """Everybody's part is added to the sum.

        Notes
        -----
        People stream past in batches of a million interactions, nobody divided. Blocks of the sum are shared among
        threads: each adds to numbers that no other thread touches.
        """
        add_up(self._batches(), sums, total, threads=_threads() if self.user_items.nnz > _FEW else 1)

    def part(self, kept: NDArray[np.bool_]) -> Self:
        """These people alone."""
        rows = self.user_items[np.flatnonzero(kept)]
        weights, leanings = (None if v is None else v[kept] for v in (self.weights, self.leanings))
        return type(self)(
            user_items=of_lists(rows.indptr, rows.indices, rows.shape[1]), weights=weights, leanings=leanings
        )

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """People in batches of about a million interactions, nobody divided."""
        starts, items = (self.user_items.indptr, self.user_items.indices.astype(np.int32, copy=False))
        first = 0
        while first < self.n_people:
            last = int(np.searchsorted(starts, starts[first] + _BATCH, side="right")) - 1
            last = min(max(last, first + 1), self.n_people)
            weights, leanings = (None if v is None else v[first:last] for v in (self.weights, self.leanings))
            mine = starts[first : last + 1].astype(np.int64)
            yield Lists(starts=mine, items=items, weights=weights, leanings=leanings).batch()
            first = last


def add_up(
    batches: Iterable[pa.RecordBatch], sums: Sums, total: NDArray[np.int64], *, threads: int | None = None
) -> None:
    """What the rows of all batches add is added to `total`, which has the sum of the blocks' sizes.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Read one by one; two are held at once.
    sums : Sums
    total : int64 array
        Block after block.
    threads : int, optional
        Each has blocks of its own; as many as there are processors if not given.
    """
    parts = np.split(total, np.cumsum(sums.sizes)[:-1])
    threads = min(_threads() if threads is None else threads, len(parts))
    if threads == 1:
        for batch in batches:
            prepared = sums.prepared(batch)
            for block, part in enumerate(parts):
                sums.add(prepared, block, part)
        return
    running: list[Future[None]] = []
    with ThreadPoolExecutor(threads) as pool:
        for batch in batches:
            prepared = sums.prepared(batch)  # while the batch before is added
            _finished(running)
            running = [pool.submit(sums.add, prepared, block, part) for block, part in enumerate(parts)]
        _finished(running)


def _finished(running: Iterable[Future[None]]) -> None:
    """All are done; raise what one raised."""
    for part in running:
        part.result()


def zeros(sums: Sums) -> NDArray[np.int64]:
    """The sum over nobody."""
    return np.zeros(sum(sums.sizes), dtype=np.int64)
