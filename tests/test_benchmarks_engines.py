"""How engines grow is measured on a lake that is what it says, and the plan for a cluster follows from its formulas."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from tactful.benchmarks import engine_growth, engine_run, lakes
from tactful.benchmarks.block_reduce import Reduce, simulate
from tactful.benchmarks.cluster import plan_cluster
from tactful.benchmarks.cluster_sizes import Cluster, Population
from tactful.benchmarks.core_rates import MEASURED, Rates
from tactful.benchmarks.engine_growth import Sizes, benchmark_engines, lake_of
from tactful.benchmarks.engine_run import STEPS, EngineRun, Spent, run_engine, shuffled
from tactful.benchmarks.lakes import Lake
from tactful.benchmarks.process_tree import taken, watched
from tactful.benchmarks.timed_engine import Step, Stopwatch
from tactful.cli import engine_benchmarks
from tactful.cli.application import app
from tactful.errors import UsageError
from tactful.personal.engines.choice import engine_of
from tactful.personal.engines.sum_parts import Division
from tactful.personal.grams import GramSums

assert engine_benchmarks  # it adds the commands
BROKEN = json.dumps({"rates": asdict(MEASURED) | {"pair_seconds": "abc"}})


def test_a_lake_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many rows in order of time, everybody's spread over all files; Zipf's items; people who change their minds."""
    monkeypatch.setattr(lakes, "_CHUNK", 5_000)
    lake = Lake(interactions=20_000, people=400, items=500)
    lake.write(tmp_path / "one")
    table = pyarrow.parquet.read_table(tmp_path / "one" / "interactions")
    assert (np.diff(table["timestamp"].cast(pa.int64()).to_numpy()) >= 0).all()
    rows = table.drop_columns("timestamp").to_pandas()
    assert len(rows) == 20_000
    assert rows["user_id"].nunique() == 400
    assert len(list((tmp_path / "one" / "interactions").iterdir())) == 4
    first = pyarrow.parquet.read_table(tmp_path / "one" / "interactions" / "part-00000.parquet").to_pandas()
    assert len(first) == pytest.approx(5_000, rel=0.05)
    assert first["user_id"].nunique() > 350
    lengths = rows.groupby("user_id").size()
    assert lengths.min() >= 1
    assert lengths.max() > 3 * lengths.mean()
    used = rows["item_id"].value_counts()
    assert used.iloc[0] == pytest.approx(10 * used.iloc[9], rel=0.5)
    events = pyarrow.parquet.read_table(tmp_path / "one" / "consents").to_pandas()
    assert set(events["user_id"]) == set(rows["user_id"])
    assert (events["recorded_time"] > events["event_time"]).all()
    told = events.sort_values("event_time").groupby("user_id")["state"].agg(" ".join)
    assert {"given", "refused", "given withdrawn", "given withdrawn given"} <= set(told)
    assert not told.str.contains("given given|withdrawn withdrawn|withdrawn refused").any()
    lake.write(tmp_path / "two")
    assert pyarrow.parquet.read_table(tmp_path / "two" / "interactions").equals(table)
    assert not next(replace(lake, seed=1).log()).equals(next(lake.log()))


@pytest.mark.parametrize("sizes", [{"interactions": 9, "people": 10}, {"interactions": 9, "people": 9, "items": 3}])
def test_a_lake_has_a_least_size(sizes: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="a lake has a person"):
        Lake(**sizes)


def test_a_process_is_watched_with_those_it_started() -> None:
    """What is held shows while it is held, and the future's value comes back; so does its error."""
    before = taken(os.getpid())
    assert before.memory > 10_000_000
    held = np.ones(30_000_000, dtype=np.int8)
    assert taken(os.getpid()).memory - before.memory > 20_000_000
    assert held.sum() == 30_000_000
    assert taken(os.getpid()).core_seconds >= before.core_seconds > 0
    assert taken(2**22 + 1).memory == 0
    with ThreadPoolExecutor(1) as pool:
        assert watched(pool.submit(int, "7"), os.getpid)[0] == 7
        assert watched(pool.submit(int, "7"), lambda: None)[1].memory == 0
        with pytest.raises(ValueError, match="seven"):
            watched(pool.submit(int, "seven"), os.getpid)


def test_a_run_is_timed_step_by_step(tmp_path: Path) -> None:
    """Steps of the gate are within the gate; what was counted is what bounded rows hold."""
    lake, watch = Lake(interactions=4_000, people=100, items=300), Stopwatch()
    lake.write(tmp_path / "lake")
    found = engine_run._through(engine_of(), tmp_path / "lake", lake, 10, watch)
    spent = {name: engine_run._spent(name, watch.steps, []).seconds for name in STEPS[1:]}
    assert all(seconds > 0 for seconds in spent.values())
    assert sum(spent[name] for name in ("name", "consents", "judge")) < spent["gate"]
    assert 100 < found["pairs"] < found["kept"] < found["admitted"] < 4_000
    assert found["parts"] == 1


def test_shuffles_belong_to_the_step_that_asked_for_them() -> None:
    """By when they were submitted; steps of one name count together."""
    steps = [Step(name=name, began=at, ended=at + 1, core_seconds=2) for name, at in (("judge", 1), ("b", 3), ("b", 5))]
    spent = engine_run._spent("b", steps, [(1.5, 7), (3.5, 20), (4.5, 100), (5.5, 1000)])
    assert spent == Spent(seconds=2, core_seconds=4, shuffled=1020)


def test_shuffles_are_read_from_the_event_log(tmp_path: Path) -> None:
    """Bytes that tasks wrote for others, by when the stage was submitted; other events and metrics say nothing."""
    written = {"Name": "internal.metrics.shuffle.write.bytesWritten", "Value": "70"}
    stage = {"Submission Time": 5_500, "Accumulables": [written, {"Name": "internal.metrics.resultSize", "Value": 9}]}
    events = [{"Event": "SparkListenerJobStart"}, {"Event": "SparkListenerStageCompleted", "Stage Info": stage}]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    assert [*shuffled(tmp_path)] == [(5.5, 70)]


def test_growth_is_five_sizes_of_three_things(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that stands on several axes is measured once; seconds of a square have the exponent 2."""
    asked: list[tuple[Lake, int]] = []

    def run(engine: str, lake: Lake, folder: Path, *, head: int, **_: object) -> EngineRun:
        assert (folder / "items.parquet").is_file()
        asked.append((lake, head))
        return by_hand(lake.interactions, lake.people, head, seconds=1e-9 * lake.interactions * lake.people * head**2)

    monkeypatch.setattr(engine_growth, "run_engine", run)
    sizes = Sizes(
        interactions=(100, 200, 400, 800, 1600), people=(1, 2, 4, 8, 16), heads=(2, 4, 8, 16, 32), middle=400, head=8
    )
    found = benchmark_engines("duckdb", sizes)
    assert len(asked) == len(set(asked)) == 13
    assert {axis: len(runs) for axis, runs in found.runs.items()} == dict.fromkeys(engine_growth.AXES, 5)
    told = json.loads(json.dumps(found.as_json()))["exponents"]
    assert {axis: told[axis]["seconds"] for axis in told} == {
        "interactions": pytest.approx(2),  # people grow with them
        "people": pytest.approx(1),
        "head": pytest.approx(2),
    }
    assert told["head"]["peak_gib"] == pytest.approx(0)
    assert lake_of(1000).people == 10


def test_rates_are_slopes() -> None:
    """Whatever does not grow is in none of them, and what does comes back from runs that were made of it."""
    runs = [
        replace(
            by_hand(n * 1000, n * 10, head),
            steps={
                **{
                    name: Spent(seconds=0, core_seconds=7 + 2e-3 * rows, shuffled=500 + 3 * rows)
                    for name, rows in {
                        "name": n * 1000,
                        "judge": n * 1000,
                        "bound": n * 500,
                        "popularity": n * 300,
                    }.items()
                },
                "consents": Spent(seconds=0, core_seconds=1 + 0.5 * 1.4 * n * 10, shuffled=0),
                "gram": Spent(
                    seconds=0,
                    core_seconds=2 + 1e-5 * n * 4000 + 1e-7 * Reduce(head=head, parts=8, division=Division()).shuffled,
                    shuffled=0,
                ),
            },
        )
        for n, head in ((1, 64), (2, 128), (4, 64), (8, 256), (16, 64))
    ]
    rates = Rates.fitted(runs)
    for rate in (rates.name, rates.judge, rates.bound, rates.popularity):
        assert (rate.seconds, rate.shuffled) == (pytest.approx(2e-3, rel=1e-4), pytest.approx(3, rel=1e-4))
    assert (rates.consents.seconds, rates.consents.shuffled) == (pytest.approx(0.5, rel=1e-4), 0)
    assert (rates.pair_seconds, rates.byte_seconds) == (pytest.approx(1e-5, rel=1e-4), pytest.approx(1e-7, rel=1e-4))
    assert Rates.read(json.loads(json.dumps(asdict(rates)))) == rates
    assert Rates.fitted(runs[:1]).name.seconds == pytest.approx((7 + 2) / 1000)


def test_the_reduce_is_as_large_as_the_gram() -> None:
    """Every partition writes each number of the triangle once; where there are many, each group of them once more."""
    one = Reduce(head=8192, parts=1, division=Division())
    assert one.sum_bytes == 8 * (8192 * 8193 // 2 + 8193)
    assert one.sum_bytes == 8 * sum(GramSums(query=engine_run.query(8192), n_items=8192).sizes)
    assert one.shuffled == pytest.approx(one.sum_bytes, rel=1e-3)
    many = Reduce(head=8192, parts=640, division=Division())
    assert (one.groups, many.groups) == (0, 10)
    assert many.shuffled == 650 * one.shuffled
    assert many.worker_bytes(512) < 300 << 20
    assert many.worker_bytes(8) > many.worker_bytes(512)
    assert many.tasks(512) == (512, one.pieces)


def test_the_plan_adds_up() -> None:
    """Stages that go through rows grow with them; the driver holds triangles, not people; small shares come to it."""
    plan, twice = plan_cluster(), plan_cluster(Population(people=200_000_000, events=20_000_000_000))
    assert plan.core_hours == sum(stage.core_hours for stage in plan.stages) > 0
    assert plan.cost == plan.core_hours * Cluster().price
    assert plan.hours == plan.core_hours / Cluster().cores
    for small, large in zip(plan.stages[:5], twice.stages[:5], strict=True):
        assert (large.rows, large.core_hours) == (pytest.approx(2 * small.rows), pytest.approx(2 * small.core_hours))
    assert twice.driver_gib < 1.05 * plan.driver_gib < 16
    assert plan_cluster(Population(evaluation_share=0.2)).driver_gib > 60
    heavier = plan_cluster(Population(head=8192))
    assert sum(s.shuffled for s in heavier.stages[5:7]) == pytest.approx(
        sum(s.shuffled for s in plan.stages[5:7]) * 4, rel=0.01
    )
    assert plan.noise_share < 1e-4 < plan_cluster(Population(people=1_000_000, events=10**8)).noise_share
    assert json.loads(json.dumps(plan.as_json()))["core_hours"] == plan.core_hours


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"head": 0}, "0 of 100000"),
        ({"events": 9}, "9 events of 100000000"),
        ({"evaluation_share": 1.0}, "held out.* 1 was given"),
        ({"admitted": 0.0}, "admitted.* 0 was given"),
        ({"kept": 0.5}, "0.5 of 100000"),
    ],
)
def test_an_impossible_population_is_refused(wrong: dict[str, float], told: str) -> None:
    """The value that cannot be is named."""
    with pytest.raises(UsageError, match=told):
        Population(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cores", "each"), [(2, 4), (4, 0)])
def test_an_impossible_cluster_is_refused(cores: int, each: int) -> None:
    with pytest.raises(UsageError, match=f"{each} of {cores}"):
        Cluster(cores=cores, cores_each=each)


def test_a_cluster_has_a_core() -> None:
    with pytest.raises(UsageError, match="-3 were given"):
        Cluster(cores=-3)


def test_partitions_are_those_that_spark_makes() -> None:
    """Large ones, at least one for each core, at most as many as rows are shuffled into."""
    cluster = Cluster(cores=400)
    assert [cluster.tasks(gib * 2**30) for gib in (1, 50, 1000)] == [400, 800, 1600]


@pytest.mark.parametrize("text", [None, "", "[]", '{"runs": []}', '{"rates": {}}', BROKEN])
def test_a_file_without_rates_is_refused(tmp_path: Path, text: str | None) -> None:
    """One that is not there, too, and by its name."""
    file = tmp_path / "rates.json"
    if text is not None:
        file.write_text(text)
    found = CliRunner().invoke(app, ["benchmark", "cluster", "--rates", str(file)])
    assert isinstance(found.exception, UsageError)
    assert "rates" in str(found.exception)


def test_the_plan_is_told() -> None:
    """Every stage has its line, and the last one says what it is worth."""
    found = CliRunner().invoke(app, ["benchmark", "cluster", "--head", "8192", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout.splitlines()[-1])
    assert told["population"]["head"] == 8192
    assert all(stage["name"] in found.output for stage in told["stages"])
    assert "a plan, and no promise" in found.output
    assert "4,096 items at most" in found.output


def by_hand(interactions: int, people: int, head: int, *, seconds: float = 1.0) -> EngineRun:
    """A run that nobody made."""
    nothing = Spent(seconds=0, core_seconds=0, shuffled=0)
    return EngineRun(
        engine="spark",
        interactions=interactions,
        people=people,
        items=20_000,
        head=head,
        admitted=interactions // 2,
        kept=interactions * 3 // 10,
        pairs=interactions * 4,
        parts=8,
        steps={**dict.fromkeys(STEPS, nothing), "gate": Spent(seconds=seconds, core_seconds=seconds, shuffled=0)},
        peak_gib=2.0,
        worker_gib=0.3,
    )


@pytest.mark.prove
def test_duckdb_runs_at_every_size() -> None:
    """The quick sizes, each in a process of its own; one command prints one object last."""
    found = CliRunner().invoke(app, ["benchmark", "engines", "--engine", "duckdb", "--interactions", "20000", "--json"])
    assert found.exit_code == 0, found.output
    run = json.loads(found.stdout.splitlines()[-1])
    assert (run["engine"], run["interactions"], run["people"]) == ("duckdb", 20_000, 200)
    assert run["peak_gib"] > 0.1
    assert "after the session's start" in found.output


@pytest.mark.prove
def test_both_engines_admit_and_keep_the_same(tmp_path: Path) -> None:
    """On one lake: the same rows, the same pairs; and Spark's run has shuffled, with a worker beside Java."""
    lake = Lake(interactions=20_000, people=400)
    lake.write(tmp_path / "lake")
    ours, theirs = (run_engine(name, lake, tmp_path / "lake", head=256) for name in ("duckdb", "spark"))
    assert (ours.admitted, ours.kept, ours.pairs) == (theirs.admitted, theirs.kept, theirs.pairs)
    assert theirs.steps["judge"].shuffled > 0
    assert theirs.steps["gram"].shuffled > 0
    assert ours.worker_gib == 0 < theirs.worker_gib < theirs.peak_gib


@pytest.mark.prove
def test_the_reduce_writes_what_its_formula_says(record_property: Callable[[str, object], None]) -> None:
    """Within 1% of the bytes with one level; with two not more, and 5% less at most. No worker holds more."""
    found = simulate(512, (4, 20), fan_in=8)
    one, two = found.runs
    assert abs(one.deviation) < 0.01
    assert -0.05 < two.deviation < 0.01
    assert two.written > 1.02 * 5 * one.written  # the second level shows
    assert found.idle_worker < found.largest_worker < found.predicted_worker
    record_property("evidence", f"block reduce: {max(abs(run.deviation) for run in found.runs):.2%} from its formula")
