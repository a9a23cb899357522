"""What held-out people did first, to be folded in, and what they did later, to be hidden and asked for."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.doors import ClosedDoor, opened
from tactful.personal.matrices import user_items

_FIRST_TIMES = """
SELECT a.person, a.item, MIN(a.instant) AS first_time
FROM admitted a
JOIN people p ON p.person = a.person
WHERE p.part = 'evaluation'
GROUP BY a.person, a.item
"""

_EVERYBODY = """
SELECT j.person, p.pseudonym, MAX(CASE WHEN j.place = 0 THEN 1 ELSE 0 END) AS admitted
FROM judged j
JOIN people p ON p.person = j.person
WHERE p.part = 'evaluation'
GROUP BY j.person, p.pseudonym
"""


@final
class EvaluationPeople(ClosedDoor):
    """Held-out people and their divided histories, made by `hold_out` and by nothing else.

    People with enough admitted items come first; the others are only known: people of the log whose rows were not
    admitted, or too few of them. Of those nothing is told but that they are there.

    Attributes
    ----------
    folded, hidden : csr_array of shape (n_enough, n_items), int8, ones
        The earlier and the later items of each person with enough of them, in catalogue order of columns. Disjoint,
        neither empty in any row. Read-only.
    admitted : bool array of shape (n_people,)
        Of everybody, whether the gate admitted any row of theirs; the first ``n_enough`` are those above. Read-only.
    """

    __slots__ = ("_pseudonyms", "admitted", "folded", "hidden")
    _door = "hold_out"

    folded: scipy.sparse.csr_array
    hidden: scipy.sparse.csr_array
    admitted: NDArray[np.bool_]
    _pseudonyms: tuple[str, ...]

    def __repr__(self) -> str:
        return "EvaluationPeople(folded and hidden items)"


def hold_out(
    consented: ConsentedInteractions, *, minimum_items: int = 5, hidden_share: float = 0.2
) -> EvaluationPeople:
    """The evaluation people, and of those with enough items the later share of each history hidden.

    Items count once, at their first time; those of one time are in catalogue order. Of n items the last
    ``floor(hidden_share × n)`` are hidden, at least one, and at least one is folded in.

    Parameters
    ----------
    consented : ConsentedInteractions
    minimum_items : int
        People with fewer distinct items are only known; at least 2.
    hidden_share : float, in (0, 1)

    Raises
    ------
    ConfigError
        If a parameter is out of range.

    Notes
    -----
    **Privacy.** *Reads* the admitted items of evaluation people and when they first used each; of the others in the log
    that they are there, and whether a row of theirs was admitted. *Returns* exact rows behind a closed door. *Costs*
    nothing; metrics over them cost when `tactful.privacy.release` releases them. *Assumes* one id is one person.
    Training people are other people, by keyed hash.
    """
    if minimum_items < 2:
        raise ConfigError("minimum_items is at least 2", given=str(minimum_items), do="One to fold in and one to hide")
    if not 0 < hidden_share < 1:
        raise ConfigError("hidden_share is between 0 and 1", given=f"{hidden_share:g}", do="Hide e.g. 0.2 of a history")
    found = consented._session.query(_FIRST_TIMES)
    people, rows, sizes = np.unique(found["person"], return_inverse=True, return_counts=True)  # in order of pseudonyms
    order = np.lexsort((found["item"], found["first_time"], rows))
    rows, items = rows[order], found["item"][order]
    starts = np.cumsum(sizes) - sizes
    folds = np.array([n - _hidden(int(n), hidden_share) for n in sizes], dtype=np.int64)
    late = np.arange(len(rows)) - starts[rows] >= folds[rows]
    kept = sizes >= minimum_items
    row = np.cumsum(kept) - 1

    def part(chosen: NDArray[np.bool_]) -> scipy.sparse.csr_array:
        """Those pairs, of people with enough items."""
        chosen = chosen & kept[rows]
        return user_items(row[rows[chosen]], items[chosen], len(consented.catalogue), int(kept.sum()))

    enough, others = _told(consented, people[kept])
    admitted = np.array([True] * len(enough) + list(others.values()), dtype=np.bool_)
    admitted.flags.writeable = False
    return opened(
        EvaluationPeople, folded=part(~late), hidden=part(late), admitted=admitted, _pseudonyms=(*enough, *others)
    )


def _told(consented: ConsentedInteractions, enough: NDArray[Any]) -> tuple[list[str], dict[str, bool]]:
    """The pseudonyms of those with enough items; of the others in the log, whether a row of theirs was admitted.

    Both in the order of pseudonyms.
    """
    found = consented._session.query(_EVERYBODY)
    first = set(enough.tolist())
    told = sorted(zip(map(str, found["pseudonym"]), found["person"].tolist(), found["admitted"].tolist(), strict=True))
    others = {name: bool(admitted) for name, person, admitted in told if person not in first}
    return [name for name, person, _ in told if person in first], others


def _hidden(n: int, share: float) -> int:
    """How many of n items are hidden: at least one, and never all."""
    return min(max(1, math.floor(share * n)), n - 1)
