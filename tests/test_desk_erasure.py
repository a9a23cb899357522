"""After an erasure nothing of the person is left in tactful's stores, nothing brings them back, and the chain holds.

The tests share one world, and each erases somebody of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from desk_world import TABLES, DeskWorld, ago, consent, write_list_of
from repository_search import mentions, written
from tactful.desk import handing_out, work_order
from tactful.desk.erasure import Erasure, Told, erase
from tactful.desk.handing_out import export
from tactful.desk.requests import requests_of
from tactful.desk.work_order import as_text
from tactful.errors import RefusedError, TactfulError, UsageError
from tactful.personal.gate import ConsentGate
from tactful.personal.vault import Vault
from tactful.personal.vault_results import Forgotten
from tactful.records.consents import ConsentStore
from tactful.scoring.signing import load_private, public_text
from tactful.scoring.suppressions import Suppressions
from world import user_id

STRANGER = "CANARY-99999-stranger"


AGREE = [number for number in range(8, 60) if number % 20 > 4 and number % 3 < 2]
"""People who agreed to training, and told their age."""
OTHER = user_id(6)
"""Somebody whom no test erases."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DeskWorld:
    """A world with a vault, consents in the store, a training and a list."""
    made = DeskWorld.make(tmp_path_factory.mktemp("erasure") / "world")
    made.say(*(consent(user) for user in (OTHER, *map(user_id, AGREE))))
    made.ingest()
    made.trained(ago(3))
    write_list_of(made, [OTHER, STRANGER, *map(user_id, AGREE)])
    return made


@pytest.fixture(scope="module")
def _people() -> Iterator[str]:
    """Everybody who may be erased, one after the other."""
    return map(user_id, AGREE)


@pytest.fixture
def person(_people: Iterator[str]) -> str:
    """Somebody for this test alone."""
    return next(_people)


def asked(world: DeskWorld) -> Suppressions:
    """A service that asks the list."""
    signer = public_text(load_private(world.folder / "trainer.key"))
    return Suppressions(world.folder / "may.list", key=world.keys.for_lists(), trusted_keys=signer)


def left(world: DeskWorld, *users: str) -> list[str]:
    """Where an id or a pseudonym of these people stands, of all that tactful wrote."""
    names = world.keys.pseudonyms(users)
    raw = [bytes.fromhex(name).decode("latin-1") for name in names]
    evidence = [each for each in written(world.folder) if each[0].split()[-1].strip(",") not in TABLES]
    found = mentions(evidence, [*users, *names])
    return found + [place for place, text in evidence if any(word in text for word in raw)]


def stays(world: DeskWorld, user: str) -> set[str]:
    """The same, as files and tables."""
    return {place.split(" of ")[-1] for place in left(world, user)}


def erased(world: DeskWorld, user: str, hand_over: Callable[[Told], None] = lambda _: None) -> Erasure:
    """The erasure of somebody."""
    return erase(world.desk(), user, hand_over=hand_over)


def test_nothing_is_left_but_the_suppression_record(world: DeskWorld, person: str) -> None:
    """A search of every byte that tactful wrote finds neither id nor pseudonym, but in the table of who was erased;
    before, it found the pseudonym in the directory."""
    assert "records.db, table subjects" in stays(world, person)
    found = erased(world, person)
    assert found.removed == {"interactions": found.told.held["interactions"], "attributes": 1, "consents": 1}
    assert found.removed["interactions"] > 0
    assert stays(world, person) == {"records.db, table erased", "records.db"}
    assert stays(world, OTHER) == {"records.db, table subjects", "records.db"}
    again = found.as_json()
    assert again["verified"] is True
    assert not mentions([("answer", json.dumps(again))], [person, *world.keys.pseudonyms([person])])


@pytest.mark.prove
def test_others_keep_what_they_have(world: DeskWorld, person: str) -> None:
    """One person is erased; everybody else's rows, consents and keys are as they were."""
    desk = world.desk()
    assert desk.vault is not None
    before, said = desk.vault.interactions(), desk.consents.events()
    erased(world, person)
    desk = world.desk()
    assert desk.vault is not None
    kept = [row for row in before.to_pylist() if row["user_id"] != person]
    assert sorted(map(str, desk.vault.interactions().to_pylist())) == sorted(map(str, kept))
    assert desk.consents.events().to_pylist() == [row for row in said.to_pylist() if row["user_id"] != person]


@pytest.mark.prove
def test_the_chain_holds_and_names_nobody(world: DeskWorld, person: str) -> None:
    """What the journal holds of them cannot be read any more; its chain and the consent store verify."""
    desk = world.desk()
    export(desk, person, world.folder / "handed.json")
    sealed = [entry.body["sealed"] for entry in desk.records.entries("subject.exported")]
    key = desk.person(person).key
    assert key is not None
    assert key.open(sealed[0])["path"].endswith("handed.json")
    erased(world, person)
    desk = world.desk()
    assert desk.records.verify().ok
    assert desk.consents.verify().ok
    assert desk.person(person).key is None
    began, ended = desk.records.entries(("subject.erasing", "subject.erased"))[-2:]
    assert (began.kind, ended.kind) == ("subject.erasing", "subject.erased")
    assert (set(began.body), set(ended.body)) == ({"request", "sealed"}, {"request", "generation", "manifest"})
    assert key.open(began.body["sealed"]) == {"request": began.body["request"]}


@pytest.mark.prove
def test_while_the_key_lives_a_begun_erasure_is_told_to_the_person(world: DeskWorld, person: str) -> None:
    """The entry bears no tag; their own key finds it, and nobody else's."""
    with pytest.MonkeyPatch.context() as broken, suppress(KeyboardInterrupt):
        broken.setattr("tactful.desk.erasure.take_off", stop)
        erased(world, person)
    desk = world.desk()
    key = desk.person(person).key
    [told] = [each for each in requests_of(desk.records, key) if each["kind"] == "subject.erasing"]
    assert told["what"] == "Your erasure began"
    assert not any(each["kind"] == "subject.erasing" for each in requests_of(desk.records, desk.person(OTHER).key))
    assert key is not None
    assert key.tag not in json.dumps([dict(entry.body) for entry in desk.records.entries("subject.erasing")])


def stop(*_: object) -> None:
    """The end of a run."""
    raise KeyboardInterrupt


@pytest.mark.prove
@pytest.mark.parametrize("early", [True, False])
def test_nothing_is_handed_out_of_who_is_erased_meanwhile(
    world: DeskWorld, person: str, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    """An erasure while a dossier is made, or while it is written: there is no file, and nobody enters again."""
    step = "dossier" if early else "write_private"
    made, out = getattr(handing_out, step), world.folder / "raced.json"

    def slow(*given: Any, **also: Any) -> Any:
        found = made(*given, **also)
        erased(world, person)
        return found

    monkeypatch.setattr(handing_out, step, slow)
    with pytest.raises(RefusedError, match="erased while this ran"):
        export(world.desk(), person, out)
    assert not out.exists()
    assert world.desk().person(person).key is None


@pytest.mark.parametrize("nameless", [True, False])
def test_a_killed_export_leaves_nothing_that_no_work_order_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    """Where a file can be without a name until it is whole, nothing is left; elsewhere the draft can be found."""
    out = tmp_path / "d.json"
    if not nameless:
        monkeypatch.setattr(handing_out, "_OPEN_FILES", tmp_path / "none")
    if (child := os.fork()) == 0:
        monkeypatch.setattr(os, "fsync", lambda _: os._exit(9))
        handing_out.write_private(out, b"all about somebody", force=False)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not out.exists()
    assert handing_out.drafts_of(out) == sorted(tmp_path.iterdir())
    assert bool(handing_out.drafts_of(out)) is not nameless
    assert [Path(each) for each in work_order._there(str(out))] == handing_out.drafts_of(out)
    for force in (False, True):
        handing_out.write_private(out, b"all about somebody", force=force)
        assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"all about somebody", 0o600)
    with pytest.raises(UsageError, match="can be written"):
        handing_out.write_private(out, b"another", force=False)


@pytest.mark.prove
def test_nothing_brings_them_back(world: DeskWorld, person: str) -> None:
    """Imports of their consents and rows are turned away; the gate leaves their rows in other tables out."""
    erased(world, person)
    added = ConsentStore.open(world.records(), world.keys).add(
        pa.Table.from_pylist([consent(person, days_ago=0.001)]), source="again"
    )
    assert (added.events, added.blocked) == (0, 1)
    desk = world.desk()
    gate = ConsentGate(
        **{name[1:]: getattr(world.gate(), name) for name in ("_catalogue", "_policy", "_keys")},
        consents=world.settings.data.consents,
        evaluation_share=0.2,
        erased=desk.subjects.erased(),
    )
    assert gate.willing(world.keys.pseudonyms([person, OTHER]), "personalization.training") == set(
        world.keys.pseudonyms([OTHER])
    )


@pytest.mark.prove
def test_services_stop_at_the_next_request(world: DeskWorld, person: str) -> None:
    """A list on which they stood as agreeing says no from now on, to a service that has read it before."""
    service = asked(world)
    assert service.allows(person)
    assert erased(world, person).lists == (str(world.folder / "may.list"),)
    assert not service.allows(person)
    assert service.allows(OTHER)


@pytest.mark.prove
def test_a_second_time_changes_nothing_and_says_so(world: DeskWorld, person: str) -> None:
    """It may be repeated: already erased, since then, nothing more removed."""
    first = erased(world, person)
    second = erased(world, person)
    assert not first.already
    assert second.already
    assert second.erased_at == first.erased_at
    assert set(second.removed.values()) == {0}
    assert [task.place for task in second.told.work_order if task.rows] == [
        task.place for task in first.told.work_order if task.rows
    ]
    earlier = "files handed out before"
    assert [earlier in [task.place for task in found.told.work_order] for found in (first, second)] == [False, True]


@pytest.mark.prove
def test_a_stranger_is_erased_all_the_same(world: DeskWorld, person: str) -> None:
    """Of somebody of whom nothing is held nothing is removed, and later imports of theirs are turned away."""
    found = erased(world, STRANGER)
    assert set(found.told.held.values()) == {0}
    assert set(found.removed.values()) == {0}
    added = ConsentStore.open(world.records(), world.keys).add(
        pa.Table.from_pylist([consent(STRANGER)]), source="later"
    )
    assert added.blocked == 1


@pytest.mark.prove
def test_the_impact_is_told_before(world: DeskWorld, person: str) -> None:
    """What only a person's rows can tell is handed over while they are there; whoever cannot take it stops all."""
    told: list[Told] = []
    erased(world, person, told.append)
    assert [each.training.model for each in told[0].impact.models] == ["shop"]
    assert told[0].held["interactions"]

    def refuses(_: Told) -> None:
        raise TactfulError("the order can be written", given="it cannot", do="Make room")

    with pytest.raises(TactfulError, match="Make room"):
        erased(world, OTHER, refuses)
    desk = world.desk()
    assert desk.person(OTHER).erased_at is None
    assert len(desk.consents.events(user_ids=[OTHER])) == 1


@pytest.mark.prove
def test_a_work_order_names_places_and_no_person(world: DeskWorld, person: str) -> None:
    """Tables that tactful only reads are named with their rows and columns, and so are files it wrote elsewhere."""
    out, gone = world.folder / "dossier.json", world.folder / "old.json"
    for path in (out, gone):
        export(world.desk(), person, path)
    gone.unlink()
    found = erased(world, person)
    rows = {Path(task.place).name: task.rows or 0 for task in found.told.work_order if task.rows}
    assert rows.pop("interactions.parquet") >= found.removed["interactions"]
    assert rows == {"consents.csv": 2, "attributes.csv": 1}
    columns = next(task.columns for task in found.told.work_order if task.place.endswith("interactions.parquet"))
    assert set(columns) == {"user_id", "item_id", "timestamp"}
    places = [task.place for task in found.told.work_order]
    assert str(out) in places
    assert str(gone) not in places
    assert "backups and copies" in places
    text = as_text(found.told.work_order, request=found.told.request, time="now")
    assert not mentions([("order", text)], [person, *world.keys.pseudonyms([person])])


@pytest.mark.prove
def test_what_is_left_is_found(world: DeskWorld, person: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stores are read again: where one did not let go, the erasure does not say that it is done."""
    with monkeypatch.context() as broken:
        broken.setattr(ConsentStore, "forget", lambda *_: 0)
        broken.setattr("tactful.records.subjects.Subjects.destroy", lambda *_: None)
        with pytest.raises(TactfulError, match="nothing of the person is left"):
            erased(world, person)
    with monkeypatch.context() as broken:
        broken.setattr(Vault, "forget", lambda *_: Forgotten(rows=1, attributes=False, files=1))
        with pytest.raises(TactfulError, match="nothing of the person is left"):
            erased(world, STRANGER)
    assert erased(world, person).removed["consents"] == 1  # the first had been marked, and was finished now


@pytest.mark.prove
@pytest.mark.parametrize("step", ["mark_erased", "take_off", "forget", "consents", "destroy", "compact"])
def test_a_run_that_stopped_is_finished_by_the_next(world: DeskWorld, person: str, step: str) -> None:
    """Wherever it stops, the same command finishes it, and from the mark on the person counts as erased."""
    places = {
        "mark_erased": "tactful.records.subjects.Subjects.mark_erased",
        "take_off": "tactful.desk.erasure.take_off",
        "forget": "tactful.personal.vault.Vault.forget",
        "consents": "tactful.records.consents.ConsentStore.forget",
        "destroy": "tactful.records.subjects.Subjects.destroy",
        "compact": "tactful.records.consents.ConsentStore.compact",
    }

    class StoppedError(Exception):
        """The end of a run."""

    def stop(*_: object) -> None:
        raise StoppedError

    with pytest.MonkeyPatch.context() as broken, suppress(StoppedError):
        broken.setattr(places[step], stop)
        erased(world, person)
        raise AssertionError("it did not stop")
    desk = world.desk()
    assert (desk.person(person).erased_at is None) == (step == "mark_erased")
    assert desk.records.verify().ok
    assert erased(world, person).already == (step != "mark_erased")
    assert stays(world, person) == {"records.db, table erased", "records.db"}
