"""What decides the lists of a model, measured on the model itself with made-up histories; nobody's data is read.

Notes
-----
*Shares.* The score of an item for a history is taken apart, over many histories and all items, into what it is on
average (the same for everybody) and how far a history moves it from there. The two are uncorrelated by construction, so
that their variances add up to that of all scores, and each has a share. Of what is the same for everybody, the squared
correlation with popularity says how much is popularity.

*Histories.* They are drawn by released popularity, the same ones each time, of items that need no opt-in. Whoever has
other histories than these is moved more, or less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.scoring.artifact import Artifact

HISTORIES, LENGTH, PLACES = 200, 20, 10
_SEED = 2022  # of made-up histories; nothing private is drawn
_SCORES = 4_000_000  # looked at in all: a large catalogue has fewer histories

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What decides the lists that a model makes for made-up histories.

    Attributes
    ----------
    histories, length, places : int
        How many histories, of how many items each, and how many places of a list were looked at.
    own : float
        The share of the differences between scores that goes with whose history it is; the rest is the same for all.
    popular : float
        How much of what is the same for everybody is popularity: a squared correlation; 0 where it cannot be said.
    kept : float
        How many of the first places are those of the list that is the same for everybody, on average.
    lifted : float
        How many of the first places would be other items without the bonus that lifts some; 0 without one.
    reachable : int
        Items that a history can bring up; the others are ranked by popularity alone.
    """

    histories: int
    length: int
    places: int
    own: float
    popular: float
    kept: float
    lifted: float
    reachable: int


def influence(artifact: Artifact) -> Influence:
    """What decides the lists of this model.

    Notes
    -----
    **Privacy.** *Reads* a released model. *Returns* figures about it. *Costs* nothing. *Assumes* nothing.
    """
    arrays = artifact.arrays
    popularity = arrays["popularity"].astype(np.float64)
    free = arrays["sensitive"] == 0
    base = arrays["base"].astype(np.float64)
    bonus = arrays["bonus"].astype(np.float64) if "bonus" in arrays else np.zeros(len(base))
    histories = min(max(_SCORES // len(base), 20), HISTORIES)
    held = _made_up(popularity[arrays["head"]], free[arrays["head"]], histories)
    scores = base + bonus + _personal(artifact, held)
    barred = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(barred, arrays["head"][held], True, axis=1)
    barred |= ~free
    places = min(PLACES, int((~barred).sum(axis=1).min()))
    own, popular = _shares(scores[:, free], popularity[free])
    lists = _first(np.where(barred, -np.inf, scores), places)
    everybody = _first(np.where(barred, -np.inf, popularity), places)
    plain = _first(np.where(barred, -np.inf, scores - bonus), places)
    return Influence(
        histories=len(held),
        length=held.shape[1],
        places=places,
        own=own,
        popular=popular,
        kept=_common(lists, everybody),
        lifted=places - _common(lists, plain),
        reachable=len(arrays["head"]) if arrays["encoder"].shape[1] else 0,
    )


def _made_up(popularity: _Floats, free: NDArray[np.bool_], histories: int) -> NDArray[np.intp]:
    """Rows of the factors for each history, drawn without replacement by popularity: the largest of Gumbel keys."""
    weights = np.where(free, np.maximum(popularity, 1e-9), 0.0)
    length = min(LENGTH, int(free.sum()) // 2)
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + np.random.default_rng(_SEED).gumbel(size=(histories, len(weights)))
    return np.argsort(-keys, axis=1, kind="stable")[:, :length]


def _personal(artifact: Artifact, held: NDArray[np.intp]) -> _Floats:
    """What each history adds to the score of each item."""
    arrays = artifact.arrays
    encoder, decoder = (arrays[name].astype(np.float64) for name in ("encoder", "decoder"))
    added = np.zeros((len(held), len(arrays["base"])))
    if held.shape[1]:
        tastes = encoder[held].sum(axis=1) * held.shape[1] ** -float(artifact.meta["history_norm"])
        added[:, arrays["head"]] = tastes @ decoder.T
    return added


def _shares(scores: _Floats, popularity: _Floats) -> tuple[float, float]:
    """The share of the scores' variance that goes with the history, and how much of the rest is popularity."""
    common = scores.mean(axis=0)
    moved = float(((scores - common) ** 2).mean()) if scores.size else 0.0
    same = float(common.var()) if common.size else 0.0
    together = float(((common - common.mean()) * (popularity - popularity.mean())).mean()) if common.size else 0.0
    spread = same * float(popularity.var()) if popularity.size else 0.0
    return moved / (moved + same) if moved + same else 0.0, together**2 / spread if spread else 0.0


def _first(scores: _Floats, places: int) -> NDArray[np.intp]:
    """The items of the first places, ties in catalogue order."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :places]


def _common(one: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    """How many items two lists of each history have in common, on average."""
    return float((one[:, :, None] == other[:, None, :]).any(axis=2).sum(axis=1).mean()) if len(one) else 0.0
