"""What the names in a JSON-LD document stand for, by the contexts in it.

A statement counts whatever its writer calls DPV: two prefixes for it, a term for a property, whole addresses, all in
one record. What stands under several names of one property stands together, so that none hides another. The usual
prefixes keep their meaning whatever a context says. A context elsewhere is not fetched; a statement that only it could
explain is not passed over: it stops the import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tactful.errors import SchemaError

PREFIXES = {
    "dpv": "https://w3id.org/dpv#",
    "dct": "http://purl.org/dc/terms/",
    "dpv-27560": "https://w3id.org/dpv/schema/dpv-27560#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}
"""What the short names stand for."""

_LONG = {full: short for short, full in PREFIXES.items()} | {"https://w3id.org/dpv/dpv#": "dpv"}
_LONG |= {"https://www.w3id.org/dpv#": "dpv", "http://www.w3id.org/dpv#": "dpv", "http://w3id.org/dpv#": "dpv"}
_LONG |= {"http://www.w3.org/ns/dpv#": "dpv"}
_USUAL = {*PREFIXES, "dcterms"}
_DPVS = {"hasConsentStatus", "hasDuration", "hasProcess", "isIndicatedAtTime"}
"""Names in DPV of what may speak against a use."""
_DEEPEST = 30
_STEPS = 4

Terms = Mapping[str, str]
"""What prefixes and terms stand for."""


def plain(value: Any, terms: Terms | None = None, depth: int = 0) -> Any:
    """The document with short names, and without its contexts.

    Raises
    ------
    SchemaError
        If a name is one of DPV's by its end, and nothing in the document says that it is, or that it is not.
    """
    terms = terms or {}
    if isinstance(value, list) and depth < _DEEPEST:
        return [plain(each, terms, depth + 1) for each in value]
    if not isinstance(value, dict) or depth >= _DEEPEST:
        return _short_value(value, terms) if isinstance(value, str) else value
    terms = {**terms, **_terms(value.get("@context"))}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = _named(key, terms)
        if name == "@context":
            continue
        told = _typed(inner, terms) if name in ("@type", "rdf:type") else inner if name == "@value" else None
        told = plain(inner, terms, depth + 1) if told is None else told
        found[name] = [*_listed(found[name]), *_listed(told)] if name in found else told
    return found


@lru_cache(maxsize=4096)
def short(name: str) -> str:
    """A name with its prefix instead of the whole address."""
    for full, prefix in _LONG.items() if name.startswith("http") else ():
        if name.startswith(full):
            return f"{prefix}:{name.removeprefix(full)}"
    return f"dct:{name.removeprefix('dcterms:')}" if name.startswith("dcterms:") else name


def _terms(context: Any) -> dict[str, str]:
    """What a context, or several one after the other, say that names stand for."""
    found: dict[str, str] = {}
    for each in _listed(context):
        for name, told in each.items() if isinstance(each, dict) else ():
            meant = told.get("@id") if isinstance(told, dict) else told
            if isinstance(meant, str):
                found[name] = meant
    return found


def _named(key: str, terms: Terms) -> str:
    """The short name of a property."""
    name = _resolved(key, terms)
    last, elsewhere = re.split(r"[:/#]", name)[-1], "://" in name and "/dpv" not in name
    if last in _DPVS and not elsewhere and not name.startswith("dpv:"):
        raise SchemaError(
            "the document says what its names stand for",
            given=f"it has {last}, a name of DPV's, under a prefix or context that is not in it",
            do="Add the prefix to its @context, or write the name as dpv:…",
        )
    return name


def _resolved(name: str, terms: Terms) -> str:
    """What a name of a property or a type stands for, short."""
    for _ in range(_STEPS):
        prefix, colon, rest = name.partition(":")
        if name in terms and name != terms[name] and not (colon and prefix in _USUAL):
            name = terms[name]
        elif colon and prefix in terms and prefix not in _USUAL and not rest.startswith("//"):
            name = terms[prefix] + rest
        else:
            break
    bare = not name.startswith("@") and ":" not in name
    return short(terms["@vocab"] + name if bare and "@vocab" in terms else name)


def _typed(value: Any, terms: Terms) -> Any:
    """The types of a node."""
    types = [_resolved(each, terms) if isinstance(each, str) else plain(each, terms) for each in _listed(value)]
    return types if isinstance(value, list) else types[0] if types else None


def _short_value(value: str, terms: Terms) -> str:
    """A text; short if it is a name with a prefix for one of the known vocabularies, else as it is."""
    prefix, colon, rest = value.partition(":")
    if not colon or prefix in _USUAL or prefix not in terms:
        return value
    meant = short(_resolved(terms[prefix], terms) + rest)
    known = meant.partition(":")[0] in PREFIXES
    return meant if known else value


def _listed(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]
