"""What a person is to the engine does not matter: a number, as with DuckDB, or the pseudonym itself, as with Spark.

The session of DuckDB is given people by pseudonym after the gate. Bounding is left out: that is the engine's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from personal_reference import KEYS, PURPOSE, event, gate, log, moment, world
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.split import hold_out
from tactful.personal.statement import ADMITTED
from tactful.personal.vault_rows import admitted_people, admitted_rows

PEOPLE = [f"user-{number}" for number in range(60)]
ITEMS: dict[str, tuple[str, ...]] = {f"item-{number}": () for number in range(9)}
SPEC = AttributeSpec(name="age", levels=("young", "old"))
AGES = Demographics.open(pa.table({"user_id": PEOPLE, "age": ["young", "old", "older"] * 20}), specs=[SPEC])
_NAMED = {
    "judged": "SELECT p.pseudonym AS person, j.item, j.instant, j.place "
    "FROM judged j LEFT JOIN people p ON p.person = j.person",
    "people": "SELECT pseudonym AS person, pseudonym, part FROM people",
}


def judge() -> ConsentGate:
    """Most people agree to training, and every second of them to be weighed by their group."""
    consents = [event(user, "given", 1) for user in PEOPLE[:50]]
    consents += [event(user, "given", 1, "fairness.mitigation") for user in PEOPLE[::2]]
    return gate(world(consents, items=ITEMS), 9)


def shopped() -> list[tuple[str, str, float]]:
    """Histories of different lengths, some times being the same."""
    drawn = np.random.default_rng(8).integers([60, 9, 5], size=(700, 3))
    drawn[:, 0] = np.minimum(drawn[:, 0], drawn[::-1, 0])
    return [(PEOPLE[who], f"item-{what}", 2.0 + int(when)) for who, what, when in drawn]


def by_name(consented: ConsentedInteractions) -> None:
    """From now on a person in the session is their pseudonym."""
    session = consented._session
    for name, statement in _NAMED.items():
        session.create(f"named_{name}", statement)
    session.drop("admitted", *_NAMED)
    for name in _NAMED:
        session.define(name, f"SELECT * FROM named_{name}")  # noqa: S608 (our own names)
    session.define("admitted", ADMITTED)


def told(consented: ConsentedInteractions, door: ConsentGate) -> dict[str, Any]:
    """Everything that is read from the gate's answer, but the rows that are bounded."""
    people = hold_out(consented, minimum_items=4)
    rows = [admitted_rows(consented, digit, [()] * len(ITEMS)) for digit in "0f"]
    return {
        "names": people._pseudonyms,
        "folded": people.folded.toarray().tolist(),
        "hidden": people.hidden.toarray().tolist(),
        "admitted": people.admitted.tolist(),
        "outcomes": consented.people_by_outcome(),
        "fingerprint": consented.fingerprint(KEYS),
        "training": AGES.training_groups(consented, door, SPEC).tolist(),
        "entering": admitted_people(consented),
        "rows": [sorted(table.to_pylist(), key=str) for table in rows],
    }


def test_people_by_number_and_by_name_are_the_same_people() -> None:
    """In order: held out and hidden, counted, in the digest, in groups that are weighed, and entering the vault."""
    door = judge()
    consented = door.admit(log(shopped()), PURPOSE, moment(8))
    before = told(consented, door)
    enough, names = len(before["folded"]), before["names"]
    assert len(names) > enough > 10
    assert [*names] == [*sorted(names[:enough]), *sorted(names[enough:])] != sorted(names)
    assert {-1, 0, 1, 2} <= set(before["training"])
    by_name(consented)
    assert consented._session.query("SELECT person FROM people")["person"].dtype == object
    assert told(consented, door) == before
