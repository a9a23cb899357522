"""Tables of a lake: who opens them, who says in words that they do not, and what starts no Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli import consent_files, keeping, suppressing
from tactful.cli.application import app
from tactful.config import TrainingConfig
from tactful.desk.person import Desk
from tactful.errors import ConfigError, NotFoundError
from tactful.personal.engines import spark
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.keys import Keys
from tactful.records.store import Records
from tactful.sources import Sources
from tactful.training import train
from world import user_id

ADDS_COMMANDS = (consent_files, keeping, suppressing)
LAKE = '{ format = "delta", path = "s3a://lake/log" }'


@pytest.fixture
def lake(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config whose interactions and consents only Spark reads, and a Spark that must not start."""

    def never(*_: object) -> None:
        raise AssertionError("Spark was started")

    monkeypatch.setattr(spark, "started", never)
    text = (workspace / "shop.toml").read_text() + '\n[engine]\nname = "spark"\n'
    lines = [
        line.partition(" =")[0] + f" = {LAKE}" if line[:5] in ("inter", "conse") else line for line in text.splitlines()
    ]
    made = workspace / "lake.toml"
    made.write_text("\n".join(lines))
    Records.open()
    return made


@pytest.mark.parametrize("engine", [None, DuckDB()])
def test_only_spark_opens_them(engine: DuckDB | None, lake: Path) -> None:
    """Whoever has another engine, or none, is told so by the table's place, before anything is read."""
    data = TrainingConfig.load(lake).data
    with pytest.raises(ConfigError, match="lake"):
        Sources.open(data, records=Records.open(), keys=Keys.load(), engine=engine)


@pytest.mark.parametrize(
    "command",
    [
        ("ingest", "lake.toml"),
        ("suppressions", "lake.toml", "--out", "a.list", "--key", "reviewer.key"),
        ("consent", "export", "--config", "lake.toml", "--out", "a.csv"),
    ],
)
def test_what_needs_ids_says_that_it_reads_files(command: tuple[str, ...], lake: Path) -> None:
    """It ends with 2, and leaves nothing half-written."""
    found = CliRunner().invoke(app, list(command))
    assert isinstance(found.exception, ConfigError), found.output
    assert "reads files, and no table of a lake" in str(found.exception)
    assert [entry.kind for entry in Records.open().entries() if entry.kind != "data.read"] == []
    assert not [name for name in ("a.list", "a.csv", "models") if (lake.parent / name).exists()]


def test_a_dry_run_starts_no_spark(lake: Path) -> None:
    """Neither where tables lie in a lake nor where they are files, which are opened to look at their headers."""
    assert train(lake, dry_run=True).status == "dry run"
    files = lake.with_name("files.toml")
    files.write_text((lake.parent / "shop.toml").read_text() + '\n[engine]\nname = "spark"\n')
    assert train(files, dry_run=True).status == "dry run"
    files.write_text(files.read_text().replace("consents.csv", "nowhere.csv"))
    with pytest.raises(Exception, match="nowhere"):
        train(files, dry_run=True)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("delta", "csv", "interactions .*has the format csv"),
        ('log" }', 'log", options = { mode = "DROPMALFORMED" } }', "interactions .*has the options mode"),
        ('name = "spark"', 'name = "spark"\nsettings = {"spark.io.encryption.enabled" = "false"}', "encrypt"),
        ('name = "spark"', 'name = "spark"\nsettings = {"spark.sql.ansi.enabled" = "false"}', "ansi.enabled differ"),
        ('name = "spark"', 'name = "duckdb"', "that Spark reads"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_spark_would_refuse_is_refused_before_it_starts(
    lake: Path, was: str, becomes: str, told: str, dry_run: bool
) -> None:
    """The refusal says which table, or which setting; nothing was spent."""
    text = lake.read_text()
    assert was in text
    lake.write_text(text.replace(was, becomes))
    with pytest.raises(ConfigError, match=told):
        train(lake, dry_run=dry_run)
    assert [entry.kind for entry in Records.open().entries()] == []


def test_a_dry_run_names_a_file_that_is_not_there(lake: Path) -> None:
    """Though it opens none where Spark would have to start: a table whose braces were forgotten is such a file."""
    lake.write_text(lake.read_text().replace(f"interactions = {LAKE}", 'interactions = "shop.purchases"'))
    with pytest.raises(NotFoundError, match=r"file of interactions .* shop\.purchases.* a table of a lake is written"):
        train(lake, dry_run=True)


def test_a_table_of_a_forgotten_lake_is_a_problem_that_is_told(lake: Path) -> None:
    """The journal has its name; how it is opened only its configuration says."""
    desk = Desk.open(lake)
    told = [table for table in desk.tables if table.in_a_lake]
    assert [(table.role, table.place) for table in told] == [
        ("interactions", "spark:delta s3a://lake/log"),
        ("consents", "spark:delta s3a://lake/log"),
    ]
    other = Desk.open(lake.parent / "shop.toml")
    (held,) = other.held(other.person(user_id(5)), told[:1])
    assert held.rows is None
    assert "--config" in held.problem
