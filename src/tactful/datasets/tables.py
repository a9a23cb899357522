"""Tables of the contract, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tactful.errors import UsageError

TIME = pa.timestamp("us")
"""Times carry no zone in the files written here: the contract reads such times as UTC."""


def open_folder(folder: str | Path) -> Path:
    """A folder that exists and can be written to.

    Raises
    ------
    UsageError
        If the path is that of a file.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise UsageError("tables are written to a folder", given=f"{path} is a file", do="Name another folder")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_table(table: pa.Table, path: Path) -> Path:
    """The Parquet file holds the table; a reader never sees half of it."""
    unfinished = path.with_name(path.name + ".unfinished")
    pyarrow.parquet.write_table(table, unfinished, compression="zstd")
    return unfinished.replace(path)
