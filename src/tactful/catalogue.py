"""The public catalogue: what the business offers, with its features. It says nothing about people."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from tactful.errors import NotFoundError, SchemaError, columns_given, counted

_PERSONAL = ("user_id", "timestamp")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Catalogue:
    """Items and their public features, in the order of the file.

    Attributes
    ----------
    item_ids : ndarray of shape (n_items,), text
        The business's own ids, unique.
    titles : ndarray of shape (n_items,), text
        What people are shown; the id where the table has no title.
    features : mapping of str to tuple
        For each feature column one tuple of values an item; ``a|b`` in the file is two values.
    """

    item_ids: NDArray[np.str_]
    titles: NDArray[np.str_]
    features: Mapping[str, tuple[tuple[str, ...], ...]]

    def __len__(self) -> int:
        return len(self.item_ids)

    def __repr__(self) -> str:
        return f"Catalogue({counted(len(self), 'item')}, features {sorted(self.features)})"

    @classmethod
    def open(cls, path: str | Path) -> Catalogue:
        """Read the catalogue from Parquet or CSV.

        Raises
        ------
        SchemaError
            If there is no ``item_id`` column, an id is missing or repeated, or the table is about people.
        """
        return cls.of_table(_read(Path(path)), name=Path(path).name)

    @classmethod
    def of_table(cls, table: pa.Table, *, name: str = "items") -> Catalogue:
        """The same from an Arrow table; see `open`."""
        _check(table, name)
        ids = _text(table["item_id"])
        titles = (
            [t or i for t, i in zip(_text(table["title"]), ids, strict=True)] if "title" in table.column_names else ids
        )
        features = {
            column: _values(table[column]) for column in table.column_names if column not in ("item_id", "title")
        }
        return cls(item_ids=_frozen(ids), titles=_frozen(titles), features=features)


def _read(path: Path) -> pa.Table:
    """The file as an Arrow table; CSV cells as text."""
    if not path.is_file():
        raise NotFoundError("the catalogue must be a file", given=f"{path} is none", do="Correct `items` under [data]")
    if path.suffix not in (".parquet", ".csv"):
        raise SchemaError("tables are .parquet or .csv", given=f"{path.name}", do="Convert the file")
    with suppress(pa.ArrowException):  # kept as context, it would quote a row, and the file may not be of items
        return pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
    raise SchemaError(
        "the catalogue can be read to its end", given=f"{path.name} is not {path.suffix[1:]}", do="Write it again"
    )


def _read_csv(path: Path) -> pa.Table:
    """The file with its cells as text."""
    names = pyarrow.csv.open_csv(path).schema.names
    as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, convert_options=as_text)


def _check(table: pa.Table, name: str) -> None:
    """Raise `SchemaError` unless the table is a public catalogue with unique ids."""
    personal = [c for c in _PERSONAL if c in table.column_names]
    if personal:
        raise SchemaError(
            "the catalogue is public and may not describe people",
            given=f"{name} has the column {personal[0]}",
            do="Give the catalogue, not a table of interactions or attributes",
        )
    if "item_id" not in table.column_names:
        raise SchemaError(
            f"the catalogue {name} needs the column item_id",
            given=columns_given(table.column_names, ("item_id", "title")),
            do="Rename the column that identifies an item",
        )
    ids = _text(table["item_id"])
    if not ids or any(not i for i in ids) or len(set(ids)) < len(ids):
        raise SchemaError(
            "each item has one row and an id",
            given=f"{name} has {counted(len(ids), 'row')}, {counted(len(set(ids)), 'different id')}",
            do="Remove empty and repeated ids",
        )


def _values(column: pa.ChunkedArray) -> tuple[tuple[str, ...], ...]:
    """The values of each cell; cells that say the same share them, so that a million items take little memory."""
    cells = _text(column)
    told = {cell: tuple(filter(None, (value.strip() for value in cell.split("|")))) for cell in set(cells)}
    return tuple(map(told.__getitem__, cells))


def _text(column: pa.ChunkedArray) -> list[str]:
    """A column as text, missing values as the empty text."""
    return [value or "" for value in column.cast(pa.string()).to_pylist()]


def _frozen(values: list[str]) -> NDArray[np.str_]:
    """A read-only text array."""
    array = np.array(values, dtype=np.str_)
    array.flags.writeable = False
    return array
