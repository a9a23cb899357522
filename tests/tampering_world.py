"""A shop with two versions, of which one was champion and one is; to be copied and tampered with."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from mlflow.tracking._tracking_service import utils

from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.assurance.verification import Verification, verify
from tactful.errors import TactfulError
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.seen import PROCESS
from tactful.scoring.signing import SignedDocument, load_private
from tactful.scoring.trust import Reviewers
from tactful.training import train
from world import settings

_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Where an MLflow database holds the folder that it lies in."""


def make_shop(template: Path, folder: Path) -> None:
    """Version 1 was approved, and then version 2; `template` is a world without a model."""
    shutil.copytree(template, folder)
    config = folder / "shop.toml"
    text = config.read_text().replace(str(template), str(folder))
    config.write_text(text.replace("epsilon = 20.0", "epsilon = 8.0"))
    with entered(folder):
        for version in ("1", "2"):
            approved(folder, version, verdicts=trained(folder, version))


def trained(folder: Path, version: str) -> Mapping[str, str]:
    """The next version is a candidate, with these verdicts."""
    found = train(folder / "shop.toml", key=folder / "trainer.key")
    assert found.version == version, found.reason
    return found.verdicts


def approved(folder: Path, version: str, *, verdicts: Mapping[str, str] | None = None, key: str = "reviewer") -> None:
    """The reviewer, or another one, approves a version."""
    approval.approve(
        Records.open(),
        Registry(),
        "shop",
        version,
        key=folder / f"{key}.key",
        reason="looked at the report",
        overrides={rule: "only a test" for rule, verdict in (verdicts or {}).items() if verdict != "pass"},
        reviewers=Reviewers.load(),
    )


def ended(folder: Path, version: str, how: Literal["reject", "retire"]) -> None:
    """The reviewer rejects or retires a version."""
    end = approval.reject if how == "reject" else approval.retire
    end(
        Records.open(),
        Registry(),
        "shop",
        version,
        key=folder / "reviewer.key",
        reason="serves one group worse",
        reviewers=Reviewers.load(),
    )


@contextmanager
def entered(folder: Path) -> Iterator[None]:
    """The environment of a workspace, and a process that has seen nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings(folder).items():
            patch.setenv(name, value)
        for name in ("TACTFUL_SEEN_FILE", "TACTFUL_ACTOR_KEY"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        patch.setattr(PROCESS, "_seen", {})
        patch.setattr(utils, "_artifact_repos_cache", OrderedDict())  # MLflow keeps the place of a run for the process
        yield


@dataclass(kw_only=True)
class Shop:
    """A copy of the shop, in which somebody may do anything.

    Attributes
    ----------
    folder : Path
    now : datetime or None
        The time of whoever looks at it.
    address : str
        What a service asks for.
    """

    folder: Path
    now: datetime | None = None
    address: str = "models:/shop@champion"
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(f"sqlite:///{self.folder}/mlflow.db")

    @classmethod
    def copy(cls, template: Path, folder: Path) -> Shop:
        """A copy in a new folder, which MLflow's database names too."""
        shutil.copytree(template, folder)
        with sqlite3.connect(folder / "mlflow.db") as connection:
            for table, columns in _PLACES.items():
                for column in columns:
                    statement = f"UPDATE {table} SET {column} = REPLACE({column}, ?, ?)"  # noqa: S608  (ours)
                    connection.execute(statement, (str(template), str(folder)))
        connection.close()
        return cls(folder=folder)

    @property
    def client(self) -> Any:
        """MLflow as anybody with access has it."""
        return self.registry._client

    def artifact(self, version: str = "2") -> Path:
        """The folder of the arrays of a version."""
        return next((self.saved(version) / "data").iterdir())

    def saved(self, version: str = "2") -> Path:
        """The folder that MLflow loads."""
        return Path(self.client.get_model_version("shop", version).source.removeprefix("file://"))

    def run(self, version: str = "2") -> str:
        """The id of the run that made a version."""
        return self.registry.version("shop", version).run_id

    def signed(self, version: str = "2") -> SignedDocument:
        """The decision beside the manifest."""
        return SignedDocument.from_json((self.artifact(version) / "approval.json").read_text())

    def open_rules(self, version: str) -> list[str]:
        """The rules that a version did not pass, as its tags say."""
        tags = self.registry.version("shop", version).tags.items()
        return [name.removeprefix("verdict.") for name, verdict in tags if name[:8] == "verdict." and verdict != "pass"]

    def put(self, document: SignedDocument, version: str = "2") -> None:
        """Another decision lies beside the manifest."""
        (self.artifact(version) / "approval.json").write_text(document.to_json())

    def sign(self, key: str, **changes: Any) -> SignedDocument:
        """The champion's approval with changes, signed by somebody."""
        return SignedDocument.sign({**self.signed().payload, **changes}, load_private(self.folder / f"{key}.key"))

    def sql(self, *statements: str) -> None:
        """The owner of the records takes their guards away and changes them."""
        with sqlite3.connect(self.folder / "records.db") as connection:
            for name in ("journal_no_update", "journal_no_delete", "journal_in_order"):
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            for statement in statements:
                connection.execute(statement)
        connection.close()

    def exchange(self, row: int, field: str, value: Any) -> Any:
        """A field of an entry is another; what it was before."""
        self.sql()
        with sqlite3.connect(self.folder / "records.db") as connection:
            query = f"SELECT {field} FROM journal WHERE sequence = ?"  # noqa: S608  (ours)
            (before,) = connection.execute(query, (row,)).fetchone()
            connection.execute(f"UPDATE journal SET {field} = ? WHERE sequence = ?", (value, row))  # noqa: S608  (ours)
        connection.close()
        return before

    def entries(self, kind: str = "model.") -> list[int]:
        """The numbers of the journal's entries of this kind."""
        with sqlite3.connect(self.folder / "records.db") as connection:
            found = connection.execute("SELECT sequence FROM journal WHERE kind LIKE ? ORDER BY 1", (f"{kind}%",))
            numbers = [number for (number,) in found]
        connection.close()
        return numbers

    def verified(self) -> Verification:
        """What a stranger finds with the records, MLflow and the reviewers' file."""
        records = Records.look(f"sqlite:///{self.folder}/records.db")
        reviewers = Reviewers.load(self.folder / "reviewers.toml")
        return verify(records, "shop", open_registry=lambda: self.registry, reviewers=reviewers, now=self.now)

    def refusal(self) -> str:
        """Why a service that starts now serves nothing; empty if it serves."""
        assert os.environ["MLFLOW_TRACKING_URI"].endswith(f"{self.folder}/mlflow.db")
        now = (lambda: self.now) if self.now else None
        try:
            Recommender.load(self.address, trusted_keys=self.folder / "reviewers.toml", now=now)
        except TactfulError as error:
            return f"{type(error).__name__}: {error.given}"
        return ""
