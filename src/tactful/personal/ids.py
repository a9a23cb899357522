"""From ids to pseudonyms, once for each distinct person. Every engine shares these functions.

Notes
-----
Ids are compared byte for byte, after an integer has become its digits: two Unicode forms of é are two ids, capitals are
not small letters. An id that is not clean (see `tactful.records.clean_ids`) is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from tactful.personal.keys import Keys
from tactful.records.clean_ids import is_clean

__all__ = ["enrolled", "is_clean", "part_of", "pseudonyms"]


def pseudonyms(user_ids: Iterable[str | None], keys: Keys) -> dict[str, str]:
    """For each clean id its pseudonym, in the order of pseudonyms, so that nothing depends on the order of the rows.

    Notes
    -----
    **Privacy.** *Reads* person ids. *Returns* HMAC-SHA256 under the pseudonym key, cut to 16 bytes; without the key an
    id can neither be guessed nor checked. *Costs* nothing; nothing leaves. *Assumes* the key is secret.
    """
    given = [user_id for user_id in user_ids if user_id and is_clean(user_id)]
    return {user_id: name for name, user_id in sorted(zip(keys.pseudonyms(given), given, strict=True))}


def enrolled(
    user_ids: Iterable[str | None], keys: Keys, evaluation_share: float, *, among: Iterable[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """The tables ``ids(user_id, person)`` and ``people(person, pseudonym, part)``; missing and unclean ids are nobody.

    A person's part, ``training`` or ``evaluation``, depends on their id, the assignment key and the share, on nothing
    else. Where pseudonyms are given, only people among those are enrolled.

    Notes
    -----
    **Privacy.** *Reads* person ids. *Returns* the one table that holds ids, to be dropped once the others are joined,
    and the one that stays. *Costs* nothing; nothing leaves. *Assumes* the keys are secret.
    """
    named = pseudonyms(user_ids, keys)
    if among is not None:
        wanted = set(among)
        named = {user_id: name for user_id, name in named.items() if name in wanted}
    person = pa.array(range(len(named)), pa.int32())
    ids = {"user_id": pa.array(named, pa.string()), "person": person}
    part = [part_of(place, evaluation_share) for place in keys.places(named)]
    people = {
        "person": person,
        "pseudonym": pa.array(named.values(), pa.string()),
        "part": pa.array(part, pa.string()),
    }
    return pa.table(ids), pa.table(people)


def part_of(place: int, evaluation_share: float) -> str:
    """``training`` or ``evaluation``, by where a person falls on the line from 0 to 2^64; see `Keys.places`."""
    return "evaluation" if place < int(evaluation_share * 2**64) else "training"
