"""``tactful plan`` and ``tactful benchmark plan-table``: what to expect before any data is spent, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from tactful import forecast
from tactful.benchmarks.plan_table import make_plan_table
from tactful.cli import show
from tactful.cli.application import Json, app, benchmark
from tactful.errors import counted
from tactful.forecast import DELTA, HISTORY_LENGTH, TARGETS, Forecast

_WORLDS = {
    "low": "tastes are faint, as with groceries",
    "typical": "tastes are as with films",
    "high": "a few tastes are strong, as with visits to a web site",
}
_SEEN = 0.05  # a loss that is more than the table's own noise


@app.command()
def plan(
    people: Annotated[int, typer.Option(help="Who will train: those who agree, less those set aside for evaluation.")],
    items: Annotated[int, typer.Option(help="Items in the catalogue.")],
    epsilon: Annotated[float, typer.Option(help="What a whole training run may spend.")],
    delta: Annotated[float, typer.Option(help="Delta of the same run.")] = DELTA,
    history_length: Annotated[float, typer.Option(help="Items a person, on average.")] = HISTORY_LENGTH,
    json: Json = False,
) -> None:
    """Forecast what a private model will be worth, from public figures; reads no data.

    Example: tactful plan --people 4000 --items 1000 --epsilon 1
    """
    found = forecast.plan(people, items, epsilon=epsilon, delta=delta, history_length=history_length)
    _show(found)
    if json:
        show.as_json(found.as_json())


@benchmark.command("plan-table")
def plan_table(
    out: Annotated[Path, typer.Option(help="The .json file to write; one that was begun is gone on with.")],
    json: Json = False,
) -> None:
    """Simulate the table that `tactful plan` reads, on synthetic populations.

    Example: tactful benchmark plan-table --out src/tactful/plan_table.json
    """
    with show.steps("simulating") as progress:
        found = make_plan_table(out, progress=progress)
    show.say(f"{counted(len(found['cells']), 'population stands', 'populations stand')} in {out}")
    if json:
        show.as_json({"file": str(out), **{name: found[name] for name in ("tactful", "code", "axes", "worlds")}})


def _show(found: Forecast) -> None:
    """The forecast in words."""
    show.say(
        f"{counted(found.people, 'person', 'people')}, {counted(found.items, 'item')}, "
        f"{found.history_length:g} a person, "
        f"epsilon = {found.epsilon:g} at delta = {found.delta:g}"
    )
    if found.outside:
        show.say(f"outside of the table, whose edge stands for you: {'; '.join(found.outside)}")
        show.say("with fewer people or less epsilon than it holds, expect less than it says:")
    show.say("of what personal lists without privacy gain over popular items, expect")
    for world, value in found.share_of_gain.items():
        without = _share(found.share_without_noise[world])
        show.say(f"  {_share(value):>5s}  where {_WORLDS[world]}; {without} if there were no noise")
    head, kept = counted(found.head, "item"), counted(found.rank, "direction")
    show.say(f"from a head of about {head}, of which the model keeps {kept}")
    for share, people in found.people_needed.items():
        nowhere = {world: most < TARGETS[share] for world, most in found.share_without_noise.items()}
        epsilons = _range(found.epsilon_needed[share], nowhere)
        show.say(f"for {share} of it: people at this epsilon: {_range(people)}; epsilon with your people: {epsilons}")
    for note in found.notes:
        show.say(f"note: {note}")
    if min(found.share_of_gain.values()) <= 0:
        show.say(
            "where it says worse or none, personal lists serve people no better than popular items: find more "
            "people, spend more, or serve the popular items"
        )
    show.say("this is a forecast from synthetic populations and no promise; no data was read")


def _share(value: float) -> str:
    """A share of the gain in words."""
    if value < -_SEEN:
        return "worse"
    return "none" if value <= 0 else f"{value:.0%}"


def _range(by_world: Mapping[str, float | None], nowhere: Mapping[str, bool] = MappingProxyType({})) -> str:
    """What is needed: as with films, and from the kindest to the least kind of the worlds."""
    beyond = {world: "out of reach" if nowhere.get(world) else "beyond the table" for world in by_world}
    words = {world: beyond[world] if n is None else f"{n:,g}" for world, n in by_world.items()}
    if len(set(words.values())) == 1:
        return words["typical"]
    return f"{words['typical']} ({words['high']} to {words['low']})"
