"""Filling, looking at, purging and rotating by command: exit codes, JSON, what is said, and what is left undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from cli_calls import Tactful, called_for_json
from tactful.personal.keys import Keys
from tactful.records.store import Records
from tactful.scoring.signing import load_private, public_text
from world import settings, user_id, write_world


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tables of twenty-one people, and an environment that keeps everything in it."""
    write_world(tmp_path, people=21)
    for name in ("ACTOR_KEY", "ACTORS", "SECRET_COMMAND", "STORAGE_KEY_OLDER", "PSEUDONYM_KEY", "STORAGE_KEY"):
        monkeypatch.delenv(f"TACTFUL_{name}", raising=False)
    for name, value in settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TACTFUL_VAULT", str(tmp_path / "vault"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tactful(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line with ``--json``; the object is the last line of standard output, and the only one."""

    return partial(called_for_json, monkeypatch, capsys)


def test_what_is_held_follows_what_people_say(shop: Path, tactful: Tactful) -> None:
    """Ingest, look, withdraw, purge without naming a config: the journal knows whose consents count."""
    brought = tactful("ingest", "shop.toml", "--key", "trainer.key")
    public = public_text(load_private(shop / "trainer.key"))
    assert {entry.actor for entry in Records.open().entries(("vault.", "data.read"))} == {public}
    assert brought.code == 0
    assert brought.json["read"] == brought.json["admitted"] + sum(brought.json["excluded"].values())
    assert brought.json["added"] == brought.json["admitted"] > 0
    held = tactful("vault", "show")
    assert held.json["rows"] == brought.json["added"]
    assert {"user_id", "timestamp"}.isdisjoint(column["column"] for column in held.json["columns"])
    consents = pd.read_csv("consents.csv", dtype=str)
    gone = {"user_id": user_id(10), "purpose": "personalization", "state": "withdrawn"}
    pd.concat([consents, pd.DataFrame([gone | {"event_time": datetime.now(UTC).isoformat()}])]).to_csv(
        "consents.csv", index=False
    )
    time = datetime.now(UTC).isoformat()
    dry = tactful("purge", "--as-of", time, "--dry-run").json
    done = tactful("purge", "--as-of", time)
    assert done.code == 0
    assert set(done.json["deleted"]) == {"withdrawn"}
    assert dry["deleted"] == done.json["deleted"]
    assert done.json["read"] == done.json["kept"] + done.json["deleted"]["withdrawn"] == brought.json["added"]
    assert done.json["verified"] is True
    assert done.json["read"] > done.json["kept"] > 0
    assert tactful("vault", "verify").json["rows"] > 0
    kinds = [entry.kind for entry in Records.open().entries(("vault.", "data.read"))]
    assert kinds.count("vault.ingested") == kinds.count("vault.purged") == 1
    assert kinds.count("data.read") == 4


@pytest.mark.prove
def test_retention_by_a_config_of_its_own(shop: Path, tactful: Tactful) -> None:
    """A shorter retention deletes what is older, at the time given; a future time is refused."""
    tactful("ingest", "shop.toml")
    (shop / "short.toml").write_text((shop / "shop.toml").read_text().replace("= 330", "= 100"))
    past = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    first = tactful("purge", "--config", "short.toml", "--as-of", past).json
    second = tactful("purge", "--config", "short.toml").json
    assert set(first["deleted"]) == set(second["deleted"]) == {"retention_expired"}
    report = tactful("vault", "show").json
    assert {each["retention_days"] for each in report["categories"]} == {100}
    assert datetime.fromisoformat(report["oldest"]) >= datetime.now(UTC) - timedelta(days=100)
    ahead = tactful("purge", "--as-of", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert (ahead.code, ahead.json) == (2, None)
    assert tactful("purge", "--as-of", "yesterday").code == 2


def test_where_there_is_no_vault_nothing_is_made(shop: Path, tactful: Tactful) -> None:
    """A purge says that nothing is held; to look at nothing is an error; mistakes leave nothing behind."""
    found = tactful("purge", "--as-of", "2026-01-01T00:00:00Z")
    assert (found.code, found.json["read"], found.json["deleted"]) == (0, 0, {})
    assert tactful("vault", "show").code == 2
    assert tactful("ingest", "shop.toml", "--interactions", "missing.parquet").code == 2
    (shop / "none.toml").write_text(
        "\n".join(line for line in (shop / "shop.toml").read_text().split("\n") if not line.startswith("interactions"))
    )
    assert "--interactions" in tactful("ingest", "none.toml").err
    assert not (shop / "vault").exists()


@pytest.mark.prove
def test_a_vault_that_is_not_found_is_not_taken_for_none(
    shop: Path, tactful: Tactful, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key is made or forgotten, nothing is purged and no second vault is begun before it is found, or given up."""
    brought, place = tactful("ingest", "shop.toml").json["added"], str(shop / "vault")
    monkeypatch.setenv("TACTFUL_VAULT", str(shop / "elsewhere"))
    before = (shop / "secrets.toml").read_bytes()
    for command in (("keys", "rotate"), ("keys", "rotate", "--drop-older"), ("purge",), ("ingest", "shop.toml")):
        refused = tactful(*command)
        assert (refused.code, refused.json) == (2, None)
        assert "TACTFUL_VAULT" in refused.err
    assert (shop / "secrets.toml").read_bytes() == before
    assert not (shop / "elsewhere").exists()
    monkeypatch.setenv("TACTFUL_VAULT", place)
    assert tactful("vault", "show").json["rows"] == brought
    (shop / "vault").rename(shop / "lost")
    assert tactful("ingest", "shop.toml", "--new-vault").json["added"] == brought
    assert tactful("vault", "verify").json["ok"]


@pytest.mark.prove
def test_keys_are_rotated_and_former_ones_dropped(shop: Path, tactful: Tactful) -> None:
    """The rows are there before and after; an interrupted rotation is finished, not begun anew."""
    brought = tactful("ingest", "shop.toml").json["added"]
    first = Keys.load()
    Keys.rotate_storage("secrets.toml")  # and then the power failed
    finished = tactful("keys", "rotate").json
    assert finished["finished"] is True
    assert finished["storage_key"] == Keys.load().fingerprints()["storage"]
    assert finished["files"] > 0
    rotated = tactful("keys", "rotate").json
    assert rotated["finished"] is False
    assert rotated["storage_key"] != finished["storage_key"]
    assert tactful("keys", "rotate", "--drop-older").json["dropped"] == 2
    assert Keys.load().storage_older == ()
    assert tactful("vault", "show").json["rows"] == brought
    assert Keys.load().storage != first.storage


def test_keys_from_elsewhere_are_not_changed(shop: Path, tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do there is said."""
    monkeypatch.setenv("TACTFUL_SECRET_COMMAND", f"cat {shop}/secrets.toml")
    monkeypatch.delenv("TACTFUL_SECRET_FILE")
    before = (shop / "secrets.toml").read_bytes()
    for option in ((), ("--drop-older",)):
        refused = tactful("keys", "rotate", *option)
        assert refused.code == 2
        assert "storage_older" in refused.err
    assert (shop / "secrets.toml").read_bytes() == before


@pytest.mark.prove
def test_a_damaged_vault_exits_with_3(shop: Path, tactful: Tactful) -> None:
    """And names the file."""
    tactful("ingest", "shop.toml")
    next((shop / "vault").glob("interactions-*")).unlink()
    found = tactful("vault", "verify")
    assert (found.code, found.json["ok"], len(found.json["problems"])) == (3, False, 1)


def test_only_the_officer_may(shop: Path, tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once somebody has the role, nobody else fills, purges, looks or rotates, and nothing is made."""
    public = public_text(load_private(shop / "trainer.key"))
    (shop / "actors.toml").write_text(f'[[actor]]\nname = "Ada"\npublic_key = "{public}"\nroles = ["officer"]\n')
    monkeypatch.setenv("TACTFUL_ACTORS", str(shop / "actors.toml"))
    before = (shop / "secrets.toml").read_bytes()
    for command in (("ingest", "shop.toml"), ("purge",), ("vault", "show"), ("keys", "rotate")):
        assert tactful(*command).code == 3
        assert tactful(*command, "--key", "stranger.key").code == 3
    assert (shop / "secrets.toml").read_bytes() == before
    assert not (shop / "vault").exists()
    assert tactful("purge", "--key", "trainer.key").code == 0
