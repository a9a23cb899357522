"""Recognisable people go through Spark, and are searched for in all that it writes: event log, log and disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines_spark_secrets import needles

pytestmark = pytest.mark.prove
HERE = Path(__file__).parent
READ = ("log.csv", "malformed.csv")
"""What Spark was given to read."""


def written(folder: Path, mode: str) -> dict[str, bytes]:
    """What is left by a run that was killed at its end: files by name, and what its processes said."""
    folder.mkdir()
    for name in ("events", "local"):
        (folder / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "engines_spark_secrets.py"), str(folder), mode],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:].decode(errors="replace")
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: told for name, told in files.items() if name not in READ} | {"out": done.stdout, "err": done.stderr}


def mentions(places: dict[str, bytes]) -> Iterator[str]:
    """Where something stands that must not."""
    for place, told in places.items():
        for what, needle in needles().items():
            if needle in told or needle in place.encode():
                yield f"{what} stands in {place}"


def test_nothing_that_spark_writes_names_anybody(tmp_path: Path) -> None:
    """Gate, bounds and sums, a malformed table and failing workers, logged in full; then everything is killed.

    No id, no pseudonym and no key stands in the event log (where stages, jobs and plans have their names), in the
    driver's log or output, in an error, or on the disk of what died. On the disk of a Spark without encryption they do:
    this test finds what there is to find.
    """
    places = written(tmp_path / "encrypted", "encrypted")
    assert b"SparkListenerTaskEnd" in b"".join(told for name, told in places.items() if name.startswith("events"))
    assert sum(len(told) for name, told in places.items() if name.startswith("local")) > 1000
    assert places["errors"].count(b"Spark stopped") == 4
    assert not list(mentions(places))
    found = list(mentions(written(tmp_path / "clear", "clear")))
    assert any("the pseudonym" in line and "in local" in line for line in found)
    assert not any("in local" not in line for line in found)
