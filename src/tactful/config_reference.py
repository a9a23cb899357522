"""What each key of the configuration means: read from `tactful.config`, so that there is no second text to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from tactful.config import TrainingConfig
from tactful.errors import NotFoundError

_REQUIRED = object()
_BOUNDS = {
    "exclusiveMinimum": "above {}",
    "minimum": "at least {}",
    "exclusiveMaximum": "below {}",
    "maximum": "at most {}",
    "minItems": "at least {} of them",
}
_WORDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false", "null": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key or a table of the configuration.

    Attributes
    ----------
    path : str
        E.g. ``privacy.epsilon``. Where people choose a name, or there may be several, it is ``*``:
        ``fairness.attributes.*.levels``, ``fairness.rules.*.metric``.
    kind : str
        What it may be, in words; ``table`` for a table of keys.
    default : str or None
        What holds if it is left out; None if it must be there.
    meaning : str
    """

    path: str
    kind: str
    default: str | None
    meaning: str

    def as_json(self) -> dict[str, str | None]:
        """Plain values."""
        return asdict(self)


@cache
def reference() -> Mapping[str, Key]:
    """Every key and table of the configuration, by path, in the order of the file."""
    schema = TrainingConfig.model_json_schema()
    return {key.path: key for key in _walk(schema, schema["$defs"], "")}


def explain(asked: str) -> tuple[Key, ...]:
    """The key of this path, those of a table, or all keys that are called so.

    Parameters
    ----------
    asked : str
        E.g. ``privacy.epsilon``, ``privacy``, ``epsilon``, ``fairness.attributes.age.levels``.

    Raises
    ------
    NotFoundError
        If there is none; the message names the nearest.
    """
    wanted = asked.strip("[] ").split(".")
    known = reference()
    exact = [key for path, key in known.items() if _is(path.split("."), wanted)]
    if exact:
        below = [key for path, key in known.items() if path.startswith(f"{exact[0].path}.")]
        return (*exact, *below)
    called = tuple(key for path, key in known.items() if path.split(".")[-len(wanted) :] == wanted)
    if not called:
        near = get_close_matches(asked, [*known, *{path.split(".")[-1] for path in known}], n=3)
        raise NotFoundError(
            "a key of the configuration is one that there is",
            given=asked,
            do=f"Perhaps: {', '.join(near)}" if near else "List them: tactful config",
        )
    return called


def _is(path: list[str], wanted: list[str]) -> bool:
    """Whether somebody who writes `wanted` means `path`."""
    return len(path) == len(wanted) and all(p in ("*", w) for p, w in zip(path, wanted, strict=True))


def _walk(table: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Iterator[Key]:
    """The keys of a table, each before those below it."""
    for name, told in table["properties"].items():
        place = f"{path}.{name}" if path else name
        inner, many = _table_of(told, defs)
        meaning = told.get("description") or (inner or {}).get("description", "")
        default = told.get("default", _REQUIRED if name in table.get("required", ()) else None)
        yield Key(
            path=place,
            kind=_kind(told, defs),
            default=None if default is _REQUIRED else _written(default),
            meaning=" ".join(meaning.split()),
        )
        if inner is not None:
            yield from _walk(inner, defs, f"{place}.*" if many else place)


def _table_of(told: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    """The table inside what a key may be, and whether there may be several."""
    if "$ref" in told:
        return defs[told["$ref"].rpartition("/")[2]], False
    for inside in (told.get("items"), told.get("additionalProperties")):
        if isinstance(inside, dict) and "$ref" in inside:
            return _table_of(inside, defs)[0], True
    for one in (*told.get("anyOf", ()), *told.get("allOf", ())):
        if _table_of(one, defs)[0] is not None:
            return _table_of(one, defs)
    return None, False


def _kind(told: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What a key may be, in words."""
    inner, many = _table_of(told, defs)
    if inner is not None:
        return ("tables" if told.get("type") == "array" else "a table for each name") if many else "table"
    if "oneOf" in told or "anyOf" in told:
        kinds = [_kind(one, defs) for one in (*told.get("anyOf", ()), *told.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if "enum" in told or "const" in told:
        return " or ".join(f'"{value}"' for value in told.get("enum", [told.get("const")]))
    if told.get("type") == "array":
        inside = told.get("items") or {"type": "string"}
        kind = f"a list, each {_kind(inside, defs)}"
    elif told.get("type") == "object":
        inside = told.get("additionalProperties")
        kind = f"names, each with {_kind(inside, defs)}" if isinstance(inside, dict) else "names with values"
    else:
        kind = "path of a file" if told.get("format") == "path" else _WORDS[told.get("type", "string")]
    bounds = [words.format(told[bound]) for bound, words in _BOUNDS.items() if bound in told]
    return ", ".join([kind, *bounds])


def _written(default: Any) -> str:
    """A default as the file would have it."""
    if default is None or default in ({}, [], ()):
        return "nothing"
    if isinstance(default, dict):
        return "the defaults of its keys"
    if isinstance(default, bool):
        return str(default).lower()
    return (
        f'"{default}"' if isinstance(default, str) else f"{default:g}" if isinstance(default, float) else str(default)
    )
