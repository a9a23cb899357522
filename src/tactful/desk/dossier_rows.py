"""The rows of a dossier: what each table holds of a person, what each row is used for, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.desk.person import Desk, Person
from tactful.desk.tables import Held
from tactful.personal.one_person import UNREADABLE, judge
from tactful.personal.policy import Policy
from tactful.sources import STORE, VAULT

RECOMMENDING = "personalization.recommendations"

_KEPT = {
    VAULT: "in the encrypted store of tactful",
    STORE: "in the encrypted consent store of tactful",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Judging:
    """What is needed to say of each row what it is used for.

    Attributes
    ----------
    desk : Desk
    person : Person
    held : tuple of Held
        Everything of the person.
    catalogue : Catalogue
    policy : Policy
    """

    desk: Desk
    person: Person
    held: tuple[Held, ...]
    catalogue: Catalogue
    policy: Policy

    def __repr__(self) -> str:
        return "Judging(one person)"

    def outcomes(self, rows: pa.Table, purpose: str) -> tuple[str, ...]:
        """For each row ``admitted`` or why not, by what is known now."""
        if self.person.erased_at is not None:
            return ("erased",) * int(rows.num_rows)
        return judge(
            interactions=rows,
            consents=tables_of(self.held, "consents"),
            subjects=tables_of(self.held, "subjects"),
            catalogue=self.catalogue,
            policy=self.policy,
            keys=self.desk.keys,
            purpose=purpose,
            now=self.desk.records.now,
        ).outcomes

    def days(self) -> Callable[[str | None], int]:
        """For how many days a row about an item may be used."""
        bundles = dict(zip(self.catalogue.item_ids.tolist(), self.policy.bundles(self.catalogue), strict=True))
        usual, own = self.policy.retention_days, self.policy.retention

        def days(item: str | None) -> int:
            """The shortest of the item's categories, and of what holds for all."""
            return min((own[name] for name in bundles.get(item or "", ()) if name in own), default=usual)

        return days


def tables_of(held: Sequence[Held], role: str) -> list[pa.Table]:
    """The rows of every table of a role that could be read."""
    return [each.rows.table for each in held if each.rows is not None and each.table.role == role]


def interactions(
    held: Sequence[Held], judging: Judging | None, purpose: str, ends: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """What the person did, by table, as plain values; each row with what it may be used for and until when.

    `ends` says of each purpose until when consent to it holds, as far as it ends.
    """
    return [
        place(each) | {"rows": list(_rows(each.rows.table, judging, purpose, ends)) if each.rows else []}
        for each in held
        if each.table.role == "interactions"
    ]


def attributes(held: Sequence[Held]) -> list[dict[str, Any]]:
    """What is kept of who they are, by table."""
    return [
        place(each) | {"rows": _without_id(each.rows.table) if each.rows else []}
        for each in held
        if each.table.role == "attributes"
    ]


def flags(held: Sequence[Held]) -> list[dict[str, Any]]:
    """What is flagged about them, by table: a minor, erased."""
    return [
        place(each) | {"rows": _without_id(each.rows.table) if each.rows else []}
        for each in held
        if each.table.role == "subjects"
    ]


def history(held: Sequence[Held]) -> list[dict[str, Any]]:
    """What they said, by table, every record as it was given; in the order in which it happened."""
    return [
        place(each) | {"rows": sorted(_without_id(each.rows.table), key=_when) if each.rows else []}
        for each in held
        if each.table.role == "consents"
    ]


_ERASED = "erased"
"""Of such a row no day is told until when it may be used: it may not."""


def place(held: Held) -> dict[str, Any]:
    """Where something is kept, and what could not be read there."""
    return {
        "place": held.table.place,
        "kept": _KEPT.get(held.table.place, "in a table of the business, which tactful reads"),
        "problem": "could not be read" if held.problem else "",
        "not_read": list(held.rows.not_read) if held.rows else [],
    }


def _rows(
    table: pa.Table, judging: Judging | None, purpose: str, ends: Mapping[str, str | None]
) -> Iterator[dict[str, Any]]:
    """Each interaction, the latest first."""
    rows = _without_id(table)
    if judging is None:
        yield from sorted(({**row, "title": row["item_id"]} for row in rows), key=_when, reverse=True)
        return
    titles = dict(zip(judging.catalogue.item_ids.tolist(), judging.catalogue.titles.tolist(), strict=True))
    days = judging.days()
    asked = (judging.outcomes(table, purpose), judging.outcomes(table, RECOMMENDING))
    told = [
        {
            **row,
            "title": titles.get(row["item_id"], row["item_id"]),
            "training": training,
            "recommending": recommending,
            "until": None
            if (training, recommending) == (_ERASED, _ERASED)
            else _until(
                row["timestamp"],
                days(row["item_id"]),
                [
                    ends.get(name)
                    for name, outcome in ((purpose, training), (RECOMMENDING, recommending))
                    if outcome == "admitted"
                ],
            ),
        }
        for row, training, recommending in zip(rows, *asked, strict=True)
    ]
    yield from sorted(told, key=_when, reverse=True)


def _until(time: str | None, days: int, ends: Sequence[str | None]) -> str | None:
    """Until when a row may be used at most: it is too old then, or the last consent that it is used under has ended."""
    if time is None or time == UNREADABLE:
        return None
    too_old = datetime.fromisoformat(time) + timedelta(days=days)
    known = [datetime.fromisoformat(end) for end in ends if end is not None]
    return min([too_old, max(known)] if known and len(known) == len(ends) else [too_old]).isoformat()


def _when(row: Mapping[str, Any]) -> str:
    """The time of a row, for sorting."""
    return str(row.get("timestamp") or row.get("event_time") or "")


def _without_id(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as plain values; whose they are is said once, at the top."""
    return [{name: value for name, value in row.items() if name != "user_id"} for row in table.to_pylist()]
