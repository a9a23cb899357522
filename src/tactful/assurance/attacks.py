"""What attacks on a run's releases found, as its documents quote it: figures, or the reason why there are none.

Evidence is read from a file that nobody signed. A file that lacks a figure, in which one is out of range, whose figures
contradict each other, or which is about another claim than the run's is no evidence, and the documents say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from tactful.assurance.control_facts import ControlFacts
from tactful.assurance.plain import above_0, interval, listing, number, plain, some, text, truth, whole
from tactful.privacy.plan import RunPlan

_Facts = TypeVar("_Facts")
Interval = tuple[float, float]
_NOT_AUDITED = "not audited: `tactful audit CONFIG` was not run with this code before the training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """There is no evidence to quote; `reason` says why, and what would give some."""

    reason: str

    def stated(self) -> dict[str, Any]:
        """What a privacy statement says instead of figures."""
        return {"measured": False, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFacts:
    """What `tactful audit` found about the very releases of a run.

    Attributes
    ----------
    epsilon_claimed, delta : float
    confidence : float
        Of the bound, over all people together.
    trials : int
        Releases without the person, and with the first one.
    people : mapping of str to (float, int)
        Worst-case person to the lower bound on the ε that they lose at `delta`, and the releases with them.
    controls : mapping of str to ControlFacts
        Broken release to what came of it.
    not_as_stated : tuple of str
        What is wrong with the noise or the head.
    attempts, contradictions : int
        Audits of the same releases and code, and how many of them contradicted the claim; the weightiest is quoted.
    tactful, created : str
        Version and time of the audit.
    """

    epsilon_claimed: float
    delta: float
    confidence: float
    trials: int
    people: Mapping[str, tuple[float, int]]
    controls: Mapping[str, ControlFacts]
    not_as_stated: tuple[str, ...]
    attempts: int
    contradictions: int
    tactful: str
    created: str

    @classmethod
    def of_json(cls, facts: Mapping[str, Any] | None) -> Self | Unmeasured:
        """The audit that was saved, or why it cannot be quoted."""
        return _quoted(cls._read, facts, _NOT_AUDITED)

    @classmethod
    def about(cls, plan: RunPlan, facts: Mapping[str, Any] | None) -> Self | Unmeasured:
        """The audit that was saved, if it is about what this plan claims; or why it cannot be quoted."""
        found = cls.of_json(facts)
        if isinstance(found, Unmeasured):
            return found
        claimed, promised = (found.epsilon_claimed, found.delta), (plan.budget.epsilon, plan.budget.delta)
        return found if claimed == promised else _of_another("audit", claimed, promised)

    @property
    def epsilon_lower_bound(self) -> float:
        """The largest over the people tried."""
        return max(bound for bound, _ in self.people.values())

    @property
    def contradicts(self) -> bool:
        """Whether more was shown than is claimed."""
        return self.epsilon_lower_bound > self.epsilon_claimed

    @property
    def sees(self) -> bool:
        """Whether the audit caught everything that was broken on purpose; else its silence says little."""
        return all(control.outcome == "caught" for control in self.controls.values())

    def stated(self) -> dict[str, Any]:
        """The audit as plain values, for a privacy statement."""
        return {
            "measured": True,
            "claim_contradicted": self.contradicts,
            "noise_as_stated": not self.not_as_stated,
            "not_as_stated": list(self.not_as_stated),
            "attack_sees_what_is_broken": self.sees,
            "epsilon_claimed": self.epsilon_claimed,
            "epsilon_lower_bound": self.epsilon_lower_bound,
            "delta": self.delta,
            "confidence": self.confidence,
            "trials": self.trials,
            "attempts": self.attempts,
            "contradictions": self.contradictions,
            "people": {
                name: {"epsilon_lower_bound": bound, "trials": present}
                for name, (bound, present) in self.people.items()
            },
            "broken_on_purpose": {name: control.stated() for name, control in self.controls.items()},
            "date": self.created,
            "tactful": self.tactful,
        }

    @classmethod
    def _read(cls, facts: Mapping[str, Any]) -> Self:
        claim = above_0(facts["epsilon_claimed"])
        found = cls(
            epsilon_claimed=claim,
            delta=above_0(facts["delta"], high=1),
            confidence=number(facts["confidence"], high=1),
            trials=whole(facts["trials"]),
            people=some(
                {text(p["person"]): (number(p["epsilon_lower_bound"]), whole(p["present"])) for p in facts["people"]}
            ),
            controls=some({text(row["mutant"]): ControlFacts.of_json(row, claim) for row in facts["controls"]}),
            not_as_stated=tuple(text(what) for what in listing(facts["not_as_stated"])),
            attempts=whole(facts["attempts"]),
            contradictions=whole(facts["contradictions"], low=0),
            tactful=text(facts["tactful"]),
            created=text(facts["created"]),
        )
        if number(facts["epsilon_lower_bound"]) != found.epsilon_lower_bound:
            raise ValueError("the bound is not the largest of the people's")
        if truth(facts["noise_as_stated"]) is bool(found.not_as_stated):
            raise ValueError("what is wrong with the noise is listed where something is")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedModel:
    """How well members of one kind of model were told from others.

    Attributes
    ----------
    auc, tpr : float
        Area under the ROC curve; share of members found at a false positive rate of 1%.
    auc_interval, tpr_interval : (float, float)
    """

    auc: float
    auc_interval: Interval
    tpr: float
    tpr_interval: Interval

    def stated(self) -> dict[str, Any]:
        """The figures as plain values, for a privacy statement."""
        return {
            "auc": self.auc,
            "auc_interval": list(self.auc_interval),
            "tpr_at_fpr_1pct": self.tpr,
            "tpr_interval": list(self.tpr_interval),
        }


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
        return _quoted(cls._read, facts, "not measured for these settings: run `tactful benchmark membership CONFIG`")

    @classmethod
    def about(cls, plan: RunPlan, facts: Mapping[str, Any] | None) -> Self | Unmeasured:
        """The benchmark that was saved, if it is about what this plan claims; or why it cannot be quoted."""
        found, mu = cls.of_json(facts), plan.loss("training").mu_squared ** 0.5
        if isinstance(found, Unmeasured):
            return found
        claimed, promised = (found.epsilon, found.delta, found.mu), (plan.budget.epsilon, plan.budget.delta, mu)
        return found if claimed == promised else _of_another("membership benchmark", claimed, promised)

    def stated(self) -> dict[str, Any]:
        """The benchmark as plain values, for a privacy statement."""
        return {
            "measured": True,
            "world": dict(self.world),
            "shadow_models": self.shadows,
            "people_asked_about": self.targets,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "mu": self.mu,
            "distinct_items_at_most": self.k,
            "head": self.head,
            "noise_multiplier": self.noise_multiplier,
            "models": {name: row.stated() for name, row in self.models.items()},
            "most_that_mu_allows": {"auc": self.bound_auc, "tpr_at_fpr_1pct": self.bound_tpr},
            "attack_works_without_privacy": self.attack_works,
            "date": self.created,
            "tactful": self.tactful,
        }

    @classmethod
    def _read(cls, facts: Mapping[str, Any]) -> Self:
        bound = facts["bound"]
        return cls(
            world=some({text(name): plain(value) for name, value in facts["world"].items()}),
            shadows=whole(facts["shadows"]),
            targets=whole(facts["targets"]),
            epsilon=above_0(facts["epsilon"]),
            delta=above_0(facts["delta"], high=1),
            mu=above_0(facts["mu"]),
            k=whole(facts["k"]),
            head=whole(facts["head"]),
            noise_multiplier=number(facts["noise_multiplier"]),
            models=some({text(row["model"]): _attacked(row) for row in facts["rows"]}),
            bound_auc=number(bound["auc"], high=1),
            bound_tpr=number(bound["tpr_at_fpr_1pct"], high=1),
            attack_works=truth(facts["attack_works"]),
            tactful=text(facts["tactful"]),
            created=text(facts["created"]),
        )


def _quoted(
    read: Callable[[Mapping[str, Any]], _Facts], facts: Mapping[str, Any] | None, missing: str
) -> _Facts | Unmeasured:
    """The facts as they are read, or why not."""
    if facts is None:
        return Unmeasured(reason=missing)
    try:
        return read(facts)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return Unmeasured(reason=f"what was found could not be read, so it is not quoted; {missing}")


def _of_another(kind: str, claimed: Sequence[float], promised: Sequence[float]) -> Unmeasured:
    """Why evidence about something else is not quoted."""
    one, other = (", ".join(f"{value:.6g}" for value in values) for values in (claimed, promised))
    return Unmeasured(reason=f"the {kind} that was saved is about another claim ({one}) than this run's ({other})")


def _attacked(row: Mapping[str, Any]) -> AttackedModel:
    """One row of the benchmark."""
    return AttackedModel(
        auc=number(row["auc"], high=1),
        auc_interval=interval(row["auc_interval"]),
        tpr=number(row["tpr_at_fpr_1pct"], high=1),
        tpr_interval=interval(row["tpr_interval"]),
    )
