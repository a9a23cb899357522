"""Markdown that no name can break: every cell, item and line is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table with every cell escaped."""
    lines = [header, ["---"] * len(header), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [[plain(h) for h in lines[0]], *lines[1:]])


def bullets(items: Iterable[str]) -> str:
    """A markdown list with every item escaped."""
    return "\n".join(f"- {plain(item)}" for item in items)


def plain(text: str) -> str:
    """Text that markdown shows as it is, on one line."""
    one_line = re.sub(r"\s+", " ", text)
    marked = re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", one_line)
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Text for an inline code span."""
    return re.sub(r"[`\s]+", " ", text)


def fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    fence = "`" * (max([2, *(len(run) for run in re.findall(r"`+", text))]) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
