"""kill -9 at every step of a change of the vault: before or after, never between, and a rerun finishes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from personal_vault_world import KEYS, Shop
from vault_kills import FORGOTTEN, GONE, NEW, OPERATIONS, PEOPLE, rows

Run = Callable[[str, int, Path], list[str]]
KINDS = {"ingest": "vault.ingested", "purge": "vault.purged", "rotate": "vault.rotated"}


@contextmanager
def _program() -> Iterator[Run]:
    """The program that forks."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("vault_kills.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run(operation: str, at: int, place: Path) -> list[str]:
            """The steps, and how it ended."""
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{operation} {at} {place}\n")
            process.stdin.flush()
            return process.stdout.readline().rstrip("\n").split(",")

        yield run
        assert process.stdin
        process.stdin.close()


def state(place: Path, operation: str) -> tuple[set[tuple[str, str, object]], int]:
    """What the vault holds, after it was opened as anybody opens it; and how often the journal tells of this."""
    shop = Shop(place, people=PEOPLE)
    assert shop.records.verify().ok
    keys = NEW if operation == "rotate" else KEYS
    shop = Shop(place, people=PEOPLE, keys=keys)
    there = shop.vault().exists(place / "vault")
    held = shop.rows() if there else set()
    if there:
        report = shop.vault().verify()
        assert report.ok, report.problems
    return held, len(shop.records.entries(KINDS[operation])) if operation in KINDS else 0


def expected(operation: str) -> set[tuple[str, str, object]]:
    """What the vault holds after the operation."""
    without = {"purge": GONE, "forget": FORGOTTEN}.get(operation)
    return {row for row in rows() if row[0] != without}


def check(operation: str, at: int, warm: Path, place: Path, run: Run) -> bool:
    """Killed at this step, then again without; whether the step was reached."""
    shutil.copytree(warm, place)
    before = (set() if operation == "ingest" else set(rows()), 0)
    *_, ended = run(operation, at, place)
    assert ended in ("died", "lived"), (operation, at, ended)
    held, told = state(place, operation)
    done = (expected(operation), before[1] + (operation in KINDS))
    if operation in ("ingest", "purge"):
        assert (held, told) in (before, done), (operation, at)
    else:
        assert held in (before[0], done[0]), (operation, at)
    again = run(operation, 0, place)
    assert again[-1] == "lived", (operation, at, again[-1])
    held, told = state(place, operation)
    assert held == expected(operation), (operation, at)
    assert operation not in KINDS or told >= 1
    assert not (place / "vault" / "manifest.next").exists()
    keys = replace(NEW, storage_older=()) if operation == "rotate" else KEYS
    counted = {file.name for file in Shop(place, people=PEOPLE, keys=keys).vault()._store.manifest().files}
    assert {path.name for path in (place / "vault").glob("*.parquet")} == counted
    shutil.rmtree(place)
    return ended == "died"


def warm_for(operation: str, tmp_path: Path, run: Run) -> tuple[Path, list[str]]:
    """A shop before the operation, and the steps that the operation has."""
    warm = tmp_path / "warm"
    warm.mkdir()
    Shop(warm, people=PEOPLE).records.close()
    if operation != "ingest":
        assert run("ingest", 0, warm)[-1] == "lived"
    shutil.copytree(warm, tmp_path / "whole")
    *steps, ended = run(operation, 0, tmp_path / "whole")
    assert ended == "lived"
    return warm, steps


@pytest.mark.prove
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_every_step(operation: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Nothing is half-done, the journal verifies, a rerun finishes and sweeps what was left."""
    with _program() as run:
        warm, steps = warm_for(operation, tmp_path, run)
        reached = [check(operation, at, warm, tmp_path / "shop", run) for at in range(1, len(steps) + 1)]
    assert all(reached)
    record_property("evidence", f"{operation}: killed at each of {len(reached)} steps, always before or after")
