"""Released values of planted worlds: what groups there are, how they are served, and how much noise there is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tactful.assurance.attacks import AuditFacts, MembershipFacts
from tactful.assurance.summary import PolicyFacts, ReleaseFacts, RunSummary
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.sums import Cell, EvaluationSums, Measured

Served = Mapping[str, tuple[float, float]]  # group -> (people, mean of every metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An (ε, δ)."""

    epsilon: float
    delta: float


def planted(
    attributes: Mapping[str, Served],
    *,
    sigma: float = 1.0,
    metrics: tuple[str, ...] = ("ndcg@10", "recall@10"),
    rng: np.random.Generator | None = None,
) -> EvaluationSums:
    """The sums of a world; without `rng` every draw of the noise came out as 0."""

    def noisy(value: float) -> Measured:
        return Measured(value=value + (rng.normal() * sigma if rng else 0.0), sigma=sigma)

    cells = {}
    for attribute, groups in attributes.items():
        for group, (people, mean) in groups.items():
            cells[Cell(metric="people", attribute=attribute, group=group)] = noisy(people)
            for metric in metrics:
                cells[Cell(metric=metric, attribute=attribute, group=group)] = noisy(people * mean)
    everybody = max((sum(n for n, _ in groups.values()) for groups in attributes.values()), default=0.0) + 300
    overall = {"people": 1.0, "recall@20": 0.31, "popularity_recall@20": 0.27, "lift@20": 0.04, "lift_squared@20": 0.02}
    cells |= {Cell(metric=metric): noisy(everybody * mean) for metric, mean in overall.items()}
    return EvaluationSums(noise="system", cells=cells)


def summary(**changes: Any) -> RunSummary:
    """A run whose stated losses follow from its stated noise."""
    multipliers = {"consent": 7.0, "people": 8.0, "popularity": 2.5, "gram": 0.84, "evaluation": 0.8}
    about = {"consent": ("training", "evaluation"), "evaluation": ("evaluation",)}
    losses = tuple(
        ReleaseFacts(
            name=name,
            partitions=about.get(name, ("training",)),
            noise_multiplier=multiplier,
            sigma=f"{multiplier:g} (standard deviation)",
            sensitivity="1 in L2 norm",
            slack_epsilon=1e-3,
            tail=1e-11,
        )
        for name, multiplier in multipliers.items()
    )
    loss = {
        p: PrivacyLoss(
            mu_squared=sum(1 / r.noise_multiplier**2 for r in losses if p in r.partitions),
            slack_epsilon=sum(r.slack_epsilon for r in losses if p in r.partitions),
            tail=sum(r.tail for r in losses if p in r.partitions),
        )
        for p in ("training", "evaluation")
    }
    facts: dict[str, Any] = {
        "model": "grocery",
        "created": datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
        "tactful": "0.1.0",
        "unit": "one household: all rows under one user_id",
        "purpose": "personalization.training",
        "notes": ("The consent events are simulated; everything else is the data set's.",),
        "intended_use": "Suggest product types to households in the shop's app, beside what they buy already.",
        "not_covered": ("Health or dietary advice", "Households that did not consent", "Prices, credit or eligibility"),
        "budget": Pair(epsilon=8.0, delta=1e-6),
        "losses": losses,
        "partition_loss": {p: (math.sqrt(x.mu_squared), x.epsilon(1e-6)) for p, x in loss.items()},
        "since_first_epsilon": 11.31,
        "limit": Pair(epsilon=20.0, delta=1e-6),
        "period_days": None,
        "scale": 1 << 20,
        "noise": "system",
        "max_items": 200,
        "head_size": 96,
        "rank": 24,
        "catalogue_size": 1452,
        "features": ("department", "product_category"),
        "people": Measured(value=1213.4, sigma=8.0),
        "consent": {
            "admitted": Measured(value=1519.2, sigma=7.0),
            "no_record": Measured(value=211.7, sigma=7.0),
            "refused": Measured(value=302.1, sigma=7.0),
            "withdrawn": Measured(value=188.9, sigma=7.0),
            "minor": Measured(value=-3.2, sigma=7.0),
        },
        "policy": PolicyFacts(retention_days=365, sensitive_categories=("family_planning", "diet_aids")),
        "metrics": {"recall@20": 0.312, "popularity_recall@20": 0.271, "lift@20": 0.041},
        "metric_intervals": {"recall@20": (0.28, 0.35), "lift@20": (0.012, 0.071)},
        "config_text": '[model]\nname = "grocery"\n\n[privacy]\nepsilon = 8.0\ndelta = 1e-6\n',
        "tuning": "none",
        "evaluation_share": 0.2,
        "audit": AuditFacts.of_json(None),
        "membership": MembershipFacts.of_json(None),
        "actor": "ed25519:" + "ab" * 32,
        "trainer": "The demo's trainer",
    }
    return RunSummary(**{**facts, **changes})
