"""Eigenvalues of a large symmetric matrix: all beyond an edge, and proof that none was missed; or just the largest.

Notes
-----
Of a noisy Gram of thousands of items some dozen to some hundred directions stand above the edge of the noise. LAPACK
brings the whole matrix to tridiagonal form first, 4n³/3 operations of which half wait for memory. Here a Krylov space
finds the ends of the spectrum, and Rayleigh and Ritz settle the pairs.

*Nothing is missed*, and that is checked, not hoped for: with the found pairs V, Λ taken out, (1 + t)·edge·I − (A −
VΛVᵀ) has a Cholesky factor if and only if no other eigenvalue lies above (1 + t)·edge. That costs n³/3 operations that
run at full speed. If the check fails, the search goes on, and in the end LAPACK does it all.

*The edge itself.* The bulk of noise ends there, and its last eigenvalues stray over it by a share n^(−⅔) (Tracy & Widom
1994), 0.4% for n = 4,096. So the tolerance t is 1 %: what lies between the edge and 1% above it is noise as likely as
not, and may be missing or be a mixture of its neighbours.

*Precision.* The search and the check run in single precision, at half the time, as long as that is far finer than the
tolerance: rounding the entries moves no eigenvalue by more than 2⁻²⁴ of the Frobenius norm, which is asked to be below
1,000 edges (pure noise has √n/4), and the sums of a product round √n times as much at most. The pairs that come back
are settled in double precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from tactful.released.krylov import BLOCK, KrylovSpace, Reals, pairs_beyond
from tactful.released.processors import Each, processors, strips

_Floats = NDArray[np.float64]
TOLERANCE = 0.01
_DIRECT = 2048  # rows up to which LAPACK is as fast as anything cleverer
_FIRST = 1 / 16  # share of n that the space has when it is looked at first
_MOST = 0.4  # share of n that the space may grow to before LAPACK does it all
_MANY = 1 / 16  # share of n beyond the edge from which on LAPACK does it all
_NEAR = 0.03  # edges that a pair may be off when the space is made to grow by less
_SINGLE = 1000.0  # edges that the norm may have for single precision
_TILE = 512
_ROOM = 1.5  # vectors that the space has for each of the largest pairs


def eigen_above(matrix: _Floats, edge: float, *, both: bool = False) -> tuple[_Floats, _Floats]:
    """Eigenvalues beyond the edge, largest first, and their vectors, none further than 1% beyond it being missed.

    Parameters
    ----------
    matrix : float array of shape (n, n), symmetric
    edge : float
        Positive.
    both : bool, default=False
        Those below −edge as well; the largest magnitude comes first.

    Returns
    -------
    values : float array of shape (rank,)
    vectors : float array of shape (n, rank), orthonormal columns
    """
    with processors() as each:
        norm = np.linalg.norm(each(lambda rows: np.linalg.norm(matrix[rows]), strips(len(matrix))))
        fast = _single(matrix, each) if norm <= _SINGLE * edge else matrix
        found = _searched(matrix, fast, edge, both=both) if len(matrix) > _DIRECT else None
        return found or _settled(matrix, pairs_beyond(fast, edge, both=both)[1], edge)


def largest_pairs(matrix: Reals, count: int) -> tuple[_Floats, _Floats]:
    """Eigenvalues of the largest magnitude, largest first, and their vectors, as far as a Krylov space shows them.

    Parameters
    ----------
    matrix : float array of shape (n, n), symmetric
    count : int
        Pairs wanted.

    Returns
    -------
    values : float array of shape (at most count,)
    vectors : float array of shape (n, at most count), columns orthonormal to single precision

    Notes
    -----
    For the best matrix of low rank, not for proofs: those that stand out are right to single precision, and where the
    spectrum is dense the last ones are mixtures of their neighbours, which approximate as well. The work is n² times
    1.5·count, whatever the spectrum.
    """
    room, fast = int(_ROOM * count) + 4 * BLOCK, matrix.astype(np.float32, copy=False)
    with processors():
        if 2 * room > len(matrix):
            values, vectors = pairs_beyond(fast, 0.0, both=True)
            largest = np.argsort(-np.abs(values))[:count]
            return values[largest].astype(np.float64), vectors[:, largest].astype(np.float64)
        space = KrylovSpace(fast, room)
        space.grow(room)
        values, inside, _ = space.pairs_beyond(0.0, both=True)
        largest = np.argsort(-np.abs(values))[:count]
        return values[largest].astype(np.float64), space.vectors(inside[:, largest]).astype(np.float64)


def _searched(matrix: _Floats, fast: Reals, edge: float, *, both: bool) -> tuple[_Floats, _Floats] | None:
    """The pairs, checked; None if LAPACK is the better way. `fast` is the matrix, perhaps in single precision."""
    most, size = int(_MOST * len(matrix)) // BLOCK * BLOCK, int(_FIRST * len(matrix))
    space = KrylovSpace(fast, most)
    while space.size < most:
        space.grow(size)
        values, inside, off = space.pairs_beyond(edge, both=both)
        if len(values) > _MANY * len(matrix):
            return None
        worst = off[np.abs(values) > (1 + TOLERANCE) * edge].max(initial=0.0)
        if worst <= TOLERANCE * edge:
            found = _settled(matrix, space.vectors(inside), edge)
            if complete(fast, *found, (1 + TOLERANCE) * edge, both=both):
                return found
        size = space.size + space.size // (4 if worst > _NEAR * edge else 8)
    return None


def _single(matrix: _Floats, each: Each) -> Reals:
    """The matrix in single precision."""
    made = np.empty(matrix.shape, dtype=np.float32)
    each(lambda rows: np.copyto(made[rows], matrix[rows], casting="same_kind"), strips(len(made)))
    return made


def _settled(matrix: _Floats, vectors: Reals, edge: float) -> tuple[_Floats, _Floats]:
    """Rayleigh and Ritz: the best pairs beyond the edge in the space of these vectors, largest magnitude first."""
    basis = np.linalg.qr(vectors.astype(np.float64, copy=False))[0]
    with processors() as each:
        images = each(lambda rows: matrix[rows] @ basis, strips(len(matrix)))
    values, turn = np.linalg.eigh(basis.T @ np.concatenate(images))
    beyond = np.flatnonzero(np.abs(values) > edge)
    beyond = beyond[np.argsort(-np.abs(values[beyond]))]
    return values[beyond], basis @ turn[:, beyond]


def complete(matrix: Reals, values: _Floats, vectors: _Floats, limit: float, *, both: bool = False) -> bool:
    """Whether no eigenvalue of the matrix but the given ones is above the limit, or below −limit.

    Notes
    -----
    The factorisation is in single precision: with the pairs taken out the matrix is no larger than the limit, give or
    take what a pair lacks in accuracy, and its rounding is far below the tolerance.
    """
    known, strengths = (array.astype(matrix.dtype, copy=False) for array in (vectors, values))
    return all(_below(matrix, strengths, known, limit, side=side) for side in ((1, -1) if both else (1,)))


def _below(matrix: Reals, values: Reals, vectors: Reals, limit: float, *, side: int) -> bool:
    """Whether every eigenvalue of side · (the matrix without the pairs) is below the limit."""
    rest, tiles = np.empty(matrix.shape, dtype=np.float32), _tiles(0, len(matrix))

    def filled(rows: slice) -> None:
        """These rows of the rest are there, up to the diagonal."""
        part, seen = rest[rows, : rows.stop], matrix[rows, : rows.stop]
        np.matmul(vectors[rows] * values * side, vectors[: rows.stop].T, out=part, casting="same_kind")
        (np.subtract if side > 0 else np.add)(part, seen, out=part, casting="same_kind")

    with processors() as each:
        each(filled, tiles)
    rest[np.diag_indices(len(rest))] += np.float32(limit)
    return has_cholesky(rest)


def has_cholesky(matrix: Reals) -> bool:
    """Whether the symmetric matrix is positive definite, told from its lower triangle, which is overwritten.

    Notes
    -----
    The factorisation by tiles that looks right (Golub & Van Loan 2013, section 4.2.6), each row of tiles by one
    processor.
    """
    with processors() as each:
        for here in _tiles(0, len(matrix)):
            try:
                corner = cholesky(matrix[here, here], lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                return False

            def solved(rows: slice, here: slice = here, corner: Reals = corner) -> None:
                """These rows of the column block are those of the factor."""
                matrix[rows, here] = solve_triangular(corner, matrix[rows, here].T, lower=True, check_finite=False).T

            def reduced(rows: slice, here: slice = here) -> None:
                """What the block explains is taken out of these rows."""
                for columns in _tiles(here.stop, rows.stop):
                    matrix[rows, columns] -= matrix[rows, here] @ matrix[columns, here].T

            below = _tiles(here.stop, len(matrix))
            each(solved, below)
            each(reduced, below[::-1])  # the longest first
    return True


def _tiles(first: int, n: int) -> list[slice]:
    """The rows from the first one on, in tiles."""
    return [slice(start, min(start + _TILE, n)) for start in range(first, n, _TILE)]
