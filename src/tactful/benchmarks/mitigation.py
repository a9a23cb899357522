"""What mitigation does to the gap between groups, and who pays for privacy: measured on public or planted people.

The protocol is that of `tactful.benchmarks.protocol`; groups are those of one attribute. On each seed, which chooses
the people, what is hidden and the noise, these methods are fitted to the same people:

tactful
    What `tactful train` makes.
weights
    The same with row weights by group (`tactful.personal.weights`), by the written rule from the shares of the groups.
favour
    The same with lists moved to what the favoured group uses more (`tactful.released.exposure`).

Each is fitted twice: with noise, and by the same rules to the same statistics without their noise, to tell what privacy
costs each group.

Notes
-----
**Privacy.** *Reads* people without any protection. *Returns* exact means over groups of them. *Costs* nothing and
touches no ledger. *Assumes* that the people are public: whoever names the files says so. The noise comes from a seed
and protects nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.benchmarks.divided import Divided
from tactful.benchmarks.gaps import Gap, gaps
from tactful.benchmarks.populace import Population
from tactful.benchmarks.private import default_settings
from tactful.benchmarks.protocol import best, held_out, hold_out
from tactful.benchmarks.served import as_served
from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.fitting import fit_released
from tactful.mitigating import fit_toward_group
from tactful.personal.weights import FLOOR, Leaning, RowWeights
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Rehearsal
from tactful.privacy.noise import NoiseSource, SeededNoise
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import Noise
from tactful.released.model import ReleasedModel

DEPTHS = (10, 100)
COST = 0.25
Progress = Callable[[str], None]


class Silence:
    """No noise: what is released is exact. For public people, to tell what noise costs."""

    kind: Noise = "reproducible"

    def draw(self, _sigma: float, size: int) -> NDArray[np.int64]:
        """Zeros."""
        return np.zeros(size, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method, fitted and judged once.

    Attributes
    ----------
    method : str
    private : bool
        Whether there was noise.
    seed : int
    overall : mapping of int to float
        nDCG by depth, over everybody who was held out.
    by_group : mapping of int to mapping of str to float
        The same over each group.
    """

    method: str
    private: bool
    seed: int
    overall: Mapping[int, float]
    by_group: Mapping[int, Mapping[str, float]]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        found = {f"ndcg@{k}": {"overall": self.overall[k], "by_group": dict(self.by_group[k])} for k in DEPTHS}
        return {"method": self.method, "private": self.private, "seed": self.seed, **found}


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationFigures:
    """Every row, and what they come to.

    Attributes
    ----------
    rows : tuple of Row
    gaps : mapping of int to sequence of Gap
        By depth.
    settings : mapping
        What was asked for, as plain values.
    """

    rows: tuple[Row, ...]
    gaps: Mapping[int, Sequence[Gap]]
    settings: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        told = {f"ndcg@{k}": [gap.as_json() for gap in found] for k, found in self.gaps.items()}
        return {"rows": [row.as_json() for row in self.rows], "gaps": told, **self.settings}


def measure_mitigation(
    population: Population,
    *,
    epsilon: float,
    favour: str | None = None,
    delta: float = 1e-6,
    seeds: int = 20,
    holdout: float = 0.2,
    repeat_training: int = 1,
    floor: float = FLOOR,
    cost: float = COST,
    progress: Progress = lambda _: None,
) -> MitigationFigures:
    """Every method has been fitted and judged, on every seed.

    Parameters
    ----------
    population : Population
        Public.
    epsilon, delta : float
        What a whole run may spend.
    favour : str, optional
        The level for method ``favour``, which is left out without it.
    seeds : int
        At least 2.
    holdout : float
        Share of people with at least 5 items who are held out.
    repeat_training : int
        Each person who trains is so many people.
    floor : float
        The least weight, see `RowWeights.of`.
    cost : float
        See `tactful.released.exposure`.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If there are too few seeds or copies, or a group has nobody who could be held out.
    """
    _check(population, seeds, repeat_training)
    trial = _Trial(population, PrivacyBudget(epsilon=epsilon, delta=delta), holdout, repeat_training, floor, cost)
    rows = [row for seed in range(seeds) for row in trial.rows(seed, favour, partial(_said, progress, seed))]
    asked = {"epsilon": epsilon, "delta": delta, "seeds": seeds, "holdout": holdout, "favour": favour}
    settings = {**asked, "repeat_training": repeat_training, "floor": floor, "cost": cost}
    found = {k: gaps([(row.method, row.private, row.overall[k], row.by_group[k]) for row in rows]) for k in DEPTHS}
    return MitigationFigures(rows=tuple(rows), gaps=found, settings={"attribute": population.spec.name, **settings})


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is the same for every seed."""

    population: Population
    budget: PrivacyBudget
    holdout: float
    copies: int
    floor: float
    cost: float

    def rows(self, seed: int, favour: str | None, progress: Progress) -> Iterator[Row]:
        """Every method on the people of one seed."""
        people, settings = self.population, default_settings(self.budget)
        held = held_out(people.user_items, np.random.default_rng(seed), share=self.holdout)
        split = hold_out(people.user_items, seed=seed, share=self.holdout, order=_places(people.catalogue))
        trains = np.delete(people.codes, held)
        progress("the consent gate, with everybody agreeing")
        divided = Divided.of(
            split.training,
            people.catalogue,
            trains,
            people.spec,
            max_items=settings.privacy.max_items,
            copies=self.copies,
        )
        for method in ("tactful", "weights", *(["favour"] if favour else [])):
            for noise in (SeededNoise(seed), Silence()):
                progress(f"{method} {'without' if isinstance(noise, Silence) else 'with'} noise")
                model = self._fitted(method, divided, favour, noise)
                overall, by_group = _judged(model, split.shown, split.hidden, people.codes[held], people.spec.levels)
                private = not isinstance(noise, Silence)
                yield Row(method=method, private=private, seed=seed, overall=overall, by_group=by_group)

    def _fitted(self, method: str, divided: Divided, favour: str | None, noise: NoiseSource) -> ReleasedModel:
        """The model of one method."""
        settings = default_settings(self.budget)
        if method == "favour" and favour is not None:
            wide = settings.privacy.model_copy(update={"max_items": 2 * divided.max_items})
            planned = Planned.of(settings.model_copy(update={"privacy": wide}))
            bounded = divided.bounded(leaning=Leaning.of(divided.spec, favour, divided.shares))
            door = _door(planned, noise)
            return fit_toward_group(door, bounded, planned, door.people(bounded), cost=self.cost).model
        planned = Planned.of(settings)
        weights = RowWeights.of(divided.spec, divided.shares, floor=self.floor) if method == "weights" else None
        bounded, door = divided.bounded(weights), _door(planned, noise)
        people = door.people(bounded)
        return fit_released(door, bounded, planned, people if weights is None else people.weighted(weights.mean)).model


def _door(planned: Planned, noise: NoiseSource) -> PrivateRelease:
    """A door for a run; nobody here needs a ledger."""
    return PrivateRelease(ledger=Rehearsal(), run="benchmark", plan=planned.plan, noise=noise)


def _judged(
    model: ReleasedModel,
    shown: scipy.sparse.csr_array,
    hidden: scipy.sparse.csr_array,
    codes: NDArray[np.int64],
    levels: Sequence[str],
) -> tuple[dict[int, float], dict[int, dict[str, float]]]:
    """By depth, the nDCG of everybody and of each group."""
    scores = as_served(model, shown)
    there = shown.tocoo()
    scores[there.row, there.col] = -np.inf
    top = best(scores, min(max(DEPTHS), scores.shape[1]))
    hits, sizes = np.take_along_axis(hidden.toarray() > 0, top, axis=1), np.diff(hidden.indptr)
    discounts = 1 / np.log2(np.arange(2, max(DEPTHS) + 2))
    overall, by_group = {}, {}
    for k in DEPTHS:
        first = hits[:, :k]
        found = first @ discounts[: first.shape[1]] / np.cumsum(discounts)[np.minimum(sizes, k) - 1]
        overall[k] = float(found.mean())
        by_group[k] = {name: float(found[codes == n].mean()) for n, name in enumerate(levels) if (codes == n).any()}
    return overall, by_group


def _places(catalogue: Catalogue) -> NDArray[np.int64]:
    """The place of each item by its id as text."""
    return np.argsort(np.argsort(catalogue.item_ids)).astype(np.int64)


def _said(progress: Progress, seed: int, step: str) -> None:
    """A step of one seed."""
    progress(f"seed {seed}, {step}")


def _check(population: Population, seeds: int, copies: int) -> None:
    """Raise unless there is something to compare."""
    sizes = [int((population.codes == n).sum()) for n in range(len(population.spec.levels))]
    if seeds < 2 or copies < 1 or min(sizes) < 2 or len(sizes) < 2:
        raise UsageError(
            "there are at least 2 seeds, everybody is there at least once, and at least 2 groups have people",
            given=f"{seeds} seeds, everybody {copies} times, {len(sizes)} groups, the smallest of {min(sizes)}",
            do="Give more, or name the levels to compare",
        )
