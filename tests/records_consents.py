"""The laws of a consent store, for every database: `test_records_consents.py` and its PostgreSQL twin inherit them."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from records_people import KEYS, Clock, given, opened, table
from tactful.errors import SchemaError, SecretError
from tactful.records import consent_check
from tactful.records.consents import ConsentStore
from tactful.records.store import Records

ANN, BOB = "canary-ann-7391", "canary-bob-7391"
TRAINING = "personalization.training"
EVENTS = table(
    (ANN, "personalization", "given", "2026-01-02", "2026-01-03", "2027-01-01", "form", f"note about {ANN}"),
    (BOB, "Personalization.Training ", "GIVEN", "2026-01-02T10:00:00+02:00"),
    (ANN, "personalization.training", "withdrawn", "2026-02-01T00:00:00.5Z", "2026-02-02"),
    (BOB, "no purpose!", "maybe", "yesterday", "2026-02-02", "never", "form"),
)

EMPTIED = (
    "UPDATE consents SET person = NULL, purpose = NULL, state = NULL, event_time = NULL, recorded_time = NULL, "
    "valid_until = NULL, sealed = NULL WHERE row = 3"
)
TAMPERING = [
    (["UPDATE consents SET state = 'given' WHERE row = 3"], "row 3 was changed"),
    (["UPDATE consents SET purpose = 'fairness' WHERE row = 1"], "row 1 was changed"),
    (["UPDATE consents SET purpose = NULL WHERE row = 1"], "row 1 was changed"),
    (["UPDATE consents SET event_time = event_time + 1 WHERE row = 2"], "row 2 was changed"),
    (["UPDATE consents SET recorded_time = NULL WHERE row = 3"], "row 3 was changed"),
    (["UPDATE consents SET valid_until = NULL WHERE row = 1"], "row 1 was changed"),
    (["UPDATE consents SET stored_time = stored_time - 1 WHERE row = 4"], "row 4 was changed"),
    (["UPDATE consents SET sealed = NULL WHERE row = 4"], "row 4 was changed"),
    (["UPDATE consents SET person = 2 WHERE row = 3"], "row 3 was changed"),
    (["DELETE FROM consents WHERE row = 1"], "row 1 is missing"),
    (["DELETE FROM consents WHERE row = 3"], "row 3 is missing"),
    (["DELETE FROM consents WHERE row = 4"], "row 4 is missing"),
    (["DELETE FROM consents"], "row 1 is missing"),
    (["DROP TABLE erased"], "is gone"),
    (["DELETE FROM subjects WHERE person = 1"], "row 1 is about somebody whose key is gone"),
    (
        ["INSERT INTO consents (row, person, fingerprint) VALUES (5, 1, '0123456789abcdef')"],
        "1 row was put in",
    ),
    (
        [EMPTIED],
        "row 3 was emptied",
    ),
    (
        [
            "UPDATE consents SET row = 9 WHERE row = 2",
            "UPDATE consents SET row = 2 WHERE row = 3",
            "UPDATE consents SET row = 3 WHERE row = 9",
        ],
        "one was replaced",
    ),
]


def pseudonym(user_id: str) -> str:
    return KEYS.pseudonyms([user_id])[0]


def run(store: ConsentStore, statement: str) -> None:
    """What whoever has the database can do to it."""
    with store._records.engine.begin() as connection:
        connection.execute(text(statement))


def unguard(store: ConsentStore) -> None:
    """The triggers are gone."""
    on = " ON consents" if store._records.engine.dialect.name == "postgresql" else ""
    for trigger in ("consents_no_update", "consents_no_delete"):
        run(store, f"DROP TRIGGER {trigger}{on}")


class ConsentStoreLaws:
    """What holds of a consent store; subclasses give the fixture `url`."""

    @pytest.fixture
    def store(self, url: str) -> ConsentStore:
        return opened(url)[1]

    @pytest.fixture
    def in_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows and people are numbered as they were given, so that a test can name them."""
        monkeypatch.setattr("tactful.records.consent_plan.mixed", list)
        monkeypatch.setattr("tactful.records.subjects.by_chance", list)

    @pytest.mark.usefixtures("in_order")
    def test_events_come_back_as_they_were_given(self, store: ConsentStore) -> None:
        """In order, in the contract's columns, times in UTC; what could not be read is still none."""
        assert store.empty
        added = store.add(EVENTS, source="a file")
        assert (added.events, added.people, added.malformed, added.duplicates, added.blocked) == (4, 2, 1, 0, 0)
        rows = store.events().to_pylist()
        assert not store.empty
        assert [row["user_id"] for row in rows] == [ANN, BOB, ANN, BOB]
        assert [row["purpose"] for row in rows[:3]] == [TRAINING.partition(".")[0], TRAINING, TRAINING]
        assert rows[0]["record_id"] == f"note about {ANN}"
        assert str(rows[2]["event_time"]) == "2026-02-01 00:00:00.500000+00:00"
        assert str(rows[1]["event_time"]) == "2026-01-02 08:00:00+00:00"
        assert rows[1]["recorded_time"] == rows[1]["stored_time"] == added.time
        assert (rows[3]["purpose"], rows[3]["state"]) == ("no purpose!", "maybe")
        assert rows[3]["event_time"].year == rows[3]["valid_until"].year == 1970

    def test_a_repeated_import_adds_nothing(self, store: ConsentStore) -> None:
        """Nor does an event twice in one table, however it is spelt; a new one beside them is added."""
        store.add(EVENTS, source="a file")
        before = store.events()
        more = pa.concat_tables([EVENTS, table(given("zed")), table(given("zed"))])
        again = store.add(more, source="a file")
        assert (again.events, again.duplicates, again.people) == (1, 5, 1)
        assert store.events().slice(0, 4).equals(before)

    def test_what_was_known_then_stays_as_it_was(self, store: ConsentStore) -> None:
        """Events that come later, and such as are dated back, change no bit of what an earlier time gives."""
        times, known = [], []
        for day in range(1, 6):
            rows = [
                given(ANN, day=day),
                given(f"user-{day}", day=day),
                (BOB, "a", "withdrawn", "2020-01-01", "2020-01-01", None, None, str(day)),
            ]
            times.append(store.add(table(*rows), source="x").time)
            known.append(store.events(known_at=times[-1]))
        assert [len(events) for events in known] == [3, 6, 9, 12, 15]
        for time, events in zip(times, known, strict=True):
            assert store.events(known_at=time).equals(events)
            assert len(store.events(known_at=time - timedelta(microseconds=1))) == len(events) - 3

    def test_some_people_are_read_alone(self, store: ConsentStore) -> None:
        """In the order of all, and nobody else; unknown ids are nobody."""
        store.add(EVENTS, source="x")
        everybody = store.events()
        mine = [row for row, user in enumerate(everybody["user_id"].to_pylist()) if user == ANN]
        assert store.events(user_ids=[ANN, "zed"]).equals(everybody.take(mine))
        assert len(mine) == 2
        assert len(store.events(user_ids=["zed"])) == len(store.events(user_ids=[])) == 0

    def test_without_evidence_the_gates_columns_are_the_same(self, store: ConsentStore) -> None:
        """Only faster."""
        store.add(EVENTS, source="x")
        short = store.events(evidence=False)
        assert short.equals(store.events().select(short.column_names))
        assert {"user_id", "purpose", "state", "event_time", "recorded_time", "valid_until"} < set(short.column_names)

    def test_a_dry_run_counts_and_writes_nothing(self, store: ConsentStore) -> None:
        """What it says is what then happens."""
        dry = store.add(EVENTS, source="x", dry_run=True)
        assert store.empty
        assert store._records.entries() == []
        done = store.add(EVENTS, source="x")
        assert dry.as_json() | {"time": ""} == done.as_json() | {"time": ""}

    def test_the_journal_vouches_without_naming_anybody(self, store: ConsentStore) -> None:
        """One entry an import; of a single person it says more, sealed under their key."""
        store.add(EVENTS, source="a file", actor="officer")
        store.add(table(given(ANN, state="withdrawn", day=9)), source="the desk")
        first, second = store._records.entries("consent.")
        assert (first.kind, first.actor, first.body["source"]) == ("consent.recorded", "officer", "a file")
        assert {"events": 4, "people": 2, "first": 1, "last": 4}.items() <= first.body.items()
        key = store._subjects.find(pseudonym(ANN))
        assert "subject" not in first.body
        assert "subject" not in second.body
        assert key.tag not in str(second.body)
        assert key.open(second.body["sealed"]) == {"said": [["personalization", "withdrawn"]]}
        assert ANN not in str(first.body) + str(second.body)
        assert pseudonym(ANN) not in str(first.body) + str(second.body)

    def test_who_was_erased_is_turned_away(self, store: ConsentStore) -> None:
        """And counted; everybody else of the table is stored."""
        store.add(EVENTS, source="x")
        with store._records.transaction() as transaction:
            store._subjects.mark_erased(transaction, pseudonym(ANN))
        assert set(store.events()["user_id"].to_pylist()) == {BOB}
        added = store.add(table(given(ANN, day=5), given("zed"), given(ANN, day=6)), source="x")
        assert (added.events, added.blocked, added.people) == (1, 2, 1)
        assert set(store.events()["user_id"].to_pylist()) == {BOB, "zed"}

    def test_who_is_forgotten_leaves_fingerprints_that_verify(self, store: ConsentStore) -> None:
        """Their rows hold nothing else, everybody else's are as they were; to forget again does nothing."""
        store.add(EVENTS, source="x")
        bob = store.events(user_ids=[BOB])
        with store._records.transaction() as transaction:
            assert store.forget(transaction, pseudonym(ANN)) == 2
            store._subjects.destroy(transaction, pseudonym(ANN))
            assert store.forget(transaction, pseudonym(ANN)) == store.forget(transaction, pseudonym("zed")) == 0
        assert store.events().equals(bob)
        store.compact()
        assert store.events().equals(bob)
        report = store.verify()
        assert (report.ok, report.rows, report.forgotten) == (True, 4, 2)

    def test_what_is_forgotten_leads_to_no_line_and_no_name(self, store: ConsentStore) -> None:
        """Neither rows nor people are numbered as they were given; the entry of a forgetting names rows alone."""
        people = [f"user-{n}" for n in range(40)]
        store.add(table(*(given(user, day=n % 28 + 1) for n, user in enumerate(people))), source="x")
        assert store.events()["user_id"].to_pylist() != people
        with store._records.engine.connect() as connection:
            known = store._subjects.known(connection)
        assert [known[pseudonym(user)].person for user in people] != list(range(1, 41))
        assert sorted(found.person for found in known.values()) == list(range(1, 41))
        with store._records.transaction() as transaction:
            store._subjects.mark_erased(transaction, pseudonym(people[7]))
            store.forget(transaction, pseudonym(people[7]))
            store._subjects.destroy(transaction, pseudonym(people[7]))
        (told,) = store._records.entries("consent.forgotten")
        assert set(told.body) == {"rows"}
        since = store._subjects.erased()[pseudonym(people[7])]
        assert since == told.time.replace(hour=0, minute=0, second=0, microsecond=0)
        assert store.verify().ok

    def test_an_untouched_store_verifies(self, store: ConsentStore) -> None:
        """Also an empty one, and after several imports."""
        assert store.verify().as_json() == {"ok": True, "rows": 0, "forgotten": 0, "problem": None}
        for day in (1, 2, 3):
            store.add(table(given(ANN, day=day), given("zed", day=day)), source="x")
        assert store.verify().as_json() == {"ok": True, "rows": 6, "forgotten": 0, "problem": None}

    @pytest.mark.usefixtures("in_order")
    def test_verify_finds_what_was_done_to_the_rows(self, store: ConsentStore) -> None:
        """An edit of any cell, a row taken out, put in, emptied or moved, at the right row."""
        store.add(EVENTS, source="x")
        unguard(store)
        entries = store._records.entries("consent.")
        for statements, says in TAMPERING:
            with store._records.engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
                report = consent_check.check(connection, store._subjects, entries)
                connection.rollback()
            assert not report.ok, statements
            assert says in str(report.problem), statements
        assert store.verify().ok

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE consents SET state = 'given' WHERE row = 3",
            "UPDATE consents SET person = NULL WHERE row = 3",
            "UPDATE consents SET stored_time = 0 WHERE row = 3",
            "DELETE FROM consents WHERE row = 3",
            "DELETE FROM consents",
        ],
    )
    def test_the_database_itself_refuses_changes(self, store: ConsentStore, statement: str) -> None:
        """Nobody edits or deletes a row in passing."""
        store.add(EVENTS, source="x")
        with pytest.raises(DBAPIError, match="kept as it was recorded"):
            run(store, statement)
        assert store.verify().ok

    @pytest.mark.parametrize("statement", ["UPDATE erased SET time = 0", "DELETE FROM erased"])
    def test_the_database_keeps_who_was_erased(self, store: ConsentStore, statement: str) -> None:
        """Nor takes anybody out of the record of erased people."""
        store.add(EVENTS, source="x")
        mark(store, "gone")
        with pytest.raises(DBAPIError, match="stays in the record of erased people"):
            run(store, statement)

    def test_a_table_that_fails_writes_nothing(self, store: ConsentStore) -> None:
        """One row that names nobody stops all of them."""
        for bad in (table(given(ANN), (None, "a", "given", "2026-01-01")), table(given(ANN), given(f"{BOB} "))):
            with pytest.raises(SchemaError, match="user_id") as refused:
                store.add(bad, source="x")
            assert BOB not in str(refused.value)
        assert store.empty
        assert store._records.entries() == []

    def test_a_lost_storage_key_is_said(self, store: ConsentStore, url: str) -> None:
        """Reading and adding stop with the fingerprint of the key that is missing."""
        store.add(EVENTS, source="x")
        other = type(KEYS)(pseudonym=KEYS.pseudonym, storage=b"l" * 32, assignment=KEYS.assignment)
        stranger = opened(url, keys=other)[1]
        for action in (stranger.events, stranger.verify, lambda: stranger.add(EVENTS, source="x")):
            with pytest.raises(SecretError, match="fingerprint"):
                action()

    def test_others_who_are_quicker_are_noticed(
        self, store: ConsentStore, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While an import is planned others store its events or erase a person: nothing is doubled, nobody is kept."""
        other = opened(url, Clock())[1]
        quicker = [
            lambda: other.add(table(given(ANN, day=1), given("zed")), source="other"),
            lambda: other.add(table(given(BOB, day=2)), source="other"),
            lambda: mark(other, "gone"),
            lambda: other.add(table(given("late")), source="other"),
        ]
        taking = Records.transaction

        def transaction(records: Records) -> object:
            """Somebody else's turn comes first, as long as there is somebody."""
            if records is store._records and quicker:
                quicker.pop(0)()
            return taking(records)

        monkeypatch.setattr(Records, "transaction", transaction)
        rows = [given(ANN, day=1), given(BOB, day=2), given("gone"), given("late"), given("own")]
        added = store.add(table(*rows), source="mine")
        assert (added.events, added.duplicates, added.blocked) == (1, 3, 1)
        assert sorted(store.events()["user_id"].to_pylist()) == sorted([ANN, "zed", BOB, "late", "own"])
        assert store.verify().ok


def mark(store: ConsentStore, user_id: str) -> None:
    """The person counts as erased."""
    with store._records.transaction() as transaction:
        store._subjects.mark_erased(transaction, pseudonym(user_id))
