"""Every number of a run, changed one at a time, so that a document can be watched following it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tactful.assurance.summary import RunSummary

Path = tuple[str | int, ...]
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where the numbers of a value are."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int | float):
        yield path
    else:
        for key, part in _parts(value):
            yield from paths(part, (*path, key))


def changed(value: Any, path: Path) -> Any:
    """The value with another number at this place."""
    if not path:
        return 7919 if isinstance(value, int) else float(f"{value * 0.8765432:.6g}")
    key, rest = path[0], path[1:]
    part = changed(dict(_parts(value))[key], rest)
    if is_dataclass(value):
        return replace(value, **{str(key): part})
    if isinstance(value, Mapping):
        return {**value, key: part}
    return tuple(part if at == key else old for at, old in enumerate(value))


def at(value: Any, path: Path) -> Any:
    """What stands at this place."""
    for key in path:
        value = dict(_parts(value))[key]
    return value


def settled(summary: RunSummary) -> RunSummary:
    """The same run with the μ that its releases add up to."""
    mu = {
        name: math.sqrt(sum(r.noise_multiplier**-2 for r in summary.losses if name in r.partitions))
        for name in summary.partition_loss
    }
    return replace(summary, partition_loss={n: (mu[n], epsilon) for n, (_, epsilon) in summary.partition_loss.items()})


def numbers(document: Any) -> Iterator[float]:
    """Every number of a parsed document, those in its sentences too."""
    if isinstance(document, str):
        yield from (float(found.replace(",", "")) for found in _NUMBER.findall(document))
    elif isinstance(document, Mapping):
        for part in document.values():
            yield from numbers(part)
    elif isinstance(document, list):
        for part in document:
            yield from numbers(part)
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield float(document)


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, tuple | list) else []
