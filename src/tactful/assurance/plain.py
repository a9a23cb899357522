"""Plain values of a JSON file, each let through only if it is what it should be.

Every check raises `TypeError` or `ValueError`, for the reader of the whole file to say what that means.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

_T = TypeVar("_T")


def some(found: dict[str, _T]) -> dict[str, _T]:
    """What was found, if that is anything."""
    if not found:
        raise ValueError("nothing was found")
    return found


def number(value: Any, *, high: float = math.inf) -> float:
    """A finite number from 0 to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high or value == math.inf:
        raise ValueError("not a number in its range")
    return float(value)


def above_0(value: Any, *, high: float = math.inf) -> float:
    """A finite number between 0 and `high`, and neither."""
    if number(value) in (0, high):
        raise ValueError("not a number in its range")
    return number(value, high=high)


def whole(value: Any, *, low: int = 1) -> int:
    """A whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError("not a whole number")
    return value


def interval(pair: Any) -> tuple[float, float]:
    """Two numbers between 0 and 1 in order."""
    low, high = (number(end, high=1) for end in pair)
    if low > high:
        raise ValueError("an interval starts at its lower end")
    return low, high


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def text(value: Any) -> str:
    """Words."""
    if not isinstance(value, str) or not value:
        raise TypeError("not text")
    return value


def listing(value: Any) -> list[Any]:
    """A list, perhaps of nothing."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def plain(value: Any) -> str | int | float | bool | None:
    """A value without parts."""
    if isinstance(value, float):
        return _finite(value)
    if value is not None and not isinstance(value, str | int | bool):
        raise TypeError("not a plain value")
    return value


def _finite(value: float) -> float:
    """A number that JSON has."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value
