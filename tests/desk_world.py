"""Sixty people of `world.py` with stores of tactful's own, and trainings as the journal tells of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from tactful.assurance.candidates import Candidate, record_candidate
from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.desk.person import Desk
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.vault import Vault
from tactful.privacy.events import GaussianEvent, SamplerSlack
from tactful.privacy.ledger import Assignment, BudgetLedger, BudgetLimit
from tactful.records.consents import ConsentStore
from tactful.records.journal import JSON
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.signing import load_private, public_text
from tactful.scoring.suppression_list import Basis, write_list
from tactful.scoring.suppression_marks import key_check
from tactful.sources import names, policy_of
from world import settings, user_id, write_world

PEOPLE = 60
TABLES = ("interactions.parquet", "consents.csv", "attributes.csv", "subjects.csv")
"""The business's own tables."""
GIVEN, REFUSED, WITHDRAWN, NO_RECORD, BEFORE_GRANT, EXPIRED = user_id(5), *map(user_id, range(5))
"""One person of each story."""


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskWorld:
    """A folder with tables, secrets and records."""

    folder: Path
    config: Path
    keys: Keys
    settings: TrainingConfig

    @classmethod
    def make(cls, folder: Path) -> DeskWorld:
        """A fresh world."""
        folder.mkdir(exist_ok=True)
        config = write_world(folder, people=PEOPLE)
        return cls.at(folder, config)

    @classmethod
    def at(cls, folder: Path, config: Path | None = None) -> DeskWorld:
        """The world that lies in a folder."""
        path = config or folder / "shop.toml"
        keys = Keys.load(folder / "secrets.toml")
        return cls(folder=folder, config=path, keys=keys, settings=TrainingConfig.load(path))

    @property
    def environment(self) -> dict[str, str]:
        """What keeps everything in the folder."""
        return settings(self.folder) | {
            "TACTFUL_VAULT": str(self.folder / "vault"),
            "TACTFUL_ACTORS": str(self.actors()),
        }

    def actors(self) -> Path:
        """A file in which nobody has a role."""
        path = self.folder / "actors.toml"
        path.touch()
        return path

    def records(self, clock: Callable[[], datetime] = utc_now) -> Records:
        """The records, by some clock."""
        return Records.open(f"sqlite:///{self.folder}/records.db", clock=clock)

    def desk(self, config: Path | None = None, *, clock: Callable[[], datetime] = utc_now) -> Desk:
        """The officer's desk."""
        return Desk.open(config, records=self.records(clock), keys=self.keys, vault=self.folder / "vault")

    def say(self, *events: dict[str, Any], at: datetime | None = None) -> None:
        """These consent events are in the store, since a time."""
        clock = (lambda: at) if at else utc_now
        store = ConsentStore.open(self.records(clock), self.keys)
        store.add(pa.Table.from_pylist([consent(**event) for event in events]), source="test")

    def ingest(self) -> None:
        """What the tables hold is in the vault, as far as people agreed."""
        records, data = self.records(), self.settings.data
        specs = [AttributeSpec(name=n, levels=s.levels) for n, s in self.settings.fairness.attributes.items()]
        vault = Vault.open(
            self.folder / "vault", subjects=Subjects.open(records, self.keys), keys=self.keys, create=True
        )
        assert data.interactions is not None
        assert data.attributes is not None
        vault.ingest(
            InteractionLog.open(data.interactions),
            self.gate(),
            policy=policy_of(self.settings.policy),
            demographics=Demographics.open(data.attributes, specs),
            specs=specs,
            note={"config": str(self.config), "sources": names(data, store_holds=True)},
        )

    def gate(self, now: Callable[[], datetime] = utc_now) -> ConsentGate:
        """The gate over the tables of everybody."""
        data = self.settings.data
        assert data.consents is not None
        return ConsentGate(
            consents=data.consents,
            subjects=data.subjects,
            catalogue=Catalogue.open(data.items),
            policy=policy_of(self.settings.policy),
            keys=self.keys,
            evaluation_share=0.2,
            now=now,
        )

    def half(self, user: str) -> str:
        """The half that a person is in."""
        return "evaluation" if self.keys.places([user])[0] < int(0.2 * 2**64) else "training"

    def trained(
        self, at: datetime, *, multiplier: float = 2.0, noted: bool = True, model: bool = True, share: float = 0.2
    ) -> str:
        """The journal says that a training was, at that time; its run."""
        records, run = self.records(lambda: at), uuid.uuid4().hex
        if noted:
            self._note(records, run, at, share)
        ledger = BudgetLedger(records)
        ledger.declare(BudgetLimit(epsilon=60.0, delta=1e-6))
        divided = Assignment(fingerprint=self.keys.assignment_fingerprint(), evaluation_share=share)
        debit = ledger.debit(run, events(multiplier), assignment=divided)
        for event in events(multiplier):
            ledger.open(debit, event.name)
        if model:
            number = str(len(records.entries("model.candidate")) + 1)
            record_candidate(
                records,
                candidate=Candidate(model="shop", version=number, run_id=f"mlflow-{run}", model_id=f"m-{run}"),
                manifest_digest=run * 2,
                document_digests={},
                verdicts={},
                noise="system",
                trainer=None,
                run=run if noted else None,
            )
        return run

    def _note(self, records: Records, run: str, at: datetime, share: float) -> None:
        """What a training notes of its reading."""
        note_read(
            records,
            "training",
            purpose="personalization.training",
            run=run,
            model="shop",
            as_of=at.isoformat(),
            now=at.isoformat(),
            sources=names(self.settings.data, store_holds=True),
            **self.settings.policy.model_dump(mode="json"),
            evaluation_share=share,
            config=str(self.config),
        )


def events(multiplier: float) -> list[GaussianEvent]:
    """A release about each half; the evaluation's has twice the noise."""
    slack = SamplerSlack.none()
    return [
        GaussianEvent(name="popularity", partitions=("training",), noise_multiplier=multiplier, slack=slack),
        GaussianEvent(name="quality", partitions=("evaluation",), noise_multiplier=2 * multiplier, slack=slack),
    ]


def consent(
    user_id: str,
    purpose: str = "personalization.recommendations",
    state: str = "given",
    *,
    days_ago: float = 100,
    **more: Any,
) -> dict[str, Any]:
    """An event."""
    time = (utc_now() - timedelta(days=days_ago)).isoformat()
    fixed = {"user_id": user_id, "purpose": purpose, "state": state, "event_time": time}
    return {**fixed, "valid_until": None, "method": "web form", "record_id": None, **more}


def ago(days: float) -> datetime:
    """So many days ago."""
    return utc_now() - timedelta(days=days)


def write_list_of(world: DeskWorld, people: list[str]) -> None:
    """A suppression list on which these people stand as agreeing."""
    path, now, key = world.folder / "may.list", datetime.now(UTC), load_private(world.folder / "trainer.key")
    marks = b"".join(sorted(world.keys.marks(people)))
    basis: Basis = "consent"
    purpose, ends = "personalization.recommendations", now + timedelta(hours=1)
    write_list(
        path,
        marks,
        basis=basis,
        purpose=purpose,
        made_at=now,
        expires_at=ends,
        key=world.keys.for_lists(),
        signer=key,
    )
    with world.records().transaction() as transaction:
        told: dict[str, JSON] = {"path": str(path), "signer": public_text(key), "basis": basis, "purpose": purpose}
        told["key_check"] = key_check(world.keys.for_lists())
        transaction.append("suppressions.written", told)
