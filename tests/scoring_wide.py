"""A wide catalogue in small: a few items of the head, many that are described by features, some that have neither."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

N_ITEMS, N_HEAD, N_DESCRIBED, RANK, FEATURES, MOST = 300, 40, 220, 6, 9, 4
Arrays = dict[str, NDArray[Any]]


def wide_world(seed: int = 0, *, n_described: int = N_DESCRIBED, n_items: int = N_ITEMS) -> Arrays:
    """The arrays of an artifact; the last items have neither a row nor features, every seventh item is sensitive."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_items)
    values = rng.normal(size=(MOST, n_described)).astype(np.float32)
    values[2:] *= rng.random((MOST - 2, n_described)) < 0.5  # some have fewer features
    return {
        "item_ids": np.array([f"i{i}" for i in range(n_items)]),
        "titles": np.array([f"Title {i}" for i in range(n_items)]),
        "popularity": rng.random(n_items, np.float32),
        "base": (0.1 * rng.normal(size=n_items)).astype(np.float32),
        "head": order[:N_HEAD].astype(np.int32),
        "encoder": rng.normal(size=(N_HEAD, RANK)).astype(np.float32),
        "decoder": rng.normal(size=(N_HEAD, RANK)).astype(np.float32),
        "sensitive": (np.arange(n_items) % 7 == 0).astype(np.int16),
        "described": order[N_HEAD : N_HEAD + n_described].astype(np.int32),
        "described_sizes": rng.random(n_described, np.float32),
        "described_features": rng.integers(0, FEATURES, (MOST, n_described)).astype(np.int16),
        "described_values": values,
        "feature_encoder": rng.normal(size=(FEATURES, RANK)).astype(np.float32),
        "feature_decoder": rng.normal(size=(FEATURES, RANK)).astype(np.float32),
    }


def written_out(world: Arrays) -> Arrays:
    """The same model with a row for each described item, as any artifact has them."""
    rows = {}
    for name in ("encoder", "decoder"):
        terms = world[f"feature_{name}"].astype(np.float64)
        told = np.einsum("kn,knr->nr", world["described_values"], terms[world["described_features"]])
        rows[name] = np.vstack([world[name], (told * world["described_sizes"][:, None]).astype(np.float32)])
    plain = {name: array for name, array in world.items() if not name.startswith(("described", "feature"))}
    return plain | rows | {"head": np.concatenate([world["head"], world["described"]])}


def histories(seed: int, count: int = 12, *, n_items: int = N_ITEMS) -> list[list[str]]:
    """Item ids of some people, some of them unknown."""
    rng = np.random.default_rng(seed)
    return [[f"i{i}" for i in rng.choice(n_items + 5, rng.integers(1, 9), replace=False)] for _ in range(count)]
