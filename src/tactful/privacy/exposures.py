"""How often the people of each group are shown each item, as an integer sum over one half of the assessed people.

Notes
-----
*Who is counted.* Evaluation people of the first half who agreed to be assessed and have a list. Halves follow a keyed
hash of each person's pseudonym alone (`tactful.personal.halves`), so nobody's half depends on who else is there.

*What a person adds.* For each of the A attributes, to the entries of their group there:

- for each of the two lists, the model's and that of popularity, u to every item among their first ten that has an
  entry of its own, and v for each of their other items to the one entry that these share;
- p to the people of their group.

With S² the squared norm that is allowed: u = ⌊S/√(24 A)⌋, v = ⌊u/√10⌋, p = 2u.

*Norm.* The items of one list are made distinct first, whatever the caller gives, and are at most ten: k of them have
entries of their own, and c ≤ 10 − k fall on the shared one. They add k u² + (c v)² ≤ k u² + c² u²/10 ≤ (k + c) u² ≤
10 u², as c ≤ 10 and v² ≤ u²/10 in whole numbers. The shared entry would break the norm at the weight of the others: ten
items there would add 100 u². With p² = 4 u² an attribute takes at most (2·10 + 4) u², all of them 24 A u² ≤ S².

*Neighbours.* One more person is one more row, and no other row, half or list changes: lists are made of the model,
which is fitted to other people's released values, and of the person's own items. They add the vector above, or nothing
if they are of the other half. Everything is whole numbers, so no order of summation matters.

*Adaptivity.* Which items have entries follows from popularity as it was released.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.personal.contributions import SCALE, few_enough
from tactful.privacy.statistics import Noise, read_only
from tactful.privacy.sums import Exposures, Shown

LISTS: tuple[Shown, ...] = get_args(Shown)
DEPTH = 10
"""So many places of a list are looked at."""
MOST_ITEMS = 4096
"""The most items that have an entry of their own."""
FIRST, SECOND = 0, 1
"""The halves: what lists tell about groups is learned from the first and tried on the second."""

_PEOPLE_SQUARED = 4  # (p/u)²
_OF_ATTRIBUTE = len(LISTS) * DEPTH + _PEOPLE_SQUARED

_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageCells:
    """The most entries that one person can change of what says how much lists tell about groups.

    Attributes
    ----------
    exposures, guesses : int
        By the event.
    """

    exposures: int
    guesses: int

    @classmethod
    def of(cls, levels: Mapping[str, Sequence[str]]) -> LeakageCells:
        """For these attributes, whatever is released before.

        Parameters
        ----------
        levels : mapping of str to sequence of str
            The declared levels of each attribute; to merge some of them only makes the entries fewer.
        """
        lists, asked = len(LISTS), max(1, sum(questions(len(names)) for names in levels.values()))
        return cls(exposures=len(levels) * (lists * DEPTH + 1), guesses=lists * asked)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ListRows:
    """What evaluation people are shown and which groups they are in; rows about people, for `PrivateRelease` only.

    Attributes
    ----------
    lists : mapping of {"model", "popularity"} to int array of shape (n_people, places)
        Catalogue positions, the first place first; −1 where a list is shorter. Ten places count.
    codes : mapping of str to int array of shape (n_people,)
        For each attribute the position of each person's declared level; −1 where they are not assessed.
    halves : int array of shape (n_people,)
        0 or 1, by keyed hash.
    """

    lists: Mapping[Shown, _Ints]
    codes: Mapping[str, _Ints]
    halves: _Ints

    def of_half(self, half: int, attribute: str, design: ListDesign) -> tuple[NDArray[np.bool_], _Ints]:
        """Who of the half is in a group of the attribute and has a list, and everybody's wide code."""
        codes, wide = self.codes[attribute], design.wide[attribute]
        known = (codes >= 0) & (codes < len(wide))
        listed = (self.lists["model"][:, :DEPTH] >= 0).any(axis=1)
        return known & listed & (self.halves == half), wide[np.where(known, codes, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDesign:
    """What of people's lists is counted, from declared and released values only.

    Attributes
    ----------
    levels : mapping of str to tuple of str
        For each attribute its wide levels: each declared level replaced by where declared merges lead.
    wide : mapping of str to int array
        For each attribute the wide code of each declared code, ``other`` and ``undisclosed`` included.
    entry_of : int array of shape (n_items,)
        The entry of each item of the catalogue.
    own : int
        So many items have entries of their own; the others share the entry after these.

    Raises
    ------
    ConfigError
        If there is no attribute, or an item has no entry or two items share one of those that are not shared.
    """

    levels: Mapping[str, tuple[str, ...]]
    wide: Mapping[str, _Ints]
    entry_of: _Ints
    own: int

    def __post_init__(self) -> None:
        per_entry = np.bincount(self.entry_of, minlength=self.own + 1)
        if not self.levels or len(per_entry) > self.own + 1 or per_entry[: self.own].max(initial=0) > 1:
            raise ConfigError(
                "lists are counted by at least one attribute, and each item has an entry of its own or the shared one",
                given=f"{len(self.levels)} attributes, {self.own} entries of {len(self.entry_of)} items",
                do="Make the design with ListDesign.of",
            )

    @classmethod
    def of(
        cls, levels: Mapping[str, Sequence[str]], popularity: NDArray[np.floating], *, most_items: int = MOST_ITEMS
    ) -> ListDesign:
        """The design for declared levels and released popularity.

        Parameters
        ----------
        levels : mapping of str to sequence of str
            For each attribute and declared level, in the order of their codes, the wide level that it is part of.
        popularity : float array of shape (n_items,)
            Released; the most popular items have entries of their own.
        most_items : int
            So many items have entries of their own.
        """
        wide = {name: tuple(dict.fromkeys(parts)) for name, parts in levels.items()}
        codes = {
            name: [*map(wide[name].index, parts), len(wide[name]), len(wide[name]) + 1]
            for name, parts in levels.items()
        }
        own = min(most_items, len(popularity))
        entry_of = np.full(len(popularity), own, dtype=np.int64)
        entry_of[np.argsort(-np.asarray(popularity), kind="stable")[:own]] = np.arange(own)
        return cls(
            levels=wide,
            wide={name: read_only(np.array(found, dtype=np.int64)) for name, found in codes.items()},
            entry_of=read_only(entry_of),
            own=own,
        )

    @property
    def entries(self) -> int:
        """Entries of items, the shared one included."""
        return self.own + 1

    @property
    def touched(self) -> int:
        """The most entries of the exposures that one person can change."""
        return LeakageCells.of(self.levels).exposures

    @property
    def units(self) -> tuple[int, int, int]:
        """Integer units for one item with an entry of its own, for one without, and for a person: u, v and p."""
        own = isqrt(SCALE * SCALE // (_OF_ATTRIBUTE * len(self.levels)))
        return own, isqrt(own * own // DEPTH), isqrt(_PEOPLE_SQUARED) * own

    def groups(self, attribute: str) -> tuple[str, ...]:
        """The groups in the order of their wide codes."""
        return (*self.levels[attribute], OTHER, UNDISCLOSED)


def questions(levels: int) -> int:
    """For so many levels, how many are asked about: of two levels one, as the other is the same question."""
    return levels if levels > 2 else levels // 2


def entries_of(lists: _Ints, design: ListDesign) -> _Ints:
    """The entries of the first ten places of each list, −1 for nothing; no item counts twice in a list.

    Returns
    -------
    int array of shape (n_people, at most 10)
        Not in the order of the list.
    """
    items = np.sort(lists[:, :DEPTH], axis=1)
    known = (items >= 0) & (items < len(design.entry_of))
    known[:, 1:] &= items[:, 1:] != items[:, :-1]
    return np.where(known, design.entry_of[np.where(known, items, 0)], -1)


def exposure_counts(rows: ListRows, design: ListDesign) -> _Ints:
    """The exact exposures in units of 1/S: for each attribute each list's items by group, then people by group.

    Notes
    -----
    **Privacy.** *Reads* rows of evaluation people. *Returns* an exact sum over people, for `tactful.privacy.release`
    only. *Costs* nothing by itself. *Assumes* nothing of the rows but that one is one person: the norm is argued above.
    """
    few_enough(len(rows.halves))
    shown = {name: entries_of(rows.lists[name], design) for name in LISTS}
    own, shared, person = design.units
    weights = np.full(design.entries, own, dtype=np.int64)
    weights[-1] = shared
    parts = []
    for attribute in design.levels:
        here, codes = rows.of_half(FIRST, attribute, design)
        size = len(design.groups(attribute))
        parts += [_by_group(shown[name][here], codes[here], (size, design.entries)) * weights for name in LISTS]
        parts.append(np.bincount(codes[here], minlength=size) * person)
    return np.concatenate([part.ravel() for part in parts])


def _by_group(entries: _Ints, codes: _Ints, shape: tuple[int, int]) -> _Ints:
    """How often each entry occurs in each group."""
    flat = (codes[:, None] * shape[1] + entries)[entries >= 0]
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def exposures_of(noisy: NDArray[np.float64], sigma: float, design: ListDesign, noise: Noise) -> Exposures:
    """The released vector, taken apart: counts of items and of people, with the noise of each.

    Parameters
    ----------
    noisy : float array
        In the order of `exposure_counts`, divided by S.
    sigma : float
        Of its noise, in units of S.
    design : ListDesign
    noise : {"system", "reproducible"}
    """
    own, shared, person = (unit / SCALE for unit in design.units)
    weights = np.append(np.full(design.own, own), shared)
    counts, people, start = dict[tuple[str, Shown], NDArray[np.float64]](), dict[str, NDArray[np.float64]](), 0
    for attribute in design.levels:
        size = len(design.groups(attribute))
        for name in LISTS:
            part, start = noisy[start : start + size * design.entries], start + size * design.entries
            counts[attribute, name] = read_only(part.reshape(size, -1) / weights)
        people[attribute], start = read_only(noisy[start : start + size] / person), start + size
    return Exposures(
        noise=noise, counts=counts, people=people, sigmas=read_only(sigma / weights), people_sigma=sigma / person
    )
