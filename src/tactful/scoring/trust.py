"""Whose approvals count, and how many it takes: the reviewers' public keys and the rules for them.

The file is TOML; everything but the reviewers' names and keys may be left out::

    approval_valid_days = 180
    approvals_needed = 1

    [models.grocery]
    approvals_needed = 2

    [[reviewer]]
    name = "Ada"
    public_key = "ed25519:…"
    roles = ["approve", "reject", "retire"]
    models = ["grocery"]
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tactful.errors import ConfigError, ModelRefusedError, NotFoundError
from tactful.scoring.signing import is_public_text

DEFAULT_FILE = Path("configs/reviewers.toml")
DEFAULT_VALID_DAYS = 180
_VARIABLE = "TACTFUL_TRUSTED_KEYS"
_TOLD = 5

Role = Literal["approve", "reject", "retire"]
ROLES: frozenset[str] = frozenset({"approve", "reject", "retire"})
"""What a reviewer may decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewers:
    """The people whose signature approves a model.

    Attributes
    ----------
    names : mapping of str to str
        Name by public key.
    approval_valid_days : int, days
        How long an approval holds, counted from when it was given. It ends an approval that says longer, too.
    approvals_needed : int
        How many keys must have signed before a model is served.
    needed_for : mapping of str to int
        The same for single models, by name.
    roles, models : mapping of str to frozenset of str
        By public key, what a reviewer may decide and about which models; everything, where a key is missing here.
    file : Path or None
        Where they are listed, for errors.
    """

    names: Mapping[str, str]
    approval_valid_days: int = DEFAULT_VALID_DAYS
    approvals_needed: int = 1
    needed_for: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    models: Mapping[str, frozenset[str]] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)

    @property
    def keys(self) -> frozenset[str]:
        """Their public keys."""
        return frozenset(self.names)

    @property
    def listed(self) -> str:
        """In which file they are listed, and the names of the first five; nothing where no file lists them."""
        if self.file is None:
            return ""
        more = ", …" if len(self.names) > _TOLD else ""
        return f" in {self.file}, which lists {', '.join(list(self.names.values())[:_TOLD])}{more}"

    def needed(self, model: str) -> int:
        """How many keys must have signed before this model is served."""
        return self.needed_for.get(model, self.approvals_needed)

    def may(self, key: str, role: Role, model: str) -> bool:
        """Whether the holder of this key may decide so about this model."""
        return key in self.names and role in self.roles.get(key, ROLES) and model in self.models.get(key, (model,))

    @classmethod
    def load(cls, source: str | Path | None = None) -> Reviewers:
        """The reviewers in `source`, else in what ``TACTFUL_TRUSTED_KEYS`` names, else in ``configs/reviewers.toml``.

        Raises
        ------
        ModelRefusedError
            If no file is named and the default does not exist, or the file lists nobody: nothing is approved then.
        NotFoundError
            If a file is named that does not exist.
        ConfigError
            If the file is not as described above.
        """
        named = source if source is not None else os.environ.get(_VARIABLE)
        path = Path(named) if named else DEFAULT_FILE
        if not path.is_file():
            raise _no_keys(f"there is no {path}") if not named else _missing(path)
        reviewers = _parse(path)
        if not reviewers.names:
            raise _no_keys(f"{path} lists nobody")
        return reviewers

    @classmethod
    def of(cls, source: Iterable[str] | str | Path | None = None) -> Reviewers:
        """Whose approvals count, and for how long at most: 180 days where only keys are given.

        Parameters
        ----------
        source : iterable of str, str, Path or None
            Public keys; or one of them; or a reviewers' file; or None for the usual places, see `Reviewers.load`.

        Raises
        ------
        ModelRefusedError
            If there is nobody.
        ConfigError
            If a key is not a public key, or the file is not as described above.

        Notes
        -----
        Bare keys carry no rules: how many must have signed is then what the approvals themselves say.
        """
        if isinstance(source, str) and source.startswith("ed25519:"):
            source = (source,)
        if source is None or isinstance(source, str | Path):
            return cls.load(source)
        keys = tuple(source)
        for key in keys:
            _check_key(key)
        if not keys:
            raise _no_keys("the list of trusted keys is empty")
        return cls(names=MappingProxyType({key: key for key in keys}))


def trusted_keys(source: Iterable[str] | str | Path | None = None) -> frozenset[str]:
    """The public keys whose approvals count: those of `Reviewers.of`."""
    return Reviewers.of(source).keys


def _parse(path: Path) -> Reviewers:
    """The reviewers of a TOML file, every key of it known."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"it is not valid TOML ({error})") from error
    days, needed = document.get("approval_valid_days", DEFAULT_VALID_DAYS), document.get("approvals_needed", 1)
    listed, models = document.get("reviewer", []), document.get("models", {})
    if set(document) - {"approval_valid_days", "approvals_needed", "models", "reviewer"}:
        raise _bad(path, "it has other keys")
    if not _is_count(days) or not _is_count(needed):
        raise _bad(path, "the days, or the approvals needed, are not a whole number from 1")
    if not isinstance(models, dict) or not all(_is_rule(rule) for rule in models.values()):
        raise _bad(path, "a [models.…] holds something else than `approvals_needed`, a whole number from 1")
    if not isinstance(listed, list) or not all(_is_reviewer(entry) for entry in listed):
        raise _bad(path, "a [[reviewer]] has other keys or no name, or a role or model that is none")
    for entry in listed:
        _check_key(entry["public_key"])
    names = {entry["public_key"]: entry["name"] for entry in listed}
    if len(names) < len(listed) or len(set(names.values())) < len(listed):
        raise _bad(path, "a name or a key is listed twice")
    return Reviewers(
        names=MappingProxyType(names),
        approval_valid_days=days,
        approvals_needed=needed,
        needed_for=MappingProxyType({name: rule["approvals_needed"] for name, rule in models.items()}),
        roles=_limits(listed, "roles"),
        models=_limits(listed, "models"),
        file=path,
    )


def _limits(listed: list[dict[str, Any]], name: str) -> Mapping[str, frozenset[str]]:
    """What reviewers are limited to, by key."""
    return MappingProxyType({entry["public_key"]: frozenset(entry[name]) for entry in listed if name in entry})


def _is_count(value: object) -> bool:
    """Whether a value is a whole number from 1."""
    return type(value) is int and value >= 1


def _is_rule(rule: object) -> bool:
    """Whether this is what may be said of one model."""
    return isinstance(rule, dict) and set(rule) == {"approvals_needed"} and _is_count(rule["approvals_needed"])


def _is_reviewer(entry: Any) -> bool:
    """Whether an entry has a name and a key, roles and models if any, and nothing else."""
    return (
        isinstance(entry, dict)
        and {"name", "public_key"} <= set(entry) <= {"name", "public_key", "roles", "models"}
        and isinstance(entry["name"], str)
        and bool(entry["name"].strip())
        and _is_texts(entry.get("models", []))
        and _is_texts(entry.get("roles", []))
        and set(entry.get("roles", [])) <= ROLES
    )


def _is_texts(value: object) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _check_key(key: object) -> None:
    """Raise unless this is a public key."""
    if not is_public_text(key):
        raise ConfigError(
            "a trusted key is `ed25519:` and 64 hexadecimal digits in lower case",
            given="one has another form",
            do="Copy the line that `tactful keys new` printed",
        )


def _bad(path: Path, what: str) -> ConfigError:
    """The refusal of a reviewers' file."""
    return ConfigError(
        f"{path} holds `approval_valid_days`, `approvals_needed`, [models.NAME] tables and [[reviewer]] entries with "
        "`name` and `public_key`, and perhaps `roles` and `models`",
        given=what,
        do="Correct the file",
    )


def _missing(path: Path) -> NotFoundError:
    """The error for a named file that is not there."""
    return NotFoundError(
        "the file of trusted reviewers must exist",
        given=f"{path} does not",
        do=f"Correct `trusted_keys` or {_VARIABLE}, which names a file; keys themselves are given as `trusted_keys`",
    )


def _no_keys(given: str) -> ModelRefusedError:
    """The refusal when nobody is trusted."""
    return ModelRefusedError(
        "a model is served only with the approval of a trusted reviewer",
        given=given,
        do=f"Give `trusted_keys`, set {_VARIABLE} to a file of reviewers, or write {DEFAULT_FILE}",
    )
