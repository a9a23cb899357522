"""How fast training is: synthetic people are the same every time, and what is timed is what a run does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tactful.benchmarks import training
from tactful.benchmarks.crowd import ITEMS_EACH, TASTES, crowd
from tactful.benchmarks.training import TrainingSpeed, benchmark_growth, benchmark_training, measure
from tactful.cli.application import app
from tactful.errors import ConfigError


def test_a_crowd_is_what_it_says() -> None:
    """About 65 distinct items a person, most of one taste, some items far more popular; the same for the same seed."""
    rows = crowd(4000, 3000)
    assert rows.shape == (4000, 3000)
    assert rows.has_canonical_format
    assert rows.nnz / 4000 == pytest.approx(ITEMS_EACH, rel=0.2)
    used = np.bincount(rows.indices, minlength=3000)
    assert used[:300].sum() > 2 * used[-300:].sum()
    tastes = [np.bincount(rows.indices[rows.indptr[n] : rows.indptr[n + 1]] % TASTES) for n in range(200)]
    assert np.mean([counts.max() / counts.sum() for counts in tastes if counts.sum() > 30]) > 0.6
    again, other = crowd(4000, 3000), crowd(4000, 3000, seed=1)
    assert np.array_equal(rows.indices, again.indices)
    assert rows.nnz != other.nnz or not np.array_equal(rows.indices, other.indices)


@pytest.mark.parametrize(("people", "items"), [(99, 1000), (100, 999)])
def test_a_crowd_has_a_least_size(people: int, items: int) -> None:
    with pytest.raises(ConfigError, match="a crowd has at least"):
        crowd(people, items)


def test_a_run_is_timed_whole_and_in_parts() -> None:
    """The head is the one that was asked for, every part took time, and the parts are all there is."""
    speed = measure(2000, 1000, 300)
    assert (speed.people, speed.items, speed.head) == (2000, 1000, 300)
    assert 0 < speed.interactions <= 2000 * 200
    assert min(speed.bound, speed.sums, speed.noise, speed.fit) > 0
    assert speed.seconds == speed.bound + speed.sums + speed.noise + speed.fit
    assert 0.01 < speed.peak_gib < 64
    assert measure(2000, 1000, None).head != 300


def test_the_comparison_has_a_ratio_of_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio is our seconds over the peer's, of the forced head at the top and of the rule's beside it."""
    monkeypatch.setattr(training, "_alone", lambda task, *given: task(*given))
    monkeypatch.setattr(training, "measure", lambda users, items, head: speed(users, items, head or 50))
    monkeypatch.setattr(training, "peer", lambda *_: 40.0)
    found = benchmark_training(1000, 2000, head=100).as_json()
    assert (found["seconds"], found["peer_seconds"], found["ratio"], found["head"]) == (10.0, 40.0, 0.25, 100)
    assert (found["default"]["ratio"], found["default"]["head"]) == (0.25, 50)
    assert found["peak_gib"] == 0.5


def test_growth_is_five_sizes_each_and_their_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that double with people and quadruple with items have exponents 1 and 2."""
    monkeypatch.setattr(training, "_alone", lambda task, *given: task(*given))
    monkeypatch.setattr(training, "measure", lambda n, m, *_: speed(n, m, 9, bound=n * float(m) ** 2 - 9))
    found = benchmark_growth(runs=5).as_json()
    assert len(found["by_people"]) == len(found["by_items"]) == found["runs"] == 5
    assert found["exponents"] == {"people": pytest.approx(1), "items": pytest.approx(2)}


def test_of_several_runs_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a lucky run nor an interrupted one; the run that warms everything up is none of them."""
    bounds = iter([100.0, 3.0, 1.0, 50.0])
    monkeypatch.setattr(training, "_world", lambda *_: (None, 9))
    monkeypatch.setattr(training, "_run", lambda *_: speed(400, 0, 50, bound=next(bounds)))
    found = measure(400, 2000, 50, runs=3)
    assert (found.bound, found.items) == (3.0, 2000)
    assert found.peak_gib != 0.5


def speed(people: int, items: int, head: int, bound: float = 1.0) -> TrainingSpeed:
    """A measurement by hand."""
    return TrainingSpeed(
        people=people,
        items=items,
        interactions=9,
        head=head,
        rank=3,
        bound=bound,
        sums=2.0,
        noise=3.0,
        fit=4.0,
        peak_gib=0.5,
    )


@pytest.mark.prove
def test_the_command_prints_one_object_last() -> None:
    """In processes of their own, the peer included."""
    found = CliRunner().invoke(
        app, ["benchmark", "training", "--users", "600", "--items", "1000", "--head", "64", "--json"]
    )
    assert found.exit_code == 0, found.output
    values = json.loads(found.stdout.splitlines()[-1])
    assert values["people"] == 600
    assert values["head"] == 64
    assert values["ratio"] == pytest.approx(values["seconds"] / values["peer_seconds"])
    assert values["default"]["peak_gib"] > 0
