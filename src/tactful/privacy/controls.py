"""Releases that are broken on purpose: what an audit must catch, and whether it could with the trials it had.

Notes
-----
Controls come in two kinds. Some change a signal: a person counts for more than was paid. The likelihood ratio must
exceed the claim on them. The others leave what each person moves as it is and break the structure: noise that is used
again, that is missing, a head made from rows. The tests of noise and head must see these.

A control that was not caught is *missed* only if a sound audit would miss it with a probability below `RARELY`; else
there were too few trials to tell. That probability follows from the plan and the number of trials, not from what the
attacker knows: an attacker who is blind misses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.attacker import Tamper
from tactful.privacy.plan import RunPlan
from tactful.privacy.residuals import mu_of_heads

RARELY = 1e-6
MOST_STRUCTURE = 300
"""Trials of a control of structure on either side, at most: what is broken there shows in few."""

Outcome = Literal["caught", "missed", "too few trials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the audit made of a release that is broken on purpose.

    Attributes
    ----------
    mutant : str
        How it is broken.
    epsilon_lower_bound : float
        What the likelihood ratio says there.
    caught_by : tuple of str
        Of ``likelihood ratio``, ``noise`` and ``head`` those that saw something.
    outcome : {"caught", "missed", "too few trials"}
        By the test that has to see it, whatever the others say: where noise is wrong to begin with they always do.
    """

    mutant: str
    epsilon_lower_bound: float
    caught_by: tuple[str, ...]
    outcome: Outcome

    @property
    def caught(self) -> bool:
        """Whether the test that has to see it did."""
        return self.outcome == "caught"

    def as_json(self) -> dict[str, Any]:
        """The control as plain values."""
        return {**asdict(self), "caught_by": list(self.caught_by), "caught": self.caught}


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A way to break a release without moving what a person adds.

    Attributes
    ----------
    tamper : callable
        What is done to the noise of each run.
    exact_head : bool
        Whether the head is chosen from rows.
    """

    tamper: Tamper = field(default=np.asarray)
    exact_head: bool = False


def structures(entries: Sequence[str]) -> dict[str, Structure]:
    """Broken structures by name, for releases with these entries."""
    names = np.array(entries)
    popularity = np.flatnonzero(names == "popularity")
    by_steps = "rhs-1" in names
    again = np.flatnonzero(names == ("rhs-1" if by_steps else "gram"))[: len(popularity)]
    silent = np.flatnonzero(names == ("gram-1" if by_steps else "gram diagonal"))
    return {
        "half the noise": Structure(tamper=lambda noise: noise / 2),
        "noise reused between releases of a run": Structure(tamper=_copying(popularity[: len(again)], again)),
        "a Gram of factors without noise" if by_steps else "a diagonal without noise": Structure(
            tamper=_silencing(silent)
        ),
        "a head chosen from exact popularity": Structure(exact_head=True),
    }


def mu_of_broken(plan: RunPlan) -> dict[str, float]:
    """What the releases of each broken signal really are, in GDP: nearly, since weights are cut down."""
    everything = replace(plan.loss("training"), mu_squared=sum(event.noise_multiplier**-2 for event in plan.events))
    mus = {
        "a person counted twice, under two ids": 2 * plan.loss("training").mu_squared ** 0.5,
        "evaluation rows in training": everything.mu_squared**0.5,
    }
    return {name: 0.999 * mu for name, mu in mus.items()}


def head_shows(runs: int, mu: float) -> bool:
    """Whether a head that is always one without and always another with a person shows in so many runs of each."""
    without = np.tile([True, False], (runs, 1))
    return mu_of_heads(without, ~without) > mu


def outcome(caught: bool, chance_of_missing: float) -> Outcome:
    """What a control came to by the test that has to see it."""
    if caught:
        return "caught"
    return "missed" if chance_of_missing < RARELY else "too few trials"


def _copying(
    source: NDArray[np.intp], target: NDArray[np.intp]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Entries of the noise again in other places."""

    def tamper(noise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each target entry is what its source entry is."""
        changed = noise.copy()
        changed[target] = noise[source]
        return changed

    return tamper


def _silencing(places: NDArray[np.intp]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """No noise in some places."""

    def tamper(noise: NDArray[np.float64]) -> NDArray[np.float64]:
        """The places hold zeros."""
        changed = noise.copy()
        changed[places] = 0.0
        return changed

    return tamper
