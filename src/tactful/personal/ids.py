"""From ids to pseudonyms, once for each distinct person. Every engine shares these functions.

Notes
-----
Ids are compared byte for byte, after an integer has become its digits: two Unicode forms of é are two ids, capitals are
not small letters. An id that is not clean (see `tactful.records.clean_ids`) is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import pyarrow as pa

from tactful.personal.keys import Keys
from tactful.personal.times import micros
from tactful.records.clean_ids import is_clean

__all__ = ["enrolled", "is_clean", "pseudonyms"]


def pseudonyms(user_ids: Iterable[str | None], keys: Keys) -> dict[str, str]:
    """For each clean id its pseudonym, in the order of pseudonyms, so that nothing depends on the order of the rows.

    Privacy
    -------
    Reads: person ids.
    Returns: HMAC-SHA256 under the pseudonym key, cut to 16 bytes; without the key an id can neither be guessed nor
    checked.
    Costs: nothing; nothing leaves.
    Assumes: the key is secret.
    """
    given = [user_id for user_id in user_ids if user_id and is_clean(user_id)]
    return {user_id: name for name, user_id in sorted(zip(keys.pseudonyms(given), given, strict=True))}


def gone(names: Iterable[str], erased: Mapping[str, datetime]) -> pa.Table:
    """The table ``erased(person, erased_at)`` of those pseudonyms that were erased; a person's number is their place.

    Privacy
    -------
    Reads: pseudonyms, in the order of people's numbers.
    Returns: when each of the erased among them was, in microseconds.
    Costs: nothing; nothing leaves.
    Assumes: the pseudonyms are those of one key.
    """
    found = [(person, micros(erased[name])) for person, name in enumerate(names) if name in erased] if erased else []
    persons, times = zip(*found, strict=True) if found else ((), ())
    return pa.table({"person": pa.array(persons, pa.int32()), "erased_at": pa.array(times, pa.int64())})


def enrolled(user_ids: Iterable[str | None], keys: Keys, evaluation_share: float) -> tuple[pa.Table, pa.Table]:
    """The tables ``ids(user_id, person)`` and ``people(person, pseudonym, part)``; missing and unclean ids are nobody.

    A person's part, ``training`` or ``evaluation``, depends on their id, the assignment key and the share, on nothing
    else.

    Privacy
    -------
    Reads: person ids.
    Returns: the one table that holds ids, to be dropped once the others are joined, and the one that stays.
    Costs: nothing; nothing leaves.
    Assumes: the keys are secret.
    """
    named = pseudonyms(user_ids, keys)
    person = pa.array(range(len(named)), pa.int32())
    cut = int(evaluation_share * 2**64)
    part = ["evaluation" if place < cut else "training" for place in keys.places(named)]
    return (
        pa.table({"user_id": pa.array(named, pa.string()), "person": person}),
        pa.table(
            {"person": person, "pseudonym": pa.array(named.values(), pa.string()), "part": pa.array(part, pa.string())}
        ),
    )
