"""``tactful benchmark engines`` and ``tactful benchmark cluster``: how a run grows, and what a large one would take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from json import loads
from pathlib import Path
from typing import Annotated, Literal

import typer

from tactful.benchmarks.block_reduce import simulate
from tactful.benchmarks.cluster import ClusterPlan, plan_cluster
from tactful.benchmarks.cluster_sizes import Cluster, Population
from tactful.benchmarks.core_rates import MEASURED, UNITS, Rates, measure_rates
from tactful.benchmarks.engine_growth import HEAD, QUICK, benchmark_engines, lake_of, measured
from tactful.benchmarks.engine_run import EngineRun
from tactful.cli import show
from tactful.cli.application import Json, benchmark
from tactful.errors import UsageError, counted
from tactful.privacy.statistics import LARGEST_HEAD

_PEOPLE, _CLUSTER = Population(), Cluster()


@benchmark.command()
def engines(
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help="What runs the gate and adds up.")] = "duckdb",
    interactions: Annotated[int | None, typer.Option(help="One run over so many, in the place of all sizes.")] = None,
    people: Annotated[
        int | None, typer.Option(help="People of that run; one for a hundred interactions if left out.")
    ] = None,
    head: Annotated[int, typer.Option(help="Items that the Gram of that run is about.")] = HEAD,
    memory: Annotated[str | None, typer.Option(help="The most that DuckDB takes, e.g. 4GiB.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes, to see that it runs.")] = False,
    json: Json = False,
) -> None:
    """Time the gate, the bound and the sums on an engine, and their memory, at five sizes of each thing that grows.

    Example: tactful benchmark engines --engine duckdb --interactions 10000000 --head 4096
    """
    with show.steps("measuring") as progress:
        if interactions is not None:
            lake = lake_of(interactions, people)
            (run,) = measured(engine, lake, [head], memory=memory, progress=progress)
        else:
            growth = benchmark_engines(engine, QUICK if quick else None, memory=memory, progress=progress)
    if interactions is not None:
        _show_runs([run])
        show.say(f"after the session's start, which took {run.steps['start'].seconds:.1f} s")
    else:
        for axis, found in growth.runs.items():
            _show_runs(found)
            powers = ", ".join(f"{name} to the {power:.2f}" for name, power in growth.exponents[axis].items())
            show.say(f"they grow with {axis} as {powers}")
    if json:
        show.as_json((run if interactions is not None else growth).as_json())


@benchmark.command()
def rates(json: Json = False) -> None:
    """Time Spark at five sizes on two processors of this machine, and fit what a core does, for `benchmark cluster`.

    Joins shuffle the log, as they do where people are too many to be sent to every task.

    Example: tactful benchmark rates --json > rates.json
    """
    with show.steps("measuring") as progress:
        runs = measure_rates(progress=progress)
    found = Rates.fitted(runs)
    _show_runs(runs)
    for step in UNITS:
        rate = getattr(found, step)
        show.say(
            f"{step}: {rate.seconds:.2g} s of a core and {rate.shuffled:.3g} bytes shuffled for each of {UNITS[step]}"
        )
    show.say(f"gram: {found.pair_seconds:.2g} s of a core a pair, {found.byte_seconds:.2g} s a byte of the sum written")
    if json:
        show.as_json({"runs": [run.as_json() for run in runs], "rates": asdict(found)})


@benchmark.command()
def cluster(
    people: Annotated[int, typer.Option(help="People in the log.")] = _PEOPLE.people,
    events: Annotated[int, typer.Option(help="Interactions in the log.")] = _PEOPLE.events,
    items: Annotated[int, typer.Option(help="Items in the catalogue.")] = _PEOPLE.items,
    head: Annotated[int, typer.Option(help="Items that the Gram is about.")] = _PEOPLE.head,
    kept: Annotated[float, typer.Option(help="Distinct items a person after the bound, on average.")] = _PEOPLE.kept,
    admitted: Annotated[float, typer.Option(help="Share of interactions that the gate admits.")] = _PEOPLE.admitted,
    evaluation_share: Annotated[
        float, typer.Option(help="Share of people who are held out, and come to the driver.")
    ] = _PEOPLE.evaluation_share,
    epsilon: Annotated[float, typer.Option(help="Epsilon of the run.")] = _PEOPLE.epsilon,
    delta: Annotated[float, typer.Option(help="Delta of the run.")] = _PEOPLE.delta,
    cores: Annotated[int, typer.Option(help="Cores of all executors.")] = _CLUSTER.cores,
    cores_each: Annotated[int, typer.Option(help="Cores of one executor.")] = _CLUSTER.cores_each,
    price: Annotated[float, typer.Option(help="Price of a core for an hour: an assumption.")] = _CLUSTER.price,
    rates_file: Annotated[
        Path | None, typer.Option("--rates", help="What `benchmark rates --json` printed on your machine.")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulate", help="Run the block reduce here, and compare it with its formula.")
    ] = False,
    json: Json = False,
) -> None:
    """Plan a run on a Spark cluster: shuffles, memory, core-hours and cost of each stage; reads no data.

    Example: tactful benchmark cluster --people 100000000 --events 10000000000
    """
    found = plan_cluster(
        Population(
            people=people,
            events=events,
            items=items,
            head=head,
            kept=kept,
            admitted=admitted,
            evaluation_share=evaluation_share,
            epsilon=epsilon,
            delta=delta,
        ),
        Cluster(cores=cores, cores_each=cores_each, price=price),
        MEASURED if rates_file is None else _read(rates_file),
    )
    _show_plan(found)
    facts = found.as_json()
    if simulated:
        with show.steps("adding up blocks"):
            checked = simulate()
        for run in checked.runs:
            show.say(
                f"simulated: a head of {run.head:,} from {run.parts} partitions wrote {run.written / 2**20:,.1f} MiB, "
                f"{run.deviation:+.2%} of the formula's"
            )
        workers = (checked.largest_worker, checked.predicted_worker, checked.idle_worker)
        held, most, idle = (f"{size / 2**20:,.0f} MiB" for size in workers)
        show.say(f"the largest worker held {held}; by the formula at most {most}, and {idle} when it does nothing")
        facts["simulation"] = checked.as_json()
    if json:
        show.as_json(facts)


def _read(path: Path) -> Rates:
    """The rates in what was printed."""
    try:
        told = loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        do = "Correct the path, or write it with: tactful benchmark rates --json > FILE"
        raise UsageError("the file of rates can be read", given=f"{path}: {error.strerror}", do=do) from None
    except ValueError:
        told = None
    if not isinstance(told, dict) or "rates" not in told:
        do = "Write it with: tactful benchmark rates --json"
        raise UsageError("the file has rates", given=f"{path} has none", do=do)
    return Rates.read(told["rates"])


def _show_runs(runs: Iterable[EngineRun]) -> None:
    """One line a run."""
    names = ("interactions", "people", "head", "start", "gate", "bound", "popularity", "gram", "seconds", "peak GiB")
    show.say(" ".join(f"{name:>12s}" for name in names))
    for run in runs:
        counts = (run.interactions, run.people, run.head)
        steps = (run.steps[name].seconds for name in ("start", "gate", "bound", "popularity", "gram"))
        show.say(
            " ".join([*(f"{n:12,d}" for n in counts), *(f"{x:12.2f}" for x in (*steps, run.seconds, run.peak_gib))])
        )


def _show_plan(plan: ClusterPlan) -> None:
    """The stages, and what they need."""
    told, machine = plan.population, plan.cluster
    show.say(
        f"{counted(told.people, 'person', 'people')}, {counted(told.events, 'interaction')}, a head of {told.head:,}, "
        f"{counted(machine.cores, 'core')}"
    )
    show.say(
        f"{told.admitted:.0%} of interactions admitted, {told.kept:g} items kept a person, and "
        f"{told.evaluation_share:.2%} of people held out, who come to the driver"
    )
    show.say(f"{'stage':12s} {'rows':>10s} {'shuffled GiB':>13s} {'tasks':>9s} {'core-hours':>11s}")
    for stage in plan.stages:
        gib = stage.shuffled / 2**30
        show.say(f"{stage.name:12s} {stage.rows:10.2g} {gib:13,.1f} {stage.tasks:9,d} {stage.core_hours:11,.1f}")
    show.say(
        f"together {plan.shuffled_tib:.2f} TiB shuffled, {plan.core_hours:,.0f} core-hours, {plan.hours:.1f} hours if "
        f"all cores are busy and the network keeps up; at --price {machine.price:g} it costs {plan.cost:,.0f}"
    )
    show.say(
        f"executors: {plan.executor_gib:.1f} GiB for {counted(machine.cores_each, 'core')}, of which Python workers "
        f"{plan.worker_gib:.2f} GiB each (spark.executor.memoryOverhead); rows that are kept take "
        f"{plan.kept_gib:,.0f} GiB of their memory or disks together"
    )
    show.say(f"driver: {plan.driver_gib:.1f} GiB; the Gram is written {plan.parts:,} times and received once")
    show.say(
        f"at epsilon = {told.epsilon:g} the noise of the Gram, were the whole budget spent on it, hides a taste that a "
        f"share of fewer than {plan.noise_share:.2g} of people have"
    )
    if told.head > LARGEST_HEAD:
        show.say(f"a training run has a head of {LARGEST_HEAD:,} items at most")
    whose = "the machine that tactful was measured on" if plan.rates == MEASURED else "the machine that the file is of"
    show.say(f"rates are those of one core of {whose}: a plan, and no promise")
