"""Looks for things that must not be there: in files of every kind that a run writes, in databases, and in exceptions.

A place is where something was found, in words; evidence is pairs of a place and the text that stands there.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

Evidence = tuple[str, str]
_HEXADECIMAL = re.compile(r"[0-9a-f]{32,}", re.IGNORECASE)
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def written(folder: Path, *, but: Path | None = None) -> Iterator[Evidence]:
    """What stands in the files under a folder: names, bytes, cells of databases and entries of arrays."""
    for path in sorted(folder.rglob("*")):
        if but is not None and path.is_relative_to(but):
            continue
        place = path.relative_to(folder).as_posix()
        yield f"name of {place}", place
        if path.is_file():
            yield from _contents(place, path)


def _contents(place: str, path: Path) -> Iterator[Evidence]:
    raw = path.read_bytes()
    if raw.startswith(b"SQLite format 3"):
        yield from ((f"{place}, table {table}", text) for table, text in cells(path))
    if path.suffix == ".npy":
        yield f"entries of {place}", "\n".join(map(str, np.load(path).ravel().tolist()))
    yield f"bytes of {place}", raw.decode("latin-1")  # what was deleted from a database may still be in its file


def cells(database: Path) -> Iterator[Evidence]:
    """Every row of every table, its cells as text."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 (names come from the database)
                yield table, "\n".join(map(_text, row))


def _text(cell: Any) -> str:
    return cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)


def told(error: BaseException) -> Iterator[Evidence]:
    """What an exception and everything it came from says, in every way it can be asked."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        here = ahead.pop()
        if here is None or id(here) in seen:
            continue
        seen.add(id(here))
        fields = vars(here) if hasattr(here, "__dict__") else {}
        yield type(here).__name__, "\n".join([str(here), repr(here), repr(here.args), repr(fields)])
        ahead += [here.__cause__, here.__context__]
        ahead += here.exceptions if isinstance(here, BaseExceptionGroup) else []


def mentions(evidence: Iterable[Evidence], words: Iterable[str]) -> list[str]:
    """The places where one of the words stands: plainly, in UTF-16 or UTF-32, in hexadecimal or in base64."""
    forms = [form for word in words for form in _forms(word)]
    return [place for place, text in evidence if any(form in text.lower() for form in forms)]


def _forms(word: str) -> set[str]:
    """A word as it may stand in bytes, in lower case; of base64 the middle, which nothing around it changes."""
    coded = {word.encode(code).decode("latin-1") for code in ("utf-8", "utf-16-le", "utf-32-le")}
    shifted = (base64.b64encode(b"\x00" * shift + word.encode()).decode() for shift in range(3))
    middles = {text[4 * bool(shift) : -4] for shift, text in enumerate(shifted)}
    return {form.lower() for form in coded | middles | {word.encode().hex()}}


def digests(values: Iterable[bytes]) -> set[str]:
    """The keyless digests of the values, in hexadecimal: each would let a guess be confirmed."""
    kinds = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b)
    return {kind(value).hexdigest() for value in values for kind in kinds}


def hexadecimals(evidence: Iterable[Evidence], wanted: set[str]) -> list[str]:
    """The places where one of these hexadecimal words stands, or its bytes do."""
    lengths = {len(word) for word in wanted}
    raw = [bytes.fromhex(word).decode("latin-1") for word in wanted] if len(wanted) < 5000 else []
    return [
        place
        for place, text in evidence
        if any(
            word[start : start + length].lower() in wanted
            for word in _HEXADECIMAL.findall(text)
            for length in lengths
            for start in range(len(word) - length + 1)
        )
        or any(word in text for word in raw)
    ]


def numbers(evidence: Iterable[Evidence], wanted: Iterable[int]) -> list[str]:
    """The places where one of these numbers stands by itself, written in any usual way."""
    ways = {way for n in wanted for way in (str(n), f"{n:,}", f"{n:,}".replace(",", "[ _'\u202f\u2009]"))}
    pattern = re.compile(rf"(?<![\w.,+-])(?:{'|'.join(sorted(ways))})(?:\.0+)?(?![\w]|[.,]\d)")
    return [f"{place}: {match[0]}" for place, text in evidence if (match := pattern.search(_UUID.sub("", text)))]
