"""How much each training person counts, by group: a written rule from declared numbers, never more than whole.

Notes
-----
A group with few people shapes a model little: its items stay outside of the head, and its pairs below the noise. To
count the others less turns that, at a price: noise stays where it is, so whoever counts half has half the signal.

*The rule.* For declared shares p_g of the groups, w_g = max(floor, min p / p_g): the smallest group counts whole, and
none less than the floor, half unless declared otherwise. Everybody whose level is not declared, who has none, or who
did not agree to ``fairness.mitigation`` counts w̄ = Σ p_g w_g / Σ p_g: on the whole people count as much whether they
agree or not. How far the balance of groups moves does depend on who agrees: by the rule if everybody does, not at all
if nobody does, and less if a small group agrees less often. Or a weight is declared for each group.

Weights are whole 255ths, cut toward zero. They are public: a model's documents may tell them. What one person counts is
as private as their group, and stays in `tactful.personal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.attributes import AttributeSpec
from tactful.personal.bounding import WHOLE

FLOOR = 0.5
"""The least that a person counts, unless declared otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWeights:
    """Declared weights of the groups of one attribute. Made by `RowWeights.of`.

    Attributes
    ----------
    spec : AttributeSpec
        The attribute and its levels.
    units : tuple of int, from 1 to 255
        How many 255ths a person of each level counts.
    others : int, from 1 to 255
        How many everybody else counts.
    """

    spec: AttributeSpec
    units: tuple[int, ...]
    others: int

    @classmethod
    def of(
        cls,
        spec: AttributeSpec,
        shares: Mapping[str, float],
        *,
        floor: float = FLOOR,
        weights: Mapping[str, float] | None = None,
    ) -> Self:
        """The weights that follow from declared shares, or declared ones.

        Parameters
        ----------
        spec : AttributeSpec
        shares : mapping of str to float
            For each level how many of the people are expected to be in it, from public knowledge or an earlier report,
            in any unit.
        floor : float in (0, 1]
            The least that a group counts by the rule.
        weights : mapping of str to float in (0, 1], optional
            What each level counts, instead of the rule.

        Raises
        ------
        ConfigError
            If a level has no share or no weight, or a number is out of range.
        """
        _check(spec, shares, "share", most=np.inf)
        least = min(shares.values())
        declared = weights if weights is not None else {name: max(floor, least / p) for name, p in shares.items()}
        _check(spec, declared, "weight", most=1.0)
        units = tuple(_units(declared[name]) for name in spec.levels)
        mean = sum(shares[name] * n for name, n in zip(spec.levels, units, strict=True)) / sum(shares.values())
        return cls(spec=spec, units=units, others=max(int(mean), 1))

    @property
    def mean(self) -> float:
        """What a person counts on average, if groups are as large as declared."""
        return self.others / WHOLE

    @property
    def by_group(self) -> dict[str, float]:
        """What a person of each level counts; public."""
        return {name: units / WHOLE for name, units in zip(self.spec.levels, self.units, strict=True)}

    def of_people(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many 255ths each person counts, from the codes of `Demographics.training_groups`.

        Notes
        -----
        **Privacy.** *Reads* each person's group. *Returns* their weight, to be handed to `bound` and nowhere else.
        *Costs* nothing. *Assumes* codes of people who agreed to ``fairness.mitigation``, −1 for all others.
        """
        everybody_else = len(self.spec.groups) - len(self.units) + 1  # other, undisclosed, and −1, which is the last
        return np.array([*self.units, *[self.others] * everybody_else], dtype=np.int64)[codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """Whose liking is asked for: people of one level count for their items, people of the others against theirs.

    Made by `Leaning.of`, so that an item that all like alike comes to nothing if groups are as large as declared.

    Attributes
    ----------
    spec : AttributeSpec
    units : tuple of int, from -255 to 255
        How many 255ths a person of each level counts; everybody else counts nothing.
    """

    spec: AttributeSpec
    units: tuple[int, ...]

    @classmethod
    def of(cls, spec: AttributeSpec, level: str, shares: Mapping[str, float]) -> Self:
        """The leaning toward a level, balanced by the declared shares of all.

        Raises
        ------
        ConfigError
            If there is no such level, or one has no share.
        """
        _check(spec, shares, "share", most=np.inf)
        if level not in spec.levels:
            raise ConfigError("the group is a declared level", given=level, do=f"Name one of {', '.join(spec.levels)}")
        own = shares[level] / sum(shares.values())
        ahead, against = min(1.0, (1 - own) / own), min(1.0, own / (1 - own))
        return cls(spec=spec, units=tuple(_units(ahead) if n == level else -_units(against) for n in spec.levels))

    def of_people(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many 255ths each person counts for or against; **Privacy** as for `RowWeights.of_people`."""
        return np.array([*self.units, 0, 0, 0], dtype=np.int64)[codes]


def _units(weight: float) -> int:
    """The weight in 255ths, cut down, and at least one."""
    return max(int(weight * WHOLE), 1)


def _check(spec: AttributeSpec, numbers: Mapping[str, float], what: str, *, most: float) -> None:
    """Raise unless each level has a number, above 0 and not above `most`."""
    if set(numbers) != set(spec.levels) or not all(0 < n <= most and np.isfinite(n) for n in numbers.values()):
        raise ConfigError(
            f"each level of {spec.name} has a {what} above 0" + (" and at most 1" if most == 1 else ""),
            given=", ".join(f"{name}: {n:g}" for name, n in numbers.items()) or "none",
            do=f"Declare one for each of {', '.join(spec.levels)}",
        )
