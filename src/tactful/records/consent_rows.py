"""Consent events as they are read from a table: what the gate judges, and beside it what else was given.

Notes
-----
Nothing is softened on the way in. What the gate could not read in a file it cannot read in the store: a purpose or a
state that is none is kept as it was given, a time that is none is kept as an instant that is none, `UNREADABLE`. Texts
that few systems write, such as a time with the name of a zone, count as unreadable here even where the gate could make
something of them: then the record refuses, and the import says how many do.

Of a table only the columns of the contract are read. Those that the gate does not judge by, and everything that could
not be read, go into one JSON text a row, which is sealed before it is stored: a record's own number or a note may name
the person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tactful.errors import SchemaError, columns_given, columns_named, counted
from tactful.records.clean_ids import is_clean
from tactful.records.consent_times import Column, read_times
from tactful.records.purposes import PURPOSE, check_spelling

NEEDED = ("user_id", "purpose", "state", "event_time")
TIMES = ("event_time", "recorded_time", "valid_until")
EVIDENCE = (
    "notice_version",
    "language",
    "jurisdiction",
    "method",
    "legal_basis",
    "data_categories",
    "source",
    "record_id",
    "receipt_id",
    "schema_version",
)
"""What is kept to show what people were told, and how they agreed; the gate does not judge by it."""
COLUMNS = (*NEEDED, "recorded_time", "valid_until", *EVIDENCE)
STATES = ("given", "refused", "withdrawn")

_SHOWN = 5
_quoted = json.encoder.encode_basestring
_PURPOSE = re.compile(PURPOSE, re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Given:
    """Consent events, column by column, in the order of the table.

    Attributes
    ----------
    user_id : sequence of str
    purpose, state : sequence of str or None
        In lower case; None where there is none or it is none.
    event_time, recorded_time, valid_until : sequence of int or None, microseconds since 1970
        None where missing, `UNREADABLE` where it could not be read.
    rest : sequence of bytes
        Canonical JSON of the evidence and of what could not be read, by column; empty where there is nothing.
    malformed : int, rows
        How many hold something that could not be read. They refuse.
    unreadable : mapping of str to tuple of int
        By column the first places at which something could not be read, counted from 0; at most five each.
    """

    user_id: Sequence[str]
    purpose: Sequence[str | None]
    state: Sequence[str | None]
    event_time: Sequence[int | None]
    recorded_time: Sequence[int | None]
    valid_until: Sequence[int | None]
    rest: Sequence[bytes]
    malformed: int
    unreadable: Mapping[str, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.user_id)


def read_rows(events: pa.Table) -> Given:
    """The events of a table with the contract's columns.

    Raises
    ------
    SchemaError
        If a required column is missing, one has a type that is none of its kind, a row names nobody or hides whom, no
        state or no time at all can be read, or a purpose may have been meant as one that tactful asks for.

    Notes
    -----
    **Privacy.** *Reads* the contract's columns, no other. *Returns* the events, for the store. *Costs* nothing.
    *Assumes* one id is one person.
    """
    missing = [name for name in NEEDED if name not in events.column_names]
    if missing:
        raise SchemaError(
            f"consent events need {columns_named(missing)}",
            given=columns_given(events.column_names, COLUMNS),
            do="Rename or add what is missing",
            missing=tuple(missing),
        )
    users = _people(_texts(events, "user_id"))
    purpose = _words(_texts(events, "purpose"), lambda word: _PURPOSE.fullmatch(word) is not None)
    state = _words(_texts(events, "state"), lambda word: word in STATES)
    times = {name: read_times(events, name) for name in TIMES}
    _check_any(users, state, times["event_time"])
    check_spelling({name for name in purpose.values if name is not None}, "consent events")
    columns = {"purpose": purpose, "state": state, **times}
    strange = [name for name in columns if columns[name].strange]
    lost = {name: set(columns[name].strange) for name in columns}
    for name in ("purpose", "state", "event_time"):
        lost[name] |= {row for row, value in enumerate(columns[name].values) if value is None}
    return Given(
        user_id=users,
        purpose=purpose.values,
        state=state.values,
        event_time=times["event_time"].values,
        recorded_time=times["recorded_time"].values,
        valid_until=times["valid_until"].values,
        rest=_rest(events, {name: columns[name].strange for name in strange}),
        malformed=len(set().union(*lost.values())),
        unreadable={name: tuple(sorted(rows)[:_SHOWN]) for name, rows in lost.items() if rows},
    )


def read_rest(rest: bytes) -> dict[str, str]:
    """What `Given.rest` holds, by column."""
    return dict(json.loads(rest)) if rest else {}


def _texts(events: pa.Table, name: str) -> list[str | None]:
    """A column of words as text; None where it is missing or empty."""
    if name not in events.column_names:
        return [None] * len(events)
    column = events.column(name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):  # several categories of data
        return ["|".join(str(each) for each in cell) if cell else None for cell in column.to_pylist()]
    simple = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
    if not (simple or pa.types.is_null(kind) or (pa.types.is_boolean(kind) and name != "user_id")):
        raise SchemaError(
            f"the column {name} of consent events is text", given=f"its type is {kind}", do="Convert it", column=name
        )
    found: list[str | None] = column.cast(pa.string()).to_pylist()
    return [text or None for text in found]


def _people(users: list[str | None]) -> list[str]:
    """The ids, if each row has one and none hides blanks or control characters."""
    named = [user for user in users if user is not None]
    if len(named) < len(users):
        raise SchemaError(
            "each consent event has a user_id",
            given=f"{counted(len(users) - len(named), 'has', 'have')} none",
            do="Complete or remove them",
            rows=len(users) - len(named),
        )
    unclean = sum(not is_clean(user) for user in set(named))
    if unclean:
        raise SchemaError(
            "no user_id of consent events hides blanks or control characters",
            given=counted(unclean, "does", "do"),
            do="Write them as the other tables do",
            ids=unclean,
        )
    return named


def _words(texts: list[str | None], known: Any) -> Column:
    """Words in lower case; what is no known word is strange. Each distinct one is read once."""
    read: dict[str | None, str | None] = {}
    for text in set(texts):
        word = text.strip(" ").lower() if text and text.isascii() else None
        read[text] = word if word and known(word) else None
    strange = {row: text for row, text in enumerate(texts) if text and read[text] is None and text.strip(" ")}
    return Column([read[text] for text in texts], strange)


def _check_any(users: Sequence[str], state: Column, event_time: Column) -> None:
    """Raise `SchemaError` if there are rows and no state, or no time, can be read: then the columns are others."""
    if users and not any(state.values):
        raise SchemaError("states are given, refused or withdrawn", given="no row has one", do="Map them")
    if users and not any(event_time.values):
        raise SchemaError(
            "the column event_time holds times from 1970-01-02 to 2200, in ISO 8601 where it is text",
            given=f"of {counted(len(users), 'value')}, none is one",
            do="Convert the column, or name the right one",
            column="event_time",
        )


def _rest(events: pa.Table, strange: dict[str, dict[int, str]]) -> list[bytes]:
    """The evidence of each row, and what of it could not be read, as JSON: sorted names, nothing that is missing."""
    columns: dict[str, list[str | None]] = {
        name: _members(name, _texts(events, name)) for name in EVIDENCE if name in events.column_names
    }
    for name, texts in strange.items():
        told: list[str | None] = [None] * len(events)
        for row, text in texts.items():
            told[row] = _member(name, text)
        columns[name] = told
    if not columns:
        return [b""] * len(events)
    rows = zip(*(columns[name] for name in sorted(columns)), strict=True)
    joined = (",".join([cell for cell in cells if cell is not None]) for cells in rows)
    return [f"{{{members}}}".encode() if members else b"" for members in joined]


def _members(name: str, texts: list[str | None]) -> list[str | None]:
    """A column's cells as members of a JSON object; each distinct one is written once."""
    written: dict[str | None, str | None] = {text: _member(name, text) for text in set(texts) if text is not None}
    return [written.get(text) for text in texts]


def _member(name: str, text: str) -> str:
    """A name and its text as JSON has them."""
    return f"{_quoted(name)}:{_quoted(text)}"
