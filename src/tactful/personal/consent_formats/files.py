"""Reading other systems' files row by row; no error quotes what it read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tactful.errors import NotFoundError, SchemaError

_CELL_AT_MOST = 1_000_000  # characters


def csv_rows(path: Path) -> tuple[list[str], Iterator[dict[str, str]]]:
    """The header of a CSV file, and its rows by column.

    Raises
    ------
    NotFoundError
        If there is no such file.
    SchemaError
        If it cannot be read to its end, names a column twice, or a row has another number of cells.
    """
    rows = _rows(path)
    header = [column.strip() for column in next(rows, [])]
    if len(set(header)) < len(header):
        raise SchemaError(f"{path.name} names each column once", given="one occurs twice", do="Rename one of them")
    return header, _by_column(path, header, rows)


def _by_column(path: Path, header: list[str], rows: Iterator[list[str]]) -> Iterator[dict[str, str]]:
    """Each row by column; lines without anything in them are passed over."""
    for place, row in enumerate(rows, 2):
        if row and len(row) != len(header):
            raise SchemaError(
                f"each row of {path.name} has as many cells as its header",
                given=f"row {place} has {len(row)} instead of {len(header)}",
                do="Export the file again",
            )
        if row:
            yield dict(zip(header, row, strict=True))


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file."""
    _check_there(path)
    before = csv.field_size_limit(_CELL_AT_MOST)
    problem = ""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file, strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        problem = type(error).__name__
    finally:
        csv.field_size_limit(before)
    if problem:
        raise SchemaError(f"{path.name} is CSV in UTF-8", given=f"it stops with {problem}", do="Export the file again")


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """The objects of a file with one on each line, with their places; None where a line is no object.

    Raises
    ------
    NotFoundError
        If there is no such file.
    SchemaError
        If it is not text.
    """
    _check_there(path)
    problem = ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for place, line in enumerate(file, 1):
                if line.strip():
                    yield place, _object(line)
    except UnicodeDecodeError as error:
        problem = type(error).__name__
    if problem:
        raise SchemaError(f"{path.name} is JSON in UTF-8", given=f"it stops with {problem}", do="Export the file again")


def whole_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises
    ------
    NotFoundError
        If there is no such file.
    SchemaError
        If it is no JSON.
    """
    _check_there(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise SchemaError(f"{path.name} is JSON in UTF-8", given=f"it stops with {problem}", do="Export the file again")


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object of a line, if it is one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _check_there(path: Path) -> None:
    """Raise `NotFoundError` unless there is a file."""
    if not path.is_file():
        raise NotFoundError("the consents to import are in a file", given=f"{path} is none", do="Correct the path")
