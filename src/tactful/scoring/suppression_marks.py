"""What stands for a person in a suppression list: their id, hashed under a key that is used for nothing else."""

from __future__ import annotations

import hmac
import operator
import unicodedata

MARK = 16
"""Bytes a person."""

_CHECKED = b"\x00tactful suppression key"  # no id begins like this: ids that are not clean are nobody's
_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_INVISIBLE = _CONTROL | {"Cf", "Zs"}


def is_clean(user_id: str) -> bool:
    """Whether an id neither begins nor ends with a blank or an invisible character, and holds no control character.

    The rule of `tactful.records.clean_ids`, again: scoring imports nothing of that room, and a test holds the two
    against each other.
    """
    if user_id.isprintable():
        return user_id == user_id.strip(" ")
    kinds = [unicodedata.category(character) for character in user_id]
    return not (_INVISIBLE & {kinds[0], kinds[-1]} or _CONTROL.intersection(kinds))


def mark(key: bytes, user_id: object) -> bytes | None:
    """What stands for a person in a list under this key; None if the value is nobody's id.

    The integer 7 and the text ``"7"`` are one id. Text counts byte for byte; text that is not clean is nobody's.

    Notes
    -----
    **Privacy.** *Reads* the id. *Returns* HMAC-SHA256 under the key, cut to 16 bytes. *Costs* nothing. *Assumes* the
    key is secret.
    """
    try:
        text = user_id if isinstance(user_id, str) else _digits(user_id)
        return hmac.digest(key, text.encode(), "sha256")[:MARK] if text and is_clean(text) else None
    except (TypeError, ValueError):  # no id: another type, half a character, a number beyond all bounds
        return None


def key_check(key: bytes) -> str:
    """Sixteen hexadecimal digits that change with the key and say nothing else about it."""
    return hmac.digest(key, _CHECKED, "sha256").hex()[:16]


def _digits(user_id: object) -> str:
    """A whole number as text."""
    if isinstance(user_id, bool):
        raise TypeError("a truth value is no id")
    return str(operator.index(user_id))  # type: ignore[arg-type]  # raises where it is no integer
