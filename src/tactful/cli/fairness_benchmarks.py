"""``tactful benchmark coverage`` and ``tactful benchmark fairness``: whether assessments are right, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from tactful.benchmarks.coverage import AGAIN, NARROW, WORLDS, Row, benchmark_coverage
from tactful.benchmarks.fairness_speed import ATTRIBUTES, MEASURES, PEOPLE, RESAMPLES, measure_fairness
from tactful.benchmarks.verdict_rates import REPETITIONS, VerdictRates, verdict_rates
from tactful.cli import show
from tactful.cli.application import Json, benchmark
from tactful.errors import counted


@benchmark.command()
def coverage(
    worlds: Annotated[int, typer.Option(help="Worlds of each row of the table.")] = WORLDS,
    repetitions: Annotated[int, typer.Option(help="Repetitions of each planted world that is judged.")] = REPETITIONS,
    again: Annotated[
        int, typer.Option(help="Times as many new worlds for rows beyond 93 to 97%, which may be chance; 0 for none.")
    ] = AGAIN,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Count how often intervals hold the truth, and how often verdicts are the right ones, in made-up worlds.

    Example: tactful benchmark coverage --worlds 100 --repetitions 20
    """
    with show.steps("drawing worlds") as progress:
        rows = benchmark_coverage(worlds, again=again, seed=seed, progress=progress)
        rates = verdict_rates(repetitions, seed=seed, progress=progress)
    _show_coverage(rows)
    _show_rates(rates)
    if json:
        show.as_json({"rows": [row.as_json() for row in rows], "verdicts": [found.as_json() for found in rates]})


@benchmark.command()
def fairness(
    people: Annotated[int, typer.Option(help="People who are evaluated.")] = PEOPLE,
    attributes: Annotated[int, typer.Option(help="Attributes, each of seven groups.")] = ATTRIBUTES,
    metrics: Annotated[int, typer.Option(help="Figures of each person.")] = MEASURES,
    resamples: Annotated[int, typer.Option(help="Resamples of fairlearn's bootstrap.")] = RESAMPLES,
    json: Json = False,
) -> None:
    """Time a private assessment beside fairlearn's own bootstrap on the same made-up people.

    Example: tactful benchmark fairness --people 5000 --attributes 2 --resamples 2
    """
    with show.steps("assessing") as progress:
        progress(f"assessing {people:,} people")
        found = measure_fairness(people, attributes, metrics, resamples=resamples)
    show.say(
        f"{found.seconds:.2f} s; fairlearn's bootstrap of {found.resamples} resamples {found.peer_seconds:.2f} s: "
        f"{found.ratio:.3f} of its time"
    )
    if json:
        show.as_json(found.as_json())


def _show_coverage(rows: Sequence[Row]) -> None:
    """One line a row of the table; what is outside of 93 to 97% is marked."""
    head = ("statistic", "groups", "metric", "people", "noise")
    show.say(
        f"{head[0]:19s} {head[1]:16s} {head[2]:18s} {head[3]:>6s} {head[4]:12s} {'worlds':>6s} covered  half-width"
    )
    for row in rows:
        place = f"{row.statistic:19s} {row.groups:16s} {row.kind:18s} {row.people:6d} {row.noise:12s} {row.worlds:6d}"
        show.say(f"{place} {row.coverage:7.1%}{row.mark or ' '} {row.half_width:10.3f}")
    low, high = (sum(row.mark == mark for row in rows) for mark in "-+")
    under = counted(low, "covers", "cover")
    narrow = sum(row.narrow for row in rows)
    show.say(
        f"of {counted(len(rows), 'row')} of 95% intervals, {under} less than 93% (-); of {narrow:,} whose half-width "
        f"is under {NARROW:g} of what is possible, {high:,} more than 97% (+)"
    )
    worlds = sorted({row.worlds for row in rows})
    errors = " or ".join(f"{196 * (0.95 * 0.05 / n) ** 0.5:.1f} points with {counted(n, 'world')}" for n in worlds)
    show.say(f"one that covers 95% is known to within {errors}: marks may be chance")


def _show_rates(rates: Sequence[VerdictRates]) -> None:
    """One line a planted world."""
    show.say(f"{'world':18s} {'people':>7s} {'should be':22s} given")
    for found in rates:
        given = ", ".join(f"{status} {rate:.1%}" for status, rate in found.rates.items() if rate)
        show.say(f"{found.world:18s} {found.people:7,d} {found.should:22s} {given}")
