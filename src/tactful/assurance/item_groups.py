"""Groups of items by a column of the public catalogue. Nothing here is about people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError
from tactful.personal.attributes import OTHER


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class ItemGroups:
    """To which group each item belongs, and how much of it.

    Attributes
    ----------
    column : str
    levels : tuple of str
        The groups; ``other`` is the last.
    membership : csr_array of shape (n_items, n_levels)
        Each row adds up to 1: an item of several values belongs to each in equal parts, one of none to ``other``.
    """

    column: str
    levels: tuple[str, ...]
    membership: scipy.sparse.csr_array

    def __repr__(self) -> str:
        return f"ItemGroups({self.column}: {len(self.levels)} groups of {self.membership.shape[0]} items)"

    @classmethod
    def of(cls, catalogue: Catalogue, column: str, levels: Sequence[str] | None = None) -> ItemGroups:
        """The groups of a column.

        Parameters
        ----------
        levels : sequence of str, optional
            The values that are groups, everything else is ``other``; every value of the column if not given.

        Raises
        ------
        ConfigError
            If the catalogue has no such column.
        """
        if column not in catalogue.features:
            known = ", ".join(catalogue.features) or "none"
            raise ConfigError(
                "items are grouped by a column of the catalogue", given=column, do=f"Name one of: {known}"
            )
        values = catalogue.features[column]
        named = item_levels(sorted({v for several in values for v in several}) if levels is None else levels)
        place = {level: position for position, level in enumerate(named)}
        told = [several or (OTHER,) for several in values]
        rows = np.repeat(np.arange(len(told)), [len(several) for several in told])
        columns = [place.get(value, len(named) - 1) for several in told for value in several]
        parts = np.repeat([1 / len(several) for several in told], [len(several) for several in told])
        shape = (len(told), len(named))
        return cls(
            column=column, levels=named, membership=scipy.sparse.csr_array((parts, (rows, columns)), shape=shape)
        )

    @property
    def catalogue_shares(self) -> dict[str, float]:
        """How much of the catalogue each group is: public."""
        shares: NDArray[np.float64] = np.asarray(self.membership.mean(axis=0)).ravel()
        return dict(zip(self.levels, shares.tolist(), strict=True))


def item_levels(levels: Sequence[str]) -> tuple[str, ...]:
    """The groups of declared levels: they and ``other``, the last."""
    return (*(level for level in dict.fromkeys(levels) if level != OTHER), OTHER)
