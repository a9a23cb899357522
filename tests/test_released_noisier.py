"""More noise on what was released: of the size that it says, on every entry, and the first release is left alone."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from privacy_worlds import CERTAIN
from tactful.privacy.statistics import GramQuery, ItemGram, ItemPopularity
from tactful.released.noisier import noisier_gram, noisier_popularity

SIZE = 300


def test_each_pair_and_each_diagonal_entry_has_twice_its_variance() -> None:
    """What was added has the variance that was there before; the matrix stays symmetric and the first one unchanged."""
    upper = np.zeros(SIZE * (SIZE + 1) // 2)
    gram = ItemGram.of_triangle(upper, GramQuery.plain(np.arange(SIZE)), sigma=0.7, diagonal_divisor=3, noise="system")
    more = noisier_gram(gram, np.random.default_rng(1))
    assert not gram.values.any()
    np.testing.assert_array_equal(more.values, more.values.T)
    for added, sigma in ((more.values[np.triu_indices(SIZE, 1)], 0.7), (np.diag(more.values), 2.1)):
        low, high = chi2.ppf([CERTAIN / 2, 1 - CERTAIN / 2], len(added)) / len(added)
        assert low < (added**2).mean() / sigma**2 < high
    assert (more.sigma, more.diagonal_sigma) == (np.sqrt(2) * 0.7, np.sqrt(2) * gram.diagonal_sigma)


def test_popularity_has_twice_its_variance() -> None:
    """As for the Gram."""
    popularity = ItemPopularity(noise="system", values=np.zeros(50_000), sigma=3.0)
    more = noisier_popularity(popularity, np.random.default_rng(1))
    low, high = chi2.ppf([CERTAIN / 2, 1 - CERTAIN / 2], 50_000) / 50_000
    assert low < (more.values**2).mean() / 9 < high
    assert more.sigma == np.sqrt(2) * 3
