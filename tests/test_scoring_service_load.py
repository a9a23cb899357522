"""A real server under load while a reviewer approves: no request is lost, and every answer names who may answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assurance_registry_world import World, empty_store
from scoring_service import conforms, post, running
from tactful.assurance.registry import Registry

pytestmark = pytest.mark.prove

CLIENTS, SECONDS, EVERY = 8, 30.0, 1.0
GRACE = 10.0  # seconds from an approval until the last worker must have seen it, on a machine that is busy
CANARY = "canary-4711"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One approved version, and one that waits."""
    store = tmp_path / "store"
    store.mkdir()
    made = World.make(tmp_path, Registry(f"sqlite:///{shutil.move(empty_store(store), tmp_path / 'mlflow.db')}"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.registry.uri)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(made.reviewers_file()))
    made.train()
    made.train()
    made.approve("1")
    return made


def serve(world: World, workers: int = 2) -> list[str]:
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{world.model}@champion"]
    return [*command, "--env-manager", "local", "-w", str(workers)]


def load(port: int, during: Callable[[], Any]) -> tuple[dict[str, list[Any]], Any]:
    """What all clients got together, and what was done in the middle."""
    script = Path(__file__).with_name("scoring_clients.py")
    clients = [
        subprocess.Popen(
            [sys.executable, str(script), str(port), str(SECONDS), str(seed)], stdout=subprocess.PIPE, text=True
        )
        for seed in range(CLIENTS)
    ]
    time.sleep(SECONDS / 2)
    done = during()
    found = [json.loads(client.communicate(timeout=120)[0]) for client in clients]
    return {name: [each for client in found for each in client[name]] for name in found[0]}, done


def test_a_champion_is_exchanged_under_load_without_a_lost_request(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    """30 s, 8 client processes, 2 workers, a tenth of the bodies wrong, a real approval in the middle: every good body
    is answered, every wrong one refused; no answer by the new version before its approval, and none by the old one
    after the grace."""
    follow = {"TACTFUL_FOLLOW": f"models:/{world.model}@champion", "TACTFUL_FOLLOW_EVERY": str(EVERY)}
    first = world.registry.version(world.model, "1")
    assert first.champion

    def approve() -> tuple[float, float, str]:
        begun = time.time()
        decision = world.approve("2", by="Grace")
        return begun, time.time(), decision.id

    with running(serve(world), world.folder, "/ping", **follow) as port:
        found, (begun, ended, approval) = load(port, approve)
    assert found["errors"] == []
    assert set(found["refusals"]) == {400, 415}
    answers = found["answers"]
    assert {version for *_, version, _ in answers} == {"1", "2"}
    assert len({(version, by) for *_, version, by in answers}) == 2
    assert {by for *_, version, by in answers if version == "2"} == {approval}
    early = [answered for _, answered, version, _ in answers if version == "2" and answered < begun]
    late = [asked - ended for asked, _, version, _ in answers if version == "1" and asked > ended]
    assert early == []
    assert max(late, default=0.0) < GRACE
    assert sum(asked > ended + GRACE for asked, *_ in answers) > 0
    waits = 1000 * np.array([answered - asked for asked, answered, *_ in answers])
    record_property(
        "evidence",
        f"{len(answers)} bodies answered, {len(found['refusals'])} wrong ones refused in {SECONDS:.0f} s by 2 workers "
        f"to {CLIENTS} clients without a pause, p50 {np.median(waits):.0f} ms, p99 {np.quantile(waits, 0.99):.0f} ms; "
        f"looking every {EVERY:.0f} s, the old version answered for {max(late, default=0.0):.1f} s after "
        "the new one's approval",
    )
    assert CANARY not in (world.folder / "server.log").read_text()


def test_a_server_tells_what_is_wrong_and_its_log_holds_nothing_of_it(world: World) -> None:
    """Over the socket: the answers conform to the schema, a wrong body gets 400, and no body is ever logged. Without
    following, the version it was started with answers until a restart."""
    with running(serve(world, workers=1), world.folder, "/ping") as port:
        status, answer = post(port, {"dataframe_records": [{"history": ["100"], "profiling": True, "because": True}]})
        assert status == 200
        conforms(answer, "response")
        long = [{"history": [CANARY] * 100_000, "profiling": True}]
        assert post(port, {"dataframe_records": long})[0] == 200
        for row in ({"history": [CANARY]}, {"history": [CANARY], "profiling": "no"}, {"history": CANARY, CANARY: 1}):
            status, raw = post(port, {"dataframe_records": [row]})
            assert status == 400
            conforms(json.loads(raw), "error")
            assert CANARY.encode() not in raw
        assert post(port, f'{{"{CANARY}"'.encode())[0] == 400
        assert post(port, {CANARY: 1})[0] == 400
        assert post(port, b"{}", "application/xml")[0] == 415
        deep = f'["{CANARY}",'.encode() + b"[" * 100_000
        assert post(port, deep)[0] == 500  # MLflow's reading of JSON gives up; it is the one body it has no answer to
        world.approve("2", by="Grace")
        (still,) = post(port, {"dataframe_records": [{"history": [], "profiling": False}]})[1]["predictions"]
        assert still["version"] == "1"
    assert CANARY not in (world.folder / "server.log").read_text()
