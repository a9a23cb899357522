"""The same releases with twice the variance of noise: what a model loses by it, group by group.

Notes
-----
Half of simulation and extrapolation (Cook & Stefanski 1994, "Simulation-extrapolation estimation in parametric
measurement error models"): what is measured at the noise σ² that a release has, and at 2σ². The figure between the two
is what is told. It is not continued to no noise at all: rules that know the noise choose another head, rank and ridge
without it, and on planted worlds a straight line had the wrong sign as often as not. What privacy costs against no
privacy, ``tactful benchmark mitigation`` measures on public data, where the model without noise can be had.

One draw moves a group's nDCG by as much as a hundredth, so several are averaged.

Noise on top of what was released is post-processing, so it may come from any generator and costs nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.statistics import ItemGram, ItemPopularity, read_only


def noisier_gram(gram: ItemGram, rng: np.random.Generator) -> ItemGram:
    """The Gram with twice the variance on each entry."""
    upper = np.triu(rng.normal(size=gram.values.shape) * gram.sigma)
    upper[np.diag_indices(len(upper))] *= gram.diagonal_sigma / gram.sigma
    more: NDArray[np.float64] = gram.values + upper + np.triu(upper, 1).T
    wider = float(np.sqrt(2))
    return replace(gram, values=read_only(more), sigma=wider * gram.sigma, diagonal_sigma=wider * gram.diagonal_sigma)


def noisier_popularity(popularity: ItemPopularity, rng: np.random.Generator) -> ItemPopularity:
    """Popularity with twice the variance on each item."""
    more = popularity.values + popularity.sigma * rng.normal(size=popularity.values.shape)
    return replace(popularity, values=read_only(more), sigma=float(np.sqrt(2)) * popularity.sigma)
