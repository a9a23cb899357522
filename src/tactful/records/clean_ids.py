"""Which ids name somebody. Every store and every engine asks the same question."""

from __future__ import annotations

import unicodedata

_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_INVISIBLE = _CONTROL | {"Cf", "Zs"}


def is_clean(user_id: str) -> bool:
    """Whether an id neither begins nor ends with a blank or an invisible character, and holds no control character.

    An id that does looks like another, which its refusals would not reach.
    """
    if user_id.isprintable():  # then a plain space is its only blank
        return user_id == user_id.strip(" ")
    kinds = [unicodedata.category(character) for character in user_id]
    return not (_INVISIBLE & {kinds[0], kinds[-1]} or _CONTROL.intersection(kinds))
