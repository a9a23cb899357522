"""Ed25519 signatures on small JSON documents: who decided what, checkable by anyone who has the public key.

What is signed is a prefix that belongs to tactful's approvals, then the canonical bytes of the payload; a signature
made for anything else can therefore never be taken for one of these.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tactful.errors import ModelRefusedError, SecretError, UsageError
from tactful.scoring import strict_json

Purpose = Literal["approval", "candidate", "suppressions", "act"]
"""What a signature is for: a reviewer's decision about a model, a trainer's statement of what was trained, an
operator's list of who may be profiled, or an entry of the journal."""

_DOMAINS: Mapping[Purpose, bytes] = {
    "approval": b"tactful-approval-v1\0",
    "candidate": b"tactful-candidate-v1\0",
    "suppressions": b"tactful-suppressions-v1\0",
    "act": b"tactful-act-v1\0",
}
_PUBLIC = re.compile(r"ed25519:[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


def new_key() -> Ed25519PrivateKey:
    """A fresh private key from the operating system's randomness."""
    return Ed25519PrivateKey.generate()


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """The public half as people exchange it: ``ed25519:`` and 64 hexadecimal digits."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return "ed25519:" + public.public_bytes_raw().hex()


def is_public_text(text: object) -> bool:
    """Whether a text has the form that `public_text` gives."""
    return isinstance(text, str) and _PUBLIC.fullmatch(text) is not None


def write_private(key: Ed25519PrivateKey, path: str | Path) -> None:
    """The key is in a new file that only its owner can read (PEM, PKCS #8).

    Raises
    ------
    SecretError
        If the file exists: a key is never overwritten.
    """
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SecretError("a key is written to a new file", given=f"{path} exists", do="Give another file") from error
    except FileNotFoundError as error:
        raise SecretError("a key needs a folder", given=f"{Path(path).parent} is none", do="Make it first") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(pem)


def load_private(path: str | Path) -> Ed25519PrivateKey:
    """The private key in a file that nobody but its owner can read.

    Raises
    ------
    SecretError
        If the file is missing, readable by others, or holds no Ed25519 key.
    """
    try:
        with Path(path).open("rb") as file:
            open_to_others = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077
            pem = b"" if open_to_others else file.read(65_536)
    except OSError as error:
        raise SecretError("a key file must be readable", given=f"{path} is not", do="Correct the path") from error
    if open_to_others:
        raise SecretError(
            "a key file belongs to its owner alone", given=f"others may use {path}", do=f"Run: chmod 600 {path}"
        )
    return _private_of(pem, path)


def _private_of(pem: bytes, path: str | Path) -> Ed25519PrivateKey:
    """The Ed25519 key of a PEM text."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretError(
            "a key file holds an Ed25519 key (PEM, no password)",
            given=f"{path} does not",
            do="Make one: tactful keys new NAME",
        )
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument:
    """A payload, who signed it, the signature, and what others signed with it; nothing is checked until `verify`.

    Attributes
    ----------
    payload : mapping
        Plain JSON.
    public_key : str
        The signer, as in `public_text`.
    signature : str
        128 hexadecimal digits.
    beside : tuple of SignedDocument
        The other signed documents that count together with this one; ``with`` in JSON. They have none themselves.
    """

    payload: Mapping[str, Any]
    public_key: str
    signature: str
    beside: tuple[SignedDocument, ...] = ()

    @classmethod
    def sign(
        cls, payload: Mapping[str, Any], key: Ed25519PrivateKey, *, purpose: Purpose = "approval"
    ) -> SignedDocument:
        """The payload signed by `key`; a later change of the caller's mapping does not reach it.

        A signature is for one purpose: for any other it does not verify.

        Raises
        ------
        UsageError
            If the payload is not plain JSON.
        """
        try:
            message = strict_json.canonical(dict(payload))
        except strict_json.NotStrictJsonError as error:
            raise UsageError(
                "only plain JSON can be signed", given=str(error), do="Convert the values first"
            ) from error
        frozen = MappingProxyType(strict_json.parse(message))
        return cls(payload=frozen, public_key=public_text(key), signature=key.sign(_DOMAINS[purpose] + message).hex())

    @classmethod
    def from_json(cls, text: str | bytes) -> SignedDocument:
        """The document that `to_json` wrote.

        Raises
        ------
        ModelRefusedError
            If the text is not one: not JSON, a repeated key, a field missing, unknown or malformed.
        """
        try:
            fields = strict_json.parse(text.encode("utf-8") if isinstance(text, str) else text)
        except (strict_json.NotStrictJsonError, UnicodeEncodeError) as error:
            raise _malformed("it is not valid JSON") from error
        beside = fields.pop("with", None) if isinstance(fields, dict) else None
        if beside is not None and not (isinstance(beside, list) and beside):
            raise _malformed("`with` is no list of others")
        return replace(_document(fields), beside=tuple(_document(other) for other in beside or ()))

    @property
    def digest(self) -> str:
        """The SHA-256 of the payload's canonical bytes, in hexadecimal digits: one name for what was signed."""
        return sha256(strict_json.canonical(dict(self.payload))).hexdigest()

    def to_json(self) -> str:
        """The document as one line of JSON."""
        return strict_json.canonical(self._fields()).decode("ascii")

    def _fields(self) -> dict[str, Any]:
        """The document as plain JSON."""
        fields = {"payload": dict(self.payload), "public_key": self.public_key, "signature": self.signature}
        return fields | ({"with": [other._fields() for other in self.beside]} if self.beside else {})

    def verify(self, *, purpose: Purpose = "approval") -> None:
        """The payload is what the holder of the key signed for this purpose, and so for each document beside it.

        Whether a key is *trusted* is not asked.

        Raises
        ------
        ModelRefusedError
            If a signature does not fit the payload, the key and the purpose.
        """
        try:
            message = _DOMAINS[purpose] + strict_json.canonical(dict(self.payload))
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key.removeprefix("ed25519:")))
            key.verify(bytes.fromhex(self.signature), message)
        except (InvalidSignature, ValueError) as error:
            raise ModelRefusedError(
                "the signature must fit what was signed",
                given="it does not: the document or the signature was altered",
                do="Fetch the signed document again, or have it signed again",
            ) from error
        for other in self.beside:
            other.verify(purpose=purpose)


def _document(fields: object) -> SignedDocument:
    """The document that these fields are, with none beside it."""
    if not isinstance(fields, dict) or set(fields) != {"payload", "public_key", "signature"}:
        raise _malformed("its fields are others")
    if not isinstance(fields["payload"], dict) or not is_public_text(fields["public_key"]):
        raise _malformed("its payload or key is malformed")
    if not isinstance(fields["signature"], str) or not _SIGNATURE.fullmatch(fields["signature"]):
        raise _malformed("its signature is malformed")
    return SignedDocument(**fields | {"payload": MappingProxyType(fields["payload"])})


def _malformed(what: str) -> ModelRefusedError:
    """The refusal of a text that is no signed document."""
    return ModelRefusedError(
        "a signed document has a payload, a public key and a signature", given=what, do="Fetch the document again"
    )


sign = SignedDocument.sign
