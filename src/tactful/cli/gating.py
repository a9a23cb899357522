"""``tactful gate``: what the consent gate would admit, before anything is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.cli.asked_time import asked_time
from tactful.cli.gate_words import admitted
from tactful.config import TrainingConfig
from tactful.gating import gate
from tactful.sources import left_open


@app.command("gate")
def gate_command(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    key: Annotated[Path | None, typer.Option(help="Private key of the trainer, where trainers are listed.")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was consented at this past time, and still is.")] = None,
    json: Json = False,
) -> None:
    """Say how many rows the consent gate would admit now, and why not the others; nothing is released or spent.

    Counts are exact, for your terminal alone. Settings that are chosen by them are not covered by the guarantee.

    Example: tactful gate configs/grocery.toml
    """
    with show.steps("asking the gate") as say:
        say("reading interactions through the consent gate")
        found = gate(config, key=key, as_of=asked_time(as_of))
    show.block(admitted(found, explained=True))
    for warning in left_open(TrainingConfig.load(config).data):
        show.say(f"note: {warning}")
    if not found.admitted:
        show.say(
            "a training on this would spend its budget and find nobody: mend the tables or the configuration first"
        )
    if json:
        show.as_json({"read": found.read, "admitted": found.admitted, "excluded": dict(found.excluded)})
