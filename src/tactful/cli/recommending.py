"""``tactful recommend``: a list for one history, as a service would give it."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, Served, app
from tactful.errors import counted
from tactful.scoring import Recommender
from tactful.scoring.address import whole_address
from tactful.scoring.answers import Answer


@app.command()
def recommend(
    model: Served,
    history: Annotated[str, typer.Option(help="Item ids, separated by commas.")],
    profiling: Annotated[
        bool, typer.Option("--profiling/--no-profiling", help="Does this person allow it? One of the two must be said.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many items.")] = 10,
    allow: Annotated[str | None, typer.Option(help="Item ids, separated by commas: recommend nothing else.")] = None,
    deny: Annotated[str, typer.Option(help="Item ids, separated by commas: do not recommend these.")] = "",
    because: Annotated[bool, typer.Option("--because", help="Say what each score is made of.")] = False,
    json: Json = False,
) -> None:
    """Recommend items for one history; it is not stored.

    Example: tactful recommend grocery --history "BANANAS,EGGS - LARGE" -n 5 --profiling --because
    """
    address = whole_address(model)
    with show.steps("loading") as say:
        say(f"verifying {address}")
        recommender = Recommender.load(address)
    answer = recommender.recommend(
        _listed(history),
        n,
        profiling=profiling,
        allow_items=None if allow is None else _listed(allow),
        deny_items=_listed(deny),
        because=because,
    )
    if answer.unknown:
        unknown = counted(answer.unknown, "of the items given is", "of the items given are")
        show.say(f"{unknown} not in the catalogue: --history takes ids, not titles")
    tell_answer(answer)
    if json:
        show.as_json(answer.as_json())


def _listed(ids: str) -> list[str]:
    """The ids of a text that separates them by commas."""
    return [item.strip() for item in ids.split(",") if item.strip()]


def _line(name: str) -> str:
    """A name of the catalogue on one line."""
    return " ".join(name.splitlines())


def tell_answer(answer: Answer) -> None:
    """A list of recommendations, with what each score is made of where asked for."""
    for place, item in enumerate(answer.items, 1):
        named = "" if item.title.casefold() == item.item_id.casefold() else f"  {item.title}"
        show.say(f"{place:3d}. {_line(item.item_id + named)}  {item.score:.4f}")
        for part in item.because or ():
            show.say(f"       {part.contribution:+.4f}  {_line(part.title or part.item_id or 'popularity')}")
    show.say(f"{answer.reason} ({answer.model} version {answer.version}; unknown items: {answer.unknown})")
