"""One training, judged again for one person: by its own clocks, policy and tables, as far as they are there still."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.desk.person import Desk, Reader
from tactful.desk.tables import Table, named_tables
from tactful.desk.trainings import Training
from tactful.errors import TactfulError
from tactful.personal.one_person import UNREADABLE, judge
from tactful.personal.policy import Policy
from tactful.sources import STORE

_PARTS = ("interactions", "consents", "subjects")


def admissible(desk: Desk, reader: Reader, training: Training) -> tuple[int | None, list[str]]:
    """How many of a person's rows the gate would have admitted at a training, and what cannot be known of it.

    Parameters
    ----------
    desk : Desk
    reader : Reader
        Of the person.
    training : Training

    Returns
    -------
    tuple
        The number, None where it cannot be said, and a sentence for each thing that is not known.

    Privacy
    -------
    Reads: the person's rows and consents, in the tables of the training.
    Returns: how many of them were admissible, for them or whoever answers to them.
    Costs: nothing.
    Assumes: what `tactful.desk.impact` says of tables that changed since.
    """
    facts = training.facts
    if facts is None or not isinstance(facts.get("sources"), Mapping):
        return None, ["This training was before tactful kept what trainings read."]
    try:
        return _judged(desk, reader, training, facts)
    except (TactfulError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, TactfulError) else "its entry in the journal is not as expected"
        return None, [f"It cannot be judged again: {why}"]


def _judged(desk: Desk, reader: Reader, training: Training, facts: Mapping[str, Any]) -> tuple[int | None, list[str]]:
    """The same, where the journal says what was read."""
    now = _time(facts.get("now")) or training.time
    settings = TrainingConfig.load(facts["config"]) if facts.get("config") else desk.settings
    tables = [*named_tables(facts["sources"]), Table(role="consents", place=STORE)]
    held = [reader.read(table, known_at=now) for table in dict.fromkeys(tables) if table.role != "attributes"]
    notes = [f"{each.table.place} could not be read: {each.problem}" for each in held if each.rows is None]
    if settings is None or any(each.rows is None and each.table.role == "interactions" for each in held):
        return None, notes or ["Its configuration is no longer there."]
    parts = {role: [e.rows.table for e in held if e.rows and e.table.role == role] for role in _PARTS}
    if any(flag for table in parts["subjects"] if "minor" in table.column_names for flag in table["minor"].to_pylist()):
        notes.append("A minor flag is kept without a date; whether it stood then is not known.")
    outcomes = [
        judge(
            interactions=rows,
            consents=[_recorded_by(table, now) for table in parts["consents"]],
            subjects=[_erased_by(table, now) for table in parts["subjects"]],
            catalogue=Catalogue.open(settings.data.items),
            policy=_policy(facts, settings),
            keys=desk.keys,
            purpose=training.purpose,
            as_of=_time(facts.get("as_of")),
            now=lambda: now,
        ).admitted
        for rows in parts["interactions"]
    ]
    return sum(outcomes), notes


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
