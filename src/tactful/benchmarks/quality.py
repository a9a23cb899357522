"""What privacy costs here: quality of private and non-private methods on public data, by one protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from tactful.benchmarks.private import PRIVATE, default_settings
from tactful.benchmarks.protocol import Scorer, Split, hold_out, judge
from tactful.benchmarks.public import PublicData
from tactful.benchmarks.references import REFERENCES
from tactful.benchmarks.served import as_served
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SeededNoise
from tactful.released.model import ReleasedModel

METHODS = tuple(dict.fromkeys((*PRIVATE, *REFERENCES)))
"""Every method by name; ``popularity`` is there with privacy and without."""
DELTA, SEEDS, HOLDOUT = 1e-6, 3, 0.2
_WITHOUT_FEATURES = "-no-features"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method, fitted and judged once.

    Attributes
    ----------
    method : str
    epsilon : float or None
        What a whole training run may spend; None without privacy.
    seed : int
    recall, ndcg : float
        Recall@20 and nDCG@100, means over held-out people.
    seconds : float
        From bounded interactions to the model: release and fit, or the choice of settings and fit.
    people, items : int
        Who trained, copies counted, and the size of the catalogue.
    """

    method: str
    epsilon: float | None
    seed: int
    recall: float
    ndcg: float
    seconds: float
    people: int
    items: int

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> Self:
        """The row that `as_json` made the values of."""
        named = {name: row[name] for name in ("method", "epsilon", "seed", "seconds", "people", "items")}
        return cls(**named, recall=row["recall@20"], ndcg=row["ndcg@100"])

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the field."""
        return {
            "method": self.method,
            "epsilon": self.epsilon,
            "seed": self.seed,
            "recall@20": self.recall,
            "ndcg@100": self.ndcg,
            "seconds": self.seconds,
            "people": self.people,
            "items": self.items,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One method at one ε, over seeds.

    Attributes
    ----------
    method : str
    epsilon : float or None
    recall, ndcg, seconds : float
        Means.
    gain : float or None
        How much of the way from popularity to the best method without privacy its recall goes: 1 is all of it. None
        where these two were not measured or do not differ.
    """

    method: str
    epsilon: float | None
    recall: float
    ndcg: float
    seconds: float
    gain: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every method on one data set.

    Attributes
    ----------
    rows : tuple of Row
    settings : mapping
        What was asked for, as plain values.
    """

    rows: tuple[Row, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The rows and the settings as plain values."""
        return {"rows": [row.as_json() for row in self.rows], **self.settings}

    def summaries(self) -> list[Summary]:
        """One line for each method and ε, methods in the order in which they were measured."""
        cells: dict[tuple[str, float | None], list[Row]] = {}
        for row in self.rows:
            cells.setdefault((row.method, row.epsilon), []).append(row)
        found = [_summary(rows) for rows in cells.values()]
        free = {line.method: line.recall for line in found if line.epsilon is None}
        start, best = free.get("popularity"), max(free.values(), default=0.0)
        if start is None or best <= start:
            return found
        return [replace(line, gain=(line.recall - start) / (best - start)) for line in found]


def benchmark_quality(
    interactions: str | Path,
    *,
    epsilons: Sequence[float],
    items: str | Path | None = None,
    delta: float = DELTA,
    seeds: int = SEEDS,
    holdout: float = HOLDOUT,
    repeat_training: int = 1,
    public_data: bool = False,
    methods: Collection[str] = METHODS,
    progress: Progress = lambda _: None,
) -> Comparison:
    """Every method has been fitted and judged by the protocol of `tactful.benchmarks.protocol`.

    Parameters
    ----------
    interactions, items : str or Path
        See `PublicData.read`.
    epsilons : sequence of float
        What a whole run may spend; the private methods are measured at each.
    delta : float
    seeds : int
        Each seed chooses the people, what is hidden and the noise, and is one row of each method.
    holdout : float
        Share of people with at least 5 items who are held out.
    repeat_training : int
        Each person who trains is so many people.
    public_data : bool
        That nobody in `interactions` needs protection.
    methods : collection of str
        Which of `METHODS`.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If nobody says that the data are public, or a table or a figure is wrong.
    MissingExtraError
        If implicit is not installed and a method needs it.

    Notes
    -----
    **Privacy.** *Reads* people without protection. *Returns* exact means over them. *Costs* nothing and touches no
    ledger. *Assumes* that they are public; the noise comes from the seed and protects nobody.
    """
    _check(public_data, epsilons, seeds, repeat_training, methods)
    budgets = [PrivacyBudget(epsilon=epsilon, delta=delta) for epsilon in dict.fromkeys(epsilons)]
    longest = max(default_settings(budget).privacy.max_items for budget in budgets)
    progress("reading the tables")
    data = PublicData.read(interactions, items)
    rows: list[Row] = []
    for seed in range(seeds):
        split = hold_out(data.user_items, seed=seed, share=holdout, order=data.order)
        trial = _Trial(split=split, catalogue=data.catalogue, copies=repeat_training, max_items=longest, seed=seed)
        rows += trial.rows(budgets, methods, partial(_said, progress, seed))
    settings = {"delta": delta, "seeds": seeds, "holdout": holdout, "repeat_training": repeat_training}
    return Comparison(rows=tuple(rows), settings=settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One seed: its split, and how private methods train on it."""

    split: Split
    catalogue: Catalogue
    copies: int
    max_items: int
    seed: int

    def rows(self, budgets: Sequence[PrivacyBudget], chosen: Collection[str], progress: Progress) -> Iterator[Row]:
        """Every method, fitted and judged.

        People are gated and bounded once with the catalogue's features and, if it has any, once without; the two are
        not in memory together.
        """
        plain = replace(self.catalogue, features={})
        without = [name for name in PRIVATE if name.endswith(_WITHOUT_FEATURES) and self.catalogue.features]
        within = [name for name in PRIVATE if name not in without]
        for catalogue, names in ((self.catalogue, within), (plain, without)):
            wanted = [name for name in names if name in chosen]
            if wanted:
                yield from self._private(catalogue, wanted, budgets, progress)
        for name, reference in REFERENCES.items():
            if name in chosen:
                progress(f"{name} without privacy")
                yield self._row(name, None, partial(reference, self.split, self.seed))

    def _private(
        self, catalogue: Catalogue, names: Sequence[str], budgets: Sequence[PrivacyBudget], progress: Progress
    ) -> Iterator[Row]:
        """The private methods on the people who train, each with noise that begins anew."""
        progress("the consent gate, with everybody agreeing, and the bound")
        world = World.of(self.split.training, catalogue, max_items=self.max_items, copies=self.copies)
        for budget in budgets:
            for name in names:
                progress(f"{name} at epsilon {budget.epsilon:g}")
                fit = partial(PRIVATE[name], world, budget, SeededNoise(self.seed))
                yield self._row(name, budget.epsilon, partial(_serving, fit))

    def _row(self, name: str, epsilon: float | None, fit: Callable[[], Scorer]) -> Row:
        """One method, fitted and judged."""
        began = time.perf_counter()
        scorer = fit()
        seconds = time.perf_counter() - began
        quality = judge(scorer, self.split)
        return Row(
            method=name,
            epsilon=epsilon,
            seed=self.seed,
            recall=quality.recall,
            ndcg=quality.ndcg,
            seconds=seconds,
            people=self.split.training.shape[0] * self.copies,
            items=len(self.catalogue),
        )


def _said(progress: Progress, seed: int, step: str) -> None:
    """A step of one seed."""
    progress(f"seed {seed}, {step}")


def _serving(fit: Callable[[], ReleasedModel]) -> Scorer:
    """The scores of a model that is fitted now."""
    return partial(as_served, fit())


def _summary(rows: Sequence[Row]) -> Summary:
    """Means over the rows of one method at one ε."""
    return Summary(
        method=rows[0].method,
        epsilon=rows[0].epsilon,
        recall=fmean(row.recall for row in rows),
        ndcg=fmean(row.ndcg for row in rows),
        seconds=fmean(row.seconds for row in rows),
        gain=None,
    )


def _check(
    public_data: bool, epsilons: Sequence[float], seeds: int, repeat_training: int, methods: Collection[str]
) -> None:
    """Raise `UsageError` unless the user vouches for the data and asks for something that can be measured."""
    if not public_data:
        raise UsageError(
            "exact figures about people are computed from public data only",
            given="nobody says that these interactions are public",
            do="Add --public-data if they are",
        )
    if not epsilons:
        raise UsageError("private methods are measured at some epsilon", given="none", do="Add --epsilon, e.g. 1")
    if seeds < 1 or repeat_training < 1:
        raise UsageError(
            "there is at least one seed, and everybody is there at least once",
            given=f"--seeds {seeds}, --repeat-training {repeat_training}",
            do="Give 1 or more",
        )
    unknown = sorted(set(methods) - set(METHODS))
    if unknown or not methods:
        raise UsageError(
            f"a method is one of {', '.join(METHODS)}", given=", ".join(unknown) or "none", do="Correct --method"
        )
