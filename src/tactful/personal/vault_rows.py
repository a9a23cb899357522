"""Rows of the vault as Arrow tables: who, what, when, and which sensitive categories; in order, each once.

Notes
-----
A row is held once: the same person, item and instant twice is one row here. Nothing that tactful learns changes by it,
since every statistic counts the distinct items of a person; a log that repeats itself shrinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tactful.personal.consented import ConsentedInteractions

DIGITS = "0123456789abcdef"
"""The first digits of pseudonyms, by which the vault is divided."""
SEPARATOR = "|"
"""Between the sensitive categories of an item."""
_CODED, _NAMED = pa.dictionary(pa.int32(), pa.binary()), pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema({"person": _CODED, "item_id": _NAMED, "instant": pa.int64(), "sensitive": _NAMED})
"""The columns of a file of interactions: pseudonym, item, microseconds since 1970, categories when it came in."""
_ROWS = """
SELECT a.person, a.item, a.instant
FROM admitted a
JOIN people p ON p.person = a.person
WHERE p.pseudonym >= '{digit}' AND p.pseudonym < '{digit}g'
"""
_PEOPLE = "SELECT p.person, p.pseudonym FROM people p WHERE p.pseudonym >= '{digit}' AND p.pseudonym < '{digit}g'"
_ADMITTED = "SELECT DISTINCT p.pseudonym FROM admitted a JOIN people p ON p.person = a.person"


def admitted_people(consented: ConsentedInteractions) -> set[str]:
    """The pseudonyms of everybody with a row that was admitted.

    Notes
    -----
    **Privacy.** *Reads* what the gate admitted. *Returns* pseudonyms, to `tactful.personal.vault`. *Costs* nothing;
    nothing leaves. *Assumes* what `ConsentGate.admit` assumes.
    """
    return {str(name) for name in consented._session.query(_ADMITTED)["pseudonym"]}


def admitted_rows(consented: ConsentedInteractions, digit: str, categories: Sequence[tuple[str, ...]]) -> pa.Table:
    """What the gate admitted of people whose pseudonyms begin with the digit, in the columns of `SCHEMA`.

    Parameters
    ----------
    consented : ConsentedInteractions
    digit : str
        A hexadecimal digit.
    categories : sequence of tuple of str, one an item of the catalogue
        The sensitive categories that each item belongs to.

    Notes
    -----
    **Privacy.** *Reads* what the gate admitted. *Returns* rows under pseudonyms, to `tactful.personal.vault`. *Costs*
    nothing; nothing leaves. *Assumes* what `ConsentGate.admit` assumes.
    """
    session = consented._session
    rows, people = session.query(_ROWS.format(digit=digit)), session.query(_PEOPLE.format(digit=digit))
    place = pc.index_in(pa.array(rows["person"]), value_set=pa.array(people["person"]))
    items = rows["item"].astype(np.int32)
    labels, of_item = _labels(categories)
    names = pa.array([bytes.fromhex(str(name)) for name in people["pseudonym"]], pa.binary())
    item_ids = pa.array(consented.catalogue.item_ids.tolist(), pa.string())
    columns = [
        pa.DictionaryArray.from_arrays(place, names),
        pa.DictionaryArray.from_arrays(pa.array(items), item_ids),
        pa.array(rows["instant"].astype(np.int64)),
        pa.DictionaryArray.from_arrays(pa.array(of_item[items]), pa.array(labels, pa.string())),
    ]
    return pa.table(columns, schema=SCHEMA)


def merged(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows, each once, by person, instant and item; of two that are the same the earlier table's stays."""
    together = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    person, item = (_ranks(together.column(name)) for name in ("person", "item_id"))
    instant = together.column("instant").to_numpy()
    order = np.lexsort((item, instant, person))
    person, item, instant = person[order], item[order], instant[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (person[1:] != person[:-1]) | (instant[1:] != instant[:-1]) | (item[1:] != item[:-1])
    return compacted(together.take(pa.array(order[fresh])))


def compacted(table: pa.Table) -> pa.Table:
    """The same rows; no dictionary names what no row holds, so that a file knows nobody who is not in it."""
    columns = {}
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type).dictionary_encode().cast(field.type)
        columns[field.name] = column
    return pa.table(columns, schema=table.schema).combine_chunks()


def months(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each month, by its name."""
    month = table.column("instant").to_numpy().astype("datetime64[us]").astype("datetime64[M]")
    for each in np.unique(month):
        yield str(each), table.filter(pa.array(month == each))


def people(table: pa.Table) -> list[str]:
    """The pseudonyms of everybody with a row."""
    return [name.hex() for name in table.column("person").unique().cast(pa.binary()).to_pylist()]


def of_digit(table: pa.Table, digit: str) -> pa.Table:
    """The rows of people whose pseudonyms begin with the digit."""
    person, names = codes(table, "person")
    ours = np.array([name.hex()[0] == digit for name in names], dtype=bool)
    return table.filter(pa.array(ours[person] if names else np.zeros(0, dtype=bool)))


def without(table: pa.Table, person: bytes) -> pa.Table:
    """The rows of everybody else, in either drawer."""
    others = pc.not_equal(table.column("person").cast(pa.binary()), pa.scalar(person, pa.binary()))
    return compacted(table.filter(others))


def codes(table: pa.Table, name: str) -> tuple[NDArray[Any], list[Any]]:
    """A dictionary column as positions, and what stands at each."""
    column = table.column(name).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return column.indices.to_numpy(), column.dictionary.to_pylist()


def _ranks(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """For each cell the rank of its value, by bytes."""
    cells = column.combine_chunks()
    ranks = pc.rank(cells.dictionary, sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
    return ranks[cells.indices.to_numpy()] if len(ranks) else np.zeros(0, dtype=np.int64)


def _labels(categories: Sequence[tuple[str, ...]]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct sets of categories as text, and for each item the position of its own."""
    labels = sorted({SEPARATOR.join(names) for names in categories} | {""})
    place = {label: position for position, label in enumerate(labels)}
    return labels, np.array([place[SEPARATOR.join(names)] for names in categories], dtype=np.int32)
