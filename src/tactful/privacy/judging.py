"""The three tests of an audit, on releases that were watched: likelihood ratio, noise, head."""

from __future__ import annotations

import math
from collections.abc import Callable

from tactful.privacy.accountant import PrivacyBudget, mu_at
from tactful.privacy.attacker import Attacker, Seen
from tactful.privacy.controls import Control, Structure, head_shows, outcome
from tactful.privacy.error_rates import Errors, chance_of_at_most
from tactful.privacy.neighbours import PERSONS
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.residuals import mu_of_heads, not_as_stated, repeated

CONFIDENCE = 0.95
"""Of the lower bounds on ε of an audit, over everybody who is tried."""


class Tests:
    """The three tests, on releases without and with somebody.

    Parameters
    ----------
    attacker : Attacker
    plan : RunPlan
    claim : PrivacyBudget
    alone : Seen
        Releases without anybody more.
    """

    def __init__(self, attacker: Attacker, plan: RunPlan, claim: PrivacyBudget, *, alone: Seen) -> None:
        self.alone = alone
        self._attacker, self._claim, self._entries = attacker, claim, attacker.entries
        self._mu_of_head = math.hypot(*(1 / plan.event(name).noise_multiplier for name in ("people", "popularity")))

    def errors(self, place: int, seen: Seen, alone: Seen | None = None) -> Errors:
        """How often the likelihood ratio of one person is wrong."""
        alarms = (alone or self.alone).ratios[:, place] > 0
        missed = seen.ratios[:, place] <= 0
        return Errors(
            false_alarms=int(alarms.sum()), without=len(alarms), misses=int(missed.sum()), present=len(missed)
        )

    def objections(self, seen: Seen, alone: Seen | None = None) -> tuple[list[str], list[str]]:
        """What is wrong with the noise, and with the head if it is compared."""
        noise = [*seen.broken, *not_as_stated(seen.residuals, self._entries)]
        if alone is None:
            return noise, []
        noise += repeated(alone.residuals, seen.residuals, self._entries)
        leaks = mu_of_heads(alone.heads, seen.heads) > self._mu_of_head
        return noise, ["head: depends on people by more than the noise allows"] * leaks

    def signal(self, name: str, place: int, seen: Seen, mu: float) -> Control:
        """What came of somebody who counts for more than was paid, which makes releases `mu`-GDP."""
        missed = chance_of_at_most(
            mu_at(self._claim.epsilon, self._claim.delta),
            mu=mu,
            without=len(self.alone.ratios),
            present=len(seen.ratios),
            level=1 - CONFIDENCE,
        )
        return self._control(name, place, seen, self.alone, ("likelihood ratio", missed))

    def structure(self, name: str, structure: Structure, noise: Callable[[], NoiseSource], trials: int) -> Control:
        """What came of releases with a broken structure."""
        place = list(PERSONS).index("a pair nobody else has")  # who changes which items are in an exact head
        alone, seen = (
            self._attacker.watch(
                world,
                noise(),
                trials,
                tamper=structure.tamper,
                head=self._attacker.exact_head(world) if structure.exact_head else None,
            )
            for world in (0, place + 1)
        )
        shows = not structure.exact_head or head_shows(trials, self._mu_of_head)
        by = "head" if structure.exact_head else "noise"
        return self._control(name, place, seen, alone, (by, 0.0 if shows else 1.0))

    def _control(self, name: str, place: int, seen: Seen, alone: Seen, due: tuple[str, float]) -> Control:
        """A control; `due` is the test that has to see it, and the chance that it does not in a sound audit."""
        bound = self.errors(place, seen, alone).epsilon_lower_bound(delta=self._claim.delta, level=1 - CONFIDENCE)
        noise, head = self.objections(seen, alone)
        saw = {"likelihood ratio": bound > self._claim.epsilon, "noise": bool(noise), "head": bool(head)}
        caught_by = tuple(test for test, caught in saw.items() if caught)
        return Control(
            mutant=name,
            epsilon_lower_bound=bound,
            caught_by=caught_by,
            outcome=outcome(due[0] in caught_by, due[1]),
        )
