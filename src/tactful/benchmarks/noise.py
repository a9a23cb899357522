"""How fast noise is drawn, beside two peers in the same run: one that is fast and has no proof, one that is exact."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.errors import UsageError
from tactful.privacy.noise import SystemNoise

DRAWS = 10_000_000
SIGMA = float(1 << 32)
"""In integer units: a noise multiplier of 4 on statistics of sensitivity 2³⁰."""
PEER = "numpy.random.Generator(PCG64).normal, rounded to int64: not keyed, with floating-point holes, no bound"
EXACT_PEER = "diffprivlib.mechanisms.GaussianDiscrete, epsilon 1, delta 1e-6, sensitivity 1: its time grows with sigma"
_EXACT_DRAWS = 2_000
_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSpeed:
    """What the same number of draws took on one thread.

    Attributes
    ----------
    draws : int
    sigma : float
        Standard deviation of the noise and of the peer's, in integer units.
    seconds, peer_seconds : float
        Best of three, key and result included.
    exact_peer_draws_per_second : float
        Of the exact peer, at a far smaller σ than `sigma`, which is in its favour.
    """

    draws: int
    sigma: float
    seconds: float
    peer_seconds: float
    exact_peer_draws_per_second: float

    @property
    def draws_per_second(self) -> float:
        """Rounded int64 draws a second, end to end."""
        return self.draws / self.seconds

    @property
    def peer_draws_per_second(self) -> float:
        """Those of the peer."""
        return self.draws / self.peer_seconds

    @property
    def ratio(self) -> float:
        """Our time over the peer's: below 1 is faster than it."""
        return self.seconds / self.peer_seconds

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and who the peers are."""
        return {
            "draws": self.draws,
            "sigma": self.sigma,
            "seconds": self.seconds,
            "draws_per_second": self.draws_per_second,
            "peer": PEER,
            "peer_seconds": self.peer_seconds,
            "peer_draws_per_second": self.peer_draws_per_second,
            "ratio": self.ratio,
            "exact_peer": EXACT_PEER,
            "exact_peer_draws_per_second": self.exact_peer_draws_per_second,
        }


def measure_noise(draws: int = DRAWS) -> NoiseSpeed:
    """The noise of a release has been timed beside its peers, on nothing but random numbers.

    Parameters
    ----------
    draws : int
        Draws of one call.

    Raises
    ------
    UsageError
        If fewer than one draw was asked for.
    """
    if draws < 1:
        raise UsageError("there must be draws to time", given=f"{draws}", do="Ask for 1 or more")
    source, rng = SystemNoise(), np.random.default_rng()
    return NoiseSpeed(
        draws=draws,
        sigma=SIGMA,
        seconds=_best(lambda: source.draw(SIGMA, draws)),
        peer_seconds=_best(lambda: _rounded(rng, draws)),
        exact_peer_draws_per_second=_exact_peer(min(draws, _EXACT_DRAWS)),
    )


def _rounded(rng: np.random.Generator, draws: int) -> NDArray[np.int64]:
    """The peer's draws."""
    return np.rint(rng.normal(0.0, SIGMA, draws)).astype(np.int64)


def _exact_peer(draws: int) -> float:
    """Draws a second of diffprivlib's discrete Gaussian."""
    from diffprivlib.mechanisms import GaussianDiscrete

    mechanism = GaussianDiscrete(epsilon=1.0, delta=1e-6, sensitivity=1)
    return draws / _best(lambda: [mechanism.randomise(0) for _ in range(draws)])


def _best(work: Callable[[], object]) -> float:
    """The shortest of three runs after one that warms up, in seconds."""
    work()
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
