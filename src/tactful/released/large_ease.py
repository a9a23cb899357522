"""Each of many items regressed on all others, as item-side arrays of low rank: what an inverse would say, without it.

Notes
-----
Regressing each item on all the others (EASE, Steck 2019) takes the weights B_ij = −P_ij/P_jj off the diagonal, where P
= (G + λI)⁻¹. For thousands of items the inverse is slow and B too large to ship. The eigenvectors of G approximate it
badly: most of G beyond its taste is its diagonal, which has full rank and of which B uses nothing but the size.

So the diagonal is kept exactly and only the rest is made low-rank. With D = diag(G) + λ and M = D^(−½)(G − diag
G)D^(−½), G + λI = D^½(I + M)D^½. Of M the pairs m, q of the largest magnitude are taken, on both sides of 0, and I +
QmQᵀ has the inverse I − QgQᵀ with g = m/(1 + m). Hence

    B_ij = D_i^(−½) (QgQᵀ)_ij D_j^(½) / (1 − h_j),   h_j = (QgQᵀ)_jj.

Where G is a diagonal and a part of low rank this is exact. m is kept above −½: G + λI is positive definite unless noise
made it otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.released.eigen import largest_pairs

_Floats = NDArray[np.float64]
_LEAST = -0.5


def regressed_on_others(gram: _Floats, ridge: float, *, rank: int) -> tuple[_Floats, _Floats, _Floats]:
    """Arrays whose products are the weights of each item for each other item.

    Parameters
    ----------
    gram : float array of shape (n, n), symmetric
        Denoised; no diagonal entry is below 0.
    ridge : float
        λ, above 0.
    rank : int
        Of the arrays, at most.

    Returns
    -------
    encoder, decoder : float arrays of shape (n, at most rank)
        encoder @ decoder.T is B off the diagonal.
    own : float array of shape (n,)
        h, below 1. The diagonal of encoder @ decoder.T is h/(1 − h).
    """
    scale = np.sqrt(np.diag(gram) + ridge)
    rest, inverse = gram.astype(np.float32), (1 / scale).astype(np.float32)
    rest *= inverse
    rest *= inverse[:, None]
    np.fill_diagonal(rest, 0.0)
    values, vectors = largest_pairs(rest, rank)
    values = np.maximum(values, _LEAST)
    gains = values / (1 + values)
    own = (vectors**2) @ gains
    return vectors * gains / scale[:, None], vectors * (scale / (1 - own))[:, None], own
