"""Which models a person was in: recomputed from the journal and the two clocks, and never told too few."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from desk_world import EXPIRED, GIVEN, NO_RECORD, PEOPLE, REFUSED, WITHDRAWN, DeskWorld, ago, events, utc_now
from tactful.desk.handing_out import look_up
from tactful.desk.impact import ModelImpact, impact
from tactful.errors import UsageError
from tactful.personal.log import InteractionLog
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.plain_risk import plain_risk
from tactful.records.consents import ConsentStore
from world import user_id


@pytest.fixture
def world(tmp_path: Path) -> DeskWorld:
    """A fresh world."""
    return DeskWorld.make(tmp_path / "world")


def roles(world: DeskWorld, user: str) -> list[str]:
    """What each training did with the person's rows, the earliest first."""
    desk = world.desk()
    found = impact(desk, desk.person(user))
    return [each.role for each in sorted((*found.models, *found.others), key=lambda each: each.training.time)]


def used(world: DeskWorld, user: str) -> str:
    """What a training does with somebody whose rows are admissible."""
    return "trained on" if world.half(user) == "training" else "used to judge"


def test_a_model_is_told_to_whom_consent_was_in_force_for(world: DeskWorld) -> None:
    """Consent decides at the time of the training: who refused or said nothing was in none; whose consent ended later
    was in the earlier one alone."""
    world.trained(ago(100))
    world.trained(ago(1))
    assert roles(world, GIVEN) == [used(world, GIVEN)] * 2
    assert roles(world, REFUSED) == roles(world, NO_RECORD) == ["not used"] * 2
    assert roles(world, WITHDRAWN) == [used(world, WITHDRAWN), "not used"]
    assert roles(world, EXPIRED) == [used(world, EXPIRED), "not used"]


@pytest.mark.prove
def test_the_rows_are_those_that_the_gate_admitted(world: DeskWorld) -> None:
    """Judged again one by one, people of every story have as many admissible rows as the gate admitted of all then."""
    then = ago(60)
    world.trained(then)
    desk = world.desk()
    people = [user_id(number) for number in range(12)]
    found = [impact(desk, desk.person(user)) for user in people]
    rows = sum(each.rows or 0 for one in found for each in one.models)
    data = world.settings.data
    assert data.interactions is not None
    log = pd.read_parquet(data.interactions)
    few = InteractionLog.open(log[log["user_id"].isin(people)])
    counts = world.gate().replay(few, "personalization.training", then)
    assert rows == counts.admitted
    assert found[7].models  # whom the subjects table has as erased since


@pytest.mark.prove
def test_what_the_store_learnt_later_changes_nothing_of_the_past(world: DeskWorld) -> None:
    """A grant stored after a training, dated before it, was not known to it; nor was a refusal."""
    world.trained(ago(50))
    late = {"user_id": NO_RECORD, "purpose": "personalization.training", "days_ago": 300.0}
    world.say(late, {"user_id": GIVEN, "purpose": "personalization", "state": "refused", "days_ago": 200.0}, at=ago(10))
    assert roles(world, NO_RECORD) == ["not used"]
    assert roles(world, GIVEN) == [used(world, GIVEN)]
    world.trained(ago(1))
    assert roles(world, NO_RECORD)[1] == used(world, NO_RECORD)
    assert roles(world, GIVEN)[1] == "not used"


def test_a_file_counts_by_what_was_recorded_by_then(world: DeskWorld) -> None:
    """Where a table says when an event was recorded, later ones were not known to the training."""
    path = world.settings.data.consents
    assert path is not None
    table = pd.read_csv(path, dtype=str)
    table["recorded_time"] = table["event_time"]
    table.loc[table["user_id"] == GIVEN, "recorded_time"] = ago(5).isoformat()
    table.to_csv(path, index=False)
    world.trained(ago(50))
    world.trained(ago(1))
    assert roles(world, GIVEN) == ["not used", used(world, GIVEN)]


@pytest.mark.prove
def test_epsilon_is_that_of_the_persons_half(world: DeskWorld) -> None:
    """What one half of the people paid is told to them, and all of it together by exact composition."""
    world.trained(ago(20))
    world.trained(ago(10), multiplier=3.0)
    for user in (user_id(5), *(u for u in map(user_id, range(6, PEOPLE)) if world.half(u) == "evaluation")):
        desk = world.desk()
        found = impact(desk, desk.person(user))
        if len(found.models) < 2:
            continue
        part = 0 if world.half(user) == "training" else 1
        losses = [PrivacyLoss.of(events(multiplier)[part]) for multiplier in (2.0, 3.0)]
        assert [each.epsilon for each in found.models] == [loss.epsilon(1e-6) for loss in losses]
        together = PrivacyLoss.total(losses)
        assert found.since_first == (together.epsilon(1e-6), 1e-6)
        for loss, told in zip(losses, found.models, strict=True):
            assert f"at most {plain_risk(loss).presence:g} times" in told.means
            assert plain_risk(loss).presence < plain_risk(together).presence
        assert all("all that this training released" in told.means for told in found.models)
        for words in (found.together, found.together_to_you):
            assert "all that these trainings released" in words
            assert f"at most {plain_risk(together).presence:g} times" in words
        if part:
            return
    raise AssertionError("somebody is in the evaluation half")


def test_what_cannot_be_known_is_listed_and_not_left_out(world: DeskWorld) -> None:
    """A training from before readings were noted, and one whose table is gone, are not known, and are told."""
    world.trained(ago(20), noted=False)
    assert roles(world, GIVEN) == ["not known"]
    world.trained(ago(10))
    data = world.settings.data
    assert data.interactions is not None
    data.interactions.unlink()
    desk = world.desk()
    found = impact(desk, desk.person(GIVEN))
    assert [each.role for each in found.models] == ["not known"] * 2
    assert all(each.epsilon for each in found.models)
    assert any("interactions.parquet" in note for note in found.models[1].notes)


@pytest.mark.prove
def test_a_training_that_died_after_it_had_paid_is_told(world: DeskWorld) -> None:
    """What was opened was released, whether a model came of it or not."""
    world.trained(ago(5), model=False)
    desk = world.desk()
    [only] = impact(desk, desk.person(GIVEN)).models
    assert only.training.version is None
    assert only.training.status == "no model"
    assert only.epsilon


@pytest.mark.prove
def test_a_deletion_since_does_not_hide_a_model(world: DeskWorld) -> None:
    """Whoever was flagged as erased after a training was in it all the same; who was erased before, was not."""
    gone = user_id(7)
    world.trained(ago(40))
    assert roles(world, gone) == [used(world, gone)]
    subjects = world.settings.data.subjects
    assert subjects is not None
    subjects.write_text(f"user_id,minor,erased_at\n{gone},,{ago(60).isoformat()}\n")
    assert roles(world, gone) == ["not used"]


@pytest.mark.prove
def test_a_minor_flag_has_no_date_and_hides_nothing(world: DeskWorld) -> None:
    """Whether it stood at the training is not known, so the model is told, with that."""
    world.trained(ago(40))
    subjects = world.settings.data.subjects
    assert subjects is not None
    subjects.write_text(f"user_id,minor\n{GIVEN},yes\n")
    desk = world.desk()
    [only] = impact(desk, desk.person(GIVEN)).models
    assert "minor" in only.notes[0]


def test_looking_up_is_journalled_without_a_name(world: DeskWorld) -> None:
    """Before anything is read the journal says so; no id or pseudonym stands in it."""
    world.trained(ago(40))
    desk = world.desk()
    found = look_up(desk, GIVEN)
    told = desk.records.entries(("data.read", "subject."))[-2:]
    assert [entry.kind for entry in told] == ["data.read", "subject.impact"]
    text = json.dumps([dict(entry.body) for entry in desk.records.entries()]) + json.dumps(found.as_json())
    assert GIVEN not in text
    assert world.keys.pseudonyms([GIVEN])[0] not in text


def test_what_is_no_id_is_refused(world: DeskWorld) -> None:
    """An id that no row could have is a mistake, and it is not repeated."""
    for bad in ("", " 7", "7\n"):
        with pytest.raises(UsageError, match="user_id"):
            world.desk().person(bad)


@pytest.mark.prove
def test_an_answer_says_what_comes_next(world: DeskWorld) -> None:
    """Whether later trainings use the rows depends on whether the person leaves."""
    world.trained(utc_now() - timedelta(minutes=1))
    desk = world.desk()
    person = desk.person(GIVEN)
    assert "asks anew" in impact(desk, person).as_json()["next"]
    assert "leaves this person out" in impact(desk, person, leaving=True).as_json()["next"]


@pytest.mark.prove
def test_a_store_alone_is_enough(world: DeskWorld) -> None:
    """Consents that only the store holds count for every training."""
    assert ConsentStore.open(world.records(), world.keys).empty
    world.say({"user_id": NO_RECORD, "purpose": "personalization.training", "days_ago": 340.0}, at=ago(30))
    world.trained(ago(20))
    assert roles(world, NO_RECORD) == [used(world, NO_RECORD)]


def answer(world: DeskWorld, user: str) -> ModelImpact:
    """What the only training means to somebody."""
    desk = world.desk()
    found = impact(desk, desk.person(user))
    [only] = (*found.models, *found.others)
    return only


@pytest.mark.parametrize(
    "how", ["deleted", pytest.param("items", marks=pytest.mark.prove), pytest.param("purged", marks=pytest.mark.prove)]
)
def test_no_row_today_is_no_evidence_of_then(world: DeskWorld, how: str) -> None:
    """Rows that the business deleted, whose items left the catalogue, or that were purged may have been in the model:
    it is told as not known, at the same loss. Whose consent kept out every row was in none whatever was deleted."""
    if how == "purged":
        world.ingest()
        world = from_vault(world)
    world.trained(utc_now() if how == "purged" else ago(40))
    before = answer(world, GIVEN)
    assert (before.role, before.rows) == (used(world, GIVEN), before.rows or -1)
    {"deleted": deleted, "items": items_gone, "purged": purged}[how](world)
    after = answer(world, GIVEN)
    assert (after.role, after.rows, after.involved) == ("not known", None, True)
    assert after.epsilon == before.epsilon
    assert any("is not known" in note for note in after.notes)
    assert answer(world, REFUSED).role == "not used"


def deleted(world: DeskWorld) -> None:
    """The business deletes their rows, as a work order says."""
    path = world.settings.data.interactions
    assert path is not None
    log = pd.read_parquet(path)
    log[~log["user_id"].isin([GIVEN, REFUSED])].to_parquet(path)


def items_gone(world: DeskWorld) -> None:
    """What they had used is sold no more."""
    data = world.settings.data
    assert data.interactions is not None
    log, items = pd.read_parquet(data.interactions), pd.read_csv(data.items, dtype=str)
    theirs = set(log[log["user_id"] == GIVEN]["item_id"].astype(str))
    items[~items["item_id"].isin(theirs)].to_csv(data.items, index=False)


def purged(world: DeskWorld) -> None:
    """They withdraw, and the vault lets go of their rows."""
    world.say({"user_id": GIVEN, "purpose": "personalization", "state": "withdrawn", "days_ago": 0.0})
    desk = world.desk()
    assert desk.vault is not None
    desk.vault.forget(world.keys.pseudonyms([GIVEN])[0])
    with desk.records.transaction() as transaction:
        transaction.append("vault.purged", {"deleted": {"withdrawn": 1}})


def from_vault(world: DeskWorld) -> DeskWorld:
    """The same world, with a configuration that means the vault."""
    lines = [line for line in world.config.read_text().splitlines() if not line.startswith("interactions")]
    path = world.folder / "vault.toml"
    path.write_text("\n".join(lines))
    return DeskWorld.at(world.folder, path)


@pytest.mark.prove
def test_after_an_erasure_earlier_models_are_not_known_and_later_ones_are_without_them(world: DeskWorld) -> None:
    """What would tell is gone; only of a training on a later day it is certain."""
    world.say({"user_id": NO_RECORD, "purpose": "personalization.training", "days_ago": 340.0}, at=ago(30))
    world.trained(ago(20))
    assert roles(world, NO_RECORD) == [used(world, NO_RECORD)]
    subjects, name = world.desk().subjects, world.keys.pseudonyms([NO_RECORD])[0]
    with world.records(lambda: ago(10)).transaction() as transaction:
        subjects.mark_erased(transaction, name)
        subjects.destroy(transaction, name)
    world.trained(ago(8))
    assert roles(world, NO_RECORD) == ["not known", "not used"]


@pytest.mark.prove
def test_after_another_assignment_key_the_half_is_not_known(world: DeskWorld) -> None:
    """Nobody is told the half of today's key: the larger loss is told, and that the half is not known."""
    world.trained(ago(40))
    path = world.folder / "secrets.toml"
    path.write_text(re.sub(r'assignment = "[0-9a-f]+"', f'assignment = "{"5a" * 32}"', path.read_text()))
    after = answer(DeskWorld.at(world.folder), GIVEN)
    assert (after.role, after.rows or 0) > ("not known", 0)
    assert after.epsilon == PrivacyLoss.of(events(2.0)[0]).epsilon(1e-6)
    assert "How people were divided" in after.notes[-1]
