"""Areas are the chance to be right about a pair; their intervals cover as often as they say, noise or not."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from assurance_lists import plain_area
from tactful.assurance.intervals import critical_value
from tactful.assurance.roc import area, mean_area, people_guessed

Z = critical_value(0.95)
EDGES = (-1.3, -0.6, 0.0, 0.6, 1.3)
WORLDS = 1_000


def shares(shift: float) -> NDArray[np.float64]:
    """How normal scores with this mean fall into bins."""
    cumulative = np.array([0.0, *(NormalDist(shift, 1).cdf(edge) for edge in EDGES), 1.0])
    return np.diff(cumulative)


def truth(shift: float) -> float:
    """The area of binned scores that are apart by the shift."""
    inside, outside = (np.rint(shares(s) * 10**8).astype(np.int64) for s in (shift, 0.0))
    return plain_area(inside, outside)


def drawn(seed: int, shift: float, people: tuple[int, int], sigma: float) -> NDArray[np.float64]:
    """Histograms of many worlds, of shape (worlds, 2, bins)."""
    rng = np.random.default_rng(seed)
    counts = [rng.multinomial(n, shares(s), size=WORLDS) for n, s in zip(people, (0.0, shift), strict=True)]
    return np.stack(counts, axis=1) + rng.normal(size=(WORLDS, 2, len(EDGES) + 1)) * sigma


def coverage(histograms: NDArray[np.float64], sigma: float, wanted: float) -> tuple[float, float, float]:
    """How often the truth is covered, half the median width, and how often nothing is said."""
    found = [mean_area(one[None], sigma, z=Z) for one in histograms]
    widths = [e.interval.high - e.interval.low for e in found]
    return (
        float(np.mean([wanted in e.interval for e in found])),
        float(np.median(widths)) / 2,
        float(np.mean([e.value is None for e in found])),
    )


def test_without_noise_the_area_is_that_of_all_pairs() -> None:
    """Ties count half; a group that always scores higher has 1, the other way round 0."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        outside, inside = rng.integers(1, 30, (2, 6))
        found = area(inside.astype(float), outside.astype(float), 0.0)
        assert found is not None
        assert found.value == pytest.approx(plain_area(inside, outside))
    above, below = np.array([[[5.0, 5.0, 0.0], [0.0, 0.0, 9.0]]]), np.array([[[0.0, 9.0], [9.0, 0.0]]])
    assert mean_area(above, 0.0, z=Z).value == 1.0
    assert mean_area(above, 0.0, z=Z).interval.low < 0.9  # nineteen people are no proof
    assert mean_area(below, 0.0, z=Z).value == 0.0


@pytest.mark.parametrize(
    ("shift", "people", "sigma"),
    [
        (0.0, (30, 30), 0.0),
        (1.5, (30, 30), 0.0),
        (1.5, (20, 100), 0.0),
        (0.5, (20, 20), 1.0),
        (0.0, (150, 150), 5.0),
        (0.5, (100, 900), 8.0),
        (0.0, (1000, 1000), 30.0),
        (1.5, (9000, 900), 40.0),
    ],
)
def test_intervals_cover(shift: float, people: tuple[int, int], sigma: float) -> None:
    """At least 93% of 1,000 worlds, and at most 97% where they are narrow; few say nothing."""
    covered, half, silent = coverage(drawn(7, shift, people, sigma), sigma, truth(shift))
    assert covered >= 0.93
    assert silent < 0.05
    if half < 0.1:
        assert covered <= 0.97


@pytest.mark.parametrize("left_out", ["noise", "sampling"])
def test_intervals_that_forget_one_of_the_two_do_not_cover(left_out: str) -> None:
    """The mutants fail where what they forgot is what matters."""
    people, sigma = ((1000, 1000), 30.0) if left_out == "noise" else ((30, 30), 0.01)
    histograms = drawn(7, 0.5, people, sigma)
    if left_out == "noise":
        assert coverage(histograms, 0.0, truth(0.5))[0] < 0.9
        return
    areas = [area(inside, outside, sigma) for outside, inside in histograms]
    alone = [abs(a.value - truth(0.5)) <= Z * a.noise for a in areas if a is not None]
    assert np.mean(alone) < 0.5


def test_noise_as_large_as_the_people_leaves_nothing() -> None:
    """No value, and every area is possible; so do values that are not numbers, and one of several groups."""
    for histograms in (drawn(1, 1.5, (40, 40), 30.0)[:, None][:200], np.full((1, 1, 2, 6), math.nan)):
        for one in histograms:
            found = mean_area(one, 30.0, z=Z)
            if not min(one.sum(axis=2).ravel()) > 3 * 30 * math.sqrt(6):
                assert (found.value, found.interval.low, found.interval.high) == (None, 0.0, 1.0)
    good, bad = np.full((2, 6), 500.0), np.full((2, 6), 0.1)
    assert mean_area(np.stack([good, bad]), 5.0, z=Z).value is None
    assert mean_area(np.stack([good, good]), 5.0, z=Z).value == pytest.approx(0.5)


def test_several_groups_are_surer_of_noise_than_one() -> None:
    """Noise averages out between groups, people do not."""
    one, three = (np.stack([np.full((2, 6), 500.0)] * n) for n in (1, 3))
    narrow = [mean_area(several, 20.0, z=Z).interval for several in (one, three)]
    assert narrow[1].high - narrow[1].low < narrow[0].high - narrow[0].low
    still = [mean_area(several, 0.0, z=Z).interval for several in (one, three)]
    assert still[1].high - still[1].low == pytest.approx(still[0].high - still[0].low)


def test_everybody_who_was_guessed_is_counted_once() -> None:
    """Each histogram counts all of them; the noise of their mean is smaller than that of one."""
    rng = np.random.default_rng(2)
    counts = np.stack([np.stack([rng.multinomial(n, [1 / 6] * 6) for n in (700, 300)]) for _ in range(3)]).astype(float)
    found = people_guessed([counts, counts], 10.0)
    assert found.value == pytest.approx(1000)
    assert found.sigma == pytest.approx(10 * math.sqrt(12 / 6))
