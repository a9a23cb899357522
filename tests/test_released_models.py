"""Models from released statistics: they find planted taste, know noise for noise, and shrink what they keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from privacy_worlds import bounded, catalogue, door
from released_worlds import checkerboard, gram, popularity, symmetric_noise
from tactful.privacy.noise import SeededNoise
from tactful.privacy.statistics import Noise
from tactful.released.model import ReleasedModel
from tactful.released.popularity import PopularityRecommender
from tactful.released.spectral import SpectralRecommender
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


@pytest.mark.parametrize(("people", "sigma"), [(500, 2.0), (2000, 12.0), (20_000, 6.0)])
@pytest.mark.parametrize("seed", range(3))
def test_even_users_are_recommended_even_items(people: int, sigma: float, seed: int) -> None:
    """In the checkerboard world the ten best items for a short history are all of the person's kind."""
    model = SpectralRecommender().fit(*checkerboard(N_ITEMS, people, np.random.default_rng(seed), sigma)).model_
    assert model.rank >= 2
    for parity in (0, 1):
        history = [parity, parity + 4, parity + 10]
        ranked = [i for i in np.argsort(-scores(model, history)).tolist() if i not in history]
        assert all(i % 2 == parity for i in ranked[:10])


def test_checkerboard_through_the_private_release() -> None:
    """The same from rows through the door and its noise, with 3,000 people at ε = 8."""
    rng = np.random.default_rng(1)
    rows = [[i for i in range(u % 2, 20, 2) if rng.random() < 0.5] or [u % 2] for u in range(3000)]
    made, people = door(SeededNoise(2)), bounded(rows, 20)
    model = SpectralRecommender().fit(made.gram(people, np.arange(20)), made.popularity(people)).model_
    ranked = np.argsort(-scores(model, [1, 3, 5])).tolist()
    assert all(i % 2 for i in ranked[:10])
    assert model.noise == "reproducible"


def test_pure_noise_has_no_taste() -> None:
    """Of Grams that are noise alone almost no direction is kept, mostly none; then everybody gets the popular list."""
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(60):
        liked = popularity(rng.random(80) * 10)
        model = SpectralRecommender().fit(gram(symmetric_noise(rng, 80, 3.0), 3.0), liked).model_
        ranks.append(model.rank)
        if model.rank == 0:
            assert model.encoder.shape == model.decoder.shape == (0, 0)
            assert len(model.head) == 0
            assert np.array_equal(np.argsort(-scores(model, [3, 4])), np.argsort(-liked.values))
    assert max(ranks) <= 2
    assert np.mean(ranks) < 0.5


@pytest.mark.parametrize("strength", [2.0, 3.0, 4.0, 10.0])
def test_shrinkage_moves_a_planted_eigenvalue_to_what_its_vector_is_worth(strength: float) -> None:
    """x = s·σ√M shows up at x + σ²M/x with a vector of squared cosine 1 − 1/s²; x(1 − 1/s²) is learned.

    That is the nearest in Frobenius norm; within the simulation's error.
    """
    rng, n, sigma = np.random.default_rng(4), 200, 0.7
    planted = strength * sigma * np.sqrt(n)
    shown, learned = [], []
    for _ in range(12):
        direction = rng.normal(size=n)
        direction /= np.linalg.norm(direction)
        noisy = planted * np.outer(direction, direction) + symmetric_noise(rng, n, sigma)
        fitted = SpectralRecommender().fit(gram(noisy, sigma), popularity(np.ones(n)))
        shown.append(float(np.linalg.eigvalsh(noisy)[-1]))
        learned.append(float(fitted.eigenvalues_[0]))
    assert np.mean(learned) == pytest.approx(planted * (1 - strength**-2), rel=0.08)
    assert np.mean(shown) == pytest.approx(planted + sigma**2 * n / planted, rel=0.03)


def test_the_edge_and_the_ridge_are_what_the_docstring_says() -> None:
    """edge = 2σ√M; each kept direction is weighted λ/(λ + regularization · edge)."""
    rng = np.random.default_rng(5)
    released, liked = checkerboard(N_ITEMS, 2000, rng, 2.0)
    fitted = SpectralRecommender(regularization=0.5).fit(released, liked)
    model, edge = fitted.model_, 2 * 2.0 * np.sqrt(N_ITEMS)
    assert fitted.edge_ == pytest.approx(edge)
    gains = np.linalg.norm(model.encoder, axis=0)
    assert gains == pytest.approx(fitted.eigenvalues_ / (fitted.eigenvalues_ + 0.5 * edge))
    assert list(fitted.eigenvalues_) == sorted(fitted.eigenvalues_, reverse=True)


def test_the_weights_are_those_of_ease_on_the_gram_that_was_kept() -> None:
    """Off the diagonal −P_ij/P_jj with P = (Σ q λ qᵀ + reg)⁻¹, computed by inverting (Steck 2019, equation 8)."""
    rng = np.random.default_rng(5)
    released, liked = checkerboard(N_ITEMS, 2000, rng, 2.0)
    fitted = SpectralRecommender(regularization=0.5).fit(released, liked)
    model = fitted.model_
    kept = model.encoder / np.linalg.norm(model.encoder, axis=0)
    inverse = np.linalg.inv((kept * fitted.eigenvalues_) @ kept.T + 0.5 * fitted.edge_ * np.eye(N_ITEMS))
    apart = ~np.eye(N_ITEMS, dtype=bool)
    assert (model.encoder @ model.decoder.T)[apart] == pytest.approx((-inverse / np.diag(inverse))[apart])


@pytest.mark.parametrize("model", [SpectralRecommender(regularization=3.0, base_weight=0.1), PopularityRecommender()])
def test_models_follow_scikit_learn(model: BaseEstimator) -> None:
    """Parameters only in the constructor, learned names end in _, fit returns self, clone forgets what was learned."""
    released, liked = checkerboard(N_ITEMS, 500, np.random.default_rng(6), 1.0)
    given = dict(model.get_params())
    arguments = (released, liked) if isinstance(model, SpectralRecommender) else (liked,)
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
    assert SpectralRecommender().fit(released, liked).model_.noise == wanted
    assert PopularityRecommender().fit(liked).model_.noise == of_popularity


def test_what_was_released_is_not_changed_by_fitting() -> None:
    released, liked = checkerboard(N_ITEMS, 500, np.random.default_rng(7), 1.0)
    before = released.values.copy(), liked.values.copy()
    SpectralRecommender().fit(released, liked)
    assert np.array_equal(released.values, before[0])
    assert np.array_equal(liked.values, before[1])


@pytest.mark.parametrize("fitted", ["spectral", "popularity", "noise alone"])
def test_a_written_model_recommends_what_it_scored(tmp_path: Path, fitted: str) -> None:
    """Artifact and `Recommender` give the items in the order of the model's own scores, to 32 bits."""
    rng = np.random.default_rng(8)
    released, liked = checkerboard(N_ITEMS, 2000, rng, 2.0)
    if fitted == "noise alone":
        released = gram(-np.eye(N_ITEMS), 1.0)
    made = PopularityRecommender().fit(liked) if fitted == "popularity" else SpectralRecommender().fit(released, liked)
    model = made.model_
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
    assert answer.personalised == (fitted == "spectral")
    if fitted == "spectral":
        assert [item.score for item in answer.items] == pytest.approx(expected[ranked].tolist(), rel=1e-5)


def test_no_array_of_a_model_has_a_row_for_a_person() -> None:
    """Twice the people, the same shapes: everything is as long as the catalogue or the head."""
    rng = np.random.default_rng(9)
    model = SpectralRecommender().fit(*checkerboard(N_ITEMS, 777, rng, 1.0)).model_
    assert len(model.popularity) == len(model.base) == N_ITEMS
    assert len(model.encoder) == len(model.decoder) == len(model.head) <= N_ITEMS
