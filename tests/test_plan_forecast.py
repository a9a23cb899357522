"""A forecast is read off the table, says when it is beyond it, and moves the way that people and noise move it."""

from __future__ import annotations

import inspect
import json
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner

import tactful.cli.forecasting  # noqa: F401  (adds the command)
from tactful import forecast
from tactful.cli.application import app
from tactful.errors import TactfulError, UsageError
from tactful.forecast import plan
from tactful.privacy.accountant import epsilon_at, mu_at

KEYS = {"people", "items", "epsilon", "delta", "history_length", "head", "rank", "share_of_gain", "people_needed"}


def table() -> dict[str, Any]:
    """The file that was shipped."""
    found: dict[str, Any] = json.loads((files("tactful") / "plan_table.json").read_text(encoding="utf-8"))
    return found


def test_at_a_cell_the_forecast_is_the_cell() -> None:
    """Where a population was simulated, the share is what was measured there, but for dips that chance made."""
    cell = next(c for c in table()["cells"] if (c["world"], c["items"], c["people"]) == ("typical", 2000, 8000))
    length, gain = cell["history_length"], cell["reference"] - cell["popularity"]
    for epsilon, recall, rank in zip(table()["axes"]["epsilon"], cell["recall"], cell["rank"], strict=True):
        if epsilon > forecast.MOST_EPSILON:
            continue
        found = plan(8000, 2000, epsilon=epsilon, history_length=length)
        assert found.share_of_gain["typical"] == pytest.approx(max((recall - cell["popularity"]) / gain, -1), abs=0.1)
        assert found.rank == round(rank)
        assert found.within_table


def test_more_people_or_less_noise_promise_no_less() -> None:
    """In each world the share rises with people and with epsilon, through the cells and between them."""
    people = [500, 900, 2000, 5000, 8000, 20_000, 32_000, 100_000, 400_000]
    epsilons = [0.3, 0.5, 1.0, 2.0, 3.0, 8.0, 10.0, 25.0, 30.0]
    by_people = [plan(n, 1000, epsilon=1.0).share_of_gain for n in people]
    by_epsilon = [plan(5000, 1000, epsilon=epsilon).share_of_gain for epsilon in epsilons]
    for shares in (by_people, by_epsilon):
        for world in ("low", "typical", "high"):
            assert all(less[world] <= more[world] for less, more in pairwise(shares))


def test_what_noise_costs_is_what_is_missing_without_it() -> None:
    """Much with few people; with a hundred million and epsilon = 1 nothing, which lies within the table."""
    few = plan(2000, 1000, epsilon=1.0)
    many = plan(10**8, 1000, epsilon=1.0, delta=1e-10)
    assert few.share_without_noise["typical"] - few.share_of_gain["typical"] > 0.2
    assert many.within_table
    for world, share in many.share_of_gain.items():
        assert many.share_without_noise[world] - share == pytest.approx(0, abs=0.01)


def test_only_the_signal_over_the_noise_counts_beyond_the_most_people() -> None:
    """Twice the table's people at half of μ are forecast as the table's people, and the reader is told so."""
    at = plan(8_000, 1000, epsilon=3.0)
    twice = plan(16_000, 1000, epsilon=epsilon_at(mu_at(3.0, 1e-6) / 2, 1e-6))
    assert twice.share_of_gain == pytest.approx(at.share_of_gain, abs=2e-3)
    assert twice.within_table
    assert "8,000" in twice.notes[0]
    assert at.notes == ()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"people": 100}, "fewer people than the table holds (500)"),
        ({"items": 50}, "fewer items than the table holds (300)"),
        ({"items": 50_000}, "more items than the table holds (2,000)"),
        ({"history_length": 1.5}, "shorter histories than the table holds (3)"),
        ({"history_length": 400.0}, "longer histories than the table holds (100)"),
        ({"epsilon": 0.01}, "more noise than the table holds for so many people"),
        ({"people": 10**9, "delta": 1e-11}, "less noise than the table holds for so many people"),
    ],
)
def test_beyond_the_table_it_says_so_and_gives_the_edge(asked: dict[str, Any], says: str) -> None:
    """Nothing is extrapolated in silence: the sentence stands in `outside`, and the flag is down."""
    found = plan(**{"people": 5000, "items": 1000, "epsilon": 1.0, "history_length": 20.0} | asked)
    assert found.outside == (says,)
    assert not found.within_table
    assert -1 <= found.share_of_gain["low"] <= found.share_of_gain["high"] <= 1


def test_the_people_that_are_needed_reach_the_share() -> None:
    """With as many people as it names the share is there, with a fifth fewer it is not; the same for epsilon."""
    found = plan(3000, 1000, epsilon=1.0)
    people, epsilon = found.people_needed["50%"]["typical"], found.epsilon_needed["50%"]["typical"]
    assert people is not None
    assert epsilon is not None
    assert plan(round(1.1 * people), 1000, epsilon=1.0).share_of_gain["typical"] >= 0.5
    assert plan(round(0.8 * people), 1000, epsilon=1.0).share_of_gain["typical"] < 0.5
    assert plan(3000, 1000, epsilon=1.1 * epsilon).share_of_gain["typical"] >= 0.5
    assert plan(3000, 1000, epsilon=0.8 * epsilon).share_of_gain["typical"] < 0.5
    more = found.people_needed["90%"]["typical"]
    assert more is None or more > people


def test_what_the_table_cannot_answer_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of people in the table gives more than all of the gain, and none is made up."""
    monkeypatch.setattr(forecast, "TARGETS", {"100%": 1.01})
    found = plan(3000, 1000, epsilon=1.0)
    assert set(found.people_needed["100%"].values()) == {None}
    assert set(found.epsilon_needed["100%"].values()) == {None}


def test_the_head_and_the_rank_are_of_this_catalogue() -> None:
    """The head is no larger than the catalogue, the rank hardly than the head, and both grow with people."""
    few, many = plan(2000, 400, epsilon=1.0), plan(30_000, 400, epsilon=1.0)
    for found in (few, many):
        assert 0 <= found.rank <= found.head + 1
        assert found.head <= 400
    assert few.rank < many.rank


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 0},
        {"items": 0},
        {"history_length": 0.5},
        {"history_length": float("nan")},
        {"epsilon": 0.0},
        {"delta": 1.0},
    ],
)
def test_a_question_without_sense_is_a_usage_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as error:
        plan(**{"people": 5000, "items": 1000, "epsilon": 1.0} | wrong)
    assert isinstance(error.value, TactfulError)
    assert error.value.exit_code == 2


def test_the_command_says_it_in_words_and_in_json() -> None:
    """One JSON object on the last line, with the contract's keys; the words say that it is a forecast."""
    done = CliRunner().invoke(app, ["plan", "--people", "4000", "--items", "1000", "--epsilon", "1", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found.keys() >= KEYS | {"within_table", "epsilon_needed"}
    assert set(found["share_of_gain"]) == {"low", "typical", "high"}
    assert set(found["people_needed"]) == {"50%", "90%"}
    assert found["delta"] == 1e-6
    assert "forecast from synthetic populations and no promise" in done.stderr
    assert "expect" in done.stderr


def test_the_command_says_that_it_lies_outside() -> None:
    """In text as well."""
    done = CliRunner().invoke(app, ["plan", "--people", "40", "--items", "1000", "--epsilon", "1"])
    assert done.exit_code == 0
    assert "fewer people than the table holds (500)" in done.stdout


def test_no_data_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened but the table: the function takes numbers and has no path to anything."""
    assert set(inspect.signature(plan).parameters) == {"people", "items", "epsilon", "delta", "history_length"}
    forecast._table.cache_clear()
    opened, shipped = [], table()
    monkeypatch.setattr(forecast.json, "loads", lambda text: opened.append(text) or shipped)
    plan(5000, 1000, epsilon=1.0)
    forecast._table.cache_clear()
    assert len(opened) == 1


def test_delta_that_protects_nobody_is_refused() -> None:
    """With a million people a delta of a millionth may give one of them away outright."""
    with pytest.raises(UsageError, match="below one over the number of people"):
        plan(1_000_000, 1000, epsilon=1, delta=1e-6)


def test_no_model_keeps_more_directions_than_items() -> None:
    """Ten items have ten directions at most, whatever the table's edge says."""
    assert plan(2000, 10, epsilon=8).rank <= 10
