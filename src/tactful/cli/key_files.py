"""``tactful keys secrets`` and ``tactful keys new``: what a population and a person need before anything else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tactful.actors import DEFAULT_FILE as ACTORS
from tactful.actors import Role
from tactful.cli import show
from tactful.cli.application import Json, keys
from tactful.config_draft import as_toml
from tactful.personal.keys import DEFAULT_FILE as SECRETS
from tactful.personal.keys import Keys
from tactful.scoring.signing import new_key, public_text, write_private
from tactful.scoring.trust import DEFAULT_FILE as REVIEWERS


@keys.command("secrets")
def keys_secrets(
    out: Annotated[
        Path | None,
        typer.Option(help="File for the secrets, of its owner alone; else TACTFUL_SECRET_FILE, else models/."),
    ] = None,
) -> None:
    """Make the secrets for pseudonyms, storage, assignment and suppression lists, once for a population.

    Example: tactful keys secrets
    """
    out = out or Path(os.environ.get("TACTFUL_SECRET_FILE", SECRETS))
    if out.exists():
        older = Keys.load(out).suppression is None
        Keys.complete(out)
        show.say(
            f"{out} is there already and holds; {'a key for suppression lists was added' if older else 'it is kept'}"
        )
        return
    Keys.create(out)
    show.say(f"wrote {out}. Keep a copy: without it no later run can tell training from evaluation people")


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    out: Annotated[Path, typer.Option(help="New file for the private key; only its owner can read it.")],
    role: Annotated[
        Role | None, typer.Option(help="Print the lines for the actors' file, with this role, and not a reviewer's.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an Ed25519 key and print the public half, as the reviewers' file lists it, or the actors' file.

    Example: tactful keys new ada --out ada.key --role officer
    """
    key = new_key()
    write_private(key, out)
    public = public_text(key)
    lines = [f"[[{'actor' if role else 'reviewer'}]]", f"name = {as_toml(name)}", f'public_key = "{public}"']
    for line in [*lines, *([f'roles = ["{role}"]'] if role else [])]:
        show.say(line)
    show.remark(
        f"wrote {out}, which its owner keeps. The lines above belong into "
        + (f"{ACTORS}, if roles are kept" if role else f"{REVIEWERS}, if {name} may decide about models")
    )
    if json:
        show.as_json({"name": name, "public_key": public, "file": str(out), "role": role})
