"""Models as a training run writes them, fitted to synthetic people, for twins to be drawn from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from tactful.benchmarks.populations import WORLDS, Population
from tactful.benchmarks.private import PRIVATE
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SeededNoise
from tactful.released.model import ReleasedModel

ITEMS, LENGTH = 150, 8.0


def catalogue() -> Catalogue:
    """Items with a feature of two values."""
    ids = [f"item {n:03d}" for n in range(ITEMS)]
    return Catalogue.of_table(pa.table({"item_id": ids, "title": [f"Title {n}" for n in range(ITEMS)]}))


@cache
def model() -> ReleasedModel:
    """What a run at ε = 20 learns of 4,000 people with strong tastes."""
    people = Population.of(WORLDS["high"], items=ITEMS, history_length=LENGTH).people(4000)
    world = World.of(people, catalogue(), max_items=200)
    return PRIVATE["tactful"](world, PrivacyBudget(epsilon=20.0, delta=1e-6), SeededNoise(0))


def write(folder: Path, *, released: ReleasedModel | None = None) -> Path:
    """The artifact of the model; items 3 and 4 are sensitive."""
    sensitive = [()] * ITEMS
    sensitive[3], sensitive[4] = ("health",), ("family", "health")
    meta = {"model": "shop", "epsilon": 20.0, "delta": 1e-6}
    (released or model()).write(folder, catalogue=catalogue(), sensitive=tuple(sensitive), meta=meta)
    return folder


def without_taste() -> ReleasedModel:
    """The same popularity, and nothing that stood out."""
    found = model()
    return ReleasedModel(
        popularity=found.popularity,
        base=found.base,
        head=found.head[:0],
        encoder=np.zeros((0, 0)),
        decoder=np.zeros((0, 0)),
        noise=found.noise,
    )
