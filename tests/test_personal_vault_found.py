"""The vault that is looked into is the journal's, whole and no older than it; and nobody erased is in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from desk_world import DeskWorld
from personal_vault_world import KEYS, NOW, Shop, log_rows, user_id
from tactful.desk.erasure import erase as erase_at_desk
from tactful.desk.person import Desk
from tactful.errors import NotFoundError
from tactful.personal.vault_found import found_vault
from tactful.personal.vault_purge import Rules
from tactful.personal.vault_store import Change
from tactful.records.journal import JSON
from tactful.records.subjects import Subjects
from world import user_id as a_person

WHO = user_id(4)
NAME = KEYS.pseudonyms([WHO])[0]
ROWS = [row for row in log_rows(10) if row[0] in (WHO, user_id(6))]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Two people's rows in the vault."""
    (tmp_path / "shop").mkdir()
    shop = Shop(tmp_path / "shop", people=10)
    shop.ingest(ROWS)
    return shop


def mark(shop: Shop) -> None:
    """The first step of an erasure."""
    with shop.records.transaction() as transaction:
        shop.subjects.mark_erased(transaction, NAME)


def erase(shop: Shop, facts: Mapping[str, JSON]) -> None:
    """The last step of an erasure."""
    with shop.records.transaction() as transaction:
        shop.subjects.destroy(transaction, NAME)
        transaction.append("subject.erased", {"request": "1", **facts})


@pytest.mark.parametrize("told", [True, pytest.param(False, marks=pytest.mark.prove)])
def test_a_vault_from_before_an_erasure_is_noticed(shop: Shop, told: bool) -> None:
    """By its generation, and, also where no entry names one, by the rows in it, which the next purge deletes."""
    vault = shop.folder / "vault"
    shutil.copytree(vault, shop.folder / "copy")
    mark(shop)
    gone = shop.vault().forget(NAME)
    assert gone.rows > 0
    assert gone.facts == shop.vault().forget(NAME).facts
    erase(shop, gone.facts if told else {})
    assert shop.vault().verify().ok
    shutil.rmtree(vault)
    shutil.copytree(shop.folder / "copy", vault)
    problems = shop.vault().verify().problems
    assert any("put back" in problem for problem in problems) == told
    assert any("1 person who was erased" in problem for problem in problems)
    shop.vault().purge(Rules(as_of=NOW, judge=shop.gate))
    assert shop.vault().verify().ok
    assert shop.vault().forget(NAME).rows == 0


def test_who_is_erased_while_a_log_comes_in_stays_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading of who was erased and the commit: the change is undone and made again without them."""
    shop, commit, calls = Shop(tmp_path, people=10), Change.commit, []

    def late(*given: object, **named: object) -> object:
        """First the erasure is marked."""
        calls.append(given)
        if len(calls) == 1:
            mark(shop)
        return commit(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Change, "commit", late)
    found = shop.ingest(ROWS)
    assert (len(calls), found.people, found.excluded["erased"] > 0) == (2, 1, True)
    assert found.read == found.admitted + sum(found.excluded.values())
    assert {row[0] for row in shop.rows()} == {user_id(6)}
    assert NAME not in shop.subjects.ids()
    assert [entry.body["people"] for entry in shop.records.entries("vault.ingested")] == [1]
    assert shop.vault().forget(NAME).rows == 0
    assert shop.vault().verify().ok


def test_no_vault_is_empty_because_it_was_not_found(shop: Shop, tmp_path: Path) -> None:
    """None where none was ever made; else the journal's, wherever it was moved to, and neither none nor another."""
    place = shop.folder / "vault"
    for name in ("new", "other"):
        (tmp_path / name).mkdir()
    new, other = Shop(tmp_path / "new", people=10), Shop(tmp_path / "other", people=10)
    assert found_vault(tmp_path / "none", subjects=new.subjects, keys=KEYS) is None
    other.ingest(ROWS)
    for wrong in (tmp_path / "none", other.folder / "vault"):
        with pytest.raises(NotFoundError, match="TACTFUL_VAULT") as refused:
            found_vault(wrong, subjects=shop.subjects, keys=KEYS)
        assert str(place) in str(refused.value)
    shutil.move(place, tmp_path / "moved")
    moved = found_vault(tmp_path / "moved", subjects=shop.subjects, keys=KEYS)
    assert moved is not None
    assert moved.interactions().num_rows > 0
    moved.forget(NAME)
    shutil.move(tmp_path / "moved", place)
    assert found_vault(place, subjects=Subjects.open(shop.records, KEYS), keys=KEYS) is not None


@pytest.mark.prove
def test_another_vault_in_place_of_a_lost_one_follows_it(shop: Shop) -> None:
    """No number of a generation comes again, so that the lost one is known as older if it turns up."""
    (shop.folder / "vault").rename(shop.folder / "lost")
    assert shop.ingest(ROWS).generation == 2
    assert shop.vault().verify().ok
    shutil.rmtree(shop.folder / "vault")
    (shop.folder / "lost").rename(shop.folder / "vault")
    assert not shop.vault().verify().ok


def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path) -> None:
    """Its files' names say how many people have rows in which month; one that holds something else is left alone."""
    place = tmp_path / "vault"
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    Shop(tmp_path, people=10).vault()
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.prove
def test_an_erasure_that_began_before_the_first_ingest_finds_what_came_in(tmp_path: Path) -> None:
    """It looks for the vault once more; and one that looks where the journal's vault is not does not begin."""
    world = DeskWorld.make(tmp_path)
    desk, person = world.desk(), a_person(8)
    who = world.keys.pseudonyms([person])[0]
    assert desk.vault is None
    world.ingest()
    erase_at_desk(desk, person)
    held = world.desk().vault
    assert held is not None
    assert held.forget(who).rows == 0
    assert desk.records.entries("subject.erased")[-1].body["manifest"] == held.forget(who).manifest
    with pytest.raises(NotFoundError, match="journal"):
        Desk.open(world.config, records=world.records(), keys=world.keys, vault=tmp_path / "elsewhere")
