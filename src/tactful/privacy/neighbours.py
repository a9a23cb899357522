"""Synthetic populations that differ by one person, through the real gate and the real bound.

What an audit attacks. The others are few and the attacker knows all about them; the one who may be there is the kind of
person that mechanisms have failed: alone with their items, with all of them, with none, with each row many times.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.ids import enrolled
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.split import hold_out
from tactful.personal.times import utc_now

_PURPOSE = "personalization.training"
_OTHERS = {"training": 20, "evaluation": 6}
_USED = 14  # items that the others use; the tail is the rest
N_ITEMS = 18  # a head of 16 leaves two out, so that the head depends on the noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whose presence is attacked.

    Attributes
    ----------
    part : {"training", "evaluation"}
    items : tuple of int
        Catalogue positions.
    copies : int
        How many times each row and each consent event is there.
    """

    part: str
    items: tuple[int, ...]
    copies: int = 1


PERSONS: Mapping[str, Person] = {
    "the longest history": Person(part="training", items=tuple(range(N_ITEMS))),
    "all tail items": Person(part="training", items=tuple(range(_USED, N_ITEMS))),
    "a pair nobody else has": Person(part="training", items=(N_ITEMS - 2, N_ITEMS - 1)),
    "one item": Person(part="training", items=(0,)),
    "no item at all": Person(part="training", items=()),
    "every row and consent event many times": Person(part="training", items=(1, 4, 9, 15), copies=30),
    "held out for evaluation": Person(part="evaluation", items=tuple(range(N_ITEMS))),
}
"""People by what is special about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the release door is given.

    Attributes
    ----------
    consented : ConsentedInteractions
    outcomes : mapping of str to (mapping of str to int)
        People by consent outcome and part.
    bounded : BoundedInteractions
    evaluated : int
        Evaluation people with enough items to be measured.
    """

    consented: ConsentedInteractions
    outcomes: dict[str, dict[str, int]]
    bounded: BoundedInteractions
    evaluated: int

    def people_by_outcome(self) -> dict[str, dict[str, int]]:
        """What the gate counted, once."""
        return self.outcomes


class Neighbours:
    """The others, and the worlds in which one more person, or nobody more, is there.

    Parameters
    ----------
    max_items : int
        The bound of the plan that is tested.
    evaluation_share : float
        The share of people who are held out.

    Notes
    -----
    **Privacy.** *Reads* nobody: the people are made here, under keys made here.
    """

    def __init__(self, *, max_items: int, evaluation_share: float) -> None:
        self._max_items, self._share = max_items, evaluation_share
        pseudonym, storage, assignment = (secrets.token_bytes(32) for _ in range(3))
        self._keys = Keys(pseudonym=pseudonym, storage=storage, assignment=assignment)
        rng = np.random.default_rng(7)
        self._others = [
            Person(part=part, items=tuple(rng.choice(_USED, size, replace=False).tolist()))
            for part, people in _OTHERS.items()
            for size in rng.integers(5, 11, people)
        ]

    def world(self, *more: Person) -> World:
        """The others and these people, gated and bounded."""
        consented = self._admitted([*self._others, *more])
        return World(
            consented=consented,
            outcomes=consented.people_by_outcome(),
            bounded=bound(consented, max_items=self._max_items),
            evaluated=hold_out(consented).folded.shape[0],
        )

    def _admitted(self, people: Sequence[Person]) -> ConsentedInteractions:
        """Everybody's rows, through the gate."""
        now, ids = utc_now(), self._ids(people)
        rows = [(name, item) for name, who in zip(ids, people, strict=True) for item in who.items * who.copies]
        events = [name for name, who in zip(ids, people, strict=True) for _ in range(who.copies)]
        log = pa.table(
            {
                "user_id": pa.array([name for name, _ in rows], pa.int64()),
                "item_id": [f"item-{item}" for _, item in rows],
                "timestamp": _days_ago(now, 1, len(rows)),
            }
        )
        consents = pa.table(
            {
                "user_id": [str(name) for name in events],  # text here and whole numbers in the log: one id
                "purpose": [_PURPOSE] * len(events),
                "state": ["given"] * len(events),
                "event_time": _days_ago(now, 2, len(events)),
            }
        )
        gate = ConsentGate(
            consents=consents,
            catalogue=_catalogue(),
            policy=Policy(retention_days=30),
            keys=self._keys,
            evaluation_share=self._share,
        )
        return gate.admit(InteractionLog.open(log), _PURPOSE)

    def _ids(self, people: Sequence[Person]) -> list[int]:
        """An id for each, so that the keyed hash puts them into their part."""
        free: dict[str, list[int]] = {"training": [], "evaluation": []}
        wanted = {part: sum(who.part == part for who in people) for part in free}
        tried = 0
        while any(len(free[part]) < count for part, count in wanted.items()):
            names = [str(n) for n in range(tried, tried + 1000)]
            known, parts = (table.to_pydict() for table in enrolled(names, self._keys, self._share))
            for name, person in sorted(zip(map(int, known["user_id"]), known["person"], strict=True)):
                free[parts["part"][person]].append(name)
            tried += 1000
        return [free[who.part].pop(0) for who in people]


def _catalogue() -> Catalogue:
    """The public items."""
    ids = np.array([f"item-{n}" for n in range(N_ITEMS)])
    return Catalogue(item_ids=ids, titles=ids, features={})


def _days_ago(now: datetime, days: int, count: int) -> list[datetime]:
    """The same past moment `count` times."""
    return [now - timedelta(days=days)] * count
