"""The benchmarks of fairness: tables in the promised form, verdicts that planted worlds deserve, and who is faster."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from typer.testing import CliRunner

from tactful.assurance.verdicts import Status
from tactful.benchmarks.coverage import benchmark_coverage
from tactful.benchmarks.fairness_speed import measure_fairness
from tactful.benchmarks.verdict_rates import WORLDS, verdict_rates
from tactful.cli import fairness_benchmarks
from tactful.cli.application import benchmark
from tactful.errors import UsageError


def test_planted_worlds_get_the_verdicts_that_they_deserve() -> None:
    """From people through the release to the rule: unfair fails, equal passes; few people and a near gap wait."""
    found = {row.world: row.rates[row.should] for row in verdict_rates(6)}
    assert set(found) == set(WORLDS)
    assert found["unfair"] == found["equal"] == 1.0
    assert min(found["equal, few people"], found["at the bound"]) > 0.5


@pytest.mark.prove
def test_verdicts_err_rarely_over_two_hundred_repetitions() -> None:
    """What should fail or pass does; what should wait is misjudged in 5% at most, by what 200 draws can tell."""
    found = {row.world: row.rates for row in verdict_rates(200, seed=1)}
    assert found["unfair"]["fail"] >= 0.95
    assert found["equal"]["pass"] >= 0.95
    at_most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert found["equal, few people"]["pass"] == 0
    assert found["equal, few people"]["fail"] <= at_most
    assert found["at the bound"]["fail"] + found["at the bound"]["pass"] <= at_most


def test_the_clock_is_beside_the_peers() -> None:
    """Both have run on the same people; nothing is said about which was faster on a machine under load."""
    found = measure_fairness(300, 1, 2, resamples=2).as_json()
    assert found["ratio"] == found["seconds"] / found["peer_seconds"]
    assert (found["people"], found["attributes"], found["metrics"], found["resamples"]) == (300, 1, 2, 2)


@pytest.mark.parametrize("wrong", [{"people": 0}, {"attributes": 0}, {"metrics": 99}, {"resamples": 0}])
def test_nothing_to_time_is_refused(wrong: dict[str, int]) -> None:
    """With the numbers that are allowed."""
    with pytest.raises(UsageError, match="from 1 to"):
        measure_fairness(**wrong)


def test_nothing_to_count_is_refused() -> None:
    """Rates of nothing are no rates."""
    with pytest.raises(UsageError, match="worlds"):
        benchmark_coverage(0)
    with pytest.raises(UsageError, match="repetitions"):
        verdict_rates(0)


def test_the_same_seed_gives_the_same_table() -> None:
    """And another seed another one."""
    tables = [benchmark_coverage(20, sizes=(50,), groups=("two, equal",), seed=seed) for seed in (1, 1, 2)]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_only_marked_rows_are_counted_again_in_new_worlds() -> None:
    """Ten worlds mark rows by chance; what was not marked stays as it was."""
    case = {"sizes": (50,), "kinds": ("0 or 1",), "groups": ("two, equal",), "noises": ("little",)}
    once, twice = (benchmark_coverage(10, again=again, **case) for again in (0, 40))
    assert any(row.mark for row in once[1:])
    assert not any(row.mark for row in twice)
    first = next(place for place, row in enumerate(once) if row.mark)
    assert once[:first] == twice[:first]
    assert {(row.worlds, bool(old.mark)) for row, old in zip(twice[: first + 1], once[: first + 1], strict=True)} <= {
        (10, False),
        (400, True),
    }


def test_the_command_prints_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the last line of standard output, with coverage by row and verdicts by world."""
    few = benchmark_coverage(5, sizes=(50,), kinds=("0 or 1",), groups=("two, unequal",), noises=("little",))
    monkeypatch.setattr(fairness_benchmarks, "benchmark_coverage", lambda *_, **__: few)
    printed = CliRunner().invoke(benchmark, ["coverage", "--repetitions", "1", "--json"])
    assert printed.exit_code == 0, printed.output
    found = json.loads(printed.stdout.strip().splitlines()[-1])
    assert {row["statistic"] for row in found["rows"]} == {
        "mean",
        "difference",
        "ratio",
        "largest difference",
        "smallest ratio",
    }
    assert all(set(world["rates"]) == set(get_args(Status)) for world in found["verdicts"])


def test_the_other_command_prints_one_object() -> None:
    """Seconds, the peer's, and their ratio."""
    size = ["--people", "200", "--attributes", "1", "--metrics", "1", "--resamples", "2"]
    printed = CliRunner().invoke(benchmark, ["fairness", *size, "--json"])
    assert printed.exit_code == 0, printed.output
    assert {"seconds", "peer_seconds", "ratio"} <= set(json.loads(printed.stdout.strip().splitlines()[-1]))
