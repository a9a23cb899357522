"""The ways in which a metric may be spread among people, for worlds whose true means are known.

A kind draws how its metric is spread by how well people are served, between 0 and 1, and returns people and their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.intervals import bounds_of

Values: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[int], Values]
"""So many people of one world, by one metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way in which a metric may be spread among people.

    Attributes
    ----------
    metric : str
        One that has such values: its bounds are used, and whether it is declared to be only 0 or 1.
    world : callable
        From a generator and how well people are served, between 0 and 1, to people and their true mean.
    """

    metric: str
    world: Callable[[np.random.Generator, float], tuple[Draw, float]]


def _binary(rng: np.random.Generator, served: float, *, least: float, most: float) -> tuple[Draw, float]:
    """A hit or none."""
    p = least + (most - least) * served
    return lambda n: (rng.random(n) < p).astype(float), p


def _ranked(rng: np.random.Generator, served: float, *, least: float, most: float) -> tuple[Draw, float]:
    """Nothing for most people, and for the others what the place of one hit is worth, as in nDCG."""
    p, worth = least + (most - least) * served, 1 / np.log2(np.arange(2, 12))
    return lambda n: np.where(rng.random(n) < p, rng.choice(worth, n), 0.0), float(p * worth.mean())


def _recalled(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """A share of one to five hidden items, as in Recall: often 0, now and then 1."""
    p = 0.05 + 0.7 * served

    def draw(n: int) -> Values:
        """So many people's recall."""
        hidden = rng.integers(1, 6, n)
        return rng.binomial(hidden, p) / hidden

    return draw, p


def _nearly_whole(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """The whole for nearly everybody, and any part of it for 2 to 20 in 100."""
    p = 0.2 - 0.18 * served
    return lambda n: np.where(rng.random(n) < p, rng.random(n), 1.0), 1 - p / 2


def _sparse(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """Nothing for most people; for 5 to 30 in 100 all that counts, up three times as often as down."""
    touched, high = 0.05 + 0.25 * served, bounds_of("noise_cost@10")[1]
    shares = (0.75 * touched, 0.25 * touched, 1 - touched)
    return lambda n: rng.choice((high, -high, 0.0), n, p=shares), high * touched / 2


def _beta(rng: np.random.Generator, served: float, *, strength: float) -> tuple[Draw, float]:
    """Values around a mean: the stronger, the closer."""
    mean = 0.1 + 0.8 * served
    return lambda n: rng.beta(strength * mean, strength * (1 - mean), n), mean


def _skewed(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """Nearly nothing for nearly everybody, and much for a few."""
    a = 0.2 + 0.4 * served
    return lambda n: rng.beta(a, 3.0, n), a / (a + 3.0)


def _signed(rng: np.random.Generator, served: float) -> tuple[Draw, float]:
    """More or less than before: from -1 to 1."""
    draw, mean = _beta(rng, served, strength=8.0)
    return lambda n: 2 * draw(n) - 1, 2 * mean - 1


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "0 or 1": Kind(metric="hit@10", world=partial(_binary, least=0.05, most=0.95)),
        "ranked, mass at 0": Kind(metric="ndcg@10", world=partial(_ranked, least=0.1, most=0.8)),
        "shares of few": Kind(metric="recall@10", world=_recalled),
        "Beta": Kind(metric="novelty@10", world=partial(_beta, strength=5.0)),
        "Beta, narrow": Kind(metric="novelty@10", world=partial(_beta, strength=30.0)),
        "skewed": Kind(metric="miscalibration@10", world=_skewed),
        "signed": Kind(metric="popularity_lift@10", world=_signed),
        "one hidden item": Kind(metric="recall@10", world=partial(_binary, least=0.05, most=0.95)),
        "one hidden item, rare": Kind(metric="recall@10", world=partial(_binary, least=0.01, most=0.05)),
        "ranked, rare": Kind(metric="ndcg@10", world=partial(_ranked, least=0.01, most=0.05)),
        "mass at 1": Kind(metric="head_share", world=_nearly_whole),
        "signed, mass at 0": Kind(metric="noise_cost@10", world=_sparse),
    }
)
