"""What all models from released statistics have in common: scikit-learn's ways, item-side arrays, an artifact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from privacy_worlds import catalogue
from released_worlds import checkerboard, gram, people, popularity
from tactful.privacy.statistics import Noise
from tactful.released.gram_recommender import GramRecommender
from tactful.released.model import ReleasedModel
from tactful.released.popularity import PopularityRecommender
from tactful.scoring.artifact import read_artifact
from tactful.scoring.recommender import Recommender

N_ITEMS = 40


def scores(model: ReleasedModel, history: list[int]) -> NDArray[np.float64]:
    """The score of every item by the formula in the model's docstring."""
    slots = np.flatnonzero(np.isin(model.head, history))
    found = model.base.copy()
    if len(slots):
        found[model.head] += model.decoder @ model.encoder[slots].sum(axis=0) / np.sqrt(len(slots))
    return found


@pytest.mark.parametrize("model", [GramRecommender(base_weight=0.1), PopularityRecommender()])
def test_models_follow_scikit_learn(model: BaseEstimator) -> None:
    """Parameters only in the constructor, learned names end in _, fit returns self, clone forgets what was learned."""
    released, liked, count = checkerboard(N_ITEMS, 500, np.random.default_rng(6), 1.0)
    given = dict(model.get_params())
    arguments = (released, liked, count) if isinstance(model, GramRecommender) else (liked,)
    assert model.fit(*arguments) is model
    learned = set(vars(model)) - set(given)
    assert learned
    assert all(name.endswith("_") for name in learned)
    assert model.get_params() == given
    fresh = clone(model)
    assert fresh.get_params() == given
    assert not hasattr(fresh, "model_")
    again = fresh.fit(*arguments).model_
    assert np.array_equal(scores(again, [0, 2]), scores(model.model_, [0, 2]))


@pytest.mark.parametrize(
    ("of_gram", "of_popularity", "wanted"),
    [
        ("system", "system", "system"),
        ("system", "reproducible", "reproducible"),
        ("reproducible", "system", "reproducible"),
    ],
)
def test_the_kind_of_noise_reaches_the_model(of_gram: Noise, of_popularity: Noise, wanted: Noise) -> None:
    """One reproducible statistic makes the model reproducible: it can be looked at, never approved."""
    released = gram(np.eye(4), 0.01, noise=of_gram)
    liked = popularity(np.arange(4.0), noise=of_popularity)
    assert GramRecommender().fit(released, liked, people(9.0)).model_.noise == wanted
    assert PopularityRecommender().fit(liked).model_.noise == of_popularity


def test_what_was_released_is_not_changed_by_fitting() -> None:
    released, liked, count = checkerboard(N_ITEMS, 500, np.random.default_rng(7), 1.0)
    before = released.values.copy(), liked.values.copy()
    GramRecommender().fit(released, liked, count)
    assert np.array_equal(released.values, before[0])
    assert np.array_equal(liked.values, before[1])


@pytest.mark.parametrize("fitted", ["taste", "popularity", "no taste"])
def test_a_written_model_recommends_what_it_scored(tmp_path: Path, fitted: str) -> None:
    """Artifact and `Recommender` give the items in the order of the model's own scores, to 32 bits."""
    rng = np.random.default_rng(8)
    released, liked, count = checkerboard(N_ITEMS, 2000, rng, 2.0)
    if fitted == "no taste":
        released = replace(released, values=np.zeros((N_ITEMS, N_ITEMS)))
    by_taste = GramRecommender().fit(released, liked, count).model_
    model = PopularityRecommender().fit(liked).model_ if fitted == "popularity" else by_taste
    meta = {"model": "board", "tactful": "0.1.0", "epsilon": 1.0, "delta": 1e-6, "created": "2026-11-22T00:00:00+00:00"}
    digest = model.write(
        tmp_path / "board", catalogue=catalogue(N_ITEMS), sensitive=((),) * (N_ITEMS - 1) + (("health",),), meta=meta
    )
    artifact = read_artifact(tmp_path / "board", manifest_digest=digest)
    history = [1, 5, 9]
    answer = Recommender.unapproved(artifact).recommend([f"i{i}" for i in history], n=8, profiling=True)
    expected = scores(model, history)
    ranked = [i for i in np.argsort(-expected, kind="stable").tolist() if i not in [*history, N_ITEMS - 1]][:8]
    assert [item.item_id for item in answer.items] == [f"i{i}" for i in ranked]
    assert answer.personalised == (fitted == "taste")
    if fitted == "taste":
        assert [item.score for item in answer.items] == pytest.approx(expected[ranked].tolist(), rel=1e-5)


def test_no_array_of_a_model_has_a_row_for_a_person() -> None:
    """Twice the people, the same shapes: everything is as long as the catalogue or the head."""
    rng = np.random.default_rng(9)
    model = GramRecommender().fit(*checkerboard(N_ITEMS, 777, rng, 1.0)).model_
    assert len(model.popularity) == len(model.base) == N_ITEMS
    assert len(model.encoder) == len(model.decoder) == len(model.head) <= N_ITEMS
