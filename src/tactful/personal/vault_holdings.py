"""What is in the vault, and whether it is as it was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from tactful.errors import TactfulError, counted
from tactful.personal.vault_attributes import PURPOSES, TOLD
from tactful.personal.vault_manifest import VaultPolicy
from tactful.personal.vault_results import Held, HeldCategory, Holdings, VaultReport
from tactful.personal.vault_rows import SEPARATOR, codes, people
from tactful.personal.vault_store import VaultStore

_WHAT: Final = {
    "person": ("who: a pseudonym, whose id is sealed in the records", "a person's rows belong together"),
    "item_id": ("what they used", "the model learns which items go together"),
    "instant": ("when", "consent must have held then, and retention ends"),
    "sensitive": ("the item's sensitive categories when the row came in", "such rows need an opt-in of their own"),
}
_OTHER = "other items"


def describe(store: VaultStore) -> Holdings:
    """What is held; see `tactful.personal.vault.Vault.describe`.

    Notes
    -----
    **Privacy.** *Reads* every row. *Returns* exact counts, for the operator's terminal. *Costs* nothing; nothing
    leaves. *Assumes* the terminal is inside the trust boundary.
    """
    manifest, held = store.manifest(), store.tables("interactions")
    table = pa.concat_tables(held).unify_dictionaries().combine_chunks() if held else None
    told = store.tables("attributes")
    instants = table.column("instant").to_numpy() if table else np.zeros(0, dtype=np.int64)
    return Holdings(
        generation=manifest.generation,
        purpose=manifest.policy.purpose,
        columns=_columns(told, manifest.policy),
        categories=_categories(table, manifest.policy) if table else (),
        rows=len(instants),
        people=len(people(table)) if table else 0,
        people_with_attributes=sum(part.num_rows for part in told),
        oldest=_time(int(instants.min())) if len(instants) else None,
        newest=_time(int(instants.max())) if len(instants) else None,
        files=len(manifest.files),
        size=sum(file.size for file in manifest.files),
        storage_key=store.keys.fingerprints()["storage"],
        pseudonym_key=manifest.pseudonym_key,
    )


def verify(store: VaultStore) -> VaultReport:
    """Whether everything holds; see `tactful.personal.vault.Vault.verify`.

    Notes
    -----
    **Privacy.** *Reads* every file. *Returns* counts, and what is wrong with which file. *Costs* nothing; nothing
    leaves. *Assumes* nothing.
    """
    with store.folder.locked():
        store.settle()
        manifest, problems, rows = store.manifest(), _age(store), 0
        for file in manifest.files:
            try:
                table = store.table(file)
                rows += table.num_rows
                if gone := _erased(store, table):
                    erased = counted(gone, "person who was", "people who were")
                    problems.append(f"{file.name} has rows of {erased} erased: run `tactful purge`")
            except FileNotFoundError:
                problems.append(f"{file.name} is missing")
            except TactfulError as error:
                problems.append(f"{file.name}: {error.given}")
    return VaultReport(files=len(manifest.files), rows=rows, problems=tuple(problems))


def _age(store: VaultStore) -> list[str]:
    """What the journal says against the generation that counts: an older vault may have been put back.

    The vault may be ahead of the journal: an erasure changes it first, and then says so.
    """
    generation, name = store.generation()
    known = [(int(str(body["generation"])), body["manifest"]) for body in store.told()]
    newest = max((number for number, _ in known), default=0)
    if newest > generation:
        return [f"the vault is at generation {generation}, the journal at {newest}: an older one was put back"]
    last = next((called for number, called in reversed(known) if number == generation), name)
    return [] if last == name else [f"generation {generation} is not the one that the journal knows"]


def _erased(store: VaultStore, table: pa.Table) -> int:
    """How many people of a file were erased for good: theirs is no row of any vault but one from before.

    Whoever is marked, and whose key is still there, is being erased: that is no fault of the vault.
    """
    marked = store.subjects.erased().keys() & set(people(table))
    return sum(store.subjects.find(name) is None for name in marked)


def _columns(told: list[pa.Table], policy: VaultPolicy) -> tuple[Held, ...]:
    """Every column of both drawers."""
    first = [Held(drawer="interactions", column=name, what=what, why=why) for name, (what, why) in _WHAT.items()]
    names = sorted({name.removeprefix(TOLD) for part in told for name in part.column_names if name.startswith(TOLD)})
    why = f"fairness, of people who gave {' or '.join(PURPOSES)}"
    return (
        *first,
        *(
            Held(
                drawer="attributes",
                column=name,
                what=f"one of {counted(len(policy.attributes.get(name, ())), 'level')}",
                why=why,
            )
            for name in names
        ),
    )


def _categories(table: pa.Table, policy: VaultPolicy) -> tuple[HeldCategory, ...]:
    """The rows of each sensitive category and of none; a row of two is in both."""
    place, labels = codes(table, "sensitive")
    instants = table.column("instant").to_numpy()
    names = sorted({name for label in labels for name in label.split(SEPARATOR)})
    found = []
    for name in names:
        of = np.array([name in label.split(SEPARATOR) for label in labels], dtype=bool)[place]
        if of.any():
            days = policy.days((name,) if name else ())
            until = _time(int(instants[of].max())) + timedelta(days=days)
            found.append(HeldCategory(category=name or _OTHER, rows=int(of.sum()), retention_days=days, until=until))
    return tuple(found)


def _time(instant: int) -> datetime:
    """The time of an instant in microseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
