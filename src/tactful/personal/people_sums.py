"""Sums over people, wherever their rows lie: what an engine is told to add up, and the rows that it adds up.

Notes
-----
A statistic of `tactful.personal.contributions`, `grams` or `people_solves` is a sum over people of a vector of whole
numbers that depends on one person's items alone. An engine therefore needs no more than this: rows arrive in Arrow
batches, each person in one batch; whatever adds up a batch can be sent to where the batch is; parts are added modulo
2^64. Nothing depends on how people are divided into batches, on their order, or on which part arrives first; a part
that is computed again is the same part.

A sum that does not fit where it is computed is divided into blocks: a worker holds its rows and one block at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SCHEMA = pa.schema({"items": pa.list_(pa.int32()), "weight": pa.int16(), "leaning": pa.int16()})
"""One row a person: catalogue positions, rising and distinct; 255ths, missing where everybody counts whole."""


class Sums(Protocol):
    """What is added up. A value of plain numbers and arrays, which can be sent to a worker.

    Batches have the columns of `SCHEMA`, or those of the statement that they come from.
    """

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each block of the sum has. None is large: a worker holds a few blocks at once."""

    def prepared(self, batch: pa.RecordBatch) -> Any:
        """What all blocks need of a batch; no larger than a few times the batch."""

    def add(self, prepared: Any, block: int, total: NDArray[np.int64]) -> None:
        """What the people of a batch add to a block has been added to `total`, which has the block's size.

        Safe in several threads at once, one block each.
        """


class Rows(Protocol):
    """Bounded rows of training people, where the engine keeps them."""

    @property
    def n_people(self) -> int:
        """How many people have a row."""

    def total(self, sums: Sums) -> NDArray[np.int64]:
        """The sum over everybody, block after block; modulo 2^64."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lists:
    """The people of a batch as arrays.

    Attributes
    ----------
    starts : int64 array of shape (n_people + 1,)
        Where each person's items start; the first may be above 0.
    items : int32 array
        Catalogue positions; a person's are rising and distinct.
    weights, leanings : int64 array of shape (n_people,), or None
        255ths; None where everybody counts whole, or nobody leans.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.int64] | None
    leanings: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Self:
        """The arrays of a batch of `SCHEMA`; items are not copied."""
        lists = batch.column("items")
        return cls(
            starts=np.asarray(lists.offsets).astype(np.int64),
            items=np.asarray(lists.values),
            weights=_numbers(batch.column("weight")),
            leanings=_numbers(batch.column("leaning")),
        )

    def batch(self) -> pa.RecordBatch:
        """The batch of `SCHEMA` that these arrays are of; items are not copied."""
        first, last = int(self.starts[0]), int(self.starts[-1])
        offsets = pa.array((self.starts - first).astype(np.int32))
        columns = [pa.ListArray.from_arrays(offsets, pa.array(self.items[first:last]))]
        for numbers in (self.weights, self.leanings):
            columns.append(pa.nulls(len(self), pa.int16()) if numbers is None else pa.array(numbers.astype(np.int16)))
        return pa.record_batch(columns, schema=SCHEMA)


def _numbers(column: pa.Array) -> NDArray[np.int64] | None:
    """The column, or None if it says nothing."""
    return None if column.null_count == len(column) else column.to_numpy(zero_copy_only=False).astype(np.int64)
