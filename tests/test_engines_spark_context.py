"""A context that somebody else started stays theirs; its workers know tactful, its sources are read once."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from engines_spark import spark, spark_session
from personal_reference import KEYS, PURPOSE, catalogue
from tactful.errors import ConfigError, TactfulError
from tactful.personal.bounding import bound
from tactful.personal.contributions import PopularitySums
from tactful.personal.engines import spark_settings
from tactful.personal.engines.base import Roll
from tactful.personal.engines.spark import Spark
from tactful.personal.gate import ConsentGate
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy

CANARY = "canary-4711"
CAST = "SELECT CAST(said AS BIGINT) AS said FROM rows"
LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
TIME = "2026-01-0{}T00:00:00Z"


def test_encryption_is_on_however_it_is_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Spark reads it; and what is off is refused before anything starts."""
    monkeypatch.setattr(spark_settings, "_check_workers", lambda _: None)
    for said in ("true", "True", " TRUE"):
        conf = SimpleNamespace(get=lambda _, __, said=said: said)
        theirs = SimpleNamespace(sparkContext=SimpleNamespace(getConf=lambda conf=conf: conf))
        assert spark_settings.started(theirs, None, {}) == (theirs, False)
    monkeypatch.setattr(spark_settings, "_active", lambda: None)
    monkeypatch.setattr(spark_settings, "_started", lambda *_: pytest.fail("it was started"))
    with pytest.raises(ConfigError, match=r"spark\.io\.encryption\.enabled"):
        Spark(settings={"spark.io.encryption.enabled": "false"}).session()


@pytest.mark.prove
def test_a_context_of_somebody_else_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found from a thread that has no session of its own: not ours to stop, nor to set anything in."""
    theirs = spark()._context()
    zone = "spark.sql.session.timeZone"
    before = theirs.conf.get(zone)
    theirs.conf.set(zone, "Europe/Berlin")
    monkeypatch.setattr(theirs.sparkContext, "stop", lambda: pytest.fail("it was stopped"))
    found: list[object] = []

    def elsewhere() -> None:
        engine = Spark(settings={zone: "UTC"})
        session = engine.session()
        active = type(theirs).getActiveSession()
        session.put("rows", pa.table({"a": [1]}))
        found.extend([engine._ours, session.query("SELECT current_timezone() AS zone FROM rows")["zone"].tolist()])
        found.append((active is None, type(theirs).getActiveSession() is None))
        engine.stop()

    def mine() -> None:
        session = spark().session()
        theirs._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(theirs._jsparkSession)
        session.put("rows", pa.table({"a": [1]}))
        found.append(type(theirs).builder.getOrCreate().conf.get(zone))

    try:
        for work in (elsewhere, mine):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert found == [False, ["UTC"], (True, True), "Europe/Berlin"]
        assert theirs.conf.get(zone) == "Europe/Berlin"
        assert theirs.range(3).count() == 3
    finally:
        theirs.conf.set(zone, before)


class Heard(logging.Handler):
    """What a logger was told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """It is kept."""
        self.records.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What pyspark's own loggers say, and to nobody else."""
    from pyspark.logger import PySparkLogger

    listener = Heard()
    loggers = [PySparkLogger.getLogger(name) for name in LOGGERS]
    before = [list(logger.handlers) for logger in loggers]
    for logger in loggers:
        logger.handlers[:] = [listener]
    yield listener.records
    for logger, handlers in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers


@pytest.mark.prove
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_an_interrupt_while_java_starts_leaves_no_java(seconds: float) -> None:
    """Half-started Java would wait for a driver that is gone; the interrupt arrives nevertheless."""
    name = f"interrupted-{uuid.uuid4().hex}"
    program = (
        "import os, signal, threading\n"
        "from tactful.personal.engines.spark import Spark\n"
        f"threading.Timer({seconds}, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        f"Spark(master='local[1]', settings={{'spark.app.name': '{name}'}}).session()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "KeyboardInterrupt" in done.stderr
    for _ in range(100):
        if not (left := javas(name)):
            break
        time.sleep(0.1)
    assert left == []


def javas(name: str) -> list[str]:
    """Processes whose command has this name in it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found += [file.parent.name] * (name.encode() in file.read_bytes() and b"java" in file.read_bytes())
    return found


@pytest.mark.prove
def test_pyspark_says_nothing_of_a_value_while_the_gate_runs(heard: list[str]) -> None:
    """A view of a user's whose cast fails, in each action; beside them pyspark logs as ever."""
    session = spark().session(Roll(keys=KEYS, evaluation_share=0.0))
    session.put("rows", pa.table({"said": [CANARY]}))
    session.define("admitted", "SELECT CAST(said AS BIGINT) AS person, 0 AS item, 0 AS instant FROM rows")
    session.define("people", "SELECT CAST(0 AS BIGINT) AS person, 'p' AS pseudonym, 'training' AS part")
    session.define("items", "SELECT 0 AS item, 'a' AS item_id")
    actions: list[Callable[[], object]] = [
        lambda: session.query(CAST),
        lambda: session.create("two", CAST),
        lambda: session.total(CAST, PopularitySums(n_items=1)),
        lambda: session.bounded(max_items=1, n_items=1),
    ]
    for action in actions:
        with pytest.raises(TactfulError, match="Spark stopped") as stopped:
            action()
        assert CANARY not in f"{stopped.value!r} {stopped.value.__cause__!r} {stopped.value.__context__!r}"
        assert heard == []
    with pytest.raises(Exception, match=CANARY):
        session._session.sql(CAST).collect()
    assert any(CANARY in said for said in heard)


@pytest.mark.prove
def test_a_worker_without_tactful_is_told_of_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of what it lacks, and before a row is read."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n\n\nclass Without:\n    def find_spec(self, name, *_):\n        if name == 'tactful':\n"
        "            raise ModuleNotFoundError(\"No module named 'tactful'\", name=name)\n\n\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    theirs = spark()._context()
    monkeypatch.setattr(theirs.sparkContext, "pythonExec", str(python))
    with pytest.raises(ConfigError, match="can import tactful; one has no module tactful"):
        Spark(theirs).session()


@pytest.mark.prove
def test_each_source_is_read_once(tmp_path: Path) -> None:
    """Consents and log, by the gate and the bounds: a table that changes meanwhile is not read twice."""
    lake = spark_session()

    def counted(name: str, table: pa.Table) -> object:
        def read(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            import uuid

            (tmp_path / f"{name}-{uuid.uuid4().hex}").touch()
            yield from table.to_batches()

        return lake.range(0, 1, 1, 1).mapInArrow(read, ", ".join(f"{column} string" for column in table.column_names))

    times = [TIME.format(2)] * 2
    consents = pa.table(
        {"user_id": ["ann", "bob"], "purpose": [PURPOSE] * 2, "state": ["given"] * 2, "event_time": times}
    )
    uses = pa.table({"user_id": ["ann", "bob"], "item_id": ["bread", "milk"], "timestamp": [TIME.format(3)] * 2})
    gate = ConsentGate(
        consents=counted("consents", consents),
        catalogue=catalogue({"bread": (), "milk": ()}),
        policy=Policy(retention_days=3650),
        keys=KEYS,
        evaluation_share=0.0,
        engine=spark(),
    )
    admitted = gate.admit(InteractionLog.open(counted("log", uses)), PURPOSE, datetime(2026, 6, 1, tzinfo=UTC))
    assert bound(admitted, max_items=3).n_people == 2
    assert Counter(found.name.split("-")[0] for found in tmp_path.iterdir()) == {"consents": 1, "log": 1}
