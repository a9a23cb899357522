"""The encoder and the decoder are ridge regression of each item on all others, as the inverse of the Gram says it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.privacy.statistics import GramQuery
from tactful.released import ease
from tactful.released.ease import encoder_and_decoder
from tactful.released.histories import WEIGHT_UNIT

_Floats = NDArray[np.float64]
N = 30


def semidefinite(seed: int, n: int = N, rank: int | None = None) -> _Floats:
    """A Gram."""
    used = np.random.default_rng(seed).normal(size=(rank or 2 * n, n))
    made: _Floats = used.T @ used
    return made


def query(seed: int, *, centred: bool, n: int = N) -> GramQuery:
    """Random weights and a random direction."""
    rng = np.random.default_rng(seed)
    direction = rng.integers(0, 65, n) if centred else np.zeros(n, dtype=np.int64)
    return GramQuery(head=np.arange(n), weights=rng.integers(16, 256, n), direction=direction)


def textbook(gram: _Floats, asked: GramQuery, ridge: float, history: list[int], back: float) -> _Floats:
    """Scores by Steck 2019, equation 8: B_ij = −P_ij/P_jj, P the inverse; and popularity given back."""
    inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    x = np.isin(np.arange(len(gram)), history) * asked.weights / WEIGHT_UNIT
    along = float(x @ asked.unit_direction)
    y = x - along * asked.unit_direction
    scores: _Floats = y @ weights + back * along * asked.unit_direction
    return scores


def scores(gram: _Floats, asked: GramQuery, ridge: float, history: list[int], back: float) -> _Floats:
    """The same by the arrays of the model."""
    encoder, decoder = encoder_and_decoder(gram, asked, ridge, popularity_back=back)
    found: _Floats = decoder @ encoder[history].sum(axis=0)
    return found


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize("back", [0.0, 0.8])
@pytest.mark.parametrize("rank", [3, None])
def test_scores_are_the_textbooks(centred: bool, ridge: float, back: float, rank: int | None) -> None:
    """For everything outside the history, to 1e-9, weighted and centred or not, whatever the ridge and the Gram."""
    for seed in range(6):
        gram, asked = semidefinite(seed, rank=rank), query(seed, centred=centred)
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


@pytest.mark.parametrize("centred", [False, True])
def test_of_a_large_head_the_largest_directions_are_kept(centred: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the textbook's regression on the Gram of just those, and the model stays as small as is said."""
    monkeypatch.setattr(ease, "_WHOLE", N - 1)
    monkeypatch.setattr(ease, "_MOST", 8)
    gram, asked, ridge = semidefinite(2), query(2, centred=centred), 5.0
    values, vectors = np.linalg.eigh(gram)
    kept = (vectors[:, -8:] * values[-8:]) @ vectors[:, -8:].T
    history = [1, 4, 9]
    found, wanted = scores(gram, asked, ridge, history, 0.8), textbook(kept, asked, ridge, history, 0.8)
    assert np.delete(found, history) == pytest.approx(np.delete(wanted, history), abs=1e-4)  # single precision
    assert encoder_and_decoder(gram, asked, ridge)[0].shape == (N, 8 + centred)


def test_giving_popularity_back_orders_by_it() -> None:
    """With nothing learned but the direction, who uses popular items is scored by popularity."""
    asked = query(4, centred=True)
    found = scores(1e-9 * np.eye(N), asked, 1.0, [2], 1.0)
    popular = asked.unit_direction * asked.unit_direction[2] * asked.weights[2] / WEIGHT_UNIT
    assert np.delete(found, 2) == pytest.approx(np.delete(popular, 2), abs=1e-6)
