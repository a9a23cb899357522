"""A synthetic twin of a population: tables drawn from a released model, on which anything may be tried for free.

What comes out of a release may be used again at no cost, so a twin costs nothing, however often it is drawn, trained on
and looked at without any noise. It is for choosing settings, for trying code, for a first look at what a method does.

Notes
-----
*What a twin keeps.* How popular items are, and which go together, both as far as the model knows.

*What it does not keep.* Pairs of items that noise hid; how long histories truly are, unless that is told; the order and
the times of use; what people are like who are unlike everybody; attributes of people, and who agreed to what: here all
do. A model shrinks what it is not sure of, so tastes are fainter in a twin than in the people.

So figures measured on a twin are about the twin. It says which of two settings is likely better; how good either is on
people, only people can say. No row of it is about anybody, and it must never be taken for data about people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tactful.datasets.tables import open_folder
from tactful.datasets.twin_people import TwinPopulation
from tactful.datasets.twin_tables import write_twin
from tactful.errors import UsageError
from tactful.scoring.address import resolve, whole_address
from tactful.scoring.artifact import read_artifact
from tactful.scoring.item_model import ItemModel

HISTORY_LENGTH = 20.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A twin that stands in a folder.

    Attributes
    ----------
    folder, config : Path
        The tables, and a configuration with which to train on them.
    model : str
        What it is a twin of.
    people, items, interactions : int
    history_length : float
        What was asked for.
    seed : int
    sharpness : float
        How sharply histories follow the model; 0 if the model knows no taste.
    popularity_correlation : float
        Between how often the twin uses items and the released popularity.
    """

    folder: Path
    config: Path
    model: str
    people: int
    items: int
    interactions: int
    history_length: float
    seed: int
    sharpness: float
    popularity_correlation: float

    def as_json(self) -> dict[str, Any]:
        """Plain values, and what they are."""
        return {**asdict(self), "folder": str(self.folder), "config": str(self.config), "synthetic": True}


def twin(
    model: str | Path,
    *,
    people: int,
    out: str | Path,
    seed: int = 0,
    history_length: float = HISTORY_LENGTH,
    items: str | Path | None = None,
    progress: Progress = lambda _: None,
) -> Twin:
    """Draw people who do not exist from a model, as tables with a configuration to train on them.

    Parameters
    ----------
    model : str or Path
        A name in the registry (its champion), ``name@version``, a ``models:/`` address, or a folder. It need not be
        approved: nobody is served.
    people : int
        How many to draw.
    out : str or Path
        A new or an empty folder.
    seed : int
        The same seed makes the same twin.
    history_length : float
        Items a person, on average; give a figure that is public or released.
    items : str or Path, optional
        The public catalogue, for its features; without it, the twin's items have ids and titles.
    progress : callable, optional
        Told what is being done.

    Returns
    -------
    Twin
        The folder, its configuration, numbers of people, items and interactions, and how well popularity was kept.

    Raises
    ------
    UsageError
        If the folder holds something, the numbers make no sense, or the catalogue lacks items of the model.
    NotFoundError
        If there is no such model.
    ModelRefusedError
        If its files are altered.

    Notes
    -----
    **Privacy.** *Reads* released values: the arrays of an artifact. *Returns* made-up rows. *Costs* nothing
    (post-processing). *Assumes* that `history_length` and the catalogue are public.

    Examples
    --------
    >>> drawn = tactful.twin("shop", people=500, out="models/twin", history_length=6)
    >>> drawn.people
    500
    """
    folder = _checked(people, history_length, Path(out))
    progress("reading the model")
    with resolve(whole_address(model)) as located:
        artifact = read_artifact(located.folder)
        found = ItemModel.of(artifact)
    if history_length > len(found) / 2:
        raise UsageError(
            "histories hold at most half of the catalogue, on average",
            given=f"{history_length:g} of {len(found)} items",
            do="Give shorter ones",
        )
    rng = np.random.default_rng(seed)
    population = TwinPopulation.of(found, history_length=history_length, rng=rng, progress=progress)
    progress(f"{people:,} people")
    rows, used = population.people(people, rng)
    progress("writing the tables")
    write_twin(open_folder(folder), found, artifact.meta, (rows, used), items)
    counts = np.bincount(used, minlength=len(found))
    return Twin(
        folder=folder,
        config=folder / "twin.toml",
        model=str(model),
        people=people,
        items=len(found),
        interactions=len(used),
        history_length=history_length,
        seed=seed,
        sharpness=population.sharpness,
        popularity_correlation=round(float(np.corrcoef(counts, population.popularity)[0, 1]), 4),
    )


def _checked(people: int, history_length: float, folder: Path) -> Path:
    """The folder, if something can be written there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("a twin is written to an empty folder", given=f"{folder} holds files", do="Name a new one")
    if people < 1 or not history_length >= 1:
        raise UsageError(
            "a twin has somebody, and histories of at least one item on average",
            given=f"{people} people, {history_length:g} items a person",
            do="Give larger numbers",
        )
    return folder
