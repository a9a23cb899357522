"""A model of random factors that a reviewer approved, as a service meets it: files, a signature, a key to trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.released.model import HISTORY_NORM
from tactful.scoring.artifact import APPROVAL, write_artifact
from tactful.scoring.recommender import Recommender
from tactful.scoring.signing import SignedDocument, new_key, public_text


@contextmanager
def approved_model(items: int, factors: int) -> Iterator[tuple[Callable[[], Recommender], NDArray[np.float32]]]:
    """How to load a model that a reviewer approved, while its files are there; and its item factors."""
    rng = np.random.default_rng(1)
    encoder, decoder = (rng.standard_normal((items, factors), dtype=np.float32) for _ in range(2))
    popularity = (np.arange(1, items + 1) ** -0.5).astype(np.float32)
    reviewer = new_key()
    with TemporaryDirectory(prefix="tactful-") as place:
        folder = Path(place) / "model"
        digest = write_artifact(
            folder,
            {
                "item_ids": np.array(ids_of(np.arange(items))),
                "titles": np.array([f"Item {position}" for position in range(items)]),
                "popularity": popularity,
                "base": popularity / 10,
                "head": np.arange(items, dtype=np.int32),
                "encoder": encoder,
                "decoder": decoder,
                "sensitive": np.zeros(items, dtype=np.int16),
            },
            meta={
                "model": "benchmark",
                "noise": "system",
                "trainer": public_text(new_key()),
                "history_norm": HISTORY_NORM,
                "sensitive_bundles": [],
            },
        )
        document = SignedDocument.sign(_decision(digest), reviewer)
        (folder / APPROVAL).write_text(document.to_json(), encoding="utf-8")
        keys, seen = [public_text(reviewer)], Path(place) / "seen.json"
        yield lambda: Recommender.load(folder, trusted_keys=keys, seen_file=seen), decoder


def _decision(manifest_digest: str) -> dict[str, Any]:
    """An approval that holds today."""
    now = datetime.now(UTC)
    return {
        "schema": 1,
        "model": "benchmark",
        "version": "1",
        "manifest_digest": manifest_digest,
        "decision": "approved",
        "sequence": 1,
        "approved_at": now.isoformat(),
        "expires_at": (now + timedelta(days=1)).isoformat(),
        "reason": "to be timed",
        "overrides": {},
    }


def ids_of(positions: NDArray[np.int64]) -> list[str]:
    """Catalogue positions as the ids that a request has."""
    return [str(100_000 + position) for position in positions.tolist()]
