"""The inverse as a diagonal and a part of low rank is the textbook's where it is exact, and near it elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.released import precision
from tactful.released.precision import Precision

_Floats = NDArray[np.float64]
SMALL, LARGE = 30, 600
"""Below and above the size up to which every pair is kept."""


def dense(made: Precision) -> _Floats:
    """P as one matrix, by the formula in the docstring."""
    inner = np.eye(len(made.scale)) - (made.vectors * made.gains) @ made.vectors.T
    found: _Floats = inner / np.outer(made.scale, made.scale)
    return found


def inverse(gram: _Floats, ridge: float) -> _Floats:
    """(G + λI)⁻¹ by LAPACK."""
    made: _Floats = np.linalg.inv(gram + ridge * np.eye(len(gram)))
    return made


def semidefinite(seed: int, n: int, rank: int) -> _Floats:
    """A Gram of this rank."""
    used = np.random.default_rng(seed).normal(size=(rank, n))
    made: _Floats = used.T @ used
    return made


def bipartite(seed: int, n: int, rank: int = 8) -> _Floats:
    """Items of two kinds that go with the other kind only: nothing on the diagonal, of rank 2·`rank`."""
    rng, half = np.random.default_rng(seed), n // 2
    made = np.zeros((n, n))
    made[:half, half:] = rng.normal(size=(half, rank)) @ rng.normal(size=(rank, n - half))
    both: _Floats = made + made.T
    return both


def tasteful(seed: int, n: int) -> _Floats:
    """A falling diagonal and eight tastes that popular items have more of."""
    rng, place = np.random.default_rng(seed), np.arange(1.0, n + 1)
    tastes = rng.normal(size=(n, 8)) * place[:, None] ** -0.4
    made: _Floats = np.diag(10 * place**-0.8 * (1 + rng.random(n))) + tastes @ tastes.T
    return made


@pytest.mark.parametrize("rank", [0, 3, 2 * SMALL])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 300.0])
def test_of_a_small_gram_it_is_the_inverse(rank: int, ridge: float) -> None:
    """To 1e-9, with one gain for each direction that the Gram has."""
    for seed in range(5):
        gram = semidefinite(seed, SMALL, rank)
        made = Precision.of(gram, ridge)
        assert (made.gains > 1e-9).sum() == min(rank, SMALL)  # what is below that is rounding
        assert dense(made) * ridge == pytest.approx(inverse(gram, ridge) * ridge, abs=1e-9)


def test_noise_below_zero_is_dropped() -> None:
    """It is the inverse of what the Gram is above zero; no gain reaches 1, from where on it would not be definite."""
    values, vectors = np.linalg.eigh(semidefinite(1, SMALL, 2 * SMALL))
    signs = np.where(np.arange(SMALL) < 7, -1.0, 1.0)
    made = Precision.of((vectors * values * signs) @ vectors.T, 2.0)
    above = (vectors * np.where(signs > 0, values, 0.0)) @ vectors.T
    assert dense(made) == pytest.approx(inverse(above, 2.0), abs=1e-9)
    assert len(made.gains) == SMALL - 7
    assert ((made.gains > 0) & (made.gains < 1)).all()


@pytest.mark.parametrize("kept", [256, 16])
def test_of_a_large_gram_it_is_the_inverse_where_the_rest_is_of_low_rank(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To single precision, however uneven the diagonal, by LAPACK (256 pairs of 600) and by a Krylov space (16)."""
    monkeypatch.setattr(precision, "_RANK", kept)
    for seed in range(3):
        rest = bipartite(seed, LARGE)
        gram = rest + np.diag(np.abs(rest).sum(axis=1) * np.random.default_rng(seed).uniform(1, 4, LARGE))
        found, wanted = dense(Precision.of(gram, 5.0)), inverse(gram, 5.0)
        apart = ~np.eye(LARGE, dtype=bool)
        assert np.abs(found - wanted)[apart].max() < 1e-4 * np.abs(wanted[apart]).max()
        assert np.diag(found) == pytest.approx(np.diag(wanted), rel=1e-5)


@pytest.mark.parametrize("kept", [256, 32])
def test_it_is_nearer_than_as_many_directions_of_the_gram_are(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its tastes a Gram is mostly its diagonal: keeping that whole leaves at most six tenths of the error."""
    monkeypatch.setattr(precision, "_RANK", kept)
    apart = ~np.eye(LARGE, dtype=bool)
    for seed in range(3):
        gram = tasteful(seed, LARGE)
        values, vectors = (array[..., -kept:] for array in np.linalg.eigh(gram))
        plain = -(vectors * (values / (values + 5.0))) @ vectors.T / 5.0
        wanted = inverse(gram, 5.0)[apart]
        ours, others = (np.linalg.norm(x[apart] - wanted) for x in (dense(Precision.of(gram, 5.0)), plain))
        assert ours < 0.6 * others
        assert ours < 0.15 * np.linalg.norm(wanted)


@pytest.mark.parametrize("n", [SMALL, LARGE])
def test_its_diagonal_and_its_products_are_those_of_the_whole_matrix(n: int) -> None:
    """Without ever making it."""
    made = Precision.of(tasteful(1, n), 3.0)
    vector = np.random.default_rng(2).normal(size=n)
    assert made.diagonal == pytest.approx(np.diag(dense(made)), rel=1e-9)
    assert made.times(vector) == pytest.approx(dense(made) @ vector, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("of", [np.zeros, lambda n: 7 * np.ones(n), lambda n: np.arange(1.0, n + 1)])
def test_a_large_gram_without_taste_is_its_diagonal(of: Callable[[int], _Floats]) -> None:
    """No column, and the inverse of a diagonal."""
    diagonal = of(LARGE)
    made = Precision.of(np.diag(diagonal), 2.0)
    assert made.vectors.shape == (LARGE, 0)
    assert made.diagonal == pytest.approx(1 / (diagonal + 2.0), rel=1e-12)
    assert made.times(diagonal) == pytest.approx(diagonal / (diagonal + 2.0), rel=1e-12)


@pytest.mark.parametrize("n", [SMALL, LARGE])
@pytest.mark.parametrize("size", [0.1, 10.0, 300.0])
def test_a_gram_that_noise_has_made_indefinite_has_a_definite_inverse(n: int, size: float) -> None:
    """Whatever stands off the diagonal: no gain is 0, none reaches 1, and every number is finite."""
    noise = np.random.default_rng(n).normal(size=(n, n)) * size
    gram = noise + noise.T
    np.fill_diagonal(gram, 1.0)
    made = Precision.of(gram, 0.5)
    assert made.gains.all()
    assert np.linalg.eigvalsh(dense(made)).min() > 0
    assert np.isfinite(dense(made)).all()
    assert (made.diagonal > 0).all()
