"""The vault's rows as tables that the consent gate reads, with ids opened in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from tactful.errors import UsageError, counted
from tactful.personal.vault_attributes import TOLD
from tactful.personal.vault_rows import codes
from tactful.records.subjects import Subjects

_TIME = pa.timestamp("us", tz="UTC")
_NAMED = pa.dictionary(pa.int32(), pa.string())
EMPTY = pa.schema({"user_id": _NAMED, "item_id": _NAMED, "timestamp": _TIME}).empty_table()
"""Interactions of nobody."""


def with_ids(table: pa.Table, subjects: Subjects, wanted: frozenset[str] | None = None) -> tuple[pa.Table, pa.Table]:
    """The rows whose people are in the directory, as they are held and as the gate reads them.

    Parameters
    ----------
    table : pyarrow.Table
        In the columns of `tactful.personal.vault_rows.SCHEMA`, one chunk.
    subjects : Subjects
    wanted : frozenset of str, optional
        Only these pseudonyms; all if not given.

    Raises
    ------
    UsageError
        If somebody is neither in the directory nor erased: these are the records of another vault.

    Notes
    -----
    **Privacy.** *Reads* rows under pseudonyms, and the directory. *Returns* rows with ids, in memory, for the consent
    gate and the privacy officer. *Costs* nothing; nothing leaves. *Assumes* the process's memory is inside the trust
    boundary.
    """
    person, names = codes(table, "person")
    pseudonyms = [name.hex() for name in names]
    asked = pseudonyms if wanted is None else [name for name in pseudonyms if name in wanted]
    ids = _ids(asked, subjects)
    known = np.array([name in ids for name in pseudonyms], dtype=bool)
    mask = known[person] if len(known) else np.zeros(0, dtype=bool)
    held = table if mask.all() else table.filter(pa.array(mask))
    texts = pa.array([ids.get(name, "") for name in pseudonyms], pa.string())
    named = pa.DictionaryArray.from_arrays(pa.array(person[mask].astype(np.int32)), texts)
    times = held.column("instant").cast(pa.timestamp("us")).cast(_TIME)
    return held, pa.table({"user_id": named, "item_id": held.column("item_id"), "timestamp": times})


def attributes_with_ids(
    tables: Iterable[pa.Table], subjects: Subjects, wanted: frozenset[str] | None = None
) -> pa.Table | None:
    """What people told, with ids, all or these pseudonyms; None where nobody's is held.

    Notes
    -----
    **Privacy.** *Reads* attributes under pseudonyms, and the directory. *Returns* attributes with ids, in memory, to
    `tactful.personal.attributes`. *Costs* nothing; nothing leaves. *Assumes* the process's memory is inside the trust
    boundary.
    """
    held = list(tables)
    if not held:
        return None
    table = pa.concat_tables(held, promote_options="default").combine_chunks()
    pseudonyms = [person.hex() for person in table.column("person").to_pylist()]
    ids = _ids([name for name in pseudonyms if wanted is None or name in wanted], subjects)
    user_ids = pa.array([ids.get(name) for name in pseudonyms], pa.string())
    told = {name.removeprefix(TOLD): table.column(name) for name in table.column_names if name.startswith(TOLD)}
    found = pa.table({"user_id": user_ids, **told})
    return found.filter(pa.compute.is_valid(found.column("user_id")))


def _ids(pseudonyms: list[str], subjects: Subjects) -> dict[str, str]:
    """The id of each who is in the directory."""
    ids = subjects.ids(pseudonyms)
    missing = set(pseudonyms) - ids.keys()
    if missing and (strangers := missing - subjects.erased().keys()):
        raise UsageError(
            "the vault and the directory of its people, in the records, belong together",
            given=f"the records do not know {counted(len(strangers), 'person', 'people')} of the vault",
            do="Set TACTFUL_RECORDS to the records that the vault was filled with, or restore them",
            people=len(strangers),
        )
    return ids
