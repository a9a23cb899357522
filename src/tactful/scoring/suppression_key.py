"""The two things a service is given to read suppression lists: the key of the ids, and whose signature counts."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tactful.errors import ConfigError, SecretError
from tactful.scoring.signing import is_public_text

_KEY, _KEY_FILE, _SIGNERS = "TACTFUL_SUPPRESSION_KEY", "TACTFUL_SUPPRESSION_KEY_FILE", "TACTFUL_SUPPRESSION_SIGNERS"
_BYTES = 32
_DO = f"Run `tactful keys suppression --out FILE` and set {_KEY_FILE} to the file, or {_KEY} to what it holds"


def suppression_key(source: bytes | str | Path | None = None) -> bytes:
    """The key of the ids in suppression lists.

    Parameters
    ----------
    source : bytes, str, Path or None
        The key itself, 32 bytes; or a file that holds it and nothing else, for its owner alone, as
        `tactful keys suppression` writes it. Without it ``TACTFUL_SUPPRESSION_KEY`` (hexadecimal), else the file named
        by ``TACTFUL_SUPPRESSION_KEY_FILE``.

    Raises
    ------
    SecretError
        If there is none, it is malformed, others may read its file, or the file holds other secrets, too.
    """
    if isinstance(source, bytes):
        return _checked(source)
    if source is None and os.environ.get(_KEY):
        return _unhex(os.environ[_KEY])
    named = source or os.environ.get(_KEY_FILE)
    if not named:
        raise SecretError("suppression lists are read with their key", given="none is given", do=_DO)
    return _from_file(Path(named))


def suppression_signers(source: Iterable[str] | str | None = None) -> frozenset[str]:
    """The public keys whose lists count; they are not those of the reviewers of models.

    Parameters
    ----------
    source : iterable of str, str or None
        Public keys, or one text with a comma between several. Without it what ``TACTFUL_SUPPRESSION_SIGNERS`` says.

    Raises
    ------
    ConfigError
        If there is none, or one is no public key.
    """
    source = os.environ.get(_SIGNERS, "") if source is None else source
    keys = frozenset(source.replace(",", " ").split() if isinstance(source, str) else source)
    if not keys or not all(map(is_public_text, keys)):
        raise ConfigError(
            "suppression lists count only if somebody trusted signed them",
            given="a key has another form than `ed25519:` and 64 digits" if keys else "nobody is named",
            do=f"Give `trusted_keys`, or set {_SIGNERS} to the public key of whoever runs `tactful suppressions`",
        )
    return keys


def _from_file(path: Path) -> bytes:
    """The key in a file that holds nothing else and is for its owner alone."""
    try:
        with path.open("rb") as file:
            open_to_others = os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            text = b"" if open_to_others else file.read(65_536)
    except OSError as error:
        raise SecretError("the file of the suppression key is readable", given=f"{path} is not", do=_DO) from error
    if open_to_others:
        raise SecretError(
            "only its owner may read the key file", given=f"{path} is open to others", do=f"Run: chmod 600 {path}"
        )
    try:
        found = tomllib.loads(text.decode("ascii"))
    except ValueError:  # not even as the context of an error: it would quote what it read
        found = {}
    if set(found) != {"suppression"}:
        raise SecretError("a service gets the suppression key and no other", given=f"{path} is another file", do=_DO)
    return _unhex(str(found["suppression"]))


def _unhex(text: str) -> bytes:
    """The key in hexadecimal text."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    return _checked(key)


def _checked(key: bytes) -> bytes:
    """The key, if it has the length of one."""
    if len(key) != _BYTES:
        raise SecretError(f"the suppression key has {_BYTES} bytes", given="this one is malformed", do=_DO)
    return key
