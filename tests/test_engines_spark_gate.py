"""The gate on Spark answers as it does on DuckDB and as the rules do in plain Python; one crowd tries it all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from engines_spark import spark
from personal_reference import KEYS, PURPOSE, event, expected, gate, log, moment, outcomes, world
from tactful.errors import SchemaError
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.split import hold_out
from test_personal_gate_cases import CASES
from test_personal_gate_reference import crowd
from test_personal_gate_spelling import ABSURD, CANARY, CLEAN, HELD, NO, SOUND, STRANGE, UNCLEAN, fates_held, held

pytestmark = pytest.mark.prove

THEN, NOW = 5, 7
FAIR = "fairness.assessment"
AGE = AttributeSpec(name="age", levels=("young", "old"))


def everything() -> tuple[dict, list[tuple]]:
    """Hundreds of people with histories drawn at random, one for each of the gate's cases, and all that is misspelt."""
    made, rows = crowd(8, 300)
    said, flags = made["consents"], made["subjects"]
    for number, (_, consents, item, at, *_rest) in enumerate(CASES):
        said += [one | {"user_id": f"case-{number}"} for one in consents]
        rows.append((f"case-{number}", item, at))
    for number, purpose in enumerate([*STRANGE, " Personalization.Training\u00a0"]):
        for state in (*NO, "given"):
            user = f"purpose-{number}-{state}"
            said += [event(user, "given", 1), event(user, state, 2, purpose), event(user, "given", 3)]
            rows.append((user, "bread", 4))
    for number, time in enumerate([*ABSURD, *SOUND]):
        said += [event(f"event-{number}", "given", time, recorded=1), event(f"end-{number}", "given", 1, until=time)]
        flags[f"flag-{number}"] = {"erased_at": time}
        said += [event(f"flag-{number}", "given", 1), event(f"time-{number}", "given", 0)]
        rows += [(f"{kind}-{number}", "bread", 4) for kind in ("event", "end", "flag")]
        rows.append((f"time-{number}", "bread", time))
    said += [event(user, state, 1, FAIR) for user in made_users(said) for state in drawn(user)]
    rows += [(user, "bread", 4) for user in [*UNCLEAN, *CLEAN, None, ""]]
    return made, rows


def made_users(said: list[dict]) -> list[str]:
    """Whoever said something, in order."""
    return sorted({one["user_id"] for one in said})


def drawn(user: str) -> list[str]:
    """What somebody says of being assessed: yes, no, or nothing."""
    return [[], ["given"], ["given"], ["refused"]][len(user) % 4]


@pytest.fixture(scope="module")
def both():
    """The crowd, judged by Spark and by DuckDB."""
    made, rows = everything()
    admit = {name: gate(made, NOW, engine=engine) for name, engine in (("spark", spark()), ("duckdb", None))}
    found = {name: judge.admit(log(rows), PURPOSE, moment(THEN)) for name, judge in admit.items()}
    return made, rows, admit, found


def test_each_row_has_the_outcome_that_it_has_on_duckdb(both):
    """And the counts are the same; every outcome occurs."""
    made, rows, _, found = both
    statement = (
        "SELECT p.pseudonym, i.item_id, j.instant, j.place FROM judged j "
        "LEFT JOIN people p ON p.person = j.person LEFT JOIN items i ON i.item = j.item"
    )
    told = {}
    for name, consented in found.items():
        columns = consented._session.query(statement)
        told[name] = sorted(zip(*(map(repr, map(plain, columns[c])) for c in columns), strict=True))
    assert told["spark"] == told["duckdb"]
    assert len(told["spark"]) == len(rows) == found["spark"].counts.read > 1900
    assert found["spark"].counts == found["duckdb"].counts
    assert min(found["spark"].counts.excluded.values()) > 0
    assert len(made["consents"]) > 1000


def plain(value: object) -> object:
    """A value without its library."""
    return value.item() if isinstance(value, np.generic) else value


def test_people_and_the_digest_are_the_same(both):
    """Of each part by their outcome, and one keyed number of all admitted rows."""
    _, _, _, found = both
    assert found["spark"].people_by_outcome() == found["duckdb"].people_by_outcome()
    assert found["spark"].fingerprint(KEYS) == found["duckdb"].fingerprint(KEYS)


def test_evaluation_people_and_their_groups_are_the_same(both):
    """In the same order, with the same earlier and later items, and the same attributes where they gave them."""
    made, _, admit, found = both
    users = made_users(made["consents"])
    ages = [[None, "young", " old ", "middle", ""][number % 5] for number in range(len(users))]
    held = {name: hold_out(consented, minimum_items=2) for name, consented in found.items()}
    assert held["spark"]._pseudonyms == held["duckdb"]._pseudonyms
    assert len(held["spark"]._pseudonyms) > 100
    for part in ("folded", "hidden"):
        ours, theirs = (getattr(held[name], part) for name in ("spark", "duckdb"))
        assert ours.shape == theirs.shape
        assert (ours != theirs).nnz == 0
    assert np.array_equal(held["spark"].admitted, held["duckdb"].admitted)
    codes = {}
    for name, judge in admit.items():
        engine = spark() if name == "spark" else None
        attributes = Demographics.open(pa.table({"user_id": users, "age": ages}), [AGE], engine=engine)
        codes[name] = attributes.groups(held[name], judge, [AGE], as_of=moment(THEN))["age"]
    assert np.array_equal(codes["spark"], codes["duckdb"])
    assert set(codes["spark"].tolist()) == {-1, 0, 1, 2, 3}


def test_duckdb_agrees_with_the_rules_on_the_crowd():
    """So that both agree with a third; of unclean ids and absurd times other tests speak."""
    made, rows = crowd(8, 300)
    assert outcomes(made, rows, THEN, NOW) == expected(made, rows, THEN, NOW)


def test_a_misspelt_purpose_stops_spark_as_it_stops_duckdb():
    """Before any row is judged, and nobody is named; a business's own purpose does not."""
    for purpose in (f"personalisation.training.{CANARY}", "personalisation.email"):
        said = [event(CANARY, "given", 1), event(CANARY, "withdrawn", 2, purpose)]
        judge = gate(world(said), NOW, engine=spark())
        if "email" in purpose:
            assert judge.admit(log([(CANARY, "bread", 4)]), PURPOSE).counts.admitted == 1
            continue
        with pytest.raises(SchemaError, match="may mean personalization") as stopped:
            judge.admit(log([(CANARY, "bread", 4)]), PURPOSE)
        assert CANARY not in f"{stopped.value} {stopped.value.fields}"


def test_what_the_store_holds_counts_as_it_was_meant_on_spark(tmp_path, monkeypatch):
    """Each case has the outcome that it has on DuckDB."""
    events = held(tmp_path, monkeypatch).events(evidence=False)
    assert fates_held(events, engine=spark()) == {who: outcome for who, (outcome, _) in HELD.items()}
