"""A synthetic lake: interactions, consents and items of made-up people in Parquet files, as large as a disk holds.

Files are written chunk after chunk, so that memory stays below 1 GiB whatever the size; the same seed writes the same
rows. A shop's habits are copied where they decide about time and memory: rows lie in the order of their times, so that
everybody's are spread over all files; items follow Zipf's law; histories have log-normal lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from tactful.errors import UsageError

START, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 900
CATEGORIES = ("food", "drink", "home", "family")
PURPOSE = "personalization.training"
_DAY = 86_400_000_000
_CHUNK = 4_000_000  # interactions of one file
_PEOPLE = 1_000_000  # whose consents are written together
_SPREAD = 1.0  # standard deviation of the logarithm of the length of a history
_LONGEST = 20  # times the mean
_FIRST_DAYS = 30  # in which people are asked for the first time
_REFUSE, _WITHDRAW, _RETURN = 0.1, 0.25, 0.4
_IDS = {"user": "user-", "item": "item-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """How large a lake is, and what it is made of.

    Attributes
    ----------
    interactions, people, items : int
    seed : int

    Raises
    ------
    UsageError
        If a number is below 1, or there are fewer interactions than people.
    """

    interactions: int
    people: int
    items: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.people <= self.interactions or self.items < len(CATEGORIES):
            raise UsageError(
                f"a lake has a person, an interaction for each, and {len(CATEGORIES)} items",
                given=f"{self.interactions} interactions of {self.people} people, {self.items} items",
                do="Raise them",
            )

    def write(self, folder: Path) -> None:
        """The folder holds ``interactions/``, ``consents/`` and ``items.parquet``; see the functions below."""
        for part in ("interactions", "consents"):
            (folder / part).mkdir(parents=True)
        for number, table in enumerate(self.log()):
            _write(table, folder / "interactions" / f"part-{number:05d}.parquet")
        for number, table in enumerate(self.consents()):
            _write(table, folder / "consents" / f"part-{number:05d}.parquet")
        _write(self.catalogue(), folder / "items.parquet")

    def log(self) -> Iterator[pa.Table]:
        """Interactions, file after file, in the order of their times.

        Each file holds the same share of each history, so that nobody's lie together.
        """
        lengths = self._lengths()
        users, items = _names("user", 0, self.people), _names("item", 0, self.items)
        files = -(-self.interactions // _CHUNK)
        for number in range(files):
            rng = np.random.default_rng([self.seed, 1, number])
            shares = lengths * (number + 1) // files - lengths * number // files
            who = np.repeat(np.arange(self.people, dtype=np.int32), shares)
            rng.shuffle(who)
            what = self._items(rng, len(who))
            days = (number + np.sort(rng.random(len(who)))) / files * DAYS
            yield pa.table(
                {
                    "user_id": users.take(pa.array(who)),
                    "item_id": items.take(pa.array(what)),
                    "timestamp": _times(days),
                }
            )

    def consents(self) -> Iterator[pa.Table]:
        """What people said, a million of them at a time: given or refused first, withdrawn later, some given again.

        Everybody is asked once in the first 30 days; each word after it comes some time after the one before. A fifth
        of the first words is about the parent of the purpose.
        """
        for first in range(0, self.people, _PEOPLE):
            rng, count = np.random.default_rng([self.seed, 2, first]), min(_PEOPLE, self.people - first)
            names, told = _names("user", first, count), []
            who, days = np.arange(count, dtype=np.int32), rng.random(count) * _FIRST_DAYS
            states = np.where(rng.random(count) < _REFUSE, 1, 0)
            purposes = np.where(rng.random(count) < 0.2, 1, 0)
            while len(who):
                told.append((who, days, states, purposes))
                again = rng.random(len(who)) < np.where(states == 0, _WITHDRAW, _RETURN)
                who, purposes = who[again], purposes[again]
                days = days[again] + rng.random(len(who)) * (DAYS - days[again])
                states = np.where(states[again] == 0, 2, 0)
            yield self._said(names, *(np.concatenate(column) for column in zip(*told, strict=True)))

    def catalogue(self) -> pa.Table:
        """Items, the most popular first, with a category each."""
        places = np.arange(self.items)
        categories = pa.array(CATEGORIES).take(pa.array(places % len(CATEGORIES)))
        return pa.table({"item_id": _names("item", 0, self.items), "category": categories})

    def _lengths(self) -> NDArray[np.int64]:
        """How many interactions each person has: log-normal and bounded, and together as many as asked for."""
        rng = np.random.default_rng([self.seed, 0])
        weights = np.minimum(rng.lognormal(-(_SPREAD**2) / 2, _SPREAD, self.people), _LONGEST)
        free = self.interactions - self.people  # everybody has one
        ends = np.round(np.cumsum(weights) / weights.sum() * free).astype(np.int64)
        lengths: NDArray[np.int64] = 1 + np.diff(ends, prepend=0)
        return lengths

    def _items(self, rng: np.random.Generator, count: int) -> NDArray[np.int32]:
        """Items by Zipf's law: as often as one over their rank."""
        ranks = np.exp(rng.random(count, dtype=np.float32) * np.float32(np.log(self.items + 1))) - 1
        found: NDArray[np.int32] = np.minimum(ranks.astype(np.int32), self.items - 1)
        return found

    def _said(
        self,
        names: pa.Array,
        who: NDArray[np.int32],
        days: NDArray[np.float64],
        states: NDArray[np.int64],
        purposes: NDArray[np.int64],
    ) -> pa.Table:
        """A table of consent events, recorded a minute after they happened."""
        return pa.table(
            {
                "user_id": names.take(pa.array(who)),
                "purpose": pa.array([PURPOSE, "personalization"]).take(pa.array(purposes)),
                "state": pa.array(["given", "refused", "withdrawn"]).take(pa.array(states)),
                "event_time": _times(days),
                "recorded_time": _times(days + 1 / 1440),
            }
        )


def _names(kind: str, first: int, count: int) -> pa.Array:
    """Ids as a business has them: text."""
    digits = pc.utf8_lpad(pa.array(np.arange(first, first + count)).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(_IDS[kind], digits, "")


def _times(days: NDArray[np.float64]) -> pa.Array:
    """Instants so many days after the start."""
    start = int(START.timestamp()) * 1_000_000
    return pa.array((start + days * _DAY).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))


def _write(table: pa.Table, file: Path) -> None:
    """The table in a file; ids of people, which hardly repeat in it, without a dictionary."""
    repeated = [name for name in table.column_names if name in ("item_id", "category", "purpose", "state")]
    pyarrow.parquet.write_table(table, file, use_dictionary=repeated, row_group_size=1_000_000)
