"""Item features: what a public item table says, as columns of numbers, by a written rule."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.catalogue import Catalogue
from tactful.released.item_features import ItemFeatures

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=40)
WORDS = ("red", "green", "blue", "sweet", "sour", "large", "small", "fresh", "old", "new", "warm", "cold")
cells = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", "a|b", "|", " a ", "nan", "inf", "-0", "1e400", "1995-02-30", "1995-02-28", "ß€"]),
    st.integers(-5, 40).map(str),
    st.floats(allow_nan=True).map(str),
    st.text(max_size=6),
)


def features(**columns: list[str | None]) -> ItemFeatures:
    """The features of a table with these columns."""
    return ItemFeatures.of(catalogue(**columns))


def catalogue(**columns: list[str | None]) -> Catalogue:
    """A catalogue with these columns and ids in order."""
    length = len(next(iter(columns.values())))
    table = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return Catalogue.of_table(pa.table({"item_id": [f"i{n}" for n in range(length)], **table}))


def sentences(n: int, seed: int = 0) -> list[str | None]:
    """Texts of four words each; the first half is about colours, the second about tastes."""
    rng = np.random.default_rng(seed)
    return [f"{n} the {' '.join(rng.choice(WORDS[:6] if n < 50 else WORDS[6:], 4))}" for n in range(n)]


def shop(n: int = 100) -> dict[str, list[str | None]]:
    """One column of every kind."""
    rng = np.random.default_rng(1)
    return {
        "genre": ["|".join(rng.choice(["drama", "comedy", "war"], 2)) for _ in range(n)],
        "year": [str(year) for year in rng.integers(1950, 2000, n)],
        "sku": [f"S{n}" for n in range(n)],
        "plot": sentences(n),
        "aisle_id": [str(code) for code in rng.integers(100, 130, n)],
        "released": [f"20{n // 28:02d}-01-{1 + n % 28:02d}" for n in range(n)],
    }


def column(found: ItemFeatures, name: str) -> list[float]:
    """The values of one feature."""
    return [float(value) for value in found.values[:, found.names.index(name)]]


def test_values_that_items_share_are_indicators() -> None:
    """``a|b`` is two values; a value of one item, spaces and a missing value add nothing."""
    found = features(genre=["drama|war", "war", " drama | comedy", None, "|"])
    assert found.names == ("genre=drama", "genre=war")
    assert found.values.tolist() == [[1, 1], [0, 1], [1, 0], [0, 0], [0, 0]]
    assert not found.ignored
    assert not found.empty


def test_numbers_are_ranks_and_ranges() -> None:
    """Rank keeps order and ties, has mean 0 and variance 1, and an outlier weighs no more than its place."""
    years = [*range(1960, 1999), 1998, 1e300]
    found = features(year=[None, *map(str, years), "nan"])
    rank = np.array(column(found, "year"))
    assert rank[0] == rank[-1] == 0
    assert rank[1:-1].mean() == pytest.approx(0)
    assert rank[1:-1].std() == pytest.approx(1)
    assert np.all(np.diff(rank[1:-1]) >= 0)
    assert rank[39] == rank[40] < rank[41] < 1.8
    ranges = found.values[:, [name.startswith("year ") for name in found.names]]
    assert ranges.shape[1] == 4
    assert ranges.sum(axis=1).tolist() == [0, *[1] * len(years), 0]
    assert "year 1960 to 1969" in found.names


def test_the_unit_of_a_number_does_not_matter() -> None:
    """Cents or their squares: any rising change of scale leaves the columns as they are."""
    cents = [n % 37 + 1 for n in range(80)]
    one, other = features(price=[str(c) for c in cents]), features(price=[str(c * c / 7) for c in cents])
    assert np.array_equal(one.values, other.values)


def test_few_numbers_and_codes_are_labels() -> None:
    """1990 and 2000 are two decades; aisle 17 is not between aisles 16 and 18."""
    assert set(features(decade=["1990", "2000"] * 10).names) == {"decade=1990", "decade=2000"}
    codes = [str(n % 15) for n in range(60)]
    assert set(features(aisle_id=codes).names) == {f"aisle_id={n}" for n in range(15)}
    assert "aisle=3" not in features(aisle=codes).names


def test_dates_are_numbers() -> None:
    """Also where every item has its own."""
    found = features(released=[f"2001-{month:02d}-{day:02d}" for month in range(1, 6) for day in (1, 2, 28)])
    assert np.all(np.diff(column(found, "released")) > 0)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([f"S{n}" for n in range(40)], "its values are not shared between items"),
        ([str(1000 + n) for n in range(40)], "its values are not shared between items"),
        ([None] * 40, "no item has a value"),
        (["EU"] * 40, "nearly all items have the same"),
        (["FOOD"] * 39 + ["HEALTH"], "nearly all items have the same"),
        ([" ".join(f"w{n}{k}" for k in range(4)) for n in range(40)], "its words are not shared between items"),
    ],
)
def test_a_column_that_says_nothing_is_ignored_and_why_is_said(values: list[str | None], why: str) -> None:
    found = features(column=values)
    assert found.empty
    assert found.values.shape == (40, 0)
    assert dict(found.ignored) == {"column": why}


def test_text_gives_directions_that_follow_what_it_is_about() -> None:
    """Texts on two subjects with no word in common lie at right angles; texts on one subject do not."""
    found = features(plot=sentences(100))
    assert len(found.names) == 10
    assert all(name.startswith("plot ~") for name in found.names)
    alike = found.values @ found.values.T
    assert np.abs(alike[:50, 50:]).max() < 1e-9
    assert min(alike[:50, :50].mean(), alike[50:, 50:].mean()) > 0.2
    assert np.abs(found.values).max() <= 1


def test_tags_are_labels_however_their_mixtures_differ() -> None:
    """Forty items with forty different sets of one-word tags are not forty sentences."""
    tags = WORDS[:8]
    mixed = ["|".join([tags[n % 8], tags[n % 7], tags[n % 5], tags[n % 3]]) for n in range(40)]
    assert set(features(tags=mixed).names) == {f"tags={tag}" for tag in tags}


def test_at_most_two_hundred_columns_the_commonest() -> None:
    """Of 300 labels with 2 to 301 items each, the 200 commonest."""
    values = [str(f"L{label:03d}") for label in range(300) for _ in range(2 + label)]
    found = features(label=values)
    assert len(found.names) == 200
    assert found.names[0] == "label=L299"
    assert "label=L100" in found.names
    assert "label=L099" not in found.names


def test_a_column_said_twice_counts_once() -> None:
    """A category and its department that hold the same items are one feature."""
    found = features(category=["wine", "wine", "bread", "bread", "milk"], department=["D1", "D1", "D2", "D2", "D3"])
    assert set(found.names) == {"category=wine", "category=bread"}
    assert found.columns == ("category",)
    assert dict(found.ignored) == {"department": "other columns say as much, or speak of more items"}


def test_rows_that_move_take_their_features_along() -> None:
    """Whatever the order of items or columns: the same features for the same item, text included."""
    columns = shop()
    order = np.random.default_rng(3).permutation(100)
    one = features(**columns)
    moved = {name: [columns[name][place] for place in order] for name in reversed(columns)}
    other = features(**moved)
    assert other.names == one.names
    np.testing.assert_allclose(other.values, one.values[order], atol=1e-12)
    assert set(one.columns) == set(columns) - {"sku"}


@LAWS
@given(data=st.data(), n=st.integers(1, 30))
def test_any_table_gives_finite_columns_that_tell_items_apart(data: st.DataObject, n: int) -> None:
    """Whatever the cells: finite, varying, named once, read-only, and nothing depends on the order of rows."""
    columns = {name: data.draw(st.lists(cells, min_size=n, max_size=n)) for name in ("a", "b")}
    order = data.draw(st.permutations(range(n)))
    one = features(**columns)
    other = features(**{name: [values[place] for place in order] for name, values in columns.items()})
    assert one.values.shape == (n, len(one.names))
    assert np.isfinite(one.values).all()
    assert all(len(set(values)) > 1 for values in one.values.T.tolist())
    assert len(set(one.names)) == len(one.names)
    assert not one.values.flags.writeable
    assert sorted([*one.ignored, *one.columns]) == ["a", "b"]
    assert other.names == one.names
    np.testing.assert_allclose(other.values, one.values[order], atol=1e-9)


def test_a_catalogue_without_features_gives_none() -> None:
    """Only ids and titles: no columns, and nothing to say why."""
    found = ItemFeatures.of(Catalogue.of_table(pa.table({"item_id": ["a", "b"], "title": ["A b c", "A b d"]})))
    assert found.empty
    assert found.values.shape == (2, 0)
    assert not found.ignored
    assert repr(found) == "ItemFeatures(2 items, 0 features, ignored [])"
