"""A training run is killed at every one of its steps: budget may be lost, and nothing else."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tactful.assurance.candidates import Candidate, record_candidate
from tactful.assurance.registry import Registry
from tactful.errors import NotFoundError
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring.signing import load_private
from training_killed import MLFLOW, Program, Scene, program
from world import CONFIG

RUN, ROOM = 1.0, 30.0  # ε of a run, and a limit that holds as many runs as there are steps


def priced(config: Path, *, limit: float) -> None:
    """The config's runs cost RUN, and the population's limit is this."""
    text = config.read_text()
    for old, new in (
        ("epsilon = 60.0", f"epsilon = {limit}"),
        ("epsilon = 20.0", f"epsilon = {RUN}"),
        ("minimum_people = 100", "minimum_people = 300"),
    ):
        assert text.count(old) == CONFIG.count(old) == 1
        text = text.replace(old, new)
    config.write_text(text)


@pytest.fixture(scope="module")
def killer(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program, warm."""
    folder = tmp_path_factory.mktemp("warm") / "workspace"
    shutil.copytree(_template, folder)
    config = folder / "shop.toml"
    config.write_text(config.read_text().replace(str(_template), str(folder)))
    with program(folder) as running:
        yield running


@pytest.fixture
def scene(workspace: Path, killer: Program) -> Scene:
    """A workspace with room for many runs."""
    priced(workspace / "shop.toml", limit=ROOM)
    return Scene(folder=workspace, program=killer)


@pytest.mark.prove(minutes=10)
def test_killed_at_every_step_nothing_is_lost_but_budget(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    """Run k dies at step k, in the same store, until one lives; after each, every promise is checked."""
    step = 1
    while not scene.train(at=step):
        scene.check()
        step += 1
    assert scene.told == "candidate"
    judged = scene.check()
    scene.approve_latest()
    scene.names_nobody()
    record_property("evidence", figures(scene, judged.debits, len(judged.opened)))
    assert len(scene.killed) == step - 1 > 100
    everything_was_a_step(scene.steps)


def figures(scene: Scene, debits: int, opened: int) -> str:
    """What happened, in one line."""
    with Records.open() as records:
        spent, known = BudgetLedger(records).status().spent, len(records.entries("model.candidate"))
    shown = len(Registry().versions("shop"))
    assert spent
    return (
        f"{len(scene.killed)} steps of a run, killed at each; {debits} runs debited, {opened} events opened, "
        f"{len(scene.samples())} samples; spent {spent.epsilon:.2f} of {ROOM:g}; {shown} versions in MLflow, "
        f"{known} of them on record"
    )


def everything_was_a_step(steps: list[str]) -> None:
    """The run that lived passed every entry, every draw and every call of MLflow's as a step it could have died at."""
    count = Counter(steps)
    names = ("people", "consent", "popularity", "gram", "evaluation")
    entries = [f"budget.{kind} {name}" for name in names for kind in ("opened", "released")]
    assert all(count[f"{moment} {entry}"] == 1 for entry in entries for moment in ("appended", "committed"))
    assert count["committed budget.debited"] == count["committed model.candidate"] == 1
    assert count["before draw"] == count["drawn"] == len(names)
    once = {"after create_experiment", "after create_registered_model"}  # what the first run to come so far has made
    assert {f"after {call}" for call in MLFLOW} <= count.keys() | once


@pytest.mark.parametrize(
    ("step", "debits", "samples"),
    [
        pytest.param("appended budget.debited", 0, 0, marks=pytest.mark.prove),
        ("drawn", 1, 1),
        pytest.param("after create_model_version", 1, 5, marks=pytest.mark.prove),
    ],
)
def test_after_a_kill_the_next_run_is_as_good_as_any(scene: Scene, step: str, debits: int, samples: int) -> None:
    """Killed while it pays, with a sample in its hands, or between MLflow and the journal: the next run ends well."""
    assert not scene.train(at=step)
    judged = scene.check()
    assert (judged.debits, len(scene.samples())) == (debits, samples)
    assert scene.train()
    assert scene.told == "candidate"
    scene.check()
    scene.names_nobody()


@pytest.mark.prove
def test_what_a_dead_run_opened_is_spent_and_what_it_did_not_can_be_given_back(
    workspace: Path, killer: Program
) -> None:
    """With a limit for one run, the next is refused; giving back helps only if no sample may exist."""
    priced(workspace / "shop.toml", limit=1.1 * RUN)
    scene = Scene(folder=workspace, program=killer)
    assert not scene.train(at="committed budget.debited")
    assert scene.train()
    assert scene.told.startswith("refused")
    give_back()
    assert not scene.train(at="committed budget.opened gram")
    scene.check()
    give_back()
    assert scene.train()
    assert scene.told.startswith("refused")
    assert "remains" in scene.told
    scene.check()


def give_back() -> None:
    """What nobody opened is given back."""
    with Records.open() as records:
        ledger = BudgetLedger(records)
        for line in ledger.status().debits:
            ledger.cancel(ledger.find(line.debit))


@pytest.mark.parametrize(
    ("mutant", "step", "says"),
    [
        ("draws first", "drawn", "a sample exists whose event was not opened"),
        ("spills rows", "after bound", "people are named in: .*spill"),
    ],
)
def test_a_run_that_is_careless_is_found_out(scene: Scene, mutant: str, step: str, says: str) -> None:
    """A run that draws before it pays, or leaves rows in a temporary file, does not stand the same kill and check."""
    assert not scene.train(at=step, mutant=mutant)
    with pytest.raises(AssertionError, match=says):
        scene.check()


def test_a_candidate_that_mlflow_does_not_have_is_found_out(scene: Scene) -> None:
    """Were the journal written before MLflow is, a kill in between would leave what this check does not let pass."""
    assert not scene.train(at="after create_logged_model")
    with Records.open() as records:
        record_candidate(
            records,
            candidate=Candidate(model="shop", version="1", run_id="r", model_id="m"),
            manifest_digest="0" * 64,
            document_digests={},
            verdicts={},
            noise="system",
            trainer=load_private(scene.folder / "trainer.key"),
        )
    with pytest.raises(NotFoundError):
        scene.check()
