"""MovieLens files in their original formats become tables of the contract."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tactful.catalogue import Catalogue
from tactful.datasets.movielens import AGE_BANDS, read_movielens, write_movielens
from tactful.errors import NotFoundError, SchemaError, UsageError

PUBLISHED = Path(__file__).parents[1].parent / "shared" / "data" / "ml-100k"


def flags(*set_: int) -> str:
    """The 19 genre flags of ML-100K with some of them set."""
    return "|".join("1" if n in set_ else "0" for n in range(19))


@pytest.fixture
def ml_100k(tmp_path: Path) -> Path:
    """Three invented people and three invented films in the format of ML-100K."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    films = ["1|Un été (1994)|01-Jan-1994||http://x|" + flags(5, 8), "2|unknown||||" + flags(0)]
    films.append("3|Sequel (1984) (2001) (V)|01-Jan-2001||http://x|" + flags(15))
    (folder / "u.item").write_text("\n".join(films) + "\n", encoding="latin-1")
    (folder / "u.user").write_text("1|17|F|writer|00000\n2|18|M|artist|00000\n3|73|F|other|00000\n", encoding="latin-1")
    (folder / "u.data").write_text("1\t1\t5\t86400\n2\t1\t3\t86401\n2\t3\t4\t90000\n", encoding="latin-1")
    return folder


@pytest.fixture
def ml_1m(tmp_path: Path) -> Path:
    """The same in the format of ML-1M."""
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    films = "1::Un été (1994)::Comedy|Drama\n2::Space: A Story (1968)::Sci-Fi\n"
    (folder / "movies.dat").write_text(films, encoding="latin-1")
    (folder / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::99::1\n", encoding="latin-1")
    (folder / "ratings.dat").write_text("1::2::4::978300760\n2::1::2::978302109\n", encoding="latin-1")
    return folder


def test_ml_100k_is_read_in_its_own_format(ml_100k: Path) -> None:
    """Tabs, bars, latin-1 and genre flags become the contract's columns."""
    tables = read_movielens(ml_100k)
    assert tables.interactions.to_pylist() == [
        {"user_id": "1", "item_id": "1", "timestamp": datetime(1970, 1, 2), "value": 5.0},
        {"user_id": "2", "item_id": "3", "timestamp": datetime(1970, 1, 2, 1), "value": 4.0},
    ]
    assert tables.items.to_pylist() == [
        {"item_id": "1", "title": "Un été (1994)", "genres": "Comedy|Drama", "decade": "1990s"},
        {"item_id": "2", "title": "unknown", "genres": "unknown", "decade": None},
        {"item_id": "3", "title": "Sequel (1984) (2001) (V)", "genres": "Sci-Fi", "decade": "2000s"},
    ]
    assert tables.attributes.to_pylist() == [
        {"user_id": "1", "age": "under 18", "gender": "F", "occupation": "writer"},
        {"user_id": "2", "age": "18-24", "gender": "M", "occupation": "artist"},
        {"user_id": "3", "age": "56+", "gender": "F", "occupation": "other"},
    ]


def test_ml_1m_is_read_in_its_own_format(ml_1m: Path) -> None:
    """Double colons, age codes and occupation codes become the same columns; a code nobody defined is missing."""
    tables = read_movielens(ml_1m)
    assert tables.interactions["user_id"].to_pylist() == ["1"]
    assert tables.interactions["timestamp"].to_pylist() == [datetime(2000, 12, 31, 22, 12, 40)]
    assert tables.items["title"].to_pylist() == ["Un été (1994)", "Space: A Story (1968)"]
    assert tables.items["decade"].to_pylist() == ["1990s", "1960s"]
    assert tables.attributes["age"].to_pylist() == ["under 18", "56+", "25-34"]
    assert tables.attributes["occupation"].to_pylist() == ["K-12 student", "self-employed", None]


def test_people_under_18_are_flagged_minor(ml_100k: Path, ml_1m: Path) -> None:
    """Who said they are under 18 is a minor to the gate, in both formats."""
    assert read_movielens(ml_100k).subjects["minor"].to_pylist() == [True, False, False]
    assert read_movielens(ml_1m).subjects["minor"].to_pylist() == [True, False, False]


@pytest.mark.parametrize(("minimum", "rows"), [(1, 3), (4, 2), (5, 1)])
def test_ratings_below_the_minimum_are_left_out(ml_100k: Path, minimum: int, rows: int) -> None:
    """The minimum itself counts."""
    assert len(read_movielens(ml_100k, minimum_rating=minimum).interactions) == rows


@pytest.mark.parametrize("minimum", [0, 6])
def test_a_minimum_that_is_no_rating_is_a_usage_error(ml_100k: Path, minimum: int) -> None:
    """Ratings go from 1 to 5."""
    with pytest.raises(UsageError, match="from 1 to 5"):
        read_movielens(ml_100k, minimum_rating=minimum)


def test_a_folder_without_the_files_names_those_expected(tmp_path: Path, ml_1m: Path) -> None:
    """An empty folder and one with a file missing are both said to hold neither set."""
    (ml_1m / "users.dat").unlink()
    for folder in (tmp_path, ml_1m):
        with pytest.raises(NotFoundError, match=r"u\.data.*ratings\.dat"):
            read_movielens(folder)


@pytest.mark.parametrize("line", ["canary-7\t1\t5", "canary-7\t1\tfive\t86400", "canary-7\t1\t5\tnoon"])
def test_a_broken_line_is_named_by_its_number_and_not_shown(ml_100k: Path, line: str) -> None:
    """The error says which line of which file, and no person's id."""
    with (ml_100k / "u.data").open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    with pytest.raises(SchemaError, match=r"line 4 of u\.data") as caught:
        read_movielens(ml_100k)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("layout", ["ml_100k", "ml_1m"])
def test_what_is_written_is_what_was_read(layout: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Parquet files under the contract's names; the item table opens as a catalogue."""
    folder = request.getfixturevalue(layout)
    tables, paths = read_movielens(folder), write_movielens(folder, tmp_path / "out")
    for name, path in paths.items():
        assert pq.read_table(path).equals(getattr(tables, name))
    assert len(Catalogue.open(paths["items"])) == len(tables.items)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in paths.values())


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the MovieLens-100K files are not redistributed with tactful")
def test_the_published_ml_100k_has_its_published_figures() -> None:
    """943 people, 1,682 films, 100,000 ratings from September 1997 to April 1998."""
    tables = read_movielens(PUBLISHED, minimum_rating=1)
    assert (len(tables.attributes), len(tables.items), len(tables.interactions)) == (943, 1682, 100_000)
    times = pc.min_max(tables.interactions["timestamp"]).as_py()
    assert (times["min"].date().isoformat(), times["max"].date().isoformat()) == ("1997-09-20", "1998-04-22")
    assert set(tables.attributes["age"].to_pylist()) == set(AGE_BANDS.values())
    assert tables.items["decade"].null_count == 1
    assert len(read_movielens(PUBLISHED).interactions) == 55_375
