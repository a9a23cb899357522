"""``tactful config``: the reference of the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.config_reference import Key, explain, reference


@app.command("config")
def config_command(
    explained: Annotated[
        str | None, typer.Option("--explain", help="A key, e.g. privacy.epsilon or epsilon; or a table, e.g. fairness.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what a key of the configuration means, or list all of them.

    Example: tactful config --explain privacy.epsilon
    """
    found = explain(explained) if explained else tuple(reference().values())
    if explained:
        for key in found:
            _tell(key)
    else:
        show.table({key.path: key.kind + ("" if key.default else " (required)") for key in found})
        show.say("what one means: tactful config --explain KEY")
    if json:
        show.as_json({"keys": [key.as_json() for key in found]})


def _tell(key: Key) -> None:
    """A key, what it may be, and what it means."""
    otherwise = f"; if left out: {key.default}" if key.default else "; required"
    show.say(f"{key.path}  ({key.kind}{otherwise})")
    show.table({"   ": key.meaning})
