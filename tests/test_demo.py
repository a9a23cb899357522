"""The demo and the README: what a stranger does first, on the real tables, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tactful.assurance.registry import Registry
from tactful.personal.keys import Keys

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
Run = Callable[..., subprocess.CompletedProcess[str]]


def block(language: str, containing: str) -> str:
    """The README's code block of a language that holds a text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL) if containing in b]
    assert len(found) == 1
    return found[0]


def runner(folder: Path) -> Run:
    """Runs the command line, or Python, as a user in `folder` would: nothing set but what the README exports."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TACTFUL_", "MLFLOW_"))}
    environment |= {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "TACTFUL_TRUSTED_KEYS": "models/demo/reviewers.toml",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments, cwd=folder, env={**environment, **more}, capture_output=True, text=True, check=False
        )

    return run


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
    commands = [line[2:] for line in block("console", "tactful budget").splitlines() if line.startswith("$ ")]
    done = run("bash", "-euc", "\n".join(commands[1:]))  # the first one sets the path, which the runner does
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
def test_the_readmes_own_data_commands_run(workspace: Path) -> None:
    """Word for word on other tables, but with fewer trials; then the command that `train` ends with."""
    (workspace / "configs").mkdir()
    mine = (workspace / "shop.toml").read_text().replace('name = "shop"', 'name = "mine"').replace("0.5", "0.99")
    (workspace / "configs/mine.toml").write_text(mine)
    commands = [line[2:] for line in block("console", "keys secrets").splitlines() if line.startswith("$ ")]
    assert len(commands) == 9
    run, exports = runner(workspace), "; ".join(commands[:3])
    for command in commands[3:]:
        done = run("bash", "-euc", f"{exports}; {command.replace('audit', 'audit --trials 100')}")
        assert done.returncode == 0, done.stderr
    (approve,) = re.findall("next, by a reviewer: (.*)", done.stderr)
    done = run("bash", "-euc", f"{exports}; {approve.replace('--key FILE', '--key models/mine/ada.key')}")
    assert "champion until" in done.stderr, done.stderr


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
