"""The event by which a purpose is not in force, and since when, for whoever asks why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tactful.desk.deciding_event import deciding

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT, CHILD = "personalization", "personalization.training"


def said(state: str, purpose: str | None, time: str, **more: str) -> dict[str, Any]:
    return {"state": state, "purpose": purpose, "event_time": f"{time}T00:00:00+00:00", **more}


CASES: list[tuple[str, list[dict[str, Any]], str, int | None, str | None]] = [
    (
        "the parent's withdrawal",
        [said("given", CHILD, "2026-02-01"), said("withdrawn", ROOT, "2026-01-01")],
        "withdrawn",
        1,
        "2026-01-01",
    ),
    (
        "a withdrawal that a later grant lifted is not named",
        [
            said("withdrawn", ROOT, "2026-03-01"),
            said("given", ROOT, "2026-04-01"),
            said("withdrawn", CHILD, "2026-02-01"),
        ],
        "withdrawn",
        2,
        "2026-02-01",
    ),
    (
        "another purpose is another matter",
        [said("refused", "fairness.assessment", "2026-03-01"), said("refused", CHILD, "2026-02-01")],
        "refused",
        1,
        "2026-02-01",
    ),
    (
        "what cannot be read refuses",
        [said("given", CHILD, "2026-02-01"), said("maybe", CHILD, "2026-02-03")],
        "refused",
        1,
        "2026-02-03",
    ),
    (
        "a refusal dated ahead counts since it was known",
        [said("refused", CHILD, "2026-09-01", recorded_time="2026-05-01T00:00:00+00:00")],
        "refused",
        0,
        "2026-05-01",
    ),
    (
        "what was given has ended",
        [
            said("given", CHILD, "2026-01-01", valid_until="2026-02-01T00:00:00+00:00"),
            said("given", CHILD, "2026-01-01", valid_until="2026-03-01T00:00:00+00:00"),
        ],
        "expired",
        1,
        "2026-03-01",
    ),
    (
        "a misspelt one that the store holds counts for what was meant",
        [said("given", CHILD, "2026-01-01"), said("withdrawn", "personalisation", "2026-02-01")],
        "withdrawn",
        1,
        "2026-02-01",
    ),
    ("no event says it", [said("given", ROOT, "2026-01-01")], "expired", None, None),
]


@pytest.mark.parametrize(
    ("history", "state", "place", "since"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_event_that_decides(
    history: list[dict[str, Any]], state: str, place: int | None, since: str | None
) -> None:
    """The latest one that fits the gate's reason, and the time since when it counts."""
    event, time = deciding(history, CHILD, state, NOW)
    named = {} if place is None or "isation" not in str(history[place]["purpose"]) else {"purpose": ROOT}
    assert event == (None if place is None else history[place] | named)
    assert (time and time[:10]) == since
