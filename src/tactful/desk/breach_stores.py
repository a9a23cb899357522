"""What was in each store at a time: whose data, of which categories, and what protected it.

Notes
-----
A store is looked at as it is now. What entered after the period is left out as far as the store tells when: consents
of tactful's own by its clock, interactions by when they happened. What was deleted since then was in it and is here no
more: the journal counts those rows, and nobody can say whose they were. Both are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from tactful.assurance.summary import readable
from tactful.desk.breach_places import KEYS_ELSEWHERE, NAMELESS, Exposed, Period, Store
from tactful.desk.person import Desk
from tactful.errors import TactfulError, counted
from tactful.personal.engines.base import Kind
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.source import Source, Tabular
from tactful.personal.times import micros
from tactful.records.journal import Entry

_TIMES = {"interactions": "timestamp", "consents": "event_time"}
_SAYS = {
    "interactions": "what people used, and when",
    "consents": "what people agreed to, refused or withdrew, and when",
    "attributes": "what people told about themselves",
    "subjects": "who is a minor, and who was erased",
}
_ABOUT = {
    "interactions": "What you used, and when",
    "consents": "What you agreed to, refused or withdrew, and when",
    "attributes": "What you told about yourself",
    "subjects": "Whether you are a minor, and whether you asked to be deleted",
}


def exposed(desk: Desk, store: Store, period: Period) -> Exposed:
    """What a store held in a period; nothing is written.

    Notes
    -----
    **Privacy.** *Reads* who is in the store, and when their rows are from. *Returns* ids and counts, for inside the
    trust boundary. *Costs* nothing; nothing leaves. *Assumes* the reading was journalled before.
    """
    return NAMELESS[store] if store in NAMELESS else _LOOKS[store](desk, period)


def _vault(desk: Desk, period: Period) -> Exposed:
    """The vault's rows and attributes."""
    what, entries = "the vault: interactions and attributes, in files of tactful's own", desk.records.entries("vault.")
    if desk.vault is None or not any(e.kind == "vault.ingested" and e.time <= period.until for e in entries):
        return Exposed(store="vault", what=what, notes=("Nothing was in the vault until then.",))
    people, rows = _census(desk.vault.interactions(), "interactions", period)
    told, described = desk.vault.attributes(), desk.vault.describe()
    also, attributes = (frozenset[str](), 0) if told is None else _census(told, "attributes", period)
    columns = ", ".join(readable(column.column) for column in described.columns if column.drawer == "attributes")
    sensitive = {
        readable(c.category): c.rows
        for c in described.categories
        if desk.policy and c.category in desk.policy.sensitive
    }
    parts = {"interactions: what people used, and when": rows}
    parts |= {f"of all interactions there now, of the sensitive category {name}": n for name, n in sensitive.items()}
    parts |= {f"attributes of people: {columns}": attributes} if attributes else {}
    about = [_ABOUT["interactions"], *(f"Among these, items of the category {name}" for name in sensitive)]
    return Exposed(
        store="vault",
        what=what,
        rows=parts,
        about=(*about, *([f"{_ABOUT['attributes']}: {columns}"] if attributes else [])),
        people=people | also,
        protection=(
            "Every file is encrypted in all its parts, with AES-256-GCM under the storage key.",
            "Who a row is about is a pseudonym; the ids are sealed in the records.",
        ),
        questions=(KEYS_ELSEWHERE,),
        notes=(*_came_later(entries, period), *_gone_since(desk, entries, period)),
    )


def _records(desk: Desk, period: Period) -> Exposed:
    """The consent store, the directory of people and the journal."""
    people, rows = _census(desk.consents.events(known_at=period.until, evidence=False), "consents", None)
    directory = frozenset(desk.subjects.ids().values())
    return Exposed(
        store="records",
        what="the records: consents, the directory of people, the journal",
        rows={
            "consents: what people agreed to, refused or withdrew, and when": rows,
            "sealed ids of people": len(directory),
            "pseudonyms of people who were erased": len(desk.subjects.erased()),
        },
        about=(_ABOUT["consents"], "Your number or name with us (user id)"),
        people=people | directory,
        protection=(
            "Ids are sealed for each person under a key of their own, and that under the storage key (AES-256-GCM).",
            "Without the storage key, purposes, states and times of consents can be read under a number a person.",
            "The journal names no person.",
        ),
        questions=(KEYS_ELSEWHERE, "Could the attacker change the records, too?"),
        advice=("Whether the records are as they were left: tactful journal verify",),
        notes=(
            "Everybody in the directory now is counted, also whoever came after the period.",
            *_gone_since(desk, desk.records.entries("vault."), period),
        ),
    )


def _tables(desk: Desk, period: Period) -> Exposed:
    """The business's own tables, as far as tactful was told of them."""
    people, rows, roles, notes = frozenset[str](), dict[str, int](), list[str](), list[str]()
    for table in (table for table in desk.tables if not table.own):
        if table.in_a_lake:
            notes.append(f"{table.place} is in a lake, whose people are not counted here: ask whoever runs it.")
            continue
        try:
            found, count = _census(Path(table.place), table.role, period)
        except TactfulError as error:
            notes.append(f"{table.place} could not be read: {error.given}.")
            continue
        people, roles = people | found, [*roles, table.role]
        category = f"{table.role} in {Path(table.place).name}: {_SAYS[table.role]}"
        rows[category] = rows.get(category, 0) + count
    return Exposed(
        store="tables",
        what="tables of the business that tactful reads",
        rows=rows,
        about=("Your number or name with us (user id)", *(_ABOUT[role] for role in dict.fromkeys(roles))),
        people=people,
        protection=("Tactful does not encrypt them: whoever has the files reads ids and rows.",),
        questions=("Are the disks or files encrypted by other means, and were those keys out of reach?",),
        notes=(
            *notes,
            "Only columns that tactful reads are counted; say what else these tables hold.",
            "What the business deleted from them since is not counted.",
        ),
    )


def _census(source: Tabular, role: str, period: Period | None) -> tuple[frozenset[str], int]:
    """Who has rows in a table by the end of a period, and how many; a row without a readable time counts."""
    clock = _TIMES.get(role) if period is not None else None
    kinds: dict[str, Kind] = {"user_id": "id"}
    if clock is not None:
        kinds[clock] = "time"
    session = DuckDB().session()
    session.stage("rows", Source.open(source, role=role, required=tuple(kinds)), kinds)
    early = f"WHERE {clock} IS NULL OR {clock} <= {micros(period.until)}" if clock and period else ""
    found = session.query(f"SELECT user_id, COUNT(*) AS n FROM rows {early} GROUP BY user_id")  # noqa: S608  (ours)
    return frozenset(str(name) for name in found["user_id"] if name), int(sum(found["n"]))


def _came_later(entries: Iterable[Entry], period: Period) -> list[str]:
    """That some of what is in the vault came after the period."""
    later = sum(entry.kind == "vault.ingested" and entry.time > period.until for entry in entries)
    times = counted(later, "time")
    return [f"Rows were brought in {times} after the period; people who came with those are counted."] if later else []


def _gone_since(desk: Desk, entries: Iterable[Entry], period: Period) -> list[str]:
    """What was deleted since the period began, and so is counted nowhere."""
    purged = [e.body.get("deleted") for e in entries if e.kind == "vault.purged" and period.began_before(e.time)]
    rows = sum(int(n) for each in purged if isinstance(each, Mapping) for n in each.values())
    # by the record of erased people, which has each once and their day; an erasure that is repeated has more entries
    gone = sum(period.began_before(day + timedelta(days=1)) for day in desk.subjects.erased().values())
    deleted = f"{counted(rows, 'row was', 'rows were')} deleted since the period began"
    erased = f"{counted(gone, 'person was', 'people were')} erased since the day on which the period began"
    notes = [f"{deleted}, and had been in reach: nobody can say whose."] * (rows > 0)
    return notes + [f"{erased}, and had been in reach: nobody can say who."] * (gone > 0)


_LOOKS: Mapping[Store, Callable[[Desk, Period], Exposed]] = {"vault": _vault, "records": _records, "tables": _tables}
