"""Work is divided among processors without a gap, BLAS has one thread meanwhile, and a Krylov space is one."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from released_worlds import symmetric_noise
from tactful.released import processors as room
from tactful.released.krylov import BLOCK, KrylovSpace
from tactful.released.processors import processors, strips


def blas_threads() -> set[int]:
    """Of each BLAS that is loaded."""
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize(("n", "processors", "count"), [(1, 4, 1), (600, 4, 2), (5000, 4, 4), (5000, 1, 1)])
def test_strips_are_all_rows_once(monkeypatch: pytest.MonkeyPatch, n: int, processors: int, count: int) -> None:
    """As many as there are processors, fewer where a strip would be thin; together they are every row, in order."""
    monkeypatch.setattr(room, "available", lambda: processors)
    found = strips(n)
    assert len(found) == count
    assert [row for strip in found for row in range(n)[strip]] == list(range(n))


def test_blas_has_one_thread_inside_and_what_it_had_outside() -> None:
    """Nested as well, and after an error."""
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with processors() as each:
            assert blas_threads() == {1}
            assert each(lambda part: part.stop, [slice(3), slice(5)]) == [3, 5]
            with processors():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError), processors() as each:
            each(lambda part: part.stop // 0, [slice(3)])
        assert blas_threads() == before


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("kind", "rounding"), [(np.float32, 1e-3), (np.float64, 1e-10)])
def test_a_space_is_orthonormal_and_knows_the_matrix_on_itself(
    monkeypatch: pytest.MonkeyPatch, kind: type, rounding: float, count: int
) -> None:
    """Whatever the number of strips; its Ritz values are those of the matrix between its vectors, its bounds hold."""
    monkeypatch.setattr(room, "available", lambda: count)
    matrix = symmetric_noise(np.random.default_rng(0), 800, 1.0)
    matrix[:, 0] *= 20
    matrix[0] = matrix[:, 0]
    space = KrylovSpace(matrix.astype(kind), 200)
    space.grow(100)
    assert space.size == 112
    space.grow(1000)
    assert space.size == 200 // BLOCK * BLOCK
    values, inside, off = space.pairs_beyond(10.0, both=True)
    vectors = space.vectors(inside).astype(float)
    assert np.abs(vectors.T @ vectors - np.eye(len(values))).max() < rounding
    assert np.diag(vectors.T @ matrix @ vectors) == pytest.approx(values.astype(float), rel=rounding)
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    assert residuals == pytest.approx(off.astype(float), abs=rounding * float(np.abs(values).max()))
