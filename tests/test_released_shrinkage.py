"""Entries of known noise become what they are worth: few large ones are kept, noise is not, and nothing is tuned."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from released_worlds import symmetric_noise
from tactful.released import shrinkage
from tactful.released.shrinkage import shrunk_entries

_Floats = NDArray[np.float64]


def liked(n: int) -> _Floats:
    """Popularity that falls from item to item."""
    made: _Floats = np.arange(1, n + 1) ** -0.5
    return made


def sparse(n: int, size: float, seed: int, share: float = 0.03) -> tuple[_Floats, _Floats]:
    """A few pairs of this size, and the same seen through noise of size 1."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < share, 1) * rng.normal(0, size, (n, n))
    true = upper + upper.T
    return true, true + symmetric_noise(rng, n, 1.0)


def pairs(matrix: _Floats) -> _Floats:
    """The upper triangle without the diagonal."""
    found: _Floats = matrix[np.triu_indices(len(matrix), 1)]
    return found


def error(found: _Floats, true: _Floats) -> float:
    """Mean squared error of the pairs."""
    return float(((pairs(found) - pairs(true)) ** 2).mean())


@pytest.mark.parametrize("n", [60, 150, 400])
@pytest.mark.parametrize("size", [3.0, 6.0, 12.0, 40.0])
def test_sparse_signal_is_kept_better_than_by_keeping_or_dropping_all(n: int, size: float) -> None:
    """Three pairs in a hundred, of any size: less than half the error of the better of the two."""
    true, noisy = sparse(n, size, seed=int(size))
    assert error(shrunk_entries(noisy, liked(n), 1.0), true) < 0.5 * min(error(noisy, true), error(0 * true, true))


@pytest.mark.parametrize("n", [60, 150, 400])
def test_of_noise_nearly_nothing_is_kept(n: int) -> None:
    """Less than a hundredth of its energy, where no threshold was set."""
    noise = symmetric_noise(np.random.default_rng(n), n, 3.0)
    assert error(shrunk_entries(noise, liked(n), 3.0), 0 * noise) < 0.01 * 9.0


def test_dense_signal_is_kept_nearly_whole() -> None:
    """Where every pair is worth much more than its noise, next to nothing is taken away."""
    true = 50 * symmetric_noise(np.random.default_rng(1), 80, 1.0)
    noisy = true + symmetric_noise(np.random.default_rng(2), 80, 1.0)
    assert error(shrunk_entries(noisy, np.ones(80), 1.0), true) < 1.05 * error(noisy, true)


def test_pairs_of_popular_items_are_believed_sooner() -> None:
    """Where what pairs are worth goes with popularity, the same value is kept more of between popular items."""
    rng, popular = np.random.default_rng(3), np.repeat([10.0, 1.0], 60)
    noisy = 0.1 * np.outer(popular, popular) * symmetric_noise(rng, 120, 1.0) + symmetric_noise(rng, 120, 1.0)
    noisy[0, 1] = noisy[1, 0] = noisy[118, 119] = noisy[119, 118] = 3.0
    kept = shrunk_entries(noisy, popular, 1.0)
    assert kept[0, 1] > 2 * kept[118, 119]


def direct(noisy: _Floats, popularity: _Floats, sigma: float) -> _Floats:
    """The posterior mean of each pair by itself, with the mixture that was found: no table."""
    scale = popularity / np.exp(np.log(popularity).mean())
    unit, (i, j) = shrinkage._typical(noisy.__getitem__, scale, sigma), shrinkage._sample(len(noisy))
    weights = shrinkage._mixture(noisy[i, j] / sigma, unit * scale[i] * scale[j] / sigma)
    deviations = unit * np.outer(scale, scale)[..., None] / sigma * shrinkage._MULTIPLES
    variances, seen = 1 + deviations**2, noisy[..., None] / sigma
    likelihood = weights * np.exp(-0.5 * seen**2 / variances) / np.sqrt(variances)
    made: _Floats = noisy * (likelihood * (1 - 1 / variances)).sum(axis=-1) / likelihood.sum(axis=-1)
    np.fill_diagonal(made, 0.0)
    return made


@pytest.mark.parametrize("n", [60, 150])
@pytest.mark.parametrize("size", [3.0, 6.0, 12.0])
def test_the_table_is_the_posterior_mean(n: int, size: float) -> None:
    """To 1% in the mean, and no pair within the table is off by more than a tenth of the noise."""
    _, noisy = sparse(n, size, seed=n)
    found, wanted = shrunk_entries(noisy, liked(n), 1.0), direct(noisy, liked(n), 1.0)
    off = found - wanted
    assert np.sqrt((off**2).mean()) < 0.01 * np.sqrt((wanted**2).mean())
    assert np.abs(off[np.abs(noisy) < 12]).max() < 0.1


def test_it_is_symmetric_with_an_empty_diagonal_and_shrinks_toward_nothing() -> None:
    _, noisy = sparse(300, 6.0, seed=4)
    noisy[np.diag_indices(300)] = 1e6  # which is not among what is looked at
    found = shrunk_entries(noisy, liked(300), 1.0)
    assert np.array_equal(found, found.T)
    assert not np.diag(found).any()
    assert (np.abs(pairs(found)) <= np.abs(pairs(noisy))).all()
    assert (pairs(found) * pairs(noisy) >= 0).all()


@pytest.mark.parametrize("place", ["noisy", "towards", "elsewhere", "nowhere"])
@pytest.mark.parametrize("sigma", [1.0, 0.0])
@pytest.mark.parametrize("n", [1, 60, 300])
def test_entries_are_shrunk_towards_what_is_expected_wherever_that_is_written(n: int, sigma: float, place: str) -> None:
    """As the difference is shrunk, added to what is expected, whose diagonal stays; also over one of the two."""
    _, noisy = sparse(n, 6.0, seed=4)
    expected = 5 * symmetric_noise(np.random.default_rng(7), n, 1.0)
    wanted = expected + shrunk_entries(noisy - expected, liked(n), sigma)
    given = {"noisy": noisy.copy(), "towards": expected.copy(), "elsewhere": np.empty((n, n)), "nowhere": None}
    first, towards = (
        given[name] if place == name else value for name, value in (("noisy", noisy), ("towards", expected))
    )
    found = shrunk_entries(first, liked(n), sigma, towards=towards, out=given[place])
    assert found == pytest.approx(wanted)
    assert given[place] is None or found is given[place]


def test_it_does_not_depend_on_the_diagonal() -> None:
    _, noisy = sparse(60, 6.0, seed=4)
    other = noisy + np.diag(np.arange(60.0))
    assert shrunk_entries(other, liked(60), 1.0) == pytest.approx(shrunk_entries(noisy, liked(60), 1.0))


@pytest.mark.parametrize("n", [60, 150, 400])
def test_units_and_order_do_not_matter(n: int) -> None:
    """Entries and noise times a number give the result times it; popularity's unit is nothing; items may be permuted.

    Between the steps of the table a pair may fall to the next one, and of large matrices a sample is looked at.
    """
    _, noisy = sparse(n, 6.0, seed=n)
    found, turn = shrunk_entries(noisy, liked(n), 1.0), np.random.default_rng(n).permutation(n)
    scaled = shrunk_entries(7.3 * noisy, 3.1 * liked(n), 7.3) / 7.3
    turned = shrunk_entries(noisy[np.ix_(turn, turn)], liked(n)[turn], 1.0)
    size = np.sqrt((found**2).mean())
    for other, wanted in ((scaled, found), (turned, found[np.ix_(turn, turn)])):
        assert np.sqrt(((other - wanted) ** 2).mean()) < (0.001 if n <= 150 else 0.05) * size


@pytest.mark.parametrize("popular", [np.ones(50), np.exp(-np.arange(50) / 2.0), np.full(50, 1e-9)])
@pytest.mark.parametrize("size", [0.0, 1e-6, 1.0, 1e9])
@pytest.mark.parametrize("sigma", [1e-9, 1.0, 1e9])
def test_anything_gives_finite_numbers(popular: _Floats, size: float, sigma: float) -> None:
    """Popularity that falls by e²⁵, signal and noise eighteen orders of magnitude apart, nothing at all."""
    found = shrunk_entries(size * symmetric_noise(np.random.default_rng(5), 50, 1.0), popular, sigma)
    assert np.isfinite(found).all()


def test_the_smallest_matrices_and_no_noise_are_left_as_they_are() -> None:
    """One item has no pair; where there is no noise there is nothing to shrink."""
    assert not shrunk_entries(np.array([[5.0]]), np.ones(1), 1.0).any()
    assert shrunk_entries(np.zeros((0, 0)), np.ones(0), 1.0).shape == (0, 0)
    _, noisy = sparse(20, 6.0, seed=6)
    assert np.array_equal(shrunk_entries(noisy, liked(20), 0.0), noisy - np.diag(np.diag(noisy)))
    assert np.isfinite(shrunk_entries(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2), 1.0)).all()
