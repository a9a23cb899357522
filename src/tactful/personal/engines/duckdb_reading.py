"""How DuckDB reads a column: which types it may have, and the SQL that makes one type of them."""

from __future__ import annotations

import re
from pathlib import Path

from tactful.errors import SchemaError
from tactful.personal.consent import PURPOSE
from tactful.personal.engines.base import EARLIEST, INSTANT, LATEST, Kind
from tactful.personal.source import Source

_TEXT = r"VARCHAR|ENUM\(.*\)|\"?NULL\"?"
_INTEGER = r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"
_TIME = (re.compile(f"{_TEXT}|DATE|TIMESTAMP.*"), "a timestamp, a date, or text in ISO 8601")
_WORD = (re.compile(f"{_TEXT}|{_INTEGER}|BOOLEAN"), "text, integer or boolean")
_ID = (re.compile(rf"{_TEXT}|{_INTEGER}|DECIMAL\(\d+,0\)"), "text or integer")  # databases keep integers as decimals
_TYPES: dict[Kind, tuple[re.Pattern[str], str]] = {
    "person": _ID,
    "id": _ID,
    "time": _TIME,
    "end": _TIME,
    "word": _WORD,
    "purpose": _WORD,
    "flag": (re.compile(f"{_TEXT}|{_INTEGER}|BOOLEAN|FLOAT|DOUBLE"), "boolean, text or a number"),
}


def read(column: str, kind: Kind, found: str | None) -> str:
    """The SELECT items that normalise one column of the type found; None where there is no such column."""
    cell = quoted(column) if found else "CAST(NULL AS VARCHAR)"
    text = f"CAST({cell} AS VARCHAR)"
    if kind in ("person", "id"):
        return f"NULLIF({text}, '') AS {quoted(column)}"
    word = f"NULLIF(TRIM({text}), '')"
    if kind == "purpose":
        strange = f"NOT regexp_full_match(LOWER({word}), {_literal(PURPOSE)})"
        return f"LOWER({word}) AS {quoted(column)}, {_unreadable(column, word, strange)}"
    if kind in ("time", "end"):
        is_text = found is None or re.fullmatch(_TEXT, found) is not None
        instant = _sound(_written(text) if is_text else f"TRY_CAST({cell} AS TIMESTAMPTZ)", kind)
        return f"{instant} AS {quoted(column)}, {_unreadable(column, word, f'{instant} IS NULL')}"
    return f"{word} AS {quoted(column)}"


def _unreadable(column: str, word: str, strange: str) -> str:
    """The flag beside a column: 1 where it has a value and that is strange."""
    return f"CASE WHEN {word} IS NOT NULL AND {strange} THEN 1 ELSE 0 END AS {quoted(f'{column}_unreadable')}"


def _written(text: str) -> str:
    """The time in a text that looks like one; DuckDB wants no blanks around it, and a colon in its zone."""
    zoned = f"regexp_replace(TRIM({text}), '([+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    either = f"COALESCE(TRY_CAST(TRIM({text}) AS TIMESTAMPTZ), TRY_CAST({zoned} AS TIMESTAMPTZ))"
    return f"CASE WHEN regexp_full_match({text}, {_literal(INSTANT)}) THEN {either} END"


def _sound(time: str, kind: Kind) -> str:
    """Microseconds since 1970, where they are sound."""
    instant = f"epoch_us({time})"
    sound = f"{instant} >= {EARLIEST}" if kind == "end" else f"{instant} BETWEEN {EARLIEST} AND {LATEST}"
    return f"CASE WHEN {sound} THEN {instant} END"


def check_type(source: Source | None, column: str, kind: Kind, found: str) -> None:
    """Raise `SchemaError` unless the column's type is one that the kind allows."""
    pattern, allowed = _TYPES[kind]
    if source is not None and not pattern.fullmatch(found):
        raise SchemaError(
            f"the column {column} of {source.name} is {allowed}",
            given=f"its type is {found}",
            do="Convert the column, or name the right one",
            column=column,
        )


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def place_of(path: Path) -> str:
    """A path in SQL; nothing in it is a wildcard."""
    return _literal(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
