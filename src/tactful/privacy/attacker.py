"""Who knows everything but one thing, whether a person is there, and sees everything that leaves.

Notes
-----
*The attacker's score* is the log-likelihood ratio of everything released. In units of its noise each release is y ~
N(q, I) without the person and N(q + a, I) with, so the ratio is Σ (y − q)·a − ‖a‖²/2 over the releases in order; the
head of the Gram depends on releases before it, and the ratio of a chain of releases is the sum of its parts given the
parts before. By Neyman and Pearson no test is better. It says *present* where the ratio is above 0, settled before
anything is drawn. q and a come from the same door with noise of size 0: the attacker needs no theory of the statistics,
and a statistic that moves too far is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.cells import CellDesign
from tactful.privacy.events import GaussianEvent
from tactful.privacy.ledger import Debit
from tactful.privacy.neighbours import World
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import ItemPopularity, Noise, PeopleCount

DESIGN = CellDesign(
    overall={"people": (1.0, 1.0), "ndcg@10": (1.0, 2.0)},
    by_group={"people": (1.0, 1.0), "ndcg@10": (1.0, 2.0)},
    attributes={"age": ("younger", "older")},
)
"""A small evaluation vector: what one person may move of it is the whole norm, whatever the metrics are."""

HeadRule = Callable[[ItemPopularity, PeopleCount], NDArray[np.int64]]
"""What chooses the head from released values."""


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


class Attacker:
    """Who knows all worlds and sees one release: says for each person how much likelier their world has become.

    Parameters
    ----------
    plan : RunPlan
        What is released.
    head : HeadRule
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
        self._known: dict[bytes, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = {}

    def scores(self, place: int, noise: NoiseSource, trials: int) -> NDArray[np.float64]:
        """Log-likelihood ratios of many releases of one world.

        Parameters
        ----------
        place : int
            The world: 0 is without anybody more, 1 the first of `others`.

        Returns
        -------
        float array of shape (trials, len(others))
        """
        door, world = self._door(noise), self._worlds[place]
        return np.array([self._ratios(*self._released(door, world, self._head)) for _ in range(trials)])

    def _door(self, noise: NoiseSource) -> PrivateRelease:
        return self._kind(ledger=Rehearsal(), run="audit", plan=self._plan, noise=noise)

    def _ratios(self, head: NDArray[np.int64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
        expected, moves, halves = self._knowledge(head)
        ratios: NDArray[np.float64] = moves @ (seen - expected) - halves
        return ratios

    def _knowledge(
        self, head: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """For this head q, each person's a, and ‖a‖²/2, in units of the noise."""
        key = head.tobytes()
        if key not in self._known:
            exact = np.array([self._released(self._silent, world, lambda *_: head)[1] for world in self._worlds])
            moves = exact[1:] - exact[0]
            self._known[key] = exact[0], moves, (moves**2).sum(axis=1) / 2
        return self._known[key]

    def _released(
        self, door: PrivateRelease, world: World, rule: HeadRule
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The head, and everything that leaves, in units of its noise."""
        people, consent = door.people(world.bounded), door.consent(world)
        popularity = door.popularity(world.bounded)
        head = np.sort(rule(popularity, people))
        gram = door.gram(world.bounded, head)
        sums = door.evaluation(
            {"ndcg@10": np.ones(world.evaluated)}, {"age": np.zeros(world.evaluated, dtype=np.int64)}, DESIGN
        )
        measured = [*consent.people.values(), *sums.cells.values()]
        parts = [
            np.array([people.value / people.sigma, *(m.value / m.sigma for m in measured)]),
            popularity.values / popularity.sigma,
            gram.standardised,
        ]
        return head, np.concatenate(parts)
