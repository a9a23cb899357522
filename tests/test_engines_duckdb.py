"""DuckDB's session: who is in a table, who is enrolled, and sums over rows that are never held all at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from personal_reference import KEYS
from tactful.errors import ConfigError, UsageError
from tactful.personal.engines import duckdb
from tactful.personal.engines.base import Census, Roll
from tactful.personal.engines.duckdb import DuckDB, DuckDBSession
from tactful.personal.source import Source

IDS = ["ann", "ann", "bob", None, "", "bob ", " bob", "a\nb", "eve", "eve"]
ROLL = Roll(keys=KEYS, evaluation_share=0.5)


class Numbers:
    """Adds up a column, and remembers how many rows came at once."""

    sizes = (1, 2)

    def __init__(self) -> None:
        self.came: list[int] = []

    def prepared(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        self.came.append(len(batch))
        return np.asarray(batch.column("n").to_numpy())

    def add(self, prepared: NDArray[np.int64], block: int, total: NDArray[np.int64]) -> None:
        total += prepared.sum() if block == 0 else [len(prepared), -prepared.sum()]


def staged(ids: list[str | None], roll: Roll | None = None) -> DuckDBSession:
    """A session in which these people have a row each."""
    session = DuckDB().session(roll)
    table = pa.table({"user_id": pa.array(ids, pa.string())})
    session.stage("rows", Source.open(table, role="interactions", required=["user_id"]), {"user_id": "person"})
    return session


def test_a_census_counts_rows_and_distinct_ids() -> None:
    """Rows, rows without an id (empty text is none), and ids, each once, that hide something."""
    assert staged(IDS).census("rows") == Census(rows=10, nameless=2, unclean=3)
    assert staged([]).census("rows") == Census(rows=0, nameless=0, unclean=0)


def test_each_clean_id_is_enrolled_once_by_the_rank_of_its_pseudonym() -> None:
    """And nobody else is."""
    session = staged(IDS, ROLL)
    session.enroll("rows")
    found = session.query(
        "SELECT i.user_id, p.pseudonym FROM people p JOIN ids i ON i.person = p.person ORDER BY p.person"
    )
    names = dict(zip(found["user_id"], found["pseudonym"], strict=True))
    assert names == dict(zip(["ann", "bob", "eve"], KEYS.pseudonyms(["ann", "bob", "eve"]), strict=True))
    assert list(names.values()) == sorted(names.values())


def test_only_those_asked_for_are_enrolled() -> None:
    """The same people with the same parts, numbered anew; a pseudonym of nobody in the table enrols nobody."""
    everybody, some = staged(IDS, ROLL), staged(IDS, ROLL)
    everybody.enroll("rows")
    some.enroll("rows", among=iter(KEYS.pseudonyms(["eve", "bob", "zoe"])))
    parts = [
        dict(zip(found["pseudonym"], found["part"], strict=True))
        for found in (session.query("SELECT pseudonym, part FROM people") for session in (everybody, some))
    ]
    assert parts[1] == {name: parts[0][name] for name in KEYS.pseudonyms(["bob", "eve"])}
    assert sorted(some.query("SELECT person FROM ids")["person"]) == [0, 1]


def test_nobody_is_enrolled_without_keys() -> None:
    """A session that was opened without a roll says so."""
    with pytest.raises(UsageError, match="enrolled under keys"):
        staged(IDS).enroll("rows")


def test_rows_are_added_up_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch by batch, block by block, modulo 2^64, and none twice."""
    monkeypatch.setattr(duckdb, "_AT_ONCE", 1 << 11)
    sums, session = Numbers(), DuckDB().session()
    total = session.total(f"SELECT CAST(i + {2**62} AS BIGINT) AS n FROM RANGE(10000) r(i)", sums)  # noqa: S608 (a number)
    exact = sum(range(10_000)) + 10_000 * 2**62
    assert [int(n) % 2**64 for n in total] == [exact % 2**64, 10_000, -exact % 2**64]
    assert sum(sums.came) == 10_000
    assert max(sums.came) <= 1 << 11
    assert session.total("SELECT 1 AS n WHERE 1 = 0", Numbers()).tolist() == [0, 0, 0]


def test_what_is_defined_is_not_stored_and_can_be_dropped() -> None:
    """A view follows its table; tables, views and staged tables go by one word, and their names are free again."""
    session = staged(["ann"])
    for _ in range(2):
        session.create("kept", "SELECT user_id FROM rows")
        session.define("seen", "SELECT COUNT(*) AS n FROM kept")
        assert session.query("SELECT n FROM seen")["n"].tolist() == [1]
        assert session.query("SELECT COUNT(*) AS n FROM duckdb_tables()")["n"].tolist() == [1]
        session.drop("seen", "kept")
    session.drop("rows")
    session.put("rows", pa.table({"user_id": ["bob"]}))
    assert session.query("SELECT user_id FROM rows")["user_id"].tolist() == ["bob"]


def test_a_table_of_spark_is_refused() -> None:
    """And the error says which engine has it."""
    source = Source(name="purchases", columns={"user_id": 0}, header=("user_id",), frame=object())
    with pytest.raises(ConfigError, match=r"purchases.*DuckDB reads it.*spark"):
        DuckDB().session().stage("rows", source, {"user_id": "person"})
