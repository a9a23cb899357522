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

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.datasets.tables import TIME, open_folder, write_table
from tactful.datasets.twin_people import TwinPopulation
from tactful.errors import UsageError
from tactful.scoring.address import resolve
from tactful.scoring.artifact import Artifact, read_artifact
from tactful.scoring.item_model import ItemModel

HISTORY_LENGTH = 20.0
MARK = b"tactful.synthetic"
"""The key in the metadata of each Parquet file that says what it is."""
_SAYS = "nobody: a synthetic twin, drawn from the released statistics of a model"
_DAYS = 90
_SENSITIVE = "sensitive_categories"
_NAMED = re.compile(r"(?P<name>[^/@:]+)(@(?P<version>[1-9][0-9]*))?")

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
    """A synthetic twin of a model's population stands in a folder: tables of the contract and a configuration.

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
    """
    folder = _checked(people, history_length, open_folder(out))
    progress("reading the model")
    with resolve(_address(model)) as located:
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
    rows, used = population.draw(people, rng)
    progress("writing the tables")
    _write(folder, found, artifact, rows, used, items)
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
    if any(folder.iterdir()):
        raise UsageError("a twin is written to an empty folder", given=f"{folder} holds files", do="Name a new one")
    if people < 1 or not history_length >= 1:
        raise UsageError(
            "a twin has somebody, and histories of at least one item on average",
            given=f"{people} people, {history_length:g} items a person",
            do="Give larger numbers",
        )
    return folder


def _address(model: str | Path) -> str | Path:
    """Where `tactful.scoring` finds the model."""
    named = _NAMED.fullmatch(str(model))
    if named is None or Path(model).is_dir():
        return model
    return f"models:/{named['name']}" + (f"/{named['version']}" if named["version"] else "@champion")


def _write(
    folder: Path,
    model: ItemModel,
    artifact: Artifact,
    people: NDArray[np.int64],
    items: NDArray[np.int64],
    catalogue: str | Path | None,
) -> None:
    """Tables, configuration and a word of what they are."""
    today = datetime.combine(datetime.now(UTC).date(), time())
    categories = sorted({category for bundle in model.bundles for category in bundle})
    tables = {
        "interactions": _interactions(model, people, items, today),
        "items": _items(model, catalogue),
        "consents": _consents(np.unique(people), categories, today - timedelta(days=_DAYS + 1)),
    }
    for name, table in tables.items():
        write_table(table.replace_schema_metadata({MARK: _SAYS.encode()}), folder / f"{name}.parquet")
    (folder / "twin.toml").write_text(_config(folder, artifact, categories), encoding="utf-8")
    (folder / "README.md").write_text(_readme(folder, artifact, today.date()), encoding="utf-8")


def _interactions(model: ItemModel, people: NDArray[np.int64], items: NDArray[np.int64], today: datetime) -> pa.Table:
    """One row an item that a person used, at times that mean nothing but its place in the history."""
    starts = np.flatnonzero(np.diff(people, prepend=-1))
    lengths = np.diff(np.append(starts, len(people)))
    place = np.arange(len(people)) - np.repeat(starts, lengths)
    minutes = (place + 1) * (_DAYS * 24 * 60) // (np.repeat(lengths, lengths) + 1)
    when = np.datetime64(today - timedelta(days=_DAYS), "us") + minutes.astype("timedelta64[m]")
    return pa.table(
        {
            "user_id": _ids(people),
            "item_id": pa.array(np.array(model.item_ids)[items]),
            "timestamp": pa.array(when, TIME),
        }
    )


def _items(model: ItemModel, path: str | Path | None) -> pa.Table:
    """The catalogue: what the model knows of its items, and the features of the public table."""
    columns: dict[str, Any] = {"item_id": list(model.item_ids), "title": model.titles.tolist()}
    if path is not None:
        public = Catalogue.open(path)
        place = {item: n for n, item in enumerate(public.item_ids.tolist())}
        missing = len(set(model.item_ids) - set(place))
        if missing:
            raise UsageError(
                "the catalogue has every item of the model",
                given=f"it lacks {missing}",
                do="Give the one it was trained with",
            )
        for name, values in public.features.items():
            columns[name] = ["|".join(values[place[item]]) or None for item in model.item_ids]
    if model.bundles:
        bundles = ["", *("|".join(sorted(bundle)) for bundle in model.bundles)]
        columns[_SENSITIVE] = [bundles[code] or None for code in model.sensitive.tolist()]
    return pa.table(columns)


def _consents(people: NDArray[np.int64], categories: list[str], when: datetime) -> pa.Table:
    """Everybody agrees to everything, before anything they did."""
    purposes = ["personalization.training", *(f"personalization.sensitive.{category}" for category in categories)]
    count = len(people) * len(purposes)
    return pa.table(
        {
            "user_id": _ids(np.repeat(people, len(purposes))),
            "purpose": pa.array(purposes * len(people)),
            "state": pa.array(["given"] * count),
            "event_time": pa.array([when] * count, TIME),
        }
    )


def _ids(people: NDArray[np.int64]) -> pa.Array:
    """Ids that nobody takes for a person's."""
    return pa.array([f"twin-{person}" for person in people.tolist()])


def _config(folder: Path, artifact: Artifact, categories: list[str]) -> str:
    """A configuration with which to train on the twin."""
    epsilon, delta = artifact.meta.get("epsilon", 1.0), artifact.meta.get("delta", 1e-6)
    sensitive = "".join(f'{category} = {{ {_SENSITIVE} = ["{category}"] }}\n' for category in categories)
    paths = "".join(
        f'{name} = "{(folder / name).as_posix()}.parquet"\n' for name in ("interactions", "items", "consents")
    )
    return f"""# A synthetic twin: its people do not exist. See README.md beside this file.

[model]
name = "twin"
intended_use = "Trying settings on synthetic people."
unit = "nobody: all rows are synthetic"
notes = ["Every row is synthetic, drawn from the released statistics of a model. Nobody may be served with this."]

[data]
{paths}
[policy]
retention_days = 3650

[policy.sensitive]
{sensitive}
[privacy]
epsilon = {epsilon}
delta = {delta}
minimum_people = 1
public_data = true

[budget]  # of nobody: try as often as you like
epsilon = 1000.0
delta = {delta}
"""


def _readme(folder: Path, artifact: Artifact, today: date) -> str:
    """What the folder is, for whoever finds it."""
    place, model = folder.as_posix(), artifact.meta.get("model", "a model")
    stores = f"TACTFUL_RECORDS=sqlite:///{place}/records.db TACTFUL_SECRET_FILE={place}/secrets.toml"
    return f"""# A synthetic twin

**Nobody.** Each row here was drawn from the released statistics of the model {model}, on {today}. The people do not
exist, what they used was made up, and figures measured here are about the twin alone. It must never be taken for data
about people. The Parquet files say so too, under the key `{MARK.decode()}` of their metadata.

It costs no privacy and never will, whatever is done with it. With books of its own, so that it debits nobody's budget:

```
export {stores}
export MLFLOW_TRACKING_URI=sqlite:///{place}/mlflow.db
tactful keys secrets --out {place}/secrets.toml
tactful train {place}/twin.toml
tactful benchmark quality --interactions {place}/interactions.parquet --epsilon 1 --public-data
```
"""
