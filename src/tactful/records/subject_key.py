"""The key of one person: what it sealed, and the name it gives them in the journal, mean nothing once it is gone.

Notes
-----
Fingerprints and derived keys are keyed BLAKE2b (RFC 7693, section 2.1), which is a message authentication code by
itself and takes a third of the time of HMAC-SHA256 on texts as short as these: an import makes one for each event.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tactful.errors import SecretError
from tactful.records.journal import JSON, canonical
from tactful.records.sealing import KEY_BYTES

_VERSION = b"\x01"
_NONCE = 12
_SHORT = 16


class SubjectKey:
    """Thirty-two random bytes that belong to one person, and what can be done with them.

    Parameters
    ----------
    key : bytes of length 32

    Notes
    -----
    **Privacy.** *Reads* nothing. *Returns* seals, tags and fingerprints, which tell nothing without the key. No `repr`
    shows it. *Costs* nothing. *Assumes* the key is kept sealed and in one place, so that to destroy it there destroys
    it.
    """

    __slots__ = ("_cipher", "_key", "_prints")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._prints = _derived(key, b"consent fingerprint")
        self._cipher = AESGCM(_derived(key, b"sealing"))

    def __repr__(self) -> str:
        return "SubjectKey()"

    @classmethod
    def new(cls) -> SubjectKey:
        """A fresh key."""
        return cls(os.urandom(KEY_BYTES))

    @property
    def raw(self) -> bytes:
        """The key itself, for `tactful.records.subjects` to seal."""
        return self._key

    @property
    def tag(self) -> str:
        """What the journal calls this person, 32 hexadecimal digits; without the key it leads to nobody."""
        return hmac.digest(self._key, b"journal tag", hashlib.sha256)[:_SHORT].hex()

    def seal(self, body: Mapping[str, JSON]) -> str:
        """The body for a journal entry, in hexadecimal; nobody reads it once the key is gone."""
        return self.close(canonical(body), bound_to=b"journal").hex()

    def open(self, sealed: str) -> dict[str, Any]:
        """The body that was sealed.

        Raises
        ------
        SecretError
            If it was sealed for somebody else, or altered.
        """
        return dict(json.loads(self.disclose(bytes.fromhex(sealed), bound_to=b"journal")))

    def close(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """The bytes sealed for one place."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + bound_to)

    def disclose(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The bytes that were sealed for that place.

        Raises
        ------
        SecretError
            If they were sealed for somebody else or for another place, or altered.
        """
        head, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, rest, head + bound_to)
        except (InvalidTag, ValueError):
            pass  # the error is raised below, without the cipher's as its context
        raise SecretError(
            "what is stored of a person opens with their key",
            given="a value was altered, moved, or sealed for somebody else",
            do="Restore the records from a copy",
        )

    def fingerprint(self, content: bytes) -> bytes:
        """Sixteen bytes by which the same content of the same person is known again, and by nobody without the key."""
        return hashlib.blake2b(content, key=self._prints, digest_size=_SHORT).digest()


def _derived(key: bytes, use: bytes) -> bytes:
    """A key for one use."""
    return hashlib.blake2b(b"tactful subject " + use, key=key, digest_size=KEY_BYTES).digest()
