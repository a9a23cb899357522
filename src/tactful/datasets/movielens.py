"""MovieLens in GroupLens' own file formats, as tables in tactful's format, for whoever has the files.

The files are not part of tactful and may not be redistributed (see their README). Cite F. M. Harper and J. A. Konstan,
2015, *The MovieLens Datasets: History and Context*, ACM TiiS 5(4):19.

Two formats are read: ML-100K (``u.data``, ``u.item``, ``u.user``; latin-1) and ML-1M (``ratings.dat``, ``movies.dat``,
``users.dat``; latin-1). They hold no consent records: what is read here can be benchmarked as public data, or trained
on once somebody supplies consent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from tactful.datasets.tables import TIME, open_folder, write_table
from tactful.errors import NotFoundError, SchemaError, UsageError, counted

AGE_BANDS: Mapping[int, str] = MappingProxyType(
    {0: "under 18", 18: "18-24", 25: "25-34", 35: "35-44", 45: "45-49", 50: "50-55", 56: "56+"}
)
"""The bands of ML-1M by their lowest age, used for both: ML-100K has ages in years."""

OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)
"""What the codes 0 to 20 of ML-1M mean; ML-100K has words of its own."""

GENRES = (
    *(
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Fantasy",
    ),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""What the 19 flags of ML-100K mean, in their order."""

_YEAR = re.compile(r"\((\d{3})\d\b[^()]*\)")
_RATINGS = ("user_id", "item_id", "rating", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MovieLensTables:
    """MovieLens as tables of the contract.

    Attributes
    ----------
    interactions : pa.Table
        user_id, item_id, timestamp of the ratings that count as positive, and the rating as value.
    items : pa.Table
        item_id, title, genres (several separated by ``|``), decade.
    attributes : pa.Table
        user_id, age (a band), gender, occupation.
    subjects : pa.Table
        user_id, minor: true for those who said they are under 18.
    """

    interactions: pa.Table
    items: pa.Table
    attributes: pa.Table
    subjects: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """How one release of MovieLens lays out its files."""

    ratings: str
    movies: str
    users: str
    separators: tuple[str, str, str]
    movie: Callable[[Sequence[str]], tuple[str, str, str]]
    movie_fields: int
    user: Callable[[Sequence[str]], tuple[str, str, str, str]]


def read_movielens(folder: str | Path, *, minimum_rating: int = 4) -> MovieLensTables:
    """The files of the folder, read; ratings below the minimum are left out.

    Parameters
    ----------
    folder : str or Path
        Holds the three files of ML-100K or of ML-1M under their original names.
    minimum_rating : int
        The lowest rating, 1 to 5, that counts as a positive interaction.

    Returns
    -------
    MovieLensTables
        Interactions, items, attributes and subjects. Nobody said what they consent to: consents are yours to bring.

    Raises
    ------
    NotFoundError
        If the folder holds neither set of files.
    SchemaError
        If a line does not have the fields of its format.

    Notes
    -----
    **Privacy.** *Reads* ratings and demographics of people. *Returns* rows about them. *Costs* nothing. *Assumes* the
    reader keeps to the licence of the files.
    """
    if minimum_rating not in range(1, 6):
        raise UsageError(
            "ratings go from 1 to 5", given=f"minimum_rating is {minimum_rating}", do="Give 1, 2, 3, 4 or 5"
        )
    path = Path(folder)
    layout = _layout(path)
    fields = (len(_RATINGS), layout.movie_fields, 5)
    files = (layout.ratings, layout.movies, layout.users)
    ratings, movies, users = (
        list(_lines(path / file, separator, n))
        for file, separator, n in zip(files, layout.separators, fields, strict=True)
    )
    people = _columns(("user_id", "age", "gender", "occupation"), [layout.user(row) for row in users])
    return MovieLensTables(
        interactions=_interactions(ratings, minimum_rating, layout.ratings),
        items=_columns(("item_id", "title", "genres", "decade"), [_item(*layout.movie(row)) for row in movies]),
        attributes=people,
        subjects=pa.table({"user_id": people["user_id"], "minor": pc.equal(people["age"], AGE_BANDS[0])}),
    )


def write_movielens(folder: str | Path, out: str | Path, *, minimum_rating: int = 4) -> Mapping[str, Path]:
    """Write MovieLens files as the tables that tactful reads, in Parquet, into another folder.

    Parameters
    ----------
    folder : str or Path
    minimum_rating : int
        As for `read_movielens`.
    out : str or Path
        The folder to write to; it is made if it is not there.

    Returns
    -------
    mapping of str to Path
        The files written: ``interactions``, ``items``, ``attributes`` and ``subjects``.

    Raises
    ------
    NotFoundError, SchemaError
        As `read_movielens`; nothing is written then.

    Notes
    -----
    **Privacy.** As `read_movielens`; the files written hold the same rows and fall under the same licence.
    """
    tables, target = read_movielens(folder, minimum_rating=minimum_rating), open_folder(out)
    names = ("interactions", "items", "attributes", "subjects")
    return {name: write_table(getattr(tables, name), target / f"{name}.parquet") for name in names}


def _layout(folder: Path) -> _Format:
    """The format whose files are all there."""
    for layout in _FORMATS:
        if all((folder / name).is_file() for name in (layout.ratings, layout.movies, layout.users)):
            return layout
    raise NotFoundError(
        "a MovieLens folder holds u.data, u.item and u.user (ML-100K) or ratings.dat, movies.dat and users.dat (ML-1M)",
        given=f"{folder} holds neither three",
        do="Name the folder the archive was unpacked to",
    )


def _lines(path: Path, separator: str, fields: int) -> Iterator[list[str]]:
    """The fields of each line that is not empty."""
    with path.open(encoding="latin-1") as lines:
        for number, line in enumerate(lines, start=1):
            values = line.rstrip("\r\n").split(separator)
            if len(values) != fields and values != [""]:
                raise _malformed(path.name, number, f"{counted(len(values), 'field')} instead of {fields}")
            if values != [""]:
                yield values


def _malformed(file: str, number: int, what: str) -> SchemaError:
    """The error for a line; it does not show the line, which is about a person."""
    return SchemaError(
        "each line of a MovieLens file has the fields of its format",
        given=f"line {number} of {file} has {what}",
        do="Unpack the archive again",
        line=number,
    )


def _columns(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """A table of text; empty values are missing."""
    values = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pa.table(
        {name: pa.array([v or None for v in column], pa.string()) for name, column in zip(names, values, strict=True)}
    )


def _interactions(rows: Sequence[Sequence[str]], minimum_rating: int, file: str) -> pa.Table:
    """The ratings that count, with times in UTC."""
    table = _columns(_RATINGS, rows)
    try:
        rating, seconds = table["rating"].cast(pa.int64()), table["seconds"].cast(pa.int64())
    except pa.ArrowInvalid:
        numbers = (n for n, row in enumerate(rows, start=1) if not (row[2].isdecimal() and row[3].isdecimal()))
        raise _malformed(file, next(numbers, len(rows)), "a rating or a time that is no number") from None
    time = seconds.cast(pa.timestamp("s")).cast(TIME)
    kept = pa.table(
        {
            "user_id": table["user_id"],
            "item_id": table["item_id"],
            "timestamp": time,
            "value": rating.cast(pa.float64()),
        }
    )
    return kept.filter(pc.greater_equal(rating, minimum_rating))


def _item(item_id: str, title: str, genres: str) -> tuple[str, str, str, str | None]:
    """A film, with the decade that its title ends in, if it does."""
    years = _YEAR.findall(title)
    return item_id, title, genres, f"{years[-1]}0s" if years else None


def _band(age: str) -> str:
    """The age band of an age in years, or of the lowest age of a band; nothing if it is no number."""
    return AGE_BANDS[max(low for low in AGE_BANDS if low <= int(age))] if age.isdecimal() else ""


def _movie_100k(row: Sequence[str]) -> tuple[str, str, str]:
    flagged = [genre for genre, flag in zip(GENRES, row[5:], strict=True) if flag == "1"]
    return row[0], row[1], "|".join(flagged)


def _movie_1m(row: Sequence[str]) -> tuple[str, str, str]:
    return row[0], row[1], row[2]


def _user_100k(row: Sequence[str]) -> tuple[str, str, str, str]:
    return row[0], _band(row[1]), row[2], row[3]


def _user_1m(row: Sequence[str]) -> tuple[str, str, str, str]:
    code = int(row[3]) if row[3].isdecimal() else len(OCCUPATIONS)
    return row[0], _band(row[2]), row[1], OCCUPATIONS[code] if code < len(OCCUPATIONS) else ""


_FORMATS = (
    _Format(
        ratings="u.data",
        movies="u.item",
        users="u.user",
        separators=("\t", "|", "|"),
        movie=_movie_100k,
        movie_fields=5 + len(GENRES),
        user=_user_100k,
    ),
    _Format(
        ratings="ratings.dat",
        movies="movies.dat",
        users="users.dat",
        separators=("::", "::", "::"),
        movie=_movie_1m,
        movie_fields=3,
        user=_user_1m,
    ),
)
