"""What attacks on a run's releases found, as its documents quote it: figures, or the reason why there are none.

Evidence is read from a file, so nothing is believed of it but its shape: a file that lacks a figure, or in which one is
out of range, is no evidence, and the documents say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

_Facts = TypeVar("_Facts")
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """There is no evidence to quote.

    Attributes
    ----------
    reason : str
        Why, and what would give some.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFacts:
    """What `tactful audit` found about the very releases of a run.

    Attributes
    ----------
    epsilon_claimed, delta : float
    epsilon_lower_bound : float
        At `delta`; the largest over the people tried.
    confidence : float
        Of the bound, over all of them together.
    trials : int
        Releases of each of the two main worlds.
    people : mapping of str to float
        Worst-case person to the lower bound on the ε that they lose.
    controls : mapping of str to (bool, float)
        Broken release to whether the attack caught it, and the lower bound it found there.
    tactful, created : str
        Version and time of the audit.
    """

    epsilon_claimed: float
    delta: float
    epsilon_lower_bound: float
    confidence: float
    trials: int
    people: Mapping[str, float]
    controls: Mapping[str, tuple[bool, float]]
    tactful: str
    created: str

    @classmethod
    def of_json(cls, facts: Mapping[str, Any] | None) -> Self | Unmeasured:
        """The audit that was saved, or why it cannot be quoted."""
        return _quoted(cls._read, facts, "no audit of these releases was found: run `tactful audit CONFIG`")

    @property
    def holds(self) -> bool:
        """Whether the claim was not exceeded, by an attack that saw what was broken on purpose."""
        return self.epsilon_lower_bound <= self.epsilon_claimed and all(caught for caught, _ in self.controls.values())

    @classmethod
    def _read(cls, facts: Mapping[str, Any]) -> Self:
        return cls(
            epsilon_claimed=_number(facts["epsilon_claimed"]),
            delta=_number(facts["delta"], high=1),
            epsilon_lower_bound=_number(facts["epsilon_lower_bound"]),
            confidence=_number(facts["confidence"], high=1),
            trials=_whole(facts["trials"]),
            people={_text(p["person"]): _number(p["epsilon_lower_bound"]) for p in facts["people"]},
            controls={
                _text(c["mutant"]): (_truth(c["caught"]), _number(c["epsilon_lower_bound"])) for c in facts["controls"]
            },
            tactful=_text(facts["tactful"]),
            created=_text(facts["created"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedModel:
    """How well members of one kind of model were told from others.

    Attributes
    ----------
    auc, tpr : float
        Area under the ROC curve; share of members found at a false positive rate of 1 %.
    auc_interval, tpr_interval : (float, float)
    """

    auc: float
    auc_interval: Interval
    tpr: float
    tpr_interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipFacts:
    """What `tactful benchmark membership` found on a synthetic or public world with the releases of a run.

    Attributes
    ----------
    world : mapping of str to a plain value
        Its parameters.
    shadows, targets : int
        Models trained on random halves of the people, and people asked about.
    epsilon, delta, mu : float
        What the private model of that world promises.
    k, head : int
        Most items a person, and items of the head.
    noise_multiplier : float
        Of the Gram.
    models : mapping of str to AttackedModel
        The private model, the same without noise, and a public reference.
    bound_auc, bound_tpr : float
        The most that any attacker can reach against `mu`.
    attack_works : bool
        Whether it tells members of the models without privacy; where it does not, its silence means nothing.
    tactful, created : str
        Version and time of the benchmark.
    """

    world: Mapping[str, str | int | float | bool | None]
    shadows: int
    targets: int
    epsilon: float
    delta: float
    mu: float
    k: int
    head: int
    noise_multiplier: float
    models: Mapping[str, AttackedModel]
    bound_auc: float
    bound_tpr: float
    attack_works: bool
    tactful: str
    created: str

    @classmethod
    def of_json(cls, facts: Mapping[str, Any] | None) -> Self | Unmeasured:
        """The benchmark that was saved, or why it cannot be quoted."""
        return _quoted(cls._read, facts, "not measured for these releases: run `tactful benchmark membership CONFIG`")

    @classmethod
    def _read(cls, facts: Mapping[str, Any]) -> Self:
        bound = facts["bound"]
        return cls(
            world={_text(name): _plain(value) for name, value in facts["world"].items()},
            shadows=_whole(facts["shadows"]),
            targets=_whole(facts["targets"]),
            epsilon=_number(facts["epsilon"]),
            delta=_number(facts["delta"], high=1),
            mu=_number(facts["mu"]),
            k=_whole(facts["k"]),
            head=_whole(facts["head"]),
            noise_multiplier=_number(facts["noise_multiplier"]),
            models={_text(row["model"]): _attacked(row) for row in facts["rows"]},
            bound_auc=_number(bound["auc"], high=1),
            bound_tpr=_number(bound["tpr_at_fpr_1pct"], high=1),
            attack_works=_truth(facts["attack_works"]),
            tactful=_text(facts["tactful"]),
            created=_text(facts["created"]),
        )


def _quoted(
    read: Callable[[Mapping[str, Any]], _Facts], facts: Mapping[str, Any] | None, missing: str
) -> _Facts | Unmeasured:
    """The facts as they are read, or why not."""
    if facts is None:
        return Unmeasured(reason=missing)
    try:
        return read(facts)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Unmeasured(reason=f"what was found could not be read, so it is not quoted; {missing}")


def _attacked(row: Mapping[str, Any]) -> AttackedModel:
    """One row of the benchmark."""
    return AttackedModel(
        auc=_number(row["auc"], high=1),
        auc_interval=_interval(row["auc_interval"]),
        tpr=_number(row["tpr_at_fpr_1pct"], high=1),
        tpr_interval=_interval(row["tpr_interval"]),
    )


def _interval(pair: Any) -> Interval:
    """Two numbers between 0 and 1 in order."""
    low, high = (_number(end, high=1) for end in pair)
    if low > high:
        raise ValueError("an interval starts at its lower end")
    return low, high


def _number(value: Any, *, high: float = math.inf) -> float:
    """A finite number from 0 to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high or value == math.inf:
        raise ValueError("not a number in its range")
    return float(value)


def _whole(value: Any) -> int:
    """A whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a whole number")
    return value


def _truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _text(value: Any) -> str:
    """Words."""
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _plain(value: Any) -> str | int | float | bool | None:
    """A value without parts."""
    if value is not None and not isinstance(value, str | int | float | bool):
        raise TypeError("not a plain value")
    return value
