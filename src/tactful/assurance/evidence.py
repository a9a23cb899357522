"""Measured evidence about a plan of releases: what `tactful audit` and `tactful benchmark membership` found.

Evidence is made on synthetic or public worlds, so it may leave the boundary. It is kept by what was tested, the
events of the plan and the code: a run quotes evidence about its very own noise or says that there is none.

Notes
-----
*What replaces what.* Whoever repeats an attack until they like it finds what they like. So about the same events and
the same code:

- what contradicts the claim is replaced by another contradiction, or by a search that is four times as long;
- anything else is replaced by what contradicts, or by a search at least as long;
- every attempt is counted, and so is every one that contradicted, whichever is kept.

Other code starts anew. The files are not signed: whoever can write them can write anything.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tactful import __version__
from tactful.privacy.events import GaussianEvent

Kind = Literal["audit", "membership"]

FOLDER = Path("models/evidence")
_LENGTH = {"audit": "trials", "membership": "shadows"}
_LONGER = 4
_TESTED = ("privacy/*.py", "personal/*.py", "released/head.py", "released/dpals_rules.py")


def save(kind: Kind, events: Sequence[GaussianEvent], facts: Mapping[str, Any], *, folder: Path = FOLDER) -> Path:
    """The evidence is in `folder`, unless what is there weighs more; the attempt is counted.

    Parameters
    ----------
    kind : {"audit", "membership"}
    events : sequence of GaussianEvent
        The plan that was tested.
    facts : mapping
        Plain values; what identifies the code, the time and the counts of attempts are added.
    """
    new = {
        **facts,
        "events": _listed(events),
        "tactful": __version__,
        "sources": _sources(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    old = find(kind, events, folder=folder)
    kept = new if old is None or _weighs(kind, new, old) else old
    counts = {
        "attempts": _counted(old, "attempts") + 1,
        "contradictions": _counted(old, "contradictions") + _contradicts(kind, new),
    }
    path = _path(kind, events, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as draft:
        json.dump({**kept, **counts}, draft, indent=2, ensure_ascii=False, allow_nan=False)
    Path(draft.name).replace(path)
    return path


def find(kind: Kind, events: Sequence[GaussianEvent], *, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The evidence about these events made by this version of tactful and these sources, if there is any."""
    try:
        facts = json.loads(_path(kind, events, folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"events": _listed(events), "tactful": __version__, "sources": _sources()}
    same = isinstance(facts, dict) and all(facts.get(name) == value for name, value in wanted.items())
    return facts if same else None


def _weighs(kind: Kind, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether new evidence takes the place of old."""
    was, found = _contradicts(kind, old), _contradicts(kind, new)
    if found:
        return True
    length = _LENGTH[kind]
    return bool(_counted(new, length) >= _counted(old, length) * (_LONGER if was else 1))


def _contradicts(kind: Kind, facts: Mapping[str, Any]) -> bool:
    """Whether the evidence speaks against the claim; what cannot be read does not."""
    if kind == "membership":
        return False
    claimed, bound = facts.get("epsilon_claimed"), facts.get("epsilon_lower_bound")
    above = isinstance(claimed, int | float) and isinstance(bound, int | float) and bound > claimed
    return above or facts.get("noise_as_stated") is False


def _counted(facts: Mapping[str, Any] | None, name: str) -> int:
    """A count of the evidence; 0 if it has none."""
    count = facts.get(name) if facts else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0


@cache
def _sources() -> str:
    """A digest of the code that evidence is about: whoever changes the noise has to test it again."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for pattern in _TESTED for path in root.glob(pattern)):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _path(kind: Kind, events: Sequence[GaussianEvent], folder: Path) -> Path:
    """Where the evidence about these events is."""
    digest = hashlib.sha256(json.dumps(_listed(events)).encode()).hexdigest()
    return folder / f"{kind}-{digest[:16]}.json"


def _listed(events: Sequence[GaussianEvent]) -> list[dict[str, Any]]:
    """The events as plain values."""
    return [event.as_json() for event in events]
