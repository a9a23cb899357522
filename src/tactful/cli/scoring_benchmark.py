"""``tactful benchmark scoring``: how fast an approved model answers, beside a peer."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.benchmarks.scoring import CALLS, FACTORS, ITEMS, Calls, measure_scoring
from tactful.cli import show
from tactful.cli.application import Json, benchmark


@benchmark.command()
def scoring(
    items: Annotated[int, typer.Option(help="Items of the catalogue, all of them with factors.")] = ITEMS,
    factors: Annotated[int, typer.Option(help="Factors of each item.")] = FACTORS,
    calls: Annotated[int, typer.Option(help="Single requests of each contender.")] = CALLS,
    json: Json = False,
) -> None:
    """Time requests to an approved model beside implicit's, and how long it takes to load and to import.

    Example: tactful benchmark scoring --items 20000 --factors 64
    """
    with show.steps("timing") as progress:
        found = measure_scoring(items, factors, calls=calls, progress=progress)
    facts = found.as_json()
    rows = {"one request": found.single, "implicit": found.peer, "bare product": found.product}
    for name, times in rows.items():
        show.say(_line(name, times))
    show.say(
        f"one request takes {facts['single']['ratio_to_implicit']:.2f} of implicit's time and "
        f"{facts['single']['ratio_to_product']:.2f} of the bare product's"
    )
    show.say(
        f"many at once: {found.batch:.0f} us a person, {facts['batch']['ratio_to_implicit']:.2f} of implicit's "
        f"{found.peer_batch:.0f} us"
    )
    show.say(
        f"loaded in {facts['load_ms']:.0f} ms; imported in {facts['import_ms']:.0f} ms, of which "
        f"{facts['import_alone_ms']:.0f} ms are not numpy's and cryptography's"
    )
    if json:
        show.as_json(facts)


def _line(name: str, calls: Calls) -> str:
    """One contender's single requests."""
    return f"{name:14s} p50 {calls.p50:8.0f} us   p99 {calls.p99:8.0f} us"
