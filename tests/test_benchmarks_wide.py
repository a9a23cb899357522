"""The benchmark of wide catalogues trains and serves what `tactful train` would, and says what is reached and how."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tactful.benchmarks import wide
from tactful.benchmarks.wide import benchmark_wide
from tactful.cli import wide_benchmark  # noqa: F401  (it adds the command)
from tactful.cli.application import app
from tactful.released import reach


def test_what_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every item is in the head or described, times and sizes are above 0, and the JSON has the attributes."""
    monkeypatch.setattr(reach, "_MOST_NUMBERS", 0)
    monkeypatch.setattr(wide, "_ASKED", 8)
    monkeypatch.setattr(wide, "_WARM", 1)
    result = CliRunner().invoke(
        app, ["benchmark", "wide", "--items", "1000", "--people", "500", "--candidates", "50", "--json"]
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["head"] + facts["described"] == facts["items"] == 1000
    assert set(facts["seconds"]) == {"catalogue", "gate", "fit", "release", "write", "load"}
    assert min(facts["seconds"].values()) > 0
    assert 0 < facts["used"] <= 1000
    assert 0 < facts["found"] <= 1
    assert 0 < facts["head_use"] < 1
    assert 0 < facts["lists"]["p50"] <= facts["lists"]["p99"]
    assert 10 <= facts["lists"]["different"] <= 80
    assert 0.5 < facts["indexed"]["recall"] <= 1
    assert facts["indexed"]["mib"] > 0


@pytest.mark.prove
def test_a_wide_catalogue_is_reached_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60,000 items all are reached by taste, in a model of a fraction of what rows would take; the index finds them.

    Rows for each would be 60,000 x 516 numbers of four bytes, 118 MiB.
    """
    monkeypatch.setattr(wide, "_ASKED", 100)
    found = benchmark_wide(60_000, 8_000)
    assert found.head + found.described == 60_000
    assert found.artifact_mib < 40
    assert found.indexed is not None
    assert found.indexed.stated > 0.8
    assert found.indexed.recall > 0.95
