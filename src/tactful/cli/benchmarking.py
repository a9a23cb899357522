"""``tactful benchmark …``: what anybody can measure again on public or synthetic data, beside a peer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.benchmarks.membership import SHADOWS, Membership, benchmark_membership
from tactful.benchmarks.noise import DRAWS, measure_noise
from tactful.cli import show

benchmark = typer.Typer(help="Measure speed and leakage on public or synthetic data.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line of standard output.")]


@benchmark.command()
def membership(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml; its data is not read.")],
    shadows: Annotated[int, typer.Option(help="Models of each kind, trained on random halves.")] = SHADOWS,
    people: Annotated[int | None, typer.Option(help="People of the synthetic world.")] = None,
    items: Annotated[int | None, typer.Option(help="Items of the synthetic world.")] = None,
    interactions: Annotated[
        Path | None, typer.Option(help="A public table instead, or a folder with MovieLens' own files.")
    ] = None,
    public_data: Annotated[
        bool, typer.Option("--public-data", help="Nobody in --interactions needs protection.")
    ] = False,
    json: Json = False,
) -> None:
    """Attack recommendation lists: how well they tell who was trained on, beside what epsilon allows.

    Example: tactful benchmark membership configs/grocery.toml
    """
    with show.steps("attacking") as progress:
        found = benchmark_membership(
            config,
            shadows=shadows,
            people=people,
            items=items,
            interactions=interactions,
            public_data=public_data,
            progress=progress,
        )
    _show(found)
    if json:
        show.as_json(found.as_json())


@benchmark.command()
def noise(
    draws: Annotated[int, typer.Option(help="Draws of one call.")] = DRAWS,
    json: Json = False,
) -> None:
    """Time the noise of a release beside numpy's, which is not safe, and diffprivlib's, which is exact.

    Example: tactful benchmark noise --draws 10000000
    """
    found = measure_noise(draws)
    rates = (found.draws_per_second, found.peer_draws_per_second, found.exact_peer_draws_per_second)
    ours, peer, exact = (f"{rate / 1e6:.3g}" for rate in rates)
    show.say(f"{ours} million draws a second; numpy without a proof {peer}, diffprivlib's exact sampler {exact}")
    if json:
        show.as_json(found.as_json())


def _show(found: Membership) -> None:
    """The attack on each model, and the bound."""
    show.say(f"{'':26s} AUC                      found at 1 % false alarms")
    for name, row in found.rows.items():
        area = f"{row.auc:.3f} ({row.auc_interval[0]:.3f} to {row.auc_interval[1]:.3f})"
        show.say(f"{name:26s} {area:24s} {row.tpr:.3f} ({row.tpr_interval[0]:.3f} to {row.tpr_interval[1]:.3f})")
    show.say(f"{'at most, when private':26s} {found.bound.auc:<24.3f} {found.bound.tpr:.3f}")
    if not found.attack_works:
        show.say("the attack is blind to a model without privacy here: it says nothing about the private one")
