"""``tactful benchmark mitigation``: what mitigation does to the gap between groups, and who pays for privacy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.benchmarks.gaps import Gap, Mean
from tactful.benchmarks.mitigation import COST, MitigationFigures, measure_mitigation
from tactful.benchmarks.populace import Population
from tactful.benchmarks.quality import DELTA, HOLDOUT
from tactful.benchmarks.unfair import UnfairWorld
from tactful.cli import show
from tactful.cli.application import Json, benchmark
from tactful.errors import UsageError
from tactful.personal.weights import FLOOR

_FILE = "A public table, or a folder with MovieLens' own files."


@benchmark.command()
def mitigation(
    epsilon: Annotated[float, typer.Option(help="What a whole training run may spend.")],
    interactions: Annotated[Path | None, typer.Option(help=_FILE)] = None,
    attributes: Annotated[Path | None, typer.Option(help="The table of attributes, or the same folder.")] = None,
    attribute: Annotated[str | None, typer.Option(help="The column whose groups are compared.")] = None,
    level: Annotated[list[str] | None, typer.Option(help="Only this group; give it several times.")] = None,
    items: Annotated[Path | None, typer.Option(help="The public catalogue with its features.")] = None,
    favour: Annotated[str | None, typer.Option(help="The group whose liking moves lists, for that method.")] = None,
    planted: Annotated[bool, typer.Option("--planted", help="A planted unfair world instead of tables.")] = False,
    delta: Annotated[float, typer.Option(help="Delta of the same run.")] = DELTA,
    seeds: Annotated[int, typer.Option(help="How often everything is done; each seed has other people.")] = 20,
    holdout: Annotated[float, typer.Option(help="Share of the people with at least 5 items who are judged.")] = HOLDOUT,
    repeat_training: Annotated[int, typer.Option(help="Each person who trains is so many people.")] = 1,
    floor: Annotated[float, typer.Option(help="The least that a person counts, for row weights.")] = FLOOR,
    cost: Annotated[float, typer.Option(help="The most that lists may lose of the DCG the model expects.")] = COST,
    public_data: Annotated[bool, typer.Option("--public-data", help="Nobody in the tables needs protection.")] = False,
    json: Json = False,
) -> None:
    """Measure the gap between groups with mitigation and without, with privacy and without.

    Example: tactful benchmark mitigation --planted --epsilon 3 --seeds 5
    """
    with show.steps("measuring") as progress:
        population = (
            Population.planted(UnfairWorld())
            if planted
            else _population(interactions, attributes, attribute, items, level or [], public_data)
        )
        found = measure_mitigation(
            population,
            epsilon=epsilon,
            favour=favour,
            delta=delta,
            seeds=seeds,
            holdout=holdout,
            repeat_training=repeat_training,
            floor=floor,
            cost=cost,
            progress=progress,
        )
    _show(found)
    if json:
        show.as_json(found.as_json())


def _population(
    interactions: Path | None,
    attributes: Path | None,
    attribute: str | None,
    items: Path | None,
    levels: list[str],
    public_data: bool,
) -> Population:
    """The people of the tables, if somebody says that they are public."""
    if interactions is None or attributes is None or attribute is None:
        raise UsageError(
            "people come from tables of interactions and of an attribute, or are planted",
            given="not all of --interactions, --attributes and --attribute",
            do="Give all three, or --planted",
        )
    if not public_data:
        raise UsageError(
            "exact figures about people are computed from public data only",
            given="nobody says that these tables are public",
            do="Add --public-data if they are",
        )
    return Population.read(interactions, attributes, attribute, items=items, levels=levels)


def _show(found: MitigationFigures) -> None:
    """One line for each depth and method, intervals of 95% over seeds."""
    show.say(f"{'':18s} {'all':>7s} {'gap':>26s} {'of it gone':>24s} {'all gain':>24s} {'worst-served gain':>24s}")
    for depth, lines in found.gaps.items():
        for line in lines:
            show.say(f"nDCG@{depth:<4d} {line.method:8s} {line.overall:7.4f} {_told(line)}")
    first = next(iter(found.gaps.values()))[0]
    show.say(f"the gap is {first.best} less {first.worst}, which the plain method serves best and worst")
    for depth, lines in found.gaps.items():
        excess = ", ".join(f"{line.method} {_interval(line.excess_gap, 1, '.4f')}" for line in lines)
        show.say(f"nDCG@{depth}: gap with noise less gap without: {excess}")


def _told(line: Gap) -> str:
    """The figures of one method."""
    shares = (_interval(mean, 100, ".1f", "%") for mean in (line.cut, line.change, line.worst_change))
    return " ".join([f"{_interval(line.gap, 1, '.4f'):>26s}", *(f"{told:>24s}" for told in shares), line.verdict])


def _interval(mean: Mean, unit: float, form: str, sign: str = "") -> str:
    """A mean and its interval."""
    value, low, high = (f"{unit * number:{form}}" for number in (mean.value, mean.low, mean.high))
    return f"{value}{sign} ({low} to {high})"
