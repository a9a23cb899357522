"""`tactful verify`: what a reviewer, an auditor or a stranger asks of a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tactful.assurance.registry import Registry
from tactful.assurance.verification import Verification, verify
from tactful.cli import show
from tactful.cli.application import Json, Model, app
from tactful.errors import ModelRefusedError, RefusedError, UsageError, counted
from tactful.records.store import Records
from tactful.scoring.address import sqlite_file, store_uri
from tactful.scoring.trust import Reviewers


@app.command(name="verify")
def verify_command(
    model: Model,
    trusted_keys: Annotated[
        Path | None, typer.Option(help="Reviewers' file; else TACTFUL_TRUSTED_KEYS, else configs/reviewers.toml.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="A head of the journal, noted earlier and kept elsewhere; it must be in it still."),
    ] = None,
    json: Json = False,
) -> None:
    """Compare all that is known of a model, and name each mismatch. Writes nothing.

    Example: tactful verify grocery --trusted-keys reviewers.toml --json
    """
    with show.steps("verifying") as say:
        say("comparing the journal, MLflow and the files")
        found = verify(Records.look(), model, open_registry=_registry, reviewers=_reviewers(trusted_keys), head=head)
    _tell(found)
    if json:
        show.as_json(found.as_json())
    if not found.ok:
        raise typer.Exit(RefusedError.exit_code)


def _registry() -> Registry:
    """MLflow's store, which is not made where there is none."""
    file = sqlite_file(store_uri())
    if file and not file.is_file():
        raise UsageError("MLflow's store must be there", given=f"{file} is not", do="Set MLFLOW_TRACKING_URI")
    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
    )  # whoever verifies is told soon what cannot be reached
    return Registry()


def _reviewers(file: Path | None) -> Reviewers | None:
    """Whose decisions count; None if nobody said."""
    try:
        return Reviewers.load(file)
    except ModelRefusedError:
        return None


def _tell(found: Verification) -> None:
    """What was checked, what does not agree, and the head of the journal."""
    show.say("checked: " + ", ".join(f"{what} {number}" for what, number in found.checked.items()))
    for each in found.mismatches:
        about = f"version {each.version}: " if each.version else ""
        show.say(f"MISMATCH {each.name}: {about}{each.what}. {each.do}")
    for note in found.notes:
        show.say(f"note: {note}")
    show.say(f"head of the journal: {found.head}")
    count = len(found.mismatches)
    words = "everything agrees" if found.ok else counted(count, "mismatch", "mismatches")
    show.say(f"{found.model}: {words}")
