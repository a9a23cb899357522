"""A block Krylov space of a large symmetric matrix, grown on all processors, and the best pairs within it.

Notes
-----
Block Lanczos (Golub & Underwood 1977) with full reorthogonalisation. Each processor multiplies with, and keeps in
order, a strip of the rows, which lie together: with its columns, which are the same numbers, it takes a third longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr

from tactful.released.processors import Each, processors, strips

Reals = NDArray[Any]
"""Float32 or float64."""
BLOCK = 16


class KrylovSpace:
    """An orthonormal basis of the span of S, AS, A²S, … where S are sixteen random vectors, and what A is on it.

    Parameters
    ----------
    matrix : float32 or float64 array of shape (n, n), symmetric
        A. All that is kept and done has the same precision.
    most : int
        Vectors that the basis may grow to.

    Attributes
    ----------
    size : int
        Vectors in it, a multiple of 16.
    """

    def __init__(self, matrix: Reals, most: int) -> None:
        start = np.random.default_rng(0).standard_normal((len(matrix), BLOCK))  # any will do; always the same one
        self._matrix, self._strips, self.size = matrix, strips(len(matrix)), 0
        self._vectors = np.empty((most + BLOCK, len(matrix)), dtype=matrix.dtype)
        self._products = np.zeros((most, most), dtype=matrix.dtype)
        self._vectors[:BLOCK] = np.linalg.qr(start)[0].T
        self._last = np.zeros((BLOCK, BLOCK))

    def grow(self, size: int) -> None:
        """Has at least this many vectors, unless it may not have them."""
        with processors() as each:
            while self.size < size and self.size + BLOCK <= len(self._products):
                self._extend(each)

    def pairs_beyond(self, edge: float, *, both: bool = False) -> tuple[Reals, Reals, Reals]:
        """Ritz values beyond the edge, their vectors in terms of the basis, and how far off each pair is."""
        values, inside = pairs_beyond(self._products[: self.size, : self.size], edge, both=both)
        return values, inside, np.linalg.norm(self._last @ inside[-BLOCK:], axis=0)

    def vectors(self, inside: Reals) -> Reals:
        """Vectors that are given in terms of the basis."""
        return self._vectors[: self.size].T @ inside

    def _extend(self, each: Each) -> None:
        """One block more: the image of the last, without what lies along the basis.

        All but rounding lies along the latest two blocks, so those come off first, and then the whole basis once: twice
        is enough (Kahan).
        """
        here, ahead = slice(self.size, self.size + BLOCK), slice(self.size + BLOCK, self.size + 2 * BLOCK)
        known, image = self._vectors[: here.stop], self._vectors[ahead]
        latest = slice(max(here.start - BLOCK, 0), here.stop)

        def multiplied(strip: slice) -> Reals:
            """What a strip of the image, which is there afterwards, adds to its products with the latest vectors."""
            image[:, strip] = (self._matrix[strip] @ known[here].T).T
            return image[:, strip] @ known[latest, strip].T

        def reduced(strip: slice) -> Reals:
            """What a strip adds to the products with the whole basis, once what lies along the latest is taken off."""
            image[:, strip] -= along_latest @ known[latest, strip]
            return image[:, strip] @ known[:, strip].T

        def cleared(strip: slice) -> None:
            """What still lies along the basis, which is rounding, is taken off a strip of the image."""
            image[:, strip] -= along @ known[:, strip]

        along_latest = sum(each(multiplied, self._strips))
        along = sum(each(reduced, self._strips))
        each(cleared, self._strips)
        self._products[here, : here.stop] = along
        self._products[here, latest] += along_latest
        following, self._last = qr(image.T, mode="economic", check_finite=False)
        image[:] = following.T
        self.size = here.stop


def pairs_beyond(matrix: Reals, edge: float, *, both: bool = False) -> tuple[Reals, Reals]:
    """Eigenvalues above the edge, or below −edge as well, and their vectors, by LAPACK from the lower triangle."""
    if not both:
        above: tuple[Reals, Reals] = eigh(matrix, lower=True, subset_by_value=(edge, np.inf), check_finite=False)
        return above
    values, vectors = eigh(matrix, lower=True, driver="evd", check_finite=False)
    beyond = np.flatnonzero(np.abs(values) > edge)
    return values[beyond], vectors[:, beyond]
