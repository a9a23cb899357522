"""The vault's second drawer: what people told about themselves, as far as fairness needs it and they agreed.

Only the declared columns, only of people who are in the first drawer and gave ``fairness.assessment`` or
``fairness.mitigation``. A value that is none of the declared levels stands here as ``other``, which is what it counts
as; where the rows of one person differ, nothing stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from tactful.personal.attributes import OTHER, AttributeSpec, Demographics
from tactful.personal.gate import ConsentGate
from tactful.personal.vault_rows import DIGITS
from tactful.personal.vault_store import Change

PURPOSES = ("fairness.assessment", "fairness.mitigation")
"""To give one of these lets attributes in."""
TOLD = "told "
"""How the names of attributes begin in a file, so that none is taken for the pseudonym."""


def willing(gate: ConsentGate, people: Collection[str]) -> set[str]:
    """Those of these pseudonyms whose people let their attributes be held.

    Notes
    -----
    **Privacy.** *Reads* consent events. *Returns* pseudonyms, to `tactful.personal.vault`. *Costs* nothing; nothing
    leaves. *Assumes* what `ConsentGate.willing` assumes.
    """
    return set().union(*(gate.willing(list(people), purpose) for purpose in PURPOSES)) if people else set()


def take_in(
    change: Change, source: Demographics, specs: Sequence[AttributeSpec], gate: ConsentGate, people: set[str]
) -> int:
    """What these people told is in the drawer, in place of what they told before; of how many people that is.

    Notes
    -----
    **Privacy.** *Reads* the declared attributes, and looks only at those of people who agreed. *Returns* a count.
    *Costs* nothing; nothing leaves. *Assumes* one id is one person.
    """
    agreed = willing(gate, people)
    told = source._values(gate, agreed, [spec.name for spec in specs])
    coded = {bytes.fromhex(name): _levels(values, specs) for name, values in told.items()}
    rows = {person: row for person, row in coded.items() if any(row)}  # who told nothing has no row
    names = [spec.name for spec in specs]
    for digit in DIGITS:
        news = {person: row for person, row in rows.items() if person.hex()[0] == digit}
        held = _held(change, digit, names)
        if held != held | news:
            change.put(_table(held | news, names), drawer="attributes", month="", digit=digit)
    return len(rows)


def keep_only(change: Change, people: Collection[str]) -> tuple[int, int]:
    """Only these pseudonyms have attributes in the drawer; how many people had, and how many have.

    Notes
    -----
    **Privacy.** *Reads* who is in the drawer. *Returns* counts. *Costs* nothing; nothing leaves. *Assumes* nothing.
    """
    wanted, before, after = {bytes.fromhex(name) for name in people}, 0, 0
    for digit in DIGITS:
        table = change.held("attributes", "", digit)
        if table is None:
            continue
        stays = [person in wanted for person in table.column("person").to_pylist()]
        before, after = before + len(stays), after + sum(stays)
        if not all(stays):
            change.put(table.filter(pa.array(stays)), drawer="attributes", month="", digit=digit)
    return before, after


def _levels(values: tuple[str | None, ...], specs: Sequence[AttributeSpec]) -> tuple[str | None, ...]:
    """Each value as its declared level, ``other``, or nothing."""
    return tuple(
        None if value is None else value if value in spec.levels else OTHER
        for value, spec in zip(values, specs, strict=True)
    )


def _held(change: Change, digit: str, names: Sequence[str]) -> dict[bytes, tuple[str | None, ...]]:
    """What is in the drawer of this digit, in these columns; a column that is not declared any more is left behind."""
    table = change.held("attributes", "", digit)
    if table is None:
        return {}
    nothing: list[str | None] = [None] * table.num_rows
    told = {name: f"{TOLD}{name}" for name in names}
    columns = [table.column(told[n]).to_pylist() if told[n] in table.column_names else nothing for n in names]
    return dict(zip(table.column("person").to_pylist(), zip(*columns, strict=True), strict=True))


def _table(rows: Mapping[bytes, tuple[str | None, ...]], names: Sequence[str]) -> pa.Table:
    """The rows as a table, by pseudonym."""
    people = sorted(rows)
    columns = {
        f"{TOLD}{name}": pa.array([rows[person][place] for person in people], pa.string())
        for place, name in enumerate(names)
    }
    return pa.table({"person": pa.array(people, pa.binary()), **columns})
