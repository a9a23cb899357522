"""``tactful init``: from somebody's own tables to a configuration, and the commands that come after it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.config import TrainingConfig
from tactful.config_draft import draft
from tactful.errors import UsageError

_RECORDS = Path("models/records.db")


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the model: lower-case letters, digits, - and _.")],
    interactions: Annotated[Path, typer.Option(help="What people did: user_id, item_id, timestamp.")],
    items: Annotated[Path, typer.Option(help="The public catalogue: item_id, title, any features.")],
    intended_use: Annotated[str, typer.Option("--intended-use", help="What the model is for, in a sentence.")],
    consents: Annotated[
        Path | None, typer.Option(help="Consent events: user_id, purpose, state, event_time; else the consent store's.")
    ] = None,
    attributes: Annotated[Path | None, typer.Option(help="What to compare groups by: user_id, a column each.")] = None,
    subjects: Annotated[
        Path | None, typer.Option(help="Who is a minor or was erased: user_id, minor, erased_at.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; configs/NAME.toml if left out.")] = None,
    json: Json = False,
) -> None:
    """Write a commented configuration from the names of your tables' columns, and say what comes next.

    Reads no row: levels, categories and counts are for you to write down.

    Example: tactful init shop --interactions purchases.csv --items products.csv --consents consents.csv
    --attributes customers.csv --intended-use "Suggest products to customers who agreed"
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
        raise UsageError(
            "a model's name is lower-case letters, digits, - and _", given=repr(name), do="Choose another, e.g. shop"
        )
    file = out or Path("configs") / f"{name}.toml"
    given = {
        "interactions": interactions,
        "items": items,
        "consents": consents,
        "attributes": attributes,
        "subjects": subjects,
    }
    made = draft(name, {role: path for role, path in given.items() if path is not None}, intended_use=intended_use)
    TrainingConfig.of(made.text, file)
    _write(file, made.text)
    for role, columns in made.unread.items():
        show.remark(f"{role}: not read, now or later: {', '.join(columns)}")
    commands = _next(name, file)
    show.say(f"wrote {file}. Look at the lines marked CHECK; then, in this order:")
    for command in commands:
        show.say(f"  {command}")
    if json:
        show.as_json({"file": str(file), "unread": {k: list(v) for k, v in made.unread.items()}, "next": commands})


def _write(file: Path, text: str) -> None:
    """The new file, whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UsageError(
            "init writes a new file", given=f"{file} is there already", do="Give another with --out, or remove it"
        ) from None
    except OSError as error:
        raise UsageError(
            "the file can be written", given=f"{file}: {error.strerror}", do="Choose another --out"
        ) from None


def _next(name: str, file: Path) -> list[str]:
    """The commands from here to a candidate. A population that is not the one of these books gets books of its own."""
    folder, commands = "models", []
    if "TACTFUL_RECORDS" in os.environ:
        folder = f"models/{name}"
    elif _RECORDS.exists():
        folder = f"models/{name}"
        commands = [f"export TACTFUL_RECORDS=sqlite:///{folder}/records.db TACTFUL_SECRET_FILE={folder}/secrets.toml"]
    if not Path(folder).is_dir():
        commands = [f"mkdir -p {folder}", *commands]
    return [
        *commands,
        "tactful keys secrets",
        f"tactful keys new trainer --role trainer --out {folder}/trainer.key",
        f"tactful keys new reviewer --out {folder}/reviewer.key >> configs/reviewers.toml",
        f"tactful gate {shlex.quote(str(file))}",
        f"tactful train {shlex.quote(str(file))} --dry-run",
        f"tactful train {shlex.quote(str(file))} --key {folder}/trainer.key",
    ]
