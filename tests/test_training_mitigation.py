"""A whole run with mitigation switched on: consent opens it, documents tell it, the artifact holds no attribute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tactful.assurance.registry import Registry
from tactful.config import TrainingConfig
from tactful.errors import ConfigError
from tactful.outcome import TrainingOutcome
from tactful.personal.attributes import Demographics
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring.artifact import read_artifact
from tactful.training import train

WEIGHTS = """
[fairness.mitigation]
method = "weights"
attribute = "age"
shares = { young = 3, old = 1 }
"""
FAVOUR = """
[fairness.mitigation]
method = "favour"
attribute = "age"
shares = { young = 3, old = 1 }
favour = "old"
"""
EXPOSURE = """
[fairness.exposure]
column = "category"
targets = { TOYS = 0.9 }
cost = 0.5
"""


def configured(workspace: Path, section: str) -> Path:
    """The world's config with one more section, and everybody's consent to mitigation."""
    consents = pd.read_csv(workspace / "consents.csv", dtype=str)
    agreed = consents.drop_duplicates("user_id").assign(purpose="fairness.mitigation", state="given", valid_until=None)
    pd.concat([consents, agreed]).to_csv(workspace / "consents.csv", index=False)
    config = workspace / "shop.toml"
    config.write_text(config.read_text() + section)
    return config


def artifact(found: TrainingOutcome) -> dict[str, np.ndarray]:
    """The arrays that would serve."""
    return dict(read_artifact(Registry().artifact_folder("shop", str(found.version))).arrays)


def report(found: TrainingOutcome) -> str:
    """The page that a reviewer reads."""
    return Registry().documents("shop", str(found.version))["report.html"]


def test_row_weights_are_told_and_cost_no_more(workspace: Path) -> None:
    """The run stays within its ε; the report says what each group counts."""
    found = train(configured(workspace, WEIGHTS))
    assert found.status == "candidate"
    assert BudgetLedger(Records.open()).status().as_json()["spent"]["training"] <= 20
    assert "Training people count by their age: “young” 0.50, “old” 1.00" in report(found)


def test_only_people_who_agreed_to_mitigation_are_looked_at(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consent to be assessed does not open an attribute to weigh somebody by it."""
    seen: list[np.ndarray] = []
    ask = Demographics.training_groups

    def listening(self: Demographics, *args: object, **named: object) -> np.ndarray:
        seen.append(ask(self, *args, **named))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(Demographics, "training_groups", listening)
    config = workspace / "shop.toml"
    config.write_text(config.read_text() + WEIGHTS)
    assert train(config).status == "candidate"
    assert (seen[0] == -1).all()


def test_a_favoured_group_moves_lists_and_leaves_no_attribute(workspace: Path) -> None:
    """The artifact gains one number an item, the same for everybody."""
    found = train(configured(workspace, FAVOUR))
    arrays = artifact(found)
    assert found.status == "candidate"
    assert arrays["bonus"].shape == arrays["popularity"].shape
    assert arrays["bonus"].min() >= 0
    assert "moved toward what “old” of age uses more" in report(found)


def test_items_that_are_seen_too_little_are_lifted(workspace: Path) -> None:
    """Items of the named group gain, others do not; nobody's attribute is needed for that."""
    items = pd.read_csv(workspace / "items.csv", dtype=str)
    items.loc[20:38, "category"] = "TOYS"
    items.to_csv(workspace / "items.csv", index=False)
    found = train(configured(workspace, EXPOSURE))
    toys = items.sort_values("item_id")["category"].eq("TOYS").to_numpy()
    bonus = artifact(found)["bonus"]
    assert bonus[toys].max() > 0
    assert bonus[~toys].max() == 0


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (WEIGHTS.replace("old = 1", "older = 1"), "older"),
        (FAVOUR.replace('favour = "old"', ""), "favour"),
        (FAVOUR + EXPOSURE, "one bonus"),
        (EXPOSURE.replace("TOYS", "CARS"), "CARS"),
        (EXPOSURE.replace('"category"', '"maker"'), "maker"),
        (WEIGHTS.replace('method = "weights"', 'method = "weights"\nweights = { young = 1.5, old = 1 }'), "weights"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_paid(section: str, says: str, workspace: Path) -> None:
    """One line that names it, and an empty ledger."""
    with pytest.raises(ConfigError, match=says):
        train(configured(workspace, section))
    assert not BudgetLedger(Records.open()).status().as_json()["debits"]


def test_alternating_least_squares_has_no_mitigation(workspace: Path) -> None:
    """It would forget weights, so it says so."""
    config = configured(workspace, WEIGHTS)
    config.write_text(config.read_text().replace('name = "shop"', 'name = "shop"\nmethod = "dpals"', 1))
    with pytest.raises(ConfigError, match="method tactful"):
        TrainingConfig.load(config)
