"""What another system's purposes mean here: a mapping file, and what is written to it by the business alone.

::

    ignore = ["Analytics", "Essential"]            # purposes that concern nothing tactful does
    user_id = "external_id"                        # which of the system's identifiers is the business's user_id
    objections = ["personalization"]               # what an objection signal refuses; this is the default

    [purposes]
    "Personalization" = "personalization"
    "Recommendations" = ["personalization.recommendations", "personalization.training"]

    [defaults]                                     # for events that do not say it themselves
    notice_version = "2026-03"
    jurisdiction = "US-CA"

Notes
-----
What is not mapped is never a consent. But a refusal of it may concern tactful, so it is not passed over either: an
import with a purpose that is neither mapped nor ignored is refused, and says which.

An objection signal (Global Privacy Control: W3C, https://www.w3.org/TR/gpc/; California's regulations, §7025) is a
refusal and is never ignored. What it refuses may be narrowed to purposes, not to none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tactful.errors import ConfigError, NotFoundError
from tactful.personal.consent import checked_purpose

DEFAULTS = ("notice_version", "language", "jurisdiction", "method", "legal_basis", "data_categories", "source")
"""What a mapping may say for events that do not say it themselves."""

SIGNALS = frozenset({"gpc", "secgpc", "globalprivacycontrol", "saleofinfo"})
"""Names of objection signals, as letters in lower case."""

_KEYS = ("purposes", "ignore", "user_id", "objections", "defaults")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeMapping:
    """What the purposes of another system mean here.

    Attributes
    ----------
    purposes : mapping of str to tuple of str
        Of each of theirs, ours.
    ignore : frozenset of str
        Those of theirs that concern nothing here.
    objections : tuple of str
        What an objection signal refuses.
    user_id : str or None
        Which of their identifiers is ours.
    defaults : mapping of str to str
        Fields of events that do not say them.
    """

    purposes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    objections: tuple[str, ...] = ("personalization",)
    user_id: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, source: str | Path | Mapping[str, Any] | PurposeMapping | None) -> PurposeMapping:
        """The mapping in a TOML file; without one, nothing is mapped.

        Raises
        ------
        NotFoundError
            If there is no such file.
        ConfigError
            If it is no TOML, has other keys, names what is no purpose, or ignores an objection signal.
        """
        if isinstance(source, PurposeMapping):
            return source
        return _parsed(_read(Path(source)) if isinstance(source, str | Path) else dict(source or {}))


def is_signal(name: str) -> bool:
    """Whether this is the name of an objection signal, however it is spelt."""
    return "".join(filter(str.isalnum, name.lower())) in SIGNALS


def _read(path: Path) -> dict[str, Any]:
    """The keys of a TOML file."""
    if not path.is_file():
        raise NotFoundError("the mapping of purposes is a file", given=f"{path} is none", do="Correct the path")
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("the mapping of purposes is TOML", given=f"{path.name}: {error}", do="Correct it") from None


def _parsed(found: Mapping[str, Any]) -> PurposeMapping:
    """The mapping, checked."""
    _check_keys(found, _KEYS, "a mapping of purposes")
    defaults, ignore = _table(found, "defaults"), _names(found.get("ignore", []), "ignore")
    _check_keys(defaults, DEFAULTS, "[defaults]")
    ignored = sorted(filter(is_signal, ignore))
    if ignored:
        raise ConfigError(
            "an objection signal is never ignored",
            given=f"{ignored[0]} is",
            do="Say under `objections` what it refuses",
        )
    objections = tuple(map(checked_purpose, _names(found.get("objections", ["personalization"]), "objections")))
    if not objections:
        raise ConfigError("an objection signal refuses something", given="objections is empty", do="Leave it out")
    return PurposeMapping(
        purposes=MappingProxyType(
            {theirs: _ours(theirs, given) for theirs, given in _table(found, "purposes").items()}
        ),
        ignore=frozenset(ignore),
        objections=objections,
        user_id=None if found.get("user_id") is None else str(found["user_id"]),
        defaults=MappingProxyType({name: str(value) for name, value in defaults.items()}),
    )


def _check_keys(found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise `ConfigError` if a key is none of those known."""
    strange = sorted(set(found) - set(known))
    if strange:
        raise ConfigError(f"{where} has {', '.join(known)}", given=repr(strange[0]), do="Correct or remove it")


def _table(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A table of the file, empty if it is not there."""
    table = found.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name} is a table", given=type(table).__name__, do=f"Write it below [{name}]")
    return table


def _ours(theirs: str, given: object) -> tuple[str, ...]:
    """Our purposes for one of theirs."""
    names = [given] if isinstance(given, str) else _names(given, theirs)
    if not names:
        raise ConfigError(
            "a purpose is mapped to one of ours or several", given=f"{theirs} to none", do="Put it under `ignore`"
        )
    return tuple(map(checked_purpose, names))


def _names(given: object, where: str) -> list[str]:
    """A list of texts."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ConfigError(f"{where} is a list of names", given=type(given).__name__, do='Write e.g. ["Analytics"]')
    return list(given)
