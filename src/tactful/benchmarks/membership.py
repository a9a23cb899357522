"""Who can tell from recommendations that a person was trained on: a private model beside two that are not.

Shadow models are trained on random halves of a world: each person is in each of them or not by the toss of a coin, so
that who is judged is added or removed and nobody else changes. The same halves serve all models.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tactful.assurance import evidence
from tactful.assurance.leakage import Leakage, Most, leakage, most
from tactful.benchmarks.attack import Questions, likelihood_ratios
from tactful.benchmarks.victims import Victim, Victims
from tactful.benchmarks.worlds import SyntheticWorld, World
from tactful.config import TrainingConfig
from tactful.errors import UsageError
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.released.head import head_size

SHADOWS, FEWEST, TARGETS = 200, 8, 400
_WINS = 0.6  # an attack that certainly gets an area above this can see


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What the attack achieved against each model, and the most that the plan allows.

    Attributes
    ----------
    world : mapping
        What the people were, as plain values.
    shadows, targets : int
        Models of each kind, and people who were looked for in each.
    budget : PrivacyBudget
        What a run under the plan promises.
    mu : float
        What training costs a person, sampler's slack apart.
    max_items, head : int
        The bound on items a person, and the items in the head where half the people are there.
    noise_multiplier : float
        Of the Gram.
    rows : mapping of str to Leakage
        By model.
    bound : Most
        What no attack on the private model can exceed.
    seconds : float
    """

    world: Mapping[str, Any]
    shadows: int
    targets: int
    budget: PrivacyBudget
    mu: float
    max_items: int
    head: int
    noise_multiplier: float
    rows: Mapping[str, Leakage]
    bound: Most
    seconds: float

    @property
    def attack_works(self) -> bool:
        """Whether the attack recognises members of both models without noise: else it says nothing of the private."""
        return all(self.rows[name].auc_interval[0] > _WINS for name in ("without noise", "als"))

    def as_json(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "world": dict(self.world),
            "shadows": self.shadows,
            "targets": self.targets,
            "epsilon": self.budget.epsilon,
            "delta": self.budget.delta,
            "mu": self.mu,
            "k": self.max_items,
            "head": self.head,
            "noise_multiplier": self.noise_multiplier,
            "rows": [
                {
                    "model": name,
                    "auc": row.auc,
                    "auc_interval": list(row.auc_interval),
                    "tpr_at_fpr_1pct": row.tpr,
                    "tpr_interval": list(row.tpr_interval),
                }
                for name, row in self.rows.items()
            ],
            "bound": {"auc": self.bound.auc, "tpr_at_fpr_1pct": self.bound.tpr},
            "attack_works": self.attack_works,
            "seconds": self.seconds,
        }


def measure_membership(
    world: World,
    planned: Planned,
    *,
    max_items: int,
    shadows: int = SHADOWS,
    targets: int = TARGETS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Membership:
    """What the attack achieves against each kind of model, every shadow model judged by the others.

    Parameters
    ----------
    world : World
        Synthetic or public people.
    planned : Planned
        What is released; the noise is drawn from the operating system, as in a run.
    max_items : int
        The bound that `world` was made with.
    shadows : int
        Models of each kind, at least 8.
    targets : int
        The most people who are looked for, chosen at random.
    seed : int
        For everything but the noise.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If there are too few shadow models.
    MissingExtraError
        If implicit is not installed.

    Notes
    -----
    **Privacy.** *Reads* synthetic or public people. *Returns* exact figures about models of them, two kinds of which
    have no privacy at all. *Costs* nothing and needs no ledger. *Assumes* what `World` says.
    """
    if shadows < FEWEST:
        raise UsageError(f"an attack needs at least {FEWEST} shadow models", given=str(shadows), do="Ask for more")
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    looked_for = np.sort(rng.choice(world.people, min(targets, world.people), replace=False))
    questions, kept = Questions.about(world, looked_for, rng), rng.random((shadows, world.people)) < 0.5
    rows = {}
    for name, victim in Victims(world=world, planned=planned).by_name().items():
        progress(f"training and asking {shadows} models, {name}")
        rows[name] = _attacked(victim, kept, questions, looked_for, seed)
    mu, multiplier = planned.plan.loss("training").mu_squared ** 0.5, planned.plan.event("gram").noise_multiplier
    return Membership(
        world=world.parameters,
        shadows=shadows,
        targets=len(looked_for),
        budget=planned.budget,
        mu=mu,
        max_items=max_items,
        head=head_size(world.people / 2, noise_multiplier=multiplier, catalogue_size=world.items),
        noise_multiplier=multiplier,
        rows=rows,
        bound=most(mu),
        seconds=time.perf_counter() - began,
    )


def benchmark_membership(
    config: str | Path,
    *,
    shadows: int = SHADOWS,
    people: int | None = None,
    items: int | None = None,
    interactions: str | Path | None = None,
    public_data: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Membership:
    """What membership inference achieves under the settings of a configuration, also kept as evidence.

    Parameters
    ----------
    config : str or Path
        As for `tactful.train`. Its sections ``privacy`` and ``fairness`` say what is released; tables, records and keys
        are not touched.
    shadows : int
        Models of each kind.
    people, items : int, optional
        Of the synthetic world; as `SyntheticWorld` if not given.
    interactions : str or Path, optional
        A public table of interactions, or a folder with MovieLens' own files, instead of a synthetic world.
    public_data : bool
        That nobody in `interactions` needs protection: two of the models have no privacy.

    Returns
    -------
    Membership
        Also under models/evidence/, for the documents of runs with the same releases to quote.

    Raises
    ------
    UsageError
        If the configuration or the table is wrong, or nobody said that the table is public.
    MissingExtraError
        If implicit is not installed.

    Notes
    -----
    **Privacy.** As `measure_membership`.
    """
    settings = TrainingConfig.load(config)
    planned, max_items = Planned.of(settings), settings.privacy.max_items
    if interactions is None:
        sizes = {name: size for name, size in (("people", people), ("items", items)) if size is not None}
        world = World.synthetic(SyntheticWorld(**sizes), max_items=max_items)
    else:
        _check_public(public_data, people, items)
        world = World.public(interactions, max_items=max_items)
    found = measure_membership(world, planned, max_items=max_items, shadows=shadows, progress=progress)
    evidence.save("membership", planned.plan.events, found.as_json())
    return found


def _check_public(public_data: bool, people: int | None, items: int | None) -> None:
    """Raise `UsageError` unless the user vouches for the table and leaves its size to it."""
    if not public_data:
        raise UsageError(
            "models without privacy are trained on synthetic or public data only",
            given="a table of interactions, and nobody says that it is public",
            do="Add --public-data if it is, or leave out --interactions",
        )
    if people is not None or items is not None:
        raise UsageError(
            "a table has the people and items that it has", given="--people or --items", do="Leave them out"
        )


def _attacked(
    victim: Victim, kept: NDArray[np.bool_], questions: Questions, targets: NDArray[np.int64], seed: int
) -> Leakage:
    """What the attack achieves against one kind of model, on one thread: implicit warns of more."""
    with threadpool_limits(limits=1):
        lists = (victim(present, questions.shown, place) for place, present in enumerate(kept))
        told = np.stack([questions.statistics(questions.ranks(scores)) for scores in lists])
    members = kept[:, targets]
    return leakage(likelihood_ratios(told, members), members, rng=np.random.default_rng(seed))
