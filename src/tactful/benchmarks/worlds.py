"""Populations to train shadow models on: synthetic ones, and public data that the user names. Never a run's own data.

Every row goes through tactful's own gate and bound, as in a training run; everybody in these worlds agrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.datasets.movielens import read_movielens
from tactful.errors import ConfigError, UsageError
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy

_PURPOSE = "personalization.training"
_AGREED = datetime(1970, 1, 3, tzinfo=UTC)  # before anything anybody did
_HAPPENED = datetime(2020, 1, 1, tzinfo=UTC)
_CENTURY = 36_500  # days
_KEYS = Keys(pseudonym=bytes(32), storage=bytes(31) + b"s", assignment=bytes(31) + b"a")
"""No secret: there is nobody to hide, and whoever measures again gets the same people in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticWorld:
    """What a synthetic population is made of.

    Attributes
    ----------
    people, items : int
    tastes : int
        Each item belongs to one of so many tastes, each person has one.
    faithfulness : float in [0, 1)
        How much less likely a person picks an item of another taste.
    shortest, longest : int
        Distinct items a person, uniform between the two.
    unusual : float in [0, 1]
        Share of people who take a third of their items from the less popular half of the catalogue at random, so that
        they hold pairs that nobody else has.
    seed : int

    Notes
    -----
    Items are popular in proportion to one over their rank.
    """

    people: int = 400
    items: int = 300
    tastes: int = 12
    faithfulness: float = 0.7
    shortest: int = 4
    longest: int = 24
    unusual: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.people < 20 or self.items < 4 * self.longest or not 2 <= self.shortest <= self.longest:
            raise ConfigError(
                "a synthetic world has at least 20 people, histories of at least 2 items, and 4 times as many items as "
                "its longest history",
                given=f"{self.people} people, {self.items} items, histories of {self.shortest} to {self.longest}",
                do="Choose a larger world",
            )

    def histories(self) -> list[NDArray[np.int64]]:
        """Catalogue positions of each person's items."""
        rng = np.random.default_rng(self.seed)
        popularity, taste = 1 / np.arange(1, self.items + 1), rng.integers(self.tastes, size=self.items)
        return [self._history(rng, popularity, taste) for _ in range(self.people)]

    def _history(
        self, rng: np.random.Generator, popularity: NDArray[np.float64], taste: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """One person's items."""
        weight = popularity * np.where(taste == rng.integers(self.tastes), 1.0, 1 - self.faithfulness)
        size = int(rng.integers(self.shortest, self.longest + 1))
        chosen = rng.choice(self.items, size, replace=False, p=weight / weight.sum())
        if rng.random() >= self.unusual:
            return np.sort(chosen)
        rare = self.items // 2 + rng.choice(self.items - self.items // 2, max(2, size // 3), replace=False)
        return np.unique(np.concatenate([chosen[: size - len(rare)], rare]))


class World:
    """A population that was gated once, from which parts are bounded at will.

    Made by `World.synthetic`, `World.public` and `World.of`.

    Attributes
    ----------
    parameters : mapping
        What the world is, as plain values.

    Notes
    -----
    **Privacy.** *Reads* synthetic or public rows. *Returns* them exactly. *Costs* nothing. *Assumes* that nobody in
    them needs protection: whoever names a file says so.
    """

    def __init__(self, *, consented: ConsentedInteractions, max_items: int, parameters: Mapping[str, Any]) -> None:
        self._consented, self._max_items, self._everybody = consented, max_items, bound(consented, max_items=max_items)
        self.parameters = dict(parameters)

    @classmethod
    def synthetic(cls, made_of: SyntheticWorld, *, max_items: int) -> World:
        """The synthetic population; `max_items` is the bound of the run whose plan is tested."""
        histories = made_of.histories()
        people = np.repeat(np.arange(made_of.people), [len(h) for h in histories])
        items = np.concatenate(histories)
        log = pa.table(
            {
                "user_id": pa.array(people).cast(pa.string()),
                "item_id": pa.array(items).cast(pa.string()),
                "timestamp": [_HAPPENED] * len(items),
            }
        )
        catalogue = np.arange(made_of.items).astype(str)
        consented = _admitted(log, pa.array(np.unique(people).astype(str)), _catalogue(catalogue))
        return cls(consented=consented, max_items=max_items, parameters={"kind": "synthetic", **asdict(made_of)})

    @classmethod
    def of(cls, user_items: scipy.sparse.csr_array, catalogue: Catalogue, *, max_items: int, copies: int = 1) -> World:
        """The people of a public matrix, each of them so many times, as so many people.

        Parameters
        ----------
        user_items : csr_array of shape (n_people, n_items), ones
        catalogue : Catalogue
            The columns.
        max_items : int
            The bound.
        copies : int
            A copy is somebody else to the bound, which may choose other items of theirs.
        """
        n_people, lengths = user_items.shape[0], np.diff(user_items.indptr)
        one = np.repeat(np.arange(n_people), lengths)
        everybody = np.concatenate([one + n_people * copy for copy in range(copies)])
        items = pa.DictionaryArray.from_arrays(np.tile(user_items.indices, copies), catalogue.item_ids.tolist())
        when = np.full(len(everybody), _HAPPENED.replace(tzinfo=None), "datetime64[us]")
        log = pa.table({"user_id": everybody, "item_id": items, "timestamp": when})
        consented = _admitted(log, pa.array(np.arange(n_people * copies)), catalogue)
        return cls(consented=consented, max_items=max_items, parameters={"kind": "public data"})

    @classmethod
    def public(cls, path: str | Path, *, max_items: int) -> World:
        """The people of a public table of interactions, Parquet or CSV, or of a folder with MovieLens' own files.

        Raises
        ------
        UsageError
            If the table cannot be read.
        """
        place = Path(path)
        log = read_movielens(place).interactions if place.is_dir() else _table(place)
        people, items = (np.array(log[c].drop_null().unique().to_pylist(), str) for c in ("user_id", "item_id"))
        consented = _admitted(log, pa.array(people), _catalogue(items))
        world = cls(consented=consented, max_items=max_items, parameters={})
        rows = world._everybody.user_items
        world.parameters |= {"kind": "public data", "name": place.name, "people": rows.shape[0], "items": rows.shape[1]}
        return world

    @property
    def everybody(self) -> BoundedInteractions:
        """The rows of all of them."""
        return self._everybody

    @property
    def people(self) -> int:
        """How many there are."""
        return int(self._everybody.user_items.shape[0])

    @property
    def items(self) -> int:
        """How many items the catalogue has."""
        return int(self._everybody.user_items.shape[1])

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        return self._everybody.catalogue

    def history(self, person: int) -> NDArray[np.int64]:
        """Catalogue positions of the items of one person that count, rising."""
        rows = self._everybody.user_items
        found: NDArray[np.int64] = rows.indices[rows.indptr[person] : rows.indptr[person + 1]].astype(np.int64)
        return found

    def bounded(self, kept: NDArray[np.bool_] | None = None) -> BoundedInteractions:
        """The rows of the people who are kept, or of everybody, bounded again."""
        return bound(self._consented, max_items=self._max_items, kept=kept)


def _catalogue(items: NDArray[np.str_]) -> Catalogue:
    """Items of which nothing but the id is known."""
    return Catalogue.of_table(pa.table({"item_id": pa.array(items)}))


def _admitted(log: pa.Table, people: pa.Array, catalogue: Catalogue) -> ConsentedInteractions:
    """The log through the gate, everybody agreeing."""
    consents = pa.table(
        {
            "user_id": people,
            "purpose": [_PURPOSE] * len(people),
            "state": ["given"] * len(people),
            "event_time": [_AGREED] * len(people),
        }
    )
    gate = ConsentGate(
        consents=consents,
        catalogue=catalogue,
        policy=Policy(retention_days=_CENTURY),
        keys=_KEYS,
        evaluation_share=0.0,
    )
    return gate.admit(InteractionLog.open(log), _PURPOSE)


def _table(path: Path) -> pa.Table:
    """The three columns of the file, ids as text."""
    InteractionLog.open(path)  # says what is wrong with the header
    columns = ["user_id", "item_id", "timestamp"]
    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path, columns=columns)
        else:
            text = pyarrow.csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()))
            table = pyarrow.csv.read_csv(path, convert_options=text)
    except pa.ArrowException:
        raise UsageError("the table can be read to its end", given=f"{path.name} cannot", do="Write it again") from None
    for place, column in enumerate(columns[:2]):
        table = table.set_column(place, column, table[column].cast(pa.string()))
    return table
