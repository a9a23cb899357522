"""Approving, rejecting, retiring, rolling back and looking, by command: exit codes, JSON, and what is said."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from assurance_registry_world import PASSES, World, empty_store
from cli_calls import Tactful, called_for_json
from tactful.assurance.registry import Registry


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store, to be copied."""
    return empty_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def world(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two candidates, and an environment in which commands find them."""
    shutil.copy(store, tmp_path / "mlflow.db")
    made = World.make(tmp_path, Registry(f"sqlite:///{tmp_path / 'mlflow.db'}"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.registry.uri)
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{tmp_path / 'records.db'}")
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(made.reviewers_file()))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    made.train()
    made.train(verdicts=PASSES | {"ndcg_by_age": "fail"})
    return made


@pytest.fixture
def tactful(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line with ``--json``; the object is the last line of standard output, and the only one."""

    return partial(called_for_json, monkeypatch, capsys)


def by(name: str, why: str = "said so") -> tuple[str, ...]:
    """The options of whoever decides."""
    return "--key", f"{name}.pem", "--reason", why


def test_a_champions_life(world: World, tactful: Tactful) -> None:
    """Approve, approve the next with an override, roll back, retire, and see all of it told."""
    model = world.model
    first = tactful("approve", model, "1", *by("Ada"))
    assert (first.code, first.json["status"], first.json["missing"]) == (0, "approved", 0)
    second = tactful("approve", model, "2", *by("Grace"), "--override", "ndcg_by_age=known since version 1")
    assert second.json["overrides"] == {"ndcg_by_age": "known since version 1"}
    back = tactful("rollback", model, *by("Ada", "repeats itself"))
    assert (back.json["version"], back.json["rollback"], back.json["status"]) == ("1", True, "approved")
    assert "version 1 is champion until" in back.err
    gone = tactful("retire", model, "1", *by("Grace", "too old"))
    assert (gone.code, gone.json["status"], gone.json["expires_at"]) == (0, "retired", None)
    found = tactful("models", model)
    (told,) = found.json["models"]
    assert [turn["version"] for turn in told["champions"]] == ["1", "2", "1", None]
    assert [turn["approval_id"] for turn in told["champions"]] == [
        each.json["approval_id"] for each in (first, second, back, gone)
    ]
    assert told["mlflow_unavailable"] is None
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC to \d{4}-\d\d-\d\d \d\d:\d\d UTC  version 1", found.err)
    for words in (
        "rollback by Ada: repeats itself",
        "retired by Grace: too old",
        "ndcg_by_age overridden: known since version 1",
    ):
        assert words in found.err
    assert (
        tactful("rollback", model, *by("Ada"), "--override", "ndcg_by_age=known since version 1").json["version"] == "2"
    )


def test_what_is_served_after_a_decision_is_said(world: World, tactful: Tactful) -> None:
    """Whoever rejects or retires is told that nobody is champion now, or who still is."""
    model = world.model
    tactful("approve", model, "1", *by("Ada"))
    other = tactful("reject", model, "2", *by("Ada"))
    assert other.json["champion_now"] == "1"
    assert f"{model} version 1 is champion and goes on serving" in other.err
    ended = tactful("reject", model, "1", *by("Grace"))
    assert ended.json["champion_now"] is None
    assert f"{model} has NO champion now: version 1 was it" in ended.err
    assert "to serve again: tactful rollback" in ended.err


def test_a_way_back_names_where_it_goes(world: World, tactful: Tactful) -> None:
    """Also where it is refused: nobody is told to reject the very version that should serve again."""
    model = world.model
    tactful("approve", model, "2", *by("Ada"), "--override", "ndcg_by_age=known since version 1")
    tactful("approve", model, "1", *by("Ada"))
    refused = tactful("rollback", model, *by("Grace"))
    assert refused.code == 3
    assert "of version 2, to which this goes back, ndcg_by_age: fail" in refused.err
    assert "reject" not in refused.err
    back = tactful("rollback", model, *by("Grace"), "--override", "ndcg_by_age=version 1 was worse still")
    assert f"{model} goes from version 1 to version 2" in back.err


def test_half_approved_is_said(world: World, tactful: Tactful) -> None:
    """The first of two is told that one more must; the list says so until the second did."""
    world.reviewers = replace(world.reviewers, needed_for={world.model: 2})
    world.reviewers_file()
    first = tactful("approve", world.model, "1", *by("Ada"))
    assert (first.code, first.json["status"], first.json["missing"]) == (0, "half approved", 1)
    assert "1 more reviewer must approve it" in first.err
    found = tactful("models")
    assert found.json["models"][0]["versions"][0]["status"] == "half approved"
    assert "half approved, 1 more reviewer must approve it" in found.err
    assert tactful("approve", world.model, "1", *by("Ada")).code == 3
    assert tactful("approve", world.model, "1", *by("Grace")).json["signed_by"] == ["Ada", "Grace"]


def test_refusals_exit_3_and_mistakes_2(world: World, tactful: Tactful) -> None:
    """One line each, that says what must hold, what was given and what to do."""
    for code, arguments in (
        (3, ("rollback", world.model, *by("Ada"))),
        (3, ("retire", world.model, "1", *by("Ada"))),
        (3, ("approve", world.model, "1", *by("Trainer"))),
        (3, ("approve", world.model, "2", *by("Ada"))),
        (2, ("rollback", "nothing", *by("Ada"))),
        (2, ("retire", world.model, "7", *by("Ada"))),
        (2, ("approve", world.model, "1", *by("nobody"))),
        (2, ("models", "nothing")),
    ):
        called = tactful(*arguments)
        assert called.code == code, called.err
        assert len(called.err.strip().splitlines()[-1].split("; ")) > 1
        assert "Traceback" not in called.err


@pytest.mark.parametrize("gone", ["no server", "no store"])
def test_without_mlflow_the_journal_is_told_and_nothing_is_decided(
    world: World, tactful: Tactful, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gone: str
) -> None:
    """A server that does not answer, or a store that is not there: looking works, and says so; deciding exits 2."""
    tactful("approve", world.model, "1", *by("Ada"))
    uri = "http://127.0.0.1:9" if gone == "no server" else f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = tactful("models", world.model)
    assert (found.code, found.json["models"][0]["champion"]["now"]) == (0, "1")
    assert found.json["models"][0]["mlflow_unavailable"]
    assert "MLflow could not be asked" in found.err
    assert not (tmp_path / "elsewhere.db").exists()
    if gone == "no server":
        refused = tactful("reject", world.model, "1", *by("Ada"))
        assert refused.code == 2
        assert "Nothing was decided" in refused.err
        assert world.kinds()[-1] == "model.approved"


def test_without_reviewers_verification_says_what_it_could_not_check(
    world: World, tactful: Tactful, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no mismatch in words, and no success: signatures were not checked, why, and what to do."""
    tactful("approve", world.model, "1", *by("Ada"))
    assert tactful("verify", world.model).code == 0
    monkeypatch.delenv("TACTFUL_TRUSTED_KEYS")
    found = tactful("verify", world.model)
    assert (found.code, found.json["ok"]) == (3, False)
    assert "MISMATCH" not in found.err
    assert "NOT CHECKED: whether a reviewer signed, for no reviewers are known here" in found.err
    assert "--trusted-keys FILE" in found.err
    assert "everything that was compared agrees; signatures were not checked" in found.err


def test_to_verify_what_was_never_trained_is_a_mistake_in_plain_words(world: World, tactful: Tactful) -> None:
    """Neither MLflow's code nor its words: what is known nowhere, and where to look."""
    found = tactful("verify", "nosuch")
    assert found.code == 2
    assert "neither the journal nor MLflow knows nosuch" in found.err
    assert "RESOURCE_DOES_NOT_EXIST" not in found.err
