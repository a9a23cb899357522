"""Measured evidence about a plan of releases: what `tactful audit` and `tactful benchmark membership` found.

Evidence is made on synthetic or public worlds, so it may leave the boundary. It is kept by what was tested, the
events of the plan: a run quotes evidence about its very own noise or says that there is none.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tactful import __version__
from tactful.privacy.events import GaussianEvent

Kind = Literal["audit", "membership"]

FOLDER = Path("models/evidence")


def save(kind: Kind, events: Sequence[GaussianEvent], facts: Mapping[str, Any], *, folder: Path = FOLDER) -> Path:
    """The evidence is in `folder`, in place of older evidence of its kind about the same events.

    Parameters
    ----------
    kind : {"audit", "membership"}
    events : sequence of GaussianEvent
        The plan that was tested.
    facts : mapping
        Plain values; ``tactful`` and ``created`` are added.
    """
    whole = {
        **facts,
        "events": _listed(events),
        "tactful": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = _path(kind, events, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as draft:
        json.dump(whole, draft, indent=2, ensure_ascii=False, allow_nan=False)
    Path(draft.name).replace(path)
    return path


def find(kind: Kind, events: Sequence[GaussianEvent], *, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The evidence about these events made by this version of tactful, if there is any."""
    try:
        facts = json.loads(_path(kind, events, folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(facts, dict) and facts.get("events") == _listed(events) and facts.get("tactful") == __version__
    return facts if same else None


def _path(kind: Kind, events: Sequence[GaussianEvent], folder: Path) -> Path:
    """Where the evidence about these events is."""
    digest = hashlib.sha256(json.dumps(_listed(events)).encode()).hexdigest()
    return folder / f"{kind}-{digest[:16]}.json"


def _listed(events: Sequence[GaussianEvent]) -> list[dict[str, Any]]:
    """The events as plain values."""
    return [event.as_json() for event in events]
