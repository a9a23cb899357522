"""How far somebody read the stores about people: exactly that can be read again, and what came since shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from records_people import KEYS
from tactful.records.consents import ConsentStore
from tactful.records.read_point import ReadPoint
from tactful.records.store import Records
from tactful.records.subjects import Subjects

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAIN = {"user_id": "ada", "purpose": "personalization", "state": "given", "event_time": NOW.isoformat()}
SCHEMA = pa.schema([(name, pa.string()) for name in (*PLAIN, "recorded_time", "valid_until")])


def store(folder: Path, clock: datetime = NOW) -> ConsentStore:
    """The store of a folder, by some machine's clock."""
    return ConsentStore.open(records(folder, clock), KEYS)


def records(folder: Path, clock: datetime = NOW) -> Records:
    """The records of a folder."""
    return Records.open(f"sqlite:///{folder}/records.db", clock=lambda: clock)


def say(folder: Path, clock: datetime = NOW, **cells: Any) -> None:
    """One event."""
    store(folder, clock).add(pa.Table.from_pylist([PLAIN | cells]), source="test")


def holds(folder: Path, point: ReadPoint) -> bool:
    """Whether nothing came since that could take a row away."""
    with records(folder).engine.connect() as connection:
        return point.still_holds(connection)


def test_what_was_read_is_read_again_whatever_the_clocks_said(tmp_path: Path) -> None:
    """An event stored by a machine that runs ahead is in hand; one stored later by a machine that lags is not."""
    say(tmp_path)
    say(tmp_path, NOW + timedelta(minutes=3), state="withdrawn")
    point = store(tmp_path).read_point()
    read = store(tmp_path).events(upto=point)
    assert read["state"].to_pylist() == ["given", "withdrawn"]
    assert max(read["recorded_time"].to_pylist()) == NOW  # it was in hand by then
    say(tmp_path, NOW - timedelta(hours=1), user_id="bob", state="refused")
    assert store(tmp_path).events(upto=point).equals(read)
    assert store(tmp_path).events(upto=ReadPoint.noted(point.facts())).equals(read)
    assert len(store(tmp_path).events()) == 3


SINCE = [
    ({"user_id": "bob"}, True),
    ({"purpose": "newsletter"}, True),
    ({"user_id": "bob", "state": "withdrawn"}, False),
    ({"user_id": "bob", "state": "refused"}, False),
    ({"user_id": "bob", "state": "perhaps"}, False),
    ({"user_id": "bob", "event_time": "soon"}, False),
    ({"user_id": "bob", "recorded_time": "2026-01-01"}, False),
    ({"user_id": "bob", "valid_until": "2026-12-24"}, False),
    ({"user_id": "bob", "purpose": None}, False),
]


@pytest.mark.parametrize(("event", "still"), SINCE)
def test_only_a_plain_grant_changes_nothing(tmp_path: Path, event: dict[str, Any], still: bool) -> None:
    """Whatever else came since the reading could take rows away; a grant can only add some."""
    say(tmp_path)
    point = store(tmp_path).read_point()
    assert holds(tmp_path, point)
    rows = [PLAIN | {"user_id": "eve"}, PLAIN | event]
    store(tmp_path).add(pa.Table.from_pylist(rows, schema=SCHEMA), source="test")
    assert holds(tmp_path, point) is still


def test_an_erasure_shows(tmp_path: Path) -> None:
    """Also the very first, and of somebody whom nothing else names; before anything is stored, nothing came."""
    nothing = store(tmp_path).read_point()
    assert nothing == ReadPoint(time=NOW, row=0, erased=0)
    assert holds(tmp_path, nothing)
    books = records(tmp_path)
    with books.transaction() as transaction:
        Subjects.open(books, KEYS).mark_erased(transaction, "0" * 32)
        transaction.append("test", {})
    assert not holds(tmp_path, nothing)
    assert holds(tmp_path, store(tmp_path).read_point())


def test_entries_from_before_there_were_read_points_have_none() -> None:
    """Then a time stands in its place."""
    assert ReadPoint.noted({"known_at": NOW.isoformat()}) is None
