"""``tactful subject`` by command: exit codes, JSON, and that no id is printed."""

from __future__ import annotations

import json
import sys
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from cli_calls import Tactful, called_for_json
from desk_world import GIVEN, DeskWorld, ago
from tactful.scoring.signing import load_private, public_text

NOBODY = "CANARY-77777-nobody"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeskWorld:
    """A world with a training, in which commands run."""
    made = DeskWorld.make(tmp_path / "world")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TACTFUL_ACTOR_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    made.trained(ago(3))
    return made


@pytest.fixture
def tactful(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line with ``--json``; no id is ever printed."""

    return partial(called_for_json, monkeypatch, capsys)


def test_impact_then_erasure_by_command(world: DeskWorld, tactful: Tactful) -> None:
    """Without a config the tables are those that the journal names; the second erasure says that it was done before."""
    told = tactful("subject", "impact", GIVEN)
    assert told.code == 0
    assert [(each["model"], each["version"]) for each in told.json["models"]] == [("shop", "1")]
    assert set(told.json["since_first"]) == {"epsilon", "delta"}
    Path("kept.txt").write_text("somebody else's order")
    assert tactful("subject", "erase", GIVEN, "--work-order", "kept.txt").code == 2
    assert (Path("kept.txt").read_text(), world.desk().subjects.erased()) == ("somebody else's order", {})
    first = tactful("subject", "erase", GIVEN, "--work-order", "order.txt")
    assert first.code == 0
    assert (first.json["already"], first.json["verified"]) == (False, True)
    assert set(first.json["removed"]) == {"interactions", "attributes", "consents"}
    assert [each["version"] for each in first.json["impact"]["models"]] == ["1"]
    order = Path("order.txt").read_text()
    assert first.json["request"] in order
    assert "interactions.parquet" in order
    assert "CANARY" not in order
    assert "in the business's own tables, which tactful only reads: " in first.err
    assert "NOT DELETED: " in first.err
    assert "interactions.parquet" in first.err
    assert "`consent status` and `subject export` show them, and" in order
    page = tactful("subject", "export", GIVEN, "--out", "after.html")
    assert "this person was erased here on" in page.err
    assert "whoever keeps these must delete it" in page.err
    assert "No day stands under “Until”" in Path("after.html").read_text(encoding="utf-8")
    again = tactful("subject", "erase", GIVEN)
    assert again.json["already"] is True
    assert again.json["erased_at"] == first.json["erased_at"]
    assert world.records().verify().ok


@pytest.mark.prove
def test_export_by_command(world: DeskWorld, tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page and a file for machines; an id can come by standard input; somebody unknown is no error."""
    monkeypatch.setattr(sys, "stdin", StringIO(f"{GIVEN}\n"))
    found = tactful("subject", "export", "-", "--out", "a.html", "--config", str(world.config))
    assert found.code == 0
    assert (found.json["held"]["interactions"], found.json["models"]) == (13, 1)
    nobody = tactful("subject", "export", NOBODY, "--out", "b.json")
    assert nobody.json["held"]["interactions"] == 0
    assert "NOTHING IS HELD UNDER THIS ID" in nobody.err
    assert "it holds personal data" not in nobody.err
    assert json.loads(Path("b.json").read_text())["user_id"] == NOBODY
    assert tactful("subject", "export", GIVEN, "--out", "a.html").code == 2
    assert tactful("subject", "export", GIVEN, "--out", "a.html", "--force").code == 0


@pytest.mark.prove
def test_mistakes_are_told_and_change_nothing(world: DeskWorld, tactful: Tactful) -> None:
    """Wrong names of files, ids that are none, and folders that are not there: exit 2, and nobody is erased."""
    wrong = [
        ("subject", "export", GIVEN, "--out", "a.pdf"),
        ("subject", "export", GIVEN, "--out", "nowhere/a.html"),
        ("subject", "impact", " "),
        ("subject", "erase", ""),
        ("subject", "erase", GIVEN, "--work-order", "nowhere/order.txt"),
        ("subject", "erase", GIVEN, "--config", "nothing.toml"),
    ]
    for arguments in wrong:
        assert tactful(*arguments).code == 2, arguments
    assert world.desk().subjects.erased() == {}
    assert world.records().entries("subject.") == []


@pytest.mark.prove
def test_who_has_no_role_is_refused(world: DeskWorld, tactful: Tactful) -> None:
    """Once somebody is officer, only they may; what they do is signed in the journal with their key."""
    officer = public_text(load_private(world.folder / "reviewer.key"))
    world.actors().write_text(f'[[actor]]\nname = "Ada"\npublic_key = "{officer}"\nroles = ["officer"]\n')
    for command in (("export", "--out", "a.json"), ("impact",), ("erase",)):
        name, *options = command
        refused = tactful("subject", name, GIVEN, *options, "--key", str(world.folder / "trainer.key"))
        assert refused.code == 3
    assert world.records().entries(("subject.", "data.read"))[1:] == []
    assert tactful("subject", "erase", GIVEN, "--key", str(world.folder / "reviewer.key")).code == 0
    assert {entry.actor for entry in world.records().entries("subject.")} == {officer}


@pytest.mark.prove
def test_a_dry_run_and_an_id_that_is_nobodys(world: DeskWorld, tactful: Tactful) -> None:
    """It tells what would be, and changes nothing; that nothing is held is said first, and blocks all the same."""
    dry = tactful("subject", "erase", GIVEN, "--dry-run")
    assert (dry.code, dry.json["dry_run"], dry.json["held"]["elsewhere"] > 0) == (0, True, True)
    assert [each["version"] for each in dry.json["impact"]["models"]] == ["1"]
    assert "NOTHING WAS ERASED" in dry.err
    assert "Work order for the erasure" not in dry.err
    assert world.desk().subjects.erased() == {}
    assert world.records().entries("subject.") == []
    nobody = tactful("subject", "erase", NOBODY)
    assert (nobody.code, len(world.desk().subjects.erased())) == (0, 1)
    assert nobody.err.index("NOTHING IS HELD UNDER THIS ID") < nobody.err.index("no model was trained")
    assert str(world.folder / "records.db") in nobody.err


@pytest.mark.prove
@pytest.mark.parametrize("command", [("export", "--out", "a.json"), ("impact",), ("erase",)])
def test_in_the_wrong_folder_nothing_succeeds(
    tactful: Tactful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """No empty store is made in which nobody is held and somebody is blocked."""
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{tmp_path}/nowhere.db")
    monkeypatch.delenv("TACTFUL_ACTORS", raising=False)
    name, *options = command
    found = tactful("subject", name, GIVEN, *options)
    assert (found.code, "there must be records to look at" in found.err) == (2, True)
    assert not list(tmp_path.glob("nowhere.db*"))
