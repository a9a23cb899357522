"""The gate judges the consent store as it judges the file that was imported: nothing is softened on the way in."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from personal_reference import EPOCH, KEYS, PURPOSE, day, event, expected, outcomes, texts, world
from records_people import Clock, opened
from tactful.errors import SchemaError
from tactful.personal.engines.base import EARLIEST, LATEST
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.source import Source
from tactful.records import consent_rows, consent_times
from tactful.records.consents import ConsentStore
from test_personal_gate_reference import NOW, THEN, crowd
from test_personal_gate_spelling import ABSURD, SOUND, STRANGE

COLUMNS = "user_id purpose state event_time recorded_time valid_until"


def events_of(world: dict) -> pa.Table:
    """The consents of a world, as a file has them."""
    rows = [
        {
            "user_id": e["user_id"],
            "purpose": e["purpose"],
            "state": e["state"],
            "event_time": day(e["event"]),
            "recorded_time": day(e["recorded"]),
            "valid_until": day(e["until"]),
        }
        for e in world["consents"]
    ]
    return texts(rows, COLUMNS)


@pytest.fixture
def store(tmp_path: Path) -> ConsentStore:
    return opened(f"sqlite:///{tmp_path}/records.db", Clock(EPOCH.replace(year=2027)), KEYS)[1]


@pytest.mark.parametrize("then", [THEN, pytest.param(NOW, marks=pytest.mark.prove)])
def test_a_crowd_gets_from_the_store_what_it_gets_from_a_file(store: ConsentStore, then: int) -> None:
    """Three hundred people with histories of every kind, strange ones among them, at a past time and now."""
    made, rows = crowd(3, 300)
    store.add(events_of(made), source="x")
    told = outcomes(made, rows, then, NOW, consents=store.events(evidence=False))
    assert told == outcomes(made, rows, then, NOW) == expected(made, rows, then, NOW)
    assert len({outcome for *_, outcome in told}) == 12


SPOILT = [None, "", " ", "maybe", "GIVEN", " withdrawn ", "refused\t", "\u00a0given", "gIven", "\u212aept", "1", "true"]


def spoilt(seed: int) -> dict:
    """A world in which every cell of an event may be of any spelling."""
    draw = random.Random(seed)  # noqa: S311
    purposes = [
        *STRANGE,
        PURPOSE,
        PURPOSE.upper(),
        f" {PURPOSE} ",
        f"{PURPOSE}\u00a0",
        "personalization",
        "",
        " ",
        None,
    ]
    times = [*ABSURD, *SOUND, None, "", " ", 1, 2, 3]
    consents = []
    for number in range(600):
        user = f"user-{number}"
        consents += [event(user, "given", 0, recorded=0)]
        made = event(user, draw.choice(["given", "withdrawn", *SPOILT]), draw.choice([2, 3, draw.choice(times)]))
        made |= {
            "purpose": draw.choice([PURPOSE, draw.choice(purposes)]),
            "recorded": draw.choice([4, draw.choice(times)]),
        }
        consents.append(made | {"until": draw.choice([None, 5, 9, draw.choice(times)])})
    return world([e for e in consents if e["recorded"] not in (None, "", " ")])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.prove) for seed in range(1, 9))])
def test_strange_values_mean_the_same_in_the_store(store: ConsentStore, seed: int) -> None:
    """Purposes, states and times of every spelling: the same outcome for each row. Recorded times are given."""
    made = spoilt(seed)
    store.add(events_of(made), source="x")
    rows = [(f"user-{number}", "bread", 4.5) for number in range(600)]
    told = outcomes(made, rows, 6, 7, consents=store.events())
    assert told == outcomes(made, rows, 6, 7)
    assert len({outcome for *_, outcome in told}) >= 4


def test_strange_values_are_kept_as_they_were_given(store: ConsentStore) -> None:
    """Whoever repairs a record can see what was wrong with it, also where a time was none."""
    made = events_of(world([event("ann", "maybe", "26-01-05", " Not one! ", "soon", 1), event("bob", "given", 1)]))
    assert store.add(made, source="x").malformed == 1
    with store._records.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT person, sealed, fingerprint FROM consents WHERE event_time = 0").one()
        key = store._subjects.known(connection)[KEYS.pseudonyms(["ann"])[0]].key
    rest = consent_rows.read_rest(key.disclose(row.sealed, bound_to=b"consent" + row.fingerprint))
    assert rest == {"purpose": " Not one! ", "state": "maybe", "event_time": "26-01-05", "valid_until": "soon"}


WRITTEN = ("2026-01-05", "2026-02-30", "2026-1-05", "2026-12-31")
CLOCKS = (
    "",
    "T10:00",
    " 10:00:00",
    "T10:00:00.5",
    " 23:59:59.999999999",
    "T24:00:00",
    "T1:00:00",
    "T10:00.5",
    "t10:00:00",
)
ZONES = (
    "",
    "Z",
    "z",
    "+02",
    "-0330",
    "+02:00",
    " UTC",
    " GMT",
    " +02:00",
    "+2",
    "+02:00:15",
    "+24:00",
    " Europe/Berlin",
    "  ",
    "-23:59",
    "+14",
)


def test_no_time_is_read_that_the_gate_would_not_read_so() -> None:
    """What the store takes for a time, the gate takes for the same; and the other way round."""
    written = [f"{date}{clock}{zone}" for date in WRITTEN for clock in CLOCKS for zone in ZONES]
    table = pa.table({"event_time": written})
    session = DuckDB().session()
    session.stage("rows", Source.open(table, role="x", required=["event_time"]), {"event_time": "time"})
    gates = session.query("SELECT event_time FROM rows")["event_time"].tolist()
    ours = consent_times.read_times(table, "event_time").values
    read = [(mine, gate) for mine, gate in zip(ours, gates, strict=True) if mine != consent_times.UNREADABLE]
    assert all(mine == gate for mine, gate in read)
    assert len(read) > 60
    assert {
        text for text, mine, gate in zip(written, ours, gates, strict=True) if mine == 0 and gate is not None
    } == set()


def test_the_limits_of_time_are_the_gates() -> None:
    """One pair of instants, written down in two rooms that may not import each other."""
    assert (consent_times.EARLIEST, consent_times.LATEST) == (EARLIEST, LATEST)
    assert consent_times.UNREADABLE < EARLIEST


@pytest.mark.parametrize(
    "kind", [pa.timestamp("s"), pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("ns"), pa.date32()]
)
def test_times_of_every_type_are_instants(store: ConsentStore, kind: pa.DataType) -> None:
    """Seconds to nanoseconds, with and without a zone, and days."""
    times = pa.array([1_767_571_200_000_000], pa.int64()).cast(pa.timestamp("us")).cast(kind)
    store.add(pa.table({"user_id": [7], "purpose": [PURPOSE], "state": ["given"], "event_time": times}), source="x")
    (row,) = store.events().to_pylist()
    assert (row["user_id"], row["event_time"].isoformat()) == ("7", "2026-01-05T00:00:00+00:00")


GOOD = {"user_id": ["ann"], "purpose": [PURPOSE], "state": ["given"], "event_time": ["2026-01-05"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user_id": None}, "need the column user_id"),
        ({"event_time": None}, "need the column event_time"),
        ({"user_id": [1.5]}, "user_id of consent events is text"),
        ({"user_id": [True]}, "user_id of consent events is text"),
        ({"purpose": [1.5]}, "purpose of consent events is text"),
        ({"event_time": [1767225600]}, "event_time of consent events is a timestamp"),
        ({"state": ["ja"]}, "given, refused or withdrawn"),
        ({"event_time": ["yesterday"]}, "ISO 8601"),
        ({"user_id": [" ann"]}, "no user_id of consent events hides"),
        ({"user_id": [""]}, "has a user_id"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(store: ConsentStore, change: dict, says: str) -> None:
    """As the gate refuses such a file; nothing is stored."""
    cells = {name: values for name, values in (GOOD | change).items() if values is not None}
    with pytest.raises(SchemaError, match=says):
        store.add(pa.table(cells), source="x")
    assert store.empty


def test_columns_of_the_business_never_enter(store: ConsentStore, tmp_path: Path) -> None:
    """Nothing of what the contract does not name is stored, be it a name or an address."""
    store.add(pa.table(GOOD | {"email": ["canary@example.com"], "shoe_size": [43]}), source="x")
    assert store.events().column_names == [*consent_rows.COLUMNS, "stored_time"]
    assert b"canary@" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert "email" not in str(store.events().to_pylist())


def test_several_categories_of_data_are_kept(store: ConsentStore) -> None:
    """As a list or as text; and every field of the record that the gate does not judge by."""
    evidence = {name: [f"{name} of this"] for name in consent_rows.EVIDENCE if name != "data_categories"}
    store.add(pa.table(GOOD | evidence | {"data_categories": [["purchases", "views"]]}), source="x")
    (row,) = store.events().to_pylist()
    assert {name: row[name] for name in evidence} == {name: cells[0] for name, cells in evidence.items()}
    assert row["data_categories"] == "purchases|views"


def test_a_file_of_the_world_without_recorded_times_was_recorded_when_it_was_stored(store: ConsentStore) -> None:
    """So a replay of the past does not count what nobody had yet; now it counts all the same."""
    made = world([event("ann", "given", 1)])
    table = events_of(made).drop_columns(["recorded_time"])
    store.add(table, source="x")
    assert outcomes(made, [("ann", "bread", 3)], 5, 400, consents=store.events()) == Counter(
        {(KEYS.pseudonyms(["ann"])[0], "bread", 3.0, "no_record"): 1}
    )
    assert outcomes(made, [("ann", "bread", 399)], 400, 400, consents=store.events()).popitem()[0][-1] == "admitted"
