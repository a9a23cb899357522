"""The simulations that `tactful plan` reads: how much of the gain a private model gets, on synthetic populations.

One cell of the table is a world, a catalogue, a length of histories and a number of people. Its people are trained on
as `tactful train` would, at every ε of `EPSILONS`, and other people of the same world are judged by the protocol of
`tactful.benchmarks.protocol`: Recall@20, a fifth of each history hidden. Beside it stand the popularity of the same
people and EASE on them, both without privacy.

Notes
-----
EASE's λ is chosen among four on training people, a part of whom is held out. Where few people train, noise decides
much: those cells are means over several draws of it. Nothing here reads data about anybody.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from tactful import __version__
from tactful.benchmarks.populations import WORLDS, Population
from tactful.benchmarks.private import simulated
from tactful.benchmarks.protocol import FEWEST_ITEMS, Scorer, Split, hold_out, judge
from tactful.benchmarks.references import popularity
from tactful.benchmarks.served import as_served
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.privacy.accountant import PrivacyBudget, mu_at
from tactful.privacy.noise import SeededNoise

ITEMS, LENGTHS, PEOPLE = (300, 2_000), (3.0, 18.0, 100.0), (500, 2_000, 8_000)
EPSILONS, DELTA = (0.3, 1.0, 3.0, 10.0, 30.0, 300.0, 3e6), 1e-6  # the last are hardly noise, as with 10^8 people
_JUDGED = 1_500
_MAX_ITEMS = 200
_PENALTIES = (50.0, 200.0, 800.0, 3200.0)
_ITEMS_TRIED, _JUDGED_TRIED = 1_000, 800
_DIGITS = 4
_CODE = (
    "benchmarks/plan_table.py",
    "benchmarks/populations.py",
    "benchmarks/private.py",
    "benchmarks/protocol.py",
    "benchmarks/served.py",
    "datasets/lengths.py",
    "fitting.py",
    "personal/contributions.py",
    "personal/gram*.py",
    "planning.py",
    "privacy/plan.py",
    "privacy/taste.py",
    "released/*.py",
)
"""What a figure of the table depends on."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One population to simulate.

    Attributes
    ----------
    world : str
        Of `tactful.benchmarks.populations.WORLDS`.
    items : int
    history_length : float
    people : int
        Who train.
    """

    world: str
    items: int
    history_length: float
    people: int

    def __str__(self) -> str:
        return f"{self.world}: {self.people:,} people, {self.items:,} items, {self.history_length:g} a person"

    def simulate(self, epsilons: Sequence[float] = EPSILONS) -> dict[str, Any]:
        """The cell and what was measured on it, as plain values.

        Returns
        -------
        dict
            ``popularity`` and ``reference``: Recall@20 without privacy. ``recall``, ``rank`` and ``head``: of the
            private model, one value for each ε, means over draws of the noise.
        """
        split = self._split()
        free = judge(popularity(split, 0), split).recall
        best = judge(_reference(split), split).recall
        catalogue = Catalogue.of_table(pa.table({"item_id": np.arange(self.items).astype(str)}))
        world = World.of(split.training, catalogue, max_items=_MAX_ITEMS)
        runs = [self._private(world, split, PrivacyBudget(epsilon=epsilon, delta=DELTA)) for epsilon in epsilons]
        columns = {name: [round(run[name], _DIGITS) for run in runs] for name in ("recall", "rank", "head")}
        return {**asdict(self), "popularity": round(free, _DIGITS), "reference": round(best, _DIGITS), **columns}

    def _split(self) -> Split:
        """People who train, and others who are judged; both are the same for cells that differ in people alone."""
        kind = Population.of(WORLDS[self.world], items=self.items, history_length=self.history_length)
        others = hold_out(kind.people(_JUDGED, part=2, shortest=FEWEST_ITEMS), seed=0, share=0.99)
        return Split(training=kind.people(self.people), shown=others.shown, hidden=others.hidden)

    def _private(self, world: World, split: Split, budget: PrivacyBudget) -> dict[str, float]:
        """Means over models that differ in their noise."""
        seeds = range(3 if self.people <= PEOPLE[1] else 1)
        models = [simulated(world, budget, SeededNoise(seed)) for seed in seeds]
        return {
            "recall": fmean(judge(partial(as_served, model), split).recall for model in models),
            "rank": fmean(model.rank for model in models),
            "head": fmean(len(model.head) for model in models),
        }


def cells() -> Iterator[Cell]:
    """Every cell of the table, small ones first."""
    for people, items, length, world in itertools.product(PEOPLE, ITEMS, LENGTHS, WORLDS):
        yield Cell(world=world, items=items, history_length=length, people=people)


def make_plan_table(out: str | Path, *, progress: Progress = lambda _: None) -> dict[str, Any]:
    """The table has been simulated and stands in a file; a table that was begun by the same code is gone on with.

    Parameters
    ----------
    out : str or Path
        A ``.json`` file to write. Until it is whole, finished cells stand beside it in ``.partial`` lines.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If `out` is no ``.json`` file.
    """
    target = Path(out)
    if target.suffix != ".json":
        raise UsageError("the table is a .json file", given=target.name, do="Name one")
    begun = target.with_suffix(".partial")
    code = fingerprint()
    done = _begun(begun, code)
    wanted = list(cells())
    with begun.open("w", encoding="utf-8") as lines:
        _add(lines.write, {"code": code}, *done.values())
        for number, cell in enumerate(wanted, 1):
            if cell not in done:
                progress(f"{number} of {len(wanted)}, {cell}")
                done[cell] = cell.simulate()
                _add(lines.write, done[cell])
                lines.flush()
    table = _table(code, [done[cell] for cell in wanted])
    target.write_text(_pretty(table), encoding="utf-8")
    begun.unlink()
    return table


def fingerprint() -> str:
    """A digest of the code that decides the figures; comments, docstrings and layout change nothing."""
    package = Path(__file__).parents[1]
    files = sorted({file for pattern in _CODE for file in package.glob(pattern)})
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(package).as_posix()}\n{_bare(file.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def _bare(source: str) -> str:
    """The source without comments and texts that stand by themselves."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_text(line)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(line: ast.stmt) -> bool:
    """Whether a statement is a text and nothing else."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _reference(split: Split) -> Scorer:
    """EASE on the people who train, its λ chosen among them on the most popular items, which come first."""
    tried = split.training[:, :_ITEMS_TRIED]
    able = int((np.diff(tried.indptr) >= FEWEST_ITEMS).sum())
    inner = hold_out(tried, seed=0, share=round(min(0.2, _JUDGED_TRIED / able), 6))
    gram = _gram(inner.training)
    best = max(_PENALTIES, key=lambda penalty: judge(_ease(gram, penalty), inner).recall)
    return _ease(_gram(split.training), best)


def _gram(rows: scipy.sparse.csr_array) -> NDArray[np.float64]:
    """How many people have both items."""
    counts = rows.astype(np.float32)
    found: NDArray[np.float64] = (counts.T @ counts).toarray().astype(np.float64)
    return found


def _ease(gram: NDArray[np.float64], penalty: float) -> Scorer:
    """EASE (Steck 2019): what each item of a history says of every other."""
    inverse = scipy.linalg.inv(gram + penalty * np.eye(len(gram)), overwrite_a=True)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return lambda shown: shown.astype(np.float64) @ weights


def _begun(file: Path, code: str) -> dict[Cell, dict[str, Any]]:
    """The cells that the same code has finished."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    if not lines or json.loads(lines[0]) != {"code": code}:
        return {}
    names = Cell.__dataclass_fields__
    found = [json.loads(line) for line in lines[1:] if line.endswith("}")]  # the last line may be half of one
    return {Cell(**{name: row[name] for name in names}): row for row in found}


def _add(write: Callable[[str], Any], *rows: dict[str, Any]) -> None:
    """One line a row."""
    for row in rows:
        write(json.dumps(row) + "\n")


def _table(code: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The table with what it is about."""
    axes = {"items": ITEMS, "history_length": LENGTHS, "people": PEOPLE, "epsilon": EPSILONS}
    return {
        "about": "Recall@20 on synthetic populations, written by `tactful benchmark plan-table`",
        "tactful": __version__,
        "code": code,
        "delta": DELTA,
        "mu": [mu_at(epsilon, DELTA) for epsilon in EPSILONS],
        "axes": {name: list(values) for name, values in axes.items()},
        "worlds": {name: asdict(habits) for name, habits in WORLDS.items()},
        "cells": rows,
    }


def _pretty(table: dict[str, Any]) -> str:
    """The table as text, a line for each key and for each cell, so that changes can be read."""
    rows = ",\n".join(f"  {json.dumps(row)}" for row in table["cells"])
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items() if key != "cells"]
    return "{\n" + ",\n".join([*lines, f'"cells": [\n{rows}\n]']) + "\n}\n"
