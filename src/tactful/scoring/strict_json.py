"""JSON with one reading: no repeated keys, no NaN, one canonical byte form. Signatures and digests rest on it."""

from __future__ import annotations

import json
from typing import Any


class NotStrictJsonError(ValueError):
    """The bytes are not JSON that every reader understands alike; raised to callers in here, who name the file."""


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, ASCII, finite numbers.

    Raises
    ------
    NotStrictJsonError
        If the value is not plain JSON: a NaN, a key that is not text, a numpy scalar.
    """
    _check_keys(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode(
            "ascii"
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise NotStrictJsonError(str(error)) from error


def parse(raw: bytes) -> Any:
    """The value, read without guessing.

    Raises
    ------
    NotStrictJsonError
        If it is not UTF-8 JSON, a key is repeated, or a number is not finite.
    """
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except (ValueError, RecursionError) as error:
        raise NotStrictJsonError("not valid JSON") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotStrictJsonError("a key is repeated")
    return found


def _constant(text: str) -> Any:
    """NaN and the infinities are no JSON."""
    raise NotStrictJsonError(f"{text} is not a number")


def _float(text: str) -> float:
    """A finite float; 1e999 would otherwise read as infinity."""
    number = float(text)
    if number - number != 0:
        raise NotStrictJsonError("a number is too large")
    return number


def _check_keys(value: Any) -> None:
    """Raise unless every key is text: ``json`` would turn 1 and "1" into one key."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotStrictJsonError("keys must be text")
        for inner in value.values():
            _check_keys(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_keys(inner)
