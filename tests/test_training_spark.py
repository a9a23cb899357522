"""A training on Spark is the training on DuckDB: rows, sums before noise, and the artifact, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from engines_spark import spark, spark_session
from tactful.assurance.registry import Registry
from tactful.cli import main
from tactful.datasets.complete_journey import write_demo
from tactful.desk.person import Desk
from tactful.desk.retracing import retrace_training
from tactful.outcome import TrainingOutcome
from tactful.personal.keys import Keys
from tactful.privacy.release import PrivateRelease
from tactful.records.reads import noted_reads
from tactful.records.store import Records
from tactful.training import train
from world import user_id

pytestmark = pytest.mark.prove

SEEDED = "epsilon = 10.0\npublic_data = true\nreproducible_seed = 7"
Sums = dict[str, str]
HERE = Path(__file__).parent
ASKED = f"""
import sys

sys.path.insert(0, {str(HERE)!r})
from test_training_spark import command_line

command_line(*sys.argv[1:])
"""
SHORT = ('"spark.ui', '"spark.driver.extraJavaOptions" = "-XX:TieredStopAtLevel=1"\n"spark.ui')
"""Java of a short life compiles less."""
CONFIGS = HERE.parent / "configs"


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> Sums:
    """What each release of the next run adds up before its noise, as a checksum; no real run has any."""
    seen: Sums = {}
    monkeypatch.setattr(PrivateRelease, "_release", looked_at(seen))
    return seen


def looked_at(seen: Sums) -> Callable[..., Any]:
    """`PrivateRelease._release`, whose exact values are looked at."""
    release = PrivateRelease._release

    def noted(self: PrivateRelease, name: str, statistic: Callable[[], NDArray[np.int64]]) -> Any:
        exact = statistic()
        assert exact.dtype == np.int64
        seen[name] = sha256(exact.tobytes()).hexdigest()
        return release(self, name, lambda: exact)

    return noted


def command_line(file: str, *words: str) -> None:
    """``tactful`` in a process of its own, which leaves the checksums of its sums in a file."""
    seen: Sums = {}
    PrivateRelease._release = looked_at(seen)  # type: ignore[method-assign]
    sys.argv[1:] = words
    try:
        main()
    finally:
        Path(file).write_text(json.dumps(seen))


def on_spark(config: Path, **tables: str) -> Path:
    """The config for the context that the tests of this process share, with these tables in a lake."""
    spark()._context()
    lines = config.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(tuple(f"{table} =" for table in tables))]
    text = "\n".join(kept).replace("[data]", "\n".join(["[data]", *(f"{t} = {told}" for t, told in tables.items())]))
    made = config.with_name("spark.toml")
    made.write_text(f'{text}\n[engine]\nname = "spark"\n')
    return made


def artifact(found: TrainingOutcome) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The arrays of what a run registered, byte for byte, and the manifest without the time."""
    assert found.status == "candidate", found.reason
    return bytes_of(Registry().artifact_folder(found.model, str(found.version)))


def bytes_of(folder: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The same of a folder."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["meta"].pop("created")
    return {file.name: file.read_bytes() for file in folder.glob("*.npy")}, manifest


FAVOUR = """
[fairness.mitigation]
method = "favour"
attribute = "age"
shares = { young = 3, old = 1 }
favour = "old"
"""


def test_both_engines_train_the_same_artifact(workspace: Path, sums: Sums) -> None:
    """From files and from a lake, with noise from one seed: same counts, digest of rows, sums before noise, and bytes.

    The run asks for everything that is about single people: a group that some agreed to be moved toward, and groups.
    What one engine trained the other replays, and one person's rows are found for them in the lake.
    """
    config = asks_for_everything(workspace)
    usual = train(config)
    expected = dict(sums)
    sums.clear()
    lake = in_a_lake(config)
    found = train(lake)
    assert (usual.status, found.status) == ("candidate", "candidate"), found.reason
    assert found.counts == usual.counts
    assert sums == expected
    assert len(sums) > 3
    assert artifact(found) == artifact(usual)
    assert (found.metrics, found.verdicts, found.intervals) == (usual.metrics, usual.verdicts, usual.intervals)
    assert (found.engine, usual.engine) == ("spark", "duckdb")
    by_duckdb, by_spark = noted_reads(Records.open(), "training")
    assert by_spark.facts["admitted_digest"] == by_duckdb.facts["admitted_digest"]
    assert by_spark.facts["sources"]["consents"] == ["spark:global_temp.events_of_a_test"]

    again = retrace_training(lake, str(by_duckdb.facts["run"]), records=Records.open(), keys=Keys.load())
    assert again.agrees
    assert again.replay.counts == usual.counts
    held = [Desk.open(each).held(Desk.open(each).person(user_id(10))) for each in (config, lake)]
    by_files, by_lake = ({(h.table.role, h.table.in_a_lake): h.rows for h in one if len(h)} for one in held)
    for role in ("interactions", "consents"):
        assert sorted_rows(by_lake[role, True].table) == sorted_rows(by_files[role, False].table) != []


def asks_for_everything(workspace: Path) -> Path:
    """The world's config with a group that lists are moved toward, to which everybody who said anything agreed."""
    consents = pd.read_csv(workspace / "consents.csv", dtype=str)
    agreed = consents.drop_duplicates("user_id").assign(purpose="fairness.mitigation", state="given", valid_until=None)
    pd.concat([consents, agreed]).to_csv(workspace / "consents.csv", index=False)
    config = workspace / "shop.toml"
    config.write_text(config.read_text().replace("epsilon = 20.0", SEEDED) + FAVOUR)
    return config


def in_a_lake(config: Path) -> Path:
    """The config, beside it, with the same interactions by their format and the same consents from a catalogue."""
    folder = config.parent
    pd.read_csv(folder / "consents.csv", dtype=str).to_parquet(folder / "events.parquet")
    events = spark_session().read.parquet(str(folder / "events.parquet"))
    events.createOrReplaceGlobalTempView("events_of_a_test")
    return on_spark(
        config,
        interactions=f'{{ format = "parquet", path = "{folder}/interactions.parquet" }}',
        consents='{ table = "global_temp.events_of_a_test" }',
    )


def sorted_rows(table: pa.Table) -> list[tuple[str, ...]]:
    """The rows in an order of their own."""
    return sorted(tuple(map(str, row.values())) for row in table.to_pylist())


def test_the_grocery_demo_is_the_same_on_two_processors(tmp_path: Path, record_property: Callable[..., None]) -> None:
    """By the command line, on the tables of `tactful demo`: same rows, sums before noise, figures and bytes."""
    write_demo(tmp_path / "models/demo")
    Keys.create(tmp_path / "models/secrets.toml")
    told, served, added = {}, {}, {}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TACTFUL_", "MLFLOW_"))}
    for name in ("grocery", "grocery-spark"):
        text = (CONFIGS / f"{name}.toml").read_text(encoding="utf-8")
        seeded = text.replace("[budget]", "public_data = true\nreproducible_seed = 3\n[budget]").replace(*SHORT)
        (tmp_path / f"{name}.toml").write_text(seeded)
        ran = subprocess.run(
            [sys.executable, "-c", ASKED, f"{name}.sums", "train", f"{name}.toml", "--json"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        told[name] = json.loads(ran.stdout)
        folder = Registry(f"sqlite:///{tmp_path}/models/mlflow.db").artifact_folder("grocery", told[name]["version"])
        served[name] = bytes_of(folder)
        added[name] = json.loads((tmp_path / f"{name}.sums").read_text())
    same = ("read", "admitted", "excluded", "metrics", "intervals", "verdicts", "epsilon", "status")
    usual, found = told.values()
    assert {key: found[key] for key in same} == {key: usual[key] for key in same}
    assert (usual["engine"], found["engine"]) == ("duckdb", "spark")
    assert added["grocery-spark"] == added["grocery"] != {}
    assert served["grocery-spark"] == served["grocery"]
    record_property("evidence", f"the demo on Spark: {found['admitted']:,} rows admitted, the artifact of DuckDB's")
