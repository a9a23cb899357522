"""The benchmark of the noise times the noise of a release, says who its peers are, and its figures agree."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from cli_calls import exit_code
from tactful.benchmarks import noise as benchmark
from tactful.benchmarks.noise import NoiseSpeed, measure_noise
from tactful.errors import UsageError
from tactful.privacy.noise import SystemNoise

FIELDS = {
    "draws",
    "sigma",
    "seconds",
    "draws_per_second",
    "peer",
    "peer_seconds",
    "peer_draws_per_second",
    "ratio",
    "exact_peer",
    "exact_peer_draws_per_second",
}


def tactful(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command."""
    return exit_code(monkeypatch, "benchmark", "noise", *arguments)


def test_the_command_prints_one_object_and_a_line_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure is there, positive, and the rates follow from the seconds."""
    assert tactful(monkeypatch, "--draws", "2000", "--json") == 0
    told = capsys.readouterr()
    (line,) = told.out.strip().splitlines()
    found = json.loads(line)
    assert set(found) == FIELDS
    assert (found["draws"], found["sigma"]) == (2000, 2.0**32)
    assert found["draws_per_second"] == found["draws"] / found["seconds"]
    assert found["peer_draws_per_second"] == found["draws"] / found["peer_seconds"]
    assert found["ratio"] == found["seconds"] / found["peer_seconds"]
    assert found["exact_peer_draws_per_second"] > 0
    assert "draws a second" in told.err


def test_no_draws_are_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert tactful(monkeypatch, "--draws", "0") == 2
    assert "there must be draws to time" in capsys.readouterr().err
    with pytest.raises(UsageError, match="there must be draws to time"):
        measure_noise(-1)


def test_it_times_the_noise_of_a_release_in_whole_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four calls of `SystemNoise.draw` with all draws in each, and as many of each peer at the same σ."""
    asked: list[tuple[float, int]] = []
    drawn = SystemNoise.draw

    def draw(self: SystemNoise, sigma: float, size: int) -> NDArray[np.int64]:
        asked.append((sigma, size))
        return drawn(self, sigma, size)

    monkeypatch.setattr(SystemNoise, "draw", draw)
    assert measure_noise(500).draws == 500
    assert asked == [(benchmark.SIGMA, 500)] * 4


def test_the_peer_draws_what_the_noise_draws_but_for_the_proof() -> None:
    """Integers of the same spread, so that equal work is compared."""
    drawn = benchmark._rounded(np.random.default_rng(1), 50_000)
    assert drawn.dtype == np.int64
    assert drawn.std() == pytest.approx(benchmark.SIGMA, rel=0.03)


def test_the_best_of_three_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call warms up and is not timed; of the next three the shortest is told."""
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    calls: list[int] = []
    assert benchmark._best(lambda: calls.append(1)) == 2.0
    assert len(calls) == 4


def test_a_ratio_below_one_is_faster_than_the_peer() -> None:
    speed = NoiseSpeed(draws=10, sigma=1e4, seconds=1.0, peer_seconds=2.0, exact_peer_draws_per_second=1.0)
    assert (speed.ratio, speed.draws_per_second, speed.peer_draws_per_second) == (0.5, 10.0, 5.0)
