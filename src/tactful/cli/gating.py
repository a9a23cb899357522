"""``tactful gate``: what the consent gate would admit, before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.cli.asked_time import asked_time
from tactful.cli.gate_words import admitted
from tactful.config import TrainingConfig
from tactful.errors import counted
from tactful.gating import Look, gate
from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.sources import left_open


@app.command("gate")
def gate_command(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    key: Annotated[Path | None, typer.Option(help="Private key of the trainer, where trainers are listed.")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was consented at this past time, and still is.")] = None,
    json: Json = False,
) -> None:
    """Say which rows and people a training would use now, and why not the others; nothing is released or spent.

    Counts are exact, for your terminal alone. Settings that are chosen by them are not covered by the guarantee.

    Example: tactful gate configs/grocery.toml
    """
    with show.steps("asking the gate") as say:
        say("reading interactions through the consent gate")
        found = gate(config, key=key, as_of=asked_time(as_of))
    settings = TrainingConfig.load(config)
    show.block(admitted(found.rows, explained=True))
    _tell_people(found, settings)
    for warning in (*left_open(settings.data), *_strange_groups(found)):
        show.say(f"note: {warning}")
    if not found.rows.admitted:
        show.say(
            "a training on this would spend its budget and find nobody: mend the tables or the configuration first"
        )
    if json:
        show.as_json(found.as_json())


def _tell_people(found: Look, settings: TrainingConfig) -> None:
    """How many people there are, and the forecast that asks for that."""
    training, evaluation = found.people["training"], found.people["evaluation"]
    show.say(f"of {counted(training, 'person', 'people')} a model would learn, on {evaluation:,} it would be measured")
    if training:
        privacy = settings.privacy
        show.say(
            f"what to expect: tactful plan --people {training} --items {found.items} --epsilon {privacy.epsilon:g} "
            f"--delta {privacy.delta:g}"
        )


def _strange_groups(found: Look) -> Iterator[str]:
    """What looks as if levels were declared otherwise than the table writes them."""
    for name, sizes in found.groups.items():
        levels = {level: people for level, people in sizes.items() if level not in (OTHER, UNDISCLOSED)}
        empty = [level for level, people in levels.items() if not people]
        if not sum(sizes.values()):
            yield f"nobody on whom the model would be measured agreed to be assessed, so nothing is told about {name}"
        elif len(empty) == len(levels):
            yield f"of {name}, no declared level is anybody's who agreed to be assessed: {_spelling(name)}"
        elif sizes[OTHER] and empty:
            other = counted(sizes[OTHER], "person has", "people have")
            yield (
                f"of {name}, nobody who agreed to be assessed has {', '.join(empty)}, and {other} a value that is not "
                f"declared: {_spelling(name)}"
            )


def _spelling(name: str) -> str:
    """What to look at."""
    return f"compare the levels under [fairness.attributes.{name}] with what the table holds"
