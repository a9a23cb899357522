"""Which groups of people are told apart beside the declared ones: by length of history, and where two of these meet.

Everything here is public and declared, so that the groups are the same whoever is there. A group of two parts has a
name like ``under 35 × 10–29 items``; its parts are coarse levels, each declared level replaced by what it is merged
into at last, since what is cut twice must not become too small to say anything. People whose value is ``other`` or
``undisclosed`` are told by each attribute and are in no group of two parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, UNDISCLOSED

HISTORY = "history"
"""The attribute whose groups are strata of history length."""
HISTORY_EDGES = (10, 30, 100)
"""Where strata begin by default, in items."""
CROSS = " × "
"""Between the names of two attributes, or of two levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groupings:
    """Every group of people that the evaluation vector tells apart.

    Attributes
    ----------
    attributes : mapping of str to sequence of str
        Declared levels.
    merges : mapping of str to mapping of str to str
        For each attribute and level the coarser group that it may join.
    intersections : sequence of (str, str)
        Pairs of attributes.
    history_edges : sequence of int, items
        Where strata of history length begin, after the first, which begins at one item.

    Raises
    ------
    ConfigError
        If the edges do not rise from above 1, an intersection is not of two declared attributes, or an attribute is
        called ``history``.
    """

    attributes: Mapping[str, Sequence[str]]
    merges: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    intersections: Sequence[tuple[str, str]] = ()
    history_edges: Sequence[int] = HISTORY_EDGES

    def __post_init__(self) -> None:
        if any(a >= b for a, b in pairwise((1, *self.history_edges))):
            raise ConfigError(
                "strata of history length begin at rising numbers of items above 1",
                given=f"{list(self.history_edges)}",
                do=f"Give e.g. {list(HISTORY_EDGES)}",
            )
        if HISTORY in self.attributes:
            raise ConfigError(
                "history is the length of a history", given="an attribute of that name", do="Rename the column"
            )
        for pair in self.intersections:
            if pair[0] == pair[1] or not set(pair) <= set(self.attributes):
                raise ConfigError(
                    "an intersection is of two declared attributes",
                    given=" and ".join(pair),
                    do=f"Name two of {', '.join(self.attributes) or 'those that you declare'}",
                )

    @property
    def strata(self) -> tuple[str, ...]:
        """Lengths of histories in words, shortest first."""
        begins = (1, *self.history_edges)
        bounded = tuple(f"{a} item{'s' * (a > 1)}" if b == a + 1 else f"{a}–{b - 1} items" for a, b in pairwise(begins))
        return (*bounded, f"{begins[-1]} and more items")

    def coarse(self, attribute: str) -> tuple[str, ...]:
        """The levels of an attribute after all declared merges, in the order of the levels."""
        return tuple(dict.fromkeys(self._merged(attribute)))

    def wide(self, attribute: str) -> tuple[str, ...]:
        """For each declared level, in its order, the coarse level that it is part of."""
        return tuple(self._merged(attribute))

    def levels(self) -> dict[str, tuple[str, ...]]:
        """Every attribute of the vector and its groups: the declared ones, history, intersections, each by history."""
        declared = {name: (*levels, OTHER, UNDISCLOSED) for name, levels in self.attributes.items()}
        crossed = {
            CROSS.join(pair): tuple(a + CROSS + b for a in self.coarse(pair[0]) for b in self.coarse(pair[1]))
            for pair in self.intersections
        }
        by_history = {
            name + CROSS + HISTORY: tuple(level + CROSS + s for level in self.coarse(name) for s in self.strata)
            for name in self.attributes
        }
        return {**declared, HISTORY: self.strata, **crossed, **by_history}

    def codes(self, found: Mapping[str, NDArray[np.int64]], lengths: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """For each attribute of `levels` the position of each person's group, −1 where they are in none.

        Parameters
        ----------
        found : mapping of str to int array of shape (n_people,)
            For each declared attribute what `Demographics.groups` gave.
        lengths : int array of shape (n_people,)
            Items of each history; 0 for people who are not measured, who are in no stratum.

        Notes
        -----
        **Privacy.** *Reads* exact groups of single people. *Returns* others of them, for `PrivateRelease.evaluation`
        alone. *Costs* nothing by itself. *Assumes* nothing: a person's groups depend on their own row.
        """
        stratum = np.searchsorted(np.array(self.history_edges, dtype=np.int64), lengths, side="right")
        stratum = np.where(lengths > 0, stratum, -1)
        coarse = {name: self._coarse_codes(name, found[name]) for name in self.attributes}
        crossed = {a + CROSS + b: _crossed(coarse[a], coarse[b], len(self.coarse(b))) for a, b in self.intersections}
        by_history = {name + CROSS + HISTORY: _crossed(c, stratum, len(self.strata)) for name, c in coarse.items()}
        return {**{name: found[name] for name in self.attributes}, HISTORY: stratum, **crossed, **by_history}

    def _merged(self, attribute: str) -> list[str]:
        """What each declared level is merged into at last."""
        return [_last(level, self.merges.get(attribute, {})) for level in self.attributes[attribute]]

    def _coarse_codes(self, attribute: str, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions among the coarse levels; −1 for other, undisclosed and not assessed."""
        coarse = self.coarse(attribute)
        places = [coarse.index(target) for target in self._merged(attribute)]
        return np.array([*places, -1, -1, -1], dtype=np.int64)[codes]  # the last is where −1 points


def _last(level: str, targets: Mapping[str, str]) -> str:
    """Where declared merges lead from a level; round in a circle they lead nowhere."""
    seen = {level}
    while level in targets and targets[level] not in seen:
        level = targets[level]
        seen.add(level)
    return level


def _crossed(first: NDArray[np.int64], second: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """Positions among all pairs of levels, −1 where either is."""
    return np.where((first >= 0) & (second >= 0), first * levels + second, -1)
