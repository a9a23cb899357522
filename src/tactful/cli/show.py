"""What a person sees, and where: results on standard output, steps on standard error, and one JSON object if asked for.

With ``--json`` the object alone is on standard output, and what is said to people goes beside the steps; with
``--quiet`` there are no steps. Colours are left out where nobody looks (a file, a pipe), unless ``FORCE_COLOR`` is set;
``NO_COLOR`` leaves them out everywhere.
"""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from rich.console import Console, RenderableType
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tactful.cli.printable import printable

Progress = Callable[[str], None]
"""Told what is being done, in a few words."""


class _Manner(NamedTuple):
    """What the command that runs was asked for."""

    json: bool = False
    quiet: bool = False


_manner: ContextVar[_Manner] = ContextVar("manner", default=_Manner())  # noqa: B039  (a tuple)
_results = Console(highlight=False, emoji=False)
_beside = Console(stderr=True, highlight=False, emoji=False)


@contextmanager
def manner(*, json: bool, quiet: bool) -> Iterator[None]:
    """Speak in this manner for a while."""
    token = _manner.set(_Manner(json, quiet))
    try:
        yield
    finally:
        _manner.reset(token)


def _console() -> Console:
    """Where results for people go."""
    return _beside if _manner.get().json else _results


def say(text: str) -> None:
    """Print a line as it is: nothing in it is markup, and it is not wrapped."""
    _console().print(printable(text), markup=False, soft_wrap=True)


def heading(text: str) -> None:
    """Print a line that begins something else."""
    _console().rule(Text(printable(text)), align="left")


def remark(text: str) -> None:
    """Print a line that is no result: it goes where the steps go, and not at all with ``--quiet``."""
    if not _manner.get().quiet:
        _beside.print(printable(text), markup=False, soft_wrap=True)


def table(rows: Mapping[str, RenderableType | None]) -> None:
    """Print names and values; what has no value is left out, what is long goes on under itself."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        if value is not None:
            grid.add_row(Text(printable(name)), Text(printable(value)) if isinstance(value, str) else value)
    _console().print(grid)


def block(content: RenderableType) -> None:
    """Print what was laid out elsewhere."""
    _console().print(content)


def verdict(word: str) -> Text:
    """A verdict in its colour, which says nothing that the word does not."""
    return Text(word, style={"pass": "green", "fail": "bold red"}.get(word, "yellow"))


def number(value: float | None) -> str:
    """A figure for people."""
    return "no finite one" if value is None else f"{value:.4g}"


def grid(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table with a head."""
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(table)


def as_json(value: Mapping[str, Any]) -> None:
    """Print exactly one JSON object, on one line."""
    print(json_text.dumps(value, ensure_ascii=False, allow_nan=False))  # noqa: T201


@contextmanager
def steps(title: str) -> Iterator[Progress]:
    """A line that says what is being done and for how long, and one with the seconds of each step that is over."""
    if _manner.get().quiet:
        yield lambda _: None
        return
    began, current = time.monotonic(), ""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=_beside, transient=True, disable=not _beside.is_terminal) as bar:
        task = bar.add_task(title)

        def say(step: str) -> None:
            """Close the step before and name this one."""
            nonlocal began, current
            _done(current, began)
            began, current = time.monotonic(), step
            bar.reset(task, description=f"{printable(step)} …")

        yield say
        _done(current, began)


def _done(step: str, began: float) -> None:
    """The line of a step that is over."""
    if step:
        line = Text.assemble((f"{time.monotonic() - began:6.1f} s", "dim"), f"  {printable(step)}")
        _beside.print(line, soft_wrap=True)
