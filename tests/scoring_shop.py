"""A place where models are put for a service to follow, and a time that tests move."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_world import NOW, approve, publish
from tactful.scoring import Recommender
from tactful.scoring.artifact import read_artifact
from tactful.scoring.following import Follower
from tactful.scoring.signing import new_key, public_text

HOUR = timedelta(hours=1)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Shop:
    """A place where models are put for a service to follow: a folder whose content is replaced by renaming."""

    def __init__(self, root: Path) -> None:
        self.root, self.place, self.made = root, root / "live", 0
        self.key, self.clock = new_key(), Clock()

    def put(self, key: Ed25519PrivateKey | None = None, **changes: Any) -> Path:
        """A model of its own lies in the place, approved as number `sequence` unless told otherwise."""
        self.made += 1
        facts = {"version": str(self.made), "sequence": self.made, "meta_changes": {"created": str(self.made)}}
        folder = publish(self.root / f"made-{self.made}", key or self.key, **(facts | changes))
        return self.show(folder)

    def show(self, folder: Path) -> Path:
        """The folder is what lies in the place now."""
        link = self.root / "link"
        link.symlink_to(folder)
        link.replace(self.place)
        return folder

    def decide(self, folder: Path, decision: str, **changes: Any) -> None:
        """A reviewer's decision replaces what lies beside a model."""
        facts = {"version": str(self.made), "sequence": self.made + 1, "decision": decision}
        approve(folder, read_artifact(folder).manifest_digest, self.key, **(facts | changes))

    def follow(self, **changes: Any) -> Follower[Recommender]:
        """A follower that looks only when told to."""
        given = {"trusted_keys": [public_text(self.key)], "every": 3600.0, "now": self.clock}
        return Recommender.follow(self.place, **(given | changes))


def version(follower: Follower[Recommender]) -> str:
    return follower.recommend(["100"], 1, profiling=True).version
