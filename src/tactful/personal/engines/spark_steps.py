"""A statement of the gate as steps: what is named once and used more than once is computed once.

Notes
-----
Spark replaces a name after ``WITH`` by its text wherever it stands, so that what the gate's statement says once would
be computed nine times. What is used more than once is therefore kept until the statement is done; so is what the
statement itself joins, since Spark sends a table to the rows of another one only if it knows that it is small. The
meaning is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = re.compile(r"\s*(?:WITH\b)?\s*(\w+)\s+AS\s*\(", re.IGNORECASE)
_MORE = re.compile(r"\s*,")
_USED = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)", re.IGNORECASE)
_TOKEN = re.compile(r"'(?:[^']|'')*'|[()]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the names after ``WITH``.

    Attributes
    ----------
    name : str
    statement : str
        What it stands for.
    kept : bool
        Whether the others use it more than once, or the statement itself does.
    """

    name: str
    statement: str
    kept: bool


def steps(statement: str) -> tuple[tuple[Step, ...], str]:
    """The names after ``WITH`` in their order, and the statement that they are for.

    Raises
    ------
    ValueError
        If a parenthesis is not closed.
    """
    named, rest = [], statement
    if re.match(r"\s*WITH\b", statement, re.IGNORECASE):
        while (found := _NAME.match(rest)) is not None:
            end = _closing(rest, found.end())
            named.append((found[1], rest[found.end() : end]))
            rest = rest[end + 1 :]
            if (more := _MORE.match(rest)) is None:
                break
            rest = rest[more.end() :]
    joined = set(_USED.findall(rest))
    uses = [name for _, text in named for name in _USED.findall(text)]
    kept = {name for name, _ in named if name in joined or uses.count(name) > 1}
    return tuple(Step(name=name, statement=text, kept=name in kept) for name, text in named), rest


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that was opened just before `start` is closed."""
    depth = 1
    for found in _tokens(text, start):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if not depth:
            return found.start()
    raise ValueError("a parenthesis is not closed")


def _tokens(text: str, start: int) -> Iterator[re.Match[str]]:
    """Parentheses, and texts in quotes, in which a parenthesis is none."""
    return _TOKEN.finditer(text, start)
