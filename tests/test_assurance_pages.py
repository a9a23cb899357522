"""The pages of MLflow that a reviewer uses, in a real browser: what a decision needs to know stands on them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from assurance_registry_world import World, empty_store
from scoring_service import running
from tactful.assurance.registry import Registry

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One version that was approved although a rule failed, then rejected; and one that is champion."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TACTFUL_SEEN_FILE", str(folder / "seen.json"))
        made = World.make(folder, Registry(f"sqlite:///{empty_store(folder)}"))
        made.train(verdicts={"ndcg_by_age": "fail"})
        made.train()
        made.approve("1", reason="the first that works", overrides={"ndcg_by_age": "the group is small"})
        made.reject("1", by="Grace", reason="serves one group worse")
        made.approve("2", reason="fit for its purpose")
        yield made


@pytest.fixture(scope="module")
def page(world: World) -> Iterator[Callable[[str], tuple[str, str]]]:
    """What a browser makes of a path of MLflow's: the document, and what the browser logged meanwhile."""
    browser = shutil.which("chromium")
    assert browser, "this test needs Chromium; .ci/run installs it"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", world.registry.uri]
    with running([*command, "--host", "127.0.0.1", "--workers", "1"], world.folder, "/health") as port:

        def show(path: str) -> tuple[str, str]:
            quiet = ("quic", "gpu", "background-networking", "component-update", "sync", "default-apps", "extensions")
            flags = [
                *("--headless", "--no-sandbox", "--no-first-run", f"--user-data-dir={world.folder / 'profile'}"),
                *(f"--disable-{part}" for part in quiet),
                *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--enable-logging=stderr"),
                *("--virtual-time-budget=20000", "--window-size=1400,1600", "--dump-dom"),
            ]
            address = f"http://127.0.0.1:{port}/#/{path}"
            done = subprocess.run([browser, *flags, address], capture_output=True, text=True, timeout=120, check=True)
            return re.sub(r"<[^>]*>", " ", done.stdout), done.stderr

        yield show


def test_the_page_of_a_model_says_which_version_is_champion(
    world: World, page: Callable[[str], tuple[str, str]]
) -> None:
    """Status and signer of every version, the alias, and how services ask."""
    said, _ = page(f"models/{world.model}")
    for text in ("champion", "rejected", "approved", "Grace", "Ada", "dataframe_records", "tactful verify"):
        assert text in said, text


def test_the_page_of_a_version_says_who_when_and_why(world: World, page: Callable[[str], tuple[str, str]]) -> None:
    """Of the last decision and of those before it."""
    said, _ = page(f"models/{world.model}/versions/1")
    for text in ("Rejected by Grace on 20", "serves one group worse", "approved by Ada", "the first that works"):
        assert text in said, text
    said, _ = page(f"models/{world.model}/versions/2")
    for text in ("Approved by Ada on 20", "Reason: fit for its purpose", "Approval id", "Outputs"):
        assert text in said, text


def test_the_page_of_a_run_leads_to_what_it_made(world: World, page: Callable[[str], tuple[str, str]]) -> None:
    """Figures and verdicts, and the documents: the card rendered, the report in its frame."""
    run = world.registry.version(world.model, "2").run_id
    experiment = world.registry._client.get_run(run).info.experiment_id
    said, _ = page(f"experiments/{experiment}/runs/{run}")
    for text in ("ndcg_at_10", "verdict.ndcg_by_age", "report.html", "epsilon"):
        assert text in said, text
    said, _ = page(f"experiments/{experiment}/runs/{run}/artifacts/model_card.md")
    assert re.search(r"\sCard\s", said)
    said, _ = page(f"experiments/{experiment}/runs/{run}/artifacts/report.html")
    for text in ("privacy_statement.yaml", "consent_manifest.yaml", "config.toml"):
        assert text in said, text
