"""Every metric keeps the laws of `metrics_contract.py`, and a way of measuring that breaks one is found by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import metrics_contract as contract
from metrics_contract import BY_GROUPS, EXAMPLES, LAWS, NAMES, Law, Measure, World
from tactful.assurance.evaluation import PersonMetrics, measure
from tactful.assurance.metrics import METRICS, OVERALL

Change = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same people for all laws."""
    return World.of(tmp_path_factory.mktemp("metrics"))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_every_metric_keeps_each_law(name: str, law: Law, world: World) -> None:
    law(measure, name, world)


def test_every_metric_has_an_example_worked_out_by_hand() -> None:
    """A new metric needs one; an example of a metric that is gone is noticed, too."""
    assert set(EXAMPLES) | set(BY_GROUPS) == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_every_metric_can_be_told_from_the_others() -> None:
    """No two have one title or say the same, and a meaning is a clause without a full stop."""
    told = [*METRICS.values(), *OVERALL.values()]
    assert len({metric.title for metric in told}) == len({metric.meaning for metric in told}) == len(told)
    assert all(metric.meaning and not metric.meaning.endswith(".") for metric in told)


def changed(name: str, change: Change) -> Measure:
    """A way of measuring that gives one metric another value."""

    def broken(*arguments: Any, **more: Any) -> PersonMetrics:
        found = measure(*arguments, **more)
        return replace(found, values={**found.values, name: change(found.values[name])})

    return broken


BROKEN: dict[str, tuple[Change, Law]] = {
    "beyond its bound": (lambda values: values * 3, contract.it_is_measured_within_its_declared_bounds),
    "not a number for somebody": (
        lambda values: np.where(np.arange(len(values)) == 2, np.nan, values),
        contract.it_is_measured_within_its_declared_bounds,
    ),
    "how far inside of another": (lambda values: values / 2, contract.it_is_measured_within_its_declared_bounds),
    "the same for everybody": (np.zeros_like, contract.it_is_measured_within_its_declared_bounds),
    "compared with the others": (
        lambda values: values - values.mean(keepdims=True),
        contract.each_person_s_figure_is_theirs_alone,
    ),
    "by the place in the table": (
        lambda values: values * (1 - np.arange(len(values)) / 1000),
        contract.each_person_s_figure_is_theirs_alone,
    ),
    "half for who is only known": (
        lambda values: np.where(values == 0, 0.5, values),
        contract.who_is_only_known_counts_nothing_and_changes_nobody,
    ),
    "more in the release than was declared": (
        lambda values: values * 3,
        contract.one_person_moves_the_release_by_no_more_than_was_declared,
    ),
    "off by a little": (lambda values: values * 0.99, contract.the_example_by_hand_is_what_is_measured),
}


@pytest.mark.parametrize("name", ["ndcg@10", "recall@10"])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_metric_is_found(broken: str, name: str, world: World, tmp_path: Path) -> None:
    """By the law that it breaks."""
    change, law = BROKEN[broken]
    with pytest.raises(AssertionError):
        law(changed(name, change), name, replace(world, folder=tmp_path))


def test_a_metric_that_nobody_measures_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name in the table alone is not enough."""
    monkeypatch.setitem(METRICS, "serendipity@10", METRICS["novelty@10"])
    with pytest.raises(KeyError, match="serendipity"):
        contract.it_is_measured_within_its_declared_bounds(measure, "serendipity@10", world)
