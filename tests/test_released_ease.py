"""The encoder and the decoder are ridge regression of each item on all others, as the inverse of the Gram says it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import null_space

from tactful.privacy.statistics import GramQuery
from tactful.released import precision
from tactful.released.ease import encoder_and_decoder
from tactful.released.histories import WEIGHT_UNIT

_Floats = NDArray[np.float64]
N = 30


def semidefinite(seed: int, n: int = N, rank: int | None = None) -> _Floats:
    """A Gram."""
    used = np.random.default_rng(seed).normal(size=(rank or 2 * n, n))
    made: _Floats = used.T @ used
    return made


def query(seed: int, *, centred: bool, n: int = N, taken: float = 1.0) -> GramQuery:
    """Random weights and a random direction."""
    rng = np.random.default_rng(seed)
    direction = rng.integers(0, 65, n) if centred else np.zeros(n, dtype=np.int64)
    return GramQuery(head=np.arange(n), weights=rng.integers(16, 256, n), direction=direction, taken=taken)


def regressed(inverse: _Floats, asked: GramQuery, history: list[int], back: float) -> _Floats:
    """Scores by Steck 2019, equation 8: B_ij = −P_ij/P_jj, P the inverse; and popularity given back."""
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    x = np.isin(np.arange(len(inverse)), history) * asked.weights / WEIGHT_UNIT
    along = asked.taken * float(x @ asked.unit_direction)
    scores: _Floats = (x - along * asked.unit_direction) @ weights + back * along * asked.unit_direction
    return scores


def textbook(gram: _Floats, asked: GramQuery, ridge: float, history: list[int], back: float) -> _Floats:
    """Regression on what is orthogonal to the direction, if a centred history has nothing along it.

    In a basis Z of that, P = Z(Zᵀ(G + λI)Z)⁻¹Zᵀ.
    """
    nothing_along = asked.centred and asked.taken == 1
    basis = null_space(asked.unit_direction[None, :]) if nothing_along else np.eye(len(gram))
    inverse = basis @ np.linalg.inv(basis.T @ (gram + ridge * np.eye(len(gram))) @ basis) @ basis.T
    return regressed(inverse, asked, history, back)


def scores(gram: _Floats, asked: GramQuery, ridge: float, history: list[int], back: float) -> _Floats:
    """The same by the arrays of the model."""
    encoder, decoder = encoder_and_decoder(gram, asked, ridge, popularity_back=back)
    found: _Floats = decoder @ encoder[history].sum(axis=0)
    return found


@pytest.mark.parametrize(("centred", "taken"), [(False, 1.0), (True, 1.0), (True, 0.5), (True, 0.01)])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize("back", [0.0, 0.8])
@pytest.mark.parametrize("rank", [3, None])
def test_scores_are_the_textbooks(centred: bool, taken: float, ridge: float, back: float, rank: int | None) -> None:
    """For everything outside the history, to 1e-9, weighted and centred or not, whatever the ridge and the Gram."""
    for seed in range(6):
        gram, asked = semidefinite(seed, rank=rank), query(seed, centred=centred, taken=taken)
        history = np.random.default_rng(seed).choice(N, 1 + 3 * seed, replace=False).tolist()
        apart = np.setdiff1d(np.arange(N), history)
        wanted = textbook(gram, asked, ridge, history, back)[apart]
        assert scores(gram, asked, ridge, history, back)[apart] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_what_is_below_zero_is_noise() -> None:
    """Eigenvalues that no Gram has are left out, and nothing else."""
    gram = semidefinite(1)
    values, vectors = np.linalg.eigh(gram)
    spoilt = (vectors * np.where(np.arange(N) < 7, -values, values)) @ vectors.T
    kept = (vectors * np.where(np.arange(N) < 7, 0.0, values)) @ vectors.T
    asked = query(1, centred=True)
    found = [np.delete(scores(matrix, asked, 2.0, [3, 8], 0.8), [3, 8]) for matrix in (spoilt, kept)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert encoder_and_decoder(spoilt, query(1, centred=False), 2.0)[0].shape == (N, N - 7)


@pytest.mark.parametrize("centred", [False, True])
def test_a_gram_without_taste_has_no_directions(centred: bool) -> None:
    """Then the model is the list that is the same for everybody, and no empty array multiplies wrongly."""
    encoder, decoder = encoder_and_decoder(-np.eye(N), query(1, centred=centred), 1.0)
    assert encoder.shape == decoder.shape == (N, 0)


def test_a_direction_that_is_known_to_be_zero_is_one_of_endless_weight() -> None:
    """The limit of the plain inverse of G + λI + c·ddᵀ as c grows: at c = 10⁷ times the Gram they agree to 10⁻⁵."""
    for seed in range(4):
        gram, asked, history = semidefinite(seed), query(seed, centred=True), [2, 11, 17]
        heavy = gram + 1e7 * np.linalg.norm(gram) * np.outer(asked.unit_direction, asked.unit_direction)
        wanted = regressed(np.linalg.inv(heavy + 2.0 * np.eye(N)), asked, history, 0.0)
        found = scores(gram, asked, 2.0, history, 0.0)
        assert np.delete(found, history) == pytest.approx(np.delete(wanted, history), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("centred", [False, True])
def test_of_a_large_head_the_diagonal_is_whole_and_the_rest_of_low_rank(
    centred: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the textbook's regression where that is all there is, and the model stays as small as is said."""
    monkeypatch.setattr(precision, "_WHOLE", N - 1)
    monkeypatch.setattr(precision, "_RANK", 8)
    rng = np.random.default_rng(2)
    gram, half = np.zeros((N, N)), N // 2
    gram[:half, half:] = rng.normal(size=(half, 4)) @ rng.normal(size=(4, half))
    gram += gram.T
    gram += np.diag(np.abs(gram).sum(axis=1) * rng.uniform(1, 3, N))
    asked, ridge, history = query(2, centred=centred), 5.0, [1, 4, 19]
    found, wanted = scores(gram, asked, ridge, history, 0.8), textbook(gram, asked, ridge, history, 0.8)
    assert np.delete(found, history) == pytest.approx(np.delete(wanted, history), abs=1e-4)  # single precision
    assert encoder_and_decoder(gram, asked, ridge)[0].shape == (N, 8 + 2 * centred)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e4])
def test_where_items_go_together_by_popularity_alone_it_orders_them(size: float) -> None:
    """Independent items, centred: their scores are popularity, given back, and a small share that grows with it.

    By the plain inverse each item is told from the others by what every history lacks: as the Gram outgrows the ridge,
    that takes popularity away.
    """
    asked, history = query(4, centred=True), [2, 9]
    unit = asked.unit_direction
    gram = size * (np.eye(N) - np.outer(unit, unit))
    along = (unit * asked.weights)[history].sum() / WEIGHT_UNIT
    found = np.delete(scores(gram, asked, 0.01, history, 0.8), history)
    assert found == pytest.approx(np.delete(along * unit * (0.8 + unit**2 / (1 - unit**2)), history), abs=1e-6)
    plain = np.delete(regressed(np.linalg.inv(gram + 0.01 * np.eye(N)), asked, history, 0.8), history)
    assert (plain <= 0).all() == (size == 1e4)
