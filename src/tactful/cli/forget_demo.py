"""``tactful demo --forget``: its people are a published data set, so their books may be forgotten, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.registry import Registry
from tactful.cli import show
from tactful.cli.demonstration import FOLDER
from tactful.errors import RefusedError
from tactful.records.store import DEFAULT_URL, Records

_MODEL = "grocery"
_BOOKS = ("records.db*", "mlflow.db*", "mlartifacts", "secrets.toml", "seen.json*", "vault")


def forget(models: Path = FOLDER.parent) -> None:
    """The demo's tables, keys, records and MLflow store are gone from the working folder.

    Raises
    ------
    RefusedError
        If the records or the MLflow store there hold a model that is not the demo's. Nothing is removed.
    """
    others: set[str] = set()
    if (models / "records.db").exists():
        records = Records.open(DEFAULT_URL, create=False)
        others |= {entry.candidate.model for entry in replay(records.entries(KINDS)).candidates}
    if (models / "mlflow.db").exists():
        others |= set(Registry(f"sqlite:///{models.resolve() / 'mlflow.db'}").models())
    if others - {_MODEL}:
        raise RefusedError(
            "only the demo's own books may be forgotten",
            given=f"they also hold {', '.join(sorted(others - {_MODEL}))}",
            do="Keep them: they are the record of what was spent on real people",
        )
    for found in [models / "demo", *(path for pattern in _BOOKS for path in models.glob(pattern))]:
        shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
    show.say(f"the demo's tables, keys and books are gone from {models}/")
