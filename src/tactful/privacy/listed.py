"""What lists tell about groups, as it leaves in one run: laid flat for an attacker, with the noise that is stated.

Nothing leaves where the plan does not pay for it. Lists, groups and the question are declared and not released, so that
the attacker's knowledge is the same in each run. Everybody here is in both halves: that is what is paid for.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.privacy.exposures import DEPTH, LISTS, ListDesign, ListRows
from tactful.privacy.guesses import GuessQuery, Question
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease

_OWN = DEPTH + 2  # items with an entry of their own; as many share one
_LEVELS = ("younger", "older")
_BINS = 4


class Listed(NamedTuple):
    """What left.

    Attributes
    ----------
    names : tuple of str
        The release that each value belongs to.
    values, sigmas : float arrays, one entry a value
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    sigmas: NDArray[np.float64]


def listed(door: PrivateRelease, people: int, plan: RunPlan) -> Listed:
    """What leaves of so many people by this plan: all in one group, with lists as long and as full as any.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands made-up rows to the door. *Returns* released values. *Costs*
    ``exposures`` and ``guesses``, where the plan has them. *Assumes* that the people are made up: for audits.
    """
    if not plan.has("exposures"):
        return Listed((), np.empty(0), np.empty(0))
    rows, query = _rows(people), _query()
    shown, guessed = door.exposures(rows, query.design), door.guesses(rows, query)
    parts = [(np.ravel(counts), np.tile(shown.sigmas, len(counts))) for counts in shown.counts.values()]
    parts += [(counts, np.full(len(counts), shown.people_sigma)) for counts in shown.people.values()]
    exposed = sum(len(values) for values, _ in parts)
    parts += [(np.ravel(found), np.full(found.size, guessed.sigma)) for found in guessed.histograms.values()]
    values, sigmas = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Listed(("exposures",) * exposed + ("guesses",) * (len(values) - exposed), values, sigmas)


@cache
def _rows(people: int) -> ListRows:
    """Everybody twice: in the model's list all items with an entry, in the other one all without, repeated."""
    lists = {"model": np.arange(_OWN), "popularity": np.tile(np.arange(_OWN, 2 * _OWN), 2)}
    return ListRows(
        lists={name: np.tile(lists[name], (2 * people, 1)) for name in LISTS},
        codes={"age": np.zeros(2 * people, dtype=np.int64)},
        halves=np.repeat([0, 1], people),
    )


@cache
def _query() -> GuessQuery:
    """A question that everybody answers alike."""
    design = ListDesign.of({"age": _LEVELS}, -np.arange(2.0 * _OWN), most_items=_OWN)
    says = np.outer([1, -1], np.arange(design.entries))
    question = Question(levels=(0, 1), says=says, edges=np.arange(_BINS - 1)[None] * DEPTH)
    return GuessQuery(design=design, questions={("age", name): question for name in LISTS})
