"""Notices and records say what the configuration and the stores say, mark what nobody said, and make nothing up."""

from __future__ import annotations

import json
import stat
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from desk_world import DeskWorld, ago
from tactful.cli import main
from tactful.config import TrainingConfig
from tactful.desk.assessment_inputs import assessment_inputs
from tactful.desk.measures import Measure, measures
from tactful.desk.notice import notice, promised_risk
from tactful.desk.paper import Paper, Section, blank, grid, points, stated
from tactful.desk.processing import processing_record
from tactful.errors import UsageError
from tactful.planning import Planned
from tactful.privacy.plain_risk import plain_risk
from tactful.records.store import Records

PROJECT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONTROLLER = """
[controller]
name = "Shop <b>& Sons</b>"
contact = "1 Road"
officer = "Ada"
authority = "The Office"
rights = "shop/rights"
source = "Your purchases"
recipients = ["The parcel service"]
transfers = ["None"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DeskWorld:
    """A world with two consents in the store and a training."""
    made = DeskWorld.make(tmp_path_factory.mktemp("papers") / "world")
    made.say({"user_id": "someone"})
    made.trained(ago(3))
    return made


@pytest.fixture
def at_home(world: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> DeskWorld:
    """The world's folder and environment."""
    monkeypatch.chdir(world.folder)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return world


def shipped(extra: str = "") -> TrainingConfig:
    """The demo's configuration with changes."""
    text = (PROJECT / "configs" / "grocery.toml").read_text(encoding="utf-8") + extra
    return TrainingConfig.model_validate(tomllib.loads(text))


def test_a_notice_has_a_section_for_every_purpose_and_no_other(at_home: DeskWorld) -> None:
    """Training, recommending, fairness and each sensitive category, by name; without fairness none about it."""
    settings = shipped()
    told = notice(settings, at=NOW).markdown()
    for purpose in ("personalization.training", "personalization.recommendations", "fairness.assessment"):
        assert f"Its name in our records: {purpose}" in told
    for category in settings.policy.sensitive:
        assert f"personalization.sensitive.{category}".replace("_", "\\_") in told
    assert "fairness.mitigation" not in told
    plain = notice(at_home.settings.model_copy(update={"fairness": type(settings.fairness)()}), at=NOW).markdown()
    assert "fairness.assessment" not in plain


def test_a_notice_says_how_long_how_much_and_what_that_means(at_home: DeskWorld) -> None:
    """Days, of a category too; ε and δ; and the figure of the plan's own loss, not of one ε alone."""
    settings = shipped("\n[policy.retention]\nsmoking = 30\n")
    told = notice(settings, at=NOW).markdown()
    for words in ("400 days", "smoking: 30 days", "They count for 30 days", "epsilon = 5", "epsilon = 12"):
        assert words in told
    plan = Planned.of(settings).plan
    exact = max(plain_risk(plan.loss(part)).presence for part in ("training", "evaluation"))
    assert promised_risk(settings) == exact
    assert 65 < exact < 75
    assert f"at most {exact:g} are right" in told


def test_what_nobody_stated_is_marked_and_what_is_stated_is_not(at_home: DeskWorld) -> None:
    """Nine blanks without a controller, none but the tables' protection with one; markup in a name stays text."""
    empty, full = notice(shipped(), at=NOW), notice(shipped(CONTROLLER), at=NOW)
    assert (empty.blanks, full.blanks) == (9, 1)
    assert empty.html().count("<mark>") == 9
    assert "Shop &lt;b&gt;&amp; Sons&lt;/b&gt;" in full.html()
    assert "not stated" not in empty.html() + full.html()
    assert ".." not in empty.markdown() + full.markdown()
    assert "refused or never answered is counted" in full.markdown()


def test_seeded_noise_is_no_protection(at_home: DeskWorld) -> None:
    """A configuration for tests says that it protects nobody."""
    seeded = at_home.config.read_text().replace("[budget]", "public_data = true\nreproducible_seed = 3\n[budget]")
    told = notice(TrainingConfig.model_validate(tomllib.loads(seeded)), at=NOW).markdown()
    assert "noise that protects nobody" in told
    assert "are right for somebody" not in told


def test_measures_are_seen_and_not_promised(
    at_home: DeskWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not so is not in force: no vault, no roles, keys beside the records; readable
    secrets and a cut-off journal turn theirs around."""
    before = in_force(measures(at_home.desk(at_home.config)))
    assert before == {
        "Interactions": False,
        "Consents": True,
        "What is": True,
        "Keys": False,
        "The records": True,
        "Only": False,
        "No model": True,
        "What leaves": True,
    }
    head = at_home.folder / "records.db.head"
    kept, secrets = head.read_text(), tmp_path / "secrets.toml"
    secrets.write_text((at_home.folder / "secrets.toml").read_text())
    secrets.chmod(0o600)
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(secrets))
    before = in_force(measures(at_home.desk(at_home.config)))
    assert before["Keys"]  # elsewhere
    secrets.chmod(0o644)
    head.write_text(json.dumps({**json.loads(kept), "sequence": 999}))
    desk = at_home.desk(at_home.config)
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(at_home.actors()))
    after = in_force(measures(desk))
    head.write_text(kept)
    assert {name for name in before if before[name] != after[name]} == {"What is", "Keys", "No model"}


def in_force(found: tuple[Measure, ...]) -> dict[str, bool]:
    """Whether each measure is in force, by its first words."""
    starts = ("Interactions", "Consents", "What is", "Keys", "The records", "Only", "No model", "What leaves")
    return {start: each.holds for each in found for start in starts if each.what.startswith(start)}


def test_the_record_of_processing_has_the_points_of_article_30(at_home: DeskWorld) -> None:
    """Controller, purposes, people and data, recipients, transfers, erasure, measures seen; and those that are not."""
    desk = at_home.desk(at_home.config)
    seen = (Measure(what="A lock", holds=True, seen="shut"), Measure(what="A guard", holds=False, seen="asleep"))
    told = processing_record(shipped(CONTROLLER), desk, seen)
    titles = [section.title for section in told.sections]
    assert titles == [
        "Controller",
        "Purposes",
        "People and data",
        "Where the data are",
        "Recipients",
        "Transfers to other countries",
        "When data are erased",
        "Measures of security in force",
    ]
    text = told.markdown()
    force, missing = text.index("A lock. Seen: shut"), text.index("A guard. Seen: asleep")
    assert force < text.index("Not in force when") < missing
    assert "The parcel service" in text
    assert ".." not in text


def test_the_inputs_tell_budget_risk_and_verdicts(at_home: DeskWorld) -> None:
    """Limit and what was spent, each training's risk, and no verdict where there is none; no id anywhere."""
    desk = at_home.desk(at_home.config)
    told = assessment_inputs(at_home.settings, desk, ()).markdown()
    assert "| limit | 60 | 1e-06 |" in told
    assert "| shop version 1 |" in told
    assert "Trainings that the journal knows to have read: 1" in told
    assert "No version has been judged yet" in told
    assert "CANARY" not in told


@pytest.mark.parametrize("command", ["notice", "processing", "assessment-inputs"])
def test_the_commands_write_a_page_or_markdown(
    at_home: DeskWorld,
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file is there, its blanks are counted, another suffix is refused; what reads the stores is journalled."""
    before = len(Records.look(at_home.environment["TACTFUL_RECORDS"]).entries("data.read"))
    for suffix, code in ((".html", 0), (".md", 0), (".pdf", 2)):
        out = tmp_path / f"paper{suffix}"
        monkeypatch.setattr(sys, "argv", ["tactful", command, "shop.toml", "--out", str(out), "--json"])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr().out
        assert (int(stopped.value.code or 0), out.exists()) == (code, code == 0)
        assert code or json.loads(told)["blanks"] > 0
    private = stat.S_IMODE((tmp_path / "paper.md").stat().st_mode) == 0o600
    read = len(Records.look(at_home.environment["TACTFUL_RECORDS"]).entries("data.read")) - before
    assert (private, read) == ((False, 0) if command == "notice" else (True, 2))


class Tags(HTMLParser):
    """The tags that are open, checked as they close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_paper_reads_the_same_in_both_forms() -> None:
    """Tags close in order, markup in a text stays text, tables keep their cells, blanks are marked in both."""
    nasty = "a | <script>b</script> **c** `d` [e](f)"
    paper = Paper(
        title=nasty,
        lead=(nasty,),
        sections=(Section(title=nasty, parts=(nasty, points([nasty]), grid(("x", "y"), [(nasty, blank("z"))]))),),
    )
    page = Tags()
    page.feed(paper.html())
    assert page.open == []
    assert page.text.count(nasty) == 7  # with the title of the window
    assert "<script" not in paper.html() + paper.markdown()
    assert ("<mark>To be filled in: z</mark>" in paper.html(), paper.blanks) == (True, 1)
    assert [line.count(" | ") for line in paper.markdown().splitlines() if line.startswith("| ")] == [1, 1, 1]


def test_stated_or_blank() -> None:
    """What was not stated never stands as if it were."""
    assert [stated(text, "who") for text in ("Ada", "not stated", "")] == ["Ada", *["To be filled in: who"] * 2]
    assert points([]).items == ("none",)


def test_a_paper_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither in a folder that is none nor under another suffix."""
    for path in (tmp_path / "none" / "a.html", tmp_path / "a.txt"):
        with pytest.raises(UsageError):
            Paper(title="x").write(path)
    assert list(files(tmp_path)) == []


def files(folder: Path) -> Iterator[Path]:
    """Every file of a folder."""
    yield from (path for path in folder.rglob("*") if path.is_file())
