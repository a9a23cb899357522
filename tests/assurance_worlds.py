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
    overall = {"people": 1.0, "recall@20": 0.31, "popularity_recall@20": 0.27, "lift@20": 0.04, "lift_inside@20": 0.02}
    cells |= {Cell(metric=metric): noisy(everybody * mean) for metric, mean in overall.items()}
    return EvaluationSums(noise="system", cells=cells)


def whole_release(
    people: int,
    *,
    worse: tuple[tuple[str, ...], str | None] = ((), None),
    short: tuple[str, ...] = (),
    inside: bool = True,
    sigma: float = 2.0,
    seed: int = 0,
) -> EvaluationSums:
    """Everything that may be released about people who differ by age, home and length of history, with noise.

    Parameters
    ----------
    people : int
    worse : (ages, home)
        Who is served half as well; None as a home means in any.
    short : tuple of str
        Ages whose histories are mostly short; short histories are served worse.
    inside : bool
        Whether it is released how far inside its range a metric is.
    sigma : float
        Of the noise on every value.
    seed : int
    """
    rng = np.random.default_rng(seed)
    ages, homes = np.array(["young", "middle", "old"]), np.array(["alone", "others"])
    age, home = ages[rng.choice(3, people, p=[0.4, 0.3, 0.3])], homes[rng.integers(0, 2, people)]
    brief = rng.random(people) < np.where(np.isin(age, short), 0.9, 0.3)
    longer = rng.choice(["10–29 items", "30–99 items", "100 and more items"], people)
    history = np.where(brief, "1–9 items", longer)
    hit = rng.random(people) < np.where(brief, 0.25, 0.5)
    half = np.isin(age, worse[0]) & ((home == worse[1]) | (worse[1] is None))
    hit &= (rng.random(people) < 0.5) | ~half
    trains = rng.random(people) < 0.8
    ndcg = np.where(hit, rng.choice(1 / np.log2(np.arange(2, 12)), people), 0.0)
    figures = {"people": np.ones(people), "ndcg@10": ndcg, "hit@10": hit.astype(float)}
    if inside:
        figures["ndcg_inside@10"] = ndcg * (1 - ndcg)
    coarse = np.where(age == "young", "young", "older")
    cross = " × "
    groups = {
        "": np.full(people, ""),
        "age": age,
        "home": home,
        "history": history,
        f"age{cross}home": np.char.add(np.char.add(coarse, cross), home),
        f"age{cross}history": np.char.add(np.char.add(coarse, cross), history),
        f"home{cross}history": np.char.add(np.char.add(home, cross), history),
    }
    totals = {
        Cell(metric=metric, attribute=attribute, group=str(group)): float(values[member == group].sum())
        for attribute, member in groups.items()
        for group in np.unique(member)
        for metric, values in figures.items()
    }
    for attribute in ("age", "home"):
        for group in np.unique(groups[attribute]):
            here = groups[attribute] == group
            totals[Cell(metric="known", attribute=attribute, group=str(group))] = float(here.sum())
            totals[Cell(metric="consented", attribute=attribute, group=str(group))] = float((here & trains).sum())
    for metric, share in (("exposure@10", 0.3), ("interest", 0.1)):
        for group, value in (("MEAT", share), ("other", 1 - share)):
            totals[Cell(metric=metric, attribute="items: department", group=group)] = value * people
    noisy = {cell: Measured(value=v + sigma * float(rng.normal()), sigma=sigma) for cell, v in totals.items()}
    return EvaluationSums(noise="system", cells=noisy)


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
    }
    return RunSummary(**{**facts, **changes})
