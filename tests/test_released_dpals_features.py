"""Public features in DPALS: they show taste that noise hides without them, and change nothing where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from released_worlds import people, popularity
from tactful.released.dpals import PrivateALS
from tactful.released.dpals_rules import Head
from tactful.released.factor_noise import shrunk
from tactful.released.item_features import ItemFeatures
from test_released_dpals import N_ITEMS, answers, checkerboard, told

PARITY = (np.arange(N_ITEMS) % 2).astype(float)
SIGMA = 6.0
N_PEOPLE = 150


def described(*columns: NDArray[np.float64]) -> ItemFeatures:
    """A catalogue with these features."""
    values = np.column_stack(columns) if columns else np.zeros((N_ITEMS, 0))
    return ItemFeatures(names=tuple(f"f{n}" for n in range(len(columns))), values=values, ignored={})


def fitted(features: ItemFeatures | None, seed: int) -> PrivateALS:
    """Fitted to a checkerboard of few people, under much noise."""
    rng = np.random.default_rng(seed)
    histories = checkerboard(rng, N_PEOPLE)
    made = PrivateALS(factors=6)
    ask = answers(histories, SIGMA, rng)
    told_of = told(histories, SIGMA, rng)
    return made.fit(told_of, people(float(N_PEOPLE)), ask, noise_multiplier=SIGMA, features=features)


def lead(made: PrivateALS) -> float:
    """By how much an item's taste for items of its own parity exceeds that for the others, in units of the spread."""
    model, parity = made.model_, PARITY[made.model_.head]
    said = model.encoder @ model.decoder.T
    if not len(said):
        return 0.0
    alike = parity[:, None] == parity
    return float((said[alike].mean() - said[~alike].mean()) / (said.std() + 1e-12))


def test_a_feature_that_tells_taste_brings_it_out_of_the_noise() -> None:
    """In each of six worlds even items say even ones with it; without it noise hides that in most."""
    with_it = [lead(fitted(described(PARITY), seed)) for seed in range(6)]
    without = [lead(fitted(None, seed)) for seed in range(6)]
    assert min(with_it) > 1.4
    assert np.median(without) < 0.2


def test_no_features_and_none_given_are_the_same() -> None:
    """A catalogue that says nothing changes nothing, to the last bit."""
    one, other = fitted(None, 1), fitted(described(), 1)
    assert np.array_equal(one.model_.encoder, other.model_.encoder)
    assert np.array_equal(one.model_.decoder, other.model_.decoder)


@pytest.mark.parametrize("seed", range(5))
def test_a_direction_within_the_span_is_seen_below_the_edge_of_the_whole(seed: int) -> None:
    """A signal of half the edge is lost without the span and found within it, at about its size."""
    rng = np.random.default_rng(seed)
    span = np.linalg.qr(rng.normal(size=(900, 4)))[0]
    signal = 15.0 * np.outer(span @ [1, 0, 0, 0], np.eye(10)[0])
    noisy = signal + rng.normal(size=(900, 10))
    assert np.linalg.norm(shrunk(noisy, 1.0)) < 15
    assert np.linalg.norm(shrunk(noisy, 1.0, span=span) - signal) < 0.7 * np.linalg.norm(signal)
    found = span.T @ shrunk(noisy, 1.0, span=span)
    assert np.linalg.norm(found) == pytest.approx(15, rel=0.4)


def test_pure_noise_stays_nothing_within_a_span_and_off_it() -> None:
    rng = np.random.default_rng(9)
    span = np.linalg.qr(rng.normal(size=(400, 20)))[0]
    sizes = [np.linalg.norm(shrunk(rng.normal(size=(400, 10)), 1.0, span=span)) for _ in range(20)]
    assert np.median(sizes) == 0.0
    assert max(sizes) < 20


def test_the_start_has_no_more_directions_than_features_tell() -> None:
    """Copies and constants tell nothing; directions are scaled like factors drawn at random."""
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, N_ITEMS))
    head = Head.of(
        popularity(np.linspace(9, 1, N_ITEMS)),
        people(1e6),
        noise_multiplier=1.0,
        features=described(one, two, one + two, np.ones(N_ITEMS)),
    )
    assert head.described(10).shape == (N_ITEMS, 2)
    assert head.described(1).shape == (N_ITEMS, 1)
    assert (head.described(10) ** 2).mean(axis=0) == pytest.approx([1.0, 1.0])
    assert head.span is not None
    assert head.span.T @ head.span == pytest.approx(np.eye(head.span.shape[1]))
