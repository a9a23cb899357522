"""What the gate reads, in which forms, and what stops it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from personal_reference import KEYS, PURPOSE, catalogue, event, gate, log, moment, policy, texts, world
from tactful.errors import ConfigError, NotFoundError, SchemaError
from tactful.personal.gate import ConsentGate
from tactful.personal.log import InteractionLog
from tactful.personal.moments import moments
from tactful.personal.source import Source

CANARY = "canary-4711"
CONSENT = texts(
    [{"user_id": "7", "purpose": PURPOSE, "state": "given", "event_time": "2026-01-01"}],
    "user_id purpose state event_time",
)


def written(table: pa.Table, form: str, folder) -> object:
    """The table as a file or an object."""
    if form == "parquet":
        pyarrow.parquet.write_table(table, folder / "log [1]*.parquet")
        return folder / "log [1]*.parquet"
    if form == "csv":
        pyarrow.csv.write_csv(table, folder / "it's.csv")
        return str(folder / "it's.csv")
    return table.to_pandas() if form == "pandas" else table


def admitted(source: object, consents: object = CONSENT, **options: object) -> int:
    """How many rows a gate for user 7 admits on day 9."""
    made = gate(world(), 9, consents=consents, **options)
    return made.replay(InteractionLog.open(source), PURPOSE, moment(9)).admitted


def interactions(user_ids: list, times: list | None = None, **more: list) -> pa.Table:
    times = times or ["2026-01-02"] * len(user_ids)
    return pa.table({"user_id": user_ids, "item_id": ["bread"] * len(user_ids), "timestamp": times, **more})


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_every_form_is_read_alike(form, tmp_path):
    """Parquet, CSV, Arrow and pandas; a path with wildcards and quotes in it is one path."""
    assert admitted(written(interactions(["7", "8", "7"]), form, tmp_path)) == 2


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_the_integer_7_is_the_text_7_and_007_is_not(form, tmp_path):
    """In the log and in the consents, whichever way round."""
    assert admitted(written(interactions([7, 70]), form, tmp_path)) == 1
    assert admitted(written(interactions(["007", "7 ", "7.0"]), form, tmp_path)) == 0
    numbers = pa.table({"user_id": [7], "purpose": [PURPOSE], "state": ["given"], "event_time": ["2026-01-01"]})
    assert admitted(interactions(["7"]), consents=numbers) == 1


TIMES = [
    ["2026-01-02T00:00:00Z", "2026-01-02 03:00:00+02:00", "2026-01-02T03:00:00+0200", "2026-01-01T22:00:00-05"],
    [datetime(2026, 1, 2), datetime(2026, 1, 3)],
    [datetime(2026, 1, 2, tzinfo=UTC)],
    [date(2026, 1, 2)],
]


@pytest.mark.parametrize("times", TIMES, ids=["text", "naive", "utc", "date"])
@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_times_are_read(times, form, tmp_path):
    """ISO 8601 with or without a zone, timestamps and dates; without a zone they are UTC."""
    if form == "pandas" and isinstance(times[0], date) and not isinstance(times[0], datetime):
        times = [pd.Timestamp(times[0])]
    assert admitted(written(interactions(["7"] * len(times), times), form, tmp_path)) == len(times)


def test_columns_of_categories_are_read_as_their_values():
    """Ids, words, purposes and times that Arrow keeps as a dictionary."""
    table = interactions(["7", "8"], ["2026-01-02", "2026-01-02T03:00:00+0200"])
    coded = pa.table({name: table[name].dictionary_encode() for name in table.column_names})
    consents = pa.table({name: CONSENT[name].dictionary_encode() for name in CONSENT.column_names})
    assert admitted(coded, consents=consents) == 1


def test_microseconds_decide(tmp_path):
    """A row one microsecond before the grant is before the grant."""
    consents = texts(
        [{"user_id": "7", "purpose": PURPOSE, "state": "given", "event_time": "2026-01-02T00:00:00.000001Z"}],
        "user_id purpose state event_time",
    )
    times = ["2026-01-02T00:00:00.000000Z", "2026-01-02T00:00:00.000001Z"]
    assert admitted(interactions(["7", "7"], times), consents=consents) == 1


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_a_bad_value_is_a_malformed_row(form, tmp_path):
    """Missing and empty ids, missing and unreadable times."""
    table = pa.table(
        {
            "user_id": [None, "", "7", "7", "7", "7", "7"],
            "item_id": ["bread", "bread", None, "", "bread", "bread", "bread"],
            "timestamp": ["2026-01-02"] * 4 + [None, "2026-13-02", "2026-01-02"],
        }
    )
    source = InteractionLog.open(written(table, form, tmp_path))
    counts = gate(world(), 9, consents=CONSENT).replay(source, PURPOSE, moment(9))
    assert (counts.read, counts.admitted, counts.excluded["malformed"]) == (7, 1, 6)


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_other_columns_are_never_read(form, tmp_path, monkeypatch):
    """A column that cannot be read at all does no harm, and nothing of it is in the session."""
    table = interactions(["7", "8"], name=[CANARY, CANARY], timestamp_=[CANARY, None])
    source = InteractionLog.open(written(table, form, tmp_path))
    assert CANARY not in repr(source)
    if source.source.table is not None:
        assert source.source.table.column_names == ["user_id", "item_id", "timestamp"]
    judge = gate(world(), 9, consents=CONSENT)
    session = judge._session(PURPOSE, moments(None, moment(9))[1])
    session.stage("log", source.source, {"user_id": "id", "item_id": "id", "timestamp": "time"})
    assert set(session.query("SELECT * FROM log")) == {"user_id", "item_id", "timestamp", "timestamp_unreadable"}
    assert set(session.query("SELECT * FROM log_source")) == {"user_id", "item_id", "timestamp"}


def test_a_parquet_column_that_is_not_asked_for_may_be_corrupt(tmp_path):
    """Its pages are overwritten with rubbish and the run does not notice: it never looks there."""
    path = tmp_path / "log.parquet"
    pyarrow.parquet.write_table(interactions(["7"], note=[CANARY * 50]), path, compression=None, use_dictionary=False)
    raw = path.read_bytes()
    assert raw.count(CANARY.encode()) >= 50
    path.write_bytes(raw.replace(CANARY.encode(), b"\xff" * len(CANARY)))
    assert admitted(path) == 1


def test_raw_ids_are_gone_before_anybody_is_judged():
    """After the gate no table of the session holds a user id."""
    made = world([event(CANARY, "given", 0)], {CANARY: {"minor": False}})
    consented = gate(made, 9).admit(log([(CANARY, "bread", 2)]), PURPOSE)
    tables = consented._session.query(
        "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
    )
    names = [str(name) for name in tables["table_name"]]
    assert sorted(names) == ["admitted", "bundles", "items", "judged", "moments", "paths", "people"]
    for name in names:
        assert CANARY not in str(consented._session.query(f"SELECT * FROM {name}"))  # noqa: S608
    assert consented.counts.admitted == 1


WRONG = [
    ("user_id", [1.5], "DOUBLE"),
    ("user_id", [True], "BOOLEAN"),
    ("item_id", [2.0], "DOUBLE"),
    ("timestamp", [20260102], "BIGINT"),
    ("timestamp", [1.5], "DOUBLE"),
    ("timestamp", ["soon"], "of 1 value, none is one"),
]


@pytest.mark.parametrize(("column", "values", "named"), WRONG)
def test_a_column_of_the_wrong_type_stops_the_run(column, values, named):
    """The error names the column and what it holds instead."""
    table = interactions(["7"])
    table = table.set_column(table.column_names.index(column), column, pa.array(values))
    with pytest.raises(SchemaError, match=column) as stopped:
        admitted(table)
    assert named in str(stopped.value)


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
@pytest.mark.parametrize("column", ["user_id", "item_id", "timestamp"])
def test_a_missing_column_is_named_with_those_found(column, form, tmp_path):
    """Before any row is read."""
    with pytest.raises(SchemaError, match=column) as stopped:
        InteractionLog.open(written(interactions(["7"]).drop_columns([column]), form, tmp_path))
    assert "it has" in str(stopped.value)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (("user_id", "price"), "log needs the columns item_id and timestamp; it has user_id, price. "),
        (("user_id", "item_id"), "log needs the column timestamp; it has user_id, item_id. "),
        (("a",), "log needs the columns user_id, item_id and timestamp; its only column is not one of "),
    ],
)
def test_all_that_is_missing_is_named_at_once(found, says):
    """So that a table is mended in one go."""
    with pytest.raises(SchemaError) as stopped:
        Source.open(texts([], " ".join(found)), role="log", required=("user_id", "item_id", "timestamp"))
    assert str(stopped.value).startswith(says)
    assert stopped.value.fields["missing"] == tuple(n for n in ("user_id", "item_id", "timestamp") if n not in found)


def test_files_that_are_not_there_or_not_tables(tmp_path):
    """A missing file, an unknown suffix, a file that is not what its name says, a column twice."""
    with pytest.raises(NotFoundError):
        InteractionLog.open(tmp_path / "none.parquet")
    (tmp_path / "log.xlsx").write_text("x")
    with pytest.raises(SchemaError):
        InteractionLog.open(tmp_path / "log.xlsx")
    (tmp_path / "log.parquet").write_text("x")
    with pytest.raises(SchemaError):
        InteractionLog.open(tmp_path / "log.parquet")
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp,user_id\n")
    with pytest.raises(SchemaError, match="user_id twice"):
        InteractionLog.open(tmp_path / "log.csv")
    with pytest.raises(SchemaError):
        InteractionLog.open(["user_id"])
    with pytest.raises(SchemaError):
        InteractionLog.open(pd.DataFrame({"user_id": ["7", 7], "item_id": "bread", "timestamp": "2026-01-02"}))


def test_a_ragged_csv_stops_without_telling_whose_line_it_was(tmp_path):
    """The line's number is told, its content is not."""
    path = tmp_path / "log.csv"
    path.write_text(f"user_id,item_id,timestamp\n7,bread,2026-01-02\n{CANARY},bread,2026-01-02,more\n")
    with pytest.raises(SchemaError, match="line 3") as stopped:
        admitted(path)
    assert CANARY not in f"{stopped.value!r} {stopped.value.__cause__!r} {stopped.value.__context__!r}"


def test_csv_quotes_newlines_and_a_byte_order_mark(tmp_path):
    """A cell may hold commas, quotes and line ends, and the file may start with a mark."""
    path = tmp_path / "log.csv"
    path.write_text(
        'note,user_id,item_id,timestamp\n"a, ""b""\nc",7,bread,2026-01-02\nd,"7",bread,2026-01-02\n',
        encoding="utf-8-sig",
    )
    assert admitted(path) == 2


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "pandas"])
def test_an_empty_log_is_an_empty_log(form, tmp_path):
    """It has columns and no rows, and nobody consented."""
    table = interactions(["7"]).slice(0, 0)
    assert admitted(written(table, form, tmp_path)) == 0


BOOKS = [
    ({"user_id": None}, "user_id"),
    ({"state": "yes"}, "given, refused or withdrawn"),
    ({"event_time": "soon"}, "event_time"),
]


@pytest.mark.parametrize(("change", "named"), BOOKS)
def test_consents_that_cannot_be_understood_stop_the_run(change, named):
    """A record of nobody, no state that is one, no time that is one."""
    row = {"user_id": "7", "purpose": PURPOSE, "state": "given", "event_time": "2026-01-01"} | change
    with pytest.raises(SchemaError, match=named):
        admitted(interactions(["7"]), consents=texts([row], "user_id purpose state event_time"))


def test_a_subject_row_of_nobody_stops_the_run():
    """An erasure whose person is unknown cannot be kept."""
    with pytest.raises(SchemaError, match="user_id"):
        admitted(interactions(["7"]), subjects=pa.table({"user_id": ["7", None], "erased_at": [None, "2026-01-01"]}))


def test_subjects_may_repeat_and_come_in_other_types():
    """Any row that protects is enough; numbers, booleans and unreadable dates are understood as far as they protect."""
    for minor in ([0, 1], [False, True], [0.0, 1.0], ["n", "y"]):
        subjects = pa.table({"user_id": ["7", "7"], "minor": minor})
        assert admitted(interactions(["7"]), subjects=subjects) == 0
        assert admitted(interactions(["7"]), subjects=subjects.slice(0, 1)) == 1
    assert admitted(interactions(["7"]), subjects=pa.table({"user_id": ["7"], "erased_at": ["long ago"]})) == 0
    assert admitted(interactions(["7"]), subjects=pa.table({"user_id": [7], "erased_at": pa.nulls(1)})) == 1


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, float("nan")])
def test_the_evaluation_share_is_a_share(share):
    """Otherwise the gate is not made."""
    with pytest.raises(ConfigError):
        ConsentGate(
            consents=CONSENT,
            catalogue=catalogue({"a": ()}),
            policy=policy(world(items={"a": ()})),
            keys=KEYS,
            evaluation_share=share,
        )
