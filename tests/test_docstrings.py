"""Docstrings have numpydoc's sections, in its order; what is read of people stands under Notes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import tactful

ORDER = (
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
)
_PACKAGE = Path(tactful.__file__).parent
_LABELS = r"\b(Reads|Returns|Costs|Assumes): "


def documented(source: str) -> Iterator[tuple[str, str]]:
    """Name and docstring of every function and class."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node) or ""


def wrong(docstring: str) -> str:
    """What of its layout is not numpydoc's, or not this house's; empty if nothing."""
    sections = [head for head, line in pairwise(docstring.split("\n")) if re.fullmatch("-{3,}", line)]
    unknown = sorted(set(sections) - set(ORDER))
    if unknown:
        return f"no section of numpydoc: {', '.join(unknown)}"
    if sections != sorted(set(sections), key=ORDER.index):
        return f"not once and in order: {', '.join(sections)}"
    note = docstring.partition("**Privacy.**")[2].partition("\n\n")[0]
    return "labels are emphasised: *Reads* …" if re.search(_LABELS, note) else ""


def test_every_docstring_is_laid_out_alike() -> None:
    """Of everything that has a name in the package."""
    found = [
        f"{file.relative_to(_PACKAGE)}: {name}: {problem}"
        for file in sorted(_PACKAGE.rglob("*.py"))
        for name, text in documented(file.read_text(encoding="utf-8"))
        if (problem := wrong(text))
    ]
    assert not found, "\n".join(found)


def test_what_is_laid_out_otherwise_is_noticed() -> None:
    """A section of one's own, one twice or too early, a label of the former layout."""
    section = "It does.\n\n{}\n-----\nx\n\n{}\n-----\n{}".format
    assert not wrong(section("Returns", "Notes", "**Privacy.** *Reads* rows."))
    assert "Privacy" in wrong(section("Returns", "Privacy", "Reads: rows."))
    assert "order" in wrong(section("Notes", "Returns", "y"))
    assert "order" in wrong(section("Notes", "Notes", "y"))
    assert "labels" in wrong(section("Returns", "Notes", "**Privacy.** Reads: rows."))
