"""Suppression lists of made-up people, written as `tactful suppressions` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.scoring.signing import public_text
from tactful.scoring.suppression_list import write_list
from tactful.scoring.suppression_marks import mark
from tactful.scoring.suppressions import Suppressions

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = b"k" * 32
OFFICER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def marks(*user_ids: str | int, key: bytes = KEY) -> bytes:
    """The sorted marks of these people."""
    return b"".join(sorted(mark(key, user_id) or b"" for user_id in user_ids))


def write(path: Path, user_ids: Iterable[str | int] = ("ann", "bob"), **changes: Any) -> Path:
    """A list of these people, made at `NOW` for a day unless said otherwise."""
    made_at = changes.pop("made_at", NOW)
    key = changes.pop("key", KEY)
    described = {"basis": "consent", "expires_at": made_at + timedelta(days=1), "signer": OFFICER} | changes
    write_list(path, marks(*user_ids, key=key), made_at=made_at, key=key, **described)
    return path


def reader(path: Path, **changes: Any) -> Suppressions:
    """What a service has, at `NOW` unless said otherwise."""
    return Suppressions(path, **{"key": KEY, "trusted_keys": public_text(OFFICER), "now": Clock()} | changes)
