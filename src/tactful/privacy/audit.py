"""An attack on the release itself: how much of the claimed ε the best attacker really sees.

The whole release is run again and again on two worlds that differ by one person. The attacker knows everybody else,
the person's rows, the plan and the head, and sees everything that leaves. A lower bound on ε follows from how often
they are wrong; it must lie below the ε that is claimed, and near it, or the attacker is blind.

Notes
-----
*From errors to ε.* Let α be the share of worlds without the person in which they say *present*, β of worlds with the
person in which they say *absent*. Clopper and Pearson (1934) bound each from above at half the level. Every test
of a μ-GDP release has Φ⁻¹(1 − α) − Φ⁻¹(β) ≤ μ (Dong, Roth & Su 2022, Definition 2.6), so the bounds on α and β give a
lower bound on μ, and ε is read off at δ (Nasr et al. 2023). Several people are tried and the largest bound is
told; the level is divided by their number.

*Controls.* The same attack on releases that are broken on purpose must exceed the claim, else it could not see.
One of them is no bug but a limit of the guarantee: one person under two ids counts as two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from scipy.stats import beta, norm

from tactful.privacy.accountant import PrivacyBudget, epsilon_at
from tactful.privacy.attacker import Attacker, HeadRule
from tactful.privacy.neighbours import PERSONS, Neighbours, World
from tactful.privacy.noise import NoiseSource, SystemNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How often a test that was settled beforehand was wrong.

    Attributes
    ----------
    false_alarms, without : int
        Of so many releases without the person, those after which it said *present*.
    misses, present : int
        Of so many releases with the person, those after which it said *absent*.
    """

    false_alarms: int
    without: int
    misses: int
    present: int

    def epsilon_lower_bound(self, *, delta: float, level: float) -> float:
        """The ε that is exceeded, unless something happened that has probability `level` at most."""
        alpha = _at_most(self.false_alarms, self.without, level / 2)
        mu = float(norm.isf(alpha) - norm.ppf(_at_most(self.misses, self.present, level / 2)))
        return epsilon_at(mu, delta) if mu > 0 else 0.0


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
class Control:
    """What the attacker made of a release that is broken on purpose.

    Attributes
    ----------
    mutant : str
        How it is broken.
    epsilon_lower_bound : float
    caught : bool
        Whether the bound is above the claim.
    """

    mutant: str
    epsilon_lower_bound: float
    caught: bool


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
    """

    claim: PrivacyBudget
    confidence: float
    trials: int
    people: tuple[Attacked, ...]
    controls: tuple[Control, ...]

    @property
    def epsilon_lower_bound(self) -> float:
        """The largest of the bounds."""
        return max(person.epsilon_lower_bound for person in self.people)

    @property
    def contradicts(self) -> bool:
        """Whether more was seen than is claimed."""
        return self.epsilon_lower_bound > self.claim.epsilon

    @property
    def sees(self) -> bool:
        """Whether the attack exceeds the claim where a release is broken; if not, that it found nothing says little."""
        return all(control.caught for control in self.controls)

    @property
    def holds(self) -> bool:
        """Whether the claim stands before an attack that sees."""
        return self.sees and not self.contradicts

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
            "people": [
                {"person": p.person, **asdict(p.errors), "epsilon_lower_bound": p.epsilon_lower_bound}
                for p in self.people
            ],
            "controls": [asdict(control) for control in self.controls],
        }


def audit(
    plan: RunPlan,
    head: HeadRule,
    *,
    claim: PrivacyBudget,
    max_items: int,
    evaluation_share: float,
    trials: int,
    noise: NoiseSource | None = None,
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
        As in the run.
    trials : int
        Releases of the world without anybody more, and of that with the first person; a quarter as many with each other
        person, and half as many of each control.
    noise : NoiseSource, optional
        What is attacked; `SystemNoise` if not given.
    kind : type of PrivateRelease
        The door that is attacked.
    progress : callable, optional
        Told what is being done.

    Notes
    -----
    **Privacy.** *Reads* nobody: the worlds are synthetic. *Costs* nothing, and needs no ledger. *Assumes* that what
    holds of the code on these worlds holds of it on others: an audit can refute a guarantee and never proves one.
    """
    source, near = noise or SystemNoise(), Neighbours(max_items=max_items, evaluation_share=evaluation_share)
    progress("gating and bounding worlds that differ by one person")
    worlds, broken = {name: near.world(person) for name, person in PERSONS.items()}, _broken_worlds(near)
    nobody, others = near.world(), [*worlds.values(), *broken.values()]
    attacker = Attacker(plan, head, without=nobody, others=others, kind=kind)
    progress(f"attacking {trials:,} releases without the person")
    alarms = (attacker.scores(0, source, trials) > 0).sum(axis=0)

    def errors(place: int, present: int) -> Errors:
        """Those of the test for one person."""
        missed = (attacker.scores(place + 1, source, present)[:, place] <= 0).sum()
        return Errors(false_alarms=int(alarms[place]), without=trials, misses=int(missed), present=present)

    people = []
    for place, name in enumerate(worlds):
        progress(f"attacking releases with {name}")
        found = errors(place, trials if place == 0 else max(1, trials // 4))
        bound = found.epsilon_lower_bound(delta=claim.delta, level=(1 - CONFIDENCE) / len(worlds))
        people.append(Attacked(person=name, errors=found, epsilon_lower_bound=bound))
    half, wrong = max(1, trials // 2), {}
    for place, name in enumerate(broken, start=len(worlds)):
        progress(f"attacking what is broken on purpose: {name}")
        wrong[name] = errors(place, half)
    progress("attacking what is broken on purpose: half the noise")
    weak = Attacker(_halved(plan), head, without=nobody, others=others[:1], kind=kind)
    said = [int((weak.scores(place, source, half) > 0).sum()) for place in (0, 1)]
    wrong["half the noise"] = Errors(false_alarms=said[0], without=half, misses=half - said[1], present=half)
    bounds = {name: e.epsilon_lower_bound(delta=claim.delta, level=1 - CONFIDENCE) for name, e in wrong.items()}
    return Audit(
        claim=claim,
        confidence=CONFIDENCE,
        trials=trials,
        people=tuple(people),
        controls=tuple(
            Control(mutant=name, epsilon_lower_bound=bound, caught=bound > claim.epsilon)
            for name, bound in bounds.items()
        ),
    )


def _at_most(errors: int, trials: int, level: float) -> float:
    """Clopper and Pearson's upper bound on the share of errors."""
    return float(beta.isf(level, errors + 1, trials - errors)) if errors < trials else 1.0


def _broken_worlds(near: Neighbours) -> dict[str, World]:
    """Worlds in which one person is there in a way that the guarantee does not cover."""
    longest, held_out = PERSONS["the longest history"], PERSONS["held out for evaluation"]
    leaked = replace(near.world(held_out), bounded=near.world(longest).bounded)
    return {
        "a person counted twice, under two ids": near.world(longest, longest),
        "evaluation rows in training": leaked,
    }


def _halved(plan: RunPlan) -> RunPlan:
    """Half the noise that the plan pays for."""
    events = (replace(event, noise_multiplier=event.noise_multiplier / 2) for event in plan.events)
    return replace(plan, events=tuple(events))
