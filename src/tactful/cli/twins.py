"""``tactful twin``: made-up people like those a model was trained on, to try anything on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, Served, app
from tactful.datasets.twin import HISTORY_LENGTH
from tactful.datasets.twin import twin as make_twin
from tactful.errors import counted


@app.command()
def twin(
    model: Served,
    people: Annotated[int, typer.Option(help="How many people to draw.")],
    out: Annotated[Path, typer.Option(help="A new folder for the tables and their configuration.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same twin.")] = 0,
    history_length: Annotated[float, typer.Option(help="Items a person, on average.")] = HISTORY_LENGTH,
    items: Annotated[Path | None, typer.Option(help="The public catalogue, for its features.")] = None,
    json: Json = False,
) -> None:
    """Draw synthetic people from a model; whatever is tried on them costs no privacy.

    Example: tactful twin grocery --people 2000 --history-length 60 --out models/twin
    """
    with show.steps("drawing a twin") as progress:
        found = make_twin(
            model, people=people, out=out, seed=seed, history_length=history_length, items=items, progress=progress
        )
    drawn = counted(found.people, "synthetic person", "synthetic people")
    show.say(
        f"{drawn} with {counted(found.interactions, 'interaction')} in {found.folder}; the use of items correlates "
        f"with the released popularity at {found.popularity_correlation:.3f}"
    )
    show.say(f"nobody of them exists. {found.folder / 'README.md'} says what to do next")
    if json:
        show.as_json(found.as_json())
