"""An artifact may lift items: lists are ordered by lifted scores, explanations add up, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring_world import checkerboard, item_model, random_world, recommender
from tactful.errors import ModelRefusedError
from tactful.scoring import Recommender


def lifted(world: dict[str, NDArray[Any]], bonus: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """The world with a bonus beside its base."""
    return world | {"bonus": bonus}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[dict[str, Any], Recommender, Recommender]:
    """A model with a bonus, and one whose base has it already."""
    world = random_world(3)
    bonus = np.random.default_rng(4).random(60, np.float32)
    merged = world | {"base": world["base"] + bonus}
    return world, recommender(tmp_path / "with", lifted(world, bonus)), recommender(tmp_path / "merged", merged)


def test_lists_are_those_of_the_lifted_base(pair: tuple[dict[str, Any], Recommender, Recommender]) -> None:
    """Order, scores and explanations, for one and for many, are those of base + bonus."""
    world, one, other = pair
    histories = [[f"i{i}" for i in np.random.default_rng(n).choice(60, 8, replace=False)] for n in range(20)]
    assert one.recommend_batch(histories, 12, profiling=True, because=True) == [
        replaced(answer, one) for answer in other.recommend_batch(histories, 12, profiling=True, because=True)
    ]
    outside = np.setdiff1d(np.arange(60), world["head"])[0]
    assert one.explain(histories[0], f"i{outside}")[-1].item_id is None


def replaced(answer: Any, by: Recommender) -> Any:
    """The answer as if the other model had given it."""
    assert answer.version == by.version
    return answer


def test_what_a_score_is_made_of_adds_up_to_it(pair: tuple[dict[str, Any], Recommender, Recommender]) -> None:
    """The bonus is part of the base term."""
    _, one, _ = pair
    answer = one.recommend([f"i{i}" for i in range(0, 60, 4)], 15, profiling=True, because=True)
    assert answer.personalised
    for item in answer.items:
        assert item.because is not None
        assert sum(part.contribution for part in item.because) == pytest.approx(item.score, abs=1e-5)
        assert item.because[-1].item_id is None


def test_the_list_of_everybody_has_no_bonus(pair: tuple[dict[str, Any], Recommender, Recommender]) -> None:
    """It stays the order of released popularity."""
    world, one, _ = pair
    answer = one.recommend([], 60, profiling=False)
    order = [f"i{i}" for i in np.argsort(-world["popularity"], kind="stable") if world["sensitive"][i] == 0]
    assert [item.item_id for item in answer.items] == order


def test_a_bonus_lifts_an_item_over_those_within_it_and_no_others(tmp_path: Path) -> None:
    """Even items differ by a hundredth each: a bonus of 0.025 overtakes two of them."""
    world = checkerboard()
    bonus = np.zeros(12, np.float32)
    bonus[4] = 0.025
    plain = recommender(tmp_path / "plain", world | {"sensitive": np.zeros(12, np.int16)})
    with_bonus = recommender(tmp_path / "bonus", lifted(world | {"sensitive": np.zeros(12, np.int16)}, bonus))
    before, after = (
        [item.item_id for item in model.recommend(["106"], 3, profiling=True).items] for model in (plain, with_bonus)
    )
    assert before == ["100", "102", "104"]
    assert after == ["100", "104", "102"]


@pytest.mark.parametrize(
    "bonus",
    [
        np.full(12, -0.1, np.float32),
        np.zeros(11, np.float32),
        np.zeros(12, np.float64),
        np.full(12, 2e30, np.float32),
        np.zeros((12, 1), np.float32),
    ],
)
def test_a_bonus_that_does_not_fit_is_refused(tmp_path: Path, bonus: NDArray[Any]) -> None:
    """Below 0, of another length or type, or so large that scores would overflow."""
    with pytest.raises(ModelRefusedError):
        item_model(tmp_path / "model", lifted(checkerboard(), bonus))
