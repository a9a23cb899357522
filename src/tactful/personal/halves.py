"""Two halves of the evaluation people: what is learned about them from one is tried on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tactful.personal.keys import Keys
from tactful.personal.split import EvaluationPeople


def halves(people: EvaluationPeople, keys: Keys) -> NDArray[np.int64]:
    """For each person 0 or 1, aligned with the rows of `people` and read-only.

    Notes
    -----
    **Privacy.** *Reads* pseudonyms. *Returns* exact rows about people, for `tactful.privacy.release` alone. *Costs*
    nothing until what is counted by them is released. *Assumes* one id is one person. Nobody's half depends on who else
    is there.
    """
    found = np.array(keys.halves(people._pseudonyms), dtype=np.int64)
    found.flags.writeable = False
    return found
