"""What stands above the edge of the noise is found, all of it, with less work than a whole decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import eigh

from released_worlds import symmetric_noise
from tactful.released import eigen
from tactful.released.eigen import TOLERANCE, complete, eigen_above

N = 1300
EDGE = 2 * np.sqrt(N)


def spiked(seed: int, strengths: list[float]) -> NDArray[np.float64]:
    """Noise of edge `EDGE` with planted directions, strengths in units of the edge."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((N, max(len(strengths), 1))))[0][:, : len(strengths)]
    return (directions * (np.array(strengths) * EDGE)) @ directions.T + symmetric_noise(rng, N, 1.0)


WORLDS = {
    "one huge and some that just stand out": [400.0, 3.0, 2.0, 1.0, 0.8, 0.7, 0.6],
    "nothing but noise": [],
    "two of the same size": [5.0, 5.0, 1.5],
    "a long tail": [1 / k + 0.5 for k in range(1, 40)],
    "so many that LAPACK does it": [2.0 + k / 100 for k in range(120)],
    "negative directions, which are nobody's taste": [-50.0, -3.0, 2.0],
}


@pytest.mark.parametrize("name", WORLDS)
def test_everything_above_the_edge_is_found(name: str) -> None:
    """Values and vectors agree with LAPACK's, from 1 % above the edge on; nothing below the edge is returned."""
    matrix = spiked(1, WORLDS[name])
    values, vectors = eigen_above(matrix, EDGE)
    wanted = eigh(matrix, eigvals_only=True)[::-1]
    sure = int((wanted > (1 + TOLERANCE) * EDGE).sum())
    assert sure <= len(values) <= (wanted > EDGE).sum()
    assert (values > EDGE).all()
    assert values[:sure] == pytest.approx(wanted[:sure], abs=1e-3 * EDGE)
    assert np.abs(vectors.T @ vectors - np.eye(len(values))).max(initial=0) < 1e-8
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    assert (residuals[:sure] < 2 * TOLERANCE * EDGE).all()


def test_the_same_matrix_gives_the_same_model() -> None:
    """The start of the search is always the same."""
    matrix = spiked(2, [3.0, 1.0])
    first, second = eigen_above(matrix, EDGE), eigen_above(matrix, EDGE)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_pair_is_noticed(missing: int) -> None:
    """The check passes with all pairs and fails with any of them gone."""
    matrix = spiked(3, [400.0, 2.0, 0.8])
    values, vectors = eigen_above(matrix, EDGE)
    kept = np.arange(len(values)) != missing
    assert complete(matrix, values, vectors, (1 + TOLERANCE) * EDGE)
    assert not complete(matrix, values[kept], vectors[:, kept], (1 + TOLERANCE) * EDGE)


def test_a_search_that_misses_something_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the search forgets its last pair every time, the check refuses and LAPACK answers."""
    settled = eigen._settled

    def forgetful(*given: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values, vectors = settled(*given)  # type: ignore[arg-type]
        return values[1:], vectors[:, 1:]

    monkeypatch.setattr(eigen, "_settled", forgetful)
    matrix = spiked(4, [3.0, 1.0])
    assert eigen_above(matrix, EDGE)[0] == pytest.approx(eigh(matrix, eigvals_only=True)[::-1][:2], rel=1e-9)


def test_a_small_matrix_goes_to_lapack() -> None:
    """A matrix by hand."""
    values, vectors = eigen_above(np.diag([1.0, 5.0, 3.0]), 2.0)
    assert values.tolist() == pytest.approx([5.0, 3.0])
    assert np.abs(vectors).tolist() == [[0, 0], [1, 0], [0, 1]]
