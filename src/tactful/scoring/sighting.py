"""What an address names at a moment, seen without fetching a model; and how a follower is."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tactful.errors import ModelRefusedError
from tactful.scoring.address import glance
from tactful.scoring.approval import Statement, ends_model, read_statement
from tactful.scoring.artifact import APPROVAL, read_document
from tactful.scoring.trust import Reviewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a follower is.

    Attributes
    ----------
    model, version, approval_id : str
        What answers, or answered last.
    serving : bool
        Whether a request would be answered now.
    stopped : str or None
        Why not.
    newer : str or None
        Why what is approved now is not served, or cannot be known; None if it is what is served.
    checked_at : datetime
        When the last check ended, whatever it found.
    swapped_at : datetime
        Since when this version has answered here.
    expires_at : datetime
        When its approval ends, and with it the answers.
    overdue : bool
        Whether the last check ended so long ago that some were missed: then nobody noticed what was decided since.
    remembers : bool
        Whether the decisions that are seen here outlive the process.
    """

    model: str
    version: str
    approval_id: str
    serving: bool
    stopped: str | None
    newer: str | None
    checked_at: datetime
    swapped_at: datetime
    expires_at: datetime
    overdue: bool
    remembers: bool

    def as_json(self) -> dict[str, Any]:
        """The health as plain JSON."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return {name: fact.isoformat() if isinstance(fact, datetime) else fact for name, fact in facts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What an address named at one moment.

    Attributes
    ----------
    version : str or None
        By the registry; None for a plain folder.
    digest : str
        Of the bytes of the decision beside the model.
    statement : Statement or None
        What the decision says, if a trusted reviewer signed it.
    store : str or None
        The address of the registry that was asked.
    """

    version: str | None
    digest: str
    statement: Statement | None
    store: str | None = None

    def same(self, other: Sighting) -> bool:
        """Whether nothing changed in between."""
        return (self.version, self.digest) == (other.version, other.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was not served when it was last tried, and for how many checks it is not tried again."""

    sighting: Sighting
    reason: str
    pause: int
    left: int


def sight(address: str | Path, reviewers: Reviewers) -> Sighting:
    """What an address names now; the model itself is not fetched.

    Raises
    ------
    NotFoundError, ModelRefusedError
        If nothing is there, it cannot be asked for, or what lies beside the model is no document.
    """
    statement = None
    with glance(address) as located:
        path = located.folder / APPROVAL
        raw = read_document(path) if path.exists() else b""
        with suppress(ModelRefusedError):  # loading it will say what is wrong
            statement = read_statement(located.folder, trusted=reviewers.keys)
    digest = hashlib.sha256(raw).hexdigest()
    return Sighting(version=located.version, digest=digest, statement=statement, store=located.store)


def ends(found: Statement, served: Statement, reviewers: Reviewers) -> bool:
    """Whether a decision is a later one about the very bytes that are served, and ends them."""
    same = all(getattr(found, name) == getattr(served, name) for name in ("model", "version", "manifest_digest"))
    return same and found.sequence > served.sequence and ends_model(found, reviewers)
