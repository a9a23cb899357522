"""``tactful benchmark wide``: what happens at a million items."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.benchmarks.wide import ITEMS, PEOPLE, Indexed, Lists, Wide, benchmark_wide
from tactful.cli import show
from tactful.cli.application import Json, benchmark
from tactful.scoring.candidate_index import CANDIDATES


@benchmark.command()
def wide(
    items: Annotated[int, typer.Option(help="Items of the synthetic catalogue, each with four features.")] = ITEMS,
    people: Annotated[int, typer.Option(help="People of the synthetic crowd.")] = PEOPLE,
    candidates: Annotated[
        int, typer.Option(help="Candidates that the index finds for a request; 0 for no index.")
    ] = CANDIDATES,
    json: Json = False,
) -> None:
    """Train on a wide catalogue and serve it: what is reached and how, how large, how fast with and without an index.

    Example: tactful benchmark wide --items 1000000
    """
    with show.steps("making a crowd") as progress:
        found = benchmark_wide(items, people, candidates=candidates or None, progress=progress)
    _show(found)
    if found.indexed is not None:
        _show_index(found.indexed)
    if json:
        show.as_json(found.as_json())


def _show(found: Wide) -> None:
    """The catalogue, what is reached, times and lists."""
    show.say(f"{found.items:,} items, of which {found.used:,} were used; {found.interactions:,} interactions")
    show.say(
        f"noise of an item's popularity {found.sigma:.1f}; the head has {found.head:,} items, {found.found:.0%} of "
        f"them among as many most used ones, {found.unused:,} used by nobody, and {found.head_use:.0%} of all "
        "interactions"
    )
    rest = found.items - found.head - found.described
    show.say(f"reached by taste: the head and {found.described:,} by their features; by popularity alone: {rest:,}")
    show.say(", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items()))
    show.say(f"artifact {found.artifact_mib:.0f} MiB; {found.peak_gib:.1f} GiB at most, with the crowd itself")
    show.say(_line("every item looked at", found.lists))


def _show_index(index: Indexed) -> None:
    """The index beside it."""
    show.say(_line("with an index", index.lists))
    show.say(
        f"the index was built in {index.built:.0f} s and takes {index.mib:.0f} MiB; recall@10 of items outside the "
        f"head {index.stated:.3f}, of whole lists {index.recall:.3f}"
    )


def _line(name: str, lists: Lists) -> str:
    """Times of lists, and what is on them."""
    return (
        f"{name:22s} p50 {lists.p50:7.2f} ms   p99 {lists.p99:7.2f} ms   {lists.beyond_head:.1%} of places beyond the "
        f"head, {lists.different:,} different items"
    )
