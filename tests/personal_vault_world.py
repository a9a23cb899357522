"""A small vault: people with recognisable ids, consents of every kind, and the gate that judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.vault import Vault
from tactful.personal.vault_results import Ingested
from tactful.records.store import Records
from tactful.records.subjects import Subjects

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRAINING, ASSESSMENT, HEALTH = "personalization.training", "fairness.assessment", "personalization.sensitive.health"
ITEMS = [f"CANARY-ITEM-{number:02d}" for number in range(12)]
POLICY = Policy(retention_days=300, sensitive={"health": {"kind": ("HEALTH",)}}, retention={"health": 100})
SPECS = (AttributeSpec(name="age", levels=("young", "old")),)


AGES = (9, 35, 130, 280, 305)
"""Days since interactions, besides a few hours: in few months, so that the vault has few files."""


def user_id(number: int) -> str:
    """An id that is recognisable anywhere."""
    return f"CANARY-{number:04d}-äperson"


def ago(days: float) -> datetime:
    """So many days before now."""
    return NOW - timedelta(days=days)


def catalogue() -> Catalogue:
    """Twelve items, the last of which is about health."""
    kinds = tuple(("HEALTH",) if item == ITEMS[-1] else ("FOOD",) for item in ITEMS)
    names = np.array(ITEMS, dtype=str)
    return Catalogue(item_ids=names, titles=names, features={"kind": kinds})


def consents(people: int) -> list[tuple[str, str, str, datetime, datetime | None]]:
    """Of every ten people the first refused, the second said nothing, the third agreed late, the fourth opted in."""
    rows: list[tuple[str, str, str, datetime, datetime | None]] = []
    for number in range(people):
        who, kind = user_id(number), number % 10
        if kind != 1:
            rows.append((who, TRAINING, "refused" if kind == 0 else "given", ago(150 if kind == 2 else 400), None))
        if kind == 3:
            rows.append((who, HEALTH, "given", ago(400), None))
        if kind > 5:
            rows.append((who, ASSESSMENT, "given", ago(400), None))
    return rows


def consent_table(rows: Sequence[tuple[str, str, str, datetime, datetime | None]]) -> pa.Table:
    """Consent events as a table."""
    names = ("user_id", "purpose", "state", "event_time", "valid_until")
    return pa.table(
        {
            name: pa.array([row[place] for row in rows], pa.timestamp("us", tz="UTC") if place > 2 else pa.string())
            for place, name in enumerate(names)
        }
    )


def log_rows(people: int) -> list[tuple[str, str, datetime]]:
    """Twelve rows a person, from a week to ten months ago, each item once; every third row occurs twice."""
    rows = []
    for number in range(people):
        for place, item in enumerate(ITEMS):
            row = (user_id(number), item, ago(AGES[place % len(AGES)] + number / 7))
            rows += [row] * (2 if place % 3 == 0 else 1)
    return rows


def log_table(rows: Sequence[tuple[str, str, datetime]]) -> pa.Table:
    """Interactions as a table."""
    return pa.table(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "timestamp": pa.array([row[2] for row in rows], pa.timestamp("us", tz="UTC")),
        }
    )


@dataclass
class Shop:
    """A folder with records and a vault, and what its people did and said."""

    folder: Path
    people: int = 20
    keys: Keys = KEYS
    now: datetime = NOW
    said: list[tuple[str, str, str, datetime, datetime | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.said = self.said or consents(self.people)
        self.records = Records.open(f"sqlite:///{self.folder}/records.db", clock=lambda: self.now)
        self.subjects = Subjects.open(self.records, self.keys)

    def vault(self, *, create: bool = True) -> Vault:
        """The vault, opened anew."""
        return Vault.open(self.folder / "vault", subjects=self.subjects, keys=self.keys, create=create)

    def gate(self, items: Catalogue | None = None, policy: Policy = POLICY) -> ConsentGate:
        """The gate over what was said."""
        return ConsentGate(
            consents=consent_table(self.said),
            catalogue=items or catalogue(),
            policy=policy,
            keys=self.keys,
            evaluation_share=0.2,
            now=lambda: self.now,
            erased=self.subjects.erased(),
        )

    def ingest(self, rows: Sequence[tuple[str, str, datetime]] | None = None, **more: Any) -> Ingested:
        """What the log of everybody, or these rows, bring in, attributes too."""
        table = log_table(log_rows(self.people) if rows is None else rows)
        ages = ["young", "old", "ancient", None]
        told = pa.table(
            {
                "user_id": [user_id(number) for number in range(self.people)],
                "age": pa.array([ages[number % 4] for number in range(self.people)], pa.string()),
                "secret": ["CANARY-SECRET"] * self.people,
            }
        )
        return self.vault().ingest(
            InteractionLog.open(table),
            self.gate(),
            policy=POLICY,
            demographics=Demographics.open(told, SPECS),
            specs=SPECS,
            **more,
        )

    def rows(self) -> set[tuple[str, str, datetime]]:
        """What the vault holds."""
        table = self.vault().interactions()
        rows = list(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True))
        assert len(set(rows)) == len(rows)
        return set(rows)

    def expected(self) -> set[tuple[str, str, datetime]]:
        """What it should hold after everything was ingested, by the rules in plain Python."""
        return {row for row in log_rows(self.people) if _allowed(row, self.now)}


def _allowed(row: tuple[str, str, datetime], now: datetime) -> bool:
    """Whether a row of the log may be held."""
    kind, age = int(row[0][7:11]) % 10, (now - row[2]).total_seconds() / 86400
    if kind in (0, 1) or (kind == 2 and row[2] < ago(150)):
        return False
    return age <= (100 if row[1] == ITEMS[-1] else 300) and (row[1] != ITEMS[-1] or kind == 3)
