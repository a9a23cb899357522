"""What adds up is killed in the middle, and the sum is the same: Spark takes one result of each task, whoever died."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.prove
HERE = Path(__file__).parent


def tried(master: str, folder: Path, *tries: str) -> list[dict[str, Any]]:
    """What `engines_spark_kills.py` says of each try, and the terminal says nothing of anybody's row."""
    command = [sys.executable, "-W", "ignore", str(HERE / "engines_spark_kills.py"), master, str(folder), *tries]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(HERE)}, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "of somebody's row" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_worker_dies_and_a_task_fails(tmp_path: Path) -> None:
    """On ``local[2,4]`` the Python process of a task is killed, and a task raises: both start again, sums are equal.

    What the error said is not in Spark's log.
    """
    for told in tried("local[2,4]", tmp_path, "worker", "raise"):
        assert told["stopped"]
        assert told["attempts"] > told["partitions"]
        assert told["equal"]


def test_executors_die(tmp_path: Path) -> None:
    """On ``local-cluster[2,1,2048]`` an executor is killed in the map, and one in the reduce: sums are equal.

    When the second dies the parts that it wrote are lost, and tasks that were done are done again. What they add to an
    accumulator counts people twice: this is what a sum must not be made of, and that the kill was in the middle.
    """
    in_map, in_reduce = tried("local-cluster[2,1,2048]", tmp_path, "executor", "reduce")
    for told in (in_map, in_reduce):
        assert told["stopped"]
        assert told["attempts"] > told["partitions"]
        assert told["equal"]
    assert in_reduce["counted"] > in_reduce["people"]
