"""What lies in MLflow after a candidate was logged, and that nothing half-written does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assurance_registry_world import DOCUMENTS, World, empty_store
from scoring_service import post, running
from tactful.assurance.pages import version_text
from tactful.assurance.registry import Registry
from tactful.assurance.registry_folder import LOADER
from tactful.errors import ApprovalRefusedError, MissingExtraError, ModelRefusedError, NotFoundError, UsageError
from tactful.scoring import Recommender


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def world(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    shutil.copy(template, tmp_path / "mlflow.db")
    made = World.make(tmp_path, Registry(f"sqlite:///{tmp_path / 'mlflow.db'}"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.registry.uri)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(made.reviewers_file()))
    return made


def client(world: World) -> Any:
    return world.registry._client


def test_a_candidate_is_one_finished_run_one_ready_model_and_one_version(world: World) -> None:
    """Figures, documents, artifact and version lie where a reviewer looks, and agree."""
    candidate, _ = world.log()
    run = client(world).get_run(candidate.run_id)
    logged = client(world).get_logged_model(candidate.model_id)
    version = client(world).get_model_version(world.model, "1")
    assert run.info.status == "FINISHED"
    assert str(logged.status) == "READY"
    assert run.data.metrics == {"ndcg_at_10": 0.21, "people": 1200.5}
    assert {metric.key for metric in logged.metrics} == set(run.data.metrics)
    assert run.data.params == {"epsilon": "5.0", "delta": "1e-06"}
    assert version.tags == {
        "status": "candidate",
        "noise": "system",
        "verdict.ndcg_by_age": "pass",
        "model_id": candidate.model_id,
    }
    assert version.run_id == candidate.run_id
    assert [output.model_id for output in run.outputs.model_outputs] == [candidate.model_id]
    assert world.registry.documents(world.model, "1") == DOCUMENTS


def test_the_model_folder_holds_no_pickle_no_code_and_no_history(world: World) -> None:
    """tactful's loader, the artifact, a requirement that is not guessed; no example of an input."""
    world.log()
    root = world.registry.artifact_folder(world.model, "1").parents[1]
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {name for name in names if "/" not in name} == {
        "MLmodel",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
    }
    assert all(name.endswith((".npy", "manifest.json")) for name in names if "/" in name)
    assert f"loader_module: {LOADER}" in (root / "MLmodel").read_text()
    assert "tactful[registry]" in (root / "requirements.txt").read_text()


def test_mlflow_learns_nothing_of_the_machine(world: World) -> None:
    """No automatic tag with a user's name, a commit or a source file; what is written is what was passed, and where to
    look."""
    candidate, _ = world.log()
    tags = client(world).get_run(candidate.run_id).data.tags
    assert set(tags) == {"noise", "verdict.ndcg_by_age", "mlflow.runName", "mlflow.note.content"}
    assert "`report.html`" in tags["mlflow.note.content"]


def test_a_refused_run_is_shown_and_not_registered(world: World) -> None:
    """`register=False` leaves a run with everything in it and no version."""
    candidate, _ = world.log(register=False)
    assert candidate.version is None
    assert client(world).get_run(candidate.run_id).info.status == "FINISHED"
    assert world.registry.models() == []


@pytest.mark.parametrize(
    "step", ["log_batch", "log_text", "log_outputs", "log_model_artifacts", "create_model_version"]
)
def test_a_failure_on_the_way_registers_nothing(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever step fails, the run and the logged model are marked failed and no model is there to approve."""

    def fail(*args: object, **kwargs: object) -> None:
        raise ConnectionError("MLflow went away")

    with monkeypatch.context() as broken:
        broken.setattr(client(world), step, fail)
        with pytest.raises(ConnectionError):
            world.log()
    experiment = client(world).get_experiment_by_name(world.model).experiment_id
    (run,) = client(world).search_runs([experiment])
    (logged,) = client(world).search_logged_models([experiment])
    assert (run.info.status, str(logged.status)) == ("FAILED", "FAILED")
    assert world.registry.models() == []
    assert world.log()[0].version == "1"


def test_a_failure_of_the_second_version_leaves_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidying up after a failure never touches what was there before."""

    def fail(*args: object, **kwargs: object) -> None:
        raise ConnectionError("MLflow went away")

    world.log()
    with monkeypatch.context() as broken:
        broken.setattr(client(world), "create_model_version", fail)
        with pytest.raises(ConnectionError):
            world.log()
    assert [each.version for each in world.registry.versions(world.model)] == ["1"]


def test_versions_aliases_and_names_are_told(world: World) -> None:
    """Versions in order of their number, the alias on exactly one, and unknown names not found."""
    for _ in range(2):
        world.log()
    registry = world.registry
    assert registry.champion(world.model) is None
    registry.set_champion(world.model, "2")
    registry.set_status(world.model, "2", "approved")
    told = [(each.version, each.status, each.champion) for each in registry.versions(world.model)]
    assert told == [("1", "candidate", False), ("2", "approved", True)]
    registry.clear_champion(world.model, "1")
    assert registry.champion(world.model) == "2"
    registry.clear_champion(world.model, "2")
    assert registry.champion(world.model) is None
    assert registry.models() == [world.model]
    for ask in (registry.versions, registry.champion, lambda name: registry.version(name, "1")):
        with pytest.raises(NotFoundError):
            ask("nobody")
    with pytest.raises(NotFoundError):
        registry.version(world.model, "9")
    with pytest.raises(UsageError):
        registry.version(world.model, "first")


def test_the_page_of_a_version_says_who_decided_what_when_and_why(world: World) -> None:
    """Tags for lists and filters, a description for reading; each later decision is added, none is lost."""
    world.train(verdicts={"ndcg_by_age": "fail"})
    page = client(world).get_model_version(world.model, "1")
    assert page.description.startswith("Candidate: nobody decided about it yet.")
    assert "`dataframe_records`" in client(world).get_registered_model(world.model).description
    words = {"ndcg_by_age": "the group is small"}
    approval = world.approve(reason="fit for its *purpose*,\n# <b>and</b> [more](http://x)", overrides=words)
    page = client(world).get_model_version(world.model, "1")
    assert page.tags["decided_by"] == "Ada"
    assert page.tags["decided_at"] == approval.time.isoformat(timespec="seconds")
    assert page.tags["decision_reason"] == "fit for its *purpose*, # <b>and</b> [more](http://x)"
    assert page.tags["approval_id"] == approval.id
    assert page.tags["status"] == "approved"
    assert page.description.startswith(f"Approved by Ada on {approval.time:%Y-%m-%d %H:%M} UTC, until ")
    assert r"Reason: fit for its \*purpose\*, \# \<b\>and\</b\> \[more\]\(http://x\)" in page.description
    assert r"Although ndcg\_by\_age did not pass: the group is small" in page.description
    assert f"`{approval.id}`" in page.description
    world.reject(by="Grace", reason="serves one group worse")
    page = client(world).get_model_version(world.model, "1")
    assert (page.tags["status"], page.tags["decided_by"]) == ("rejected", "Grace")
    assert not {"approval_id", "approval_expires_at"} & set(page.tags)
    assert page.description.startswith("Rejected by Grace on ")
    (before,) = [line for line in page.description.splitlines() if line.startswith("- ")]
    assert before.startswith(f"- {approval.time:%Y-%m-%d %H:%M} UTC, approved by Ada: fit for its")
    assert before.endswith(r"although ndcg\_by\_age did not pass: the group is small")
    document = replace(approval.document, payload=approval.document.payload | {"approvals_needed": 2, "rollback": True})
    half = replace(approval, document=document)
    assert "UTC, half approved (a rollback) by Ada: fit" in version_text("approved", [half, approval])


def test_mlflow_shows_what_comes_out_and_converts_nothing_that_goes_in(world: World) -> None:
    """A signature of outputs alone: with one of inputs MLflow takes the text "no" for a yes to profiling."""
    import mlflow.pyfunc

    world.train()
    world.approve()
    model = mlflow.pyfunc.load_model(f"models:/{world.model}@champion")
    assert model.metadata.signature.inputs is None
    (answer,) = model.predict([{"history": ["100"], "profiling": True, "because": True}])
    assert {column.name for column in model.metadata.signature.outputs} == set(answer)
    with pytest.raises(UsageError, match="profiling is True or False"):
        model.predict([{"history": ["100"], "profiling": "no"}])


def test_names_and_figures_that_mlflow_cannot_take_are_the_callers_mistake(world: World) -> None:
    """What MLflow refuses comes back as a usage error, and nothing is registered."""
    for changes in ({"model": "a/b"}, {"metrics": {"what?": 1.0}}, {"params": {"what?": 1.0}}):
        with pytest.raises(UsageError):
            world.log(**changes)
    assert world.registry.models() == []


@pytest.mark.parametrize("uri", ["nonsense://store", "sqlite:////proc/nowhere/mlflow.db"])
def test_a_store_that_cannot_be_opened_is_a_usage_error(uri: str) -> None:
    """One line, not a traceback of mlflow's."""
    with pytest.raises(UsageError):
        Registry(uri)


def test_without_mlflow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base install says what to install."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[train\]"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_the_registry_is_asked_at_its_own_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address given is used throughout, whatever the environment says, and the process keeps its own settings."""
    elsewhere = f"sqlite:///{world.folder / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
    world.train()
    world.approve()
    assert not (world.folder / "elsewhere.db").exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == elsewhere
    assert world.registry.documents(world.model, "1") == DOCUMENTS


def test_mlflow_loads_the_champion_and_refuses_a_candidate(world: World) -> None:
    """`mlflow.pyfunc.load_model` goes through the same checks as `Recommender.load`, and answers alike."""
    import mlflow.pyfunc
    import pandas as pd

    world.train()
    with pytest.raises(Exception, match="approved"):
        mlflow.pyfunc.load_model(f"models:/{world.model}/1")
    world.approve()
    model = mlflow.pyfunc.load_model(f"models:/{world.model}@champion")
    answers = model.predict(pd.DataFrame({"history": [["100", "102"], ["101"]], "profiling": [True, False]}))
    recommender = Recommender.load(f"models:/{world.model}@champion")
    expected = recommender.recommend(["100", "102"], profiling=True).as_json()
    assert answers[0] == {**expected, "approval_id": recommender.approval_id}
    assert not answers[1]["personalised"]
    with pytest.raises(Exception, match="profiling"):
        model.predict(pd.DataFrame({"history": [["100"]]}))


def test_mlflow_serves_no_model_under_the_name_of_another(world: World) -> None:
    """Files that were approved under one name and version are refused where MLflow registers them as another."""
    import mlflow.pyfunc

    world.train()
    world.approve()
    source = str(world.registry.artifact_folder(world.model, "1").parents[1])
    client(world).create_registered_model("grocery")
    for name, version in (("grocery", "1"), (world.model, "2")):
        client(world).create_model_version(name, source=source)
        with pytest.raises(Exception, match="signature is of another model"):
            mlflow.pyfunc.load_model(f"models:/{name}/{version}")
    assert mlflow.pyfunc.load_model(f"models:/{world.model}/1").predict([{"history": [], "profiling": False}])


def test_a_service_that_follows_the_alias_goes_by_what_people_decided(world: World) -> None:
    """A new champion answers; an alias that vanished or points at a candidate, and a store that is gone, change nothing
    and are told; a rejection of what answers ends it although the alias is gone then; the next approval begins anew."""
    for _ in range(3):
        world.train()
    world.approve("1")
    with Recommender.follow(f"models:/{world.model}@champion", every=3600.0) as follower:
        world.approve("2")
        assert follower.check().version == "2"
        client(world).delete_registered_model_alias(world.model, "champion")
        health = follower.check()
        assert (health.version, health.serving) == ("2", True)
        assert "must be registered" in str(health.newer)
        client(world).set_registered_model_alias(world.model, "champion", "3")
        assert "approved by a reviewer" in str(follower.check().newer)
        file = world.folder / "mlflow.db"
        file.rename(world.folder / "away.db")
        health = follower.check()
        assert (health.version, health.serving) == ("2", True)
        assert "mlflow.db is none" in str(health.newer)
        (world.folder / "away.db").rename(file)
        world.registry.set_champion(world.model, "2")
        assert follower.check().newer is None
        world.reject("2")
        assert world.registry.champion(world.model) is None
        health = follower.check()
        assert health.stopped == f"{world.model} version 2 was rejected by a reviewer"
        with pytest.raises(ModelRefusedError, match="rejected"):
            follower.recommend(["100"], profiling=True)
        world.approve("1", by="Grace")
        assert follower.check().serving
        assert follower.recommend(["100"], profiling=True).version == "1"


def test_an_artifact_is_logged_under_its_models_name(world: World) -> None:
    """Its folder's name is what a model loaded through MLflow is compared with."""
    with pytest.raises(UsageError, match="name of its model"):
        world.log(model="another")
    assert world.registry.models() == []


def test_a_default_store_lies_under_models(tmp_path: Path) -> None:
    """Without an address: models/mlflow.db and models/mlartifacts of the working folder; quiet on standard output."""
    code = (
        "from tactful.assurance.registry import Registry; r = Registry();"
        "from tactful.assurance.registry_writing import CandidateWriter;"
        "print(r.models()); print(r._client.get_experiment_by_name('x'));"
        "CandidateWriter(r._client, r.uri).experiment('x');"
        "print(r._client.get_experiment_by_name('x').artifact_location)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "None", (tmp_path / "models" / "mlartifacts").as_uri()]
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.prove
def test_mlflow_models_serve_answers_over_http(world: World) -> None:
    """`mlflow models serve` serves the champion, and answers an error to whoever does not say `profiling`."""
    world.train()
    world.approve()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{world.model}@champion"]
    with running([*command, "--env-manager", "local", "-w", "1"], world.folder, "/ping") as port:
        status, answer = post(port, {"dataframe_records": [{"history": ["100", "102"], "profiling": True, "n": 1}]})
        assert status == 200
        assert [item["item_id"] for item in answer["predictions"][0]["items"]] == ["104"]
        assert post(port, {"dataframe_records": [{"history": ["100"]}]})[0] == 400


@pytest.mark.prove
def test_the_whole_path_works_through_an_mlflow_server(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over HTTP, where artifacts go through the server: log, approve, load, and refuse a document that was changed."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", world.registry.uri]
    place = ["--artifacts-destination", str(world.folder / "remote"), "--host", "127.0.0.1", "--workers", "1"]
    with running([*command, *place], world.folder, "/health") as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.chdir(world.folder)
        (world.folder / "models").mkdir()  # where what was seen is kept: a remote store has no folder here
        world.registry = Registry()
        world.train()
        candidate = world.train()
        world.approve("1")
        answer = Recommender.load(f"models:/{world.model}@champion").recommend(["100", "102"], n=1, profiling=True)
        assert [item.item_id for item in answer.items] == ["104"]
        with Recommender.follow(f"models:/{world.model}@champion", every=3600.0) as follower:
            world.train()
            world.approve("3")
            assert follower.check().version == "3"
            client(world).delete_registered_model_alias(world.model, "champion")
            assert follower.check().serving
            world.reject("3")
            assert not follower.check().serving
        client(world).log_text(candidate.run_id, "all is well", "report.html")
        with pytest.raises(ApprovalRefusedError, match=r"report\.html"):
            world.approve("2")
        world.reject("1")
        with pytest.raises(ModelRefusedError):
            Recommender.load(f"models:/{world.model}/1")
        assert world.registry.champion(world.model) is None
        assert set(json.loads(Path("models/seen.json").read_text())) >= {world.model}
    assert capsys.readouterr().out == ""
