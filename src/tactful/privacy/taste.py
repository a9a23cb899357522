"""What taste is learned from, as it leaves in one run: laid flat for an attacker, with the noise that the door states.

A run learns taste from a Gram of item pairs or from steps of alternating least squares, whatever its plan pays for.
What is asked here is declared and not released, so that the attacker's knowledge is the same in each run with the same
head. In a run it depends on what was released before, which costs nothing: given that, it is as good as declared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.personal.bounding import BoundedInteractions
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery, SolveQuery

FACTORS = 4
"""So many factors an item has here."""

_Floats = NDArray[np.float64]


class Taste(NamedTuple):
    """What left.

    Attributes
    ----------
    names : tuple of str
        The release that each value belongs to; the diagonal of the Gram of pairs has a name of its own.
    values, sigmas : float arrays, one entry a value
    broken : tuple of str
        What needs no statistics to be seen.
    """

    names: tuple[str, ...]
    values: _Floats
    sigmas: _Floats
    broken: tuple[str, ...]


def taste(door: PrivateRelease, bounded: BoundedInteractions, head: NDArray[np.int64], plan: RunPlan) -> Taste:
    """What leaves of these people by this plan.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands bounded rows to the door. *Returns* released values. *Costs* ``gram``, or
    the events of the steps. *Assumes* that the people are made up: for audits.
    """
    if plan.has("gram"):
        return _pairs(door, bounded, head)
    paid = (step for step in range(1, len(plan.events)) if plan.has(f"rhs-{step}"))
    steps = [_step(door, bounded, _solve_query(head, step)) for step in paid]
    return Taste(
        names=tuple(name for step in steps for name in step.names),
        values=np.concatenate([step.values for step in steps]),
        sigmas=np.concatenate([step.sigmas for step in steps]),
        broken=tuple(wrong for step in steps for wrong in step.broken),
    )


def declared(head: NDArray[np.int64]) -> GramQuery:
    """Weighted and centred histories, as a run has them, of a popularity that falls with the position."""
    return GramQuery(head=head, weights=8 + head % 9, direction=64 // (1 + head))


def _solve_query(head: NDArray[np.int64], step: int) -> SolveQuery:
    """Factors that differ from step to step, and weights that differ from item to item."""
    factors = np.cos(np.outer(1.0 + head, np.arange(step, step + FACTORS)))
    prior = factors.T @ factors + np.eye(FACTORS)
    return SolveQuery(step=step, head=head, factors=factors, prior=prior, weights=1.0 / (1 + head % 9))


def _pairs(door: PrivateRelease, bounded: BoundedInteractions, head: NDArray[np.int64]) -> Taste:
    """The upper triangle of the Gram."""
    gram, upper = door.gram(bounded, declared(head)), np.triu_indices(len(head))
    on_diagonal = np.equal(*upper)
    found = {
        "sides of the Gram that differ": not np.array_equal(gram.values, gram.values.T),
        "a Gram about another head": not np.array_equal(gram.head, head),
    }
    return Taste(
        names=tuple("gram diagonal" if same else "gram" for same in on_diagonal),
        values=gram.values[upper],
        sigmas=np.where(on_diagonal, gram.diagonal_sigma, gram.sigma),
        broken=tuple(name for name, wrong in found.items() if wrong),
    )


def _step(door: PrivateRelease, bounded: BoundedInteractions, query: SolveQuery) -> Taste:
    """The upper triangles of its Grams, and its right-hand sides."""
    solved, upper = door.solved(bounded, query), np.triu_indices(FACTORS)
    parts = {
        f"gram-{query.step}": (solved.gram.values[upper], solved.gram.sigma),
        f"rhs-{query.step}": (solved.sides.values.ravel(), solved.sides.sigma),
    }
    mirrored = np.array_equal(solved.gram.values, solved.gram.values.T)
    if solved.item_grams is not None:
        grams = solved.item_grams
        parts[f"item-grams-{query.step}"] = (grams.values[:, *upper].ravel(), grams.sigma)
        mirrored = mirrored and np.array_equal(grams.values, np.swapaxes(grams.values, 1, 2))
    return Taste(
        names=tuple(name for name, (values, _) in parts.items() for _ in values),
        values=np.concatenate([values for values, _ in parts.values()]),
        sigmas=np.concatenate([np.full(len(values), sigma) for values, sigma in parts.values()]),
        broken=() if mirrored else ("sides of a Gram of factors that differ",),
    )
