"""How everybody's consent stands: the gate's verdict for each person and purpose, since when, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful.personal.consent_state as consent_state
from personal_reference import EPOCH, STATES, moment, texts
from personal_reference import day as as_day
from personal_reference import event as any_event
from personal_rules import NEVER, lapse
from tactful.errors import UsageError
from tactful.personal.consent_state import everybody
from tactful.personal.keys import Keys

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
PURPOSE = "personalization.recommendations"
NODES = ("personalization", PURPOSE, PURPOSE, f"{PURPOSE}.email", "fairness")
NOW = 6

days = st.integers(0, 18).map(lambda halves: halves / 2)


def event(user: str, state: str, at: float, purpose: str = PURPOSE, *ends: Any, **more: Any) -> dict[str, Any]:
    """A consent event about recommendations unless said otherwise."""
    return any_event(user, state, at, purpose, *ends, **more)


def table(events: list[dict[str, Any]]) -> pa.Table:
    """The events as a table of text."""
    names = {"event": "event_time", "recorded": "recorded_time", "until": "valid_until"}
    rows = [
        {names.get(name, name): as_day(value) if name in names else value for name, value in e.items()} for e in events
    ]
    return texts(rows, "user_id purpose state event_time recorded_time valid_until")


def stands(events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, now: float = NOW, **more: Any) -> dict:
    """Of each person the state, since and until, as days."""
    monkeypatch.setattr(consent_state, "utc_now", lambda: moment(now))
    found = everybody(**{"consents": table(events), "keys": KEYS, "purposes": [PURPOSE]} | more)
    assert found.schema == consent_state.SCHEMA
    return {r["user_id"]: (r["state"], in_days(r["since"]), in_days(r["until"])) for r in found.to_pylist()}


def in_days(time: datetime | None) -> float | None:
    """A time as the number of its day."""
    return None if time is None else (time - EPOCH) / timedelta(days=1)


def reference(said: list[dict[str, Any]], tau: float, known: float) -> tuple[str, float | None]:
    """State and end, by trying every instant."""
    events = [e for e in said if (e["recorded"] <= tau if e["state"] == "given" else e["recorded"] <= known)]
    why = lapse([e for e in events if e["state"] != "given" or e["event"] <= tau], PURPOSE, tau, tau)
    if why:
        return why, None
    clocks = {e[clock] for e in events for clock in ("event", "recorded", "until") if e[clock] is not None}
    return "allowed", next((at for at in sorted(clocks) if at > tau and lapse(events, PURPOSE, at, at)), None)


worlds = st.lists(
    st.lists(
        st.builds(
            event,
            st.just("?"),
            st.sampled_from(STATES),
            days,
            st.sampled_from(NODES),
            st.none() | days,
            st.none() | days,
        ),
        max_size=5,
    ),
    min_size=30,
    max_size=30,
)


PAST = st.sampled_from([None, 3.0, 5.5])


@settings(max_examples=3, deadline=None, derandomize=True)
@given(made=worlds, past=PAST)
def test_it_is_what_trying_every_instant_finds(made: list[list[dict[str, Any]]], past: float | None) -> None:
    """Now, and at a past time by what was recorded then; thirty small histories in each query."""
    check_against_reference(made, past)


@pytest.mark.prove
@settings(max_examples=25, deadline=None, derandomize=True)
@given(made=worlds, past=PAST)
def test_seven_hundred_histories_stand_as_trying_every_instant_finds(
    made: list[list[dict[str, Any]]], past: float | None
) -> None:
    """The same, more often."""
    check_against_reference(made, past)


def check_against_reference(made: list[list[dict[str, Any]]], past: float | None) -> None:
    """State and end of everybody are those of the reference."""
    for number, events in enumerate(made):
        for each in events:
            each["user_id"] = f"user-{number}"
    with pytest.MonkeyPatch.context() as patch:
        as_of = None if past is None else moment(past)
        found = stands([e for events in made for e in events], patch, as_of=as_of)
    tau, known = (NOW, NEVER) if past is None else (past, past)
    expected = {f"user-{n}": reference(events, tau, known) for n, events in enumerate(made) if events}
    assert {user: (state, until) for user, (state, _, until) in found.items()} == expected


def test_since_and_until_of_each_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """From when it has stood so, and when it will end by what is known; ends that are taken over are none."""
    events = [
        event("allowed", "given", 1),
        event("ending", "given", 1, PURPOSE, until=9),
        event("taken over", "given", 1, PURPOSE, until=4),
        event("taken over", "given", 3.5, PURPOSE, until=8),
        event("again", "given", 1),
        event("again", "withdrawn", 2),
        event("again", "given", 3),
        event("withdrawn", "given", 1),
        event("withdrawn", "withdrawn", 4),
        event("withdrawn twice", "given", 1),
        event("withdrawn twice", "withdrawn", 4),
        event("withdrawn twice", "withdrawn", 5),
        event("refused", "refused", 2),
        event("parent", "given", 1),
        event("parent", "refused", 5, "personalization"),
        event("expired", "given", 1, PURPOSE, until=3),
        event("minor", "given", 1),
        event("gone", "given", 1),
        event("erased", "given", 1),
        event("elsewhere", "given", 1, "fairness.assessment"),
    ]
    subjects = texts(
        [{"user_id": "minor", "minor": "yes"}, {"user_id": "gone", "erased_at": as_day(2)}], "user_id minor erased_at"
    )
    erased = {KEYS.pseudonyms(["erased"])[0]: moment(5)}
    assert stands(events, monkeypatch, subjects=subjects, erased=erased) == {
        "allowed": ("allowed", 1, None),
        "ending": ("allowed", 1, 9),
        "taken over": ("allowed", 1, 8),
        "again": ("allowed", 3, None),
        "withdrawn": ("withdrawn", 4, None),
        "withdrawn twice": ("withdrawn", 4, None),
        "refused": ("refused", 2, None),
        "parent": ("refused", 5, None),
        "expired": ("expired", 3, None),
        "minor": ("minor", None, None),
        "gone": ("erased", 2, None),
        "erased": ("erased", 5, None),
        "elsewhere": ("no_record", None, None),
    }


def test_each_purpose_that_was_asked_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is named: in order, for everybody; what is no purpose is none, and refuses all of them."""
    events = [
        event("ann", "given", 1),
        event("bob", "given", 1, "fairness.assessment"),
        event("cem", "given", 1, "fairness.assessment"),
        event("cem", "refused", 1, "everything"),
    ]
    monkeypatch.setattr(consent_state, "utc_now", lambda: moment(NOW))
    found = everybody(consents=[table(events[:2]), table(events[2:])], keys=KEYS).to_pylist()
    assert [(r["purpose"], r["user_id"], r["state"]) for r in found] == [
        ("fairness.assessment", "ann", "no_record"),
        ("fairness.assessment", "bob", "allowed"),
        ("fairness.assessment", "cem", "refused"),
        (PURPOSE, "ann", "allowed"),
        (PURPOSE, "bob", "no_record"),
        (PURPOSE, "cem", "refused"),
    ]


def test_nobody_and_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table has no rows; a purpose that is none is refused."""
    assert everybody(consents=table([]), keys=KEYS).num_rows == 0
    assert stands([], monkeypatch) == {}
    with pytest.raises(UsageError, match="dots"):
        everybody(consents=table([]), keys=KEYS, purposes=["Everything!"])


def test_a_far_end_and_an_unreadable_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end beyond every calendar is shown; what cannot be read refuses, and nobody knows since when."""
    events = [event("ann", "given", 1), event("bob", "given", 1)]
    monkeypatch.setattr(consent_state, "utc_now", lambda: moment(NOW))
    strange = table(events).set_column(3, "event_time", pa.array([as_day(1), "yesterday"]))
    strange = strange.set_column(5, "valid_until", pa.array(["9999-12-31", None]))
    found = everybody(consents=strange, keys=KEYS, purposes=[PURPOSE]).to_pylist()
    assert [(r["state"], r["since"] is None) for r in found] == [("allowed", False), ("refused", True)]
    assert found[0]["until"].year == 9999
