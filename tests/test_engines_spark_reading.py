"""What a table says does not depend on the engine that reads it, nor on the form it comes in; no id passes the door."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from engines_spark import spark, spark_session
from personal_reference import KEYS
from tactful.errors import ConfigError, MissingExtraError, SchemaError, UsageError
from tactful.personal.engines.base import Roll
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.engines.spark import Spark
from tactful.personal.engines.spark_naming import Naming, for_workers
from tactful.personal.engines.spark_reading import put
from tactful.personal.engines.spark_steps import steps
from tactful.personal.ids import is_clean
from tactful.personal.source import Source
from tactful.personal.statement import JUDGED

CANARY = "canary-4711"
ROLL = Roll(keys=KEYS, evaluation_share=0.5)
IDS = ["ann", "007", "7", " ann", "b\x00b", "", None, "李", "ann", CANARY]
TIMES = [
    "2026-01-02",
    " 2026-01-02T03:00:00+0200 ",
    "2026-1-2",
    "infinity",
    "soon",
    "",
    None,
    "2026-01-02 03:04:05.678",
]
KINDS = {
    "user_id": "person",
    "item": "id",
    "written": "time",
    "until": "end",
    "said": "word",
    "purpose": "purpose",
    "flag": "flag",
}
TYPED = KINDS | {
    "nanos": "time",
    "zoned_nanos": "time",
    "naive": "time",
    "zoned": "time",
    "day": "time",
    "big": "id",
    "float": "flag",
}


def texts() -> pa.Table:
    """Text that is odd in every way, which a CSV file can hold as well."""
    rows = range(20)
    return pa.table(
        {
            "user_id": [IDS[n % len(IDS)] for n in rows],
            "item": [["a,b", 'q"q', "two\nlines", "", None, " x "][n % 6] for n in rows],
            "written": [TIMES[n % len(TIMES)] for n in rows],
            "until": [["9999-12-31", "infinity", None][n % 3] for n in rows],
            "said": [[" given\u00a0", "\tgiven", "GIVEN", None][n % 4] for n in rows],
            "purpose": [["A.b ", "*", "a..b", None, "a_1.b"][n % 5] for n in rows],
            "flag": [["yes", "0.0", None][n % 3] for n in rows],
        }
    )


def typed() -> pa.Table:
    """The same beside columns of other types, which only some forms hold."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901)
    more = {
        "nanos": pa.array([1_767_225_600_123_456_789, None] * 10, pa.timestamp("ns")),
        "zoned_nanos": pa.array([1_767_225_600_123_456_789, -1] * 10, pa.timestamp("ns", "UTC")),
        "naive": pa.array([moment, None] * 10, pa.timestamp("us")),
        "zoned": pa.array(
            [moment.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)] * 10, pa.timestamp("us", "UTC")
        ),
        "day": pa.array([date(2026, 1, 2), date(1969, 1, 2)] * 10),
        "big": pa.array([2**64 - 1, 7] * 10, pa.uint64()),
        "float": pa.array([1.0, float("nan")] * 10),
    }
    coded = texts().set_column(4, "said", texts()["said"].dictionary_encode())
    return pa.table({name: coded[name] for name in coded.column_names} | more)


def told(session, source: Source, kinds: dict) -> list[tuple]:
    """The rows of a staged table, in order of what they say."""
    session.stage("rows", source, kinds)
    columns = [name for column in kinds for name in (column, f"{column}_unreadable")]
    found = session.query("SELECT * FROM rows")
    values = [map(str, found[name]) for name in columns if name in found]
    session.drop("rows")
    return sorted(zip(*values, strict=True))


def expected(table: pa.Table, kinds: dict) -> list[tuple]:
    """What DuckDB says of them, people under pseudonyms."""
    rows = told(DuckDB().session(), opened(table, kinds), kinds)
    return sorted((named(user_id), *rest) for user_id, *rest in rows)


def named(user_id: str) -> str:
    """A pseudonym, or nobody."""
    clean = user_id != "None" and is_clean(user_id)
    return KEYS.pseudonyms([user_id])[0] if clean else "None"


def opened(table: object, kinds: dict) -> Source:
    return Source.open(table, role="rows", required=list(kinds))


def test_the_door_reads_as_duckdb_and_lets_no_id_through():
    """Odd text and every type: the values are DuckDB's, each id is its pseudonym or nobody's, and its part is told."""
    source = opened(typed(), TYPED)
    left = Naming.of(source, TYPED, ROLL).table(source.table)
    columns = [n for column in TYPED for n in (column, f"{column}_unreadable") if n in left.column_names]
    assert sorted(zip(*(map(str, left[n].to_pylist()) for n in columns), strict=True)) == expected(typed(), TYPED)
    assert CANARY not in str(left.to_pydict())
    parts = dict(zip(left["user_id"].to_pylist(), left["user_id_evaluates"].to_pylist(), strict=True))
    cut = 2**63
    known = {user_id for user_id in IDS if user_id and is_clean(user_id)}
    places = zip(KEYS.pseudonyms(known), KEYS.places(known), strict=True)
    assert parts == {name: place < cut for name, place in places} | {None: None}
    assert len(set(left["user_id_unclean"].to_pylist()) - {None}) == 2


def test_workers_get_no_key_they_have_no_use_for():
    """The storage key stays; names and parts are the same."""
    sent = for_workers(replace(KEYS, suppression=b"l" * 32, storage_older=(b"o" * 32,)))
    assert sent.storage != KEYS.storage
    assert (sent.suppression, sent.storage_older) == (None, ())
    assert sent.pseudonyms(["ann"]) == KEYS.pseudonyms(["ann"])
    assert sent.places(["ann"]) == KEYS.places(["ann"])


def test_a_worker_that_fails_says_where_and_not_what(tmp_path):
    """A ragged line of a CSV file, and bytes that are no text."""
    (tmp_path / "log.csv").write_text(f"user_id,item\n7,bread\n{CANARY},bread,more\n")
    kinds = {"user_id": "person", "item": "id"}
    ragged = Naming.of(opened(tmp_path / "log.csv", kinds), kinds, ROLL)
    raw = pa.array([CANARY.encode() + b"\xff"]).view(pa.string())
    broken = Naming.of(opened(pa.table({"user_id": ["x"], "item": ["y"]}), kinds), kinds, ROLL)
    for failing in (ragged.file([]), broken.batches([pa.record_batch({"user_id": raw, "item": raw})])):
        with pytest.raises(SchemaError, match=r"line 3|stopped with ArrowInvalid") as stopped:
            list(failing)
        assert CANARY not in f"{stopped.value!r} {stopped.value.__cause__!r} {stopped.value.__context__!r}"


def test_a_statement_is_divided_where_it_names_its_steps():
    """What is used twice or last is kept; put together it is the same statement. Parentheses in quotes are none."""
    named_steps, last = steps(JUDGED)
    again = ",\n".join(f"{step.name} AS ({step.statement})" for step in named_steps)
    assert "".join(f"WITH {again}{last}".split()) == "".join(JUDGED.split())
    kept = {step.name for step in named_steps if step.kept}
    assert kept == {"asked", "levels", "opted"} | {"clock", "named", "opt_ins"}
    assert steps("WITH a AS (SELECT ')' AS b FROM c) SELECT * FROM a")[1].strip() == "SELECT * FROM a"
    assert steps("SELECT 1") == ((), "SELECT 1")
    with pytest.raises(ValueError, match="not closed"):
        steps("WITH a AS (SELECT 1")


def test_spark_that_is_not_there_is_named_with_its_extra(monkeypatch):
    """Not before it is needed, and with what to install."""
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    engine = Spark(master="local[1]")
    with pytest.raises(MissingExtraError, match="spark"):
        engine.session()


def test_what_the_answer_depends_on_cannot_be_set():
    """The time zone, and that no file is passed over."""
    for key in ("spark.sql.session.timeZone", "spark.sql.files.ignoreCorruptFiles"):
        with pytest.raises(ConfigError, match=key):
            Spark(settings={key: "true"}).session()


def test_a_context_that_writes_in_the_clear_is_refused():
    """Its disks would hold rows of people; so is one that is elsewhere, where nothing can be told about its disks."""
    for said in ("false", None):
        conf = SimpleNamespace(get=lambda _, other, said=said: said or other)
        context = SimpleNamespace(getConf=lambda conf=conf: conf)
        with pytest.raises(ConfigError, match=r"spark\.io\.encryption\.enabled"):
            Spark(SimpleNamespace(sparkContext=context)).session()
    away = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})
    with pytest.raises(ConfigError, match="Connect"):
        Spark(away()).session()


def written(form: str, folder) -> object:
    """The table in one of the forms that Spark is given."""
    if form == "csv":
        pyarrow.csv.write_csv(texts(), folder / "it's [1]*.csv")
        return folder / "it's [1]*.csv"
    if form == "frame":
        return put(spark_session(), texts())
    if form == "arrow":
        return typed()
    (folder / "day=1 [2]*{a}").mkdir()
    pyarrow.parquet.write_table(typed().slice(0, 7), folder / "day=1 [2]*{a}" / "one.parquet")
    pyarrow.parquet.write_table(typed().slice(7), folder / "two.parquet")
    return folder


@pytest.mark.prove
@pytest.mark.parametrize("form", ["parquet", "csv", "arrow", "frame"])
def test_every_form_says_what_it_says_on_duckdb(form, tmp_path):
    """Files with wildcards and quotes in their names, a folder, tables in memory, frames of another session."""
    kinds = KINDS if form in ("csv", "frame") else TYPED
    table = texts() if form in ("csv", "frame") else typed()
    session = spark().session(ROLL)
    assert told(session, opened(written(form, tmp_path), kinds), kinds) == expected(table, kinds)


@pytest.mark.prove
def test_people_are_counted_and_enrolled_as_on_duckdb():
    """Nameless rows, unclean ids and parts; everybody, or some."""
    source = opened(texts(), {"user_id": "person"})
    told = {}
    for name, engine in (("spark", spark()), ("duckdb", DuckDB())):
        session = engine.session(ROLL)
        session.stage("rows", source, {"user_id": "person"})
        census = session.census("rows")
        session.enroll("rows")
        everybody = session.query("SELECT pseudonym, part FROM people ORDER BY pseudonym")
        session.drop("people", "ids")
        session.enroll("rows", among=[*KEYS.pseudonyms(["ann", "nobody"])])
        some = session.query("SELECT p.pseudonym FROM people p JOIN ids i ON i.person = p.person")
        told[name] = (census, *(values.tolist() for values in everybody.values()), some["pseudonym"].tolist())
    assert told["spark"] == told["duckdb"]
    with pytest.raises(UsageError):
        spark().session().enroll("rows")


@pytest.mark.prove
def test_nothing_is_kept_once_a_table_or_a_session_is_gone():
    """Executors hold what was created until it is dropped, and no longer."""
    held = spark()._context().sparkContext._jsc.sc().getRDDStorageInfo
    before = len(held())
    session = spark().session()
    session.put("one", pa.table({"a": [1, 2]}))
    session.create("two", "SELECT a, COUNT(*) AS n FROM one GROUP BY a")
    assert session.query("SELECT SUM(n) AS n FROM two")["n"].tolist() == [2]
    assert len(held()) == before + 1
    session.drop("two")
    assert len(held()) == before
    session.create("two", "SELECT a + 1 AS a FROM one")
    assert sorted(session.query("SELECT a FROM two")["a"].tolist()) == [2, 3]
    del session
    assert len(held()) == before


@pytest.mark.prove
def test_tables_of_a_lake(tmp_path):
    """A catalog's and ORC; what is neither, or not there, is refused."""
    lake = spark_session()
    rows = texts().select(["user_id", "item", "written"])
    kinds = {column: KINDS[column] for column in rows.column_names}
    frame = put(lake, rows)
    frame.createGlobalTempView("a_lake")
    frame.write.orc(str(tmp_path / "orc"))
    session = spark().session(ROLL)
    for made in (spark().frame(table="global_temp.a_lake"), spark().frame(format="orc", path=str(tmp_path / "orc"))):
        assert told(session, opened(made, kinds), kinds) == expected(rows, kinds)
    with pytest.raises(ConfigError, match="a name in a catalog"):
        spark().frame()
    with pytest.raises(SchemaError, match="no_such"):
        spark().frame(table="no_such")


@pytest.mark.prove
def test_a_database_is_read_as_utc_and_its_whole_numbers_as_ids(tmp_path):
    """Through JDBC: the database that comes with Spark, in memory."""
    spark()._context()._jvm.java.lang.System.setProperty("derby.stream.error.file", str(tmp_path / "derby.log"))
    url = "jdbc:derby:memory:tactful;create=true"
    driver = "org.apache.derby.iapi.jdbc.AutoloadedDriver"
    lake = spark_session()
    lake.sql("SELECT CAST(7 AS DECIMAL(20, 0)) AS id, TIMESTAMP_NTZ'2026-01-02 03:04:05' AS at").write.jdbc(
        url, "log", properties={"driver": driver}
    )
    options = {"url": url, "dbtable": "log", "driver": driver}
    frame = spark().frame(format="jdbc", options=options)
    user_id, at = frame.columns
    (row,) = told(spark().session(ROLL), opened(frame, [user_id, at]), {user_id: "person", at: "time"})
    assert row == (KEYS.pseudonyms(["7"])[0], "1767323045000000", "0")


@pytest.mark.prove
def test_what_cannot_be_read_is_refused_without_a_word_of_it(tmp_path):
    """Wrong types in DuckDB's words; a ragged file by its line; files that Spark would pass over."""
    session = spark().session(ROLL)
    wrong = pa.table({"user_id": [1.5], "at": [20260102]})
    pyarrow.parquet.write_table(wrong, tmp_path / "wrong.parquet")
    for column, kind, given in (("user_id", "person", "DOUBLE"), ("at", "time", "BIGINT")):
        with pytest.raises(SchemaError, match=given):
            session.stage("rows", opened(tmp_path / "wrong.parquet", [column]), {column: kind})
    (tmp_path / "log.csv").write_text(f"user_id,item\n7,bread\n{CANARY},bread,more\n")
    session.stage("rows", opened(tmp_path / "log.csv", ["user_id"]), {"user_id": "person"})
    with pytest.raises(SchemaError, match="line 3") as stopped:
        session.census("rows")
    assert CANARY not in f"{stopped.value!r} {stopped.value.__cause__!r} {stopped.value.__context__!r}"
    pyarrow.parquet.write_table(wrong, tmp_path / "_wrong.parquet")
    with pytest.raises(ConfigError, match="passes over"):
        session.stage("rows", opened(tmp_path / "_wrong.parquet", ["at"]), {"at": "id"})


@pytest.mark.prove
def test_a_context_that_is_started_is_not_another():
    """Neither its master nor its settings can change any more; ours is encrypted."""
    spark().session()
    for other in (Spark(master="local[7]"), Spark(settings={"spark.executor.memory": "77g"})):
        with pytest.raises(ConfigError, match="started"):
            other.session()
    assert spark()._context().sparkContext.getConf().get("spark.io.encryption.enabled") == "true"
