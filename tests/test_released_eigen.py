"""What stands beyond the edge of the noise is found, all of it, with less work than a whole decomposition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import eigh

from released_worlds import symmetric_noise
from tactful.released import eigen
from tactful.released.eigen import TOLERANCE, complete, eigen_above, has_cholesky, largest_pairs
from tactful.released.krylov import KrylovSpace
from tactful.released.processors import processors

N = 1200
EDGE = 2 * np.sqrt(N)
_Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def searched_from_1024_rows_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Worlds of 1,200 rows are searched, as larger ones are; BLAS is not threaded, so that tests share processors."""
    monkeypatch.setattr(eigen, "_DIRECT", 1024)
    with processors():
        yield


def spiked(seed: int, strengths: list[float], n: int = N) -> _Floats:
    """Noise of edge 2√n with planted directions, strengths in units of the edge."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((n, max(len(strengths), 1))))[0][:, : len(strengths)]
    planted: _Floats = (directions * (np.array(strengths) * 2 * np.sqrt(n))) @ directions.T
    return planted + symmetric_noise(rng, n, 1.0)


WORLDS = {
    "one huge and some that just stand out": [400.0, 3.0, 2.0, 1.0, 0.8, 0.7, 0.6],
    "one beyond single precision": [4000.0, 3.0, 2.0],
    "nothing but noise": [],
    "two of the same size": [5.0, 5.0, 1.5],
    "a long tail": [1 / k + 0.5 for k in range(1, 40)],
    "so many that LAPACK does it": [2.0 + k / 100 for k in range(120)],
    "negative directions, which are nobody's taste": [-50.0, -3.0, 2.0, -0.8, 0.8],
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", WORLDS)
def test_everything_beyond_the_edge_is_found(name: str, both: bool) -> None:
    """Values and vectors agree with LAPACK's, from 1% beyond the edge on; nothing within it is returned."""
    matrix = spiked(1, WORLDS[name])
    values, vectors = eigen_above(matrix, EDGE, both=both)
    wanted = eigh(matrix, eigvals_only=True)
    sizes = np.sort(np.abs(wanted if both else wanted[wanted > 0]))[::-1]
    sure = int((sizes > (1 + TOLERANCE) * EDGE).sum())
    assert sure <= len(values) <= (sizes > EDGE).sum()
    assert (np.abs(values) > EDGE).all()
    assert both or (values > 0).all()
    assert np.abs(values)[:sure] == pytest.approx(sizes[:sure], abs=1e-3 * EDGE)
    assert np.abs(vectors.T @ vectors - np.eye(len(values))).max(initial=0) < 1e-8
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    assert (residuals[:sure] < 2 * TOLERANCE * EDGE).all()


def test_the_same_matrix_gives_the_same_model() -> None:
    """The start of the search is always the same."""
    matrix = spiked(2, [3.0, 1.0])
    first, second = eigen_above(matrix, EDGE), eigen_above(matrix, EDGE)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_a_missing_pair_is_noticed(missing: int) -> None:
    """The check passes with all pairs and fails without any of them, a negative one only if both sides are asked."""
    matrix = spiked(3, [400.0, 2.0, 0.8, -0.7])
    values, vectors = eigen_above(matrix, EDGE, both=True)
    kept, limit = np.arange(len(values)) != missing, (1 + TOLERANCE) * EDGE
    assert complete(matrix, values, vectors, limit, both=True)
    assert not complete(matrix, values[kept], vectors[:, kept], limit, both=True)
    assert complete(matrix, values[kept], vectors[:, kept], limit) == (values[missing] < 0)


def test_a_search_that_misses_something_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the space hides the largest pair every time, the check refuses and LAPACK answers."""
    shown = KrylovSpace.vectors
    monkeypatch.setattr(KrylovSpace, "vectors", lambda space, inside: shown(space, inside[:, :-1]))
    matrix = spiked(4, [3.0, 1.0])
    assert eigen_above(matrix, EDGE)[0] == pytest.approx(eigh(matrix, eigvals_only=True)[::-1][:2], rel=1e-6)


def test_a_small_matrix_goes_to_lapack() -> None:
    """A matrix by hand."""
    values, vectors = eigen_above(np.diag([1.0, 5.0, 3.0, -4.0]), 2.0)
    assert values.tolist() == pytest.approx([5.0, 3.0])
    assert np.abs(vectors).tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
    assert eigen_above(np.diag([1.0, 5.0, 3.0, -4.0]), 2.0, both=True)[0].tolist() == pytest.approx([5.0, -4.0, 3.0])


@pytest.mark.parametrize(("n", "smallest"), [(300, 1e-3), (1300, 1e-3), (1300, -1e-3)])
def test_a_matrix_has_a_factor_only_if_it_is_positive(n: int, smallest: float) -> None:
    """Told by the smallest eigenvalue, wherever its vector lies, over several tiles; the upper triangle is not read."""
    rng = np.random.default_rng(5)
    vector = np.linalg.qr(rng.standard_normal((n, 1)))[0]
    matrix = (np.eye(n) - (1 - smallest) * vector @ vector.T).astype(np.float32)
    assert has_cholesky(np.tril(matrix)) == (smallest > 0)
    last_only = np.eye(n, dtype=np.float32)
    last_only[-1, -1] = smallest
    assert has_cholesky(last_only) == (smallest > 0)


@pytest.mark.parametrize("n", [N, 150])
def test_the_largest_pairs_are_what_stands_out_on_both_sides(n: int) -> None:
    """Those that stand out are right, and the whole approximates nearly as well as LAPACK's best of the same rank."""
    matrix, count = spiked(6, [9.0, -7.0, 5.0, -3.0, 2.0], n), 60
    values, vectors = largest_pairs(matrix, count)
    wanted, every = eigh(matrix)
    order = np.argsort(-np.abs(wanted))[:count]
    assert values[:5] == pytest.approx(wanted[order[:5]], rel=1e-4)
    assert np.abs(vectors.T @ vectors - np.eye(count)).max() < 1e-4
    left = np.linalg.norm(matrix - (vectors * values) @ vectors.T)
    assert left < 1.02 * np.linalg.norm(matrix - (every[:, order] * wanted[order]) @ every[:, order].T)
