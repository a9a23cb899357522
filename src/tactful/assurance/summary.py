"""Everything that a report, a card or a statement may say about a run: released values, public inputs, configuration.

The documents leave the trust boundary. They are written from a `RunSummary` and a `FairnessAssessment` and from nothing
else, so what is not a field here cannot reach them: no exact number of people, no digest of rows, no id.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tactful.assurance.attacks import AuditFacts, MembershipFacts, Unmeasured
from tactful.assurance.metrics import METRICS, OVERALL, Metric
from tactful.errors import counted
from tactful.privacy.statistics import Noise
from tactful.privacy.sums import Measured

Tuning = Literal["not stated", "none", "public data", "paid trials"]
"""Where settings came from: `tactful.config.PrivacySection.tuning`."""

OUTCOMES: Mapping[str, str] = {
    "admitted": "used: at least one row was consented to",
    "erased": "not used: asked to be erased",
    "minor": "not used: a minor",
    "no_record": "not used: no consent on record",
    "refused": "not used: refused",
    "withdrawn": "not used: withdrew consent",
    "expired": "not used: consent had run out",
    "before_grant": "not used: a row is from before consent was given",
    "retention_expired": "not used: a row is older than the retention period",
    "sensitive_category": "not used: a sensitive item without the opt-in it needs",
    "malformed": "not used: a row could not be read",
    "unknown_item": "not used: a row is about an item outside the catalogue",
}
"""What the consent gate made of a person. Of people who were not used no row was used; the reason is the first in this
order that holds for any of their rows, what is about the person before what is about a row, and others may hold too."""

_TOLD: Mapping[str, Metric] = {**METRICS, **OVERALL}


class Loss(Protocol):
    """A pair (ε, δ); `tactful.privacy` has the type that checks itself."""

    @property
    def epsilon(self) -> float:
        """ε, at least 0."""

    @property
    def delta(self) -> float:
        """δ, between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What one private release was and what it cost.

    Attributes
    ----------
    name : str
    partitions : tuple of str
        Whom it is about: ``training``, ``evaluation``, or both.
    noise_multiplier : float
        σ in units of the sensitivity; the release adds 1/noise_multiplier² to μ².
    sigma, sensitivity : str
        The noise and the most one person can change, in words and natural units.
    slack_epsilon, tail : float
        The sampler's own error: added to ε, and the probability that the bound on it does not cover.
    given_back : bool
        It was debited and then not asked, so that its part went back to the budget: nothing of it was released.
    """

    name: str
    partitions: tuple[str, ...]
    noise_multiplier: float
    sigma: str
    sensitivity: str
    slack_epsilon: float
    tail: float
    given_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """What the consent policy of the run declares.

    Attributes
    ----------
    retention_days : int, days
    sensitive_categories : tuple of str
        Categories of items that need an opt-in of their own.
    """

    retention_days: int
    sensitive_categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curator:
    """Who publishes the model, in the words of the registry of deployments.

    Attributes
    ----------
    name, kind, region, sector : str
    """

    name: str = "not stated"
    kind: str = "not stated"
    region: str = "not stated"
    sector: str = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A training run as it may be told to the outside.

    Attributes
    ----------
    model : str
    created : datetime, with a time zone
    tactful : str
        Version of tactful.
    unit : str
        Whom the guarantee protects, e.g. ``one household: all rows under one user_id``.
    purpose : str
        The consent purpose that rows were admitted for.
    notes : tuple of str
        Remarks every reader has to see, e.g. that consent events are simulated.
    intended_use : str
    not_covered : tuple of str
        Uses and people the model is not for.
    budget, limit : Loss
        (ε, δ) of this run, and of everything that may ever be released about this population.
    period_days : int or None, days
        After which the limit's ε is available again; ε since the first debit is never reset.
    losses : tuple of ReleaseFacts
    scale : int
        Integer units of the statistics: one person changes each by at most so much in L2 norm.
    partition_loss : mapping of str to (float, float)
        For ``training`` and ``evaluation`` people the μ and the ε of this run, at the δ of `budget`.
    since_first_epsilon : float
        ε of everything released since the first debit, at the δ of `limit`; never reset.
    noise : {"system", "reproducible"}
    max_items : int
        The most distinct items one person contributes.
    head_size, rank, catalogue_size : int, items, dimensions, items
    features : tuple of str
        Public item features used.
    people : Measured
        Released number of training people.
    consent : mapping of str to Measured
        Released number of people by outcome, training and evaluation people together.
    policy : PolicyFacts
    metrics : mapping of str to float
        Released means over evaluation people.
    metric_intervals : mapping of str to (float, float)
        Where known, the interval of a metric.
    config_text : str
        The configuration as TOML.
    actor : str or None
        Public key that the run was started with.
    tuning : {"not stated", "none", "public data", "paid trials"}
    evaluation_share : float
        Share of people who are set aside, by keyed hash.
    curator : Curator
    audit, membership : AuditFacts, MembershipFacts or Unmeasured
        What attacks on the very releases of this run found.
    """

    model: str
    created: datetime
    tactful: str
    unit: str
    purpose: str
    notes: tuple[str, ...]
    intended_use: str
    not_covered: tuple[str, ...]
    budget: Loss
    losses: tuple[ReleaseFacts, ...]
    scale: int
    partition_loss: Mapping[str, tuple[float, float]]
    since_first_epsilon: float
    limit: Loss
    period_days: int | None
    noise: Noise
    max_items: int
    head_size: int
    rank: int
    catalogue_size: int
    features: tuple[str, ...]
    people: Measured
    consent: Mapping[str, Measured]
    policy: PolicyFacts
    metrics: Mapping[str, float]
    metric_intervals: Mapping[str, tuple[float, float]]
    config_text: str
    tuning: Tuning
    evaluation_share: float
    audit: AuditFacts | Unmeasured
    membership: MembershipFacts | Unmeasured
    curator: Curator = Curator()
    actor: str | None = None

    @property
    def mu(self) -> float:
        """The dearer of the two partitions' μ."""
        return max((mu for mu, _ in self.partition_loss.values()), default=0.0)

    @property
    def learned(self) -> str:
        """What taste was learned from, by the releases of the run."""
        steps = self._steps
        return (
            f"{counted(steps, 'step')} of private alternating least squares" if steps else "one release of item pairs"
        )

    @property
    def method(self) -> Literal["tactful", "dpals"]:
        """The method by the name that configurations and benchmarks have for it."""
        return "dpals" if self._steps else "tactful"

    @property
    def unasked(self) -> str:
        """Which releases were debited and never made, in a sentence that follows another; empty if all were made."""
        names = ", ".join(release.name for release in self.losses if release.given_back)
        return f" Not asked, so nothing of it was released and its part was given back: {names}." if names else ""

    @property
    def _steps(self) -> int:
        """How many times an alternating method asked people; 0 for a method that asks once."""
        return sum(release.name.startswith("rhs-") for release in self.losses)

    @property
    def outcomes(self) -> list[tuple[str, str, Measured]]:
        """Consent outcomes in the order in which they are told: code, meaning, people."""
        codes = [*(code for code in OUTCOMES if code in self.consent), *(c for c in self.consent if c not in OUTCOMES)]
        return [(code, OUTCOMES.get(code, code), self.consent[code]) for code in codes]

    @property
    def since_first(self) -> str:
        """ε since the first debit in words; it has no finite value where a sampler's tail outgrew δ."""
        return f"{self.since_first_epsilon:.4g}" if self.since_first_epsilon < math.inf else "more than any number"


def metric_name(metric: str) -> str:
    """A metric as readers know it: ``ndcg@10`` is nDCG@10; a name that has no words stays as it is."""
    found = _TOLD.get(metric)
    return found.title if found else _at_depth(metric, "title") or metric


def metric_meaning(metric: str) -> str:
    """What a metric measures, in a clause; empty for a metric that has no words."""
    found = _TOLD.get(metric)
    return found.meaning if found else _at_depth(metric, "meaning")


def in_order(metrics: Iterable[str]) -> list[str]:
    """Metrics as readers expect them: those of groups in the order of their table, then those over everybody only."""
    kinds = [_kind(name) for name in _TOLD]
    return sorted(metrics, key=lambda m: (kinds.index(_kind(m)) if _kind(m) in kinds else len(kinds), m))


def _at_depth(metric: str, words: Literal["title", "meaning"]) -> str:
    """The words of a metric at another depth than the told one: those of Recall@10 with 20 for 10; else empty."""
    kind, _, depth = metric.partition("@")
    for name, told in _TOLD.items():
        if _kind(name) == kind and "@" in name and depth:
            known: str = getattr(told, words)
            return re.sub(rf"\b{name.partition('@')[2]}\b", depth, known)
    return ""


def _kind(metric: str) -> str:
    """A metric without its depth."""
    return metric.partition("@")[0]


def readable(name: str) -> str:
    """A column name in words: ``household_composition`` is household composition."""
    return name.replace("_", " ")


def listed(names: Iterable[str]) -> str:
    """Names of groups in a sentence, where one of them ends: “under 35”, “55 and over”."""
    return ", ".join(f"“{name}”" for name in names)


def about(people: Measured, *, z: float = 1.96) -> str:
    """A released number of people with what the noise allows: ``about 312 (294 to 330)``.

    Where the noise took the number so far below 0 that it allows none, as if it had come out as 0.
    """
    if not abs(people.value) < float("inf"):
        return "not released"
    low, value, high = (max(round(people.value + step * people.sigma), 0) for step in (-z, 0.0, z))
    return f"about {value:,} ({low:,} to {high or round(z * people.sigma):,})"
