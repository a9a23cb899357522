"""`tactful verify`: what a reviewer, an auditor or a stranger asks of a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tactful.assurance.registry import Registry
from tactful.assurance.verification import Verification, verify
from tactful.assurance.verification_findings import REVIEWERS_MISSING
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
    reviewers, nobody = _reviewers(trusted_keys)
    with show.steps("verifying") as say:
        say("comparing the journal, MLflow and the files")
        found = verify(Records.look(), model, open_registry=_registry, reviewers=reviewers, head=head)
    _tell(found, nobody)
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


def _reviewers(file: Path | None) -> tuple[Reviewers | None, str]:
    """Whose decisions count; None if nobody said, and why not."""
    try:
        return Reviewers.load(file), ""
    except ModelRefusedError as error:
        return None, error.given


def _tell(found: Verification, nobody: str) -> None:
    """What was checked, what could not be, what does not agree, and the head of the journal."""
    show.say("checked: " + ", ".join(f"{what} {number}" for what, number in found.checked.items()))
    differing = [each for each in found.mismatches if each.name != REVIEWERS_MISSING]
    for each in differing:
        about = f"version {each.version}: " if each.version else ""
        show.say(f"MISMATCH {each.name}: {about}{each.what}. {each.do}")
    for note in found.notes:
        show.say(f"note: {note}")
    unchecked = REVIEWERS_MISSING in found.names
    if unchecked:
        show.say(f"NOT CHECKED: whether a reviewer signed, for no reviewers are known here ({nobody})")
        show.say(
            "    that is no sign of tampering: give --trusted-keys FILE, or set TACTFUL_TRUSTED_KEYS, and repeat it"
        )
    show.say(f"head of the journal: {found.head}")
    agrees = "everything that was compared agrees" if unchecked else "everything agrees"
    words = counted(len(differing), "mismatch", "mismatches") if differing else agrees
    show.say(f"{found.model}: {words}" + ("; signatures were not checked" if unchecked else ""))
