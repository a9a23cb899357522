"""The rows of one person in a table, and what the gate says of each: what a privacy officer shows that person.

Notes
-----
A table is filtered while it is read: nobody else's row becomes a Python value. What comes back is text as the gate
reads it (`tactful.personal.engines.base.Session.stage`), so that the gate judges these few rows as it judges the whole
table. Its checks of whole tables (that some time can be read, that some state is one) would stop at a person whose only
record is broken; a made-up row of nobody stands beside theirs to satisfy them, and is not counted.

The file is longer than most: what is read as text and what judges that text have to agree about every column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.personal.consent import OUTCOMES
from tactful.personal.engines.base import Engine, Kind, Roll
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.gate import ConsentGate
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.source import Source, Tabular
from tactful.personal.times import micros, utc_now
from tactful.records.purposes import check_spelling
from tactful.records.stored_purposes import STORED, is_stored

Role = Literal["interactions", "consents", "subjects", "attributes"]
"""What a table about people is for."""

UNREADABLE = "unreadable"
"""What stands where a value is no time."""

_KINDS: Mapping[Role, Mapping[str, Kind]] = {
    "interactions": {"user_id": "person", "item_id": "id", "timestamp": "time"},
    "consents": {
        "user_id": "person",
        "purpose": "purpose",
        "state": "word",
        "event_time": "time",
        "recorded_time": "time",
        "valid_until": "end",
        **dict.fromkeys(("notice_version", "language", "jurisdiction", "method"), "word"),
        **dict.fromkeys(("legal_basis", "data_categories", "source", "record_id"), "word"),
        **dict.fromkeys(("receipt_id", "schema_version"), "word"),
        "stored_time": "time",
    },
    "subjects": {"user_id": "person", "minor": "flag", "erased_at": "time"},
    "attributes": {"user_id": "person"},
}
_NEEDED: Mapping[Role, tuple[str, ...]] = {
    "interactions": ("user_id", "item_id", "timestamp"),
    "consents": ("user_id", "purpose", "state", "event_time"),
    "subjects": ("user_id",),
    "attributes": ("user_id",),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = micros(datetime(9999, 12, 31, tzinfo=UTC))
_ONE = timedelta(microseconds=1)
_JUDGED = "SELECT p.pseudonym, j.item, j.instant, j.place FROM judged j JOIN people p ON p.person = j.person"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PersonRows:
    """What one table holds of one person.

    Attributes
    ----------
    table : pyarrow.Table
        Their rows, text in every column; times in ISO 8601, `UNREADABLE` where a value is none.
    not_read : tuple of str
        The other columns of the table, by name. Tactful reads none of them.
    """

    table: pa.Table
    not_read: tuple[str, ...]

    def __repr__(self) -> str:
        return "PersonRows(one person)"

    def __len__(self) -> int:
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Judged:
    """What the gate says of one person's rows.

    Attributes
    ----------
    outcomes : tuple of str
        For each row, in its order, ``admitted`` or the reason why not.
    """

    outcomes: tuple[str, ...]

    def __repr__(self) -> str:
        return "Judged(one person)"

    @property
    def admitted(self) -> int:
        """How many rows may be used."""
        return self.outcomes.count("admitted")


def rows_of(
    user_id: str,
    source: Tabular,
    role: Role,
    *,
    keys: Keys,
    columns: Sequence[str] = (),
    engine: Engine | None = None,
) -> PersonRows:
    """The rows of one person, found while the table is read; nobody else's leave the engine.

    Parameters
    ----------
    user_id : str
    source : str, Path, pyarrow.Table or pandas.DataFrame
    role : Role
        What the table is for, which says what columns it has.
    keys : Keys
        For engines that never see an id, only the pseudonym.
    columns : sequence of str
        Of attributes: those that are declared. One that the table lacks is left out.
    engine : Engine, optional
        What reads; DuckDB if not given. Its session may have been used for another table before.

    Raises
    ------
    NotFoundError, SchemaError
        If the file is not there, lacks a column, or cannot be read to its end.
    UsageError
        If the id is empty or hides blanks or control characters: no row could be that person's.

    Notes
    -----
    **Privacy.** *Reads* the columns that tactful knows of such a table. *Returns* one person's rows, to `tactful.desk`
    for them or whoever answers to them. *Costs* nothing; nothing else leaves. *Assumes* whoever asks may see them.
    """
    checked_id(user_id)
    kinds: dict[str, Kind] = {**_KINDS[role], **dict.fromkeys(columns, "word")}
    needed = _NEEDED[role]
    found = Source.open(source, role=role, required=needed, optional=[name for name in kinds if name not in needed])
    kept: dict[str, Kind] = {name: kinds[name] for name in found.columns}
    session = (engine or DuckDB()).session(Roll(keys=keys, evaluation_share=0.0))
    session.stage("rows", found, kept)
    one = pa.table({"user_id": pa.array([user_id], pa.string())})
    session.stage("wanted", Source.open(one, role="wanted", required=["user_id"]), {"user_id": "person"})
    flags = [f"{name}_unreadable" for name, kind in kept.items() if kind in ("time", "end")]
    listed = ", ".join(f'r."{name}"' for name in (*kept, *flags))
    values = session.query(f"SELECT {listed} FROM rows r JOIN wanted w ON w.user_id = r.user_id")  # noqa: S608
    session.drop("rows", "wanted")
    values["user_id"] = np.full(len(values["user_id"]), user_id, dtype=object)
    text = {name: pa.array(_texts(kind, values, name), pa.string()) for name, kind in kept.items()}
    told = pa.table(text, metadata=STORED if is_stored(found.table) else None)
    return PersonRows(table=told, not_read=tuple(sorted(set(found.header) - set(kept))))


def judge(
    *,
    interactions: pa.Table,
    consents: Sequence[pa.Table],
    subjects: Sequence[pa.Table],
    catalogue: Catalogue,
    policy: Policy,
    keys: Keys,
    purpose: str,
    as_of: datetime | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Judged:
    """What the gate says of each of one person's rows, by their own consents alone.

    Parameters
    ----------
    interactions : pyarrow.Table
        Of `rows_of`.
    consents, subjects : sequences of pyarrow.Table
        Of `rows_of`; several tables count together.
    catalogue, policy, keys
        As for `tactful.personal.gate.ConsentGate`.
    purpose : str
    as_of : datetime, optional
    now : callable, optional
        The clock, to judge as a past run did.

    Notes
    -----
    **Privacy.** *Reads* the rows given. *Returns* an outcome for each, for inside the trust boundary. *Costs* nothing.
    *Assumes* what `ConsentGate.admit` assumes, and that all rows are of one person.
    """
    if not interactions.num_rows:
        return Judged(outcomes=())
    nobody = f"{interactions['user_id'][0].as_py()}-nobody"
    log = _with(interactions, {"user_id": nobody, "timestamp": now().isoformat()})
    gate = _gate(nobody, consents, subjects, catalogue, policy, keys, now)
    admitted = gate.admit(InteractionLog.open(log), purpose, as_of)
    found = admitted._session.query(_JUDGED)
    name = keys.pseudonyms([nobody])[0]
    rows = zip(*(found[column] for column in ("pseudonym", "item", "instant", "place")), strict=True)
    told = {(item, instant): OUTCOMES[int(place)] for who, item, instant, place in rows if who != name}
    return Judged(outcomes=tuple(told[place] for place in _places(interactions, catalogue)))


def agreed(
    user_id: str,
    *,
    consents: Sequence[pa.Table],
    subjects: Sequence[pa.Table],
    catalogue: Catalogue,
    policy: Policy,
    keys: Keys,
    purpose: str,
    as_of: datetime | None = None,
    now: Callable[[], datetime] = utc_now,
) -> bool:
    """Whether a person's consents let any row of theirs pass the gate; if not, none could, whatever rows there were.

    Parameters
    ----------
    user_id : str
    consents, subjects, catalogue, policy, keys, purpose, as_of, now
        As for `judge`.

    Notes
    -----
    **Privacy.** *Reads* the rows given. *Returns* yes or no, for inside the trust boundary. *Costs* nothing. *Assumes*
    what `ConsentGate.willing` assumes, and that all rows are of one person.
    """
    gate = _gate(f"{user_id}-nobody", consents, subjects, catalogue, policy, keys, now)
    return bool(gate.willing(keys.pseudonyms([user_id]), purpose, as_of))


def check_said(consents: pa.Table) -> None:
    """Raise `SchemaError` if the gate would stop at a purpose in a person's consents, of `rows_of`."""
    if not is_stored(consents):
        check_spelling({purpose for purpose in consents["purpose"].to_pylist() if purpose}, "consents")


def checked_id(user_id: str) -> str:
    """The id, if it may be one.

    Raises
    ------
    UsageError
        If it is empty, or hides blanks or control characters.
    """
    if not user_id or not is_clean(user_id):
        raise UsageError(
            "a user_id is not empty and neither begins nor ends with a blank, nor holds a control character",
            given="this one (not repeated here) is otherwise",
            do="Write it as the tables do",
        )
    return user_id


def _gate(
    nobody: str,
    consents: Sequence[pa.Table],
    subjects: Sequence[pa.Table],
    catalogue: Catalogue,
    policy: Policy,
    keys: Keys,
    now: Callable[[], datetime],
) -> ConsentGate:
    """The gate over what one person said, and a refusal of somebody made up."""
    refused = {"user_id": nobody, "purpose": "nothing", "state": "refused", "event_time": now().isoformat()}
    flagged = _joined(subjects, "subjects")
    stored, others = ([table for table in consents if is_stored(table) == one] for one in (True, False))
    said = [_joined(others, "consents")]
    said += [_joined(stored, "consents").replace_schema_metadata(STORED)] if stored else []
    return ConsentGate(
        consents=[_with(table, refused) for table in said],
        subjects=flagged if flagged.num_rows else None,
        catalogue=catalogue,
        policy=policy,
        keys=keys,
        evaluation_share=0.0,
        now=now,
    )


def _places(interactions: pa.Table, catalogue: Catalogue) -> list[tuple[int | None, int | None]]:
    """For each row its item's position and its instant, as the gate has them."""
    position = {item: place for place, item in enumerate(catalogue.item_ids.tolist())}
    items = [None if item is None else position.get(item, -1) for item in interactions["item_id"].to_pylist()]
    return list(zip(items, map(_instant, interactions["timestamp"].to_pylist()), strict=True))


def _instant(text: str | None) -> int | None:
    """Microseconds since 1970 of a time as `rows_of` writes it."""
    return None if text is None or text == UNREADABLE else micros(datetime.fromisoformat(text))


def _texts(kind: Kind, values: Mapping[str, Any], name: str) -> list[str | None]:
    """A column as text."""
    if kind not in ("time", "end"):
        return [None if value is None else str(value) for value in values[name]]
    pairs = zip(values[name], values[f"{name}_unreadable"], strict=True)
    return [UNREADABLE if strange else None if value is None else _time(int(value)) for value, strange in pairs]


def _time(instant: int) -> str:
    """A time in ISO 8601; an end after the year 9999 is then."""
    return (_EPOCH + min(instant, _LAST) * _ONE).isoformat()


def _joined(tables: Sequence[pa.Table], role: Role) -> pa.Table:
    """Several tables as one, with every column of the role."""
    columns = {name: [v for t in tables for v in _column(t, name)] for name in _KINDS[role]}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _column(table: pa.Table, name: str) -> list[str | None]:
    """A column, missing values where the table has none of that name."""
    return table[name].to_pylist() if name in table.column_names else [None] * table.num_rows


def _with(table: pa.Table, row: Mapping[str, str]) -> pa.Table:
    """The table with one more row; what it does not say is missing."""
    more = pa.table({name: pa.array([row.get(name)], pa.string()) for name in table.column_names})
    return pa.concat_tables([table, more.replace_schema_metadata(table.schema.metadata)])
