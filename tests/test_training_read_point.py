"""Who leaves while a training reads is not in it; and every answer about a training goes by what it had in hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from desk_world import DeskWorld, consent, events, utc_now
from tactful.catalogue import Catalogue
from tactful.desk.judged_again import admissible
from tactful.desk.person import Reader
from tactful.desk.retracing import retrace_training
from tactful.desk.trainings import Training, trainings
from tactful.errors import JournalBrokenError, RefusedError
from tactful.personal.gate import ConsentGate
from tactful.personal.log import InteractionLog
from tactful.privacy.ledger import Assignment, BudgetLedger, BudgetLimit
from tactful.records.journal import Entry
from tactful.records.reads import noted_reads
from tactful.records.store import Records
from tactful.sources import Sources, policy_of
from tactful.training import _Run, train
from tactful.training_record import note_training
from world import user_id

SOMEBODY, ANOTHER = user_id(8), user_id(9)
PURPOSE = "personalization.training"


@pytest.fixture
def world(tmp_path: Path) -> DeskWorld:
    """A fresh world in whose consent store one person agreed."""
    made = DeskWorld.make(tmp_path / "world")
    made.say(consent(SOMEBODY, purpose="personalization", days_ago=200))
    return made


def gone(user: str) -> dict[str, object]:
    """Somebody's withdrawal, just now."""
    return {"user_id": user, "purpose": "personalization", "state": "withdrawn", "days_ago": 0}


def erased(world: DeskWorld, user: str) -> None:
    """The person is marked as erased."""
    desk = world.desk()
    with desk.records.transaction() as transaction:
        desk.subjects.mark_erased(transaction, desk.person(user).pseudonym)
        transaction.append("subject.erasing", {})


def noted(world: DeskWorld, between: Callable[[], None] = lambda: None) -> Entry | None:
    """The entry of a training that reads, while something happens in between."""
    records = world.records()
    sources = Sources.open(world.settings.data, records=records, keys=world.keys)
    gate = ConsentGate(
        consents=sources.consents,
        subjects=sources.subjects,
        erased=sources.erased,
        catalogue=Catalogue.open(world.settings.data.items),
        policy=policy_of(world.settings.policy),
        keys=world.keys,
        evaluation_share=0.2,
    )
    consented = gate.admit(InteractionLog.open(sources.interactions), PURPOSE)
    between()
    return note_training(
        records,
        consented,
        run="run-1",
        settings=world.settings,
        config=world.config,
        sources=sources,
        assignment=Assignment(fingerprint=world.keys.assignment_fingerprint(), evaluation_share=0.2),
        keys=world.keys,
        actor=None,
    )


def trained(world: DeskWorld) -> Training:
    """The training that was noted, once it has released something."""
    ledger, share = BudgetLedger(world.records()), 0.2
    ledger.declare(BudgetLimit(epsilon=60.0, delta=1e-6))
    divided = Assignment(fingerprint=world.keys.assignment_fingerprint(), evaluation_share=share)
    debit = ledger.debit("run-1", events(2.0), assignment=divided)
    ledger.open(debit, "popularity")
    return trainings(world.records())[0]


def rows(world: DeskWorld, *users: str) -> list[int | None]:
    """How many rows of these people the desk says were admissible."""
    desk, training = world.desk(), trained(world)
    people = [desk.person(user) for user in users]
    return [admissible(desk, person, Reader(desk, person), training).rows for person in people]


def test_a_withdrawal_stored_by_a_clock_that_runs_ahead_counts_everywhere(world: DeskWorld) -> None:
    """The training leaves the person out, a replay agrees, and the desk says that no row of theirs was in it."""
    world.say(gone(SOMEBODY), at=utc_now() + timedelta(minutes=3))
    assert noted(world) is not None
    world.say(gone(ANOTHER))
    assert retrace_training(world.config, "run-1", records=world.records(), keys=world.keys).agrees
    somebody, another = rows(world, SOMEBODY, ANOTHER)
    assert somebody == 0
    assert another


@pytest.mark.prove
def test_a_withdrawal_stored_later_by_a_clock_that_lags_changes_no_answer(world: DeskWorld) -> None:
    """By its time it was there before the training; by its row it was not, and that is what was used."""
    assert noted(world) is not None
    world.say(gone(SOMEBODY), at=utc_now() - timedelta(minutes=3))
    found = retrace_training(world.config, "run-1", records=world.records(), keys=world.keys)
    assert found.agrees
    assert found.known_row == 1
    assert all(rows(world, SOMEBODY))


def test_nothing_is_noted_when_somebody_left_since_the_reading(world: DeskWorld) -> None:
    """Neither after a withdrawal nor after an erasure; somebody else's plain grant holds nothing up."""
    assert noted(world, lambda: world.say(gone(SOMEBODY))) is None
    assert noted(world, lambda: erased(world, ANOTHER)) is None
    assert not noted_reads(world.records(), "training")
    entry = noted(world, lambda: world.say(consent(user_id(2), purpose="personalization")))
    assert entry is not None
    assert entry.body["known_row"] == 2
    assert entry.body["known_erased"] == 1


@pytest.mark.prove
def test_who_was_erased_before_a_training_was_not_in_it(world: DeskWorld) -> None:
    """Also on the same day, as long as nobody was erased since; after that it is no longer certain, and rows count."""
    erased(world, SOMEBODY)
    assert noted(world) is not None
    assert rows(world, SOMEBODY) == [0]
    erased(world, ANOTHER)
    assert all(rows(world, SOMEBODY, ANOTHER))


def test_a_training_reads_again_and_in_the_end_gives_up(world: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody left it reads again; if they do each time, it is refused, and neither noted nor paid."""
    read, said = _Run._admit, list[str]()
    leaving = [user_id(9)]

    def admit(run: _Run) -> object:
        """Reads, and then somebody withdraws."""
        found = read(run)
        if leaving:
            world.say(gone(leaving.pop()))
        return found

    def stop(run: _Run) -> None:
        """What comes after the entry is not tested here."""
        raise RefusedError("far enough", given="an entry", do="stop")

    monkeypatch.chdir(world.folder)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tactful.training.Registry", lambda: None)  # MLflow takes seconds to import and to make
    monkeypatch.setattr(_Run, "price", lambda _: None)
    monkeypatch.setattr(_Run, "_admit", admit)
    monkeypatch.setattr(_Run, "_pay", stop)
    with monkeypatch.context() as impatient:
        impatient.setattr("tactful.training._READINGS", 1)
        first = train("shop.toml")
    assert first.status == "refused"
    assert "faster than the tables are read" in first.reason
    assert {entry.kind for entry in Records.open().entries()} == {"consent.recorded"}
    leaving.append(user_id(11))
    assert train("shop.toml", progress=said.append).reason.startswith("far enough")
    (noted,) = noted_reads(Records.open(), "training")
    assert noted.facts["known_row"] == 3
    assert sum("meanwhile" in text for text in said) == 1


def test_an_older_copy_of_the_records_tells_nobody_whom_to_read_about(world: DeskWorld) -> None:
    """A copy from before a withdrawal is refused by everything that reads by consent; to look, to verify and to accept
    stays possible, and then it counts."""
    file = world.folder / "records.db"
    with world.records().engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(file, world.folder / "copy.db")
    world.say(gone(SOMEBODY))
    for name in ("records.db", "records.db-wal", "records.db-shm"):
        (world.folder / name).unlink(missing_ok=True)
    shutil.copy(world.folder / "copy.db", file)
    with pytest.raises(JournalBrokenError, match=r"missing at the end.*journal accept"):
        Sources.open(world.settings.data, records=world.records(), keys=world.keys)
    assert world.records().verify().ok
    assert len(world.desk().consents.events()) == 1
    world.records().accept("the newest copy that was left")
    assert Sources.open(world.settings.data, records=world.records(), keys=world.keys).read_point.row == 1


def test_a_head_that_moves_on_while_it_is_compared_stops_nobody(
    world: DeskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer may commit between the two looks, at the journal and at the file: that is asked again, and holds."""
    asked, report = Records.anchor, world.records().anchor()
    moved = replace(report, state="cut off", problem="entry 2 is missing at the end")
    monkeypatch.setattr(Records, "anchor", lambda _: moved)
    assert Sources.open(world.settings.data, records=world.records(), keys=world.keys).read_point.row == 1
    assert asked(world.records()).ok
