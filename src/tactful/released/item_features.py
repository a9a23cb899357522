"""What the public catalogue says of its items, as columns of numbers: for priors that borrow strength between items.

Nothing here is about people: the only input is the `Catalogue`, so everything is public and costs nothing.

How a column is read
--------------------
The first rule that holds decides. *Filled* items have a value; *distinct* counts different values.

numbers
    Every item has at most one value, every value is a number or an ISO date, more than 10 are distinct, and the name
    does not end in the word for a code (`_CODES`; ``aisle_id`` does). One column is the rank among the filled items,
    centred and of variance one, which is the same for prices in cents or in logarithms and knows no outliers; up to 8
    more are indicators of equally full ranges, so that an effect need not be a straight line. Whole numbers that are
    all different are taken for ids and ignored.
text
    At least 20 items are filled, at least half of them differently, and a value has three words or more on average.
    Latent semantic analysis (Deerwester, Dumais, Furnas, Landauer & Harshman, "Indexing by Latent Semantic Analysis",
    1990): words weighted by tf-idf, the leading singular directions, at most 50 and a tenth of the filled items.
labels
    Everything else, with one or several values an item: one indicator for each value that at least two items have and
    at least two have not. A column without such a value, of ids for instance, is ignored.

Of all columns the 200 that are non-zero for the most items stay. A column equal to an earlier one is left out. An item
without a value has zeros. Titles are for people to read and are not features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MultiLabelBinarizer

from tactful.catalogue import Catalogue

_MOST_COLUMNS = 200
_FEW_NUMBERS = 10
_RANGES, _ITEMS_A_RANGE = 8, 10
_CODES = frozenset({"id", "no", "nr", "code", "key"})
_FEWEST_TEXTS, _WORDS = 20, 3
_MOST_DIRECTIONS, _ITEMS_A_DIRECTION, _MOST_WORDS = 50, 10, 1_000

_SAID = "other columns say as much, or speak of more items"

_Values: TypeAlias = Sequence[tuple[str, ...]]
_Column: TypeAlias = tuple[str, NDArray[np.int64], NDArray[np.float64]]
"""Its name, and the items that have a value, rising, with their values: most items have none of most features."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ItemFeatures:
    """Public features of every item of a catalogue, in its order.

    Attributes
    ----------
    names : tuple of str
        One a column: ``genre=Comedy``, ``year``, ``year 1990 to 1994``, ``plot ~3``.
    values : float array of shape (n_items, n_features)
        Indicators are 0 or 1, numbers have mean 0 and variance 1, text directions lie within [-1, 1].
    ignored : mapping of str to str
        Columns of the catalogue that give no feature, and why.
    columns : tuple of str
        Columns of the catalogue that give some.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    ignored: Mapping[str, str]
    columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ItemFeatures({len(self.values)} items, {len(self.names)} features, ignored {sorted(self.ignored)})"

    @property
    def empty(self) -> bool:
        """Whether the catalogue says nothing of its items."""
        return not self.names

    @classmethod
    def of(cls, catalogue: Catalogue) -> ItemFeatures:
        """The features of this catalogue, by the rules of `tactful.released.item_features`.

        Neither the order of its columns nor that of its rows matters: rows that move take their features along.
        """
        told = {name: list(_columns(name, catalogue.features[name])) for name in sorted(catalogue.features)}
        found: dict[tuple[bytes, bytes], tuple[str, _Column]] = {}
        for source, columns in told.items():
            for column in columns:
                found.setdefault(_content(column), (source, column))
        kept = sorted(found.values(), key=lambda one: -np.count_nonzero(one[1][2]))[:_MOST_COLUMNS]
        values = _table([column for _, column in kept], len(catalogue))
        used = tuple(sorted({source for source, _ in kept}))
        ignored = {
            name: _SAID if told[name] else _why_ignored(catalogue.features[name]) for name in told if name not in used
        }
        return cls(
            names=tuple(column[0] for _, column in kept),
            values=values,
            ignored=MappingProxyType(ignored),
            columns=used,
        )


def _content(column: _Column) -> tuple[bytes, bytes]:
    """What a column says: columns of one content are equal, whatever their names."""
    _, places, values = column
    said = values != 0
    return places[said].tobytes(), values[said].tobytes()


def _table(columns: Sequence[_Column], length: int) -> NDArray[np.float64]:
    """The columns beside each other, zero elsewhere; read-only."""
    table = np.zeros((len(columns), length))
    for row, (_, places, values) in zip(table, columns, strict=True):
        row[places] = values
    table.flags.writeable = False
    return table.T


def _columns(name: str, items: _Values) -> Iterator[_Column]:
    """The features of one column of the catalogue; none if it is to be ignored."""
    numbers = None if name.casefold().rpartition("_")[2] in _CODES else _numbers(items)
    if numbers is not None:
        return _ranked(name, numbers, items)
    return _directions(name, items) if _is_text(items) else _indicators(name, items)


def _why_ignored(items: _Values) -> str:
    """Why `_columns` found nothing."""
    distinct = {value for values in items for value in values}
    if not distinct:
        return "no item has a value"
    if _is_text(items):
        return "its words are not shared between items"
    shared = sum(map(len, items)) > len(distinct)
    return "nearly all items have the same" if shared else "its values are not shared between items"


def _number(text: str) -> float:
    """A number or an ISO date as a number; raises `ValueError` for anything else."""
    try:
        return float(text)
    except ValueError:
        return float(datetime.fromisoformat(text).toordinal())


def _numbers(items: _Values) -> NDArray[np.float64] | None:
    """A number for each item, not a number where it has none, or nothing if the column is not of numbers."""
    if any(len(values) > 1 for values in items):
        return None
    with suppress(ValueError):
        numbers = np.array([_number(values[0]) if values else math.nan for values in items])
        return None if len(np.unique(numbers[np.isfinite(numbers)])) <= _FEW_NUMBERS else numbers
    return None


def _ranked(name: str, numbers: NDArray[np.float64], items: _Values) -> Iterator[_Column]:
    """The rank of each number, and indicators of equally full ranges; nothing for ids."""
    there = np.flatnonzero(np.isfinite(numbers))
    found = numbers[there]
    if len(np.unique(found)) == len(found) and np.array_equal(found, np.round(found)) and not _dated(items):
        return
    place = (rankdata(found) - 0.5) / len(found)
    yield name, there, (place - 0.5) / place.std()
    ranges = np.minimum((place * _range_count(len(found))).astype(int), _RANGES - 1)
    for number in np.unique(ranges):
        inside = np.flatnonzero(ranges == number)
        first, last = (items[there[inside[pick]]][0] for pick in (found[inside].argmin(), found[inside].argmax()))
        if len(inside) > 1:
            yield f"{name} {first} to {last}", there[inside], np.ones(len(inside))


def _range_count(filled: int) -> int:
    """How many ranges."""
    return max(min(_RANGES, filled // _ITEMS_A_RANGE), 1)


def _dated(items: _Values) -> bool:
    """Whether the numbers are dates, which may all differ and still be no ids."""
    return any("-" in values[0][1:] for values in items if values)


def _is_text(items: _Values) -> bool:
    """Whether the values are sentences rather than labels."""
    found = [values for values in items if values]
    words = [len(value.split()) for values in found for value in values]
    return len(found) >= _FEWEST_TEXTS and 2 * len(set(found)) >= len(found) and sum(words) >= _WORDS * len(words)


def _directions(name: str, items: _Values) -> Iterator[_Column]:
    """Latent semantic directions, learned from the texts in alphabetical order so that the order of rows is nothing."""
    texts = [" ".join(values) for values in items]
    there = np.array(sorted((place for place, text in enumerate(texts) if text), key=texts.__getitem__))
    words = TfidfVectorizer(min_df=2, max_df=0.5, max_features=_MOST_WORDS, sublinear_tf=True)
    with suppress(ValueError):  # no word that two texts share, and not half of them
        counted = words.fit_transform([texts[place] for place in there])
        most = min(_MOST_DIRECTIONS, len(there) // _ITEMS_A_DIRECTION, counted.shape[1] - 1)
        if most:
            directions = TruncatedSVD(most, random_state=0).fit(
                (counted.T @ counted).toarray()
            )  # few words, many items
            for number, column in enumerate(directions.transform(counted).T, start=1):
                yield f"{name} ~{number}", there, column


def _indicators(name: str, items: _Values) -> Iterator[_Column]:
    """One column a value that at least two items have and two have not; the commonest first."""
    labels = MultiLabelBinarizer(sparse_output=True)
    table = labels.fit_transform(items).tocsc()
    counts = np.diff(table.indptr)
    for place in np.argsort(-counts, kind="stable")[:_MOST_COLUMNS]:
        if 2 <= counts[place] <= len(items) - 2:
            there = table.indices[table.indptr[place] : table.indptr[place + 1]]
            yield f"{name}={labels.classes_[place]}", there.astype(np.int64), np.ones(len(there))
