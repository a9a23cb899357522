"""The low-rank part of a noisy Gram: planted directions come back at their worth, features help where they explain."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from released_worlds import gram_noise
from tactful.released.low_rank import feature_span, low_rank

_Floats = NDArray[np.float64]
N, SIGMA, WORLDS = 320, 0.7, 8
UNIT = SIGMA * np.sqrt(N)
"""Half an edge: a direction shows from here on."""
POPULAR: _Floats = np.arange(1, N + 1) ** -0.7
GENRES: _Floats = (np.random.default_rng(3).random((N, 8)) < 0.3).astype(float)
BY_GENRE: _Floats = np.concatenate([POPULAR[:, None] * GENRES, np.sqrt(POPULAR)[:, None] * GENRES], axis=1)
STRENGTHS = {"under the noise": [0.6, 0.5, 0.4], "at it": [1.5, 1.4, 1.3], "above": [2.5, 2, 1.5], "far": [20, 10, 5]}


def planted(strengths: list[float], seed: int, within: _Floats | None = None) -> tuple[_Floats, _Floats]:
    """Directions of these strengths in half edges, anywhere or within a span, and the same with noise."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(N, len(strengths)))
    if within is not None:
        drawn = within @ rng.normal(size=(within.shape[1], len(strengths)))
    directions = np.linalg.qr(drawn)[0]
    true = (directions * np.array(strengths) * UNIT) @ directions.T
    return true, true + gram_noise(rng, N, SIGMA)


def error(found: _Floats, true: _Floats) -> float:
    """Squared error in Frobenius norm, in units of N σ², what one direction far above the noise costs about twice."""
    return float(((found - true) ** 2).sum()) / (N * SIGMA**2)


def kept_above_the_edge(noisy: _Floats, *, shrunk: bool) -> _Floats:
    """What is above the edge as it is, or as is best in operator norm: (w + √(w² − edge²))/2."""
    values, vectors = np.linalg.eigh(noisy)
    edge = 2 * UNIT
    above = values > edge
    sizes = values[above]
    if shrunk:
        sizes = (sizes + np.sqrt(sizes**2 - edge**2)) / 2
    made: _Floats = (vectors[:, above] * sizes) @ vectors[:, above].T
    return made


@pytest.mark.parametrize("name", STRENGTHS)
def test_planted_directions_come_back_with_less_error_than_by_other_rules(name: str) -> None:
    """Below what is above the edge as it is, below shrinkage for the operator norm, below everything and nothing."""
    sums = np.zeros(4)
    for seed in range(WORLDS):
        true, noisy = planted(STRENGTHS[name], seed)
        rules = (low_rank(noisy, SIGMA), kept_above_the_edge(noisy, shrunk=True), noisy, 0 * true)
        sums += [error(found, true) for found in rules]
        assert error(rules[0], true) <= error(kept_above_the_edge(noisy, shrunk=False), true)
    ours, operator, everything, nothing = sums / WORLDS
    assert ours < operator
    assert ours < 0.05 * everything
    assert ours < 1.1 * nothing
    assert ours < 0.5 * nothing or name in ("under the noise", "at it")


@pytest.mark.parametrize("strength", [2.0, 3.0, 4.0, 10.0])
def test_a_planted_eigenvalue_becomes_what_its_vector_is_worth(strength: float) -> None:
    """x = s·σ√M shows up at x + σ²M/x with a vector of squared cosine 1 − 1/s²; x(1 − 1/s²) is kept."""
    kept, shown = [], []
    for seed in range(12):
        _, noisy = planted([strength], seed)
        shown.append(float(np.linalg.eigvalsh(noisy)[-1]))
        kept.append(float(np.linalg.eigvalsh(low_rank(noisy, SIGMA))[-1]))
    assert np.mean(shown) / UNIT == pytest.approx(strength + 1 / strength, rel=0.03)
    assert np.mean(kept) / UNIT == pytest.approx(strength * (1 - strength**-2), rel=0.08)


@pytest.mark.parametrize("by_features", [False, True])
def test_of_noise_nothing_is_kept(by_features: bool) -> None:
    """Less than a thousandth of its energy in the mean over worlds, with features that say nothing as well."""
    span = feature_span(POPULAR, GENRES) if by_features else None
    kept = [error(low_rank(gram_noise(np.random.default_rng(s), N, SIGMA), SIGMA, span=span), 0) for s in range(20)]
    assert np.mean(kept) < 0.001 * N


@pytest.mark.parametrize("name", STRENGTHS)
def test_features_that_explain_taste_help_from_few_people_on(name: str) -> None:
    """The error is less than half of that without them, also where nothing shows without them."""
    span, sums = feature_span(POPULAR, GENRES), np.zeros(3)
    for seed in range(WORLDS):
        true, noisy = planted(STRENGTHS[name], seed, within=BY_GENRE)
        sums += [error(found, true) for found in (low_rank(noisy, SIGMA, span=span), low_rank(noisy, SIGMA), 0 * true)]
    explained, alone, nothing = sums / WORLDS
    assert explained < 0.5 * alone
    assert explained < 0.5 * nothing


@pytest.mark.parametrize("name", STRENGTHS)
def test_features_that_say_nothing_cost_little(name: str) -> None:
    """At most a tenth of what there is to learn: taste that has nothing to do with them is found beside them."""
    span, sums = feature_span(POPULAR, GENRES), np.zeros(3)
    for seed in range(WORLDS):
        true, noisy = planted(STRENGTHS[name], seed)
        sums += [error(found, true) for found in (low_rank(noisy, SIGMA, span=span), low_rank(noisy, SIGMA), 0 * true)]
    misled, alone, energy = sums / WORLDS
    assert misled < alone + 0.1 * energy


def test_without_noise_everything_is_kept() -> None:
    true, _ = planted([9.0, 4.0, 1.0, 0.1], seed=1)
    for span in (None, feature_span(POPULAR, GENRES)):
        assert np.allclose(low_rank(true, 1e-12, span=span), true, atol=1e-8)


def test_units_and_order_do_not_matter() -> None:
    """Times a number gives the result times it, and permuted items the permuted result, with features as well.

    Directions are searched for in single precision.
    """
    _, noisy = planted([4.0, 2.0, 1.5], seed=2)
    turn = np.random.default_rng(9).permutation(N)
    for span in (None, feature_span(POPULAR, GENRES)):
        found = low_rank(noisy, SIGMA, span=span)
        assert np.allclose(low_rank(5 * noisy, 5 * SIGMA, span=span), 5 * found, atol=1e-4)
        turned = low_rank(noisy[np.ix_(turn, turn)], SIGMA, span=None if span is None else span[turn])
        assert np.allclose(turned, found[np.ix_(turn, turn)], atol=1e-4)
        assert np.allclose(found, found.T, atol=1e-10)


def test_the_span_is_orthonormal_small_and_of_what_it_was_made() -> None:
    """At most a sixteenth of the items; popularity times a feature lies in it; repeated features add nothing."""
    span = feature_span(POPULAR, GENRES)
    assert np.allclose(span.T @ span, np.eye(span.shape[1]))
    assert span.shape == (N, 17)  # popularity, and eight features with two powers of it
    assert np.allclose(span @ (span.T @ BY_GENRE), BY_GENRE)
    assert feature_span(POPULAR, np.repeat(GENRES, 3, axis=1)).shape == (N, 17)
    assert feature_span(POPULAR, np.random.default_rng(1).normal(size=(N, 60))).shape == (N, N // 16)
    assert feature_span(POPULAR[:5], GENRES[:5]).shape == (5, 1)
    turned = feature_span(7 * POPULAR[::-1], GENRES[::-1])[::-1]
    assert np.allclose(turned @ turned.T, span @ span.T, atol=1e-8)
