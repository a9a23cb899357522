"""`tactful journal verify` and who relies on it: what was done to the records is found, and told as what it is."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from cli_calls import called
from tactful.config import DataSection
from tactful.errors import JournalBrokenError
from tactful.personal.keys import Keys
from tactful.records.consents import ConsentStore
from tactful.records.people_check import erased_problem, missing
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.signing import new_key, public_text
from tactful.sources import Sources

PEOPLE = [f"user-{n}" for n in range(4)]
Tactful = Callable[..., tuple[int, str, str]]


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records with consents of four people, two of whom are erased; they are the ones that commands mean."""
    monkeypatch.chdir(tmp_path)
    for name in ("ACTORS", "ACTOR_KEY", "SECRET_COMMAND", "STORAGE_KEY_OLDER", "PSEUDONYM_KEY", "STORAGE_KEY"):
        monkeypatch.delenv(f"TACTFUL_{name}", raising=False)
    monkeypatch.delenv("TACTFUL_JOURNAL_HEAD", raising=False)
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{tmp_path}/r.db")
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(tmp_path / "secrets.toml"))
    records, keys = Records.open(), Keys.create(tmp_path / "secrets.toml")
    rows = [
        {"user_id": user, "purpose": "personalization", "state": "given", "event_time": "2026-01-02"} for user in PEOPLE
    ]
    store = ConsentStore.open(records, keys)
    store.add(pa.Table.from_pylist(rows), source="x")
    for name in keys.pseudonyms(PEOPLE[:2]):
        with records.transaction() as transaction:
            Subjects.open(records, keys).mark_erased(transaction, name)
            store.forget(transaction, name)
            Subjects.open(records, keys).destroy(transaction, name)
    return tmp_path


@pytest.fixture
def tactful(books: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line there: exit code, standard output and error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        """What the command left."""
        return called(monkeypatch, capsys, *arguments)

    return call


def tampered(books: Path, statement: str) -> None:
    """Somebody removed the triggers, and did this."""
    with sqlite3.connect(books / "r.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    connection.close()


def test_who_looked_is_listed(tactful: Tactful, books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When, what for, by whose name, from where; of nobody, and nothing is written by looking."""
    listed = tactful("keys", "new", "Odile", "--role", "officer", "--out", str(books / "officer.key"))[1]
    (books / "actors.toml").write_text(listed)
    monkeypatch.setenv("TACTFUL_ACTORS", str(books / "actors.toml"))
    places = {"interactions": "/data/log.csv", "consents": ["/data/consents.parquet", "tactful"], "subjects": None}
    note_read(Records.open(), "gate", purpose="personalization.training", sources=places)
    assert tactful("consent", "status", PEOPLE[2], "--key", str(books / "officer.key"))[0] == 0
    before = len(list(Records.look().entries()))
    code, out, told = tactful("journal", "reads", "--json")
    assert code == 0
    first, second = json.loads(out)["reads"]
    assert (first["what"], first["purpose"], first["name"]) == ("gate", "personalization.training", None)
    assert (second["what"], second["name"]) == ("status", "Odile")
    assert "gate, for personalization.training; by no key given; consents.parquet, tactful, log.csv" in told
    assert "status, for consent of one person; by Odile" in told
    assert "user-2" not in out + told
    assert len(list(Records.look().entries())) == before
    assert "1 reading in" in tactful("journal", "reads", "--what", "gate")[1]
    assert "0 readings in" in tactful("journal", "reads", "--since", "2099-01-01")[1]


def test_records_that_are_as_they_were(tactful: Tactful, books: Path) -> None:
    """Nothing is found, also of the record of erased people; and what the journal says of it names nobody."""
    code, out, told = tactful("journal", "verify", "--json")
    assert (code, '"erased": "ok"' in out) == (0, True)
    assert "record of erased people: ok" in told
    assert missing(Records.look()) is None
    entries = Records.look().entries("erased.recorded")
    assert [set(entry.body) for entry in entries] == [{"people", "day", "other_days"}] * 2
    assert len({entry.body["other_days"] for entry in entries}) == 1, "two people of one day are told apart"


@pytest.mark.parametrize("statement", ["UPDATE erased SET time = 0", "DELETE FROM erased"])
def test_the_database_keeps_who_was_erased(books: Path, statement: str) -> None:
    """Nobody takes a person out of the record of erased people in passing."""
    with sqlite3.connect(books / "r.db") as connection, pytest.raises(sqlite3.DatabaseError, match="stays in the"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM erased WHERE pseudonym = (SELECT MIN(pseudonym) FROM erased)", "the journal vouches for 2"),
        ("INSERT INTO erased VALUES ('0', 0)", "the journal vouches for 2"),
        ("UPDATE erased SET time = 0 WHERE pseudonym = (SELECT MIN(pseudonym) FROM erased)", "was changed"),
        ("DROP TABLE erased", "is gone"),
    ],
)
def test_a_suppression_record_that_was_touched_shows(tactful: Tactful, books: Path, statement: str, says: str) -> None:
    """A person taken out of it, put in or moved to another day; and a later erasure does not cover it."""
    tampered(books, statement)
    code, _, told = tactful("journal", "verify")
    assert (code, says in told) == (3, True), told
    assert says in str(erased_problem(Records.look()))
    if statement.startswith("DELETE"):
        records = Records.open()
        with records.transaction() as transaction:
            Subjects.open(records, Keys.load()).mark_erased(transaction, "1" * 32)
        assert "has 2, and the journal vouches for 3" in str(erased_problem(records))


@pytest.mark.parametrize("statement", ["DELETE FROM consents WHERE row = 4", "DELETE FROM consents WHERE row = 2"])
def test_consents_that_are_gone_keep_everybody_from_reading(books: Path, statement: str) -> None:
    """Training, lists and ingestion open their sources first, and hear it there; as does whoever verifies."""
    nowhere = dict.fromkeys(("consents", "subjects", "attributes"))
    data = DataSection.model_construct(items=Path("items.csv"), interactions=Path("log.csv"), **nowhere)
    assert Sources.open(data, records=Records.open(), keys=Keys.load()).read_point.row == 4
    tampered(books, statement)
    assert missing(Records.look()) == "the consent store has 3 rows, and the journal vouches for 4"
    with pytest.raises(JournalBrokenError, match="vouches for 4"):
        Sources.open(data, records=Records.open(), keys=Keys.load())


def test_a_body_that_is_text_is_the_broken_chain(tactful: Tactful, books: Path) -> None:
    """It is found as an edit, exit 3, with nothing said beside it that would speak for the journal."""
    tampered(books, "UPDATE journal SET body = '{\"events\":9}' WHERE sequence = 1")
    code, _, told = tactful("journal", "verify")
    assert (code, "entry 1 was changed" in told) == (3, True), told
    assert "is in it" not in told
    assert "entries hold" not in told


def test_secrets_of_other_records_are_no_tampering(
    tactful: Tactful, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told as such, exit 2; but a key in the directory that was replaced is told as what it is."""
    Keys.create(books / "other.toml")
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(books / "other.toml"))
    code, out, told = tactful("journal", "verify", "--json")
    assert (code, out) == (2, "")
    assert "is not among the secrets" in told
    assert "copy" not in told
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(books / "secrets.toml"))
    tampered(books, "UPDATE subjects SET key = zeroblob(60) WHERE person = (SELECT MIN(person) FROM subjects)")
    assert tactful("journal", "verify")[0] == 3


def test_a_head_is_a_digest(tactful: Tactful) -> None:
    """A text that is none is a mistake, and no journal that was cut off."""
    code, _, told = tactful("journal", "verify", "--head", "abc")
    assert (code, "64 hexadecimal digits" in told) == (2, True)
    assert tactful("journal", "verify", "--head", Records.look().stored()[-1].digest.upper())[0] == 0
    assert tactful("journal", "verify", "--head", "f" * 64)[0] == 3


def test_a_key_is_printed_for_the_file_it_goes_into(
    tactful: Tactful, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a role for the actors' file, which says so where it finds a reviewer's lines."""
    code, out, _ = tactful("keys", "new", "ann", "--out", "ann.key", "--role", "officer")
    (books / "actors.toml").write_text(out)
    assert (code, out.startswith("[[actor]]")) == (0, True)
    monkeypatch.setenv("TACTFUL_ACTORS", str(books / "actors.toml"))
    assert tactful("journal", "verify")[0] == 0
    (books / "actors.toml").write_text(f'[[reviewer]]\nname = "A"\npublic_key = "{public_text(new_key())}"\n')
    code, _, told = tactful("journal", "verify")
    assert (code, "write [[actor]]" in told) == (2, True)
    assert tactful("keys", "new", "bob", "--out", "bob.key")[1].startswith("[[reviewer]]")


def test_only_a_training_speaks_of_the_budget(tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever interrupts another command hears that it can be given again."""

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("tactful.cli.journalling.check_journal", interrupted)
    code, _, told = tactful("journal", "verify")
    assert (code, "budget" in told) == (130, False)
    assert "Run the same command again" in told
