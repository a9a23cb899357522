"""A breach: who was in reach is counted exactly, the clock runs from awareness, and ids leave as a list alone."""

from __future__ import annotations

import csv
import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from desk_world import GIVEN, PEOPLE, DeskWorld, ago, utc_now
from tactful.cli import main
from tactful.cli.officer import _end
from tactful.config import ControllerSection
from tactful.desk.breach import Breach, breach, check_times, with_stores
from tactful.desk.breach_letters import to_authority, to_people
from tactful.desk.breach_places import KEYS_ELSEWHERE, NAMELESS, Period
from tactful.errors import UsageError
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.plain_risk import plain_risk
from tactful.records.reads import noted_reads
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.signing import load_private, public_text
from world import user_id

CONTROLLER = ControllerSection(
    name="Shop & Sons", contact="1 Road", officer="Ada <ada@shop>", authority="The Office", rights="shop/rights"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DeskWorld:
    """A world with a vault, consents in the store, a training, and what a journal says of purges and erasures."""
    made = DeskWorld.make(tmp_path_factory.mktemp("breach") / "world")
    made.say({"user_id": GIVEN}, {"user_id": user_id(6)}, at=ago(10))
    made.ingest()
    made.trained(ago(3), multiplier=2.0)
    subjects = Subjects.open(made.records(), made.keys)
    for days in (20, 5):
        with made.records(lambda days=days: ago(days)).transaction() as transaction:  # type: ignore[misc]
            transaction.append("vault.purged", {"deleted": {"retention_expired": 30 + days}})
            for name in made.keys.pseudonyms([f"gone-{days}"]):
                subjects.mark_erased(transaction, name)
            for _ in range(3):  # one person, whose erasure was repeated
                transaction.append("subject.erased", {"request": "00"})
    return made


def found(world: DeskWorld, *stores: str, until: datetime | None = None, aware: datetime | None = None) -> Breach:
    """The report, with the period open at its beginning."""
    now = utc_now()
    period = Period(since=None, until=until or now)
    desk = world.desk(world.config)
    return breach(desk, stores, period, aware_at=aware or now)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(world: DeskWorld) -> Breach:
    """A report about the stores that hold rows, and the models."""
    return found(world, "vault", "records", "models", "tables")


def test_the_vault_names_exactly_those_who_are_in_it(world: DeskWorld, whole: Breach) -> None:
    """Who agreed, by the story of the world, and as many rows as the vault says; before the first ingest nobody."""
    vault = world.desk(world.config).vault
    assert vault is not None
    store = whole.stores[0]
    assert store.people == set(vault.interactions()["user_id"].to_pylist())
    assert GIVEN in store.people
    assert user_id(0) not in store.people  # refused
    held = vault.describe()
    assert store.rows["interactions: what people used, and when"] == held.rows
    assert store.rows["attributes of people: age"] == held.people_with_attributes
    [before] = found(world, "vault", until=ago(1)).stores
    assert (before.people, dict(before.rows)) == (frozenset(), {})


@pytest.mark.prove
def test_interactions_that_happened_later_were_not_in_reach(world: DeskWorld) -> None:
    """Of the business's tables, too, the rows up to the period's end count, and their people."""
    log = pd.read_parquet(world.folder / "interactions.parquet")
    for days in (0, 100, 200, 400):
        early = log[log["timestamp"] <= ago(days).replace(tzinfo=None)]
        [store] = found(world, "tables", until=ago(days)).stores
        assert store.rows["interactions in interactions.parquet: what people used, and when"] == len(early)
    assert len(found(world, "tables").people) == PEOPLE


def test_consents_count_by_the_stores_own_clock(world: DeskWorld) -> None:
    """What was stored ten days ago was there nine days ago and not eleven days ago."""
    what = "consents: what people agreed to, refused or withdrew, and when"
    assert [found(world, "records", until=ago(days)).stores[0].rows[what] for days in (9, 11)] == [2, 0]


def test_a_table_that_cannot_be_read_is_told(world: DeskWorld, tmp_path: Path) -> None:
    """It is neither left out in silence nor the end of the report."""
    config = tmp_path / "gone.toml"
    config.write_text(world.config.read_text().replace("attributes.csv", "moved.csv"))
    desk = world.desk(config)
    [store] = breach(desk, ["tables"], Period(since=None, until=utc_now()), aware_at=utc_now()).stores
    assert [note for note in store.notes if "moved.csv could not be read" in note]


def test_what_was_deleted_since_is_told(world: DeskWorld) -> None:
    """Rows and people that are gone were in reach: their number is in the notes, from the period's beginning on; whose
    erasure was repeated is one person."""
    desk, now = world.desk(world.config), utc_now()
    notes = [
        " ".join(breach(desk, ["records"], Period(since=since, until=now), aware_at=now).stores[0].notes)
        for since in (None, ago(10))
    ]
    assert ("85 rows were deleted" in notes[0], "2 people were erased" in notes[0]) == (True, True)
    assert ("35 rows were deleted" in notes[1], "1 person was erased" in notes[1]) == (True, True)


def test_stores_without_rows_name_nobody_and_ask(world: DeskWorld) -> None:
    """Models, secrets and the list hold nobody; what they mean, and what to ask, is said."""
    report = found(world, "models", "secrets", "list")
    assert report.people == frozenset()
    assert not any(each.names_people for each in report.stores)
    assert report.questions == NAMELESS["secrets"].questions
    [alone] = found(world, "list").stores
    assert "nobody can tell" in alone.protection[0]
    assert alone.questions
    assert not any("nobody can tell" in text for text in report.stores[2].protection)  # their key was taken as well
    assert report.stores[2].protection[0].startswith("THE KEY WAS IN REACH")


def test_with_the_keys_in_reach_encryption_is_no_protection(world: DeskWorld) -> None:
    """It is said first, and whether the keys were elsewhere is not asked any more; without them it is asked."""
    for stores, taken in ((("records",), False), (("records", "secrets"), True)):
        report = found(world, *stores)
        assert report.stores[0].protection[0].startswith("THE KEYS WERE IN REACH") is taken
        assert (KEYS_ELSEWHERE in report.questions) is not taken
        letter = to_authority(report, CONTROLLER).markdown()
        assert ("sealed for each person" in letter, "Without the storage key" in letter) == (not taken, not taken)
        assert "tactful journal" not in letter
    asked = [with_stores(NAMELESS["secrets"], stores).questions for stores in ((), ("vault",), ("vault", "records"))]
    assert asked == [
        NAMELESS["secrets"].questions,
        ("Could the attacker also reach the records, or a copy? Then report that, too.",),
        (),
    ]


def test_a_model_tells_what_its_losses_allow(world: DeskWorld) -> None:
    """The figure in the words is that of the costlier half of the people: σ = 2 there, μ = 0.5; trainings compose."""
    [model] = found(world, "models").models
    exact = plain_risk(PrivacyLoss(mu_squared=0.25))
    assert f"at most {exact.presence:g} times. " in model.means
    assert model.epsilon == pytest.approx(PrivacyLoss(mu_squared=0.25).epsilon(1e-6))
    assert found(world, "models").together == model.means
    assert found(world, "models", until=ago(5)).models == ()


def test_the_clock_runs_from_awareness(world: DeskWorld) -> None:
    """72 hours after it; over means over, and the letter then owes reasons."""
    aware = utc_now() - timedelta(hours=50)
    report = found(world, "models", aware=aware)
    assert report.deadline == aware + timedelta(hours=72)
    assert 21.9 < report.hours_left <= 22
    assert "22.0 hours are left" in to_authority(report, CONTROLLER).markdown()
    late = found(world, "models", aware=utc_now() - timedelta(hours=80))
    assert -8.1 < late.hours_left <= -8
    assert "reasons are owed" in to_authority(late, CONTROLLER).markdown()


@pytest.mark.parametrize(("since", "until", "aware"), [(1, 2, 0), (None, -1, 0), (None, 0, -1), (2, 1, 3)], ids=str)
def test_times_out_of_order_are_refused(world: DeskWorld, since: float | None, until: float, aware: float) -> None:
    """A period that ends before it begins, the future, and awareness before the beginning (in days ago)."""
    period = Period(since=None if since is None else ago(since), until=ago(until))
    with pytest.raises(UsageError):
        breach(world.desk(world.config), ["models"], period, aware_at=ago(aware))


def test_the_letters_have_every_point_and_no_id(world: DeskWorld, whole: Breach) -> None:
    """Articles 33(3) and 34(2), point by point, with counts for the authority alone; markup in names stays text."""
    authority, people = to_authority(whole, CONTROLLER), to_people(whole, CONTROLLER)
    titles = [section.title for section in authority.sections]
    for point in ("What happened", "People concerned", "Records concerned", "Likely consequences", "Measures"):
        assert point in titles
    shown = authority.html()
    assert "Ada &lt;ada@shop&gt;" in shown
    assert "Shop &amp; Sons" in shown
    assert f"At least {len(whole.people):,} people" in shown
    assert "bound by differential privacy" in shown
    texts = [paper.html() + paper.markdown() for paper in (authority, people)]
    assert "CANARY" not in "".join(texts)
    assert str(world.folder) not in "".join(texts)
    assert "What you used, and when" in texts[1]
    assert "Suppose somebody guesses" in texts[1]
    assert "epsilon" not in texts[1]
    assert people.blanks < to_people(whole, ControllerSection()).blanks
    assert "<script" not in shown


def test_the_command_leaves_ids_in_one_private_file(
    world: DeskWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal, the JSON, the drafts and the journal name nobody; the list does, and the journal names the list."""
    monkeypatch.chdir(tmp_path)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    people, out = tmp_path / "people.csv", tmp_path / "drafts"
    words = ["breach", "--store", "vault", "--store", "records", "--config", str(world.config)]
    code, told, printed = call(monkeypatch, capsys, *words, "--people", str(people), "--out", str(out), "--json")
    assert code == 0
    assert "CANARY" not in printed
    assert told["people"] == len(people.read_text().splitlines()) - 1
    assert {GIVEN, user_id(6)} <= {row["user_id"] for row in csv.DictReader(people.read_text().splitlines())}
    assert [stat.S_IMODE(file.stat().st_mode) for file in (people, *sorted(out.iterdir()))] == [0o600] * 5
    assert "CANARY" not in "".join(file.read_text() for file in out.iterdir())
    records = Records.look(world.environment["TACTFUL_RECORDS"])
    assert noted_reads(records, "breach")[-1].facts["stores"] == ["vault", "records"]
    [exported] = records.entries("data.exported")
    [reported] = records.entries("breach.reported")
    assert (exported.body["path"], exported.sequence < reported.sequence) == (str(people), True)
    assert "CANARY" not in json.dumps([entry.body for entry in records.entries()])
    assert reported.body["people"] == told["people"]


@pytest.mark.parametrize(
    "words",
    [
        ("--store", "attic"),
        ("--store", "vault", "--from", "yesterday"),
        ("--store", "vault", "--to", "2999-01-01"),
        ("--store", "vault", "--out", "earlier"),
        ("--store", "vault", "--people", "people.txt"),
        ("--store", "vault", "--people", "none/people.csv"),
        ("--store", "vault", "--out", "a file"),
        (),
    ],
)
def test_what_is_given_by_mistake_is_refused_before_anything_is_read(
    world: DeskWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    """Exit 2, one line, and the journal is as it was."""
    monkeypatch.chdir(tmp_path)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "a file").touch()
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "notice-to-people.md").write_text("finished by hand")
    before = Records.look(world.environment["TACTFUL_RECORDS"]).verify()
    code, _, printed = call(monkeypatch, capsys, "breach", *words)
    assert (code, len(printed.strip().splitlines())) == (2, 1)
    assert Records.look(world.environment["TACTFUL_RECORDS"]).verify() == before


def test_a_date_alone_is_the_whole_day() -> None:
    """Its last moment, and today's until now; a time is that time, and what has not come is refused as such."""
    now = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
    assert str(_end("2026-11-20", now)) == "2026-11-20 23:59:59.999999+00:00"
    assert _end("2026-11-22", now) == _end(None, now) == now
    assert str(_end("2026-11-20T00:00", now)) == "2026-11-20 00:00:00+00:00"
    period = Period(since=datetime(2026, 11, 1, tzinfo=UTC), until=_end("2026-11-20", now))
    assert period.in_words() == "from 2026-11-01 00:00:00 UTC to 2026-11-20 23:59:59 UTC"
    with pytest.raises(UsageError, match="--from lies in the future"):
        check_times(Period(since=now + timedelta(days=1), until=now), now, now)
    with pytest.raises(UsageError, match="--to lies in the future"):
        check_times(Period(since=None, until=_end("2026-11-23", now)), now, now)


def test_only_an_officer_may_where_officers_are_listed(
    world: DeskWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another's key is refused before anything is read; the officer's own signs what it leaves in the journal."""
    monkeypatch.chdir(tmp_path)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    actors = tmp_path / "actors.toml"
    public = public_text(load_private(world.folder / "reviewer.key"))
    actors.write_text(f'[[actor]]\nname = "Ada"\npublic_key = "{public}"\nroles = ["officer"]\n')
    monkeypatch.setenv("TACTFUL_ACTORS", str(actors))
    monkeypatch.delenv("TACTFUL_ACTOR_KEY", raising=False)
    words = ("breach", "--store", "models", "--config", str(world.config))
    records = Records.look(world.environment["TACTFUL_RECORDS"])
    before = records.verify()
    for key in ((), ("--key", str(world.folder / "stranger.key"))):
        assert call(monkeypatch, capsys, *words, *key)[0] == 3
    assert Records.look(world.environment["TACTFUL_RECORDS"]).verify() == before
    assert call(monkeypatch, capsys, *words, "--key", str(world.folder / "reviewer.key"))[0] == 0
    last = Records.look(world.environment["TACTFUL_RECORDS"]).entries("breach.reported")[-1]
    assert (last.actor, "act" in last.body) == (public, True)
    code, told, _ = call(monkeypatch, capsys, "journal", "verify", "--json")
    assert (code, told["ok"], told["consents"]) == (0, True, "ok")


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, object], str]:
    """What a command left: its code, its JSON, and all that it printed."""
    monkeypatch.setattr(sys, "argv", ["tactful", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    told = json.loads(captured.out.splitlines()[-1]) if "--json" in arguments and captured.out else {}
    return int(stopped.value.code or 0), told, captured.out + captured.err
