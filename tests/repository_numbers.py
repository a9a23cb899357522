"""Looks for numbers that must not be there, however they are written, in what a run leaves outside.

Two kinds are told apart. *Figures* are few: counts of rows and people, and metrics; each is searched for by itself,
also rounded. *Sums* are many, one for each item or pair; they have twenty bits behind the point, and are searched for
as they are.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from repository_search import Evidence, written

_TOKEN = re.compile(r"(?<![\w.,])-?(?:\d{1,3}(?:[,_\u202f]\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)(?!\.\d)")
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_FLOAT32 = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What no number outside may equal.

    Attributes
    ----------
    figures : mapping of str to a number
        By name. Whole numbers have at least three digits: smaller ones stand everywhere.
    sums : sorted tuple of float
    """

    figures: Mapping[str, float]
    sums: tuple[float, ...]


def outside(folder: Path) -> Iterator[Evidence]:
    """The text of every file, every cell of every database table, and every entry of every array."""
    for place, text in written(folder):
        if not (place.startswith("bytes of ") and place.endswith((".db", ".npy"))):
            yield place, text


def tokens(text: str) -> Iterator[str]:
    """The numbers of a text, as written but for what groups their digits."""
    for found in _TOKEN.findall(_UUID.sub(" ", text)):
        yield re.sub(r"[,_\u202f]", "", found)


def found(evidence: Iterable[Evidence], secrets: Secrets) -> set[tuple[str, str]]:
    """Each secret that stands somewhere, by name, with the place."""
    names: set[tuple[str, str]] = set()
    for place, text in evidence:
        for token in set(tokens(text)):
            names |= {(name, place) for name in _named(token, secrets, entry=place.startswith("entries of "))}
    return names


def _named(token: str, secrets: Secrets, *, entry: bool) -> Iterator[str]:
    """The secrets that one number gives away."""
    value = float(token)
    yield from (name for name, secret in secrets.figures.items() if _is(token, value, secret, entry=entry))
    near = bisect_left(secrets.sums, value)
    for at in (near - 1, near):
        if 0 <= at < len(secrets.sums) and math.isclose(
            value, secrets.sums[at], rel_tol=_FLOAT32 if entry else 1e-9, abs_tol=0.0
        ):
            yield f"sum {secrets.sums[at]!r}"


def _is(token: str, value: float, secret: float, *, entry: bool) -> bool:
    """Whether the number is the secret: exactly, or rounded to no fewer than four digits."""
    if float(secret).is_integer():
        return value == secret
    if math.isclose(value, secret, rel_tol=_FLOAT32 if entry else 1e-9):
        return True
    mantissa = token.lstrip("-").partition("e")[0]
    decimals = len(mantissa.partition(".")[2])
    return "e" not in token and len(mantissa.replace(".", "").lstrip("0")) >= 4 and value == round(secret, decimals)
