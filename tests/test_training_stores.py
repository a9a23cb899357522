"""A training on tactful's own stores: what they hold counts, and the journal says what was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import world
from tactful.cli import consenting, keeping, subject
from tactful.cli.application import app
from tactful.errors import NotFoundError
from tactful.records.reads import noted_reads
from tactful.records.store import Records
from tactful.training import train

ADDS_COMMANDS = (consenting, keeping, subject)
PURPOSE = "personalization.training"


def run(*words: object) -> None:
    """A command that ends with 0."""
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0


def twice(config: Path) -> Path:
    """The config with a budget for two runs."""
    text = config.read_text().replace("epsilon = 60.0", "epsilon = 30.0").replace("epsilon = 20.0", "epsilon = 10.0")
    config.write_text(text)
    return config


def without(config: Path, *names: str) -> Path:
    """A config whose [data] does not name these tables, beside the other one."""
    lines = config.read_text().splitlines()
    made = config.with_name("own.toml")
    made.write_text("\n".join(line for line in lines if not line.startswith(tuple(f"{name} =" for name in names))))
    return made


def test_the_same_rows_are_admitted_from_files_and_from_tactfuls_own_stores(workspace: Path) -> None:
    """The consent store for the file of consents, the vault for the tables: one digest of the admitted rows."""
    config = twice(workspace / "shop.toml")
    train(config)
    run("consent", "import", workspace / "consents.csv")
    run("ingest", config)
    found = train(without(config, "interactions", "consents", "attributes"))
    assert found.status == "candidate", found.reason
    assert found.verdicts.keys() == found.explanations.keys() == {"ndcg_by_age"}
    assert all("at least 50%" in why and "does not compare" not in why for why in found.explanations.values())
    assert found.counts is not None
    assert found.counts.admitted == found.counts.read
    by_file, by_store = noted_reads(Records.open(), "training")
    assert by_file.facts["admitted_digest"] == by_store.facts["admitted_digest"]
    assert by_file.facts["config_sha256"] != by_store.facts["config_sha256"]


def test_a_withdrawal_and_an_erasure_leave_the_next_training(workspace: Path) -> None:
    """Whatever the file of consents goes on to say; both reasons are counted, and nobody is named."""
    config = twice(workspace / "shop.toml")
    before = train(config).counts
    run("consent", "withdraw", world.user_id(10), "--purpose", PURPOSE)
    run("subject", "erase", world.user_id(11))
    again = train(config)
    assert again.status == "candidate", again.reason
    after = again.counts
    assert before is not None
    assert after is not None
    assert after.read == before.read
    assert after.excluded["withdrawn"] > before.excluded["withdrawn"]
    assert after.excluded["erased"] > before.excluded["erased"]
    gained = sum(after.excluded[reason] - before.excluded[reason] for reason in ("withdrawn", "erased"))
    assert before.admitted - after.admitted == gained


def test_a_training_without_anybodys_word_is_refused_before_it_reads(workspace: Path) -> None:
    """No file of consents and an empty store: nothing was debited, and no reading is noted."""
    with pytest.raises(NotFoundError, match="consent import"):
        train(without(workspace / "shop.toml", "consents"))
    assert Records.open().entries() == []


def test_where_trainers_are_declared_others_do_not_train(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that somebody has is theirs alone."""
    public = (workspace / "reviewers.toml").read_text().partition('public_key = "')[2].partition('"')[0]
    (workspace / "actors.toml").write_text(f'[[actor]]\nname = "Ada"\npublic_key = "{public}"\nroles = ["trainer"]\n')
    monkeypatch.setenv("TACTFUL_ACTORS", str(workspace / "actors.toml"))
    refused = train(workspace / "shop.toml", key=workspace / "trainer.key")
    assert (refused.status, refused.counts) == ("refused", None)
    assert "trainer" in refused.reason
    assert train(workspace / "shop.toml", key=workspace / "reviewer.key").status == "candidate"
