"""The whole run on a known world: what it admits, releases, refuses and leaves behind."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tactful
from tactful.assurance.approval import approve
from tactful.assurance.registry import Registry
from tactful.errors import ConfigError, ModelRefusedError, NotFoundError, SchemaError, UsageError
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.trust import Reviewers
from tactful.training import train


def edit(config: Path, old: str, new: str) -> Path:
    """The config with one text replaced."""
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return config


def test_a_run_ends_in_a_candidate_that_serves_after_approval(workspace: Path) -> None:
    """From consented rows to an approved model that recommends to even people what even people like."""
    found = tactful.train(workspace / "shop.toml", key=workspace / "trainer.key")
    assert found.status == "candidate"
    assert found.counts is not None
    assert found.counts.admitted + sum(found.counts.excluded.values()) == found.counts.read
    assert all(
        found.counts.excluded[r] > 0 for r in ("refused", "withdrawn", "no_record", "before_grant", "expired", "erased")
    )
    assert found.metrics["lift@20"] > 0
    with pytest.raises(ModelRefusedError):
        Recommender.load(f"models:/shop/{found.version}")

    approve(
        Records.open(),
        Registry(),
        "shop",
        str(found.version),
        key=workspace / "reviewer.key",
        reason="looked at the report",
        overrides={rule: "only a test" for rule, verdict in found.verdicts.items() if verdict != "pass"},
        reviewers=Reviewers.load(),
    )
    answer = Recommender.load("models:/shop@champion").recommend(["item-00", "item-02", "item-04"], 6, profiling=True)
    assert answer.personalised
    assert all(int(item.item_id[-2:]) % 2 == 0 for item in answer.items)


def test_the_same_run_twice_admits_the_same_rows_and_draws_other_noise(workspace: Path) -> None:
    """Consent decides what is read; noise is never drawn again."""
    config = edit(workspace / "shop.toml", "epsilon = 60.0", "epsilon = 30.0")
    edit(config, "epsilon = 20.0", "epsilon = 10.0")
    first, second = (train(config) for _ in range(2))
    assert first.counts == second.counts
    assert first.metrics["ndcg@10"] != second.metrics["ndcg@10"]


def test_a_run_debits_each_partition_exactly_its_epsilon(workspace: Path) -> None:
    """The ledger ends at the run's ε in both partitions, from below."""
    train(workspace / "shop.toml")
    spent = BudgetLedger(Records.open()).status().as_json()["spent"]
    assert 20 * (1 - 1e-3) < spent["training"] <= 20
    assert 20 * (1 - 1e-3) < spent["evaluation"] <= 20


def test_a_dry_run_reads_no_row_and_debits_nothing(workspace: Path) -> None:
    """Pricing is free, and leaves no entry in the journal."""
    found = train(workspace / "shop.toml", dry_run=True)
    assert found.status == "dry run"
    assert found.counts is None
    assert Records.open().entries() == []


def test_a_spent_budget_refuses_before_a_row_is_read(workspace: Path) -> None:
    """The second run does not fit a limit that the first one used up."""
    config = edit(workspace / "shop.toml", "epsilon = 60.0", "epsilon = 21.0")
    assert train(config).status == "candidate"
    again = train(config)
    assert again.status == "refused"
    assert "remains" in again.reason
    assert again.counts is None
    assert Registry().versions("shop")[-1].version == "1"


def test_a_store_that_does_not_answer_costs_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose candidate could be shown nowhere is refused before anything is debited."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UsageError, match="MLflow"):
        train(workspace / "shop.toml")
    assert Records.open().entries("budget.debited") == []


def consent_of(workspace: Path, people: int) -> None:
    """Only so many people who gave everything they were asked for keep their consent events; nobody else has any."""
    events = pd.read_csv(workspace / "consents.csv", dtype=str)
    willing = events.groupby("user_id")["state"].agg(lambda states: set(states) == {"given"})
    kept = willing.index[willing][:people]
    events[events["user_id"].isin(kept)].to_csv(workspace / "consents.csv", index=False)


@pytest.mark.parametrize("consents", [0, 1])
def test_nobody_and_one_person_are_refused_alike(workspace: Path, consents: int) -> None:
    """Whether one person consented shows in the counts of the terminal, and in nothing that a later run publishes.

    The released count refuses both, and the journal has the same entries for both.
    """
    consent_of(workspace, consents)
    found = train(workspace / "shop.toml")
    assert found.status == "refused"
    assert "training people" in found.reason
    assert found.counts is not None
    assert (found.counts.admitted > 0) == (consents > 0)
    assert found.counts.excluded["no_record"] > 0
    kinds = [entry.kind.partition(".")[2] for entry in Records.open().entries(("budget.", "assignment."))]
    assert kinds == ["limit", "pinned", "debited", "opened", "released", "cancelled"]
    debits = BudgetLedger(Records.open()).status().as_json()["debits"]
    assert [debit["name"] for debit in debits if debit["state"] == "released"] == ["people"]


def test_a_run_on_nobody_that_noise_lets_through_ends_like_any_other(workspace: Path) -> None:
    """With a minimum that noise can reach, nothing after it fails because there is nobody."""
    consent_of(workspace, 0)
    config = edit(workspace / "shop.toml", "minimum_people = 100", "minimum_people = 1\nreproducible_seed = 7")
    edit(config, "[privacy]", "[privacy]\npublic_data = true")
    found = train(config)
    assert found.status == "candidate", found.reason


def test_too_few_people_refuse_and_get_back_what_was_not_opened(workspace: Path) -> None:
    """The released count is paid for; the rest of the run's debit is given back."""
    config = edit(workspace / "shop.toml", "minimum_people = 100", "minimum_people = 5000")
    found = train(config)
    assert found.status == "refused"
    assert found.version is None
    assert "5,000 training people" in found.reason
    states = {d["name"]: d["state"] for d in BudgetLedger(Records.open()).status().as_json()["debits"]}
    assert states["people"] == "released"
    assert {states[name] for name in ("popularity", "gram", "evaluation")} == {"cancelled"}
    assert Registry().models() == []


@pytest.mark.parametrize(("key", "value"), [("population_at_most", "2000000"), ("delta", "0.01")])
def test_a_delta_too_large_is_refused(workspace: Path, key: str, value: str) -> None:
    """δ must be below one over the declared, else the released number of people."""
    edit(workspace / "shop.toml", "epsilon = 20.0", f"epsilon = 20.0\n{key} = {value}")
    found = train(workspace / "shop.toml")
    assert found.status == "refused"
    assert "1 / people" in found.reason


def test_a_seed_needs_public_data_and_records_of_its_own(workspace: Path) -> None:
    """Seeded noise protects nobody, so it may neither pass for a promise nor stand beside one."""
    config = edit(workspace / "shop.toml", "epsilon = 20.0", "epsilon = 20.0\nreproducible_seed = 7")
    with pytest.raises(ConfigError, match="public_data"):
        train(config)
    edit(config, "reproducible_seed = 7", "")
    train(config)
    edit(config, "epsilon = 20.0", "epsilon = 20.0\npublic_data = true\nreproducible_seed = 7")
    with pytest.raises(ConfigError, match="TACTFUL_RECORDS"):
        train(config)


def test_another_purpose_is_no_purpose_of_training(workspace: Path) -> None:
    """Consent to a newsletter trains no model."""
    config = edit(workspace / "shop.toml", 'name = "shop"', 'name = "shop"\npurpose = "newsletter"')
    with pytest.raises(ConfigError, match="purpose"):
        train(config)


def test_noise_from_a_seed_marks_the_run(workspace: Path) -> None:
    """A reproducible run says so in the outcome, and its model carries it."""
    edit(workspace / "shop.toml", "epsilon = 20.0", "epsilon = 20.0\npublic_data = true\nreproducible_seed = 7")
    found = train(workspace / "shop.toml", key=workspace / "trainer.key")
    assert found.noise == "reproducible"


@pytest.mark.parametrize(
    ("old", "new", "error", "names"),
    [
        ("retention_days", "retention_day", ConfigError, "retention_days"),
        ('name = "shop"', "", ConfigError, "name"),
        ("epsilon = 20.0", "epsilon = 0", ConfigError, "epsilon"),
        ("epsilon = 20.0", "epsilon = -1", ConfigError, "epsilon"),
        ("items.csv", "attributes.csv", ConfigError, "never item features"),
        ("items.csv", "nowhere.csv", NotFoundError, "nowhere.csv"),
        ('category = ["HEALTH"]', 'category = ["HEALHT"]', ConfigError, "HEALHT"),
    ],
)
def test_a_wrong_setting_stops_the_run_before_it_costs(
    workspace: Path, old: str, new: str, error: type[UsageError], names: str
) -> None:
    """Misspelt, missing and impossible settings name what is wrong, and nothing is journalled."""
    config = edit(workspace / "shop.toml", old, new)
    with pytest.raises(error, match=names):
        train(config)
    assert Records.open().entries() == []


def test_a_table_of_people_is_no_item_table(workspace: Path) -> None:
    """A copy of the attributes under another name is refused as item features too."""
    (workspace / "other.csv").write_text((workspace / "attributes.csv").read_text())
    config = edit(workspace / "shop.toml", "items.csv", "other.csv")
    with pytest.raises(SchemaError, match="user_id"):
        train(config)


def test_a_time_column_that_is_not_times_stops_and_one_bad_value_does_not(workspace: Path) -> None:
    """Numbers are no times; a single unreadable time is one malformed row."""
    rows = pd.read_parquet(workspace / "interactions.parquet")
    rows.assign(timestamp=np.arange(len(rows))).to_parquet(workspace / "interactions.parquet")
    with pytest.raises(SchemaError, match="timestamp"):
        train(workspace / "shop.toml")
    times = rows["timestamp"].astype(str)
    times.iloc[0] = "soon"
    rows.assign(timestamp=times).to_parquet(workspace / "interactions.parquet")
    found = train(workspace / "shop.toml")
    assert found.counts is not None
    assert found.counts.excluded["malformed"] == 1


def test_a_misspelt_purpose_stops_the_run_before_it_costs(workspace: Path) -> None:
    """It would pay for nobody's consents, or train on who refused under that name."""
    path = workspace / "consents.csv"
    path.write_text(path.read_text().replace("personalization.training", "personalisation.training"))
    with pytest.raises(SchemaError, match="Call it personalization") as stopped:
        train(workspace / "shop.toml")
    assert "consents.csv" in str(stopped.value)
    assert BudgetLedger(Records.open()).status().as_json()["debits"] == []


def test_a_missing_column_names_those_there_are(workspace: Path) -> None:
    """Without timestamps nothing can be judged."""
    pd.read_parquet(workspace / "interactions.parquet").drop(columns="timestamp").to_parquet(
        workspace / "interactions.parquet"
    )
    with pytest.raises(SchemaError, match="timestamp"):
        train(workspace / "shop.toml")


def test_a_failure_after_the_debit_gives_back_what_was_never_opened(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in the middle loses only what was opened; no run is registered."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("tactful.planning.choose_head", broken)
    with pytest.raises(RuntimeError):
        train(workspace / "shop.toml")
    states = {d["name"]: d["state"] for d in BudgetLedger(Records.open()).status().as_json()["debits"]}
    assert states == {
        "consent": "released",
        "people": "released",
        "popularity": "released",
        "gram": "cancelled",
        "evaluation": "cancelled",
    }


def test_what_mlflow_holds_names_no_exact_count(workspace: Path) -> None:
    """The metrics of the run are the released ones."""
    found = train(workspace / "shop.toml")
    with sqlite3.connect(workspace / "mlflow.db") as store:
        logged = dict(store.execute("select key, value from latest_metrics"))
    store.close()
    assert logged["ndcg_at_10"] == pytest.approx(found.metrics["ndcg@10"])
    assert json.dumps(found.as_json())
