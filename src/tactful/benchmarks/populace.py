"""Public people and the group of each, from files that the user names, or planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import scipy.sparse
from numpy.typing import NDArray

from tactful.benchmarks.public import PublicData
from tactful.benchmarks.unfair import LEVELS, UnfairWorld
from tactful.catalogue import Catalogue
from tactful.datasets.movielens import read_movielens
from tactful.errors import UsageError
from tactful.personal.attributes import AttributeSpec
from tactful.personal.source import Source


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Population:
    """Public people, and the group of each who has one.

    Attributes
    ----------
    user_items : csr_array of shape (n_people, n_items), ones
    catalogue : Catalogue
    codes : int array of shape (n_people,)
        The position of each person's level, −1 where it is not known.
    spec : AttributeSpec
    """

    user_items: scipy.sparse.csr_array
    catalogue: Catalogue
    codes: NDArray[np.int64]
    spec: AttributeSpec

    def __repr__(self) -> str:
        return f"Population({self.user_items.shape[0]} people by {self.spec.name})"

    @classmethod
    def planted(cls, world: UnfairWorld) -> Population:
        """The people of a planted world."""
        user_items, codes, catalogue = world.made()
        spec = AttributeSpec(name="group", levels=LEVELS)
        return cls(user_items=user_items, catalogue=catalogue, codes=codes, spec=spec)

    @classmethod
    def read(
        cls,
        interactions: str | Path,
        attributes: str | Path,
        attribute: str,
        *,
        items: str | Path | None = None,
        levels: Sequence[str] = (),
    ) -> Population:
        """The people of public tables, or of a folder with MovieLens' own files.

        Parameters
        ----------
        interactions, items : str or Path
            See `PublicData.read`.
        attributes : str or Path
            A table with ``user_id`` and the attribute.
        attribute : str
            The column.
        levels : sequence of str, optional
            The groups to compare; every value of the column if not given.

        Raises
        ------
        UsageError
            If a table cannot be read.

        Notes
        -----
        **Privacy.** *Reads* who used what and belongs to which group. *Returns* it exactly. *Costs* nothing. *Assumes*
        that nobody in the tables needs protection.
        """
        data, told = PublicData.read(interactions, items), _told(Path(attributes), attribute)
        named = tuple(levels) or tuple(sorted(set(told.values())))
        place = {level: number for number, level in enumerate(named)}
        codes = [place.get(told.get(user_id, ""), -1) for user_id in data.user_ids.tolist()]
        spec = AttributeSpec(name=attribute, levels=named)
        return cls(user_items=data.user_items, catalogue=data.catalogue, codes=np.array(codes), spec=spec)


def _told(path: Path, attribute: str) -> dict[str, str]:
    """The value of each person, of those who have one."""
    columns = ["user_id", attribute]
    try:
        table = read_movielens(path).attributes.select(columns) if path.is_dir() else _table(path, columns)
    except (pa.ArrowException, KeyError):
        raise UsageError(
            f"the table has user_id and {attribute}", given=f"{path.name} has not", do="Name the right table and column"
        ) from None
    users, values = (table[name].cast(pa.string()).to_pylist() for name in columns)
    return {user: value for user, value in zip(users, values, strict=True) if user and value}


def _table(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of the file, cells of a CSV as text."""
    Source.open(path, role="attributes", required=tuple(columns))  # says what is wrong with the header
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path, columns=list(columns))
    text = pyarrow.csv.ConvertOptions(include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()))
    return pyarrow.csv.read_csv(path, convert_options=text)
