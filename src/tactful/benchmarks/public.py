"""Public tables of interactions and items, read exactly, for benchmarks alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.datasets.movielens import read_movielens
from tactful.errors import SchemaError, UsageError
from tactful.personal.matrices import user_items
from tactful.personal.source import Source

_IDS = ("user_id", "item_id")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class PublicData:
    """Who used what, each pair once.

    Attributes
    ----------
    user_items : csr_array of shape (n_people, n_items), int8, ones
        Rows are the people with an item of the catalogue, in the order of their ids as text.
    catalogue : Catalogue
        The columns: the item table in its order, or the items seen in the order of their ids as text.
    user_ids : text array of shape (n_people,)
        Whose rows they are.
    """

    user_items: scipy.sparse.csr_array
    catalogue: Catalogue
    user_ids: NDArray[np.str_]

    def __repr__(self) -> str:
        return f"PublicData({self.user_items.shape[0]} people, {self.catalogue!r})"

    @property
    def order(self) -> NDArray[np.int64]:
        """The place of each item by its id as text."""
        return _places(self.catalogue.item_ids)

    @classmethod
    def read(cls, interactions: str | Path, items: str | Path | None = None) -> PublicData:
        """The tables, Parquet or CSV; either may be a folder with MovieLens' own files.

        Parameters
        ----------
        interactions : str or Path
            A table of which ``user_id`` and ``item_id`` are read.
        items : str or Path, optional
            The public catalogue. Without it, the items that were used.

        Raises
        ------
        UsageError
            If a table cannot be read or nobody used anything.

        Notes
        -----
        **Privacy.** *Reads* ids of people and items. *Returns* exact rows without names. *Costs* nothing. *Assumes*
        that nobody in the table needs protection.
        """
        people, used = _pairs(Path(interactions))
        seen = pa.table({"item_id": sorted(used.unique().to_pylist())})
        catalogue = _catalogue(Path(items)) if items else Catalogue.of_table(seen, name="the items seen")
        places = pc.index_in(used, value_set=pa.array(catalogue.item_ids.tolist(), pa.string()))
        known = pc.is_valid(places)
        ids = people.filter(known).dictionary_encode()
        if not len(ids):
            raise UsageError("somebody used an item of the catalogue", given="nobody did", do="Name the right tables")
        names = np.array(ids.dictionary.to_pylist())
        rows = _places(names)[ids.indices.to_numpy()]
        pairs = np.unique(rows * len(catalogue) + places.filter(known).to_numpy())
        used = user_items(*np.divmod(pairs, len(catalogue)), len(catalogue))
        return cls(user_items=used, catalogue=catalogue, user_ids=np.sort(names))


def _places(ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """The place of each id in the order of their texts."""
    return np.argsort(np.argsort(ids)).astype(np.int64)


def _catalogue(path: Path) -> Catalogue:
    """The item table."""
    return Catalogue.of_table(read_movielens(path).items) if path.is_dir() else Catalogue.open(path)


def _pairs(path: Path) -> tuple[pa.StringArray, pa.StringArray]:
    """The ids of people and of items as text, of rows that have both."""
    table = read_movielens(path).interactions if path.is_dir() else _table(path)
    kinds = [table[name].type for name in _IDS]
    for name, kind in zip(_IDS, kinds, strict=True):
        if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise SchemaError(f"{name} is text or integer", given=f"its type is {kind}", do="Convert the column")
    people, items = (table[name].cast(pa.string()).combine_chunks() for name in _IDS)
    there = pc.and_(_written(people), _written(items))
    return people.filter(there), items.filter(there)


def _written(ids: pa.StringArray) -> pa.BooleanArray:
    """Where there is an id."""
    return pc.fill_null(pc.not_equal(ids, ""), False)


def _table(path: Path) -> pa.Table:
    """The two columns of the file, cells of a CSV as text."""
    Source.open(path, role="interactions", required=_IDS)  # says what is wrong with the header
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path, columns=list(_IDS))
        text = pyarrow.csv.ConvertOptions(include_columns=list(_IDS), column_types=dict.fromkeys(_IDS, pa.string()))
        return pyarrow.csv.read_csv(path, convert_options=text)
    except pa.ArrowException:
        raise UsageError("the table can be read to its end", given=f"{path.name} cannot", do="Write it again") from None
