"""The README keeps its word: every command in it exists as it is written, and those that can be copied run."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from readme_commands import ROOT, block, blocks, commands, runner
from tactful.cli.application import app
from world import write_world


def test_no_block_of_commands_is_left_unrun() -> None:
    """Each console block of the README is one of those that the tests run: here, with the demo, or with a service."""
    marks = (
        "tactful budget",
        "tactful keys secrets",
        "tactful plan",
        "keys suppression",
        "mlflow models serve",
        "subject export",
    )
    assert [sum(mark in found for mark in marks) for found in blocks("console")] == [1] * len(marks)


def test_the_forecast_of_the_readme_is_what_is_printed() -> None:
    """Word for word, but for how lines are broken: it depends on nothing but the table."""
    shown = block("console", "tactful plan")
    (line,) = commands(shown)
    printed = CliRunner().invoke(app, line.split()[1:]).stdout
    assert shown.partition("\n")[2].split() == printed.split()


@pytest.mark.prove
def test_the_readmes_own_data_commands_run(tmp_path: Path) -> None:
    """Word for word on tables that a shop might have; then the commands that `train` ends with, and a list."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "world").mkdir()
    (tmp_path / "configs/reviewers.toml").write_text((ROOT / "configs/reviewers.toml").read_text(encoding="utf-8"))
    write_world(tmp_path / "world", people=1500)
    named = {"interactions": "purchases", "items": "products", "consents": "consents", "attributes": "customers"}
    for table, name in {**named, "subjects": "subjects"}.items():
        source = next((tmp_path / "world").glob(f"{table}.*"))
        frame = pd.read_parquet(source) if source.suffix == ".parquet" else pd.read_csv(source, dtype=str)
        frame.to_csv(tmp_path / f"data/{name}.csv", index=False)
    lines = commands(block("console", "tactful keys secrets"))
    assert len(lines) == 9
    run = runner(tmp_path)
    shell = "unset TACTFUL_TRUSTED_KEYS; " + "; ".join(lines[:2])
    for line in lines[2:]:
        done = run("bash", "-euc", f"{shell}\n{line}")
        assert done.returncode == 0, (line, done.stderr)
    (approve,) = re.findall("^  (tactful approve .*)$", done.stdout, flags=re.MULTILINE)
    approve = approve.replace("--key FILE", "--key models/shop/ada.key")
    assert run("bash", "-euc", f"{shell}\n{approve}").returncode == 2, "a placeholder is no reason"
    reason = approve.replace('="why"', '="looked at the report"')
    done = run("bash", "-euc", f"{shell}\n{reason}")
    assert "champion until" in done.stdout, done.stderr
    done = run("bash", "-euc", f"{shell}\ntactful recommend shop --history item-00,item-02 --profiling")
    assert "ranked by" in done.stdout, done.stderr
