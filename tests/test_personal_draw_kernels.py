"""Compiled hashes are those of MD5, and what is kept by them is what SQL and the standard library would keep."""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.personal.draw_kernels import first_digits, keep_drawn
from tactful.personal.engines.duckdb_rows import _packed

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)


def digits(name: str, texts: list[str]) -> list[str]:
    """The first sixteen of the hash of each text under the name, by the compiled loop."""
    found = first_digits(_packed([name])[0], np.arange(len(texts), dtype=np.int32), *_packed(texts))
    return [f"{number:016x}" for number in found.tolist()]


def wanted(name: str, text: str) -> str:
    """The same by the standard library."""
    return md5((name + text).encode()).hexdigest()[:16]  # noqa: S324 (as DuckDB and Spark have it)


@LAWS
@given(name=st.text(max_size=70), texts=st.lists(st.text(max_size=140), max_size=40))
def test_hashes_are_those_of_md5(name: str, texts: list[str]) -> None:
    """Whatever the names and texts, also those that differ in how many blocks they take."""
    assert digits(name, texts) == [wanted(name, text) for text in texts]


@pytest.mark.parametrize("size", [0, 1, 54, 55, 56, 63, 64, 119, 120])
def test_hashes_are_those_of_md5_where_blocks_end(size: int) -> None:
    """Where the mark and the length still fit, and where they take a block of their own."""
    assert digits("", ["x" * size]) == [wanted("", "x" * size)]


def kept(texts: list[str], most: int) -> list[int]:
    """Which of one person's items are left, of more than `most`."""
    starts, lists = np.array([0, len(texts)]), np.arange(len(texts), dtype=np.int32)
    lengths = np.diff(starts)
    keep_drawn(starts, lists, lengths, most, np.zeros(1, np.int64), *_packed(["name:"]), *_packed(texts), 0, 1)
    return lists[: lengths[0]].tolist()


@LAWS
@given(n_items=st.integers(2, 200), data=st.data())
def test_the_smallest_hashes_are_kept(n_items: int, data: st.DataObject) -> None:
    """As many as are asked for, in the order of the items."""
    most, texts = data.draw(st.integers(1, n_items - 1)), [f"item {number}" for number in range(n_items)]
    assert kept(texts, most) == sorted(sorted(range(n_items), key=lambda item: wanted("name:", texts[item]))[:most])


def test_never_more_are_kept_than_asked_for() -> None:
    """Even where hashes are alike, as those of one text are."""
    assert kept(["same"] * 9, 4) == [0, 1, 2, 3]
    first = min("ab", key=lambda text: wanted("name:", text))
    assert kept(["a", "a", "b", "b"], 3) == ([0, 1, 2] if first == "a" else [0, 2, 3])
