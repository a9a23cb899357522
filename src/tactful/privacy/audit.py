"""An attack on the release itself: how much of the claimed ε is really seen by somebody who knows everything else.

The whole release is run again and again on two worlds that differ by one person. The attacker knows everybody else,
the person's rows, the plan and the head, and sees everything that leaves. A lower bound on ε follows from how often
they are wrong (`tactful.privacy.error_rates`); it must lie below the ε that is claimed, and near it, or the attacker is
blind. Several people are tried and the largest bound is told: the first one, who is looked at most often, has four
fifths of the level, and the others share the rest.

Notes
-----
*Three tests look at the same releases.* The likelihood ratio (`tactful.privacy.attacker`) is the best test where the
noise is as stated. Whether it is, is tested by itself, entry by entry (`tactful.privacy.residuals`), and so is what the
choice of the head gives away. A claim stands only if none of the three objects.

*What an audit can see:* somebody who counts for more than was paid, in any release; noise of another size or mean in
any entry; noise that is missing, shared by entries, releases or successive runs, or repeated by a second source; sides
of the Gram with noise of their own; a head chosen from rows, where that moves an item in or out; a clip of metrics that
is not applied; a bound on items that is not applied (the others have few items, one person has more than the bound of
12 that is tried here, or the run's own if that is smaller: the norm of a person does not depend on the bound, so this
is looked at and not attacked).

*What it cannot see:* what happens in other worlds than these, such as sums over many people, long histories, other
catalogues and evaluation vectors; noise whose dependence is no correlation; a generator that somebody can predict; an
entry beyond the first 16 of the head, a factor beyond the first four, a query that follows from earlier answers;
what leaves past the releases, by files, logs or running time; debits.

*Controls.* Releases that are broken on purpose must be caught (`tactful.privacy.controls`), else the audit could not
see. One of them is no bug but a limit of the guarantee: one person under two ids counts as two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Attacker, HeadRule
from tactful.privacy.controls import MOST_STRUCTURE, Control, mu_of_broken, structures
from tactful.privacy.error_rates import Errors
from tactful.privacy.judging import CONFIDENCE, Tests
from tactful.privacy.neighbours import PERSONS, Neighbours, World
from tactful.privacy.noise import NoiseSource, SystemNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease

MOST_ITEMS = 12
"""The bound that is tried, unless the run's is smaller: some people here have more items, so that it binds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What the attacker made of one person.

    Attributes
    ----------
    person : str
        What is special about them.
    errors : Errors
    epsilon_lower_bound : float
    """

    person: str
    errors: Errors
    epsilon_lower_bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    claim : PrivacyBudget
    confidence : float
        That the lower bound is one, over everybody who was tried.
    trials : int
        Releases of the world without anybody more, and of that with the first person.
    people : tuple of Attacked
    controls : tuple of Control
    not_as_stated : tuple of str
        What is wrong with noise, head and bound, by release; nothing where they are as stated.
    """

    claim: PrivacyBudget
    confidence: float
    trials: int
    people: tuple[Attacked, ...]
    controls: tuple[Control, ...]
    not_as_stated: tuple[str, ...]

    @property
    def epsilon_lower_bound(self) -> float:
        """The largest of the bounds."""
        return max(person.epsilon_lower_bound for person in self.people)

    @property
    def contradicts(self) -> bool:
        """Whether more was seen than is claimed."""
        return self.epsilon_lower_bound > self.claim.epsilon

    @property
    def noise_as_stated(self) -> bool:
        """Whether the tests of noise and head found nothing."""
        return not self.not_as_stated

    @property
    def sees(self) -> bool:
        """Whether nothing was missed that is broken on purpose and would have been caught by a sound audit."""
        return all(control.outcome != "missed" for control in self.controls)

    @property
    def tells(self) -> bool:
        """Whether all that is broken on purpose was caught; if not, that nothing was found says little."""
        return all(control.caught for control in self.controls)

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the claim; how much that says is in `tells`."""
        return self.sees and self.noise_as_stated and not self.contradicts

    def as_json(self) -> dict[str, Any]:
        """The audit as plain values."""
        return {
            "epsilon_claimed": self.claim.epsilon,
            "delta": self.claim.delta,
            "epsilon_lower_bound": self.epsilon_lower_bound,
            "ratio": self.epsilon_lower_bound / self.claim.epsilon,
            "confidence": self.confidence,
            "trials": self.trials,
            "holds": self.holds,
            "enough_trials": self.tells,
            "noise_as_stated": self.noise_as_stated,
            "not_as_stated": list(self.not_as_stated),
            "people": [
                {"person": p.person, **asdict(p.errors), "epsilon_lower_bound": p.epsilon_lower_bound}
                for p in self.people
            ],
            "controls": [control.as_json() for control in self.controls],
        }


def audit(
    plan: RunPlan,
    head: HeadRule,
    *,
    claim: PrivacyBudget,
    max_items: int,
    evaluation_share: float,
    trials: int,
    noise: Callable[[], NoiseSource] = SystemNoise,
    kind: type[PrivateRelease] = PrivateRelease,
    progress: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Attack the releases of a plan on synthetic worlds.

    Parameters
    ----------
    plan : RunPlan
        The releases of a run.
    head : HeadRule
    claim : PrivacyBudget
        The (ε, δ) that the run promises.
    max_items, evaluation_share
        As in the run; of `max_items` at most 12 are tried.
    trials : int
        Releases of the world without anybody more, and of that with the first person; a quarter as many with each other
        person, half as many of each control that changes a signal, and up to 300 of every other on each side.
    noise : callable, optional
        Makes what is attacked, afresh for each world, as each run makes its own.
    kind : type of PrivateRelease
        The door that is attacked.
    progress : callable, optional
        Told what is being done.

    Notes
    -----
    **Privacy.** *Reads* nobody: the worlds are synthetic. *Costs* nothing, and needs no ledger. *Assumes* that what
    holds of the code on these worlds holds of it on others: an audit can refute a guarantee and never proves one.
    """
    bound = min(max_items, MOST_ITEMS)
    progress("gating and bounding worlds that differ by one person")
    near = Neighbours(max_items=bound, evaluation_share=evaluation_share)
    worlds, broken = {name: near.world(person) for name, person in PERSONS.items()}, _broken_worlds(near)
    nobody, others = near.world(), [*worlds.values(), *broken.values()]
    attacker = Attacker(plan, head, without=nobody, others=others, kind=kind)
    progress(f"attacking {trials:,} releases without the person")
    tests = Tests(attacker, plan, claim, alone=attacker.watch(0, noise(), trials))
    found = {"a person with more items than the bound": any(_longest(world) > bound for world in worlds.values())}
    objections = [name for name, wrong in found.items() if wrong]
    objections += [objection for what in tests.objections(tests.alone) for objection in what]
    people, controls = [], []
    for place, name in enumerate(worlds):
        progress(f"attacking releases with {name}")
        seen = attacker.watch(place + 1, noise(), trials if place == 0 else max(1, trials // 4))
        errors = tests.errors(place, seen)
        lower = errors.epsilon_lower_bound(delta=claim.delta, level=level_of(place))
        people.append(Attacked(person=name, errors=errors, epsilon_lower_bound=lower))
        objections += [objection for what in tests.objections(seen, tests.alone) for objection in what]
    half = max(1, trials // 2)
    for place, name in enumerate(broken, start=len(worlds)):
        progress(f"attacking what is broken on purpose: {name}")
        controls.append(tests.signal(name, place, attacker.watch(place + 1, noise(), half), mu_of_broken(plan)[name]))
    for name, structure in structures(attacker.entries).items():
        progress(f"attacking what is broken on purpose: {name}")
        controls.append(tests.structure(name, structure, noise, min(half, MOST_STRUCTURE)))
    return Audit(
        claim=claim,
        confidence=CONFIDENCE,
        trials=trials,
        people=tuple(people),
        controls=tuple(controls),
        not_as_stated=tuple(dict.fromkeys(objections)),
    )


def level_of(place: int) -> float:
    """The probability that may go to an error about one person, in the order of `PERSONS`; they add up to 5%."""
    return (1 - CONFIDENCE) * (0.8 if place == 0 else 0.2 / (len(PERSONS) - 1))


def _longest(world: World) -> int:
    """The most items of a person after the bound."""
    return int(np.diff(world.bounded.user_items.indptr).max(initial=0))


def _broken_worlds(near: Neighbours) -> Mapping[str, World]:
    """Worlds in which one person is there in a way that the guarantee does not cover."""
    longest, held_out = PERSONS["the longest history"], PERSONS["held out for evaluation"]
    leaked = replace(near.world(held_out), bounded=near.world(longest).bounded)
    return {
        "a person counted twice, under two ids": near.world(longest, longest),
        "evaluation rows in training": leaked,
    }
