"""Against a real `mlflow server`: train, approve, load, verify, retire, go back; while it is away, and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_server import Server
from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.assurance.verification import Verification, verify
from tactful.errors import ModelRefusedError, NotFoundError, UsageError
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.seen import PROCESS
from tactful.scoring.trust import Reviewers
from tactful.training import train

pytestmark = pytest.mark.prove

CHAMPION = "models:/shop@champion"


@pytest.fixture
def server(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with an empty store that has its tables, and an environment that names it."""
    folder = tmp_path / "server"
    folder.mkdir()
    (workspace / "mlflow.db").rename(folder / "mlflow.db")
    config = workspace / "shop.toml"
    config.write_text(config.read_text().replace("epsilon = 20.0", "epsilon = 8.0"))
    with Server(folder) as made:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        monkeypatch.setenv("TACTFUL_SEEN_FILE", str(workspace / "seen.json"))
        monkeypatch.setattr(PROCESS, "_seen", {})
        yield made


def trained(workspace: Path) -> dict[str, str]:
    """A new candidate, and the reasons for going on with its rules that did not pass."""
    found = train(workspace / "shop.toml", key=workspace / "trainer.key")
    assert found.status == "candidate", found.reason
    return {rule: "only a test" for rule, verdict in found.verdicts.items() if verdict != "pass"}


def approve(workspace: Path, version: str, overrides: dict[str, str]) -> approval.Decision:
    """The reviewer approves a version."""
    return approval.approve(
        Records.open(),
        Registry(),
        "shop",
        version,
        key=workspace / "reviewer.key",
        reason="looked at the report",
        overrides=overrides,
        reviewers=Reviewers.load(),
    )


def end(workspace: Path, version: str) -> approval.Decision:
    """The reviewer retires a version."""
    return approval.retire(
        Records.open(),
        Registry(),
        "shop",
        version,
        key=workspace / "reviewer.key",
        reason="not needed",
        reviewers=Reviewers.load(),
    )


def checked() -> Verification:
    """What a stranger finds."""
    return verify(Records.look(), "shop", reviewers=Reviewers.load())


def served() -> str:
    """The version that answers, or why none does."""
    try:
        model = Recommender.load(CHAMPION)
    except (ModelRefusedError, NotFoundError) as error:
        return type(error).__name__
    return model.recommend(["item-00", "item-02"], 3, profiling=True).version


def test_a_working_day(server: Server, workspace: Path) -> None:
    """Decisions of every kind, shown, verified and served as decided, naming nobody; then one byte is changed."""
    first = trained(workspace)
    approve(workspace, "1", first)
    assert (checked().mismatches, served()) == ((), "1")
    second = trained(workspace)
    assert "## Against the champion" in Registry().documents("shop", "2")["model_card.md"]
    approve(workspace, "2", second)
    assert (checked().mismatches, served()) == ((), "2")
    end(workspace, "2")
    assert (checked().mismatches, served()) == ((), "NotFoundError")
    back = approval.rollback(
        Records.open(),
        Registry(),
        "shop",
        key=workspace / "reviewer.key",
        reason="the newer one is withdrawn",
        overrides=first,
        reviewers=Reviewers.load(),
    )
    assert back.version == "1"
    assert (checked().mismatches, served()) == ((), "1")
    held = [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
    assert len(held) > 20
    assert not any(b"CANARY-" in raw for raw in held)
    (array,) = (server.folder / "artifacts").glob(f"**/{Registry().version('shop', '1').loads}/**/encoder.npy")
    array.write_bytes(array.read_bytes()[:-1] + b"\x7f")
    assert (checked().names, served()) == ({"array_altered"}, "ModelRefusedError")


def test_while_it_is_away_nothing_is_half_decided(
    server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away before: nothing is decided. Away in the middle: the decision stands, and the same command finishes it."""
    overrides = trained(workspace)
    server.stop()
    with pytest.raises(UsageError, match="Nothing was decided"):
        approve(workspace, "1", overrides)
    assert Records.open().entries("model.approved") == []
    found = checked()
    assert found.names == {"mlflow_unreachable"}
    assert found.checked["signed statements"] == 1
    server.start()
    show = Registry.publish_approval

    def cut(self: Registry, *arguments: object) -> None:
        server.stop()
        show(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "publish_approval", cut)
        with pytest.raises(UsageError, match="The decision stands"):
            approve(workspace, "1", overrides)
    server.start()
    assert checked().names == {"approval_missing", "status_differs", "tag_differs", "alias_missing"}
    assert served() == "NotFoundError"
    assert approve(workspace, "1", overrides).resumed
    assert (checked().mismatches, served()) == ((), "1")
    assert len(Records.open().entries("model.approved")) == 1
