"""From a denoised Gram to a model: each item regressed on all others, as item-side arrays.

Notes
-----
With eigenpairs q, w of the denoised Gram and a ridge λ, ridge regression of items on items is H = Σ q w/(w + λ) qᵀ.
Regressing each item on all the *others* takes the weights B_ij = H_ij/(1 − H_jj), as leaving one out does in any ridge
regression; that is EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data"). So the encoder is q·w/(w +
λ) and the decoder q_j/(1 − H_jj); eigenvalues at or below 0 are noise.

A direction whose eigenvalue is λ counts half.

*Centred histories.* With y = a∘x − (a∘x·d)d, the score of an item j that is not in the history is (yB)_j without y_j
itself, y_j = −(a∘x·d)d_j, plus β(a∘x·d)d_j, which gives popularity back. All three are linear in x: the encoder's rows
are moved by −d_i dᵀ, and what is left is one more column, a_i d_i, with d_j(β + H_jj/(1 − H_jj)) in the decoder. β =
0.8.

*Size.* Up to `_WHOLE` items all directions are kept: the small ones say which single items go together. Of a larger
head the `_MOST` largest are, so that a model stays small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import GramQuery
from tactful.released.histories import WEIGHT_UNIT
from tactful.released.large_ease import regressed_on_others

_Floats = NDArray[np.float64]
_WHOLE, _MOST = 512, 256


def encoder_and_decoder(
    gram: _Floats, query: GramQuery, ridge: float, *, popularity_back: float = 0.8
) -> tuple[_Floats, _Floats]:
    """Item-side arrays whose products are the weights of each item for each other item.

    Parameters
    ----------
    gram : float array of shape (n_head, n_head), symmetric
        Denoised.
    query : GramQuery
        How histories were weighted and centred in it.
    ridge : float
        λ, above 0.
    popularity_back : float, default=0.8
        β.

    Returns
    -------
    encoder, decoder : float arrays of shape (n_head, rank)
    """
    rank = len(gram) if len(gram) <= _WHOLE else _MOST
    encoder, decoder, own = regressed_on_others(gram, ridge, rank=rank)
    if query.centred:
        along = query.unit_direction
        encoder = np.column_stack([encoder - np.outer(along, along @ encoder), along])
        decoder = np.column_stack([decoder, along * (popularity_back + own / (1 - own))])
    return encoder * (query.weights / WEIGHT_UNIT)[:, None], decoder

