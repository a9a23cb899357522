"""Simulated consent is plausible, the same every time, and each person's is their own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from datasets_consent_state import by_person, in_force
from tactful.datasets import consent_simulation
from tactful.datasets.consent_simulation import (
    OPT_INS,
    RELUCTANCE,
    SCHEMA,
    TRAINING,
    simulate_consents,
    simulate_subjects,
)
from tactful.errors import UsageError

BANDS = [*RELUCTANCE, None]
LAST = date(2026, 11, 21)
END = datetime(2026, 11, 21, 23, 59, 59)
START = datetime(2025, 11, 21, 9, 30)
PATH = (TRAINING, "personalization")


def people(n: int) -> tuple[list[str], list[datetime], list[str | None]]:
    """Ids, first purchases in the first two months, and every age band in turn."""
    ids = [f"person-{i}" for i in range(n)]
    return ids, [START + timedelta(hours=i % 1440) for i in range(n)], [BANDS[i % len(BANDS)] for i in range(n)]


@pytest.fixture(scope="module")
def world() -> SimpleNamespace:
    ids, first, ages = people(7000)
    events = simulate_consents(ids, first, LAST, ages).to_pylist()
    return SimpleNamespace(
        ids=ids,
        first=dict(zip(ids, first, strict=True)),
        ages=dict(zip(ids, ages, strict=True)),
        events=events,
        of=by_person(events),
    )


def share(world: SimpleNamespace, ids: list[str]) -> float:
    return float(np.mean([in_force(world.of.get(i, ()), TRAINING, END) for i in ids]))


def test_the_fields_are_the_contracts_and_those_it_requires_are_never_empty() -> None:
    """The table has the columns of the contract and no other; user, purpose, state and time are always there."""
    contract = "user_id purpose state event_time recorded_time valid_until notice_version language jurisdiction method"
    table = simulate_consents(*people(200)[:2], LAST, people(200)[2])
    assert table.schema.equals(SCHEMA)
    assert table.column_names == [*contract.split(), "legal_basis", "source", "record_id"]
    assert all(table[name].null_count == 0 for name in table.column_names if name != "valid_until")
    assert set(table["state"].to_pylist()) == {"given", "refused", "withdrawn"}


def test_every_record_says_that_it_is_simulated(world: SimpleNamespace) -> None:
    """No record can be taken for a real one, and each has an id of its own without the person's."""
    assert {e["source"] for e in world.events} == {"simulated"}
    assert len({e["record_id"] for e in world.events}) == len(world.events)
    assert not any("person" in e["record_id"] for e in world.events)


def test_nothing_happens_after_the_last_day_or_is_recorded_before_it_happens(world: SimpleNamespace) -> None:
    """Times are in order: event, record, end of the last day; a consent ends after it begins."""
    assert all(e["event_time"] <= e["recorded_time"] <= END for e in world.events)
    assert all((e["valid_until"] is not None) == (e["state"] == "given") for e in world.events)
    assert all(e["valid_until"] > e["event_time"] for e in world.events if e["valid_until"])


def test_people_who_came_on_the_last_day_have_records_by_its_end() -> None:
    """Paper entered days later and decisions still to come do not run past the last day."""
    ids, _, ages = people(600)
    table = simulate_consents(ids, [END - timedelta(hours=1)] * len(ids), LAST, ages)
    late = pc.greater(table["recorded_time"], table["event_time"])
    assert pc.sum(late).as_py() > 10
    assert pc.max(table["recorded_time"]).as_py() <= END


def test_the_same_call_gives_the_same_table_and_another_seed_another() -> None:
    """The history is a function of its arguments."""
    ids, first, ages = people(300)
    table = simulate_consents(ids, first, LAST, ages)
    assert table.equals(simulate_consents(ids, first, LAST, ages))
    assert not table.equals(simulate_consents(ids, first, LAST, ages, seed=1))


def _hang_on_others(n: int = 120) -> bool:
    """True if somebody's records change when half of the people leave and the rest are reordered."""
    ids, first, ages = people(n)
    everybody = by_person(simulate_consents(ids, first, LAST, ages).to_pylist())
    half = slice(None, None, -2)
    some = by_person(simulate_consents(ids[half], first[half], LAST, ages[half]).to_pylist())
    return any(events != everybody.get(person) for person, events in some.items())


def test_a_persons_history_hangs_on_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Order and company do not matter; one generator for all people, the obvious mistake, is caught."""
    assert not _hang_on_others()
    shared = np.random.default_rng(0)
    monkeypatch.setattr(consent_simulation, "np", SimpleNamespace(random=SimpleNamespace(default_rng=lambda _: shared)))
    assert _hang_on_others()


def test_a_shift_by_whole_days_shifts_the_history_and_changes_nothing_else() -> None:
    """The demo tells the same story whenever it is written."""
    ids, first, ages = people(300)
    by = timedelta(days=1234)
    table = simulate_consents(ids, first, LAST, ages)
    later = simulate_consents(ids, [f + by for f in first], LAST + by, ages)
    for name in table.column_names:
        moved = (
            pc.add(table[name], pa.scalar(by)) if pa.types.is_timestamp(table.schema.field(name).type) else table[name]
        )
        assert later[name].equals(moved.cast(table.schema.field(name).type)), name


def test_most_people_end_with_consent_in_force(world: SimpleNamespace) -> None:
    """Privacy wants people: about four in five."""
    assert 0.75 <= share(world, world.ids) <= 0.82


def test_older_people_refuse_more(world: SimpleNamespace) -> None:
    """The share in force falls with age, by more than chance: a thousand people in each band."""
    shares = {band: share(world, [i for i in world.ids if world.ages[i] == band]) for band in BANDS}
    assert shares["19-24"] > shares["45-54"] > shares["65+"]
    assert shares["19-24"] - shares["65+"] > 0.08


def _before(world: SimpleNamespace, person: str) -> bool:
    """True if the person's consent began by their first purchase."""
    given = [e["event_time"] for e in world.of.get(person, ()) if e["state"] == "given" and e["purpose"] in PATH]
    return bool(given) and min(given) <= world.first[person]


def test_every_state_of_consent_occurs(world: SimpleNamespace) -> None:
    """Kept, late, refused, withdrawn, given again, expired, objected, silent: each near its share."""
    states = {
        p: [e["state"] for e in world.of.get(p, ()) if e["purpose"] in PATH and e["method"] != "gpc"] for p in world.ids
    }
    gpc = {e["user_id"] for e in world.events if e["method"] == "gpc"}
    over = {e["user_id"] for e in world.events if e["valid_until"] and e["purpose"] in PATH and e["valid_until"] <= END}
    seen = {
        "silent": sum(p not in world.of for p in world.ids),
        "refused": sum(s == ["refused"] for s in states.values()),
        "withdrew": sum(s == ["given", "withdrawn"] for s in states.values()),
        "returned": sum(s == ["given", "withdrawn", "given"] for s in states.values()),
        "expired": len(over),
        "signalled": len(gpc),
        "late": sum(s == ["given"] and not _before(world, p) for p, s in states.items()),
    }
    for story, expected in consent_simulation.STORIES.items():
        assert seen[story] / len(world.ids) == pytest.approx(expected, rel=1 / 3), story


def test_an_objection_signal_overrules_consent(world: SimpleNamespace) -> None:
    """Global Privacy Control is a refusal of `personalization`, and nobody who sent it is in force afterwards."""
    signals = [e for e in world.events if e["method"] == "gpc"]
    assert {(e["purpose"], e["state"]) for e in signals} == {("personalization", "refused")}
    assert not any(in_force(world.of[e["user_id"]], TRAINING, END) for e in signals)


def test_opt_ins_and_the_fairness_question_are_answered_by_their_shares(world: SimpleNamespace) -> None:
    """10 to 20% of those in force opt in to a sensitive category; 70% whose age is known allow the assessment."""
    consenting = [i for i in world.ids if in_force(world.of.get(i, ()), TRAINING, END)]
    for name, expected in OPT_INS.items():
        asked = np.mean(
            [any(e["purpose"] == f"personalization.sensitive.{name}" for e in world.of[i]) for i in consenting]
        )
        assert asked == pytest.approx(expected, abs=0.02)
    for known, expected in ((True, 0.70), (False, 0.55)):
        some = [i for i in consenting if (world.ages[i] is not None) == known]
        assert np.mean([in_force(world.of[i], "fairness.assessment", END) for i in some]) == pytest.approx(
            expected, abs=0.05
        )


def test_some_were_asked_for_everything_at_once_and_some_answered_on_paper(world: SimpleNamespace) -> None:
    """Parent grants and records entered days late both occur, and stay rare."""
    parents = {e["user_id"] for e in world.events if e["purpose"] == "personalization" and e["state"] == "given"}
    late = [e for e in world.events if e["recorded_time"] > e["event_time"]]
    assert 0.02 < len(parents) / len(world.ids) < 0.08
    assert 0.02 < len(late) / len(world.events) < 0.06
    assert {e["method"] for e in late} == {"paper_form"}


def test_a_few_people_ask_for_erasure_and_nobody_is_a_minor(world: SimpleNamespace) -> None:
    """Subjects hold requests made after the first purchase and by the last day, in whatever order people come."""
    rows = simulate_subjects(world.ids, [world.first[i] for i in world.ids], LAST).to_pylist()
    turned = world.ids[::-1]
    assert rows == simulate_subjects(turned, [world.first[i] for i in turned], LAST).to_pylist()
    assert 0.001 < len(rows) / len(world.ids) < 0.006
    assert all(world.first[r["user_id"]] <= r["erased_at"] <= END and r["minor"] is False for r in rows)


@pytest.mark.parametrize(
    ("ids", "last"), [(["canary-7", "canary-7"], LAST), (["canary-7", "b"], START.date() - timedelta(days=9))]
)
def test_people_given_twice_or_from_the_future_are_refused_without_naming_them(ids: list[str], last: date) -> None:
    """A wrong call is a usage error that shows no id."""
    with pytest.raises(UsageError, match="given once") as caught:
        simulate_consents(ids, [START, START], last, [None, None])
    assert "canary" not in str(caught.value)


def test_no_people_give_an_empty_table_of_the_same_form() -> None:
    """Nobody is not an error."""
    assert simulate_consents([], [], LAST, []).schema.equals(SCHEMA)
    assert len(simulate_subjects([], [], LAST)) == 0
