"""Just enough of JSON-LD to find consent records: names, references inside a document, values in their wrappers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tactful.personal.consent_formats.contexts import PREFIXES, plain, short

__all__ = ["PREFIXES", "Linked", "Node", "kinds", "nodes", "short", "text"]

_DEEPEST = 30

Node = Mapping[str, Any]
"""An object of the document, its keys and references short."""


def nodes(document: Any, *, kind: str) -> list[Node]:
    """The outermost nodes of a type, wherever in the document they stand, with references filled in.

    Raises
    ------
    SchemaError
        If the document does not say what a name stands for that may speak against a use.
    """
    document = plain(document)
    known = {node["@id"]: node for node in _every(document, 0) if isinstance(node.get("@id"), str) and len(node) > 1}
    return [Linked(node, known) for node in _of_kind(document, kind, 0)]


class Linked(dict[str, Any]):
    """A node whose keys are short and whose references lead to what they name."""

    def __init__(self, node: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__((short(key), value) for key, value in node.items())
        self._known = known

    def __repr__(self) -> str:
        return "Linked()"

    def all(self, *keys: str) -> list[Any]:
        """The values under the first of these keys that there is: texts, numbers, and nodes."""
        found: Any = next((self[key] for key in keys if key in self), [])
        return [self._followed(value) for value in (found if isinstance(found, list) else [found])]

    def one(self, *keys: str) -> Any:
        """The first of those values; None if there is none."""
        return next(iter(self.all(*keys)), None)

    def _followed(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return short(value) if isinstance(value, str) else value
        if "@value" in value:
            return value["@value"]
        there = self._known.get(value.get("@id", ""), {}) if isinstance(value.get("@id"), str) else {}
        return Linked({**there, **value}, self._known)


def kinds(node: Node) -> set[str]:
    """The types of a node."""
    given = node.get("@type", node.get("rdf:type", []))
    return {short(kind) for kind in (given if isinstance(given, list) else [given]) if isinstance(kind, str)}


def text(value: Any) -> str | None:
    """What a value is called: itself, or the identifier or name of a node."""
    if isinstance(value, Linked):
        names = ("dct:identifier", "dpv:hasIdentifier", "@id", "dct:title", "skos:prefLabel", "dpv:hasName")
        return next((text(found) for name in names if (found := value.one(name)) is not None), None)
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    return str(value)


def _every(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Every object of the document."""
    if isinstance(value, dict) and depth < _DEEPEST:
        yield value
    if isinstance(value, dict | list) and depth < _DEEPEST:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _every(inner, depth + 1)


def _of_kind(value: Any, kind: str, depth: int) -> Iterator[Mapping[str, Any]]:
    """The objects of a type, without looking inside them."""
    if isinstance(value, dict) and kind in kinds({short(key): inner for key, inner in value.items()}):
        yield value
    elif isinstance(value, dict | list) and depth < _DEEPEST:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _of_kind(inner, kind, depth + 1)
