"""The demo and the README: what a stranger does first, on the real tables, in a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from readme_commands import ROOT, Run, block, commands, runner
from tactful.assurance.registry import Registry
from tactful.personal.keys import Keys


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, subprocess.CompletedProcess[str]]:
    """A folder where the demo has run, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "configs", folder / "configs")
    run = runner(folder)
    return run, run("tactful", "demo")


def test_the_demo_ends_with_a_recommendation_and_where_to_look(
    demo: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    """One command: consent, noise, judgement, approval, a list with reasons, the budget, and the next commands."""
    _, printed = demo
    assert printed.returncode == 0, printed.stderr
    for expected in ("admitted", "verdict ndcg_by_age", "popularity", "remaining", "mlflow ui", "TACTFUL_TRUSTED_KEYS"):
        assert expected in printed.stdout


def test_the_readmes_session_runs(demo: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    """The commands of the first screen, word for word, and every line of their output but its figures and items."""
    run, _ = demo
    done = run(
        "bash", "-euc", "\n".join(commands(block("console", "tactful budget"))[1:])
    )  # the first one sets the path, which the runner does
    assert done.returncode == 0, done.stderr
    for line in ("popularity", "ranked by what the items of the history say", "since first", "releases debited"):
        assert line in done.stdout


def test_the_readmes_python_runs(demo: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    """A service that knows only the README gets a list and a reason."""
    run, _ = demo
    done = run(sys.executable, "-c", block("python", "Recommender.load"))
    assert done.returncode == 0, done.stderr
    assert "profiling is not allowed" in done.stdout


@pytest.mark.prove
def test_the_readmes_services_run(demo: tuple[Run, subprocess.CompletedProcess[str]]) -> None:
    """The list of who may be profiled, and MLflow's server with a request: word for word, but for the port."""
    run, _ = demo
    listed = run("bash", "-euc", "\n".join(commands(block("console", "keys suppression"))))
    assert listed.returncode == 0, listed.stderr
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    *first, serve, ask = (line.replace("5001", port) for line in commands(block("console", "mlflow models serve")))
    waiting = f"timeout 120 bash -c 'until curl -sf localhost:{port}/ping; do sleep 1; done'"
    script = "\n".join([*first, f"setsid {serve} > served.log 2>&1 &", "trap 'kill -- -$!' EXIT", waiting, ask])
    served = run("bash", "-euc", script)
    assert '"version": "' in served.stdout, served.stderr
    assert '"personalised": true' in served.stdout


@pytest.mark.prove
def test_the_readmes_desk_runs(demo: tuple[Run, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """What a privacy officer does, word for word, in a copy of the demo's folder: somebody is erased in it."""
    run, _ = demo
    shutil.copytree(Path(run("pwd").stdout.strip()), tmp_path / "copy")
    officer = runner(tmp_path / "copy")
    for line in commands(block("console", "subject export")):
        done = officer("bash", "-euc", line)
        assert done.returncode == 0, (line, done.stderr)
    assert officer("tactful", "subject", "export", "718", "--out", "again.json", "--json").returncode == 0


def test_the_demo_can_be_forgotten_and_nothing_else(
    demo: tuple[Run, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A copy of the demo's folder loses its books; one that holds another model keeps everything."""
    run, _ = demo
    shutil.copytree(Path(run("pwd").stdout.strip()) / "models", tmp_path / "models")
    (tmp_path / "models/mine").mkdir()
    forget, here = runner(tmp_path), tmp_path / "models"
    registry = Registry(f"sqlite:///{here}/mlflow.db")
    registry._client.create_registered_model("mine")
    kept = sorted(here.rglob("*"))
    refused = forget("tactful", "demo", "--forget")
    assert refused.returncode == 3
    assert "mine" in refused.stderr
    assert sorted(here.rglob("*")) == kept
    registry._client.delete_registered_model("mine")
    assert forget("tactful", "demo", "--forget").returncode == 0
    assert {path.name for path in here.iterdir()} <= {"mine", "evidence", "README.md"}


@pytest.mark.prove
def test_the_same_run_again_admits_the_same_and_draws_anew(
    demo: tuple[Run, subprocess.CompletedProcess[str]],
) -> None:
    """`tactful train configs/grocery.toml --json` twice: equal counts that add up, other noise."""
    run, _ = demo
    first, second = (json.loads(run("tactful", "train", "configs/grocery.toml", "--json").stdout) for _ in range(2))
    for found in (first, second):
        assert found["status"] == "candidate"
        assert found["admitted"] + sum(found["excluded"].values()) == found["read"]
    assert (first["admitted"], first["excluded"]) == (second["admitted"], second["excluded"])
    assert first["metrics"] != second["metrics"]


@pytest.mark.prove
def test_the_released_lift_over_popularity_is_above_0(
    demo: tuple[Run, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The median of five runs at the shipped ε, each with fresh keys and a fresh record store."""
    run, _ = demo
    lifts = []
    for number in range(5):
        Keys.create(tmp_path / f"{number}.toml")
        fresh = {
            "TACTFUL_SECRET_FILE": f"{tmp_path}/{number}.toml",
            "TACTFUL_RECORDS": f"sqlite:///{tmp_path}/{number}.db",
        }
        found = json.loads(run("tactful", "train", "configs/grocery.toml", "--json", **fresh).stdout)
        lifts.append(found["metrics"]["lift@20"])
    assert statistics.median(lifts) > 0, lifts


@pytest.mark.prove
def test_base_install_and_registry_extra_serve_the_champion(
    demo: tuple[Run, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A fresh environment with nothing but `tactful[registry]` serves the champion, and one flipped byte stops it."""
    run, _ = demo
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv/bin/python")
    lock = str(ROOT / "requirements.lock")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", lock, f"{ROOT}[registry]"], check=True, capture_output=True
    )
    script = block("python", "Recommender.load") + "\nimport sys; assert 'pandas' not in sys.modules\n"
    done = run(python, "-c", script)
    assert done.returncode == 0, done.stderr
    folder = Path(run("pwd").stdout.strip())
    champion = next(folder.glob("models/mlartifacts/models/*/artifacts/data/grocery/approval.json")).parent
    for file in sorted(champion.iterdir()):
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert "ModelRefusedError" in run(python, "-c", script).stderr, file.name
        file.write_bytes(whole)
    assert run(python, "-c", script).returncode == 0
