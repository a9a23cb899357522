"""A service can import scoring: nothing but numpy and cryptography comes with it, and its arrays are shared memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scoring_world import meta, random_world
from tactful import scoring
from tactful.scoring.artifact import read_artifact, write_artifact

HEAVY = {"mlflow", "pandas", "sklearn", "scipy", "pyarrow", "matplotlib", "sqlalchemy", "pydantic", "typer", "yaml"}
MODULES = """
import json, sys
import numpy, cryptography
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
before = set(sys.modules)
import tactful.scoring
print(json.dumps(sorted(set(sys.modules) - before)))
"""
WAIT = """
import sys
from pathlib import Path
from tactful.scoring import Recommender
from tactful.scoring.artifact import read_artifact
model = Recommender.unapproved(read_artifact(Path(sys.argv[1])))
model.recommend_batch([["i1", "i2"], ["i3"]], profiling=True)
print("ready", flush=True)
sys.stdin.readline()
"""


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_nothing_heavy_is_imported() -> None:
    """In a fresh interpreter the import loads no third library, and of ours nothing but scoring and errors."""
    loaded = json.loads(_run(MODULES))
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & HEAVY
    assert tops - {"tactful", "numpy", "cryptography"} <= sys.stdlib_module_names
    ours = {name for name in loaded if name.startswith("tactful")}
    assert {name.split(".")[1] for name in ours if "." in name} == {"scoring", "errors"}
    assert "tactful.scoring.following" not in ours
    assert "importlib.metadata" not in loaded, "it takes longer than all of scoring"


def test_the_names_that_come_later() -> None:
    """Follower and Suppressions are imported when they are asked for; anything else is no name."""
    for name in scoring.__all__:
        assert getattr(scoring, name).__name__ == name
    assert dir(scoring) == scoring.__all__
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = scoring.Nothing


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="this system does not say which pages are shared")
def test_processes_share_the_arrays(tmp_path: Path) -> None:
    """Two processes that load and answer hold the factors once: pages of the file, none of them private."""
    folder = tmp_path / "model"
    world = random_world(1, n_items=6000, n_head=6000, rank=32)
    write_artifact(folder, world, meta=meta())
    command = [sys.executable, "-c", WAIT, str(folder)]
    services = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for service in services:
            assert service.stdout is not None
            assert service.stdout.readline() == "ready\n"
        for service in services:
            for name in ("encoder", "decoder"):
                kib = _pages(service.pid, folder / f"{name}.npy")
                assert kib["Size"] >= kib["Rss"] > 0.9 * world[name].nbytes / 1024
                assert kib["Private_Dirty"] == kib["Private_Clean"] == kib["Anonymous"] == 0
                assert kib["Pss"] <= 0.6 * kib["Rss"]
    finally:
        for service in services:
            service.communicate("\n")
    assert [service.returncode for service in services] == [0, 0]


def _pages(process: int, file: Path) -> dict[str, int]:
    """What a process holds of a mapped file, in KiB."""
    lines = iter(Path(f"/proc/{process}/smaps").read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.endswith(f" {os.path.realpath(file)}"):
            break
    fields = (next(lines).split() for _ in range(20))
    return {parts[0].rstrip(":"): int(parts[1]) for parts in fields if parts[-1] == "kB"}


def test_what_is_copied_is_small(tmp_path: Path) -> None:
    """Beside the files, a model keeps indices and the base of the head: no array of its own grows with the rank."""
    write_artifact(tmp_path / "model", random_world(1, n_items=3000, n_head=3000, rank=64), meta=meta())
    artifact = read_artifact(tmp_path / "model")
    items = scoring.Recommender.unapproved(artifact)._items
    arrays = {name: value for name in items.__slots__ if isinstance(value := getattr(items, name), np.ndarray)}
    copied = {n: a for n, a in arrays.items() if not any(np.shares_memory(a, b) for b in artifact.arrays.values())}
    assert {"encoder", "decoder", "base", "popularity", "titles"} <= set(arrays) - set(copied)
    assert sum(array.nbytes for array in copied.values()) <= 3000 * 60
