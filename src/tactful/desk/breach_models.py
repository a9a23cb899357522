"""What somebody who has a model learns about one person: in words, and as far as it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tactful.assurance import evidence
from tactful.assurance.attacks import AuditFacts, MembershipFacts, Unmeasured
from tactful.desk.person import Desk
from tactful.desk.trainings import Training, composed, trainings
from tactful.errors import counted
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.plain_risk import in_words, to_you

_SEEDED = "Its noise came from a seed, for tests: it protects nobody. Whoever has the seed can take the noise away."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRisk:
    """What one training gives away about one person at most.

    Attributes
    ----------
    name, status : str
    champion : bool
    trained_at : datetime
    epsilon : float or None
        For the half of the people that it cost more; None where no finite one holds.
    delta : float
    means : str
        The same in words.
    """

    name: str
    status: str
    champion: bool
    trained_at: datetime
    epsilon: float | None
    delta: float
    means: str

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "name": self.name,
            "status": self.status,
            "champion": self.champion,
            "trained_at": self.trained_at.isoformat(),
            "epsilon": self.epsilon,
            "delta": self.delta,
            "means": self.means,
        }


def model_risks(desk: Desk, until: datetime) -> tuple[tuple[ModelRisk, ...], str]:
    """Every training until a time, and in words what all of them together give away about one person.

    Raises
    ------
    JournalBrokenError
        What the journal says about models does not hold.
    """
    found = [each for each in trainings(desk.records) if each.time <= until]
    return tuple(_risk(each) for each in found), _together(found)


def together_to_you(desk: Desk, until: datetime) -> str:
    """What all trainings until a time give away, said to one of the people whom they may be about."""
    found = [each for each in trainings(desk.records) if each.time <= until]
    if not found:
        return "None of them had been trained on anybody's data by then."
    if not all(each.protects for each in found):
        return "They were made for tests, without protection: somebody may learn from them what you did."
    return to_you(_worst(found), several=len(found) > 1)


def measured(desk: Desk) -> tuple[str, ...]:
    """What attacks on releases like these found: a sentence each, or why there is none."""
    if desk.settings is None:
        return ("No configuration is known, so it cannot be said what was measured about its releases.",)
    plan = Planned.of(desk.settings).plan
    membership = MembershipFacts.about(plan, evidence.find("membership", plan.events))
    audit = AuditFacts.about(plan, evidence.find("audit", plan.events))
    return _membership(membership), _audit(audit)


def _risk(training: Training) -> ModelRisk:
    """What one training means."""
    loss = _worst([training])
    return ModelRisk(
        name=training.name,
        status=training.status,
        champion=training.champion,
        trained_at=training.time,
        epsilon=composed([loss], training.delta) if training.protects else None,
        delta=training.delta,
        means=in_words(loss, delta=training.delta) if training.protects else _SEEDED,
    )


def _together(found: Sequence[Training]) -> str:
    """What all of them give away, to somebody who has everything that they released."""
    if not found:
        return "No model was trained until then."
    if not all(each.protects for each in found):
        return _SEEDED
    return in_words(_worst(found), delta=max(each.delta for each in found), several=len(found) > 1)


def _worst(found: Sequence[Training]) -> PrivacyLoss:
    """The loss of the half of the people that these trainings cost more."""
    halves = {part for each in found for part in each.losses}
    losses = [PrivacyLoss.total(each.losses[part] for each in found if part in each.losses) for part in halves]
    return max(losses, key=lambda loss: loss.mu_squared, default=PrivacyLoss())


def _membership(found: MembershipFacts | Unmeasured) -> str:
    """What an attack on membership found."""
    if isinstance(found, Unmeasured):
        return f"Whether members can be told from others: {found.reason}."
    private = found.models.get("private") or next(iter(found.models.values()))
    works = (
        ""
        if found.attack_works
        else " The attack did not find members of unprotected models either, so it says little."
    )
    return (
        f"An attack with {counted(found.shadows, 'shadow model')} told members from others with an area under the "
        f"curve of {private.auc:.3f} ({private.auc_interval[0]:.3f} to {private.auc_interval[1]:.3f}; 0.5 is chance, "
        f"{found.bound_auc:.3f} the most that any attack can reach), on a synthetic or public world, {found.created}."
        f"{works}"
    )


def _audit(found: AuditFacts | Unmeasured) -> str:
    """What an audit of the noise found."""
    if isinstance(found, Unmeasured):
        return f"Whether the noise keeps its promise: {found.reason}."
    verdict = "contradicts" if found.contradicts or found.not_as_stated else "does not contradict"
    return (
        f"An audit of the same releases on made-up people showed an epsilon of at least "
        f"{found.epsilon_lower_bound:.3f} where {found.epsilon_claimed:g} is claimed, in "
        f"{counted(found.trials, 'trial')} ({found.created}): it {verdict} the claim."
    )
