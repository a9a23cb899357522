"""Taste from one noisy Gram: planted taste is found, noise stays noise, and without noise it is the textbook's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_worlds import bounded, door
from released_worlds import Crowd, checkerboard_rows, gram, gram_noise, people, popularity, tasteful_rows
from tactful.privacy.noise import SeededNoise
from tactful.privacy.statistics import GramQuery, ItemGram, ItemPopularity
from tactful.released.gram_recommender import GramRecommender, denoised
from tactful.released.histories import WEIGHT_UNIT, gram_query
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel

_Floats = NDArray[np.float64]
N = 80


def scores(model: ReleasedModel, history: list[int]) -> _Floats:
    """The score of every item by the formula in the model's docstring."""
    slots = np.flatnonzero(np.isin(model.head, history))
    found = model.base.copy()
    if len(slots):
        found[model.head] += model.decoder @ model.encoder[slots].sum(axis=0) / np.sqrt(len(slots))
    return found


def ranked(model: ReleasedModel, history: list[int], n: int = 10) -> list[int]:
    """The best items outside the history."""
    return [i for i in np.argsort(-scores(model, history), kind="stable").tolist() if i not in history][:n]


def features(values: _Floats) -> ItemFeatures:
    """Features of every item."""
    return ItemFeatures(names=tuple(f"f{n}" for n in range(values.shape[1])), values=values, ignored={})


def tasteful(seed: int, *, length: float, sigma: float = 5.0) -> tuple[Crowd, NDArray[np.int64]]:
    """A crowd with three tastes; and the taste of each item."""
    rng = np.random.default_rng(seed)
    rows, kind = tasteful_rows(N, 2500, rng, length=length)
    return Crowd.of(rows, rng, sigma), kind


def error(crowd: Crowd, given: ItemFeatures | None = None) -> float:
    """Squared error of the denoised Gram off the diagonal, as a share of that of the noisy one."""
    apart = ~np.eye(len(crowd.exact), dtype=bool)
    found = denoised(crowd.gram, crowd.popularity, given) - crowd.exact
    return float((found[apart] ** 2).sum() / ((crowd.gram.values - crowd.exact)[apart] ** 2).sum())


@pytest.mark.parametrize(("users", "sigma"), [(200, 2.0), (500, 2.0), (2000, 12.0), (20_000, 6.0)])
@pytest.mark.parametrize("seed", range(3))
def test_even_users_are_recommended_even_items(users: int, sigma: float, seed: int) -> None:
    """In the checkerboard world of long histories the ten best items for a short one are all of the person's kind."""
    rng = np.random.default_rng(seed)
    crowd = Crowd.of(checkerboard_rows(40, users, rng), rng, sigma)
    assert crowd.gram.query.centred
    model = GramRecommender().fit(crowd.gram, crowd.popularity, crowd.people).model_
    for parity in (0, 1):
        assert all(i % 2 == parity for i in ranked(model, [parity, parity + 4, parity + 10]))


@pytest.mark.parametrize("seed", range(3))
def test_short_histories_show_their_taste_to_many_people(seed: int) -> None:
    """Two items a person, which are not centred: with 20,000 people all ten best are of the person's kind."""
    rng = np.random.default_rng(seed)
    crowd = Crowd.of(checkerboard_rows(40, 20_000, rng, share=0.1), rng, 6.0)
    assert not crowd.gram.query.centred
    model = GramRecommender().fit(crowd.gram, crowd.popularity, crowd.people).model_
    for parity in (0, 1):
        assert all(i % 2 == parity for i in ranked(model, [parity, parity + 4]))


def test_checkerboard_through_the_private_release() -> None:
    """The same from rows through the door and its noise, with 3,000 people at ε = 8."""
    rng = np.random.default_rng(1)
    rows = [[i for i in range(u % 2, 20, 2) if rng.random() < 0.5] or [u % 2] for u in range(3000)]
    made, everybody = door(SeededNoise(2)), bounded(rows, 20)
    liked, count = made.popularity(everybody), made.people(everybody)
    query = gram_query(liked, count, np.arange(20))
    model = GramRecommender().fit(made.gram(everybody, query), liked, count).model_
    assert query.centred
    assert all(i % 2 for i in ranked(model, [1, 3, 5], 7))
    assert model.noise == "reproducible"


@pytest.mark.parametrize("length", [3, 12, 25])
@pytest.mark.parametrize("sigma", [5.0, 15.0])
def test_a_gram_is_nearer_to_the_truth_without_its_noise(length: float, sigma: float) -> None:
    """Less than the noise that was on it, and much less where there is much of it."""
    for seed in range(3):
        crowd, _ = tasteful(seed, length=length, sigma=sigma)
        assert crowd.gram.query.centred == (length > 4)
        assert error(crowd) < (0.6 if sigma == 5.0 else 0.15)


def test_features_that_explain_taste_are_used_and_others_do_no_harm() -> None:
    """Each item's kind as a feature takes away a tenth of the error and more; random features add next to none."""
    told, random = [], []
    for seed in range(4):
        crowd, kind = tasteful(seed, length=12, sigma=10.0)
        alone = error(crowd)
        told.append(error(crowd, features((kind[:, None] == np.arange(3)).astype(float))) / alone)
        random.append(error(crowd, features(np.random.default_rng(seed).normal(size=(N, 3)))) / alone)
    assert np.mean(told) < 0.9
    assert np.mean(random) < 1.1


@pytest.mark.parametrize("values", [np.zeros((N, 0)), np.zeros((N, 2)), np.ones((N, 2)), np.eye(N), 1e12 * np.eye(N)])
@pytest.mark.parametrize("length", [3, 12])
def test_no_feature_breaks_the_model(values: _Floats, length: float) -> None:
    """None, empty ones, constant ones, one an item, huge ones: everything stays finite."""
    crowd, _ = tasteful(1, length=length)
    model = GramRecommender().fit(crowd.gram, crowd.popularity, crowd.people, features(values)).model_
    assert np.isfinite(model.encoder).all()
    assert np.isfinite(model.decoder).all()


@pytest.mark.parametrize("length", [3, 12])
def test_as_noise_goes_to_nothing_the_gram_is_the_exact_one(length: float) -> None:
    """Nothing is taken away from what is seen exactly."""
    crowd, _ = tasteful(2, length=length, sigma=1e-6)
    assert np.allclose(denoised(crowd.gram, crowd.popularity), crowd.exact, atol=1e-3)


def test_without_noise_short_histories_are_ranked_as_by_ease() -> None:
    """The scores are the textbook's regression on the exact Gram, with the model's own ridge."""
    crowd, _ = tasteful(3, length=3, sigma=1e-6)
    fitted = GramRecommender(base_weight=0.0).fit(crowd.gram, crowd.popularity, crowd.people)
    inverse = np.linalg.inv(crowd.exact + fitted.regularization * fitted.edge_ * np.eye(N))
    weights = -inverse / np.diag(inverse) * (1 - np.eye(N))
    for history in ([0], [5, 30], [2, 17, 60, 79]):
        x = np.isin(np.arange(N), history) * crowd.gram.query.weights / WEIGHT_UNIT
        wanted, apart = x @ weights / np.sqrt(len(history)), np.setdiff1d(np.arange(N), history)
        assert scores(fitted.model_, history)[apart] == pytest.approx(wanted[apart], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 12.0])
def test_pairs_that_were_not_centred_are_never_below_nothing_and_centred_ones_are(sigma: float) -> None:
    """Not for want of noise: the released pairs of short histories lie on both sides."""
    short, long = (tasteful(5, length=length, sigma=sigma)[0] for length in (3, 12))
    assert not short.gram.query.centred
    assert short.gram.values.min() < 0
    assert denoised(short.gram, short.popularity).min() >= 0
    assert long.gram.query.centred
    assert denoised(long.gram, long.popularity).min() < 0


def permuted(released: ItemGram, turn: NDArray[np.int64]) -> ItemGram:
    """The same Gram with its rows in another order."""
    query = released.query
    turned = replace(query, head=query.head[turn], weights=query.weights[turn], direction=query.direction[turn])
    return gram(released.values[np.ix_(turn, turn)], released.sigma, query=turned)


@pytest.mark.parametrize("length", [3, 12])
@pytest.mark.parametrize("by_features", [False, True])
def test_permuting_the_catalogue_permutes_the_model(length: float, by_features: bool) -> None:
    """Scores follow their items, whichever way the catalogue or the head is sorted."""
    crowd, kind = tasteful(4, length=length)
    told = (kind[:, None] == np.arange(3)).astype(float)
    turn = np.random.default_rng(5).permutation(N)
    place = np.argsort(turn)  # where each item went
    moved = permuted(crowd.gram, turn)
    query = replace(moved.query, head=np.arange(N))
    elsewhere = gram(moved.values, moved.sigma, query=query)
    liked = popularity(crowd.popularity.values[turn], crowd.popularity.sigma)
    given = (features(told), features(told[turn])) if by_features else (None, None)
    one = GramRecommender().fit(crowd.gram, crowd.popularity, crowd.people, given[0]).model_
    sorted_otherwise = GramRecommender().fit(moved, crowd.popularity, crowd.people, given[0]).model_
    other = GramRecommender().fit(elsewhere, liked, crowd.people, given[1]).model_
    for history in ([0, 7], [3, 20, 41, 66]):
        wanted = scores(one, history)
        close = 1e-3 * float(np.ptp(wanted))
        assert np.allclose(scores(sorted_otherwise, history), wanted, atol=close)
        assert np.allclose(scores(other, place[history].tolist())[place], wanted, atol=close)


def noise_alone(seed: int, *, centred: bool) -> tuple[ItemGram, ItemPopularity]:
    """A Gram of nobody, beside a popularity."""
    rng = np.random.default_rng(seed)
    liked = popularity(300 * np.arange(1, N + 1) ** -0.8, 3.0)
    query = gram_query(liked, people(float(liked.values.sum()) / (4.0 if centred else 1.5)), np.arange(N))
    return gram(gram_noise(rng, N, 9.0), 9.0, query=query), liked


@pytest.mark.parametrize("centred", [True, False])
def test_of_a_gram_of_noise_most_of_the_list_is_the_popular_one(centred: bool) -> None:
    """Of the ten best far more than by chance, which is 1.3, are the ten most popular; a tenth of the noise is left."""
    shared, left = [], []
    for seed in range(12):
        released, liked = noise_alone(seed, centred=centred)
        assert released.query.centred == centred
        model = GramRecommender().fit(released, liked, people(1000.0)).model_
        popular = [i for i in range(N) if i not in (3, 20)][:10]
        shared.append(len(set(ranked(model, [3, 20])) & set(popular)))
        apart = ~np.eye(N, dtype=bool)
        left.append((denoised(released, liked)[apart] ** 2).sum() / (released.values[apart] ** 2).sum())
    assert np.mean(shared) > 3.5
    assert np.mean(left) < 0.1


def recall(model: ReleasedModel, rows: NDArray[np.bool_], *, personal: bool) -> float:
    """How much of a fifth of their items that was hidden is among people's ten best; or among the popular ten."""
    rng, found = np.random.default_rng(1), []
    for items in (rng.permutation(np.flatnonzero(row)) for row in rows if row.sum() >= 5):
        hidden, known = items[: len(items) // 5], items[len(items) // 5 :]
        values = scores(model, known.tolist() if personal else [])
        values[known] = -np.inf
        found.append(np.isin(np.argsort(-values)[:10], hidden).sum() / min(10, len(hidden)))
    return float(np.mean(found))


@pytest.mark.parametrize("regularization", [1.25, 0.05])
def test_long_histories_of_few_items_are_served_better_than_by_popularity(regularization: float) -> None:
    """25 of 150 items a person, 60,000 people, next to no noise: at least a fifth more is found, whatever the ridge.

    Where a regression learns what centring took out of every history, the small ridge is worse than popularity.
    """
    rng = np.random.default_rng(0)
    rows, _ = tasteful_rows(150, 60_300, rng, length=25)
    crowd = Crowd.of(rows[300:], rng, 0.7)
    assert crowd.gram.query.centred
    made = GramRecommender(regularization=regularization).fit(crowd.gram, crowd.popularity, crowd.people).model_
    assert recall(made, rows[:300], personal=True) > 1.2 * recall(made, rows[:300], personal=False)


def test_few_people_are_served_better_if_half_of_what_they_share_is_left() -> None:
    """400 of them, a tenth of the budget for popularity: what the Gram knows of it is worth more than it costs."""
    found: dict[float, list[float]] = {0.5: [], 1.0: []}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rows, _ = tasteful_rows(150, 700, rng, length=25)
        trained, others = rows[300:], rows[:300]
        exact = (trained / np.sqrt(np.maximum(trained.sum(axis=1), 1))[:, None]).sum(axis=0)
        liked = popularity(exact + rng.normal(0, 9.0, 150), 9.0)
        rule = gram_query(liked, people(400), np.arange(150))
        assert rule.centred
        assert rule.taken == 0.5
        for taken, recalls in found.items():
            crowd = Crowd.of(trained, np.random.default_rng(seed), 3.0, query=replace(rule, taken=taken))
            made = GramRecommender().fit(crowd.gram, liked, crowd.people).model_
            recalls.append(recall(made, others, personal=True))
    assert np.mean(found[0.5]) > 1.03 * np.mean(found[1.0])


def test_an_empty_or_unknown_history_has_the_popular_list() -> None:
    """Items outside the head count for nothing, and base alone orders."""
    rng = np.random.default_rng(6)
    rows, _ = tasteful_rows(N, 800, rng)
    crowd = Crowd.of(rows, rng, 3.0, head=np.arange(0, 60))
    model = GramRecommender().fit(crowd.gram, crowd.popularity, crowd.people).model_
    for history in ([], [70], [61, 79]):
        assert np.array_equal(scores(model, history), model.base)
    assert np.array_equal(np.argsort(-model.base, kind="stable"), np.argsort(-model.popularity, kind="stable"))


@pytest.mark.parametrize("n", [1, 2, 3, 16])
@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("size", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("sigma", [1e-3, 1.0, 1e6])
def test_the_smallest_heads_and_any_size_of_noise_give_finite_numbers(
    n: int, centred: bool, size: float, sigma: float
) -> None:
    """One item, nothing but zeros, signal and noise nine orders of magnitude apart, popularity below zero."""
    rng = np.random.default_rng(n)
    liked = popularity(rng.normal(0, 5, n), 1.0)
    asked = GramQuery(head=np.arange(n), weights=np.full(n, 16), direction=np.full(n, 64 * centred))
    released = gram(size * gram_noise(rng, n, 1.0) + size * np.eye(n), sigma, query=asked)
    model = GramRecommender().fit(released, liked, people(1000.0)).model_
    for array in (model.base, model.encoder, model.decoder, scores(model, [0])):
        assert np.isfinite(array).all()
