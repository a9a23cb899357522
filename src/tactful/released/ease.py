"""From a denoised Gram to a model: each item regressed on all others, as item-side arrays.

Notes
-----
With P = (G + λI)⁻¹, G the denoised Gram, the ridge regression of an item j on all the *others* has the weights B_ij =
−P_ij/P_jj: EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data"). P comes as a diagonal and a part
of low rank (`tactful.released.precision`), so B off its diagonal is a product of two thin arrays: S⁻¹Qg for the items
of a history, S⁻¹Q/P_jj for candidates. The diagonal of the product is not asked for: nothing of a history is
recommended.

*Centred histories.* y = a∘x − c(a∘x·d)d. At c = 1 it has no part along d, so an item could be told from the others by
that alone, and the regression would learn nothing but it. What is known to be zero is taken out: (G + λI + h·ddᵀ)⁻¹ for
h → ∞, which is P − vvᵀ with v = Pd/√(dᵀPd), one more column.

The score of an item j that is not in the history is then (yB)_j without y_j itself, y_j = −c(a∘x·d)d_j, plus
βc(a∘x·d)d_j, which gives popularity back. All three are linear in x: the encoder's rows are moved by −c·d_i dᵀ, and
what is left is one more column, a_i d_i, with c·d_j(β + B_jj) in the decoder. β = 0.8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import GramQuery
from tactful.released.histories import WEIGHT_UNIT
from tactful.released.precision import Precision

_Floats = NDArray[np.float64]


def encoder_and_decoder(
    gram: _Floats, query: GramQuery, ridge: float, *, popularity_back: float = 0.8
) -> tuple[_Floats, _Floats]:
    """Item-side arrays whose products are the weights of each item for each other item.

    Parameters
    ----------
    gram : float array of shape (n_head, n_head), symmetric
        Denoised; no diagonal entry is below 0.
    query : GramQuery
        How histories were weighted and centred in it.
    ridge : float
        λ, above 0.
    popularity_back : float, default=0.8
        β.

    Returns
    -------
    encoder, decoder : float arrays of shape (n_head, rank)
        No columns if the Gram shows no taste.
    """
    inverse = Precision.of(gram, ridge)
    encoder, decoder, own = inverse.vectors * inverse.gains / inverse.scale[:, None], inverse.vectors, inverse.diagonal
    decoder = decoder / inverse.scale[:, None]
    if query.centred and encoder.shape[1]:
        along, taken = query.unit_direction, query.taken
        if taken == 1:
            moved = inverse.times(along)
            known = moved / np.sqrt(along @ moved)
            own = np.maximum(own - known**2, 1e-9 * own)
            encoder, decoder = np.column_stack([encoder, known]), np.column_stack([decoder, known])
        decoder = decoder / own[:, None]
        itself = (encoder * decoder).sum(axis=1)
        encoder = np.column_stack([encoder - taken * np.outer(along, along @ encoder), along])
        decoder = np.column_stack([decoder, taken * along * (popularity_back + itself)])
    else:
        decoder = decoder / own[:, None]
    return encoder * (query.weights / WEIGHT_UNIT)[:, None], decoder
