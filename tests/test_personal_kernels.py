"""Compiled loops agree with plain ones, work where nothing can be written, and are loaded only when needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful
from tactful.personal.kernels import by_row, head_lists
from tactful.personal.matrices import lists_of_rows, user_items

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
_ADD = """
import numpy as np
from tactful.personal.kernels import add_items
total = np.zeros(3, dtype=np.int64)
add_items(np.array([0, 2]), np.array([2, 0], dtype=np.int32), np.array([7]), total)
assert total.tolist() == [7, 0, 7]
assert bool(add_items.stats.cache_path) == bool({cached})
"""


@LAWS
@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), max_size=60))
def test_lists_are_sorted_and_without_repeats(pairs: list[tuple[int, int]]) -> None:
    """Pairs in any order and any number of times become each row's distinct items, rising."""
    rows, items = (np.array([pair[n] for pair in pairs], dtype=np.int32) for n in (0, 1))
    starts, found = lists_of_rows(rows, items, 7, 9)
    wanted = [sorted({item for row, item in pairs if row == n}) for n in range(7)]
    assert [found[starts[n] : starts[n + 1]].tolist() for n in range(7)] == wanted
    matrix = user_items(rows, items, 9, 7)
    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == [[int(item in row) for item in range(9)] for row in wanted]
    assert not matrix.data.flags.writeable


@LAWS
@given(data=st.data(), n_items=st.integers(1, 200))
def test_lists_of_the_head_are_rising_places(data: st.DataObject, n_items: int) -> None:
    """Items outside the head are gone, the others are their places in the head in order, and every place is indexed."""
    head = data.draw(st.lists(st.integers(0, n_items - 1), min_size=1, unique=True))
    used = data.draw(st.lists(st.lists(st.integers(0, n_items - 1), unique=True), max_size=4))
    place = np.full(n_items, -1, dtype=np.int32)
    place[head] = np.arange(len(head))
    starts = np.cumsum([0, *map(len, used)])
    begins, lists = head_lists(starts, np.array([*chain.from_iterable(used)], dtype=np.int32), place, len(head))
    wanted = [sorted(head.index(item) for item in items if item in head) for items in used]
    assert [lists[begins[n] : begins[n + 1]].tolist() for n in range(len(used))] == wanted
    ends, people, places = by_row(begins, lists, len(head))
    for row in range(len(head)):
        held = [n for n, items in enumerate(wanted) if row in items]
        assert people[ends[row] : ends[row + 1]].tolist() == held
        assert (lists[places[ends[row] : ends[row + 1]]] == row).all()


@pytest.mark.parametrize("home_is_writable", [True, False])
def test_loops_work_where_the_package_cannot_be_written(home_is_writable: bool, tmp_path: Path) -> None:
    """Compiled code goes to the user's cache, or nowhere; the sums are the same."""
    copy, home = tmp_path / "tactful", tmp_path / "home"
    shutil.copytree(Path(tactful.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "personal" / "__pycache__").write_text("a file, so that no folder can be made here, by root neither")
    if home_is_writable:
        home.mkdir()
    else:
        home.write_text("a file")
    hidden = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTHONPATH")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    subprocess.run(
        [sys.executable, "-c", _ADD.format(cached=home_is_writable)],
        env={**clean, "PYTHONPATH": str(tmp_path), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        check=True,
    )
    assert home_is_writable == any(tmp_path.glob("home/**/*.nbc"))


@pytest.mark.parametrize("module", ["tactful", "tactful.personal.contributions", "tactful.cli.training"])
def test_who_asks_for_help_waits_for_no_compiler(module: str) -> None:
    """The facade, the statistics and the command line load neither numba nor implicit."""
    loaded = f"import sys, {module}; sys.exit(' '.join(sorted({{'numba', 'implicit'}} & set(sys.modules))) or 0)"
    subprocess.run([sys.executable, "-c", loaded], check=True)


_FLOATS = r"""
import re
import numpy as np
from tactful.personal import gram_kernels, solve_kernels
starts, items, place = np.array([0, 2]), np.array([0, 1], dtype=np.int32), np.array([0, 1], dtype=np.int32)
gram_kernels.shares(starts, items, np.array([3, 4]), np.array([1, 2]), 0.5, np.array([1 << 30]))
solve_kernels.solved_people(starts, items, place, np.ones((2, 3)), np.ones(2), np.eye(3), 1.0, 0.0)
for loop in (gram_kernels.shares, solve_kernels.solved_people):
    meant, made = loop.inspect_llvm(loop.signatures[0]), loop.inspect_asm(loop.signatures[0])
    assert len(re.findall(r"\bf(?:add|sub|mul|div)\b|sqrt", meant)) > 3, "there are floats in it"
    assert not re.search(r"\b(fast|reassoc|contract|arcp|afn)\b|llvm[.](fma|fmuladd|pow)", meant)
    assert not re.search(r"\bv?fn?m(add|sub)", made)
"""


@pytest.mark.prove
def test_floats_are_neither_reordered_nor_fused(tmp_path: Path) -> None:
    """The compiler was given no leave, and took none: each operation is rounded as IEEE 754 says, on any machine."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}  # what is cached cannot be read
    subprocess.run([sys.executable, "-c", _FLOATS], check=True, env=environment)
