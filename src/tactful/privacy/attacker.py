"""Somebody who knows everything but one thing, whether a person is there, and sees everything that leaves.

Notes
-----
*The attacker's score* is the log-likelihood ratio of everything released. In units of its noise each release is y ~
N(q, I) without the person and N(q + a, I) with, so the ratio is Σ (y − q)·a − ‖a‖²/2 over the releases in order; the
head depends on releases before it, and the ratio of a chain of releases is the sum of its parts given the
parts before. Where the noise is as stated no test is better (Neyman and Pearson); where it is not, others may be, which
is why the noise is tested by itself (`tactful.privacy.residuals`). It says *present* where the ratio is above 0,
settled before anything is drawn. q and a come from the same door with noise of size 0: the attacker needs no theory of
the statistics, and a statistic that moves too far is seen.

*What is shown of the noise* are residuals, what was seen less q in units of the σ that the door states without noise.
A door that adds noise of its own making, past its source, has no q that stands still, and its residuals show that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.personal.consent import OUTCOMES
from tactful.privacy.cells import CellDesign, GroupCells, ShareCells
from tactful.privacy.events import GaussianEvent
from tactful.privacy.ledger import Debit
from tactful.privacy.listed import listed
from tactful.privacy.neighbours import World
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import ItemPopularity, Noise, PeopleCount
from tactful.privacy.sums import EvaluationSums
from tactful.privacy.taste import taste

_METRICS = {"people": (1.0, 1.0), "ndcg@10": (1.0, 2.0)}
DESIGN = CellDesign(
    overall=_METRICS,
    groups={"age": GroupCells(levels=("younger", "older"), metrics=_METRICS)},
    shares={("exposure@10", "department"): ShareCells(levels=("food", "drink"), importance=1.0)},
)
"""A small evaluation vector: what one person may move of it is the whole norm, whatever the metrics are."""

BEYOND = 5.0
"""Each figure of everybody who is evaluated: above its clip, so that a clip that is missing moves too much. Of a
mixture the first share is above, and the others are as far below 0."""

HEAD = 16
"""So many items taste is about here, the first that a run would take."""

HeadRule = Callable[[ItemPopularity, PeopleCount], NDArray[np.int64]]
"""What chooses the head from released values, the most popular item first."""

Tamper = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""What a control does to the noise of one run."""


class Rehearsal:
    """Stands for the ledger where nobody is there to be protected: synthetic worlds, and nothing else.

    Notes
    -----
    **Privacy.** *Assumes* that what is released was made up. Only audits and benchmarks may use it (a test reads the
    source for it).
    """

    def __init__(self) -> None:
        self.opened = self.finished = 0

    def debit(self, run: str, events: Sequence[GaussianEvent], **_: object) -> Debit:
        """A receipt for nothing."""
        return Debit(id="rehearsal", run=run, names=tuple(event.name for event in events))

    def open(self, debit: Debit, name: str) -> None:  # noqa: ARG002  (it is the interface)
        """Counted, and nothing else."""
        self.opened += 1

    def released(self, debit: Debit, name: str) -> None:  # noqa: ARG002  (it is the interface)
        """Counted, and nothing else."""
        self.finished += 1

    def cancel(self, debit: Debit) -> tuple[str, ...]:  # noqa: ARG002  (it is the interface)
        """Nothing was paid."""
        return ()


class Silence:
    """Noise of size 0: the attacker's own knowledge of what would leave."""

    @property
    def kind(self) -> Noise:
        """``reproducible``."""
        return "reproducible"

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:  # noqa: ARG002  (it is the interface)
        """Zeros."""
        return np.zeros(size, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What many releases of one world showed.

    Attributes
    ----------
    ratios : float array of shape (trials, people)
        Log-likelihood ratios, one for each person who may be there.
    residuals : float array of shape (trials, entries)
        What was seen less what was to be expected of this world, in units of the noise.
    heads : bool array of shape (trials, items)
        Which items the Gram was about.
    broken : tuple of str
        What needs no statistics to be seen: sides of the Gram that differ, another head, another σ than stated.
    """

    ratios: NDArray[np.float64]
    residuals: NDArray[np.float64]
    heads: NDArray[np.bool_]
    broken: tuple[str, ...]


class _Knowledge(NamedTuple):
    """What is known before a release with one head is seen.

    Attributes
    ----------
    expected : float array of shape (worlds, entries), in units of the noise
    moves : float array of shape (people, entries)
        What each person changes.
    halves : float array of shape (people,)
        ‖a‖²/2 of each.
    sigmas : float array of shape (entries,)
        As a door without noise states them.
    """

    expected: NDArray[np.float64]
    moves: NDArray[np.float64]
    halves: NDArray[np.float64]
    sigmas: NDArray[np.float64]


class _Left(NamedTuple):
    """Everything that left in one run: the head, values with the σ that the door states, in one order.

    `taste` names the release of each value that taste is learned from, `lists` of each that tells about lists.
    """

    head: NDArray[np.int64]
    values: NDArray[np.float64]
    sigmas: NDArray[np.float64]
    taste: tuple[str, ...]
    lists: tuple[str, ...]
    broken: tuple[str, ...]


class Attacker:
    """Somebody who knows all worlds and sees one release: tells for each person how much likelier their world is now.

    Parameters
    ----------
    plan : RunPlan
        What is released.
    head : HeadRule
        Its first 16 items are taken.
    without : World
        Nobody more.
    others : sequence of World
        One for each person.
    kind : type of PrivateRelease
        The door that is attacked.
    """

    def __init__(
        self,
        plan: RunPlan,
        head: HeadRule,
        *,
        without: World,
        others: Sequence[World],
        kind: type[PrivateRelease] = PrivateRelease,
    ) -> None:
        self._plan, self._head, self._kind = plan, head, kind
        self._worlds = (without, *others)
        self._silent = self._door(Silence())
        self._known: dict[bytes, _Knowledge] = {}

    @property
    def entries(self) -> list[str]:
        """The release that each entry of a residual belongs to; the diagonal of the Gram has a name of its own."""
        left = self._leave(self._silent, self._worlds[0], self._head)
        sizes = {"people": 1, "consent": 2 * len(OUTCOMES), "popularity": len(self._items)}
        named = [*(name for name, size in sizes.items() for _ in range(size)), *left.taste]
        rest = len(left.values) - len(named) - len(left.lists)
        return [*named, *["evaluation"] * rest, *left.lists]

    def scores(self, place: int, noise: NoiseSource, trials: int) -> NDArray[np.float64]:
        """Log-likelihood ratios of many releases of one world: `Seen.ratios`."""
        return self.watch(place, noise, trials).ratios

    def watch(
        self, place: int, noise: NoiseSource, trials: int, *, head: HeadRule | None = None, tamper: Tamper = np.asarray
    ) -> Seen:
        """Many releases of one world, from a door of its own.

        Parameters
        ----------
        place : int
            The world: 0 is without anybody more, 1 the first of `others`.
        head : HeadRule, optional
            Instead of the attacked one: for controls.
        tamper : callable, optional
            What is done to the noise before it is seen: for controls.
        """
        door, rule = self._door(noise), head or self._head
        ratios, residuals, heads, broken = [], [], [], dict[str, None]()
        for _ in range(trials):
            left = self._leave(door, self._worlds[place], rule)
            known = self._knowledge(left.head)
            residual = tamper(left.values / known.sigmas - known.expected[place])
            ratios.append(known.moves @ (residual + known.expected[place] - known.expected[0]) - known.halves)
            residuals.append(residual)
            heads.append(np.isin(self._items, left.head))
            broken |= dict.fromkeys(left.broken)
            if not np.array_equal(left.sigmas, known.sigmas):
                broken["another σ than stated"] = None
        return Seen(ratios=np.array(ratios), residuals=np.array(residuals), heads=np.array(heads), broken=tuple(broken))

    def exact_head(self, place: int) -> HeadRule:
        """The head that a world would have if it were chosen from rows: what must never happen."""
        popularity = self._silent.popularity(self._worlds[place].bounded).values
        head = np.argsort(-popularity, kind="stable")[:HEAD].astype(np.int64)
        return lambda *_: head

    @property
    def _items(self) -> NDArray[np.int64]:
        return np.arange(len(self._worlds[0].bounded.catalogue))

    def _door(self, noise: NoiseSource) -> PrivateRelease:
        return self._kind(ledger=Rehearsal(), run="audit", plan=self._plan, noise=noise)

    def _knowledge(self, head: NDArray[np.int64]) -> _Knowledge:
        key = head.tobytes()
        if key not in self._known:
            made = [self._leave(self._silent, world, lambda *_: head) for world in self._worlds]
            expected = np.array([left.values / left.sigmas for left in made])
            moves = expected[1:] - expected[0]
            self._known[key] = _Knowledge(expected, moves, (moves**2).sum(axis=1) / 2, made[0].sigmas)
        return self._known[key]

    def _leave(self, door: PrivateRelease, world: World, rule: HeadRule) -> _Left:
        """One run."""
        people, consent = door.people(world.bounded), door.consent(world)
        popularity = door.popularity(world.bounded)
        head = np.sort(rule(popularity, people)[:HEAD])
        found = taste(door, world.bounded, head, self._plan)
        sums = _evaluation(door, world.evaluated)
        lists = listed(door, world.evaluated, self._plan)
        counted, cells = list(consent.people.values()), list(sums.cells.values())
        values = [[people.value], [m.value for m in counted], popularity.values, found.values]
        sigmas = [[people.sigma], [m.sigma for m in counted], np.full(len(popularity.values), popularity.sigma)]
        return _Left(
            head=head,
            values=np.concatenate([*values, [m.value for m in cells], lists.values]),
            sigmas=np.concatenate([*sigmas, found.sigmas, [m.sigma for m in cells], lists.sigmas]),
            taste=found.names,
            lists=lists.names,
            broken=found.broken,
        )


def _evaluation(door: PrivateRelease, people: int) -> EvaluationSums:
    """The evaluation vector of so many people, all in the first group and all beyond what they may move."""
    metrics = dict.fromkeys(_METRICS, np.full(people, BEYOND))
    shares = {key: np.full((people, len(cells.levels)), -BEYOND) for key, cells in DESIGN.shares.items()}
    for mixture in shares.values():
        mixture[:, 0] = BEYOND
    return door.evaluation(metrics, {"age": np.zeros(people, dtype=np.int64)}, DESIGN, shares)
