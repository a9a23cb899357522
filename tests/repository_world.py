"""A small town written to files: who bought what, what they agreed to, and a configuration to train on it.

Even people like even items. About a third of them did not agree, in one way or another, and some rows are broken, so
that each stage of a run has something to do. The numbers of people and rows depend on the arguments alone. Unlike in
`world.py`, what may name people lies in one folder and what MLflow writes in another, and the secrets are known.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tactful.catalogue import Catalogue
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.scoring.signing import new_key, public_text, write_private

TRAINING, ASSESSMENT = "personalization.training", "fairness.assessment"
SECRETS = {
    "TACTFUL_PSEUDONYM_KEY": "11" * 32,
    "TACTFUL_STORAGE_KEY": "22" * 32,
    "TACTFUL_ASSIGNMENT_KEY": "33" * 32,
    "TACTFUL_SUPPRESSION_KEY": "44" * 32,
}
_ITEMS = 48
_AGES = ("young", "old")
_CONFIG = """
[model]
name = "{model}"
intended_use = "Tests."

[data]
interactions = "{data}/interactions.csv"
items = "{data}/items.csv"
consents = "{data}/consents.csv"
attributes = "{data}/attributes.csv"
subjects = "{data}/subjects.csv"

[policy]
retention_days = 400

[privacy]
evaluation_share = 0.35
{privacy}

[budget]
epsilon = 50.0

[fairness]
minimum_people = 5

[fairness.attributes.age]
levels = ["young", "old"]

[[fairness.rules]]
name = "ndcg_by_age"
attribute = "age"
at_least = 0.8
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """Where everything is."""

    folder: Path
    model: str
    user_ids: tuple[str, ...]

    @property
    def config(self) -> Path:
        """The training configuration."""
        return self.folder / "config.toml"

    @property
    def data(self) -> Path:
        """The folder of the tables: nothing else in the world may say who its people are."""
        return self.folder / "data"

    @property
    def personal_files(self) -> list[Path]:
        """The tables with rows about people."""
        return [self.data / f"{name}.csv" for name in ("interactions", "consents", "attributes", "subjects")]

    @property
    def environment(self) -> dict[str, str]:
        """What a run of its own needs to be told."""
        return SECRETS | {
            "TACTFUL_RECORDS": f"sqlite:///{self.folder / 'records.db'}",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'outside' / 'mlflow.db'}",
            "TACTFUL_TRUSTED_KEYS": str(self.folder / "reviewers.toml"),
            "TACTFUL_ACTOR_KEY": str(self.folder / "trainer.key"),
        }

    @property
    def outside(self) -> Path:
        """The folder that only MLflow writes to: its database and the artifacts."""
        return self.folder / "outside"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The process works in this world, and in no other, for as long as the context lasts."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("TACTFUL_SECRET_FILE", "TACTFUL_DEBUG"):
                patch.delenv(name, raising=False)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            yield

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of one of its tables."""
        with (self.data / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def rewrite(self, name: str, rows: list[dict[str, str]]) -> None:
        """One of its tables holds these rows instead."""
        _write(self.data / f"{name}.csv", rows)

    def gate(self) -> ConsentGate:
        """The gate of a training run in this world."""
        return ConsentGate(
            consents=self.data / "consents.csv",
            subjects=self.data / "subjects.csv",
            catalogue=Catalogue.open(self.data / "items.csv"),
            policy=Policy(retention_days=400),
            keys=self.keys,
            evaluation_share=0.35,
        )

    @property
    def keys(self) -> Keys:
        """The secrets of this world; the same in all of them, so that its numbers are."""
        names = ("pseudonym", "storage", "assignment")
        return Keys(**{name: bytes.fromhex(SECRETS[f"TACTFUL_{name.upper()}_KEY"]) for name in names})

    def consented(self) -> ConsentedInteractions:
        """What the gate admits."""
        return self.gate().admit(InteractionLog.open(self.data / "interactions.csv"), TRAINING)


def write_world(
    folder: Path, *, model: str, people: int, user_id: Callable[[int], str], privacy: Mapping[str, object]
) -> World:
    """A town of so many people under `folder`, with keys for a trainer and a reviewer."""
    rng = np.random.default_rng(people)
    now = datetime.now(UTC).replace(microsecond=0)
    ids = tuple(map(user_id, range(people)))
    stories = rng.choice(["given", "refused", "withdrawn", "silent"], size=people, p=[0.7, 0.12, 0.1, 0.08]).tolist()
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "outside").mkdir()
    _write(data / "interactions.csv", list(_interactions(ids, rng, now)))
    _write(data / "items.csv", [{"item_id": f"item{i:02d}", "title": f"Thing {i}"} for i in range(_ITEMS)])
    _write(data / "consents.csv", list(_consents(ids, stories, now)))
    _write(data / "attributes.csv", [{"user_id": u, "age": _AGES[i % 3 == 0]} for i, u in enumerate(ids) if i % 10])
    minors = [{"user_id": u, "minor": "yes", "erased_at": ""} for u in ids[5::50]]
    erased = [{"user_id": u, "minor": "", "erased_at": _text(now, 3)} for u in ids[7::50]]
    _write(data / "subjects.csv", minors + erased)
    told = {
        "minimum_people": 50,
        **{key: str(value).lower() if isinstance(value, bool) else value for key, value in privacy.items()},
    }
    settings = "\n".join(f"{key} = {value}" for key, value in told.items())
    (folder / "config.toml").write_text(_CONFIG.format(model=model, data=data, privacy=settings), encoding="utf-8")
    _write_keys(folder)
    return World(folder=folder, model=model, user_ids=ids)


def _interactions(ids: tuple[str, ...], rng: np.random.Generator, now: datetime) -> Iterator[dict[str, str]]:
    """Nine different items a person, most of them of the person's own kind; one row in twenty is broken."""
    items = np.arange(_ITEMS)
    liked = np.where(items % 2 == np.arange(len(ids))[:, None] % 2, 1.0, 0.1) / (1 + items // 2)
    drawn = np.argsort(rng.exponential(size=liked.shape) / liked)[:, :9]  # without replacement, in proportion
    days = rng.uniform(5, 200, size=drawn.shape)
    fate = rng.choice(["", "time", "item"], p=[0.95, 0.03, 0.02], size=drawn.shape)
    for row, user_id in enumerate(ids):
        for item, ago, broken in zip(drawn[row].tolist(), days[row].tolist(), fate[row].tolist(), strict=True):
            yield {
                "user_id": user_id,
                "item_id": "discontinued" if broken == "item" else f"item{item:02d}",
                "timestamp": "yesterday" if broken == "time" else _text(now, ago),
                "note": user_id,  # a column that is on no allow-list
            }


def _consents(ids: tuple[str, ...], stories: list[str], now: datetime) -> Iterator[dict[str, str]]:
    """What each person said, and when."""
    for number, (user_id, story) in enumerate(zip(ids, stories, strict=True)):
        if story == "silent":
            continue
        said = [(TRAINING, "refused" if story == "refused" else "given", 300)]
        said += [(TRAINING, "withdrawn", 2)] if story == "withdrawn" else []
        said += [(ASSESSMENT, "given", 300)] if number % 5 else []
        for purpose, state, days in said:
            yield {"user_id": user_id, "purpose": purpose, "state": state, "event_time": _text(now, days)}


def _text(now: datetime, days_ago: float) -> str:
    return (now - timedelta(days=days_ago)).isoformat()


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_keys(folder: Path) -> None:
    for name in ("trainer", "reviewer"):
        key = new_key()
        write_private(key, folder / f"{name}.key")
    listed = f'[[reviewer]]\nname = "reviewer"\npublic_key = "{public_text(key)}"\n'
    (folder / "reviewers.toml").write_text(listed, encoding="utf-8")
