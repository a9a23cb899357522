"""One training, judged again for one person: by its own clocks, policy and tables, as far as they are there still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.desk.person import Desk, Person, Reader
from tactful.desk.tables import Held, Table, named_tables
from tactful.desk.trainings import Training
from tactful.errors import SchemaError, TactfulError
from tactful.personal.one_person import UNREADABLE, agreed, judge
from tactful.personal.policy import Policy
from tactful.records.read_point import ReadPoint
from tactful.sources import STORE

PURGED: Final = "vault.purged"
_PARTS = ("interactions", "consents", "subjects")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Admissible:
    """What the gate says today of one person's rows at a past training.

    Attributes
    ----------
    rows : int or None
        How many rows that are there now it would have admitted; None where that cannot be said. Rows that were there
        then and are gone are not counted, so that 0 alone says nothing.
    agreed : bool or None
        Whether what the person had said let rows of theirs enter at all; False excludes them whatever rows there were.
        None where that cannot be said.
    notes : tuple of str
        A sentence for each thing that is not known.
    """

    rows: int | None
    agreed: bool | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return "Admissible(one person)"


def admissible(desk: Desk, person: Person, reader: Reader, training: Training) -> Admissible:
    """What the gate would have admitted of a person at a training, and what cannot be known of it.

    Parameters
    ----------
    desk : Desk
    person : Person
    reader : Reader
        Of the person.
    training : Training

    Notes
    -----
    **Privacy.** *Reads* the person's rows and consents, in the tables of the training. *Returns* how many of them were
    admissible, for them or whoever answers to them. *Costs* nothing. *Assumes* what `tactful.desk.impact` says of
    tables that changed since.
    """
    facts = training.facts
    now = training.time if facts is None else _time(facts.get("now")) or training.time
    if _erased_before(desk, person, facts or {}, now):
        return Admissible(rows=0, agreed=False, notes=())
    try:
        if facts is None or not isinstance(facts.get("sources"), Mapping):
            return _unknown("This training was before tactful kept what trainings read.")
        found = _judged(desk, person, reader, training, facts, now)
    except (TactfulError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, TactfulError) else "its entry in the journal is not as expected"
        return _unknown(f"It cannot be judged again: {why}")
    if person.erased_at is not None:
        return replace(found, agreed=None, notes=(*found.notes, "They were erased: what they had said is gone."))
    return found


def _erased_before(desk: Desk, person: Person, facts: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is certain that the training left them out as erased: its hour may not be kept, but how many were."""
    if person.erased_at is None:
        return False
    upto = ReadPoint.noted(facts)
    nobody_since = upto is not None and upto.erased == len(desk.subjects.erased())
    return nobody_since or person.erased_at.date() < now.date()


def _unknown(*notes: str) -> Admissible:
    """Nothing can be said."""
    return Admissible(rows=None, agreed=None, notes=notes)


def _judged(
    desk: Desk, person: Person, reader: Reader, training: Training, facts: Mapping[str, Any], now: datetime
) -> Admissible:
    """The same, where the journal says what was read."""
    settings = TrainingConfig.load(facts["config"]) if facts.get("config") else desk.settings
    tables = [*named_tables(facts["sources"]), Table(role="consents", place=STORE)]
    held = [_read(reader, table, facts, now) for table in dict.fromkeys(tables) if table.role != "attributes"]
    notes = [f"{each.table.place} could not be read: {each.problem}" for each in held if each.rows is None]
    if settings is None:
        return _unknown(*notes, "Its configuration is no longer there.")
    lost = {each.table.role for each in held if each.rows is None}
    parts = {role: [e.rows.table for e in held if e.rows and e.table.role == role] for role in _PARTS}
    if any(flag for table in parts["subjects"] if "minor" in table.column_names for flag in table["minor"].to_pylist()):
        notes.append("A minor flag is kept without a date; whether it stood then is not known.")
    asked: dict[str, Any] = {
        "consents": parts["consents"],
        "subjects": [_erased_by(table, now) for table in parts["subjects"]],
        "catalogue": Catalogue.open(facts["sources"].get("items") or settings.data.items),
        "policy": _policy(facts, settings),
        "keys": desk.keys,
        "purpose": training.purpose,
        "as_of": _time(facts.get("as_of")),
        "now": lambda: now,
    }
    notes += _changed(desk, facts, now)
    try:
        rows = [judge(interactions=table, **asked).admitted for table in parts["interactions"]]
        agrees = None if "consents" in lost else agreed(person.user_id, **asked)
    except SchemaError as error:  # a purpose in a table is misspelt: what it counted for then is not known
        return _unknown(*notes, f"What they agreed to could not be read: {error}")
    return Admissible(
        rows=None if "interactions" in lost else sum(rows),
        agreed=agrees,
        notes=tuple(notes),
    )


def _read(reader: Reader, table: Table, facts: Mapping[str, Any], now: datetime) -> Held:
    """What the training could have read of the person in a table.

    Of the consent store exactly what it had read, where its entry says so: that counts whatever times it bears.
    """
    upto = ReadPoint.noted(facts)
    if table.place == STORE and upto is not None:
        return reader.read(table, upto=upto)
    held = reader.read(table, known_at=_time(facts.get("known_at")) or now)
    if held.rows is None or table.role != "consents":
        return held
    return replace(held, rows=replace(held.rows, table=_recorded_by(held.rows.table, now)))


def _changed(desk: Desk, facts: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """What is not as it was then, as far as the journal tells."""
    if any(entry.time >= now for entry in desk.records.entries(PURGED)):
        yield "Rows were deleted from the vault since; whether theirs were among them is not known."
    path = facts.get("config")
    if path and facts.get("config_sha256") not in (None, sha256(Path(path).read_bytes()).hexdigest()):
        yield "The configuration was changed since; what the journal does not keep of it counts as it is now."


def _policy(facts: Mapping[str, Any], settings: TrainingConfig) -> Policy:
    """The policy of the training, as far as the journal says it; the rest is that of the configuration."""
    told = settings.policy
    return Policy(
        retention_days=int(facts.get("retention_days") or told.retention_days),
        sensitive=facts.get("sensitive", told.sensitive),
        retention=facts.get("retention", told.retention),
    )


def _time(value: object) -> datetime | None:
    """A time in the journal."""
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _recorded_by(table: pa.Table, now: datetime) -> pa.Table:
    """The consent events that had been recorded; where a table does not say when, it was when they happened."""
    happened = table["event_time"].to_pylist()
    recorded = table["recorded_time"].to_pylist() if "recorded_time" in table.column_names else happened
    return _until(table, [one or other for one, other in zip(recorded, happened, strict=True)], now)


def _erased_by(table: pa.Table, now: datetime) -> pa.Table:
    """Who had been erased by then, without minor flags."""
    if "erased_at" not in table.column_names:
        return table.select(["user_id"]).slice(0, 0)
    return _until(table.select(["user_id", "erased_at"]), table["erased_at"].to_pylist(), now)


def _until(table: pa.Table, times: list[str | None], now: datetime) -> pa.Table:
    """The rows whose time is not after this, or is none."""
    return table.filter(pa.array([not _after(time, now) for time in times], pa.bool_()))


def _after(time: str | None, now: datetime) -> bool:
    """Whether a time as text is later than another."""
    return time is not None and time != UNREADABLE and datetime.fromisoformat(time) > now
