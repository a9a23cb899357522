"""The journal's head, kept outside the database: what is cut off or replaced shows, and what is not does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from records_heads import die_before_anchoring, die_while_replacing, write, write_for_ever, write_in
from records_workers import FRESH, event, together
from tactful.cli import main
from tactful.desk.journal_check import check_journal
from tactful.errors import JournalBrokenError, UsageError
from tactful.privacy.ledger import BudgetLedger, BudgetLimit
from tactful.records.anchor import Anchor, AnchorReport
from tactful.records.store import Records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


def opened(path: Path) -> Records:
    return Records.open(f"sqlite:///{path}")


def fill(path: Path, n: int = 5) -> list[str]:
    """So many entries, one a transaction; their digests."""
    digests = []
    for i in range(n):
        with opened(path).transaction() as transaction:
            digests.append(transaction.append("note.made", {"n": i}).digest)
    return digests


def sql(path: Path, *statements: str) -> None:
    """What someone with the file and no respect for the triggers can do."""
    connection = sqlite3.connect(path, isolation_level=None)
    for trigger in ("journal_no_update", "journal_no_delete", "journal_in_order"):
        connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def looked(path: Path) -> AnchorReport:
    return Records.look(f"sqlite:///{path}").anchor()


def kept(path: Path) -> dict[str, object]:
    return dict(json.loads(path.with_name("records.db.head").read_text()))


def test_the_head_goes_with_every_commit(path: Path) -> None:
    """After each transaction the file names the last entry and the first; only its owner reads it."""
    for n in range(1, 4):
        last = fill(path, 1)[0]
        entries = opened(path).entries()
        assert (kept(path)["sequence"], kept(path)["digest"], kept(path)["journal"]) == (n, last, entries[0].digest)
    file = path.with_name("records.db.head")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    report = looked(path)
    assert (report.state, report.ok, report.note, report.path) == ("ok", True, None, file)


def test_what_is_not_committed_moves_no_head(path: Path) -> None:
    """A transaction that fails, and one that appends nothing, leave the file as it is; to look makes none."""
    records = opened(path)
    with records.transaction():
        assert not path.with_name("records.db.head").exists()
    assert looked(path).state == "ok"  # nothing there, nothing to keep
    fill(path, 2)
    before = kept(path)
    with pytest.raises(UsageError), records.transaction() as transaction:
        transaction.append("note.made", {}) and transaction.append("", {})
    assert kept(path) == before
    path.with_name("records.db.head").unlink()
    assert looked(path).state == "missing"
    assert not path.with_name("records.db.head").exists()


@pytest.mark.parametrize(
    ("statement", "state", "says"),
    [
        ("DELETE FROM journal WHERE sequence > 3", "cut off", "entries 4 to 5 are missing at the end"),
        ("DELETE FROM journal WHERE sequence > 4", "cut off", "entry 5 is missing at the end"),
        ("DELETE FROM journal", "cut off", "entries 1 to 5 are missing at the end"),
    ],
)
def test_a_cut_off_end_shows_and_goes_on_showing(path: Path, statement: str, state: str, says: str) -> None:
    """Which entries are gone is said; the chain alone would hold; later entries do not hide it."""
    fill(path)
    sql(path, statement)
    assert opened(path).verify().ok
    report = looked(path)
    assert (report.state, report.ok) == (state, False)
    assert says in str(report.problem)
    before = kept(path)
    fill(path, 7)
    assert kept(path) == before
    assert not looked(path).ok


def test_a_journal_rewritten_from_some_entry_on_shows(path: Path, tmp_path: Path) -> None:
    """Entries 4 and 5 cut off and two others written in their place: a whole chain, and not the one that was kept."""
    fill(path)
    shutil.copy(path.with_name("records.db.head"), tmp_path / "kept")
    path.with_name("records.db.head").unlink()  # or the tail that is written next would not be believed
    sql(path, "DELETE FROM journal WHERE sequence > 3")
    fill(path, 2)
    shutil.copy(tmp_path / "kept", path.with_name("records.db.head"))
    assert opened(path).verify().ok
    report = looked(path)
    assert (report.state, "entry 5 is another" in str(report.problem)) == ("rewritten", True)


def test_another_journal_in_its_place_shows(path: Path, tmp_path: Path) -> None:
    """A database that was exchanged for a longer one of somebody else's, and one that was begun anew."""
    fill(path, 3)
    fill(tmp_path / "other.db", 9)
    for journal in (tmp_path / "other.db", None):
        path.unlink()
        shutil.copy(journal, path) if journal else fill(path, 1)
        report = looked(path)
        assert (report.state, report.ok) == ("another journal", False)


def test_a_head_that_was_removed_is_told_and_stops_nobody(path: Path) -> None:
    """A copy may have come without it. The next commit begins to keep one, which says since when."""
    fill(path)
    path.with_name("records.db.head").unlink()
    report = looked(path)
    assert (report.state, report.ok) == ("missing", True)
    assert "cannot be told" in str(report.note)
    fill(path, 1)
    assert (kept(path)["since"], kept(path)["sequence"]) == (6, 6)
    assert "since entry 6" in str(looked(path).note)
    sql(path, "DELETE FROM journal WHERE sequence > 5")
    assert looked(path).state == "cut off"


def test_a_head_that_cannot_be_written_stops_the_writer_before_it_writes(path: Path) -> None:
    """Nothing is committed whose head could not be kept; the next one is, once it can."""
    fill(path, 2)
    fresh = path.with_name("records.db.head.new")
    fresh.mkdir()
    with pytest.raises(UsageError, match="head must be kept"):
        fill(path, 1)
    assert len(opened(path).entries()) == 2
    fresh.rmdir()
    fill(path, 1)
    assert (looked(path).state, kept(path)["sequence"]) == ("ok", 3)


def test_a_head_that_does_not_get_into_its_place_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was committed stays so; each commit says that the head is an older one."""
    fill(path, 1)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refused)
        fill(path, 2)
    told = [record.getMessage() for record in caplog.records if record.name == "tactful.records"]
    assert [message[:38] for message in told] == [f"entry {n} of the journal is written, its" for n in (2, 3)]
    assert (looked(path).state, kept(path)["sequence"], len(opened(path).entries())) == ("behind", 1, 3)


@pytest.mark.parametrize("died", [die_before_anchoring, die_while_replacing])
def test_killed_in_its_first_commit_a_journal_still_has_a_head(path: Path, died: object) -> None:
    """What lies beside the head's place counts while there is no head, if it is the journal's."""
    opened(path)
    child = FRESH.Process(target=died, args=(f"sqlite:///{path}",))  # type: ignore[arg-type]
    child.start()
    child.join(60)
    assert (child.exitcode, len(opened(path).entries())) == (-9, 1)
    assert not path.with_name("records.db.head").exists()
    assert (looked(path).state, looked(path).ok) == ("ok", True)
    fill(path, 1)
    assert (looked(path).state, kept(path)["sequence"], kept(path)["since"]) == ("ok", 2, 1)


def test_what_was_never_committed_is_no_head(path: Path) -> None:
    """A first writer that died before its commit leaves a name of an entry that is not there: it counts for nothing."""
    fill(path, 1)
    path.with_name("records.db.head").rename(path.with_name("records.db.head.new"))
    path.unlink()
    assert opened(path).anchor().state == "ok"
    fill(path, 2)
    assert (looked(path).state, kept(path)["sequence"]) == ("ok", 2)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"journal": "x"}', '{"journal":1,"sequence":"1"}', "\xff" * 9])
def test_a_head_that_cannot_be_read_is_a_problem_and_stays(path: Path, text: str) -> None:
    """What somebody else wrote into the file is not believed, and not written over."""
    fill(path)
    file = path.with_name("records.db.head")
    file.write_text(text, encoding="latin-1")
    assert (looked(path).state, looked(path).ok) == ("unreadable", False)
    fill(path, 1)
    assert file.read_text(encoding="latin-1") == text


def test_a_restored_copy_is_accepted_for_a_reason(path: Path, tmp_path: Path) -> None:
    """The entry says who, why and what is gone; the head goes on from there; a whole journal has nothing to accept."""
    fill(path, 3)
    opened(path).close()
    shutil.copy(path, tmp_path / "copy.db")
    fill(path, 4)
    with pytest.raises(UsageError, match="nothing against"):
        opened(path).accept("just so")
    for rest in path.parent.glob("records.db-*"):
        rest.unlink()
    shutil.copy(tmp_path / "copy.db", path)
    with pytest.raises(UsageError, match="reason"):
        opened(path).accept(" ")
    entry = opened(path).accept("the disk failed", actor="ada")
    assert (entry.sequence, entry.actor, entry.body["reason"], entry.body["state"]) == (
        4,
        "ada",
        "the disk failed",
        "cut off",
    )
    assert entry.body["kept"]["sequence"] == 7
    assert (looked(path).state, kept(path)["since"]) == ("ok", 4)
    fill(path, 1)
    assert looked(path).ok


def test_no_budget_is_spent_on_a_journal_whose_end_is_gone(path: Path, tmp_path: Path) -> None:
    """An older copy forgets what was spent: nothing is debited on it until somebody accepts it."""
    ledger = BudgetLedger(opened(path))
    ledger.declare(BudgetLimit(epsilon=1.0, delta=1e-6))
    shutil.copy(path, tmp_path / "copy.db")
    ledger.debit("first", [event()])
    for rest in path.parent.glob("records.db-*"):
        rest.unlink()
    shutil.copy(tmp_path / "copy.db", path)
    with pytest.raises(JournalBrokenError, match="missing at the end"):
        ledger.debit("second", [event()])
    opened(path).accept("the copy is all there is")
    assert ledger.debit("second", [event()]).run == "second"


def test_a_broken_chain_is_not_accepted(path: Path) -> None:
    """What was edited can be restored, not agreed to."""
    fill(path)
    sql(path, "DELETE FROM journal WHERE sequence > 4", "UPDATE journal SET body = X'7B7D' WHERE sequence = 2")
    before = kept(path)
    with pytest.raises(JournalBrokenError, match="entry 2 was changed"):
        opened(path).accept("never mind")
    assert kept(path) == before


@pytest.mark.parametrize("died", [die_before_anchoring, die_while_replacing])
def test_killed_between_commit_and_head_leaves_an_older_true_head(path: Path, died: object) -> None:
    """The head is behind, which is said and is no problem; the next writer goes on."""
    fill(path, 2)
    child = FRESH.Process(target=died, args=(f"sqlite:///{path}",))  # type: ignore[arg-type]
    child.start()
    child.join(60)
    assert child.exitcode == -9
    report = looked(path)
    assert (report.state, report.ok, len(opened(path).entries())) == ("behind", True, 3)
    assert "up to entry 2" in str(report.note)
    fill(path, 1)
    assert (looked(path).state, kept(path)["sequence"]) == ("ok", 4)


@pytest.mark.prove
def test_killed_at_any_moment_the_head_is_true(path: Path) -> None:
    """Three writers at a time, killed after random moments, twelve times over: chain and head hold."""
    rng = np.random.default_rng(7)
    opened(path)
    for _ in range(12):
        ready = FRESH.Event()
        running = [FRESH.Process(target=write_for_ever, args=(f"sqlite:///{path}", ready)) for _ in range(3)]
        for process in running:
            process.start()
        assert ready.wait(60)
        time.sleep(rng.uniform(0, 0.1))
        for process in running:
            process.kill()
        for process in running:
            process.join(60)
        report = looked(path)
        assert (report.ok, report.state in ("ok", "behind"), opened(path).verify().ok) == (True, True, True)


def test_eight_writers_at_once_leave_the_last_head(path: Path) -> None:
    """No writer puts the head back behind another's."""
    url = f"sqlite:///{path}"
    opened(path)
    assert together(write, url, processes=8, times=5) == [0] * 8
    assert (looked(path).state, kept(path)["sequence"]) == ("ok", 40)


@pytest.mark.prove
def test_eight_writers_at_once_on_postgresql(postgresql: str, tmp_path: Path) -> None:
    """The same on a server, with the head in a folder that the environment names; a cut-off end shows there, too."""
    records = Records.open(postgresql)
    assert records.anchor().path.parent == tmp_path
    assert together(write_in, f"{tmp_path} {postgresql}", processes=8, times=5) == [0] * 8
    assert (records.anchor().state, len(records.entries())) == ("ok", 40)
    with records.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE journal DISABLE TRIGGER USER")
        connection.exec_driver_sql("DELETE FROM journal WHERE sequence > 30")
    assert records.verify().ok
    assert (records.anchor().state, Records.look(postgresql).anchor().state) == ("cut off", "cut off")


def test_where_the_head_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a SQLite file; for a server under models/, by its address; a file or a folder of the environment wins."""
    monkeypatch.delenv("TACTFUL_JOURNAL_HEAD", raising=False)
    assert Anchor.of("sqlite:////a/b.db", "/a/b.db").path == Path("/a/b.db.head")
    server, other = Anchor.of("postgresql://a", None).path, Anchor.of("postgresql://b", None).path
    assert (server.parent, server.suffix, len(server.stem)) == (Path("models"), ".head", len("journal-") + 12)
    assert server != other
    monkeypatch.setenv("TACTFUL_JOURNAL_HEAD", str(tmp_path))
    assert Anchor.of("postgresql://a", None).path == tmp_path / server.name
    monkeypatch.setenv("TACTFUL_JOURNAL_HEAD", str(tmp_path / "kept"))
    assert Anchor.of("sqlite:////a/b.db", "/a/b.db").path == tmp_path / "kept"


def test_a_head_that_cannot_be_kept_stops_the_writer_before_it_writes(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is none: nothing is committed."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TACTFUL_JOURNAL_HEAD", str(tmp_path / "file" / "head"))
    with pytest.raises(UsageError, match="head must be kept"), opened(path).transaction() as transaction:
        transaction.append("note.made", {})
    assert opened(path).entries() == []


def test_the_check_names_everything(path: Path) -> None:
    """Chain, head and a head noted elsewhere; what is whole has no problem, and the consent store is asked."""
    digests = fill(path)
    records = opened(path)
    whole = check_journal(records, head=digests[2], consents=lambda: None)
    assert (whole.ok, whole.problems, whole.as_json()["anchor"], whole.consents) == (True, (), "ok", "ok")
    assert check_journal(records, consents=lambda: "row 7 is another").problems == ("row 7 is another",)
    assert check_journal(records).as_json()["consents"] == "not looked at: the secrets of these records are not here"
    assert not check_journal(records, head="0" * 63 + "1").ok
    sql(path, "DELETE FROM journal WHERE sequence > 4")
    assert check_journal(records).as_json()["anchor"] == "cut off"


def test_the_commands_find_a_cut_off_end_and_let_it_be_accepted(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 and which entries; a reason makes it good, is an entry, and is asked for once."""
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{path}")
    for name in ("TACTFUL_ACTOR_KEY", "TACTFUL_ACTORS", "TACTFUL_SECRET_FILE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, dict[str, object], str]:
        """The code, the object and the errors of ``tactful journal``."""
        monkeypatch.setattr(sys, "argv", ["tactful", "journal", *words, "--json"])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), json.loads(out) if out else {}, err

    digests = fill(path)
    code, told, _ = call("verify", "--head", digests[1])
    assert (code, told["ok"], told["anchor"], told["entries"], told["head"]) == (0, True, "ok", 5, digests[-1])
    assert call("verify", "--head", "0" * 63 + "1")[0] == 3
    assert call("accept", "--reason", "why not")[0] == 2
    sql(path, "DELETE FROM journal WHERE sequence > 3")
    code, told, err = call("verify")
    assert (code, told["ok"], told["anchor"]) == (3, False, "cut off")
    assert "entries 4 to 5 are missing" in err
    assert "tactful journal accept" in err
    assert call("accept", "--reason", " ")[0] == 2
    code, told, _ = call("accept", "--reason", "the copy of yesterday")
    assert (code, told["sequence"], told["was"]) == (0, 4, "cut off")
    assert call("verify")[0] == 0
