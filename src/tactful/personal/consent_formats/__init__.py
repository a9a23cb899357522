"""Consent records of other systems, read into the columns of consent events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tactful.errors import UsageError
from tactful.personal.consent_formats import dpv, fides, segment, transcend
from tactful.personal.consent_formats.mapping import PurposeMapping
from tactful.personal.consent_formats.sayings import Read, Sayings

__all__ = ["FORMATS", "PurposeMapping", "Read", "read"]

FORMATS: Mapping[str, Callable[[Path, PurposeMapping, Sayings], None]] = MappingProxyType(
    {"transcend": transcend.read, "segment": segment.read, "fides": fides.read, "dpv": dpv.read}
)
"""What reads each format; their modules say which fields, and where those are documented."""


def read(path: str | Path, kind: str, mapping: str | Path | Mapping[str, Any] | PurposeMapping | None = None) -> Read:
    """The consent events of another system's file; nothing that it says against somebody's use is lost.

    Parameters
    ----------
    path : str or Path
    kind : str
        One of `FORMATS`: ``transcend`` (CSV), ``segment`` (JSON lines), ``fides`` (CSV or JSON), ``dpv`` (ISO/IEC TS
        27560 as JSON-LD with the Data Privacy Vocabulary).
    mapping : str, Path, mapping or PurposeMapping, optional
        What the system's purposes mean here; see `tactful.personal.consent_formats.mapping`.

    Raises
    ------
    UsageError
        If the format is none of these, or purposes are neither mapped nor ignored: they are named.
    SchemaError
        If the file has another shape, or a record does not say whom it is about. No cell is quoted.
    ConfigError, NotFoundError
        If the mapping or the file is not there or not as described.

    Notes
    -----
    **Privacy.** *Reads* the fields that the format's module names, no others. *Returns* events with ids, for the
    consent store. *Costs* nothing; nothing leaves. *Assumes* the file is what the system exported.
    """
    if kind not in FORMATS:
        raise UsageError(
            f"consents come in a format of {', '.join(sorted(FORMATS))}, or in tactful's own columns",
            given=repr(kind),
            do="Name one of them, or leave the format out",
        )
    known, path = PurposeMapping.load(mapping), Path(path)
    sayings = Sayings(known, path.name)
    FORMATS[kind](path, known, sayings)
    return sayings.read()
