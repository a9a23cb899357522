"""``tactful benchmark …``: what anybody can measure again on public or synthetic data, beside a peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tactful.benchmarks.membership import SHADOWS, Membership, benchmark_membership
from tactful.benchmarks.noise import DRAWS, measure_noise
from tactful.benchmarks.plot import plot_quality
from tactful.benchmarks.quality import DELTA, HOLDOUT, METHODS, SEEDS, Comparison, benchmark_quality
from tactful.benchmarks.training import HEAD, ITEMS, USERS, TrainingSpeed, benchmark_growth, benchmark_training
from tactful.cli import show
from tactful.cli.application import Json, benchmark


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
    show.say(f"{ours} million draws a second; numpy's, which protects nobody, {peer}, diffprivlib's exact one {exact}")
    if json:
        show.as_json(found.as_json())


@benchmark.command()
def quality(
    interactions: Annotated[Path, typer.Option(help="A public table, or a folder with MovieLens' own files.")],
    epsilon: Annotated[list[float], typer.Option(help="What a whole training run may spend; give it several times.")],
    items: Annotated[Path | None, typer.Option(help="The public catalogue with its features.")] = None,
    delta: Annotated[float, typer.Option(help="Delta of every private method.")] = DELTA,
    seeds: Annotated[int, typer.Option(help="How often everything is done; each seed has other people.")] = SEEDS,
    holdout: Annotated[float, typer.Option(help="Share of the people with at least 5 items who are judged.")] = HOLDOUT,
    repeat_training: Annotated[int, typer.Option(help="Each person who trains is so many people.")] = 1,
    method: Annotated[
        list[str] | None, typer.Option(help=f"Only this one of {', '.join(METHODS)}; give it several times.")
    ] = None,
    public_data: Annotated[
        bool, typer.Option("--public-data", help="Nobody in --interactions needs protection.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure what privacy costs: every method on public data, with privacy and without.

    Example: tactful benchmark quality --interactions pages.parquet --epsilon 1 --epsilon 3 --public-data
    """
    with show.steps("measuring") as progress:
        found = benchmark_quality(
            interactions,
            epsilons=epsilon,
            items=items,
            delta=delta,
            seeds=seeds,
            holdout=holdout,
            repeat_training=repeat_training,
            public_data=public_data,
            methods=method or METHODS,
            progress=progress,
        )
    _show_quality(found)
    if json:
        show.as_json(found.as_json())


@benchmark.command()
def plot(
    results: Annotated[list[Path], typer.Argument(help="Files with what `quality --json` printed, a panel each.")],
    out: Annotated[Path, typer.Option(help="The SVG file to write.")],
) -> None:
    """Draw quality against epsilon, with popularity and what is possible without privacy.

    Example: tactful benchmark plot films.json pages.json --out quality.svg
    """
    show.say(f"wrote {plot_quality(results, out)}")


@benchmark.command()
def training(
    users: Annotated[int, typer.Option(help="People of the synthetic crowd.")] = USERS,
    items: Annotated[int, typer.Option(help="Items of its catalogue.")] = ITEMS,
    head: Annotated[int, typer.Option(help="Items that the Gram of the first run is about.")] = HEAD,
    json: Json = False,
) -> None:
    """Time private training beside implicit's ALS on the same synthetic interactions.

    Example: tactful benchmark training --users 14000 --items 4000 --head 1000
    """
    with show.steps("making a crowd") as progress:
        found = benchmark_training(users, items, head=head, progress=progress)
    _show_speeds([found.forced, found.default])
    ratios = (run.seconds / found.peer_seconds for run in (found.forced, found.default))
    show.say(f"implicit's ALS {found.peer_seconds:.1f} s: " + " and ".join(f"{r:.3f}" for r in ratios) + " of its time")
    if json:
        show.as_json(found.as_json())


@benchmark.command()
def growth(json: Json = False) -> None:
    """Time private training at five numbers of people and five numbers of items.

    Example: tactful benchmark growth
    """
    with show.steps("making crowds") as progress:
        found = benchmark_growth(progress=progress)
    _show_speeds([*found.by_people, *found.by_items])
    show.say("seconds grow as " + ", ".join(f"{name} to the {power:.2f}" for name, power in found.exponents.items()))
    if json:
        show.as_json(found.as_json())


def _show_speeds(runs: Sequence[TrainingSpeed]) -> None:
    """One line a run."""
    names = ("people", "items", "interactions", "head", "rank", "bound", "sums", "noise", "fit", "seconds", "peak GiB")
    show.say(" ".join(f"{name:>12s}" for name in names))
    for run in runs:
        counts = (run.people, run.items, run.interactions, run.head, run.rank)
        measured = (run.bound, run.sums, run.noise, run.fit, run.seconds, run.peak_gib)
        show.say(" ".join([*(f"{n:12,d}" for n in counts), *(f"{x:12.2f}" for x in measured)]))


def _show_quality(found: Comparison) -> None:
    """One line a method and epsilon, means over seeds."""
    show.say(f"{'':22s} {'epsilon':>8s} {'recall@20':>10s} {'ndcg@100':>9s} {'of the gain':>12s} {'seconds':>8s}")
    for row in found.summaries():
        epsilon = "none" if row.epsilon is None else f"{row.epsilon:g}"
        gain = "" if row.gain is None else f"{row.gain:.0%}"
        figures = f"{row.recall:10.4f} {row.ndcg:9.4f} {gain:>12s} {row.seconds:8.2f}"
        show.say(f"{row.method:22s} {epsilon:>8s} {figures}")
    show.say("the gain is the way in recall from popularity to the best method without privacy")


def _show(found: Membership) -> None:
    """The attack on each model, and the bound."""
    show.say(f"{'':26s} AUC                      found at 1% false alarms")
    for name, row in found.rows.items():
        area = f"{row.auc:.3f} ({row.auc_interval[0]:.3f} to {row.auc_interval[1]:.3f})"
        show.say(f"{name:26s} {area:24s} {row.tpr:.3f} ({row.tpr_interval[0]:.3f} to {row.tpr_interval[1]:.3f})")
    show.say(f"{'at most, when private':26s} {found.bound.auc:<24.3f} {found.bound.tpr:.3f}")
    if not found.attack_works:
        show.say("the attack is blind to a model without privacy here: it says nothing about the private one")
