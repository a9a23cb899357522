"""The files of a synthetic twin: tables of the contract, a configuration to train on them, and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.datasets.tables import TIME, write_table
from tactful.errors import UsageError
from tactful.scoring.item_model import ItemModel

MARK = b"tactful.synthetic"
"""The key in the metadata of each Parquet file that says what it is."""
_SAYS = "nobody: a synthetic twin, drawn from the released statistics of a model"
_DAYS = 90
_SENSITIVE = "sensitive_categories"


def write_twin(
    folder: Path,
    model: ItemModel,
    meta: Mapping[str, Any],
    drawn: tuple[NDArray[np.int64], NDArray[np.int64]],
    catalogue: str | Path | None = None,
) -> None:
    """Everything a twin consists of stands in the folder.

    Parameters
    ----------
    folder : Path
    model : ItemModel
    meta : mapping
        What the artifact says of its model.
    drawn : pair of int arrays of one length
        Person and catalogue position of each interaction, a person's in the order of their use.
    catalogue : str or Path, optional
        A public item table, for its features.

    Raises
    ------
    UsageError
        If the catalogue lacks items of the model.
    """
    people, items = drawn
    today = datetime.combine(datetime.now(UTC).date(), time())
    categories = sorted({category for bundle in model.bundles for category in bundle})
    tables = {
        "interactions": _interactions(model, people, items, today),
        "items": _items(model, catalogue),
        "consents": _consents(np.unique(people), categories, today - timedelta(days=_DAYS + 1)),
    }
    for name, table in tables.items():
        write_table(table.replace_schema_metadata({MARK: _SAYS.encode()}), folder / f"{name}.parquet")
    (folder / "twin.toml").write_text(_config(folder, meta, categories), encoding="utf-8")
    (folder / "README.md").write_text(_readme(folder, meta, today.date()), encoding="utf-8")


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


def _config(folder: Path, meta: Mapping[str, Any], categories: list[str]) -> str:
    """A configuration with which to train on the twin."""
    epsilon, delta = meta.get("epsilon", 1.0), meta.get("delta", 1e-6)
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


def _readme(folder: Path, meta: Mapping[str, Any], today: date) -> str:
    """What the folder is, for whoever finds it."""
    place, model = folder.as_posix(), meta.get("model", "a model")
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
