"""`tactful recommend` answers from a folder, and takes lists of items as the Python call does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scoring_world import publish
from tactful.cli.application import app
from tactful.scoring import recommender
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import new_key, public_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that a trusted reviewer approved today."""
    key, now = new_key(), datetime.now(UTC)
    reviewers = tmp_path / "reviewers.toml"
    reviewers.write_text(f'[[reviewer]]\nname = "Ada"\npublic_key = "{public_text(key)}"\n')
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(reviewers))
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    times = {"approved_at": now.isoformat(), "expires_at": (now + timedelta(days=9)).isoformat()}
    return publish(tmp_path / "model", key, None, **times)


def ask(folder: Path, *options: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    result = CliRunner().invoke(app, ["recommend", str(folder), "--history", "100, 102", "--json", *options])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--profiling", "-n", "2"], ["104", "101"]),
        (["--profiling", "--allow", "103, 105,x", "--deny", "105"], ["103"]),
        (["--profiling", "--deny", "104", "-n", "1"], ["101"]),
        (["--profiling", "--allow", ""], []),
        (["--no-profiling", "--allow", "100,106,101", "--deny", "101"], ["100"]),
    ],
)
def test_lists_of_items(folder: Path, options: list[str], expected: list[str]) -> None:
    """Only what is allowed and not denied; an empty list allows nothing, and no list opens a sensitive category."""
    answer = ask(folder, *options)
    assert [item["item_id"] for item in answer["items"]] == expected
    assert answer["version"] == "3"
