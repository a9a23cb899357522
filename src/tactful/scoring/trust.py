"""Whose approvals count: the reviewers' public keys.

The file is TOML::

    approval_valid_days = 180

    [[reviewer]]
    name = "Ada"
    public_key = "ed25519:…"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tactful.errors import ConfigError, ModelRefusedError, NotFoundError
from tactful.scoring.signing import is_public_text

DEFAULT_FILE = Path("configs/reviewers.toml")
DEFAULT_VALID_DAYS = 180
_VARIABLE = "TACTFUL_TRUSTED_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewers:
    """The people whose signature approves a model.

    Attributes
    ----------
    names : mapping of str to str
        Name by public key.
    approval_valid_days : int, days
        How long an approval holds, counted from when it was given. It ends an approval that says longer, too.
    """

    names: Mapping[str, str]
    approval_valid_days: int = DEFAULT_VALID_DAYS

    @property
    def keys(self) -> frozenset[str]:
        """Their public keys."""
        return frozenset(self.names)

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
    days, listed = document.get("approval_valid_days", DEFAULT_VALID_DAYS), document.get("reviewer", [])
    if set(document) - {"approval_valid_days", "reviewer"} or type(days) is not int or days < 1:
        raise _bad(path, "it has other keys, or the days are not a whole number from 1")
    if not isinstance(listed, list) or not all(_is_reviewer(entry) for entry in listed):
        raise _bad(path, "a [[reviewer]] has other keys or no name")
    for entry in listed:
        _check_key(entry["public_key"])
    names = {entry["public_key"]: entry["name"] for entry in listed}
    if len(names) < len(listed) or len(set(names.values())) < len(listed):
        raise _bad(path, "a name or a key is listed twice")
    return Reviewers(names=MappingProxyType(names), approval_valid_days=days)


def _is_reviewer(entry: Any) -> bool:
    """Whether an entry has a name and a key and nothing else."""
    return (
        isinstance(entry, dict)
        and set(entry) == {"name", "public_key"}
        and isinstance(entry["name"], str)
        and bool(entry["name"].strip())
    )


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
        f"{path} holds `approval_valid_days` and [[reviewer]] entries with `name` and `public_key`",
        given=what,
        do="Correct the file",
    )


def _missing(path: Path) -> NotFoundError:
    """The error for a named file that is not there."""
    return NotFoundError(
        "the file of trusted reviewers must exist",
        given=f"{path} does not",
        do=f"Correct `trusted_keys` or {_VARIABLE}",
    )


def _no_keys(given: str) -> ModelRefusedError:
    """The refusal when nobody is trusted."""
    return ModelRefusedError(
        "a model is served only with the approval of a trusted reviewer",
        given=given,
        do=f"Give `trusted_keys`, set {_VARIABLE} to a file of reviewers, or write {DEFAULT_FILE}",
    )
