"""`tactful consent replay`: a training is retraced from the journal and the two clocks, and what differs is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tactful.assurance.candidates import record_candidate
from tactful.assurance.model_book import Candidate
from tactful.cli import main
from tactful.desk import retracing
from tactful.errors import NotFoundError
from tactful.records.reads import note_read, noted_reads
from tactful.records.store import Records
from world import user_id

Called = tuple[int, dict[str, Any], str]
Tactful = Callable[..., Called]


@pytest.fixture
def tactful(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line inside the known world: exit code, JSON object, standard error."""

    def call(*arguments: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["tactful", *arguments, "--json"])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        lines = told.out.strip().splitlines()
        return int(stopped.value.code or 0), json.loads(lines[-1]) if lines else {}, told.err

    return call


def noted(digest: str, as_of: str, now: str) -> None:
    """The journal notes a training that admitted these rows."""
    rules = {"retention_days": 330, "sensitive": {"health": {"category": ["HEALTH"]}}, "retention": {}}
    note_read(
        Records.open(), "training", purpose="personalization.training", run="run-1", model="shop", as_of=as_of, now=now,
        admitted_digest=digest, config_sha256="", sources={}, **rules,
    )  # fmt: skip


def said(workspace: Path, user: str, state: str, event: datetime, recorded: datetime) -> None:
    """One more line in the file of consents."""
    path = workspace / "consents.csv"
    rows = pd.read_csv(path, dtype=str)
    times = {"event_time": event.isoformat(), "recorded_time": recorded.isoformat()}
    line = {"user_id": user, "purpose": "personalization.training", "state": state, **times}
    pd.concat([rows, pd.DataFrame([line])]).to_csv(path, index=False)


def test_what_a_past_time_admitted_stays_and_now_does_not(tactful: Tactful, workspace: Path) -> None:
    """Withdrawals and events that are recorded later leave a past time's digest and counts as they were."""
    past, now = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    code, before, _ = tactful("consent", "replay", "shop.toml", "--as-of", past.isoformat())
    assert (code, before["agrees"], before["trainings"]) == (0, None, [])
    assert before["read"] == before["admitted"] + sum(before["excluded"].values())
    said(workspace, user_id(7), "withdrawn", now, now)
    said(workspace, user_id(8), "refused", now - timedelta(days=100), now - timedelta(days=1))
    assert tactful("consent", "replay", "shop.toml", "--as-of", past.isoformat())[1] == before
    _, after, _ = tactful("consent", "replay", "shop.toml", "--as-of", now.isoformat())
    assert after["admitted"] < before["admitted"]
    assert after["digest"] != before["digest"]
    assert [read.what for read in noted_reads(Records.open())] == ["replay"] * 3


@pytest.mark.prove
def test_a_training_is_retraced_or_said_why_not(tactful: Tactful, workspace: Path) -> None:
    """It agrees after a later withdrawal; where a row is gone it exits 3 and says what may be why."""
    from tactful import train

    outcome = train("shop.toml")
    assert outcome.counts is not None
    (read,) = noted_reads(Records.open(), "training")
    run, now = str(read.facts["run"]), datetime.now(UTC)
    imported = workspace / "more.csv"
    line = {"user_id": user_id(7), "purpose": "personalization", "state": "withdrawn", "event_time": now.isoformat()}
    pd.DataFrame([line]).to_csv(imported, index=False)
    assert tactful("consent", "import", str(imported))[0] == 0
    code, found, _ = tactful("consent", "replay", "shop.toml", "--run", run[:8])
    assert (code, found["agrees"], found["run"], found["because"]) == (0, True, run, [])
    assert (found["admitted"], found["excluded"]) == (outcome.counts.admitted, dict(outcome.counts.excluded))
    assert [each["run"] for each in found["trainings"]] == [run]

    rows = pd.read_parquet(workspace / "interactions.parquet")
    rows[rows["user_id"] != user_id(9)].to_parquet(workspace / "interactions.parquet")
    code, found, told = tactful("consent", "replay", "shop.toml", "--run", run)
    assert (code, found["agrees"], found["trainings"]) == (3, False, [])
    assert found["because"]
    assert "admitted other rows" in told
    assert user_id(9) not in told


def test_only_causes_that_apply_are_listed(tactful: Tactful) -> None:
    """Consents that came into the store since are no other tables; where somebody was erased, that is what is told."""
    from tactful import train

    assert train("shop.toml").status == "candidate"
    (read,) = noted_reads(Records.open(), "training")
    assert tactful("consent", "give", user_id(8), "--purpose", "personalization")[0] == 0
    assert tactful("consent", "replay", "shop.toml", "--run", "shop@1")[1]["agrees"]
    used = next(u for u in map(user_id, range(9, 60)) if tactful("subject", "impact", u)[1]["models"])
    assert tactful("subject", "erase", used)[0] == 0
    _, retraced, _ = tactful("consent", "replay", "shop.toml", "--run", str(read.facts["run"]))
    assert not retraced["agrees"]
    assert ["1 person was erased since" in each for each in retraced["because"]] == [True]


def test_trainings_with_the_same_rows_are_named(tactful: Tactful, workspace: Path) -> None:
    """A replay of a time finds a training of that digest; once rows are gone, the training is told to differ."""
    past = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    _, found, _ = tactful("consent", "replay", "shop.toml", "--as-of", past)
    noted(found["digest"], past, past)
    code, again, told = tactful("consent", "replay", "shop.toml", "--as-of", past)
    assert (code, [each["run"] for each in again["trainings"]]) == (0, ["run-1"])
    assert "the same rows: training run-1 of shop" in told
    candidate = Candidate(model="shop", version="7", run_id="abcdef01", model_id="m-1")
    facts = {"manifest_digest": "0" * 64, "document_digests": {}, "verdicts": {}, "noise": "system"}
    record_candidate(Records.open(), candidate=candidate, **facts, trainer=None, run="run-1")
    reads, linked = noted_reads(Records.open(), "training"), retracing._candidates(Records.open())
    assert [retracing._found(reads, name, linked) for name in ("run-1", "abcdef")] == reads * 2
    with pytest.raises(NotFoundError):
        retracing._found(reads, "shop@70", linked)
    code, retraced, _ = tactful("consent", "replay", "shop.toml", "--run", "shop@7")
    assert (code, retraced["agrees"], retraced["digest"]) == (0, True, found["digest"])
    rows = pd.read_parquet(workspace / "interactions.parquet")
    early = datetime.fromisoformat(past) - timedelta(days=60)
    code, found, told = tactful("consent", "replay", "shop.toml", "--as-of", early.isoformat())
    later = int((pd.to_datetime(rows["timestamp"], utc=True) > early).sum())
    assert (code, found["later"], found["excluded"]["malformed"] >= later > 0) == (0, later, True)
    assert f"later than that time: {later:,}" in told
    assert f"{found['excluded']['malformed']:,} malformed" not in told

    rows[rows["user_id"] != user_id(9)].to_parquet(workspace / "interactions.parquet")
    code, retraced, told = tactful("consent", "replay", "shop.toml", "--run", "run-1")
    assert (code, retraced["agrees"], retraced["trainings"]) == (3, False, [])
    assert "rows of the interactions" in retraced["because"][-1]
    assert "admitted other rows" in told
    assert user_id(9) not in told


MISTAKES = [
    (["--as-of", "soon"], "ISO 8601"),
    (["--as-of", "2999-01-01"], "past time"),
    ([], "of a past time or of a training"),
    (["--as-of", "2026-01-01", "--run", "x"], "of a past time or of a training"),
    (["--run", "x", "--known-at", "2026-01-01"], "of a past time or of a training"),
    (["--run", "nothing-like-it"], "notes one training"),
    (["--run", ""], "notes one training"),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES)
def test_a_mistake_is_refused(tactful: Tactful, arguments: list[str], named: str) -> None:
    """One line that says what must hold, exit 2."""
    code, _, told = tactful("consent", "replay", "shop.toml", *arguments)
    assert code == 2
    assert named in told
