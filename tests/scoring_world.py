"""The checkerboard: whoever has even items gets even items, and the right answer is obvious."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from tactful.scoring.artifact import read_artifact, write_artifact
from tactful.scoring.item_model import ItemModel
from tactful.scoring.recommender import Recommender
from tactful.scoring.signing import SignedDocument

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRAINER = "ed25519:" + "7" * 64  # who trained these models: somebody who approves none of them
N_ITEMS, N_HEAD = 12, 8  # items 0 … 7 are in the head, 8 … 11 are reached by their base alone


def checkerboard() -> dict[str, NDArray[Any]]:
    """Item ids are 100 … 111; even items speak for even ones; popularity falls with the id; item 6 is sensitive."""
    parity = np.arange(N_HEAD) % 2
    factors = np.stack([parity == 0, parity == 1], axis=1).astype(np.float32)
    base = np.full(N_ITEMS, -1.0, np.float32)
    base[:N_HEAD] = np.linspace(0.08, 0.01, N_HEAD)
    sensitive = np.zeros(N_ITEMS, np.int16)
    sensitive[6] = 1
    return {
        "item_ids": np.array([str(100 + i) for i in range(N_ITEMS)]),
        "titles": np.array([f"Item {100 + i}" for i in range(N_ITEMS)]),
        "popularity": np.linspace(1.2, 0.1, N_ITEMS, dtype=np.float32),
        "base": base,
        "head": np.arange(N_HEAD, dtype=np.int32),
        "encoder": factors,
        "decoder": factors.copy(),
        "sensitive": sensitive,
    }


def random_world(seed: int, *, n_items: int = 60, n_head: int = 40, rank: int = 7) -> dict[str, NDArray[Any]]:
    """A model without structure, its head scattered over the catalogue."""
    rng = np.random.default_rng(seed)
    return {
        "item_ids": np.array([f"i{i}" for i in range(n_items)]),
        "titles": np.array([f"Title {i}" for i in range(n_items)]),
        "popularity": rng.random(n_items, np.float32),
        "base": rng.normal(size=n_items).astype(np.float32),
        "head": rng.permutation(n_items)[:n_head].astype(np.int32),
        "encoder": rng.normal(size=(n_head, rank)).astype(np.float32),
        "decoder": rng.normal(size=(n_head, rank)).astype(np.float32),
        "sensitive": (rng.random(n_items) < 0.2).astype(np.int16) * rng.integers(1, 3, n_items).astype(np.int16),
    }


def meta(model: str = "tiny", **changes: Any) -> dict[str, Any]:
    """What the maker of an artifact writes about it."""
    return {
        "model": model,
        "noise": "system",
        "tactful": "0.1.0",
        "history_norm": 0.5,
        "sensitive_bundles": [["health"], ["health", "family"]],
        "epsilon": 5.0,
        "delta": 1e-6,
        "created": "2026-11-22T00:00:00+00:00",
        "trainer": TRAINER,
    } | changes


def payload(digest: str, *, model: str = "tiny", **changes: Any) -> dict[str, Any]:
    """The payload of an approval that holds at `NOW`."""
    return {
        "schema": 1,
        "model": model,
        "version": "3",
        "manifest_digest": digest,
        "decision": "approved",
        "sequence": 1,
        "approved_at": (NOW - timedelta(days=1)).isoformat(),
        "expires_at": (NOW + timedelta(days=179)).isoformat(),
        "reason": "looked at the report",
        "overrides": {},
    } | changes


def approve(folder: Path, digest: str, key: Ed25519PrivateKey, **changes: Any) -> None:
    """An approval lies beside the manifest."""
    document = SignedDocument.sign(payload(digest, **changes), key)
    (folder / "approval.json").write_text(document.to_json(), encoding="utf-8")


def publish(
    folder: Path,
    key: Ed25519PrivateKey,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    *,
    model: str = "tiny",
    meta_changes: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """An artifact with its approval."""
    digest = write_artifact(folder, arrays or checkerboard(), meta=meta(model, **(meta_changes or {})))
    approve(folder, digest, key, model=model, **changes)
    return folder


def recommender(folder: Path, arrays: Mapping[str, NDArray[Any]] | None = None, **changes: Any) -> Recommender:
    """A recommender for its answers alone, without an approval."""
    write_artifact(folder, arrays or checkerboard(), meta=meta(**changes))
    return Recommender.unapproved(read_artifact(folder))


def item_model(folder: Path, arrays: Mapping[str, NDArray[Any]], **changes: Any) -> ItemModel:
    """The arrays as scoring sees them."""
    write_artifact(folder, arrays, meta=meta(**changes))
    return ItemModel.of(read_artifact(folder))


def edit_manifest(folder: Path, **changes: Any) -> None:
    """The manifest says something else."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")
