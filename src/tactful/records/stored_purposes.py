"""Misspelt purposes that a consent store has held since before they were refused: what they count for.

A table in which a purpose is misspelt stops a run until somebody mends it. Nobody can mend an event of the store, so a
stop would be for good. Instead whatever does not give, under such a name, counts for the purpose that was meant: a
refusal, a withdrawal, and what cannot be read. A grant under such a name gives nothing and lifts nothing: people may
give the purpose again, by its name.
"""

from __future__ import annotations

from typing import TypeGuard

import pyarrow as pa
import pyarrow.compute as pc

from tactful.records.purposes import misspelt

STORED = {b"tactful": b"consent store"}
"""What the schema of a table says whose events are the store's."""


def is_stored(table: pa.Table | None) -> TypeGuard[pa.Table]:
    """Whether a table says that its events are the store's."""
    return table is not None and STORED.items() <= (table.schema.metadata or {}).items()


def as_meant(events: pa.Table) -> pa.Table:
    """The store's events, those under a misspelt purpose counting for what was meant unless they give.

    Parameters
    ----------
    events : pyarrow.Table
        With the columns ``purpose`` and ``state`` as text, as `ConsentStore.events` has them.
    """
    purposes = events["purpose"]
    meant = misspelt(name for name in pc.unique(purposes).to_pylist() if name is not None)
    if not meant:
        return events
    told = [
        name if state == "given" else meant.get(name, name)
        for name, state in zip(purposes.to_pylist(), events["state"].to_pylist(), strict=True)
    ]
    return events.set_column(events.column_names.index("purpose"), "purpose", pa.array(told, pa.string()))
