"""A run whose config names DPALS: it costs, releases, documents and serves as any other."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

import tactful
from tactful.assurance.approval import approve
from tactful.assurance.registry import Registry
from tactful.assurance.verification import verify
from tactful.config import TrainingConfig
from tactful.errors import ConfigError
from tactful.planning import Planned
from tactful.privacy.alternating_plan import STEPS
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.trust import Reviewers

OF_STEPS = {f"{part}-{step}" for step in range(1, STEPS + 1) for part in ("gram", "rhs")}


def chosen(config: Path, method: str = "dpals") -> Path:
    """The config with this method."""
    text = config.read_text()
    assert text.count('name = "shop"') == 1
    config.write_text(text.replace('name = "shop"', f'name = "shop"\nmethod = "{method}"'))
    return config


def test_a_run_by_dpals_ends_in_a_candidate_that_serves_after_approval(workspace: Path) -> None:
    """The ledger has its releases and no table of pairs, at exactly its ε; documents say so, and which columns of the
    catalogue helped; even people are told mostly even items.
    """
    items = pd.read_csv(workspace / "items.csv", dtype=str)
    items.assign(shelf=["left", "right"] * (len(items) // 2)).to_csv(workspace / "items.csv", index=False)
    found = tactful.train(chosen(workspace / "shop.toml"), key=workspace / "trainer.key")
    assert found.status == "candidate", found.reason

    status = BudgetLedger(Records.open()).status().as_json()
    assert {d["name"] for d in status["debits"]} == {"consent", "people", "popularity", "evaluation"} | OF_STEPS
    assert {d["state"] for d in status["debits"]} == {"released"}
    assert 20 * (1 - 1e-3) < status["spent"]["training"] <= 20

    (file,), (card,) = workspace.rglob("privacy_statement.yaml"), workspace.rglob("model_card.md")
    statement = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert {r["name"] for r in statement["tactful"]["releases"]} >= OF_STEPS
    assert "6 steps of private alternating least squares" in statement["deployment"]["implementation"]["justification"]
    assert statement["tactful"]["public_inputs"]["item_features"] == ["shelf"]
    assert "6 steps of private alternating least squares" in card.read_text(encoding="utf-8")
    assert "public features: shelf" in card.read_text(encoding="utf-8")
    assert "item pairs" not in file.read_text(encoding="utf-8") + card.read_text(encoding="utf-8")

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
    assert verify(Records.open(), "shop", reviewers=Reviewers.load()).mismatches == ()
    answer = Recommender.load("models:/shop@champion").recommend(["item-00", "item-02", "item-04"], 5, profiling=True)
    assert answer.personalised
    assert sum(int(item.item_id[-2:]) % 2 == 0 for item in answer.items) >= 3


def test_a_dry_run_prices_it(workspace: Path) -> None:
    """At the ε of the config, and nothing is written; the same price as by the default, for other releases."""
    default = tactful.train(workspace / "shop.toml", dry_run=True)
    found = tactful.train(chosen(workspace / "shop.toml"), dry_run=True)
    assert found.status == "dry run"
    assert found.price["requested"] == pytest.approx(default.price["requested"], rel=1e-3)
    assert Records.open().entries() == []
    assert json.dumps(found.as_json())


def test_the_default_is_the_table_of_pairs(workspace: Path) -> None:
    """A config that says nothing is not planned by steps; one that says ``tactful`` is the same."""
    silent = Planned.of(TrainingConfig.load(workspace / "shop.toml"))
    named = Planned.of(TrainingConfig.load(chosen(workspace / "shop.toml", "tactful")))
    assert silent.plan == named.plan
    assert silent.plan.has("gram")
    assert not any(silent.plan.has(name) for name in OF_STEPS)


def test_a_method_that_nobody_knows_is_an_error(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="dpals"):
        TrainingConfig.load(chosen(workspace / "shop.toml", "svd"))
