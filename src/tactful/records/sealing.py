"""Envelopes: AES-256-GCM under a key that can be changed. What is sealed names the key it was sealed with.

Notes
-----
A sealed value is one byte of version, eight of the key's fingerprint, twelve of nonce, then ciphertext and tag. Version
and fingerprint are authenticated, and so is `bound_to`: what was sealed for one row cannot be put into another.
Nonces are random, so that one key is good for 2^32 seals (NIST SP 800-38D, section 8.3): a storage key seals one value
a person, and one more at each rotation.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tactful.errors import SecretError

KEY_BYTES = 32
_VERSION = b"\x01"
_FINGERPRINT, _NONCE = 8, 12
_HEAD = len(_VERSION) + _FINGERPRINT


class Secrets(Protocol):
    """What the stores need of the secrets; `tactful.personal.keys.Keys` is one."""

    @property
    def storage(self) -> bytes:
        """The key that seals from now on."""

    @property
    def storage_older(self) -> tuple[bytes, ...]:
        """Keys that sealed before; they still open."""

    def pseudonyms(self, user_ids: Iterable[str]) -> list[str]:
        """The name each person has inside, 32 hexadecimal digits."""


class Sealer:
    """Seals under the current key; opens what this key or an older one sealed.

    Parameters
    ----------
    current : bytes of length 32
    older : sequence of bytes of length 32
        Keys that were current once.
    """

    __slots__ = ("_ciphers", "_current")

    def __init__(self, current: bytes, older: Sequence[bytes] = ()) -> None:
        if any(len(key) != KEY_BYTES for key in (current, *older)):
            raise SecretError(f"each key has {KEY_BYTES} bytes", given="one is shorter or longer", do="Make a new one")
        self._current = fingerprint(current)
        self._ciphers = {fingerprint(key): AESGCM(key) for key in (*older, current)}

    def __repr__(self) -> str:
        return f"Sealer(key {self._current.hex()})"

    def seal(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """The value under the current key; it opens only with the same `bound_to`."""
        head, nonce = _VERSION + self._current, os.urandom(_NONCE)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, plain, head + bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The value that was sealed.

        Raises
        ------
        SecretError
            If the key that sealed it is not here, or the value was altered or belongs elsewhere.
        """
        head, nonce, rest = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        cipher = self._ciphers.get(head[len(_VERSION) :])
        if head[: len(_VERSION)] != _VERSION or cipher is None:
            raise SecretError(
                "what is stored opens with the storage key that sealed it",
                given=f"the key with fingerprint {head[len(_VERSION) :].hex() or '(none)'} is not among the secrets",
                do="Restore the secrets that go with this store; an older key goes into storage_older",
            )
        try:
            return cipher.decrypt(nonce, rest, head + bound_to)
        except (InvalidTag, ValueError):
            pass  # the error is raised below, without the cipher's as its context
        raise SecretError(
            "what is stored is as it was sealed", given="a value was altered or moved", do="Restore it from a copy"
        )

    @property
    def current(self) -> str:
        """The fingerprint of the key that seals, in hexadecimal."""
        return self._current.hex()

    def has(self, fingerprint: str) -> bool:
        """Whether the key with this fingerprint is here, the current one or an older."""
        return fingerprint in {known.hex() for known in self._ciphers}

    def is_current(self, sealed: bytes) -> bool:
        """Whether the current key sealed this value."""
        return sealed[:_HEAD] == _VERSION + self._current


def fingerprint_in(sealed: bytes) -> str:
    """The fingerprint, in hexadecimal, of the key that a sealed value names."""
    return sealed[len(_VERSION) : _HEAD].hex()


def fingerprint(key: bytes) -> bytes:
    """Eight bytes that change with the key and say nothing else about it."""
    return hmac.digest(key, b"\x00tactful storage fingerprint", hashlib.sha256)[:_FINGERPRINT]
