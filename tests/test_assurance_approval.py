"""Who may approve what, what that leaves behind, and that a failure half-way can be finished and not fooled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assurance_registry_world import DOCUMENTS, PASSES, World, empty_store
from scoring_world import checkerboard, meta, payload
from tactful.assurance import approval_showing
from tactful.assurance.approval import history
from tactful.assurance.approval_checks import Evidence, check_evidence
from tactful.assurance.candidates import replay
from tactful.assurance.registry import Registry
from tactful.errors import (
    ApprovalRefusedError,
    JournalBrokenError,
    ModelRefusedError,
    NotFoundError,
    RefusedError,
    TactfulError,
    UsageError,
)
from tactful.scoring import Recommender, recommender
from tactful.scoring.artifact import write_artifact
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, load_private, new_key, public_text
from tactful.scoring.trust import Reviewers


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """One MLflow store for all tests here: each has a model name of its own."""
    return Registry(f"sqlite:///{empty_store(tmp_path_factory.mktemp('mlflow'))}")


@pytest.fixture
def world(tmp_path: Path, store: Registry, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World.make(tmp_path, store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(made.reviewers_file()))
    return made


def champion(world: World) -> Recommender:
    return Recommender.load(f"models:/{world.model}@champion")


def test_an_approved_candidate_is_served_and_a_candidate_is_not(world: World) -> None:
    """Before approval nothing loads, by alias, version or folder; afterwards the champion recommends."""
    world.train()
    with pytest.raises(NotFoundError):
        champion(world)
    with pytest.raises(ModelRefusedError):
        Recommender.load(f"models:/{world.model}/1")
    decision = world.approve()
    answer = champion(world).recommend(["100", "102"], n=1, profiling=True)
    assert [item.item_id for item in answer.items] == ["104"]
    assert (answer.model, answer.version) == (world.model, "1")
    assert decision.sequence == 1
    assert not decision.resumed
    assert world.registry.version(world.model, "1").status == "approved"


def test_an_approval_ends_when_the_reviewers_file_says(world: World) -> None:
    """`approval_valid_days` decides, and a renewal is a new decision with a higher number."""
    world.train()
    short = Reviewers(names=world.reviewers.names, approval_valid_days=3)
    first = world.approve(reviewers=short)
    assert first.expires_at - datetime.fromisoformat(first.document.payload["approved_at"]) == timedelta(days=3)
    late = first.expires_at + timedelta(seconds=1)
    with pytest.raises(ModelRefusedError, match="expired"):
        Recommender.load(f"models:/{world.model}@champion", now=lambda: late)
    again = world.approve(reviewers=short, now=late)
    assert (again.sequence, again.resumed) == (2, False)
    assert Recommender.load(f"models:/{world.model}@champion", now=lambda: late).version == "1"


def test_the_journal_carries_the_signed_decision(world: World) -> None:
    """The entry holds the very document that lies beside the manifest, under the reviewer's key as actor."""
    world.train()
    decision = world.approve(by="Grace", reason="  read the report ")
    entry = world.records.entries("model.approved")[0]
    published = SignedDocument.from_json(world.published())
    published.verify()
    assert entry.actor == published.public_key == decision.document.public_key
    assert dict(entry.body["payload"]) == dict(published.payload)
    assert published.payload["reason"] == "read the report"
    assert entry.body["name"] == "Grace"
    assert world.records.verify().ok


@pytest.mark.parametrize(
    ("training", "approving", "says"),
    [
        ({"signed": False}, {}, "nobody did"),
        ({}, {"by": "Trainer"}, "this key trained it"),
        ({"noise": "reproducible"}, {}, "reproducible"),
        ({}, {"reason": "  "}, "empty"),
        ({}, {"reviewers": Reviewers(names={})}, "not listed"),
        (
            {},
            {"reviewers": Reviewers(names={"k": "Ada"}, file=Path("r.toml"))},
            "not listed in r.toml, which lists Ada. ",
        ),
        ({"verdicts": PASSES | {"ndcg_by_age": "fail"}}, {}, "ndcg_by_age: fail"),
        ({"verdicts": {"a": "insufficient evidence"}}, {}, "a: insufficient evidence"),
        ({"verdicts": {"a": "fail", "b": "fail"}}, {"overrides": {"a": "known"}}, "b: fail"),
        ({"verdicts": {"a": "PASS"}}, {}, "a: PASS"),
    ],
)
def test_approval_is_refused_and_leaves_nothing(
    world: World, training: dict[str, Any], approving: dict[str, Any], says: str
) -> None:
    """Each refusal says why, writes no journal entry, and shows nothing in MLflow."""
    world.train(**training)
    with pytest.raises(ApprovalRefusedError, match=says) as refused:
        world.approve(**approving)
    assert refused.value.exit_code == 3
    assert world.kinds() == ["model.candidate"]
    assert world.registry.champion(world.model) is None
    assert world.published() == ""
    assert world.registry.version(world.model, "1").status == "candidate"


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("ok", False),
        ("looks good", False),
        ("- - - .", False),
        ("too few people", True),
        ("対象者が少なすぎる", True),
        ("許可", False),
    ],
)
def test_an_override_says_why_in_words(world: World, text: str, enough: bool) -> None:
    """Three words, or as much in a script without spaces; the refusal says what is missing, and nothing is decided."""
    world.train(verdicts={"a": "fail"})
    if enough:
        assert world.approve(overrides={"a": text}).document.payload["overrides"] == {"a": text}
        return
    with pytest.raises(UsageError, match="why in at least 3 words"):
        world.approve(overrides={"a": text})
    assert world.registry.version(world.model, "1").status == "candidate"


@pytest.mark.parametrize("overrides", [{"nonsense": "text"}, {"a": " "}, {"b": "but it passed"}])
def test_an_override_is_for_an_open_rule_and_says_why(world: World, overrides: dict[str, str]) -> None:
    """An override that is misspelt, empty or not needed is a mistake in the call."""
    world.train(verdicts={"a": "fail", "b": "pass"})
    with pytest.raises(UsageError, match="override"):
        world.approve(overrides=overrides)
    assert world.kinds() == ["model.candidate"]


def test_an_override_is_signed_with_the_decision(world: World) -> None:
    """A verdict that is no pass lets the model on only with the reviewer's words, which everybody can read."""
    world.train(verdicts={"a": "insufficient evidence", "b": "pass"})
    decision = world.approve(overrides={"a": "too few people this year; measured again in spring"})
    assert decision.document.payload["overrides"] == {"a": "too few people this year; measured again in spring"}
    assert champion(world).version == "1"


def test_unknown_versions_and_unknown_trainings_are_refused(world: World, tmp_path: Path) -> None:
    """MLflow must know the version, and the journal its training."""
    with pytest.raises(NotFoundError):
        world.approve()
    world.log()
    with pytest.raises(NotFoundError):
        world.approve("2")
    with pytest.raises(ApprovalRefusedError, match="never recorded"):
        world.approve()


def test_a_number_used_again_in_a_new_store_is_another_candidate(world: World, tmp_path: Path) -> None:
    """MLflow counts from 1 in every store: the journal's version 1 of an old store is not this one."""
    world.train()
    world.approve()
    world.registry = Registry(f"sqlite:///{tmp_path / 'other.db'}")
    world.log()
    with pytest.raises(ApprovalRefusedError, match="never recorded"):
        world.approve()


def test_a_rejection_is_final_and_ends_the_champion(world: World) -> None:
    """After a rejection the alias is gone, the folder itself refuses, and nobody can approve that version."""
    world.train()
    world.approve()
    folder = world.registry.artifact_folder(world.model, "1")
    Recommender.load(folder)
    rejection = world.reject(by="Grace")
    assert (rejection.sequence, rejection.approved) == (2, False)
    with pytest.raises(NotFoundError):
        champion(world)
    with pytest.raises(ModelRefusedError, match="approved"):
        Recommender.load(folder)
    with pytest.raises(ApprovalRefusedError, match="Grace"):
        world.approve()
    with pytest.raises(ApprovalRefusedError, match="once"):
        world.reject()
    assert world.kinds() == ["model.candidate", "model.approved", "model.rejected"]


def test_rejecting_another_version_leaves_the_champion(world: World) -> None:
    """Only the champion's own rejection moves the alias."""
    world.train()
    world.train()
    world.approve("1")
    world.reject("2")
    assert champion(world).version == "1"


@pytest.mark.parametrize("changes", [{"reason": ""}, {"reviewers": Reviewers(names={})}])
def test_a_rejection_too_needs_a_reason_and_a_reviewer(world: World, changes: dict[str, Any]) -> None:
    """Nobody removes a model without being named and saying why."""
    world.train()
    with pytest.raises(ApprovalRefusedError):
        world.reject(**changes)
    assert world.kinds() == ["model.candidate"]


def test_approving_twice_is_refused(world: World) -> None:
    """A version that is approved and shown is done."""
    world.train()
    world.approve()
    with pytest.raises(ApprovalRefusedError, match="once"):
        world.approve(by="Grace")
    assert world.kinds() == ["model.candidate", "model.approved"]


def test_going_back_to_an_earlier_version_is_a_new_decision(world: World) -> None:
    """The number rises over all versions, so that scoring, which refuses lower numbers, follows."""
    world.train()
    world.train()
    assert [world.approve("1").sequence, world.approve("2").sequence] == [1, 2]
    assert champion(world).version == "2"
    old = Path(world.registry.artifact_folder(world.model, "1"))
    with pytest.raises(ModelRefusedError, match="earlier approval"):
        Recommender.load(old)
    assert world.approve("1").sequence == 3
    assert champion(world).version == "1"


@pytest.mark.parametrize("name", ["encoder.npy", "manifest.json"])
def test_an_artifact_changed_in_mlflow_is_refused(world: World, name: str) -> None:
    """One byte is enough."""
    world.train()
    path = world.registry.artifact_folder(world.model, "1") / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(ApprovalRefusedError):
        world.approve()
    assert world.kinds() == ["model.candidate"]


def test_an_artifact_swapped_whole_is_refused(world: World) -> None:
    """An artifact that is sound in itself, but another one than was recorded."""
    world.train()
    world.train()
    first, second = (world.registry.artifact_folder(world.model, version) for version in ("1", "2"))
    (first / "manifest.json").write_bytes((second / "manifest.json").read_bytes())
    with pytest.raises(ApprovalRefusedError, match="the artifact"):
        world.approve()


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("report.html", "change"),
        ("config.toml", "remove"),
        ("consent_manifest.yaml", "change"),
        ("model_card.md", "remove"),
        ("privacy_statement.yaml", "change"),
    ],
)
def test_a_document_changed_in_mlflow_is_refused(world: World, name: str, action: str) -> None:
    """A reviewer must have read what was recorded, so a report changed afterwards stops the approval."""
    candidate = world.train()
    artifacts = world.registry.artifact_folder(world.model, "1").parents[4]
    path = artifacts / candidate.run_id / "artifacts" / name
    path.write_text(path.read_text() + " ") if action == "change" else path.unlink()
    with pytest.raises(ApprovalRefusedError, match=name) as refused:
        world.approve()
    assert refused.value.fields["changed"] == (name,)


def test_a_document_that_was_never_recorded_is_missed(world: World) -> None:
    """A candidate that is on record without one of its five documents is not approved, whatever MLflow holds."""
    candidate, digest = world.log()
    world.record(candidate, digest)
    entry = next(each for each in replay(world.records.entries("model.")).candidates)
    found = Evidence.gather(world.registry, world.registry.version(world.model, "1"))
    check_evidence(entry, found)
    for name in DOCUMENTS:
        lacking = replace(entry, documents={each: text for each, text in entry.documents.items() if each != name})
        with pytest.raises(ApprovalRefusedError, match=name) as refused:
            check_evidence(lacking, found)
        assert refused.value.fields["changed"] == (name,)


def test_where_no_rule_was_declared_that_is_overridden(world: World) -> None:
    """Nothing was judged, so a reviewer says why to go on; and the journal believes the decision."""
    world.train(verdicts={})
    with pytest.raises(ApprovalRefusedError, match="no_rules"):
        world.approve()
    world.approve(overrides={"no_rules": "nothing is known about anybody here"})
    assert champion(world).version == "1"
    assert history(world.records)[0]["champion"]["now"] == "1"


def test_retired_and_rolled_back_in_mlflow(world: World) -> None:
    """In a real store: the way back, the retirement, and the new approval, each followed by whoever loads."""
    world.train()
    world.train()
    world.approve("1")
    world.approve("2")
    assert champion(world).version == "2"
    assert world.rollback().version == "1"
    assert champion(world).version == "1"
    world.retire("1", by="Grace")
    assert world.registry.version(world.model, "1").status == "retired"
    with pytest.raises(NotFoundError):
        champion(world)
    with pytest.raises(ModelRefusedError, match="the decision was"):
        Recommender.load(f"models:/{world.model}/1")
    world.approve("1", by="Grace")
    assert champion(world).version == "1"


def test_two_reviewers_in_mlflow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real store: the first signature changes nothing but the tag, the second makes the champion."""
    world.train()
    world.reviewers = replace(world.reviewers, approvals_needed=2)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(world.reviewers_file()))
    world.approve(by="Ada")
    with pytest.raises(NotFoundError):
        champion(world)
    assert world.registry.version(world.model, "1").status == "half approved"
    world.approve(by="Grace")
    assert champion(world).version == "1"


def test_a_model_that_brings_its_own_code_is_refused(world: World) -> None:
    """MLflow runs whatever loader an MLmodel file names; only tactful's is approved."""
    world.train()
    described = world.registry.artifact_folder(world.model, "1").parents[1] / "MLmodel"
    described.write_text(described.read_text().replace("tactful.scoring.pyfunc", "os"))
    with pytest.raises(ApprovalRefusedError):
        world.approve()
    assert not world.reject().approved


class Failing:
    """A registry of which one step fails once."""

    def __init__(self, registry: Registry, step: str) -> None:
        self._registry, self._step = registry, step

    def __getattr__(self, name: str) -> Any:
        if name == self._step:
            self._step = ""
            raise ConnectionError("MLflow went away")
        return getattr(self._registry, name)


@pytest.mark.parametrize("step", ["publish_approval", "set_status", "set_champion"])
def test_an_approval_that_mlflow_did_not_show_is_finished_by_calling_again(world: World, step: str) -> None:
    """The decision stands once it is journalled: the same call shows it, with the same signature, and adds nothing."""
    world.train()
    registry, world.registry = world.registry, Failing(world.registry, step)  # type: ignore[assignment]
    with pytest.raises(UsageError, match="The decision stands") as failed:
        world.approve()
    assert failed.value.fields["decided"] is True
    assert world.kinds() == ["model.candidate", "model.approved"]
    assert registry.champion(world.model) is None
    resumed = world.approve()
    assert resumed.resumed
    assert world.kinds() == ["model.candidate", "model.approved"]
    assert world.published() == resumed.document.to_json()
    assert champion(world).version == "1"
    with pytest.raises(ApprovalRefusedError, match="once"):
        world.approve()


@pytest.mark.parametrize("step", ["clear_champion", "publish_approval", "set_status"])
def test_a_rejection_that_mlflow_did_not_show_is_finished_by_calling_again(world: World, step: str) -> None:
    """As for an approval."""
    world.train()
    world.approve()
    world.registry = Failing(world.registry, step)  # type: ignore[assignment]
    with pytest.raises(UsageError, match="The decision stands"):
        world.reject()
    assert world.reject().resumed
    assert world.kinds() == ["model.candidate", "model.approved", "model.rejected"]
    with pytest.raises(NotFoundError):
        champion(world)


def test_decisions_made_at_the_same_time_end_as_the_journal_says(world: World) -> None:
    """While one approval is being shown, another version is approved and the first rejected: the journal wins."""
    world.train()
    world.train()
    registry = world.registry

    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            if name == "set_status" and world.registry is not registry:
                world.registry = registry
                world.approve("2", by="Grace")
                world.reject("1", by="Grace")
            return getattr(registry, name)

    world.registry = Interrupted()  # type: ignore[assignment]
    world.approve("1")
    assert champion(world).version == "2"
    assert registry.version(world.model, "1").status == "rejected"
    with pytest.raises(ModelRefusedError, match="decision"):
        Recommender.load(registry.artifact_folder(world.model, "1"))


def test_nothing_is_shown_that_the_journal_does_not_hold(world: World) -> None:
    """If the journal cannot be written, MLflow is not touched."""

    class Stuck:
        def __getattr__(self, name: str) -> Any:
            if name == "transaction":
                raise OSError("disk full")
            return getattr(world_records, name)

    world.train()
    world_records, world.records = world.records, Stuck()  # type: ignore[assignment]
    with pytest.raises(OSError, match="disk full"):
        world.approve()
    assert world.registry.champion(world.model) is None
    assert world.published() == ""


def test_an_alias_moved_by_hand_is_put_back(world: World) -> None:
    """MLflow is only a shop window: the champion is the journal's, and approving it again puts the alias back."""
    world.train()
    world.train()
    world.approve("1")
    world.registry.set_champion(world.model, "2")
    with pytest.raises(ModelRefusedError):
        champion(world)
    assert world.approve("1").resumed
    assert champion(world).version == "1"


def test_an_approval_whose_signer_is_no_reviewer_any_more_is_made_anew(world: World) -> None:
    """A standing decision is shown again only while its signer is trusted; otherwise the caller's own is made."""
    world.train()
    ada = world.approve(by="Ada")
    remaining = {key: name for key, name in world.reviewers.names.items() if name != "Ada"}
    again = world.approve(by="Grace", reviewers=Reviewers(names=remaining))
    assert (again.name, again.sequence, again.resumed) == ("Grace", 2, False)
    assert again.document.public_key != ada.document.public_key


def test_a_statement_with_a_forged_signature_stops_everything(world: World) -> None:
    """Someone who can write to the journal, and has no reviewer's key, cannot make a champion."""
    world.train()
    with world.records.transaction() as transaction:
        body = dict(transaction.entries("model.candidate")[0].body)
        forged = body | {"payload": body["payload"] | {"decision": "approved", "sequence": 1}, "name": "Ada"}
        transaction.append("model.approved", forged, actor=body["public_key"])
    with pytest.raises(JournalBrokenError, match="entry 2"):
        world.approve()
    with pytest.raises(JournalBrokenError):
        history(world.records)


def stated(world: World, number: int = 0) -> dict[str, Any]:
    """What an entry of the journal states."""
    return dict(world.records.entries()[number].body["payload"])


@pytest.mark.parametrize(
    "change",
    [{}, {"model_id": "m-other"}, {"manifest_digest": "0" * 64}, {"manifest_digest": "0" * 64, "version": "2"}],
)
def test_a_training_is_stated_once(world: World, change: dict[str, Any]) -> None:
    """A second entry about a version, a logged model or its bytes, by whatever key, replaces nothing.

    Otherwise a trainer would sign again with a throwaway key, with better verdicts, and approve what is theirs.
    """
    candidate = world.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    first = stated(world)
    body = first | {"verdicts": PASSES} | change
    repeats = {name: body[name] for name in ("version", "model_id")}
    with pytest.raises(RefusedError, match="recorded once"):
        world.record(replace(candidate, **repeats), body["manifest_digest"], trainer=new_key())
    assert world.kinds() == ["model.candidate"]
    world.write("model.candidate", body, new_key())
    with pytest.raises(JournalBrokenError, match=r"entry 2 .* recorded before"):
        world.approve(by="Trainer")
    with pytest.raises(JournalBrokenError):
        world.train()


def test_bytes_swapped_before_the_review_are_not_approved(world: World) -> None:
    """Whoever can write to MLflow and to the journal cannot bring a reviewer to sign other bytes than the trainer's."""
    world.train()
    true, other = world.registry.artifact_folder(world.model, "1"), world.folder / "other" / world.model
    facts = meta(world.model, created="other", trainer=public_text(new_key()))
    digest = write_artifact(other, checkerboard(), meta=facts)
    shutil.copytree(other, true, dirs_exist_ok=True)
    with pytest.raises(ApprovalRefusedError, match="the artifact"):
        world.approve()
    world.write("model.candidate", stated(world) | {"manifest_digest": digest}, new_key())
    with pytest.raises(JournalBrokenError):
        world.approve()
    assert world.published() == ""


def test_the_artifact_says_who_trained_it(world: World) -> None:
    """A statement by another key than the one the artifact names is no ground for an approval."""
    candidate, digest = world.log()
    world.record(candidate, digest, trainer=new_key())
    with pytest.raises(ApprovalRefusedError, match="trainer"):
        world.approve(by="Trainer")
    assert world.kinds() == ["model.candidate"]


@pytest.mark.parametrize("again", ["approved", "rejected"])
def test_an_old_decision_appended_again_stops_everything(world: World, again: str) -> None:
    """Its signature is true, and its number is not above the others: nothing rejected comes back."""
    world.train()
    world.approve()
    world.reject()
    entry = next(e for e in world.records.entries() if e.kind == f"model.{again}")
    with world.records.transaction() as transaction:
        transaction.append(entry.kind, dict(entry.body), actor=entry.actor)
    for ask in (world.approve, world.reject, lambda: history(world.records)):
        with pytest.raises(JournalBrokenError, match=r"number of a decision .* entry 4"):
            ask()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"manifest_digest": "0" * 64}, "about none"),
        ({"version": "7"}, "about none"),
        ({"model": "another"}, "about none"),
        ({"sequence": 0}, "number of a decision"),
        ({"sequence": True}, "number of a decision"),
        ({"sequence": 1.5}, "number of a decision"),
        ({"overrides": {}}, "rules of approval"),
        ({"overrides": {"ndcg_by_age": "known", "nonsense": "x"}}, "rules of approval"),
        ({"overrides": "none"}, "statement about a model"),
        ({"expires_at": "2027-01-01"}, "statement about a model"),
        ({"expires_at": "soon"}, "statement about a model"),
        ({"decision": "rejected"}, "statement about a model"),
    ],
)
def test_a_reviewers_own_signature_makes_no_decision_past_the_checks(
    world: World, change: dict[str, Any], says: str
) -> None:
    """A decision that approving would not have written is none, though a reviewer signed it into the journal."""
    world.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    good = payload(stated(world)["manifest_digest"], model=world.model, version="1", overrides={"ndcg_by_age": "known"})
    world.write("model.approved", good | change, load_private(world.key("Ada")), name="Ada")
    with pytest.raises(JournalBrokenError, match=says):
        history(world.records)


def test_such_a_decision_stands_if_it_keeps_the_rules(world: World) -> None:
    """The payload of the test above, unchanged, is read: it is the change that is refused there."""
    world.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    good = payload(stated(world)["manifest_digest"], model=world.model, version="1", overrides={"ndcg_by_age": "known"})
    world.write("model.approved", good, load_private(world.key("Ada")), name="Ada")
    assert history(world.records)[0]["champion"]["now"] == "1"


@pytest.mark.parametrize("reason", ["own", "unsigned", "reproducible", "rejected"])
def test_an_approval_that_may_not_be_stops_everything(world: World, reason: str) -> None:
    """Nobody's own model, none that nobody signed, none with repeatable noise, none that was rejected."""
    world.train(signed=reason != "unsigned", noise="reproducible" if reason == "reproducible" else "system")
    if reason == "rejected":
        world.reject()
    signed = payload(stated(world)["manifest_digest"], model=world.model, version="1", sequence=2)
    signer = world.trainer if reason == "own" else load_private(world.key("Ada"))
    world.write("model.approved", signed, signer, name="Ada")
    with pytest.raises(JournalBrokenError, match="rules of approval"):
        history(world.records)


def test_a_candidates_signature_approves_nothing(world: World) -> None:
    """A trainer's signature has a purpose of its own: no statement of theirs can be passed off as a decision."""
    world.train()
    document = SignedDocument.sign(
        payload(stated(world)["manifest_digest"], model=world.model, version="1"),
        load_private(world.key("Ada")),
        purpose="candidate",
    )
    (world.registry.artifact_folder(world.model, "1") / "approval.json").write_text(document.to_json())
    with pytest.raises(ModelRefusedError, match="signature must fit"):
        Recommender.load(f"models:/{world.model}/1")


def test_an_approval_outside_the_journal_by_its_trainer_is_not_served(world: World) -> None:
    """A trainer who is a reviewer too can sign and publish by hand; scoring sees that both keys are one."""
    world.train()
    signed = payload(stated(world)["manifest_digest"], model=world.model, version="1", sequence=10**9)
    document = SignedDocument.sign(signed | {"approved_at": world.records.now().isoformat()}, world.trainer)
    (world.registry.artifact_folder(world.model, "1") / "approval.json").write_text(document.to_json())
    with pytest.raises(ModelRefusedError, match="the same key did both"):
        Recommender.load(f"models:/{world.model}/1")


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What follows happens in a process that has seen nothing."""

    def forget() -> None:
        for module in (approval_showing, recommender):
            monkeypatch.setattr(module, "PROCESS", SeenSequences())

    return forget


@pytest.mark.parametrize("decided", ["on this machine", "elsewhere"])
def test_mlflow_alone_does_not_bring_a_rejected_model_back(
    world: World, restart: Callable[[], None], monkeypatch: pytest.MonkeyPatch, decided: str
) -> None:
    """The old approval and the alias are put back: a new process refuses, by what it decided or met before.

    Where the decision was made elsewhere, a load that met it is remembered.
    """
    world.train()
    world.approve()
    old = world.published()
    if decided == "elsewhere":
        monkeypatch.setenv("TACTFUL_SEEN_FILE", str(world.folder / "elsewhere.json"))
    world.reject()
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)
    restart()
    if decided == "elsewhere":
        with pytest.raises(ModelRefusedError, match="the decision was"):
            Recommender.load(f"models:/{world.model}/1")
        restart()
    (world.registry.artifact_folder(world.model, "1") / "approval.json").write_text(old)
    world.registry.set_champion(world.model, "1")
    with pytest.raises(ModelRefusedError, match="rejection"):
        champion(world)


def test_the_alias_moved_back_does_not_bring_an_earlier_champion_back(
    world: World, restart: Callable[[], None]
) -> None:
    """Version 1's approval still holds, and its number is below that of the decision made since."""
    world.train()
    world.train()
    world.approve("1")
    world.approve("2")
    restart()
    world.registry.set_champion(world.model, "1")
    with pytest.raises(ModelRefusedError, match="earlier approval"):
        champion(world)
    world.registry.set_champion(world.model, "2")
    assert champion(world).version == "2"


def test_the_history_is_told_by_the_journal(world: World) -> None:
    """Who, when and why, the champion now and before; MLflow's own tags are shown beside it and change nothing."""
    world.train()
    world.train()
    world.train(register=False)
    world.approve("1", by="Ada")
    world.approve("2", by="Grace", reason="better for everyone measured")
    world.registry.set_status(world.model, "1", "rejected")
    (told,) = history(world.records, world.registry)
    assert told["champion"] == {"now": "2", "before": "1"}
    assert told["shown_champion"] == "2"
    assert [each["status"] for each in told["versions"]] == ["approved", "approved", "refused"]
    assert [each["shown_status"] for each in told["versions"]] == ["rejected", "approved", None]
    assert told["versions"][1]["who"] == "Grace"
    assert told["versions"][1]["why"] == "better for everyone measured"
    assert told["versions"][0]["verdicts"] == PASSES
    world.reject("2")
    assert history(world.records)[0]["champion"] == {"now": None, "before": "2"}
    json.dumps(told, allow_nan=False)


def test_history_of_an_unknown_model_and_after_the_end_of_an_approval(world: World) -> None:
    """A name nobody trained is not found; an approval that ended says so."""
    with pytest.raises(NotFoundError):
        history(world.records, model="nobody")
    assert history(world.records) == []
    world.train()
    world.approve(now=world.records.now() - timedelta(days=181))
    assert history(world.records, model=world.model)[0]["versions"][0]["status"] == "expired"


def test_no_error_or_repr_shows_a_key_file_or_address(world: World) -> None:
    """Addresses carry passwords and private keys stay private."""
    world.train()
    private = world.key("Ada").read_text().splitlines()[1]
    with pytest.raises(TactfulError) as refused:
        world.approve("7")
    for text in (str(refused.value), repr(world.registry), repr(world.approve())):
        assert private not in text
        assert "sqlite" not in text
