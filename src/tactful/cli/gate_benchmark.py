"""``tactful benchmark gate``: how fast the consent gate is, beside a plain join."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.benchmarks.gate import ROWS, RUNS, benchmark_gate
from tactful.cli import show
from tactful.cli.application import Json, benchmark


@benchmark.command()
def gate(
    rows: Annotated[int, typer.Option(help="Synthetic interactions, a hundred a person.")] = ROWS,
    runs: Annotated[int, typer.Option(help="Turns of each; medians are told.")] = RUNS,
    json: Json = False,
) -> None:
    """Time the consent gate in turns with a plain join of the same files, and say how much memory it takes.

    Example: tactful benchmark gate --rows 10000000
    """
    with show.steps("timing") as progress:
        found = benchmark_gate(rows, runs=runs, progress=progress)
    show.say(f"the gate: {found.seconds:.2f} s, {found.peak_gib:.2f} GiB at most; {found.admitted:,} rows admitted")
    show.say(f"the plain join: {found.peer_seconds:.2f} s; {found.peer_admitted:,} rows")
    show.say(f"the gate takes {found.ratio:.2f} times as long, over {found.rows:,} rows of {found.people:,} people")
    if json:
        show.as_json(found.as_json())
