"""MLflow goes away, or the process is killed, at every call of a decision: nothing half-decided, nothing lost."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assurance_folder_registry import FolderRegistry, GoingAway
from assurance_registry_world import World
from tactful.assurance import approval_showing
from tactful.assurance.approval import Decision, history
from tactful.errors import ApprovalRefusedError, UsageError
from tactful.records.store import Records
from tactful.scoring import Recommender, recommender
from tactful.scoring.seen import SeenSequences

VERBS: dict[str, Callable[[World], Decision]] = {
    "approve": lambda world: world.approve("3"),
    "reject": lambda world: world.reject("2"),
    "retire": lambda world: world.retire("2"),
    "rollback": lambda world: world.rollback(),
}
ENDS = {  # the champion by the journal, the tag of the version that was decided about, and its number
    "approve": ("3", "approved", "3"),
    "reject": (None, "rejected", "2"),
    "retire": (None, "retired", "2"),
    "rollback": ("1", "approved", "1"),
}


class Killed(BaseException):
    """The process ended here."""


OFTEN = {
    ("approve", "before", ConnectionError),
    ("approve", "after", ConnectionError),
    ("reject", "before", ConnectionError),
    ("retire", "after", Killed),
    ("rollback", "after", Killed),
}
CASES = [
    pytest.param(verb, when, error, marks=() if (verb, when, error) in OFTEN else pytest.mark.prove)
    for verb in VERBS
    for when, error in (("before", ConnectionError), ("after", ConnectionError), ("after", Killed))
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three versions, of which the first was champion before the second; version 3 is a candidate."""
    folder = tmp_path_factory.mktemp("template")
    world = World.make(folder, FolderRegistry(folder=folder / "store"))  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TACTFUL_SEEN_FILE", str(folder / "seen.json"))
        for _ in range(3):
            world.train()
        world.approve("1")
        world.approve("2")
    return world


@pytest.fixture
def scene(template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Makes a world like the template, in which nothing has gone wrong yet."""

    def made() -> World:
        folder = tmp_path / f"{sum(1 for _ in tmp_path.iterdir())}"
        shutil.copytree(template.folder, folder)
        for module in (approval_showing, recommender):
            monkeypatch.setattr(module, "PROCESS", SeenSequences())
        monkeypatch.setenv("TACTFUL_SEEN_FILE", str(folder / "seen.json"))
        registry: Any = copy.deepcopy(template.registry)
        registry.folder = folder / "store"
        records = Records.open(f"sqlite:///{folder / 'records.db'}")
        return replace(template, folder=folder, registry=registry, records=records)

    return made


def as_the_journal_says(world: World, verb: str) -> None:
    """Alias, tag and the file beside the manifest show the decision, it is journalled once, and services go by it."""
    champion, status, version = ENDS[verb]
    assert world.registry.champion(world.model) == champion
    assert world.registry.version(world.model, version).status == status
    assert len(world.kinds()) == 6
    assert f'"decision":"{status}"' in world.published(version)
    if champion:
        folder = world.registry.artifact_folder(world.model, champion)
        assert Recommender.load(folder, trusted_keys=world.reviewers_file()).version == champion


def steps(world: World, verb: str) -> list[str]:
    """The calls that a decision makes of MLflow."""
    store = world.registry
    world.registry = counted = GoingAway(store, 0, "never", ConnectionError)  # type: ignore[assignment]
    VERBS[verb](world)
    world.registry = store
    return counted.calls


@pytest.mark.parametrize(("verb", "when", "error"), CASES)
def test_whatever_call_fails_calling_again_ends_well(
    scene: Callable[[], World], verb: str, when: str, error: type[BaseException]
) -> None:
    """At each call, before it is done or after: an error that says what is decided, and the same command finishes.

    Before the journal entry nothing was decided or shown; after it the decision stands, once.
    """
    whole = scene()
    calls = steps(whole, verb)
    as_the_journal_says(whole, verb)
    for number in range(1, len(calls) + 1):
        world = scene()
        store, before = world.registry, len(world.kinds())
        world.registry = GoingAway(store, number, when, error)  # type: ignore[assignment]
        with pytest.raises((UsageError, Killed)) as failed:
            VERBS[verb](world)
        world.registry = store
        decided = len(world.kinds()) > before
        if isinstance(failed.value, UsageError):
            assert failed.value.fields["decided"] is decided
            assert ("The decision stands" in str(failed.value)) is decided
        if not decided:
            assert world.registry.champion(world.model) == "2"
        finish(world, verb, resumed=decided)
        as_the_journal_says(world, verb)


def finish(world: World, verb: str, *, resumed: bool) -> None:
    """The same command again; where only the answer was lost, it says that nothing is to be done."""
    with suppress(ApprovalRefusedError) if resumed else nullcontext():
        assert VERBS[verb](world).resumed is resumed
    with pytest.raises(ApprovalRefusedError, match="once"):
        VERBS[verb](world)


def test_the_calls_are_what_they_are_thought_to_be(scene: Callable[[], World]) -> None:
    """The test above goes through every call: those that ask, and those that show."""
    made = {verb: steps(scene(), verb) for verb in VERBS}
    assert {"version", "artifact_folder", "documents", "publish_approval", "set_status", "set_champion"} <= set(
        made["approve"]
    )
    assert "clear_champion" in made["retire"]
    assert made["rollback"] == made["approve"]


@pytest.mark.parametrize("verb", ["approve", "retire"])
def test_what_could_not_be_remembered_is_remembered_by_calling_again(scene: Callable[[], World], verb: str) -> None:
    """The file of what was seen is broken: the decision stands, and the same command remembers it once it is mended."""
    world = scene()
    seen = world.folder / "seen.json"
    before = seen.read_text()
    seen.write_text("{")
    with pytest.raises(UsageError, match="The decision stands"):
        VERBS[verb](world)
    seen.write_text(before)
    with pytest.raises(ApprovalRefusedError, match="once"):
        VERBS[verb](world)
    assert seen.read_text() != before


def test_the_history_is_told_without_mlflow(scene: Callable[[], World]) -> None:
    """The journal knows it all; that MLflow could not be asked is said, without what it said."""
    world = scene()
    (with_it,) = history(world.records, world.registry)
    away: Any = GoingAway(world.registry, 1, "before", lambda: ConnectionError("secret://user:password@host"))
    (without,) = history(world.records, away)
    assert without["mlflow_unavailable"] == "ConnectionError"
    assert with_it["mlflow_unavailable"] is None
    shown = {"mlflow_unavailable", "shown_champion", "versions"}
    assert {k: v for k, v in with_it.items() if k not in shown} == {k: v for k, v in without.items() if k not in shown}
    assert [each["status"] for each in without["versions"]] == [each["status"] for each in with_it["versions"]]


def test_what_did_not_answer_is_not_asked_for_each_model(scene: Callable[[], World]) -> None:
    """Whoever waits for a server that is gone waits once."""
    world = scene()
    world.model = "another"
    world.train()

    class Gone:
        asked = 0

        def versions(self, model: str) -> None:
            """No answer."""
            self.asked += 1
            raise ConnectionError(model)

    gone: Any = Gone()
    assert [each["mlflow_unavailable"] for each in history(world.records, gone)] == ["ConnectionError"] * 2
    assert gone.asked == 1
