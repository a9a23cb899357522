"""The dossier holds all of one person and nothing of anybody else, and says what it does not hold."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from desk_world import EXPIRED, GIVEN, PEOPLE, WITHDRAWN, DeskWorld, ago, utc_now
from repository_search import mentions
from tactful.desk import dossier as dossiers
from tactful.desk.dossier import Dossier, dossier
from tactful.desk.dossier_page import dossier_page
from tactful.desk.dossier_rows import _until
from tactful.desk.handing_out import export
from tactful.errors import UsageError
from tactful.personal.log import InteractionLog
from world import user_id

NOBODY = "CANARY-77777-nobody"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DeskWorld:
    """A world with a vault, two consents in the store and a training; no test changes what it holds of anybody."""
    made = DeskWorld.make(tmp_path_factory.mktemp("dossier") / "world")
    ends = (utc_now() + timedelta(days=30)).isoformat()
    made.say({"user_id": GIVEN, "valid_until": ends}, {"user_id": GIVEN, "purpose": "fairness", "state": "refused"})
    made.ingest()
    made.trained(ago(3))
    return made


@pytest.fixture(scope="module")
def given(world: DeskWorld) -> Dossier:
    """The dossier of somebody who agreed."""
    return made(world, GIVEN)


def made(world: DeskWorld, user: str, config: Path | None = None) -> Dossier:
    """Somebody's dossier."""
    desk = world.desk(config or world.config)
    return dossier(desk, desk.person(user))


def table(found: Dossier, part: str, name: str) -> list[dict[str, Any]]:
    """The rows of one table."""
    [rows] = [each["rows"] for each in found.facts[part] if Path(each["place"]).name == name]
    return list(rows)


def test_it_holds_every_row_of_theirs_and_nobody_elses(world: DeskWorld, given: Dossier) -> None:
    """The rows are those of the business's table and of the vault; no other id stands anywhere in it."""
    log = pd.read_parquet(world.folder / "interactions.parquet")
    theirs = sorted(log.loc[log["user_id"] == GIVEN, "item_id"])
    assert sorted(row["item_id"] for row in table(given, "interactions", "interactions.parquet")) == theirs
    used = [r["item_id"] for r in table(given, "interactions", "interactions.parquet") if r["training"] == "admitted"]
    assert sorted(row["item_id"] for row in table(given, "interactions", "vault")) == sorted(used)
    text = json.dumps(given.facts) + dossier_page(given)
    assert set(re.findall(r"CANARY-\d{5}-person", text)) == {GIVEN}
    assert not mentions([("text", text)], world.keys.pseudonyms(map(user_id, range(PEOPLE))))


def test_it_says_how_each_consent_stands(given: Dossier) -> None:
    """State, since and until as the gate has them; what was never asked counts as no."""
    now = {each["purpose"]: each for each in given.facts["consents_now"]}
    assert {purpose: each["state"] for purpose, each in now.items()} == {
        "personalization.training": "allowed",
        "personalization.recommendations": "allowed",
        "fairness": "refused",
        "fairness.assessment": "refused",
        "fairness.mitigation": "refused",
        "personalization.sensitive.health": "no_record",
    }
    said = table(given, "consents", "consent store")[0]
    assert now["personalization.recommendations"]["since"] == said["event_time"]
    assert now["personalization.recommendations"]["until"] == said["valid_until"]
    assert now["personalization.training"]["until"] is None


def test_each_row_says_what_it_is_used_for_and_until_when(given: Dossier) -> None:
    """Rows from before a consent are not used under it; each is kept as long as the policy says."""
    rows = table(given, "interactions", "interactions.parquet")
    for row in rows:
        kept = datetime.fromisoformat(row["until"]) - datetime.fromisoformat(row["timestamp"])
        assert kept == timedelta(days=330)
    old = [row for row in rows if datetime.fromisoformat(row["timestamp"]) < ago(100)]
    assert old
    assert {row["recommending"] for row in old} <= {"before_grant", "sensitive_category"}
    assert {row["training"] for row in rows} <= {"admitted", "sensitive_category"}


@pytest.mark.prove
def test_the_outcomes_are_the_gates(world: DeskWorld) -> None:
    """Judged one person at a time, the rows of people of every story have the outcomes that the gate counts of all."""
    counted: Counter[str] = Counter()
    people = [user_id(number) for number in range(7) if user_id(number) != GIVEN]  # whose store has more
    for user in people:
        rows = table(made(world, user), "interactions", "interactions.parquet")
        counted.update(row["training"] for row in rows)
    log = pd.read_parquet(world.folder / "interactions.parquet")
    few = InteractionLog.open(log[log["user_id"].isin(people)])
    counts = world.gate().admit(few, "personalization.training").counts
    assert counted == Counter({"admitted": counts.admitted, **counts.excluded})


@pytest.mark.prove
def test_states_are_told_for_every_story(world: DeskWorld) -> None:
    """Whoever withdrew, whose consent ended, or who was erased, reads so."""
    for user, state in ((WITHDRAWN, "withdrawn"), (EXPIRED, "expired"), (user_id(7), "erased")):
        found = made(world, user)
        assert {each["purpose"]: each["state"] for each in found.facts["consents_now"]}[
            "personalization.training"
        ] == state
        assert {row["training"] for row in table(found, "interactions", "interactions.parquet")} <= {
            state,
            "sensitive_category",
        }


@pytest.mark.prove
def test_who_is_unknown_reads_that_nothing_is_held(world: DeskWorld, tmp_path: Path) -> None:
    """No row, no error; and asking leaves no trace of them in the directory of people."""
    out = tmp_path / "nobody.html"
    found = export(world.desk(world.config), NOBODY, out)
    assert set(found.held.values()) == {0}
    assert "Nothing is held about you" in out.read_text()
    assert world.desk().person(NOBODY).key is None


@pytest.mark.prove
def test_what_is_gone_or_not_read_is_said(world: DeskWorld, tmp_path: Path) -> None:
    """A table that is no longer there, and columns that tactful never reads, are named."""
    log = pd.read_parquet(world.folder / "interactions.parquet").assign(price=1.0)
    log.to_parquet(tmp_path / "wide.parquet")
    text = world.config.read_text()
    text = text.replace(f"{world.folder}/interactions.parquet", f"{tmp_path}/wide.parquet")
    config = tmp_path / "moved.toml"
    config.write_text(text.replace(f"{world.folder}/attributes.csv", f"{tmp_path}/gone.csv"))
    found = made(world, GIVEN, config)
    assert any("gone.csv" in problem for problem in found.problems)
    [wide] = [each for each in found.facts["interactions"] if each["place"].endswith("wide.parquet")]
    assert wide["not_read"] == ["price"]
    page = dossier_page(found)
    assert "price" in page
    assert "gone.csv" in page
    assert len(table(found, "interactions", "interactions.parquet")) == len(wide["rows"])  # the journal names it


@pytest.mark.prove
def test_exports_are_private_and_journalled(world: DeskWorld, tmp_path: Path) -> None:
    """Only its owner reads the file; where it lies is sealed in the journal; the next dossier tells of it."""
    out = tmp_path / "dossier.json"
    desk = world.desk(world.config)
    export(desk, user_id(6), out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    read, exported = desk.records.entries(("data.read", "subject.exported"))[-2:]
    assert read.body["what"] == "dossier"
    assert exported.kind == "subject.exported"
    assert not mentions([("entry", str(exported.body))], [user_id(6), str(out)])
    again = export(world.desk(world.config), user_id(6), out, force=True)
    assert [each["kind"] for each in again.facts["requests"]] == ["subject.exported"]
    assert again.facts["requests"][0]["details"] == {"path": str(out)}
    with pytest.raises(UsageError, match="unasked"):
        export(desk, user_id(6), out)
    with pytest.raises(UsageError, match="html"):
        export(desk, user_id(6), tmp_path / "dossier.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["dossier.json"]


class Page(HTMLParser):
    """What a page asks for, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.asked: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it, and keep what it refers to."""
        self.tags[tag] += 1
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.words += data


def test_the_page_says_all_of_it_and_asks_for_nothing(given: Dossier) -> None:
    """Every row is on the page; it has no script and refers to nothing but itself."""
    page = Page(dossier_page(given))
    assert set(page.asked) == {"#rights"}
    assert not {"script", "img", "iframe", "link", "form"} & set(page.tags)
    for each in given.facts["interactions"]:
        assert all(row["title"] in page.words for row in each["rows"])
    for words in ("shop, version 1", "ε = ", "at most", "Your rights", "330 days", GIVEN):
        assert words in page.words, words


def test_what_no_model_answers_is_no_advice_to_the_person(world: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a model does not answer, and what to do about it, is for whoever makes the file; the page says that it is not
    told. It speaks to the person, and of what could be done as their consent stands."""
    advice = "a reviewer is trusted; none is listed. Set TACTFUL_TRUSTED_KEYS."
    monkeypatch.setattr(dossiers, "offered", lambda *_: [{"model": "shop", "problem": advice, "items": []}])
    found = made(world, GIVEN)
    assert found.problems == (f"what shop recommends: {advice}",)
    page = Page(dossier_page(found)).words
    assert not [words for words in ("TACTFUL_", "tactful retire", "theirs", "their rows") if words in page]
    assert "TACTFUL_" not in json.dumps(found.facts)
    for words in ("is not told here", "Suppose somebody guesses", "could teach a model", "as your consent stands now"):
        assert words in page, words


def test_a_row_may_be_used_until_it_is_too_old_or_consent_ends() -> None:
    """The earlier of both; of two uses the later end, and one without an end sets none."""
    time, soon, later = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"
    for ends, until in (
        ([], "2026-04-11"),
        ([soon], "2026-02-01"),
        ([later], "2026-04-11"),
        ([soon, later], "2026-04-11"),
        ([soon, None], "2026-04-11"),
    ):
        assert str(_until(time, 100, ends))[:10] == until


def test_nothing_on_the_page_is_markup_of_somebody_elses(given: Dossier) -> None:
    """What stands in tables is text, whatever it looks like."""
    facts = json.loads(json.dumps(given.facts).replace("Item-", "<script>alert(1)</script>"))
    page = Page(dossier_page(Dossier(facts=facts)))
    assert not page.tags["script"]
    assert "<script>alert(1)</script>" in page.words
