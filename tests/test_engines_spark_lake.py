"""A table about people is read by nobody who passes over rows, whatever it is named by; its types are DuckDB's."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet
import pytest

from engines_spark import spark, spark_session
from personal_reference import KEYS
from tactful.errors import ConfigError, SchemaError
from tactful.personal.engines.base import Roll
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.engines.spark_lake import checked_options
from tactful.personal.engines.spark_naming import Naming
from tactful.personal.source import Source

ROLL = Roll(keys=KEYS, evaluation_share=0.5)
KINDS = {"user_id": "person", "item": "id"}
REFUSED = "no row is passed over"


def opened(table: object, columns: list[str]) -> Source:
    return Source.open(table, role="rows", required=columns)


def answer(engine: object, table: object, column: str, kind: str) -> list[str]:
    """What an engine makes of a column, in order; or why not."""
    session = engine.session(ROLL)
    try:
        session.stage("rows", opened(table, [column]), {column: kind})
        return sorted(map(str, session.query(f"SELECT {column} FROM rows")[column]))  # noqa: S608 (our own)
    except SchemaError as refusal:
        return [str(refusal)]


@pytest.mark.parametrize(
    "name",
    [
        "csv",
        "json",
        "text",
        "xml",
        "binaryFile",
        "avro",
        "Parquet",
        "com.databricks.spark.csv",
        "kafka",
        "org.apache.spark.sql",
    ],
)
def test_a_format_that_is_not_on_the_list_is_refused(name):
    """Readers of text, by whichever name; JSON too, which says nothing of the second object on a line."""
    with pytest.raises(ConfigError, match=REFUSED):
        checked_options(name, {}, name="a table")


def test_an_option_that_leaves_out_rows_is_refused_however_it_is_written():
    """Files have a few options, a database any but those known to limit or shift what is read."""
    for name, key in (
        ("parquet", "ignoreCorruptFiles"),
        ("parquet", "PATHGLOBFILTER"),
        ("orc", "modifiedBefore"),
        ("parquet", "mergeSchema"),
        ("delta", "readChangeFeed"),
        ("iceberg", "start-snapshot-id"),
        ("hudi", "hoodie.datasource.query.type"),
        ("jdbc", "maxRows"),
        ("jdbc", "preferTimestampNtz"),
    ):
        with pytest.raises(ConfigError, match=key):
            checked_options(name, {key: "true"}, name="a table")
    assert checked_options("delta", {"versionAsOf": "3"}, name="a table") == {"versionAsOf": "3"}
    assert checked_options("parquet", {"basePath": "x"}, name="a table") == {"basePath": "x", "mergeSchema": "true"}
    assert checked_options("jdbc", {"dbtable": "t"}, name="a table") == {"dbtable": "t", "preferTimestampNTZ": "true"}


def test_a_whole_decimal_is_an_id_and_no_time():
    """As databases keep integers; nothing else is read from decimals, here as where Spark's workers read."""
    rows = pa.table(
        {
            "whole": pa.array([Decimal(2**64 - 1), Decimal(-7)], pa.decimal128(20, 0)),
            "broken": pa.array([Decimal("1.5")] * 2, pa.decimal128(10, 1)),
        }
    )
    assert answer(DuckDB(), rows, "whole", "id") == ["-7", "18446744073709551615"]
    for column, kind in (("whole", "time"), ("whole", "word"), ("broken", "person"), ("broken", "id")):
        assert "DECIMAL" in answer(DuckDB(), rows, column, kind)[0]
    sent = Naming.of(opened(rows, ["whole"]), {"whole": "id"}, ROLL)
    assert sent.table(rows.select(["whole"]))["whole"].to_pylist() == ["18446744073709551615", "-7"]


def lake(folder: Path) -> dict[str, str]:
    """Tables of every form, and with options, of which a row or more would not be read."""
    rows = pa.table({"user_id": ["ann", "bob"], "item": ["a", "b"]})
    for name in ("sound", "torn"):
        (folder / name).mkdir()
        pyarrow.parquet.write_table(rows, folder / name / "one.parquet")
    torn = (folder / "torn" / "one.parquet").read_bytes()
    (folder / "torn" / "two.parquet").write_bytes(torn[: len(torn) // 2])
    (folder / "log.csv").write_text("user_id,item\nann,a\nbob,b,more\n")
    two = json.dumps({"user_id": "bob", "item": "b"}) + json.dumps({"user_id": "ann", "item": "a"})
    (folder / "log.json").write_text(two + "\n")
    (folder / "log.xml").write_text("<rows><row><user_id>ann</user_id><item>a</item></row></rows>")
    return {
        "torn": f"USING parquet OPTIONS (path '{folder}/torn', IgnoreCorruptFiles 'true')",
        "some": f"USING parquet OPTIONS (path '{folder}/sound', pathGlobFilter '*.nothing')",
        "dropped": f"USING csv OPTIONS (path '{folder}/log.csv', header 'true', mode 'DROPMALFORMED')",
        "objects": f"USING json OPTIONS (path '{folder}/log.json')",
        "lines": f"USING text OPTIONS (path '{folder}/log.csv')",
        "marked": f"USING xml OPTIONS (path '{folder}/log.xml', rowTag 'row')",
        "sound": f"USING parquet OPTIONS (path '{folder}/sound', ignoreCorruptFiles 'false')",
    }


@pytest.mark.prove
def test_who_reads_a_table_is_found_behind_its_name(tmp_path):
    """Tables of a catalog, views on them, common tables, subqueries and frames: refused for whoever reads them."""
    theirs, session = spark_session(), spark().session(ROLL)
    for name, table in lake(tmp_path).items():
        columns = "value STRING" if name == "lines" else "user_id STRING, item STRING"
        theirs.sql(f"CREATE TEMPORARY VIEW {name} ({columns}) {table}")
    sound = opened(theirs.sql("WITH all AS (SELECT * FROM sound) SELECT * FROM all CROSS JOIN VALUES (1)"), [*KINDS])
    session.stage("rows", sound, KINDS)
    assert session.query("SELECT COUNT(*) AS n FROM rows")["n"].tolist() == [2]
    session.drop("rows")
    theirs.sql("CREATE TEMPORARY VIEW seen AS SELECT upper(user_id) AS user_id, item FROM dropped")
    statements = [f"SELECT * FROM {name}" for name in ("torn", "some", "dropped", "objects", "marked", "seen")]  # noqa: S608 (our own)
    statements += [
        "SELECT value AS user_id, value AS item FROM lines",
        "WITH all AS (SELECT * FROM objects) SELECT * FROM all",
        "SELECT * FROM sound WHERE item IN (SELECT item FROM sound WHERE user_id NOT IN (SELECT user_id FROM dropped))",
    ]
    for statement in statements:
        with pytest.raises(ConfigError, match=REFUSED):
            session.stage("rows", opened(theirs.sql(statement), [*KINDS]), KINDS)
    with pytest.raises(ConfigError, match="JsonFileFormat"):
        session.stage("rows", opened(theirs.read.json(str(tmp_path / "log.json")), [*KINDS]), KINDS)
    with pytest.raises(ConfigError, match=REFUSED):
        spark().frame(format="json", path=str(tmp_path / "log.json"))


@pytest.mark.prove
def test_a_torn_file_stops_the_gate_whatever_its_owners_session_says(tmp_path):
    """A frame of a session that passes over such files is read by ours, which does not."""
    lake(tmp_path)
    theirs = spark_session()
    theirs.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    frame = theirs.read.parquet(str(tmp_path / "torn"))
    session = spark().session(ROLL)
    session.stage("rows", opened(frame, [*KINDS]), KINDS)
    with pytest.raises(SchemaError, match="read to its end"):
        session.census("rows")


@pytest.mark.prove
def test_the_name_of_a_folder_is_text(tmp_path):
    """007 is not 7."""
    for user_id in ("007", "7"):
        (tmp_path / f"user_id={user_id}").mkdir()
        pyarrow.parquet.write_table(pa.table({"item": ["a"]}), tmp_path / f"user_id={user_id}" / "one.parquet")
    frame = spark().frame(format="parquet", path=str(tmp_path))
    assert answer(spark(), frame, "user_id", "person") == sorted(KEYS.pseudonyms(["007", "7"]))


@pytest.mark.prove
@pytest.mark.parametrize("form", ["parquet", "orc"])
def test_a_column_that_one_file_alone_has_is_read(tmp_path, form):
    """The end of a consent stands in the youngest file only, as when a table has grown by a column."""
    write = {"parquet": pyarrow.parquet.write_table, "orc": pyarrow.orc.write_table}[form]
    for number in range(4):
        rows = {"user_id": [f"p{number}"], "state": ["given"]} | ({"valid_until": ["2026"]} if number == 3 else {})
        write(pa.table(rows), tmp_path / f"{number}.{form}")
    frame = spark().frame(format=form, path=str(tmp_path))
    assert frame.columns == ["user_id", "state", "valid_until"]
    assert answer(spark(), frame, "valid_until", "word") == ["2026", "None", "None", "None"]


@pytest.mark.prove
def test_types_that_spark_lacks_are_what_the_footer_says(tmp_path):
    """Times in 96 bits, unsigned integers and decimals: the values are DuckDB's, and so are the words of refusals."""
    moment = [datetime(2026, 1, 2, 3, 4, 5, 678901), None]
    rows = pa.table(
        {
            "time": pa.array(moment, pa.timestamp("us")),
            "unsigned": pa.array([2**64 - 1, 7], pa.uint64()),
            "whole": pa.array([Decimal(7), None], pa.decimal128(20, 0)),
            "broken": pa.array([Decimal("1.5"), None], pa.decimal128(10, 1)),
        }
    )
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(rows, path, use_deprecated_int96_timestamps=True)
    asked = [("time", "time"), ("broken", "id"), ("whole", "id"), ("whole", "time"), ("whole", "flag")]
    for column, kind in (*asked, *(("unsigned", kind) for kind in ("id", "word", "flag", "time"))):
        assert answer(spark(), path, column, kind) == answer(DuckDB(), path, column, kind), (column, kind)
    assert answer(DuckDB(), path, "time", "time") == ["1767323045678901", "None"]
