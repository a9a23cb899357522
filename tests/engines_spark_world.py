"""A small crowd in the tables that bounded rows are made of, and its rows made by plain loops."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.personal.engines.base import Session
from tactful.personal.held_rows import HeldRows
from tactful.personal.matrices import user_items
from tactful.privacy.statistics import GramQuery

N_ITEMS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who used what: pseudonyms, whether each is a training person, and admitted rows, some of them repeated."""

    names: list[str]
    training: NDArray[np.bool_]
    person: NDArray[np.int64]
    item: NDArray[np.int32]
    weight: NDArray[np.int16]
    leaning: NDArray[np.int16]

    def put(self, session: Session) -> None:
        """The tables ``admitted``, ``people`` and ``items``."""
        names = np.array(self.names)
        part = np.where(self.training, "training", "evaluation")
        admitted = {"person": names[self.person], "item": self.item, "instant": np.arange(len(self.item))}
        session.put("admitted", pa.table(admitted))
        session.put("people", pa.table({"person": names, "pseudonym": names, "part": part}))
        item = np.arange(N_ITEMS, dtype=np.int32)
        session.put("items", pa.table({"item_id": [item_id(i) for i in item.tolist()], "item": item}))

    def counts(self) -> pa.Table:
        """How many 255ths each counts, and leans."""
        return pa.table({"person": self.names, "weight": self.weight, "leaning": self.leaning})

    def histories(self, max_items: int) -> dict[int, list[int]]:
        """Of each training person with an item at most so many, chosen by keyed hash."""
        used: dict[int, set[int]] = {}
        for person, item in zip(self.person.tolist(), self.item.tolist(), strict=True):
            if self.training[person]:
                used.setdefault(person, set()).add(item)
        return {person: self._drawn(person, items, max_items) for person, items in sorted(used.items())}

    def rows(self, max_items: int, *, weighted: bool = False) -> HeldRows:
        """The same, in this process."""
        histories = self.histories(max_items)
        place = np.repeat(np.arange(len(histories)), [len(items) for items in histories.values()])
        items = np.array([item for items in histories.values() for item in items], dtype=np.int32)
        people = list(histories)
        return HeldRows(
            user_items=user_items(place, items, N_ITEMS, len(histories)),
            weights=self.weight[people].astype(np.int64) if weighted else None,
            leanings=self.leaning[people].astype(np.int64) if weighted else None,
        )

    def _drawn(self, person: int, items: set[int], max_items: int) -> list[int]:
        """All of them, or those whose hashes come first."""
        if len(items) <= max_items:
            return sorted(items)
        keyed = [(hashlib.md5(f"{self.names[person]}:{item_id(i)}".encode()).hexdigest(), i) for i in items]  # noqa: S324
        return sorted(item for _, item in sorted(keyed)[:max_items])


def item_id(item: int) -> str:
    """What the shop calls it."""
    return f"é{item % 7}-{item}"


def crowd(seed: int, *, n_people: int = 80, n_rows: int = 2500) -> Crowd:
    """People of whom a few use much, and one, a bot, everything again and again."""
    rng = np.random.default_rng(seed)
    person = np.concatenate([(n_people * rng.random(n_rows) ** 3).astype(np.int64), np.full(n_rows, n_people - 1)])
    return Crowd(
        names=[hashlib.sha256(f"{seed}-{number}".encode()).hexdigest()[:32] for number in range(n_people)],
        training=np.append(rng.random(n_people - 1) < 0.7, True),
        person=person,
        item=(N_ITEMS * rng.random(len(person)) ** 2).astype(np.int32),
        weight=rng.integers(1, 256, n_people).astype(np.int16),
        leaning=rng.integers(-255, 256, n_people).astype(np.int16),
    )


def gram_query() -> GramQuery:
    """Half of the items, weighted and centred."""
    head = np.arange(0, N_ITEMS, 2)[::-1].copy()
    return GramQuery(head=head, weights=1 + head % 7, direction=head % 5)
