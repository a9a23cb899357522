"""The table of simulations: what is in the file is what the code makes, and a run that was cut short goes on."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import tactful.cli.forecasting  # noqa: F401  (adds the command)
from tactful.benchmarks import plan_table
from tactful.benchmarks.plan_table import Cell, cells, fingerprint, make_plan_table
from tactful.benchmarks.populations import WORLDS, Habits, Population
from tactful.benchmarks.protocol import hold_out, judge
from tactful.benchmarks.references import popularity
from tactful.cli.application import app
from tactful.errors import ConfigError, UsageError
from tactful.forecast import plan

SMALL = Cell(world="typical", items=300, history_length=18.0, people=2000)


def shipped() -> dict[str, Any]:
    """The file inside the package."""
    found: dict[str, Any] = json.loads((files("tactful") / "plan_table.json").read_text(encoding="utf-8"))
    return found


def test_a_small_cell_made_again_is_what_the_file_says() -> None:
    """Simulated anew, one population has the recalls, ranks and heads of the shipped table."""
    row = next(row for row in shipped()["cells"] if {**row, **vars_of(SMALL)} == row)
    again = SMALL.simulate(plan_table.EPSILONS[:3])
    for name in ("popularity", "reference"):
        assert again[name] == pytest.approx(row[name], abs=5e-3)
    assert again["recall"] == pytest.approx(row["recall"][:3], abs=2e-2)
    assert again["rank"] == pytest.approx(row["rank"][:3], rel=0.1, abs=1)
    assert again["head"] == pytest.approx(row["head"][:3], rel=0.02)


@pytest.mark.prove
def test_the_table_is_of_this_code() -> None:
    """The shipped table was made by the estimator, the budget split and the populations of this version."""
    assert shipped()["code"] == fingerprint(), "stale: tactful benchmark plan-table --out src/tactful/plan_table.json"


@pytest.mark.prove
def test_many_people_are_as_few_with_less_noise() -> None:
    """24,000 people, simulated, gain what the table forecasts for them from 8,000 with a third of the noise."""
    row = Cell(world="typical", items=300, history_length=18.0, people=24_000).simulate((1.0, 3.0))
    for epsilon, recall in zip((1.0, 3.0), row["recall"], strict=True):
        share = (recall - row["popularity"]) / (row["reference"] - row["popularity"])
        found = plan(24_000, 300, epsilon=epsilon, history_length=18.0)
        assert found.share_of_gain["typical"] == pytest.approx(share, abs=0.1)


def test_the_file_has_every_cell_and_says_where_it_is_from() -> None:
    """Every cell once, an ε each for every column, the axes of the code, a version and a digest."""
    table = shipped()
    assert [{name: row[name] for name in vars_of(SMALL)} for row in table["cells"]] == [vars_of(c) for c in cells()]
    columns = {len(row[name]) for row in table["cells"] for name in ("recall", "rank", "head")}
    assert columns == {len(plan_table.EPSILONS)} == {len(table["mu"])}
    assert len(table["code"]) == 64
    assert table["tactful"]
    assert set(table["worlds"]) == set(WORLDS)


def test_private_models_gain_more_with_less_noise_in_every_cell() -> None:
    """In each cell recall rises from the least ε on, and never much above what has no privacy."""
    for row in shipped()["cells"]:
        assert max(row["recall"][1:]) > row["recall"][0]
        assert max(row["recall"]) < max(row["reference"], row["popularity"]) + 0.06


def test_the_digest_is_of_what_code_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments and docstrings leave it; a changed constant does not."""
    package = tmp_path / "tactful"
    shutil.copytree(Path(plan_table.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plan_table, "__file__", str(package / "benchmarks" / "plan_table.py"))
    before, file = fingerprint(), package / "benchmarks" / "populations.py"
    text = file.read_text(encoding="utf-8")
    file.write_text('"""Another docstring."""\n# a comment\n' + text.partition('"""\n\n')[2], encoding="utf-8")
    assert fingerprint() == before
    file.write_text(text.replace("_DIMENSIONS = 64", "_DIMENSIONS = 63"), encoding="utf-8")
    assert fingerprint() != before


def test_a_table_that_was_begun_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was simulated before is not simulated again, a half-written line is, and other code starts anew."""
    two = [Cell(world=world, items=300, history_length=3.0, people=500) for world in ("low", "high")]
    made: list[Cell] = []

    def simulate(cell: Cell) -> dict[str, Any]:
        made.append(cell)
        if len(made) == 2:
            raise KeyboardInterrupt
        return {**vars_of(cell), "popularity": 0.1, "reference": 0.2, "recall": [0.1], "rank": [1.0], "head": [2.0]}

    monkeypatch.setattr(plan_table, "cells", lambda: iter(two))
    monkeypatch.setattr(Cell, "simulate", simulate)
    with pytest.raises(KeyboardInterrupt):
        make_plan_table(tmp_path / "t.json")
    with (tmp_path / "t.partial").open("a", encoding="utf-8") as lines:
        lines.write('{"world": "hi')
    table = make_plan_table(tmp_path / "t.json")
    assert made == [two[0], two[1], two[1]]
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == json.loads(json.dumps(table))
    assert not (tmp_path / "t.partial").exists()
    (tmp_path / "t.partial").write_text(json.dumps({"code": "other"}) + "\n" + json.dumps(table["cells"][0]) + "\n")
    make_plan_table(tmp_path / "t.json")
    assert made[3:] == two


def test_the_command_writes_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With progress on standard error and one JSON object on standard output; another suffix is refused."""
    row = {"popularity": 0.1, "reference": 0.2, "recall": [0.1], "rank": [1.0], "head": [2.0]}
    monkeypatch.setattr(plan_table, "cells", lambda: iter([SMALL]))
    monkeypatch.setattr(Cell, "simulate", lambda cell: {**vars_of(cell), **row})
    done = CliRunner().invoke(app, ["benchmark", "plan-table", "--out", str(tmp_path / "t.json"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.strip().splitlines()[-1])["code"] == fingerprint()
    with pytest.raises(UsageError, match=r"\.json file"):
        make_plan_table(tmp_path / "t.csv")


def test_a_population_is_the_same_for_the_same_seed_and_as_long_as_it_says() -> None:
    """Histories have the asked mean, none a person twice; popularity falls; parts are other people of the same kind."""
    kind = Population.of(WORLDS["typical"], items=400, history_length=12.0)
    rows, again, others = kind.people(3000), kind.people(3000), kind.people(3000, part=2, shortest=5)
    assert np.array_equal(rows.indices, again.indices)
    assert rows.nnz / 3000 == pytest.approx(12.0, rel=0.06)
    assert np.diff(others.indptr).min() == 5
    assert not np.array_equal(rows.indices[:100], others.indices[:100])
    one, two = (np.bincount(part.indices, minlength=400) / part.nnz for part in (rows, others))
    assert np.corrcoef(one, two)[0, 1] > 0.98
    assert one[:40].sum() > 3 * one[-40:].sum()


def test_worlds_differ_in_what_taste_is_worth() -> None:
    """Without privacy a model that knows taste gains a third or more over popularity, most in the high world.

    Mutant: a population without tastes gains nothing.
    """
    gains = {}
    flat = {"none": Habits(skew=1.2, offset=5.0, strength=1e-6, decay=1.0)}
    for name, habits in {**WORLDS, **flat}.items():
        split = hold_out(Population.of(habits, items=300, history_length=18.0).people(4000), seed=0, share=0.2)
        free = judge(popularity(split, 0), split).recall
        gains[name] = judge(plan_table._reference(split), split).recall / free - 1
    assert gains["none"] < 0.02
    assert 0.1 < gains["low"] < gains["typical"] < gains["high"]


@pytest.mark.parametrize(("items", "length"), [(49, 5.0), (300, 0.5), (300, 151.0)])
def test_a_population_has_a_least_size(items: int, length: float) -> None:
    with pytest.raises(ConfigError, match="a population has at least"):
        Population.of(WORLDS["low"], items=items, history_length=length)


def vars_of(cell: Cell) -> dict[str, Any]:
    """The cell's own values."""
    return {name: getattr(cell, name) for name in Cell.__dataclass_fields__}
