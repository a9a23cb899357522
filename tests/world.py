"""A small known world on disk: even people buy even items, odd people odd ones, and everybody's consent is known.

Of every 20 people one refused, one withdrew last month, one has no record, one consented only halfway through the
year and one has an expired consent; the others agreed before their first purchase.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tactful.personal.keys import Keys
from tactful.scoring.signing import load_private, new_key, public_text, write_private

STORIES = {0: "refused", 1: "withdrawn", 2: "no_record", 3: "before_grant", 4: "expired"}

CONFIG = """
[model]
name = "shop"
intended_use = "Suggest items in a test."

[data]
interactions = "{folder}/interactions.parquet"
items = "{folder}/items.csv"
consents = "{folder}/consents.csv"
attributes = "{folder}/attributes.csv"
subjects = "{folder}/subjects.csv"

[policy]
retention_days = 330
sensitive.health = {{ category = ["HEALTH"] }}

[privacy]
epsilon = 20.0
minimum_people = 100
{privacy}

[budget]
epsilon = 60.0

[fairness]
minimum_people = 10
attributes.age = {{ levels = ["young", "old"] }}

[[fairness.rules]]
name = "ndcg_by_age"
attribute = "age"
at_least = 0.5
"""


def user_id(number: int) -> str:
    """The id of a person, recognisable anywhere."""
    return f"CANARY-{number:05d}-person"


def write_world(folder: Path, *, people: int = 900, items: int = 40, privacy: str = "") -> Path:
    """Tables, secrets and signing keys in `folder`, and the path of a config that names them."""
    rng = np.random.default_rng(2026)
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    names = [f"item-{i:02d}" for i in range(items)]
    weights = 1 / np.sqrt(1 + np.arange(items))
    rows, consents = [], []
    for person in range(people):
        taste = weights * np.where(np.arange(items) % 2 == person % 2, 1.0, 0.05)
        chosen = rng.choice(items, size=rng.integers(6, 14), replace=False, p=taste / taste.sum())
        days = np.sort(rng.uniform(20, 300, size=len(chosen)))[::-1]
        rows += [(user_id(person), names[i], now - timedelta(days=float(d))) for i, d in zip(chosen, days, strict=True)]
        consents += _consents(person, now)
    pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_parquet(folder / "interactions.parquet")
    categories = ["HEALTH" if i == items - 1 else "FOOD" for i in range(items)]
    pd.DataFrame({"item_id": names, "title": [n.title() for n in names], "category": categories}).to_csv(
        folder / "items.csv", index=False
    )
    pd.DataFrame(consents, columns=["user_id", "purpose", "state", "event_time", "valid_until"]).to_csv(
        folder / "consents.csv", index=False
    )
    ages = pd.DataFrame({"user_id": [user_id(p) for p in range(people)], "age": ["young", "old", ""] * (people // 3)})
    ages.to_csv(folder / "attributes.csv", index=False)
    pd.DataFrame({"user_id": [user_id(7)], "minor": [""], "erased_at": [now.isoformat()]}).to_csv(
        folder / "subjects.csv", index=False
    )
    return _write_settings(folder, privacy)


def _consents(person: int, now: datetime) -> list[tuple[str, str, str, str, str]]:
    """The consent events of one person."""
    story, who = STORIES.get(person % 20, "given"), user_id(person)
    early, middle, late = ((now - timedelta(days=d)).isoformat() for d in (350, 160, 25))
    if story == "no_record":
        return []
    if story == "refused":
        return [(who, "personalization", "refused", early, "")]
    start = middle if story == "before_grant" else early
    events = [(who, "personalization.training", "given", start, late if story == "expired" else "")]
    if story == "withdrawn":
        events.append((who, "personalization.training", "withdrawn", late, ""))
    return [*events, (who, "fairness.assessment", "given", early, "")]


def _write_settings(folder: Path, privacy: str) -> Path:
    """Secrets, keys, the list of reviewers and the config."""
    Keys.create(folder / "secrets.toml")
    for name in ("trainer", "reviewer", "stranger"):
        write_private(new_key(), folder / f"{name}.key")
    reviewer = public_text(load_private(folder / "reviewer.key"))
    (folder / "reviewers.toml").write_text(f'[[reviewer]]\nname = "Ada"\npublic_key = "{reviewer}"\n')
    config = folder / "shop.toml"
    config.write_text(CONFIG.format(folder=folder, privacy=privacy))
    return config


def settings(folder: Path) -> dict[str, str]:
    """The environment that keeps everything in `folder`."""
    return {
        "TACTFUL_SECRET_FILE": str(folder / "secrets.toml"),
        "TACTFUL_RECORDS": f"sqlite:///{folder}/records.db",
        "TACTFUL_TRUSTED_KEYS": str(folder / "reviewers.toml"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
