"""Who was champion when and why, as the journal tells it; and that it tells what was written by earlier builds too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assurance_folder_registry import FolderRegistry
from assurance_registry_world import World
from tactful.assurance import approval_showing
from tactful.assurance.approval import history
from tactful.errors import JournalBrokenError
from tactful.scoring import Recommender, recommender
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, load_private


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three candidates in a process that has seen no decision."""
    for module in (approval_showing, recommender):
        monkeypatch.setattr(module, "PROCESS", SeenSequences())
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(tmp_path / "seen.json"))
    made = World.make(tmp_path, FolderRegistry(folder=tmp_path / "store"))  # type: ignore[arg-type]
    for _ in range(3):
        made.train()
    return made


def told(world: World) -> dict[str, Any]:
    """The story of the world's model, which is plain JSON."""
    (found,) = history(world.records, world.registry)
    json.dumps(found, allow_nan=False)
    return found


def test_every_change_of_champion_is_told_with_its_reason(world: World) -> None:
    """Approved, replaced, rolled back, retired, approved again, rejected: each turn ends as the next begins."""
    made = [
        world.approve("1", by="Ada", reason="first"),
        world.approve("2", by="Grace", reason="better"),
        world.rollback(by="Ada", reason="repeats itself"),
        world.retire("1", by="Grace", reason="too old"),
        world.approve("2", by="Ada", reason="after all"),
        world.reject("2", by="Grace", reason="not at all"),
    ]
    turns = told(world)["champions"]
    assert [(turn["version"], turn["decision"], turn["by"], turn["why"]) for turn in turns] == [
        ("1", "approved", ["Ada"], "first"),
        ("2", "approved", ["Grace"], "better"),
        ("1", "rollback", ["Ada"], "repeats itself"),
        (None, "retired", ["Grace"], "too old"),
        ("2", "approved", ["Ada"], "after all"),
        (None, "rejected", ["Grace"], "not at all"),
    ]
    assert [turn["approval_id"] for turn in turns] == [decision.id for decision in made]
    assert [turn["from"] for turn in turns] == [decision.time.isoformat() for decision in made]
    assert [turn["until"] for turn in turns] == [*(turn["from"] for turn in turns[1:]), None]
    assert told(world)["champion"] == {"now": None, "before": "2"}


def test_what_changes_no_champion_is_no_turn(world: World) -> None:
    """Decisions about other versions are told with their version alone."""
    world.approve("1")
    world.reject("2")
    world.approve("3")
    world.retire("1")
    found = told(world)
    assert [turn["version"] for turn in found["champions"]] == ["1", "3"]
    assert [each["status"] for each in found["versions"]] == ["retired", "rejected", "approved"]
    assert [len(each["decisions"]) for each in found["versions"]] == [2, 1, 1]


def test_an_approval_that_ends_by_itself_ends_the_turn(world: World) -> None:
    """Nobody was champion between the end of an approval and its renewal."""
    long_ago = world.records.now() - timedelta(days=200)
    first = world.approve("1", now=long_ago)
    assert told(world)["versions"][0]["status"] == "expired"
    assert told(world)["champions"][0]["until"] == first.expires_at.isoformat()
    second = world.approve("1")
    turns = told(world)["champions"]
    assert [turn["until"] for turn in turns] == [first.expires_at.isoformat(), None]
    assert datetime.fromisoformat(turns[1]["from"]) == second.time
    assert told(world)["versions"][0]["status"] == "approved"


def test_a_served_approval_is_found_by_its_id(world: World) -> None:
    """The id under which services record answers is that of the decision in the journal."""
    decision = world.approve("2")
    published = SignedDocument.from_json(world.published("2"))
    listed = told(world)["versions"][1]["decisions"]
    assert [each["approval_id"] for each in listed] == [decision.id] == [published.digest]


def as_before(world: World, **changes: Any) -> dict[str, Any]:
    """What builds before this one signed: no run, documents, verdicts or number of reviewers."""
    candidate = world.records.entries("model.candidate")[0].body["payload"]
    now = world.records.now()
    return {
        "schema": 1,
        "model": world.model,
        "version": "1",
        "manifest_digest": candidate["manifest_digest"],
        "sequence": 1,
        "reason": "fit for its purpose",
        "decision": "approved",
        "approved_at": now.isoformat(),
        "expires_at": (now + timedelta(days=180)).isoformat(),
        "overrides": {},
    } | changes


def test_what_earlier_builds_wrote_is_believed_still(world: World) -> None:
    """Their approval makes a champion and loads, their rejection ends it, and new decisions follow on them."""
    key = load_private(world.key("Ada"))
    world.write("model.approved", as_before(world), key, name="Ada")
    assert told(world)["champion"]["now"] == "1"
    document = SignedDocument.sign(as_before(world), key)
    folder = world.registry.artifact_folder(world.model, "1")
    (folder / "approval.json").write_text(document.to_json())
    assert Recommender.load(folder, trusted_keys=world.reviewers_file()).version == "1"
    assert world.approve("2", by="Grace").sequence == 2
    ended = as_before(world, decision="rejected", sequence=3, approved_at="")
    world.write("model.rejected", ended, key, name="Ada")
    assert [each["status"] for each in told(world)["versions"]] == ["rejected", "approved", "candidate"]


@pytest.mark.parametrize(
    "change",
    [
        {"documents": {}},
        {"verdicts": {"ndcg_by_age": "fail"}},
        {"run_id": "another"},
        {"approvals_needed": 0},
        {"approvals_needed": "two"},
        {"joins": "first"},
        {"joins": None},
    ],
)
def test_a_decision_that_states_what_is_not_on_record_stops_everything(world: World, change: dict[str, Any]) -> None:
    """What a decision says of its candidate is what the candidate's entry says, or nothing."""
    world.write("model.approved", as_before(world, **change), load_private(world.key("Ada")), name="Ada")
    with pytest.raises(JournalBrokenError):
        told(world)
