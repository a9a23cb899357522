"""The manifest of an artifact: what it may say, and nothing else. It is what an approval signs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tactful.errors import ModelRefusedError, UsageError
from tactful.scoring import strict_json

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
DTYPE = re.compile(r"<(f4|f8|i2|i4|i8|U[1-9][0-9]{0,5})")
_LONGEST = 2**31  # of an array in one dimension; numpy cannot even make an empty one that is much longer
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the manifest says about one array."""

    sha256: str
    bytes: int
    dtype: str
    shape: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The entry as plain JSON."""
        return {"sha256": self.sha256, "bytes": self.bytes, "dtype": self.dtype, "shape": list(self.shape)}


def manifest_bytes(entries: Mapping[str, Entry], meta: dict[str, Any]) -> bytes:
    """The manifest in its canonical form."""
    document = {"format": FORMAT_VERSION, "arrays": {n: e.as_json() for n, e in entries.items()}, "meta": meta}
    try:
        return strict_json.canonical(document)
    except strict_json.NotStrictJsonError as error:
        raise UsageError("the meta data must be plain JSON", given=str(error), do="Convert the values first") from error


def parse_manifest(raw: bytes) -> tuple[dict[str, Entry], dict[str, Any]]:
    """What the manifest says, if it is one."""
    try:
        document = strict_json.parse(raw)
    except strict_json.NotStrictJsonError as error:
        raise altered(MANIFEST, "is not valid JSON") from error
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise altered(MANIFEST, "is no manifest")
    if document["format"] != FORMAT_VERSION:
        raise ModelRefusedError(
            f"this version of tactful reads artifact format {FORMAT_VERSION}",
            given=f"{MANIFEST} says format {document['format']}",
            do="Install the version of tactful that wrote the model, or train it again",
        )
    arrays, meta = document.get("arrays"), document.get("meta")
    if set(document) != {"format", "arrays", "meta"} or not isinstance(arrays, dict) or not isinstance(meta, dict):
        raise altered(MANIFEST, "is no manifest")
    return {name: _parse_entry(name, entry) for name, entry in arrays.items()}, meta


def _parse_entry(name: str, entry: Any) -> Entry:
    """One entry of the manifest; every field checked, so that no name can lead out of the folder."""
    fields = entry if isinstance(entry, dict) and set(entry) == {"sha256", "bytes", "dtype", "shape"} else {}
    sha256, size, dtype, shape = (fields.get(key) for key in ("sha256", "bytes", "dtype", "shape"))
    sound = (
        NAME.fullmatch(name)
        and isinstance(sha256, str)
        and _SHA256.fullmatch(sha256)
        and _is_count(size)
        and isinstance(dtype, str)
        and DTYPE.fullmatch(dtype)
        and isinstance(shape, list)
        and len(shape) <= 2
        and all(_is_count(length) and length < _LONGEST for length in shape)
    )
    if not sound:
        raise altered(MANIFEST, "describes an array in a way that no artifact does")
    return Entry(sha256=fields["sha256"], bytes=fields["bytes"], dtype=fields["dtype"], shape=tuple(fields["shape"]))


def _is_count(value: Any) -> bool:
    """Whether a value is a whole number from 0 up to what a file can hold."""
    return type(value) is int and 0 <= value < 2**48


def altered(name: str, what: str) -> ModelRefusedError:
    """The refusal of one file."""
    return ModelRefusedError(
        "every file of a model must be exactly what its manifest says",
        given=f"{name} {what}",
        do="Fetch the model again from where it was registered",
        file=name,
    )
