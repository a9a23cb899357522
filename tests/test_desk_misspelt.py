"""A misspelt purpose and one person: what they said still protects them, and nobody's rights wait for a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk_world import GIVEN, DeskWorld, ago
from tactful.desk.consent_standing import consent_standing
from tactful.desk.dossier import dossier
from tactful.desk.erasure import erase
from tactful.desk.impact import impact
from tactful.errors import SchemaError
from tactful.records import consent_rows
from world import user_id

TRAINING = "personalization.training"
OTHER = user_id(6)


@pytest.fixture
def world(tmp_path: Path) -> DeskWorld:
    """A world in which somebody is known to the store, and a training was."""
    made = DeskWorld.make(tmp_path / "world")
    made.say({"user_id": GIVEN}, {"user_id": OTHER})
    made.trained(ago(3))
    return made


def misspell(world: DeskWorld) -> None:
    """The business's table has a withdrawal of somebody under a misspelt purpose."""
    with (world.folder / "consents.csv").open("a") as file:
        file.write(f"{GIVEN},personalisation.training,withdrawn,2026-05-01T00:00:00,\n")


def test_what_the_store_holds_is_told_as_it_counts(world: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The purpose that was meant is withdrawn, by that event; the history says it as it was said."""
    assert consent_standing(world.desk(world.config), GIVEN).purposes[TRAINING]["state"] == "given"
    with monkeypatch.context() as patch:
        patch.setattr(consent_rows, "check_spelling", lambda *_: None)
        world.say({"user_id": GIVEN, "purpose": "personalisation.training", "state": "withdrawn"}, at=ago(1))
    found = consent_standing(world.desk(world.config), GIVEN)
    told = found.purposes[TRAINING]
    assert (told["state"], told["by"]["purpose"]) == ("withdrawn", TRAINING)
    assert "personalisation.training" not in found.purposes
    assert "personalisation.training" in [event["purpose"] for event in found.history]
    desk = world.desk(world.config)
    assert not dossier(desk, desk.person(GIVEN)).problems
    assert [each.role for each in impact(desk, desk.person(GIVEN)).models] != []  # it came after the training


def test_a_question_about_consent_stops_at_a_misspelt_table(world: DeskWorld) -> None:
    """And does not say that nothing was withdrawn. Somebody else's is answered: only their own rows are read."""
    misspell(world)
    with pytest.raises(SchemaError, match="may mean personalization") as stopped:
        consent_standing(world.desk(world.config), GIVEN)
    assert GIVEN not in str(stopped.value)
    assert consent_standing(world.desk(world.config), OTHER).purposes


def test_a_dossier_and_an_erasure_wait_for_no_table(world: DeskWorld) -> None:
    """The dossier holds every row and says what could not be found out; the erasure is done."""
    misspell(world)
    desk = world.desk(world.config)
    found = dossier(desk, desk.person(GIVEN))
    assert any("may mean personalization" in problem for problem in found.problems)
    assert "personalisation.training" in str(found.facts["consents"])
    assert found.facts["held"]["interactions"] > 0
    assert GIVEN not in str(found.problems)
    assert [note for each in impact(desk, desk.person(GIVEN)).models for note in each.notes if "may mean" in note]
    assert erase(world.desk(world.config), GIVEN).as_json()["verified"] is True
