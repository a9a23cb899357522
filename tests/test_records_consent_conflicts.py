"""The table of conflicts in the store's own words: each of its rows is imported, read back and put to the gate."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from personal_reference import KEYS, PURPOSE, day, gate, log, moment, outcomes, texts, world
from records_people import Clock, opened
from tactful.records import consent_rows, consents

COLUMNS = "user_id purpose state event_time recorded_time valid_until method"
PARENT, CHILD, SLIP = "personalization", f"{PURPOSE}.models", "personalisation.training"


def said(
    state: str,
    at: float | str,
    *,
    purpose: str = PURPOSE,
    recorded: float | None = None,
    until: float | None = None,
    method: str = "",
) -> dict:
    """An event of a day; recorded when it happened unless said otherwise."""
    return {
        "user_id": "ann",
        "purpose": purpose,
        "state": state,
        "event_time": day(at),
        "recorded_time": day(at if recorded is None else recorded),
        "valid_until": day(until),
        "method": method,
    }


GIVEN = said("given", 1)

CASES = {
    "grant and refusal on one path": [
        ([GIVEN, said("refused", 1, purpose=PARENT)], 5, 3, "refused"),
        ([GIVEN, said("given", 1, purpose=PARENT), said("refused", 2)], 5, 3, "refused"),
        ([said("refused", 1, purpose=PARENT), said("given", 2)], 5, 3, "refused"),
    ],
    "grant and objection signal (GPC)": [
        ([GIVEN, said("refused", 2, method="gpc")], 5, 3, "refused"),
        ([GIVEN, said("refused", 9, method="gpc")], 5, 3, "refused"),
        ([said("given", 2), said("refused", 2, method="gpc")], 5, 3, "refused"),
    ],
    "grant and refusal at one instant": [
        ([said("given", 2), said("refused", 2)], 5, 3, "refused"),
        ([said("given", 2, recorded=4), said("withdrawn", 2)], 5, 3, "withdrawn"),
    ],
    "two events of one purpose and instant": [
        ([said("given", 1, until=2), said("given", 1, recorded=2)], 5, 3, "admitted"),
        ([said("given", 1), said("given", 1, recorded=2, until=2)], 5, 3, "expired"),
    ],
    "later recorded, earlier event time": [
        ([said("given", 3), said("withdrawn", 1, recorded=2)], 5, 4, "admitted"),
        ([said("withdrawn", 3), said("given", 1, recorded=4)], 5, 4, "withdrawn"),
    ],
    "later recorded, another purpose": [
        ([said("refused", 1, purpose=PARENT), said("given", 3, recorded=4)], 5, 4, "refused"),
        ([GIVEN, said("withdrawn", 3, purpose="fairness", recorded=4)], 5, 4, "admitted"),
    ],
    "grant dated after, recorded before": [
        ([said("withdrawn", 3), said("given", 4, recorded=2)], 5, 4.5, "withdrawn"),
    ],
    "refusal recorded ahead of the store": [
        ([GIVEN, said("refused", 3, recorded=900)], 600, 599, "refused"),
    ],
    "grant recorded ahead of the store": [
        ([said("given", 1, recorded=900)], 600, 599, "no_record"),
    ],
    "the same event twice": [
        ([GIVEN, GIVEN], 5, 3, "admitted"),
        ([said("withdrawn", 2), said("withdrawn", 2)], 5, 3, "withdrawn"),
    ],
    "withdrawal before any grant": [
        ([said("withdrawn", 2)], 5, 3, "withdrawn"),
        ([said("withdrawn", 2), said("given", 3)], 5, 4, "admitted"),
    ],
    "expiry at the same instant as a question": [
        ([said("given", 1, until=5)], 5, 3, "expired"),
        ([said("given", 1, until=5.001)], 5, 3, "admitted"),
    ],
    "grant at the instant another ends": [
        ([said("given", 1, until=3), said("given", 3)], 5, 2, "admitted"),
        ([said("given", 1, until=3), said("given", 3.001)], 5, 2, "before_grant"),
    ],
    "grant after a withdrawal": [
        ([GIVEN, said("withdrawn", 2), said("given", 3)], 5, 4, "admitted"),
        ([GIVEN, said("withdrawn", 2), said("given", 3)], 5, 2.5, "before_grant"),
        ([GIVEN, said("withdrawn", 2), said("given", 3)], 5, 1.5, "before_grant"),
    ],
    "grant of a child": [
        ([said("given", 1, purpose=CHILD)], 5, 3, "no_record"),
        ([GIVEN, said("withdrawn", 2, purpose=CHILD)], 5, 3, "admitted"),
    ],
    "grant that cannot be read": [
        ([said("given", "the fifth"), said("given", 2)], 5, 3, "refused"),
        ([said("yes", 1), said("given", 2)], 5, 3, "refused"),
    ],
    "refusal of a misspelt purpose": [
        ([GIVEN, said("withdrawn", 2, purpose=SLIP)], 5, 3, "withdrawn"),
        ([GIVEN, said("refused", 2, purpose="personalisation")], 5, 3, "refused"),
        ([GIVEN, said("withdrawn", 2, purpose=SLIP), said("given", 3)], 5, 4, "admitted"),
    ],
    "grant of a misspelt purpose": [
        ([said("given", 1, purpose=SLIP)], 5, 3, "no_record"),
        ([GIVEN, said("withdrawn", 2), said("given", 3, purpose=SLIP)], 5, 4, "withdrawn"),
    ],
}


def rows_of_the_table() -> list[str]:
    """What meets, of each row of the table in the module's docstring."""
    body = re.split(r"\n=+\s+=+\n", str(consents.__doc__))[2]
    return [line[:42].strip() for line in body.splitlines() if line.strip()]


def test_every_row_of_the_table_is_tested() -> None:
    """And nothing else is."""
    assert rows_of_the_table() == list(CASES)


TRIALS = {
    f"{meets}, {place}{', the other way round' * backwards}": (events[::-1] if backwards else events, now, at, outcome)
    for meets, cases in CASES.items()
    for place, (events, now, at, outcome) in enumerate(cases)
    for backwards in (False, True)
}
"""Each case of a person of its own, its events imported one after the other in either order."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the gate says of each trial, by the store: judged together, since people do not touch each other."""
    store = opened(f"sqlite:///{tmp_path_factory.mktemp('books')}/records.db", Clock(moment(500)), KEYS)[1]
    for turn in range(max(len(events) for events, *_ in TRIALS.values())):
        rows = [events[turn] | {"user_id": name} for name, (events, *_) in TRIALS.items() if turn < len(events)]
        with pytest.MonkeyPatch.context() as patch:  # as it was before it refused what is misspelt
            patch.setattr(consent_rows, "check_spelling", lambda *_: None)
            store.add(texts(rows, COLUMNS), source=f"turn {turn}")
    names = dict(zip(KEYS.pseudonyms(TRIALS), TRIALS, strict=True))
    found = {}
    for now in sorted({now for _, now, *_ in TRIALS.values()}):
        rows = [(name, "bread", at) for name, (_, judged, at, _) in TRIALS.items() if judged == now]
        judged = outcomes(world(), rows, now, now, consents=store.events())
        found |= {names[pseudonym]: outcome for pseudonym, _, _, outcome in judged}
    return found


@pytest.mark.parametrize("trial", TRIALS)
def test_the_gate_decides_as_the_table_says(told: dict[str, str], trial: str) -> None:
    """In whichever order the events arrived."""
    assert told[trial] == TRIALS[trial][-1]


def test_the_same_event_twice_is_counted_as_a_duplicate(tmp_path: Path) -> None:
    """Within a table and across imports."""
    store = opened(f"sqlite:///{tmp_path}/records.db")[1]
    twice: pa.Table = texts([GIVEN, GIVEN], COLUMNS)
    counts = [(added.events, added.duplicates) for added in (store.add(twice, source="x") for _ in range(2))]
    assert counts == [(1, 1), (0, 2)]


def test_a_refusal_recorded_ahead_counts_from_when_the_store_had_it(tmp_path: Path) -> None:
    """In a replay of a time before its own clock, too, where a file's would not count yet; a grant's clock is kept."""
    store = opened(f"sqlite:///{tmp_path}/records.db", Clock(moment(4)), KEYS)[1]
    events = [GIVEN, said("refused", 2, recorded=900), said("given", 1, purpose="fairness", recorded=900)]
    added = store.add(texts(events, COLUMNS), source="x")
    assert added.ahead == 2
    of_both = {(row["state"], row["purpose"]): row for row in store.events().to_pylist()}
    refusal, grant = (of_both[event["state"], event["purpose"]] for event in events[1:])
    assert refusal["recorded_time"] == refusal["stored_time"] == added.time
    assert grant["recorded_time"] == moment(900) > added.time
    row = log([("ann", "bread", 3)])
    replayed = [
        gate(world(), 950, consents=each).replay(row, PURPOSE, moment(5))
        for each in (store.events(), texts(events, COLUMNS))
    ]
    assert [counts.excluded["refused"] for counts in replayed] == [1, 0]
