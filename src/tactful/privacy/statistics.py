"""What comes out of the private release: noisy statistics with their known noise. Numpy only; no rows, no way back.

Everything that is fitted, drawn or judged from these values is post-processing and costs nothing more (Dwork & Roth
2014, Proposition 2.1).

The file is longer than most: every type that a model may be fitted from is in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Noise = Literal["system", "reproducible"]
_T = TypeVar("_T", bound=np.generic)

LARGEST_HEAD = 4096
"""The most items that a Gram is about."""

_MIRRORED = 256  # rows of a matrix that are mirrored at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A statistic that left through the ledger and the noise.

    Attributes
    ----------
    noise : {"system", "reproducible"}
        Where the noise came from. Models made with reproducible noise can be looked at, never approved.
    """

    noise: Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCount(Released):
    """The number of training people.

    Attributes
    ----------
    value : float, people
    sigma : float, people
        Standard deviation of the noise.
    """

    value: float
    sigma: float

    def weighted(self, mean: float) -> PeopleCount:
        """As many as the people amount to who count so much on average: for rules that fit, never for minimums."""
        return PeopleCount(noise=self.noise, value=self.value * mean, sigma=self.sigma * mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPopularity(Released):
    """How much people use each item; a person of l items adds 1/√l to each.

    Attributes
    ----------
    values : float array of shape (n_items,), in catalogue order
    sigma : float
        Standard deviation of the noise on each value.
    """

    values: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLeaning(Released):
    """How much more one group of people uses each item than others do, of those who agreed to mitigation.

    Attributes
    ----------
    values : float array of shape (n_items,), in catalogue order
        Sums of 1/√l, of the group less those of the others; weighted so that it comes to nothing where both like an
        item alike, as far as groups are as large as declared.
    sigma : float
        Standard deviation of the noise on each value.
    """

    values: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GramQuery:
    """How histories are looked at before they are added up in a Gram: made from released and public values only.

    Attributes
    ----------
    head : int array of shape (n_head,)
        Catalogue positions, distinct.
    weights : int array of shape (n_head,), from 1 to 255
        How much an item counts in a history, relative to the others.
    direction : int array of shape (n_head,), from 0 to 255
        What is taken out of each weighted history as far as it lies along it; all 0 to take nothing out.
    taken : float, default=1.0
        Which share of that is taken out, above 0 and at most 1.
    """

    head: NDArray[np.int64]
    weights: NDArray[np.int64]
    direction: NDArray[np.int64]
    taken: float = 1.0

    @classmethod
    def plain(cls, head: NDArray[np.int64]) -> GramQuery:
        """Histories as they are: all items alike, nothing taken out."""
        places = np.asarray(head, dtype=np.int64)
        return cls(head=places, weights=np.ones_like(places), direction=np.zeros_like(places))

    @property
    def kept(self) -> GramQuery:
        """The same, in arrays of its own that cannot be changed."""
        return replace(
            self,
            head=read_only(self.head.copy()),
            weights=read_only(self.weights.copy()),
            direction=read_only(self.direction.copy()),
        )

    @property
    def centred(self) -> bool:
        """Whether something is taken out of histories."""
        return bool(self.direction.any())

    @property
    def unit_direction(self) -> NDArray[np.float64]:
        """The direction at length 1, or zeros."""
        return self.direction / max(float(np.linalg.norm(self.direction)), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGram(Released):
    """How much people use items of the head together, once histories were weighted and centred.

    A person whose history became y adds nearly 3y yᵀ/√(9(n² − f)/2 + f), where n = Σ y² and f = Σ y⁴. A diagonal entry
    is released at a third of the weight of a pair and then tripled: both are in one unit, and the diagonal has three
    times the noise.

    Attributes
    ----------
    values : float array of shape (n_head, n_head), symmetric
    query : GramQuery
        The rows, and how histories were looked at.
    sigma : float
        Standard deviation of the noise on each unordered pair.
    diagonal_sigma : float
        Standard deviation of the noise on each diagonal entry.
    """

    values: NDArray[np.float64]
    query: GramQuery
    sigma: float
    diagonal_sigma: float

    @classmethod
    def of_triangle(
        cls, upper: NDArray[np.float64], query: GramQuery, *, sigma: float, diagonal_divisor: int, noise: Noise
    ) -> ItemGram:
        """The matrix of a released upper triangle, row by row, whose diagonal entries were divided by a number."""
        n_head, start = len(query.head), 0
        values = np.zeros((n_head, n_head))
        for row in range(n_head):
            values[row, row:] = upper[start : start + n_head - row]
            start += n_head - row
        _mirror(values)
        values[np.diag_indices(n_head)] *= diagonal_divisor
        return cls(
            noise=noise,
            values=read_only(values),
            query=query.kept,
            sigma=sigma,
            diagonal_sigma=diagonal_divisor * sigma,
        )

    @property
    def head(self) -> NDArray[np.int64]:
        """Catalogue positions of the rows."""
        return self.query.head

    @property
    def standardised(self) -> NDArray[np.float64]:
        """The upper triangle, row by row, each entry in units of its own noise: what an attacker may work with."""
        scaled = self.values / self.sigma
        scaled[np.diag_indices(len(self.head))] *= self.sigma / self.diagonal_sigma
        triangle: NDArray[np.float64] = scaled[np.triu_indices(len(self.head))]
        return triangle


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveQuery:
    """One step of alternating least squares, asked of people: made from released and public values only.

    Attributes
    ----------
    step : int, from 1
    head : int array of shape (n_head,)
        Catalogue positions.
    factors : float array of shape (n_head, n_factors)
    prior : float array of shape (n_factors, n_factors), positive definite
        What is in every person's system: α₀ VᵀV + λI.
    weights : float array of shape (n_head,), above 0
        How much of a person's norm each of their items gets, relative to the others.
    observed : float
        Weight of a person's own items in their system.
    clip : float
        The norm from which on a person's vector is scaled to 1; 0 scales everybody.
    """

    step: int
    head: NDArray[np.int64]
    factors: NDArray[np.float64]
    prior: NDArray[np.float64]
    weights: NDArray[np.float64]
    observed: float = 1.0
    clip: float = 0.0

    @property
    def pairs(self) -> int:
        """Entries of the upper triangle of a Gram of factors, diagonal included."""
        size = int(self.factors.shape[1])
        return size * (size + 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RightHandSides(Released):
    """For each item of the head the weighted sum of the vectors of its people; a person adds norm 1 at most.

    Attributes
    ----------
    values : float array of shape (n_head, n_factors)
    sigma : float
        Standard deviation of the noise on each entry.
    """

    values: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorGram(Released):
    """The sum of u uᵀ over people; the upper triangle of a person has norm 1 at most.

    Attributes
    ----------
    values : float array of shape (n_factors, n_factors), symmetric
        Not positive definite in general: noise has no sign.
    sigma : float
        Standard deviation of the noise on each unordered pair.
    """

    values: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFactorGrams(Released):
    """For each item of the head the weighted sum of u uᵀ over its people; all of a person's have norm 1 at most.

    Attributes
    ----------
    values : float array of shape (n_head, n_factors, n_factors), each symmetric
    sigma : float
        Standard deviation of the noise on each unordered pair.
    """

    values: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedStep:
    """What people answered to one `SolveQuery`.

    Attributes
    ----------
    sides : RightHandSides
    gram : FactorGram
    item_grams : ItemFactorGrams or None
        Where the plan has them.
    """

    sides: RightHandSides
    gram: FactorGram
    item_grams: ItemFactorGrams | None = None


def symmetric(upper: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Symmetric matrices from their upper triangles, row by row, which are the last axis."""
    values, (rows, columns) = np.zeros((*upper.shape[:-1], size, size)), np.triu_indices(size)
    values[..., rows, columns] = values[..., columns, rows] = upper
    return values


def read_only(array: NDArray[_T]) -> NDArray[_T]:
    """The array itself, closed for writing."""
    array.flags.writeable = False
    return array


def _mirror(values: NDArray[np.float64]) -> None:
    """The lower triangle repeats the upper one; by blocks, which fit the cache in both directions."""
    for first in range(0, len(values), _MIRRORED):
        last = first + _MIRRORED
        values[last:, first:last] = values[first:last, last:].T
        corner = values[first:last, first:last]
        corner += np.triu(corner, 1).T
