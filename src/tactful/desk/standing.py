"""How a person's consent to each purpose stands now, since when and until when; asked of the consent gate itself.

Notes
-----
The gate judges rows. So it is given rows that nobody wrote: one of now, and one of each time at which they decided
something. The first says whether consent is in force, and if not, why; the earliest that passes says since when without
a break. Until when it holds is found by asking at each end that a consent of theirs names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.desk.dossier_rows import RECOMMENDING, Judging, tables_of
from tactful.personal.consent import SENSITIVE, misspelt, path_of
from tactful.personal.one_person import UNREADABLE, judge
from tactful.personal.policy import Policy

_ITEM = "anything"
_ANYTHING = Catalogue(item_ids=np.array([_ITEM]), titles=np.array([_ITEM]), features={})
_FOREVER = Policy(retention_days=100_000)


def asked_about(judging: Judging, training: str) -> list[str]:
    """The purposes that a person is told about: those that tactful asks for, and those that they spoke of."""
    sensitive = [f"{SENSITIVE}.{name}" for name in sorted(judging.policy.sensitive)]
    known = [training, RECOMMENDING, "fairness.assessment", "fairness.mitigation", *sensitive]
    spoken = {word for word in _values(judging, "purpose") if word and _is_purpose(word)}
    meant = misspelt(spoken)
    return list(dict.fromkeys([*known, *sorted(meant.get(word, word) for word in spoken)]))


def standing(judging: Judging, purposes: Iterable[str]) -> list[dict[str, Any]]:
    """Of each purpose its ``state`` now (``allowed``, or the gate's reason), ``since`` and ``until``.

    Notes
    -----
    **Privacy.** *Reads* what the person said. *Returns* how it stands, for them or whoever answers to them. *Costs*
    nothing. *Assumes* what `tactful.personal.gate.ConsentGate` assumes.
    """
    return [_standing(judging, purpose) for purpose in purposes]


def _standing(judging: Judging, purpose: str) -> dict[str, Any]:
    """How one purpose stands."""
    now = judging.desk.records.now()
    if judging.person.erased_at is not None:
        return _told(purpose, "erased")
    if not _said_something(judging, purpose) and not any(len(table) for table in tables_of(judging.held, "subjects")):
        return _told(purpose, "no_record")
    decided = [time for time in _times(judging, "event_time") if time <= now]
    first, *others = _outcomes(judging, purpose, [now, *decided], now)
    if first != "admitted":
        return _told(purpose, first)
    since = min(time for time, outcome in zip(decided, others, strict=True) if outcome == "admitted")
    ends = (time for time in _times(judging, "valid_until") if time > now)
    until = next((end for end in ends if _outcomes(judging, purpose, [end], end) != ("admitted",)), None)
    return _told(purpose, "allowed", since, until)


def _told(purpose: str, state: str, since: datetime | None = None, until: datetime | None = None) -> dict[str, Any]:
    """Plain values."""
    times = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
    return {"purpose": purpose, "state": state, **times}


def _outcomes(judging: Judging, purpose: str, times: Sequence[datetime], now: datetime) -> tuple[str, ...]:
    """What the gate says at `now` of rows of these times."""
    row = {"user_id": judging.person.user_id, "item_id": _ITEM}
    rows = pa.Table.from_pylist([{**row, "timestamp": time.isoformat()} for time in times])
    return judge(
        interactions=rows,
        consents=tables_of(judging.held, "consents"),
        subjects=tables_of(judging.held, "subjects"),
        catalogue=_ANYTHING,
        policy=_FOREVER,
        keys=judging.desk.keys,
        purpose=purpose,
        now=lambda: now,
    ).outcomes


def _said_something(judging: Judging, purpose: str) -> bool:
    """Whether any record of theirs may bear on a purpose; one that names none, or a misspelt one, may."""
    path, words = {node for node, _ in path_of(purpose)}, set(_values(judging, "purpose"))
    return any(not word or not _is_purpose(word) or word in path or misspelt([word]) for word in words)


def _is_purpose(word: str | None) -> bool:
    """Whether a word is a purpose, and no word for all of them."""
    parts = (word or "").split(".")
    plain = all(part and set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for part in parts)
    return plain and word not in ("all", "any", "everything")


def _times(judging: Judging, column: str) -> list[datetime]:
    """The times in a column of their consents, each once, in order."""
    readable = (value for value in _values(judging, column) if value and value != UNREADABLE)
    return sorted({datetime.fromisoformat(value) for value in readable})


def _values(judging: Judging, column: str) -> Iterator[str | None]:
    """A column of all that they said."""
    for table in tables_of(judging.held, "consents"):
        if column in table.column_names:
            yield from table[column].to_pylist()
