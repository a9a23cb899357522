"""DPALS as a planner: it learns a planted taste from noisy sums alone, and says nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from released_worlds import people, popularity
from solve_reference import sums
from tactful.privacy.statistics import (
    FactorGram,
    ItemFactorGrams,
    ItemPopularity,
    Noise,
    RightHandSides,
    SolvedStep,
    SolveQuery,
)
from tactful.released.dpals import PrivateALS
from tactful.released.dpals_rules import factor_count, head_count
from tactful.released.factor_noise import positive, shrunk, spectrum, turned

N_ITEMS, N_PEOPLE = 40, 600
Answer = Callable[[SolveQuery], SolvedStep]


def checkerboard(rng: np.random.Generator, n_people: int = N_PEOPLE) -> list[list[int]]:
    """Even users use even items, odd users odd ones."""
    return [sorted((rng.choice(N_ITEMS // 2, 8, replace=False) * 2 + user % 2).tolist()) for user in range(n_people)]


def told(histories: list[list[int]], sigma: float, rng: np.random.Generator) -> ItemPopularity:
    """Released popularity of these people."""
    values = np.zeros(N_ITEMS)
    for history in histories:
        values[history] += len(history) ** -0.5
    return popularity(values + rng.normal(0, sigma, N_ITEMS), sigma)


def answers(
    histories: list[list[int]],
    sigma: float,
    rng: np.random.Generator,
    *,
    item_grams: bool = False,
    noise: Noise = "system",
) -> Answer:
    """What a door would answer about these people, by the textbook."""

    def ask(query: SolveQuery) -> SolvedStep:
        sides, gram, items = sums([*histories, []], query)  # somebody without items adds zeros of the right shape
        return SolvedStep(
            sides=RightHandSides(noise=noise, values=sides + rng.normal(0, sigma, sides.shape), sigma=sigma),
            gram=FactorGram(noise=noise, values=gram + _mirrored(rng, gram.shape, sigma), sigma=sigma),
            item_grams=ItemFactorGrams(noise=noise, values=items + _mirrored(rng, items.shape, sigma), sigma=sigma)
            if item_grams
            else None,
        )

    return ask


def _mirrored(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """Independent noise on each unordered pair, mirrored."""
    upper = np.triu(rng.normal(0, sigma, shape))
    return np.asarray(upper + np.swapaxes(np.triu(upper, 1), -1, -2))


def fitted(sigma: float = 1.0, *, item_grams: bool = False, seed: int = 0, **settings: Any) -> PrivateALS:
    """Fitted to the checkerboard."""
    rng = np.random.default_rng(seed)
    histories = checkerboard(rng)
    ask = answers(histories, sigma, rng, item_grams=item_grams)
    made = PrivateALS(factors=6, **settings)
    return made.fit(told(histories, sigma, rng), people(float(N_PEOPLE)), ask, noise_multiplier=sigma)


def scores(made: PrivateALS, history: list[int]) -> NDArray[np.float64]:
    """What scoring would order by, for head items."""
    model = made.model_
    rows = np.flatnonzero(np.isin(model.head, history))
    values = np.full(N_ITEMS, -np.inf)
    taste = model.encoder[rows].sum(axis=0) * len(rows) ** -0.5
    values[model.head] = model.base[model.head] + model.decoder @ taste
    return values


@pytest.mark.parametrize("item_grams", [False, True])
@pytest.mark.parametrize("settings", [{}, {"weight_exponent": -0.5}, {"clip": 0.2}, {"seed": 3}, {"steps": 5}])
def test_even_users_are_given_even_items(item_grams: bool, settings: dict[str, Any]) -> None:
    """At least eight of the first ten, chance being five, through noise, with item Grams or without."""
    made = fitted(item_grams=item_grams, **settings)
    for start in (0, 1):
        ranked = np.argsort(-scores(made, [start, start + 2, start + 4]))
        assert np.mean(ranked[:10] % 2 == start) >= 0.8


def test_what_stands_out_grows_with_less_noise() -> None:
    """A planted world has two directions, everybody's and the parity; loud noise leaves less."""
    assert len(fitted(sigma=0.5).singular_values_) >= 2
    assert len(fitted(sigma=40.0).singular_values_) < 2


def test_noise_alone_makes_the_popularity_list() -> None:
    """Where nothing stands out nobody's history says anything, and the model has no head.

    The edge of noise is that of large matrices: of 40 items one direction strays over it in 20 of 100 draws.
    """
    models = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = popularity(rng.normal(0, 1, N_ITEMS), 1.0)
        made = PrivateALS(factors=4).fit(found, people(3.0), answers([], 1.0, rng), noise_multiplier=1.0)
        assert made.model_.rank <= 1
        assert np.array_equal(np.argsort(-made.model_.base), np.argsort(-found.values))
        models.append(made.model_)
    silent = [model for model in models if model.rank == 0]
    assert len(silent) >= 12
    assert all(model.head.size == 0 for model in silent)


def test_the_planner_asks_one_step_at_a_time() -> None:
    """T queries, each made from the answer before; the same answers make the same model."""
    rng = np.random.default_rng(2)
    histories = checkerboard(rng)
    asked: list[SolveQuery] = []
    ask = answers(histories, 1.0, rng)
    given: list[SolvedStep] = []

    def remembered(query: SolveQuery) -> SolvedStep:
        asked.append(query)
        given.append(ask(query))
        return given[-1]

    known = told(histories, 1.0, rng)
    first = PrivateALS(factors=6, steps=4).fit(known, people(600.0), remembered, noise_multiplier=1.0)
    assert [query.step for query in asked] == [1, 2, 3, 4]
    again = PrivateALS(factors=6, steps=4)
    queries = again.queries(known, people(600.0), noise_multiplier=1.0)
    seen = [next(queries)] + [queries.send(step) for step in given[:-1]]
    with pytest.raises(StopIteration):
        queries.send(given[-1])
    assert all(np.array_equal(a.factors, b.factors) for a, b in zip(asked, seen, strict=True))
    assert np.array_equal(first.model_.encoder, again.model_.encoder)


def test_queries_are_sound_systems() -> None:
    """Priors are positive definite, weights above 0, factors finite, whatever the noise said."""
    rng = np.random.default_rng(3)
    histories = checkerboard(rng, 20)
    ask = answers(histories, 30.0, rng, item_grams=True)

    def checked(query: SolveQuery) -> SolvedStep:
        assert np.isfinite(query.factors).all()
        assert np.linalg.eigvalsh(query.prior)[0] > 0
        assert (query.weights > 0).all()
        return ask(query)

    made = PrivateALS(factors=8, steps=5, weight_exponent=-0.5)
    made.fit(told(histories, 30.0, rng), people(-4.0), checked, noise_multiplier=30.0)
    assert np.isfinite(made.model_.encoder).all()


@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        ("system", "reproducible", "reproducible"),
        ("reproducible", "system", "reproducible"),
        ("system", "system", "system"),
    ],
)
def test_reproducible_noise_marks_the_model(first: Noise, second: Noise, made: Noise) -> None:
    """One seeded release is enough."""
    rng = np.random.default_rng(0)
    histories = checkerboard(rng, 50)
    model = PrivateALS(factors=3).fit(
        popularity(np.ones(N_ITEMS), noise=first),
        people(50.0),
        answers(histories, 1.0, rng, noise=second),
        noise_multiplier=1.0,
    )
    assert model.model_.noise == made


def test_it_is_a_scikit_learn_estimator() -> None:
    """Parameters are kept as given and survive a clone."""
    made = PrivateALS(factors=7, damping=0.3)
    assert clone(made).get_params() == made.get_params()
    assert made.get_params()["factors"] == 7


def test_rules_follow_people_and_noise() -> None:
    """More people or less noise: a larger head and a higher rank, within their limits and the catalogue."""
    sizes = [head_count(n, noise_multiplier=4.0, catalogue_size=10**6) for n in (1.0, 1e3, 1e4, 1e5, 1e9)]
    ranks = [factor_count(n, noise_multiplier=4.0) for n in (-1.0, 1e3, 1e4, 1e9)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (150, 4096)
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (4, 64)
    assert head_count(1e9, noise_multiplier=4.0, catalogue_size=30) == 30
    assert head_count(1e4, noise_multiplier=1.0, catalogue_size=10**6) > sizes[2]


def test_pure_noise_has_no_spectrum() -> None:
    """No singular value of 200 × 20 noise is beyond the edge by more than chance allows."""
    rng = np.random.default_rng(1)
    found = [spectrum(3.0 * rng.normal(size=(200, 20)), 3.0)[1] for _ in range(20)]
    assert sum(map(len, found)) <= 12
    assert all(values.max(initial=0.0) < 3.0 * np.sqrt(200) for values in found)


def test_a_planted_direction_is_brought_back_to_its_size() -> None:
    """Within 5%: noise had made the singular value larger, as Gavish & Donoho's formula says."""
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=400), rng.normal(size=10)
    signal = 60 * np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
    noisy = signal + rng.normal(size=(400, 10))
    assert np.linalg.svd(noisy)[1][0] > 62
    value = spectrum(noisy, 1.0)[1]
    expected = 60 * np.sqrt(
        (1 / (1 + 400 / 3600)) * (1 / (1 + 10 / 3600))
    )  # the size that costs least, given the angle
    assert value == pytest.approx([expected], rel=0.05)
    assert np.linalg.norm(shrunk(noisy, 1.0) - signal) < 0.5 * np.linalg.norm(noisy - signal)


def test_the_nearest_positive_matrices() -> None:
    """Negative eigenvalues are cut, the others stay; stacks are done one by one."""
    rng = np.random.default_rng(3)
    noisy = _mirrored(rng, (5, 4, 4), 1.0)
    made = positive(noisy)
    assert np.linalg.eigvalsh(made).min() > -1e-12
    assert np.maximum(np.linalg.eigvalsh(noisy), 0) == pytest.approx(np.linalg.eigvalsh(made), abs=1e-12)
    assert positive(made) == pytest.approx(made, abs=1e-12)


def test_turned_factors_say_the_same() -> None:
    """Only inner products between items count, and they stay; empty directions go, but for one."""
    rng = np.random.default_rng(4)
    factors = rng.normal(size=(9, 2)) @ rng.normal(size=(2, 5))
    made = turned(factors)
    assert made.shape == (9, 2)
    assert made @ made.T == pytest.approx(factors @ factors.T)
    assert turned(np.zeros((9, 3))).shape == (9, 1)
