"""A withdrawal finds the lists that it concerns, and services that read them refuse at the next request."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoring_lists import OFFICER
from tactful.cli import main, suppressing
from tactful.errors import RefusedError, SecretError, UsageError
from tactful.personal import withdrawals
from tactful.personal.announced_lists import carry_over, check_key, confirm_list, in_force, note_list
from tactful.personal.keys import Keys
from tactful.personal.withdrawals import concerns, mark_erased, mark_withdrawn
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.signing import load_private, new_key, public_text, write_private
from tactful.scoring.suppression_list import PURPOSE, write_list
from tactful.scoring.suppressions import Suppressions
from tactful.scoring.withdrawn_marks import EVERYBODY, beside
from world import settings as world_settings
from world import user_id, write_world

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=b"k" * 32)
ROTATED = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=b"r" * 32)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CANARY = "CANARY-6d20"


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Books of their own."""
    return Records.open(f"sqlite:///{tmp_path}/records.db", clock=lambda: NOW)


def listed(
    records: Records, path: Path, users: tuple[str, ...] = ("ann", "bob"), *, keys: Keys = KEYS, **more: Any
) -> Path:
    """A list, journalled and written as the command does."""
    asked = {"basis": "consent", "purpose": PURPOSE} | more
    made_at = asked.pop("made_at", NOW)
    signer = public_text(OFFICER)
    announced = note_list(
        records, path=path, signer=signer, config=path.parent / "shop.toml", key=keys.for_lists(), **asked
    )
    carry_over(records, path, keys.for_lists())
    marks = b"".join(sorted(keys.marks(users)))
    times = {"made_at": made_at, "expires_at": made_at + timedelta(days=1)}
    write_list(path, marks, key=keys.for_lists(), signer=OFFICER, **asked, **times)
    confirm_list(records, announced)
    return path


def service(path: Path, *, keys: Keys = KEYS, **more: Any) -> Suppressions:
    """What reads the list, an hour later."""
    asked = {"key": keys.for_lists(), "trusted_keys": public_text(OFFICER), "now": lambda: NOW + timedelta(hours=1)}
    return Suppressions(path, **(asked | more))


def withdraw(records: Records, user: str, purpose: str = PURPOSE, *, keys: Keys = KEYS) -> dict[str, str]:
    """What became of a withdrawal a minute after the lists were made, by the name of each list."""
    found = mark_withdrawn(records, keys, user, purpose, now=lambda: NOW + timedelta(minutes=1))
    return {Path(each.path).name: each.outcome for each in found}


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_the_next_request_is_refused(basis: Any, records: Records, tmp_path: Path) -> None:
    """Of whoever withdrew, and of nobody else; the journal tells what was done and names nobody."""
    users = ("ann", CANARY) if basis == "consent" else ("zoe",)
    path = listed(records, tmp_path / "list", users, basis=basis)
    reader = service(path, basis=basis)
    assert reader.allows(CANARY)
    assert withdraw(records, CANARY) == {"list": "marked"}
    assert not reader.allows(CANARY)
    assert reader.allows("ann")
    told = str([entry.body for entry in records.entries("suppressions")])
    kinds = [entry.kind.removeprefix("suppressions.") for entry in records.entries("suppressions")]
    assert kinds == ["written", "confirmed", "marked"]
    assert str(path) in told
    assert not any(name in told for name in (CANARY, KEYS.pseudonyms([CANARY])[0], KEYS.marks([CANARY])[0].hex()))


@pytest.mark.parametrize(
    ("withdrawn", "expected"),
    [
        (PURPOSE, True),
        ("personalization", True),
        ("Personalization ", True),
        ("", True),
        ("all", True),
        ("personalization.*", True),
        (f"{PURPOSE}.email", False),
        ("personalization.training", False),
        ("fairness", False),
        ("personalizatio", False),
    ],
)
def test_which_lists_a_withdrawal_concerns(withdrawn: str, expected: bool) -> None:
    """Those of the purpose and of what is below it; a purpose that is none concerns every list, as at the gate."""
    assert concerns(withdrawn, PURPOSE) == expected


def test_only_the_lists_that_it_concerns_are_told(records: Records, tmp_path: Path) -> None:
    """Each once, wherever it lies and however often it was written."""
    (tmp_path / "other").mkdir()
    paths = [listed(records, tmp_path / name) for name in ("one", "other/two", "one")]
    training = listed(records, tmp_path / "training", purpose="personalization.training")
    assert withdraw(records, "ann") == {"one": "marked", "two": "marked"}
    assert not any(service(path).allows("ann") for path in paths)
    assert not beside(training).exists()
    assert withdraw(records, "ann", "personalization") == dict.fromkeys(("one", "two", "training"), "marked")
    assert mark_withdrawn(Records.open(f"sqlite:///{tmp_path}/none.db"), KEYS, "ann", PURPOSE) == []


def test_a_list_that_is_gone_is_told(records: Records, tmp_path: Path) -> None:
    """Nobody is profiled by it; should it come back, it comes back without them. So is a folder that is gone."""
    path = listed(records, tmp_path / "list")
    content = path.read_bytes()
    path.unlink()
    assert withdraw(records, "ann") == {"list": "list gone"}
    path.write_bytes(content)
    assert [user for user in ("ann", "bob") if service(path).allows(user)] == ["bob"]
    (tmp_path / "folder").mkdir()
    gone = listed(records, tmp_path / "folder" / "away")
    gone.unlink()
    gone.parent.rmdir()
    told = {each.path: each for each in mark_withdrawn(records, KEYS, "bob", PURPOSE)}
    assert (told[str(gone)].outcome, told[str(gone)].reached) == ("list gone", False)
    assert "folder" in str(told[str(gone)].problem)
    later = mark_withdrawn(records, KEYS, "bob", PURPOSE, now=lambda: NOW + timedelta(days=32))
    assert all(each.reached for each in later)  # a copy elsewhere has ended


def test_a_list_whose_file_cannot_be_written_is_told(records: Records, tmp_path: Path) -> None:
    """Loudly, with the others marked all the same; services that meet such a file profile nobody."""
    path, other = listed(records, tmp_path / "list"), listed(records, tmp_path / "other")
    beside(path).mkdir()
    assert withdraw(records, "ann") == {"list": "not marked", "other": "marked"}
    assert not service(path).allows("bob")
    assert service(other).allows("bob")


def test_a_list_of_another_key_stops_everybody_until_the_next(records: Records, tmp_path: Path) -> None:
    """Nobody can say under today's key who of its people withdrew; the next list is made with it."""
    path = listed(records, tmp_path / "list", keys=ROTATED)
    reader = service(path, keys=ROTATED)
    assert reader.allows("bob")
    assert withdraw(records, "ann") == {"list": "everybody"}
    assert not reader.allows("bob")
    assert beside(path).read_bytes()[8:] == EVERYBODY
    listed(records, path, ("bob",), made_at=NOW + timedelta(minutes=2))
    assert service(path).allows("bob")


def test_a_list_that_failed_does_not_hide_the_one_in_force(records: Records, tmp_path: Path) -> None:
    """What was announced and never written changes nothing at the path; what lies there since is all that counts."""
    path = listed(records, tmp_path / "list")
    config, signer = tmp_path / "shop.toml", public_text(OFFICER)
    failed = {"path": path, "basis": "consent", "signer": signer, "config": config}
    note_list(records, purpose="fairness.assessment", key=KEYS.for_lists(), **failed)
    assert withdraw(records, "ann") == {"list": "marked"}
    assert not service(path).allows("ann")
    assert service(path).allows("bob")
    note_list(records, purpose=PURPOSE, key=ROTATED.for_lists(), **failed)
    assert withdraw(records, "ann") == {"list": "everybody"}
    assert not service(path).allows("bob")
    listed(records, path, purpose="fairness.assessment", made_at=NOW + timedelta(minutes=2))
    assert [entry.body["purpose"] for entry in in_force(records)[str(path)]] == ["fairness.assessment"]
    assert withdraw(records, "ann") == {}


def test_a_clock_that_is_behind_loses_no_withdrawal(records: Records, tmp_path: Path) -> None:
    """Who withdraws at a machine an hour behind, while a list is made, is noted no earlier than that list."""
    path = listed(records, tmp_path / "list")
    mark_withdrawn(records, KEYS, "ann", PURPOSE, now=lambda: NOW - timedelta(hours=1))
    assert [user for user in ("ann", "bob") if service(path).allows(user)] == ["bob"]


def erase(records: Records, user: str) -> None:
    """The first steps of an erasure."""
    subjects = Subjects.open(records, KEYS)
    with records.transaction() as transaction:
        subjects.mark_erased(transaction, KEYS.pseudonyms([user])[0])
    mark_erased(records, KEYS, user)


def test_whoever_was_erased_stays_off_every_list_of_objections(records: Records, tmp_path: Path) -> None:
    """No table names them any more, so no list could: what was noted stays, also beside a list at a new place."""
    path = listed(records, tmp_path / "list", (), basis="objection")
    erase(records, "ann")
    assert withdraw(records, "bob") == {"list": "marked"}
    later = NOW + timedelta(minutes=5)
    listed(records, path, (), basis="objection", made_at=later)
    fresh = listed(records, tmp_path / "fresh", (), basis="objection", made_at=later)
    for each in (path, fresh):
        reader = service(each, basis="objection")
        assert [user for user in ("ann", "bob") if reader.allows(user)] == ["bob"]
    assert carry_over(records, fresh, KEYS.for_lists()) == 0
    with pytest.raises(UsageError, match="only erased people"):
        mark_erased(records, KEYS, "bob")


def test_a_list_that_is_announced_meanwhile_is_told_of_an_erasure(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took over what stood beside the others before this person did; so it is looked for again."""
    listed(records, tmp_path / "list", (), basis="objection")
    seen = withdrawals.in_force

    def meanwhile(books: Records) -> dict[str, list[Entry]]:
        found = seen(books)
        if str(tmp_path / "fresh") not in found:
            listed(books, tmp_path / "fresh", (), basis="objection")
        return found

    monkeypatch.setattr(withdrawals, "in_force", meanwhile)
    erase(records, "ann")
    assert not service(tmp_path / "fresh", basis="objection").allows("ann")


def test_no_list_of_objections_under_another_key_once_somebody_was_erased(records: Records, tmp_path: Path) -> None:
    """Nobody could be found on it; under the key by which they were noted it is made as before."""
    listed(records, tmp_path / "list", (), basis="objection")
    withdraw(records, "bob")
    check_key(records, ROTATED.for_lists())
    erase(records, "ann")
    check_key(records, KEYS.for_lists())
    with pytest.raises(RefusedError, match="another key"):
        check_key(records, ROTATED.for_lists())


def test_what_cannot_be_carried_over_stops_the_new_list(records: Records, tmp_path: Path) -> None:
    """A file beside another list that is cut short may hold somebody who was erased."""
    path = listed(records, tmp_path / "list", (), basis="objection")
    beside(path).write_bytes(b"torn")
    with pytest.raises(UsageError, match="readable"):
        carry_over(records, tmp_path / "fresh", KEYS.for_lists())


def test_the_journal_names_the_person_by_their_tag_alone(records: Records, tmp_path: Path) -> None:
    """So that an access request finds it, and nobody once the key is gone; what they withdrew is sealed."""
    listed(records, tmp_path / "list")
    with records.transaction() as transaction:
        (key,) = Subjects.open(records, KEYS).enrol(transaction, ["ann"]).values()
    withdraw(records, "ann")
    body = records.entries(withdrawals.MARKED)[-1].body
    assert body.keys() == {"subject", "sealed"}
    assert body["subject"] == key.tag
    assert key.open(str(body["sealed"]))["purpose"] == PURPOSE


def test_what_is_no_id_or_has_no_key_is_refused(records: Records, tmp_path: Path) -> None:
    """Where there are lists, somebody must be able to be told; nothing is noted."""
    path = listed(records, tmp_path / "list")
    for nobody in ("", " ann", "ann\n"):
        with pytest.raises(UsageError, match="id"):
            mark_withdrawn(records, KEYS, nobody, PURPOSE)
    with pytest.raises(SecretError):
        mark_withdrawn(records, Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32), "ann", PURPOSE)
    assert not beside(path).exists()


@pytest.fixture
def tactful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Calls the command line inside a small known world."""
    write_world(tmp_path, people=60)
    consents = tmp_path / "consents.csv"
    consents.write_text(consents.read_text().replace("personalization.training", PURPOSE))
    for name, value in world_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Records.open().close()
    write_private(new_key(), tmp_path / "officer.key")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tactful", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


def test_from_the_commands_to_the_service(tactful: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """A list is written and journalled; who withdraws by the command is refused by the service that runs already."""
    code, out, err = tactful("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key", "--json")
    assert code == 0, err
    told = json.loads(out.strip().splitlines()[-1])
    entry = Records.open().entries("suppressions.written")[-1]
    assert entry.body["path"] == str(tmp_path / "may.list")
    assert (entry.body["basis"], entry.body["purpose"], entry.body["signer"]) == ("consent", PURPOSE, told["signer"])
    assert entry.body["config"] == str(tmp_path / "shop.toml")
    assert [read.body["what"] for read in Records.open().entries("data.read")] == ["suppressions"]
    reader = Suppressions("may.list", key=Keys.load().for_lists(), trusted_keys=told["signer"])
    people = [user for user in map(user_id, range(60)) if reader.allows(user)]
    assert len(people) == told["people"]["allowed"]
    code, _, err = tactful("consent", "withdraw", people[0], "--purpose", "personalization", "--json")
    assert code == 0, err
    assert [user for user in people if not reader.allows(user)] == [people[0]]
    code, out, err = tactful("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key", "--json")
    assert code == 0, err
    assert json.loads(out.strip().splitlines()[-1])["people"]["allowed"] == len(people) - 1
    reader.check()
    assert [user for user in people if not reader.allows(user)] == [people[0]]


def test_a_list_that_is_refused_leaves_no_entry(tactful: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """A basis, hours or a purpose that is none is said before anything is journalled or read."""
    command = ("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key")
    for wrong in (["--basis", "whim"], ["--valid-hours", "0"], ["--purpose", "Everything!"]):
        code, _, err = tactful(*command, *wrong)
        assert code == 2, err
    assert Records.open().entries("suppressions") == []
    assert not (tmp_path / "may.list").exists()


LIST = ("suppressions", "shop.toml", "--out", "may.list", "--key", "officer.key")


def reading(basis: Any = "consent") -> Suppressions:
    """A service that reads the list of the command from now on."""
    signer = public_text(load_private(Path("officer.key")))
    return Suppressions("may.list", key=Path("service.key"), trusted_keys=signer, basis=basis)


@pytest.fixture
def may_list(tactful: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """The same, where a list lies and a service has its key."""
    assert tactful("keys", "suppression", "--out", "service.key")[0] == 0
    assert Records.open().entries() == []
    code, _, err = tactful("consent", "give", CANARY, "--purpose", "personalization")
    assert code == 0, err
    assert tactful(*LIST)[0] == 0
    return tactful


def new_suppression_key() -> None:
    """The secrets hold another key of suppression lists."""
    file = Path("secrets.toml")
    file.write_text(re.sub(r'(suppression = ")[0-9a-f]{4}', r"\g<1>0a0b", file.read_text()))


def test_who_withdraws_while_a_list_is_made_stays_withdrawn(
    may_list: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the consents were read and before the list lies there: the note is kept, for services new and old."""
    reader = reading()
    assert reader.allows(CANARY)
    meanwhile = suppressing.standings

    def withdrawn(**options: Any) -> Any:
        mark_withdrawn(Records.open(), Keys.load(), CANARY, PURPOSE)
        return meanwhile(**options)

    monkeypatch.setattr(suppressing, "standings", withdrawn)
    assert may_list(*LIST)[0] == 0
    reader.check()
    assert not reader.allows(CANARY)
    assert not reading().allows(CANARY)


def test_the_lists_after_an_erasure_never_profile_them_again(may_list: Callable[..., tuple[int, str, str]]) -> None:
    """By the commands: a list of objections that is written anew, at the same place and at another, lets others
    through and not the erased; under another key it is not made at all, and the list in force stops everybody."""
    objection = [*LIST, "--basis", "objection"]
    assert may_list("consent", "withdraw", CANARY, "--purpose", "personalization")[0] == 0
    assert may_list(*objection)[0] == 0
    assert may_list("subject", "erase", CANARY)[0] == 0
    assert may_list(*objection)[0] == 0
    reader = reading("objection")
    assert (reader.allows(CANARY), reader.allows("somebody")) == (False, True)
    new_suppression_key()
    code, _, err = may_list(*objection)
    assert code == 3, err
    assert "another key" in err
    assert may_list("subject", "erase", "somebody")[0] == 0
    assert not reader.allows("somebody")
    assert may_list(*LIST)[0] == 0


@pytest.mark.prove
def test_a_list_that_could_not_be_told_is_no_success(may_list: Callable[..., tuple[int, str, str]]) -> None:
    """Exit code 3 for a withdrawal and an erasure; a link that leads nowhere, for the notes, stops everybody."""
    reader = reading()
    beside(Path("may.list")).symlink_to("/nonexistent/notes")
    code, out, _ = may_list("consent", "withdraw", CANARY, "--purpose", PURPOSE, "--json")
    told = json.loads(out.strip().splitlines()[-1])
    assert (code, told["lists"][0]["outcome"], told["lists"][0]["reached"]) == (3, "not marked", False)
    assert told["recorded"]
    assert not reader.allows(CANARY)
    code, out, _ = may_list("subject", "erase", CANARY, "--json")
    told = json.loads(out.strip().splitlines()[-1])
    assert (code, told["verified"], len(told["lists_missed"])) == (3, False, 1)
    beside(Path("may.list")).unlink()
    code, out, _ = may_list("subject", "erase", CANARY, "--json")
    assert (code, json.loads(out.strip().splitlines()[-1])["verified"]) == (0, True)
    assert not reading().allows(CANARY)
