"""`verify` agrees with what is whole, names what is not, stops at nothing, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assurance_registry_world import DOCUMENTS, PASSES, World
from tactful.assurance.approval import record_candidate
from tactful.assurance.candidates import Candidate, replay
from tactful.assurance.figures import FIGURES, figures_document
from tactful.assurance.registry import Registry
from tactful.assurance.verification import Verification, verify
from tactful.assurance.verification_decisions import check_decisions
from tactful.assurance.verification_findings import NAMES, Findings
from tactful.errors import NotFoundError, UsageError
from tactful.privacy.accountant import mu_at
from tactful.privacy.events import GaussianEvent, SamplerSlack
from tactful.privacy.ledger import BudgetLedger, BudgetLimit
from tactful.records.store import Records
from tactful.scoring.signing import load_private, new_key
from tactful.scoring.trust import Reviewers


@pytest.fixture(scope="module")
def store(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """One MLflow store for all tests here: each has a model name of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(_template / "mlflow.db", folder)
    return Registry(f"sqlite:///{folder}/mlflow.db")


@pytest.fixture
def world(tmp_path: Path, store: Registry, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)
    return World.make(tmp_path, store)


def checked(world: World, **changes: Any) -> Verification:
    """What a stranger finds."""
    given: dict[str, Any] = {"open_registry": lambda: world.registry, "reviewers": world.reviewers} | changes
    return verify(Records.look(f"sqlite:///{world.folder / 'records.db'}"), world.model, **given)


def tamper(world: World, statement: str) -> None:
    """Somebody who owns the database takes its guards away and changes it."""
    with sqlite3.connect(world.folder / "records.db") as connection:
        for name in ("journal_no_update", "journal_no_delete", "journal_in_order"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute(statement)
    connection.close()


def everything(*folders: Path) -> dict[str, str]:
    """Every file under these folders, and what is in it."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_whole_agrees_and_nothing_is_written(world: World, store: Registry) -> None:
    """A candidate, a champion and a rejected version: no mismatch, and not a byte anywhere is another afterwards."""
    for _ in range(3):
        world.train()
    world.approve("1")
    world.reject("3")
    folders = (world.folder, Path(store.uri.removeprefix("sqlite:///")).parent)
    before = everything(*folders)
    found = checked(world)
    assert (found.ok, found.mismatches) == (True, ())
    assert found.checked["versions"] == 3
    assert found.checked["documents"] == 3 * len(DOCUMENTS)
    assert found.checked["journal entries"] == found.checked["signed statements"] == 5
    assert found.head == world.records.verify().head
    assert everything(*folders) == before
    assert json.loads(json.dumps(found.as_json()))["ok"] is True


def test_it_stops_at_nothing(world: World, store: Registry) -> None:
    """Things of seven kinds are wrong at once, and each is named with the version it is about."""
    first, second = world.train(), world.train()
    world.approve("1")
    folder = world.registry.artifact_folder(world.model, "1")
    (folder / "base.npy").write_bytes((folder / "base.npy").read_bytes()[:-1] + b"\x7f")
    client = store._client
    client.log_text(first.run_id, "<p>all is fair</p>", "report.html")
    client.log_text(second.run_id, "more", "notes/more.md")
    client.set_tag(second.run_id, "verdict.ndcg_by_age", "fail")
    client.set_registered_model_alias(world.model, "champion", "2")
    client.delete_run(second.run_id)
    tamper(world, "UPDATE journal SET digest = digest || 'x' WHERE sequence = 3")
    assert {(m.name, m.version) for m in checked(world).mismatches} == {
        ("journal_row_edited", None),
        ("document_altered", "1"),
        ("array_altered", "1"),
        ("document_added", "2"),
        ("tag_differs", "2"),
        ("run_deleted", "2"),
        ("alias_moved", None),
    }


def test_every_array_that_was_altered_is_named(world: World) -> None:
    """Not only the first."""
    world.train()
    folder = world.registry.artifact_folder(world.model, "1")
    for name in ("base.npy", "encoder.npy"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"\x7f")
    (folder / "decoder.npy").unlink()
    (folder / "more.npy").write_bytes(b"x")
    found = [(m.name, m.what.split()[0]) for m in checked(world).mismatches]
    assert sorted(found) == [
        ("array_added", "more.npy"),
        ("array_altered", "base.npy"),
        ("array_altered", "encoder.npy"),
        ("array_missing", "decoder.npy"),
    ]


def test_every_broken_row_is_named(world: World) -> None:
    """Two edited rows and a gap, each at its place; what does not depend on them is replayed still."""
    for _ in range(4):
        world.train()
    world.approve("4")
    tamper(world, "UPDATE journal SET body = X'7B7D' WHERE sequence = 1")
    tamper(world, "UPDATE journal SET time = '2020-01-01T00:00:00.000000+00:00' WHERE sequence = 3")
    tamper(world, "DELETE FROM journal WHERE sequence = 2")
    found = checked(world)
    words = [m.what for m in found.mismatches if m.name.startswith("journal_row")]
    assert [w for w in words if "missing" in w] == ["entry 2 is missing"]
    assert [w.split()[1] for w in words if "changed" in w] == ["1", "3"]
    assert any("entry 1 (model.candidate)" in m.what for m in found.mismatches)
    assert found.checked["versions"] == 2
    assert "alias_moved" not in found.names


@pytest.mark.parametrize(
    ("cut", "statement"),
    [
        ("candidate", "DELETE FROM journal"),
        ("decision", "DELETE FROM journal WHERE sequence > 1"),
    ],
)
def test_a_cut_tail_is_seen_from_outside(world: World, cut: str, statement: str) -> None:
    """The journal alone holds; what was cut off is known to MLflow, to this machine, and to whoever noted the head."""
    world.train()
    head = world.records.verify().head
    world.approve("1")
    later = world.records.verify().head
    tamper(world, statement)
    found = checked(world, head=later)
    assert world.records.verify().ok
    assert {"head_missing", "journal_behind", "journal_cut_off"} <= found.names
    assert ({"approval_unexpected", "status_differs"} if cut == "decision" else {"version_unknown"}) <= found.names
    assert checked(world, head=head).names == found.names - {"head_missing"} or cut == "candidate"


def test_without_mlflow_the_journal_is_checked_still(world: World) -> None:
    """What needs no MLflow was compared, and that the rest was not is a mismatch of its own."""
    world.train()
    world.approve("1")

    def down() -> Registry:
        raise UsageError("looking up must be possible", given="the server does not answer", do="Start it")

    found = checked(world, open_registry=down)
    assert found.names == {"mlflow_unreachable"}
    assert "the server does not answer" in found.mismatches[0].what
    tamper(world, "UPDATE journal SET actor = 'x' WHERE sequence = 1")
    assert "journal_row_edited" in checked(world, open_registry=down).names


def test_signers_and_validity(world: World) -> None:
    """An approval that ended, a signer who is on no list, and nobody's list at all."""
    world.train()
    decision = world.approve("1", by="Ada")
    others = Reviewers(names={k: n for k, n in world.reviewers.names.items() if n != "Ada"})
    assert checked(world, now=decision.expires_at - timedelta(seconds=1)).ok
    assert checked(world, now=decision.expires_at).names == {"approval_expired"}
    assert checked(world, reviewers=others).names == {"signer_not_reviewer"}
    assert checked(world, reviewers=None).names == {"reviewers_missing"}
    world.train()
    world.approve("2", by="Grace")
    found = checked(world, reviewers=others)
    assert found.ok
    assert any("may no more" in note for note in found.notes)


def test_half_an_approval_agrees_and_counts_for_nothing(world: World) -> None:
    """Where two must sign, one signature is a state of its own, and so is each signature of the two."""
    two = replace(world.reviewers, approvals_needed=2)
    world.train()
    world.approve("1", by="Ada", reviewers=two)
    assert (checked(world, reviewers=two).mismatches, world.published()) == ((), "")
    world.approve("1", by="Grace", reviewers=two)
    assert checked(world, reviewers=two).mismatches == ()
    alone = replace(two, names={k: n for k, n in world.reviewers.names.items() if n != "Ada"})
    assert checked(world, reviewers=alone).names == {"signer_not_reviewer"}
    assert checked(world, reviewers=replace(two, approvals_needed=3)).names == {"approvals_too_few"}
    barred = replace(two, roles={k: frozenset({"reject"}) for k, n in world.reviewers.names.items() if n == "Grace"})
    assert checked(world, reviewers=barred).names == {"signer_not_reviewer"}


def test_what_was_not_written_back_yet_is_read_too(world: World) -> None:
    """A journal whose last writer died keeps its end in a log beside it, which is read and left there."""
    world.train()
    path = world.folder / "records.db"
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT count(*) FROM journal").fetchone()  # whoever reads keeps the log from being written back
        world.reject("1")
        assert path.with_name("records.db-wal").stat().st_size > 0
        found = checked(world)
        assert (found.mismatches, found.checked["signed statements"]) == ((), 2)


@pytest.mark.prove
def test_postgresql_is_looked_at_and_not_written(postgresql: str) -> None:
    """Through the same door, in a session that may not write."""
    with Records.open(postgresql) as records, records.transaction() as transaction:
        transaction.append("note.made", {})
    looking = Records.look(postgresql)
    assert [row.kind for row in looking.stored()] == ["note.made"]
    with pytest.raises(Exception, match="read-only"), looking.transaction() as transaction:
        transaction.append("note.made", {})


def test_overrides_are_told(world: World) -> None:
    """What was approved although a rule did not pass is no mismatch, and not silent."""
    world.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    world.approve("1", overrides={"ndcg_by_age": "too few people"})
    notes = checked(world).notes
    assert any("ndcg_by_age (fail): too few people" in note for note in notes)


FIGURES_OF = {
    "params": {"epsilon": 5.0, "delta": 1e-6},
    "metrics": {"ndcg@10": 0.21},
    "tags": {"noise": "system", "verdict.ndcg_by_age": "pass"},
}


def debit(world: World, *, epsilon: float = 5.0) -> None:
    """A training pays."""
    multiplier = 1 / mu_at(epsilon, 1e-6)
    slack = SamplerSlack.none()
    event = GaussianEvent(name="gram", partitions=("training",), noise_multiplier=multiplier, slack=slack)
    ledger = BudgetLedger(world.records)
    ledger.declare(BudgetLimit(epsilon=100.0, delta=1e-6))
    ledger.debit("a run", (event,))


def train_with_figures(world: World) -> Candidate:
    """A candidate whose figures are journalled; nothing was paid for it here."""
    documents = DOCUMENTS | {FIGURES: figures_document(**FIGURES_OF)}  # type: ignore[arg-type]
    candidate, digest = world.log(documents=documents, **FIGURES_OF)
    record_candidate(
        world.records,
        candidate=candidate,
        manifest_digest=digest,
        document_digests={name: hashlib.sha256(each.encode()).hexdigest() for name, each in documents.items()},
        verdicts={"ndcg_by_age": "pass"},
        noise="system",
        trainer=world.trainer,
    )
    return candidate


def test_figures_and_tags_are_compared_with_the_document(world: World) -> None:
    """Where the figures of the training are journalled, any changed, added or removed one is named."""
    debit(world)
    candidate = train_with_figures(world)
    assert checked(world).mismatches == ()
    client = world.registry._client
    client.log_metric(candidate.run_id, "ndcg_at_10", 0.22)
    client.log_metric(candidate.run_id, "charm", 1.0)
    client.log_param(candidate.run_id, "epsilon_claimed", 0.01)
    client.set_tag(candidate.run_id, "verdict.more", "pass")
    client.set_tag(candidate.run_id, "fairness", "passed by an auditor")
    client.set_tag(candidate.run_id, "mlflow.note.content", "a reader's remark")
    client.set_terminated(candidate.run_id, "FAILED")
    client.set_logged_model_tags(candidate.model_id, {"audited": "yes"})
    client.set_model_version_tag(world.model, "1", "noise", "none")
    client.set_model_version_tag(world.model, "1", "verdict", "all pass")
    found = {(m.name, m.what.split(" shows ")[0].split(" has ")[0]) for m in checked(world).mismatches}
    assert found == {
        ("figure_differs", "the run"),
        ("figure_added", "the run"),
        ("run_differs", "the run"),
        ("tag_added", "the run"),
        ("tag_differs", "the run"),
        ("tag_added", "the logged model"),
        ("tag_differs", "the version"),
        ("tag_added", "the version"),
    }
    assert sum(m.name == "figure_added" for m in checked(world).mismatches) == 2


@pytest.mark.parametrize(
    ("debits", "trainings", "missing"),
    [([5.0], 1, 0), ([], 1, 1), ([3.0], 1, 1), ([9.0, 5.0], 1, 0), ([5.0], 2, 1), ([5.0, 5.0], 2, 0)],
)
def test_what_a_training_claims_was_paid(world: World, debits: list[float], trainings: int, missing: int) -> None:
    """Each candidate has a debit of its own before it, of the epsilon in its figures; one made afterwards is none."""
    for epsilon in debits:
        debit(world, epsilon=epsilon)
    for _ in range(trainings):
        train_with_figures(world)
    debit(world)
    found = checked(world)
    assert sum(m.name == "debit_missing" for m in found.mismatches) == missing
    assert found.names <= {"debit_missing"}


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_who_and_when_are_those_who_signed(world: World, decision: str) -> None:
    """The journal's own name and time of a decision are not signed: the reviewers' file and the payload tell."""
    world.train()
    made = world.approve("1") if decision == "approve" else world.reject("1")
    book = replay(world.records.entries("model."))
    for change, name in (({"name": "Eve"}, "name_differs"), ({"time": made.time - timedelta(days=1)}, "time_differs")):
        findings = Findings()
        changed = replace(book, decisions=(replace(made, **change),))
        check_decisions(changed, world.model, world.reviewers, world.records.now(), findings)
        assert [each.name for each in findings.mismatches] == [name]


def test_who_decided_is_still_on_the_page(world: World) -> None:
    """A tag that is gone is a mismatch like one that was changed."""
    world.train()
    world.approve("1")
    for name in ("decided_by", "decided_at", "approval_id"):
        world.registry._client.delete_model_version_tag(world.model, "1", name)
    found = [m.what.split(":")[0] for m in checked(world).mismatches]
    assert found == [f"the version has the tag {name}" for name in ("decided_by", "decided_at", "approval_id")]


def test_an_approval_holds_no_longer_than_the_file_says(world: World) -> None:
    """Where approvals are to hold for fewer days by now, one given before ends earlier, as it does for services."""
    world.train()
    decision = world.approve("1")
    shorter = replace(world.reviewers, approval_valid_days=30)
    end = decision.time + timedelta(days=30)
    assert checked(world, reviewers=shorter, now=end - timedelta(minutes=1)).ok
    assert checked(world, reviewers=shorter, now=end + timedelta(minutes=1)).names == {"approval_expired"}


@pytest.mark.parametrize("decision", ["rejected", "retired"])
def test_the_end_of_a_version_is_a_reviewers(world: World, decision: str) -> None:
    """A stranger ends a version that is not champion: a mismatch, until a reviewer decides about it anew."""
    for version in ("1", "2"):
        world.train()
        world.approve(version)
    stated = dict(world.records.entries("model.approved")[0].body["payload"])
    ended = {"decision": decision, "sequence": 3, "overrides": {}, "expires_at": world.records.now().isoformat()}
    world.write(f"model.{decision}", stated | ended | {"approved_at": ""}, new_key(), name="Ada")
    assert {(m.name, m.version) for m in checked(world).mismatches} >= {("signer_not_reviewer", "1")}
    world.approve("1")
    found = checked(world)
    assert found.mismatches == ()
    assert any(f"({decision}) is signed by a key that may not" in note for note in found.notes)


def test_a_rejection_that_is_passed_over_is_told(world: World) -> None:
    """A reviewer who can write to the records approves what another rejected, and says that this does not count."""
    world.train()
    rejected = world.reject("1", by="Ada")
    assert any("no champion" in note for note in checked(world).notes)
    now = world.records.now()
    stated = dict(rejected.document.payload) | {"decision": "approved", "sequence": 2, "approved_at": now.isoformat()}
    stated |= {"expires_at": (now + timedelta(days=9)).isoformat(), "not_counted": [rejected.id]}
    world.write("model.approved", stated, load_private(world.key("Grace")), name="Grace")
    assert "rejection_ignored" in checked(world).names


NOTED = "registered_model_meta"


def test_what_is_served_agrees_still(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow notes beside a model which version it served: that alone, with that name and number, is no mismatch."""
    import mlflow.pyfunc

    world.train()
    world.approve("1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.registry.uri)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(world.reviewers_file()))
    mlflow.pyfunc.load_model(f"models:/{world.model}@champion")
    noted = world.registry.artifact_folder(world.model, "1").parents[1] / NOTED
    assert noted.is_file()
    assert checked(world).mismatches == ()
    for text in ("model_name: other\nmodel_version: 1\n", noted.read_text() + "config: 1\n", "[", "- 1", ""):
        noted.write_text(text)
        assert checked(world).names == {"environment_altered"}


@pytest.mark.parametrize(
    "how", ["a pipe", *(pytest.param(how, marks=pytest.mark.prove) for how in ("a link", "grown"))]
)
def test_no_file_stops_it(world: World, how: str) -> None:
    """A pipe that nobody writes to, a link to what never ends, a file of 256 GB: each is named, and none is read."""
    place = world.train()
    world.approve("1")
    artifact = world.registry.artifact_folder(world.model, "1")
    run = Path(world.registry._client.get_run(place.run_id).info.artifact_uri.removeprefix("file://"))
    files = {
        artifact / "base.npy": "array_altered",
        artifact / "approval.json": "approval_altered",
        artifact / "manifest.json": "manifest_altered",
        artifact.parents[1] / "requirements.txt": "environment_altered",
        artifact.parents[1] / NOTED: "environment_altered",
        artifact.parents[1] / "MLmodel": "mlmodel_altered",
        run / "report.html": "document_altered",
    }
    for path, name in files.items():
        before = path.read_bytes() if path.exists() else None
        _exchange(path, how)
        assert name in checked(world).names, path.name
        path.unlink()
        if before is not None:
            path.write_bytes(before)
    assert checked(world).ok


def _exchange(path: Path, how: str) -> None:
    if how == "grown":
        path.touch()
        os.truncate(path, 2**38)
        return
    path.unlink(missing_ok=True)
    os.mkfifo(path) if how == "a pipe" else path.symlink_to("/dev/zero")


def test_mlflow_installs_the_mlflow_that_wrote_it(world: World) -> None:
    """An older one, with faults that are known by now, is no requirement of a model."""
    world.train()
    path = world.registry.artifact_folder(world.model, "1").parents[1] / "requirements.txt"
    path.write_text("mlflow==1.0\ntactful[registry]\n")
    assert checked(world).names == {"environment_altered"}


def test_a_model_that_nobody_knows_is_not_found(world: World) -> None:
    """There is nothing to compare: that is no mismatch."""
    with pytest.raises(NotFoundError):
        checked(world)


def test_names_are_those_that_are_documented() -> None:
    """A mismatch without a documented name is a bug, not a finding."""
    with pytest.raises(KeyError):
        Findings().add("something", "is wrong")
    assert all(name == name.lower() and text for name, text in NAMES.items())
