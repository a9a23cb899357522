"""Weights of low rank are those of the whole regression where the Gram is a diagonal and few directions, else near."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from released_worlds import symmetric_noise
from tactful.released.large_ease import regressed_on_others
from tactful.released.processors import processors

N, RIDGE = 400, 3.0


def planted(rank: int) -> NDArray[np.float64]:
    """Directions of taste on a diagonal that differs from item to item."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((N, rank)) * rng.uniform(0.2, 1, (N, 1))
    return directions @ directions.T / np.sqrt(rank) + np.diag(rng.uniform(1, 20, N))


def weights(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """B by the inverse, 0 on the diagonal."""
    inverse = np.linalg.inv(gram + RIDGE * np.eye(len(gram)))
    return off_diagonal(-inverse / np.diag(inverse))


def off_diagonal(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """With 0 on the diagonal."""
    return values - np.diag(np.diag(values))


def distance(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """As a share of what was wanted."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def test_the_weights_are_those_of_the_inverse() -> None:
    """With a rank that holds everything; the diagonal of the product is what it is said to be."""
    gram = planted(5)
    with processors():
        encoder, decoder, own = regressed_on_others(gram, RIDGE, rank=N)
    assert distance(off_diagonal(encoder @ decoder.T), weights(gram)) < 1e-5
    assert np.diag(encoder @ decoder.T) == pytest.approx(own / (1 - own), rel=1e-4, abs=1e-6)
    assert own.max() < 1


def test_a_few_pairs_say_nearly_all() -> None:
    """Of five directions on a diagonal and small entries of full rank; eigenvectors of the Gram itself say less."""
    gram = planted(5) + 0.005 * symmetric_noise(np.random.default_rng(1), N, 1.0)
    with processors():
        encoder, decoder, _ = regressed_on_others(gram, RIDGE, rank=40)
        values, vectors = np.linalg.eigh(gram)
    gains = values[-40:] / (values[-40:] + RIDGE)
    common = (vectors[:, -40:] * gains) @ vectors[:, -40:].T
    plain = distance(off_diagonal(common / (1 - np.diag(common))), weights(gram))
    assert distance(off_diagonal(encoder @ decoder.T), weights(gram)) < min(0.3, plain / 2)


def test_a_gram_that_noise_made_indefinite_has_finite_weights() -> None:
    """Pairs of the other side are cut, so that nothing is divided by nearly 0."""
    gram = symmetric_noise(np.random.default_rng(2), N, 1.0)
    np.fill_diagonal(gram, 0.0)
    with processors():
        encoder, decoder, own = regressed_on_others(gram, 0.1, rank=N)
    assert np.isfinite(encoder).all()
    assert np.isfinite(decoder).all()
    assert own.max() < 1
