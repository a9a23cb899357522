"""What the searches of the canary and boundary tests find, and what they leave alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from repository_search import digests, hexadecimals, mentions, numbers, told, written

CANARY = "CANARY-7f3a"
SOMEBODY = f"{CANARY}-0001-qz"


def swallowed() -> None:
    """An error that hides another, which names somebody."""
    try:
        raise KeyError(SOMEBODY)
    except KeyError:
        raise ValueError("a value is missing") from None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-le"])
def test_the_search_reads_bytes(tmp_path: Path, encoding: str) -> None:
    """An id in a file is found in every usual encoding."""
    (tmp_path / "a.bin").write_bytes(b"\x00\x01" + SOMEBODY.encode(encoding))
    assert mentions(written(tmp_path), [CANARY]) == ["bytes of a.bin"]


def test_the_search_reads_arrays_and_databases(tmp_path: Path) -> None:
    """An id in an array of text, in a cell, as base64 or in a file's name is found."""
    np.save(tmp_path / "ids.npy", np.array([SOMEBODY]))
    with closing(sqlite3.connect(tmp_path / "some.db")) as store, store:
        store.execute("CREATE TABLE people (name TEXT)")
        store.execute("INSERT INTO people VALUES (?)", [SOMEBODY])
    (tmp_path / f"{SOMEBODY}.txt").write_text("nothing")
    found = mentions(written(tmp_path), [CANARY])
    assert {"entries of ids.npy", "some.db, table people", f"name of {SOMEBODY}.txt"} <= set(found)


def test_the_search_reads_exceptions_and_what_they_hide() -> None:
    """An id in the context of an exception is found though ``from None`` hides it from tracebacks."""
    with pytest.raises(ValueError, match="missing") as error:
        swallowed()
    assert mentions(told(error.value), [CANARY]) == ["KeyError"]


def test_the_search_reads_digests_inside_other_words_and_as_bytes() -> None:
    """A digest is found in hexadecimal, in upper case, within a longer word and as raw bytes; another one is not."""
    wanted = digests([SOMEBODY.encode()])
    one = sorted(wanted)[0]
    for text in (one, one.upper(), f"m-{one}", f"ab{one}cd", bytes.fromhex(one).decode("latin-1")):
        assert hexadecimals([("here", text)], wanted) == ["here"]
    assert hexadecimals([("here", "0" * 64)], wanted) == []


@pytest.mark.parametrize(
    "text", ["40076 rows", "n=40,076.", '{"n": 40076.0}', "(40 076)", "<td>40_076</td>", "-> 40076"]
)
def test_the_search_reads_numbers_as_people_write_them(text: str) -> None:
    """A number is found plain, grouped and as a float."""
    assert numbers([("here", text)], [40076]) != []


@pytest.mark.parametrize("text", ["40076.5", "140076", "40,0761", "f40076ab", "0.40076", "40,076,000", "140,076"])
def test_the_search_leaves_other_numbers_alone(text: str) -> None:
    """A number that only has these digits is another one."""
    assert numbers([("here", text)], [40076]) == []
