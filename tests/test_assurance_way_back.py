"""Retired is not rejected, and the way back to the champion before is a decision like any other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assurance_folder_registry import FolderRegistry
from assurance_registry_world import PASSES, World
from tactful.assurance import approval_showing
from tactful.assurance.approval import history
from tactful.errors import ApprovalRefusedError, JournalBrokenError, ModelRefusedError, NotFoundError
from tactful.scoring import Recommender, recommender
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, load_private
from tactful.scoring.trust import Reviewers


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SeenSequences:
    """Each test starts as a process that has seen no decision."""
    fresh = SeenSequences()
    for module in (approval_showing, recommender):
        monkeypatch.setattr(module, "PROCESS", fresh)
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "seen.json"))
    return fresh


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two versions, the second of them champion after the first."""
    made = World.make(tmp_path, FolderRegistry(folder=tmp_path / "store"))  # type: ignore[arg-type]
    for version in ("1", "2"):
        made.train()
        made.approve(version)
    return made


def load(world: World, version: str) -> Recommender:
    return Recommender.load(world.registry.artifact_folder(world.model, version), trusted_keys=world.reviewers_file())


def test_a_retired_champion_is_served_no_more_and_can_come_back(world: World, tmp_path: Path) -> None:
    """The alias goes, the folder and every copy of it refuse; a new approval, with a higher number, serves it again."""
    copy = tmp_path / "copy" / world.model
    shutil.copytree(world.registry.artifact_folder(world.model, "2"), copy)
    decision = world.retire("2", by="Grace", reason="replaced")
    assert (decision.status, decision.sequence, decision.as_json()["expires_at"]) == ("retired", 3, None)
    assert world.registry.champion(world.model) is None
    assert world.registry.version(world.model, "2").status == "retired"
    with pytest.raises(ModelRefusedError, match="the decision was"):
        load(world, "2")
    with pytest.raises(ModelRefusedError, match="this approval is number 2, the retirement seen was 3"):
        Recommender.load(copy, trusted_keys=world.reviewers_file())
    assert history(world.records)[0]["champion"] == {"now": None, "before": "2"}
    assert world.approve("2").sequence == 4
    assert load(world, "2").version == "2"
    assert world.registry.champion(world.model) == "2"
    with pytest.raises(ModelRefusedError, match="retirement"):
        Recommender.load(copy, trusted_keys=world.reviewers_file())


def test_a_retirement_met_by_a_service_outlives_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Decided elsewhere, met once by loading: the old approval put back does not load, here or in a new process."""
    path = world.registry.artifact_folder(world.model, "2") / "approval.json"
    before = path.read_text()
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "elsewhere.json"))
    world.retire("2")
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "here.json"))
    for expected in ("the decision was", "retirement", "retirement"):
        monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
        with pytest.raises(ModelRefusedError, match=expected):
            load(world, "2")
        path.write_text(before)


def test_retiring_another_version_leaves_the_champion(world: World) -> None:
    """What was replaced may be tidied away."""
    world.retire("1")
    assert world.registry.champion(world.model) == "2"
    assert load(world, "2").version == "2"


@pytest.mark.parametrize(
    ("before", "says"), [("", "nobody approved"), ("reject", "is rejected"), ("retire", "retired once")]
)
def test_only_what_is_approved_is_retired(world: World, before: str, says: str) -> None:
    """A candidate, a rejected and a retired version are not; nothing is written."""
    version = "3" if not before else "2"
    if before:
        getattr(world, before)(version)
    else:
        world.train()
    kinds = world.kinds()
    with pytest.raises(ApprovalRefusedError, match=says):
        world.retire(version)
    assert world.kinds() == kinds


def test_a_retired_version_can_be_rejected_and_then_never_comes_back(world: World) -> None:
    """Retired leaves the way open, rejected closes it."""
    world.retire("2")
    world.reject("2")
    with pytest.raises(ApprovalRefusedError, match="stays rejected"):
        world.approve("2")
    with pytest.raises(ApprovalRefusedError, match="is rejected"):
        world.retire("2")


def test_a_retirement_past_the_checks_stops_everything(world: World) -> None:
    """Signed by a reviewer into the journal, of a version that nobody approved: it is none."""
    world.train()
    stated = world.records.entries("model.candidate")[-1].body["payload"]
    facts = dict(world.records.entries("model.approved")[-1].body["payload"])
    facts |= {name: stated[name] for name in ("version", "run_id", "manifest_digest")}
    world.write(
        "model.retired", facts | {"decision": "retired", "sequence": 3}, load_private(world.key("Ada")), name="Ada"
    )
    with pytest.raises(JournalBrokenError, match="approved before"):
        history(world.records)


def test_a_rollback_is_an_approval_of_the_champion_before(world: World) -> None:
    """It has a new number, so it loads where the champion was seen; the history calls it by its name."""
    assert load(world, "2").version == "2"
    decision = world.rollback(by="Grace", reason="repeats itself")
    assert (decision.version, decision.sequence, decision.rollback, decision.status) == ("1", 3, True, "approved")
    assert world.registry.champion(world.model) == "1"
    assert load(world, "1").version == "1"
    with pytest.raises(ModelRefusedError, match="earlier approval"):
        load(world, "2")
    turn = history(world.records)[0]["champions"][-1]
    assert (turn["version"], turn["decision"], turn["by"], turn["why"]) == (
        "1",
        "rollback",
        ["Grace"],
        "repeats itself",
    )


def test_a_rollback_of_a_rollback_goes_forward(world: World) -> None:
    """The champion before the last is the other one; but the very same command again is taken for a repetition."""
    assert world.rollback().version == "1"
    with pytest.raises(ApprovalRefusedError, match="once"):
        world.rollback()
    assert world.registry.champion(world.model) == "1"
    assert world.rollback(reason="it was not the model after all").version == "2"
    assert world.rollback(by="Grace").version == "1"


@pytest.mark.parametrize("ended", ["retire", "reject"])
def test_where_the_champion_was_ended_the_way_back_is_the_one_before_it(world: World, ended: str) -> None:
    """Not the ended one itself, though it was the last champion."""
    getattr(world, ended)("2")
    assert world.rollback().version == "1"
    assert load(world, "1").version == "1"


def test_a_rollback_passes_by_what_was_rejected(world: World) -> None:
    """From version 3 to version 1, as version 2 was rejected in between; then there is nowhere to go."""
    world.train()
    world.approve("3")
    world.reject("2")
    assert world.rollback().version == "1"
    world.reject("3")
    with pytest.raises(ApprovalRefusedError, match="had no other"):
        world.rollback()


def test_a_rollback_keeps_the_rules_of_approval(world: World) -> None:
    """Not by its trainer, not without a reason, a role, the overrides it needs, or the bytes it had."""
    for options, says in (
        ({"by": "Trainer"}, "trained it"),
        ({"reason": " "}, "empty"),
        ({"reviewers": Reviewers(names={})}, "not listed"),
    ):
        with pytest.raises(ApprovalRefusedError, match=says):
            world.rollback(**options)
    with (world.registry.artifact_folder(world.model, "1") / "base.npy").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ApprovalRefusedError, match="whole"):
        world.rollback()
    assert world.kinds().count("model.approved") == 2


def test_a_rollback_needs_its_overrides_again(world: World) -> None:
    """A reviewer writes down again why to go on with a rule that did not pass."""
    world.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    world.approve("3", overrides={"ndcg_by_age": "known since version 1"})
    world.approve("1")
    with pytest.raises(ApprovalRefusedError, match="ndcg_by_age: fail"):
        world.rollback()
    assert world.rollback(overrides={"ndcg_by_age": "known, and better than version 1"}).version == "3"


def test_there_must_be_a_champion_before(tmp_path: Path) -> None:
    """Neither an unknown model nor one with a single champion has a way back."""
    world = World.make(tmp_path, FolderRegistry(folder=tmp_path / "store"))  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        world.rollback()
    world.train()
    for _ in range(2):
        with pytest.raises(ApprovalRefusedError, match="had no other"):
            world.rollback()
        if "model.approved" not in world.kinds():
            world.approve()


def test_two_reviewers_roll_back_together(world: World) -> None:
    """The second finds the same way, as the champion has not moved; it counts as a rollback though they approve it."""
    world.reviewers = replace(world.reviewers, approvals_needed=2)
    first = world.rollback(by="Ada")
    assert (first.version, first.missing, world.registry.champion(world.model)) == ("1", 1, "2")
    second = world.rollback(by="Grace")
    assert (second.version, second.missing, second.rollback) == ("1", 0, True)
    assert load(world, "1").version == "1"


def test_a_decision_states_what_was_on_record(world: World) -> None:
    """Which run, documents, verdicts and bytes: the signature alone tells a stranger what was decided about."""
    (candidate,) = (
        e.body["payload"] for e in world.records.entries("model.candidate") if e.body["payload"]["version"] == "2"
    )
    world.retire("2")
    for entry in world.records.entries(("model.approved", "model.retired"))[1:]:
        stated: dict[str, Any] = dict(entry.body["payload"])
        for name in ("model", "version", "run_id", "manifest_digest", "documents", "verdicts"):
            assert stated[name] == candidate[name]
    published = SignedDocument.from_json(world.published("2"))
    assert set(published.payload["documents"]) >= {"report.html", "consent_manifest.yaml", "config.toml"}
