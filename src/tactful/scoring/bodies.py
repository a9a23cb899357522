"""What a service was sent, as questions: each field checked, and all of them together no more than is answered at once.

No error in here repeats a value, or a name that is not one of the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np

from tactful.errors import UsageError
from tactful.scoring.histories import as_id

MOST_ROWS = 1_000
"""Rows in one body."""
MOST_ITEMS = 1_000
"""Items that one row may ask for."""
MOST_TOGETHER = 10_000
"""Items that all rows of a body may ask for."""
MOST_PARTS = 100_000
"""With ``because``: items asked for, times one more than the history has, of all rows."""

_OPTIONS = ("n", "allowed_categories", "allow_items", "deny_items", "because")
_COLUMNS = ("history", "profiling", "weights", *_OPTIONS)
_PARAMETERS = ("n", "allow_items", "deny_items", "because")  # nothing that is one person's

Question = tuple[Any, dict[str, Any]]
"""A history, and the other arguments of `recommend`."""


def questions(model_input: Any, params: Mapping[str, Any] | None = None) -> list[Question]:
    """What each row asks.

    Raises
    ------
    UsageError
        If a field is missing, not known or not of its kind, or the whole is too large.

    Notes
    -----
    **Privacy.** *Reads* nothing of a history but how long it is, and its ids where they have weights, both only if
    `profiling` is true. *Returns* histories as they were sent. *Costs* nothing. *Assumes* nothing.
    """
    defaults, asked = _defaults(params or {}), []
    for number, row in enumerate(_rows(model_input)):
        with in_row(number):
            asked.append(_question({**defaults, **row}))
    _check_size(asked)
    return asked


@contextmanager
def in_row(number: int) -> Iterator[None]:
    """An error of the caller's says in which row it is."""
    try:
        yield
    except UsageError as error:
        raise UsageError(error.must, given=f"in row {number}, counted from 0, {error.given}", do=error.do) from None


def _defaults(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters, which can say nothing of what one person allows."""
    if not set(params) <= set(_PARAMETERS):
        raise UsageError(
            f"parameters for all rows are {', '.join(_PARAMETERS)}",
            given="there was another",
            do="Say of each person in their own row what they allow",
        )
    return params


def _rows(model_input: Any) -> Sequence[Mapping[str, Any]]:
    """The rows of a DataFrame, of columns, of one record, or of a list of records."""
    if hasattr(model_input, "to_dict") and hasattr(model_input, "columns"):
        _check_table(model_input)
        model_input = model_input.to_dict(orient="records")
    rows = _rows_of(model_input) if isinstance(model_input, Mapping) else model_input
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UsageError(
            "the input is a table with the columns history and profiling",
            given=f"it was a {type(model_input).__name__}",
            do="Send rows: dataframe_records, or a DataFrame",
        )
    _check_rows(len(rows))
    return rows


def _check_table(table: Any) -> None:
    """Raise unless the columns are ours, before each row is made to name all of them."""
    if len(set(table.columns)) < len(table.columns):
        raise UsageError("each column comes once", given="one came twice", do="Leave one of them out")
    _check_rows(len(table))
    if len(table):
        _check_names(table.columns)


def _check_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise _too_large(f"at most {MOST_ROWS} rows", f"there were {rows}")


def _rows_of(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One record, or equally long columns, as rows."""
    profiling = fields.get("profiling")
    if isinstance(profiling, np.ndarray) and profiling.ndim:
        raise UsageError(
            "several people are sent as rows",
            given="they came as columns, in which MLflow's `instances` may mix up whose profiling is whose",
            do="Send dataframe_records, or dataframe_split",
        )
    columns = {name: _plain(value) for name, value in fields.items()}
    if not isinstance(columns.get("profiling"), list | tuple):
        return [columns]
    if len({len(column) if isinstance(column, list | tuple) else -1 for column in columns.values()}) > 1:
        raise UsageError("columns are equally long", given="they are not", do="Pass one value a row in each column")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """A value as it was sent, where MLflow or pandas made an array or a scalar of their own of it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _question(row: Mapping[str, Any]) -> Question:
    """The history of one row, and what else `recommend` is to be given."""
    values = {name: _plain(value) for name, value in row.items()}
    given = {name: value for name, value in values.items() if not _is_missing(value)}
    _check_names(given)
    asked = {name: given[name] for name in ("profiling", *_OPTIONS) if name in given}
    asked["n"] = _count(asked.get("n", 10))
    if not isinstance(asked.get("because", False), bool):
        raise UsageError("because is true or false", given="it was neither", do="Leave it out if it is not needed")
    history = given["history"]
    if "weights" in given and asked["profiling"] is True:  # else nothing of it is read
        history = _weighted(history, given["weights"])
    return history, asked


def _count(n: Any) -> int:
    """How many items are wanted; a table with an empty cell turns its whole numbers into floats."""
    whole = int(n) if isinstance(n, float) and n.is_integer() else n
    if type(whole) is not int or not 1 <= whole <= MOST_ITEMS:
        must = f"n is a whole number from 1 to {MOST_ITEMS}"
        raise UsageError(must, given="it was not", do="Leave it out for 10")
    return whole


def _check_names(names: Iterable[Any]) -> None:
    """Raise unless they are what a row must have and no other field; names that are not known are only counted."""
    given = list(names)
    unknown = [name for name in given if name not in _COLUMNS]
    lacking = [name for name in ("history", "profiling") if name not in given]
    if not unknown and not lacking:
        return
    meant = {close for name in islice(unknown, 10) for close in get_close_matches(str(name), _COLUMNS, n=1)}
    known = f" ({', '.join(sorted(meant))} perhaps misspelt)" if meant else ""
    wrong = f"fields that are not known: {len(unknown)}{known}"
    raise UsageError(
        f"a row has history and profiling, and may have {', '.join(_COLUMNS[2:])}",
        given=" and ".join([f"{name} is missing" for name in lacking] + [wrong] * bool(unknown)),
        do="Say both for each person" if lacking else "Correct the names, or leave the fields out",
    )


def _weighted(history: Any, weights: Any) -> dict[str | None, Any]:
    """The history as a mapping from item to weight."""
    lists = isinstance(history, list | tuple) and isinstance(weights, list | tuple)
    ids = [as_id(item) for item in history] if lists else []
    if not lists or None in ids or not len(ids) == len(set(ids)) == len(weights):
        raise UsageError(
            "weights are a list with one number for each item of the history, which is a list of ids, each once",
            given="they are not",
            do="Leave weights out, or send history as an object of item and weight",
        )
    return dict(zip(ids, weights, strict=True))


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, or the NaN that tables put in its place."""
    return value is None or (isinstance(value, float) and value != value)


def _check_size(asked: Iterable[Question]) -> None:
    """Raise if the answers together could be larger than a service should make."""
    items = parts = 0
    for history, options in asked:
        items += options["n"]
        parts += options["n"] * (1 + _length(history, options)) if options.get("because") else 0
    if items > MOST_TOGETHER:
        raise _too_large(f"at most {MOST_TOGETHER} items, the n of its rows together", f"they were {items}")
    if parts > MOST_PARTS:
        must = f"with because at most {MOST_PARTS} parts, n times one more than the history has, of its rows together"
        raise _too_large(must, f"they were {parts}")


def _length(history: Any, options: Mapping[str, Any]) -> int:
    """How long a history is, if it may be looked at."""
    return len(history) if options["profiling"] is True and isinstance(history, Sized) else 0


def _too_large(must: str, given: str) -> UsageError:
    """The error for a body that is well formed and too large."""
    return UsageError(f"a body asks for {must}", given=given, do="Send several")
