"""The journal: what is appended stays, in order, and a change shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.errors import UsageError
from tactful.records.journal import GENESIS, StoredEntry, canonical, check_chain, digest_of, seal
from tactful.records.store import Records

LAWS = settings(deadline=None, derandomize=True, database=None)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "records.db"


@pytest.fixture
def records(path: Path) -> Records:
    return Records.open(f"sqlite:///{path}", clock=lambda: NOON)


def fill(records: Records, n: int = 5) -> list[str]:
    with records.transaction() as transaction:
        return [transaction.append("note.made", {"n": i, "x": 0.1 * i}, actor="key").digest for i in range(n)]


def tamper(path: Path, *statements: str) -> None:
    """What someone with the file and no respect for the triggers can do."""
    connection = sqlite3.connect(path, isolation_level=None)
    for trigger in ("journal_no_update", "journal_no_delete", "journal_in_order"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_entries_come_back_as_written(records: Records) -> None:
    """Sequence, time, kind, actor and body survive, floats exactly; each entry follows the one before."""
    with records.transaction() as transaction:
        first = transaction.append("budget.debited", {"sigma": 0.1 + 0.2, "who": ["ε", None]}, actor="ab12")
        second = transaction.append("budget.opened", {})
    assert records.entries() == [first, second]
    assert (first.sequence, first.time, first.kind, first.actor) == (1, NOON, "budget.debited", "ab12")
    assert first.body == {"sigma": 0.30000000000000004, "who": ["ε", None]}
    assert (first.previous, second.previous, second.actor) == (GENESIS, first.digest, None)
    assert records.verify().as_json() == {"ok": True, "entries": 2, "head": second.digest, "problem": None}


def test_entries_are_chosen_by_the_beginning_of_their_kind(records: Records) -> None:
    """A prefix chooses exactly the kinds that begin with it; several prefixes keep the order."""
    with records.transaction() as transaction:
        for kind in ("budget.limit", "assignment.pinned", "budget.debited", "budgetary", "model.approved"):
            transaction.append(kind, {})
        inside = transaction.entries("budget.")
    assert [e.kind for e in inside] == ["budget.limit", "budget.debited"]
    chosen = records.entries(("budget.", "assignment."))
    assert [e.kind for e in chosen] == ["budget.limit", "assignment.pinned", "budget.debited"]
    assert records.entries("Budget") == records.entries("b%") == records.entries("b_dget") == []


def test_a_transaction_that_fails_writes_nothing(records: Records) -> None:
    """All or nothing."""
    fill(records, 1)

    def half() -> None:
        with records.transaction() as transaction:
            transaction.append("note.made", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert len(records.entries()) == 1
    assert records.verify().ok


def test_the_store_is_there_again_when_reopened(records: Records, path: Path) -> None:
    """Closing loses nothing; opening twice is harmless; only the owner may read the file."""
    fill(records)
    records.close()
    with Records.open(f"sqlite:///{path}") as again:
        assert again.verify().entries == 5
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_address_comes_from_the_environment_or_is_under_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TACTFUL_RECORDS, else models/records.db, whose folder is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TACTFUL_RECORDS", raising=False)
    assert repr(Records.open()) == "Records(sqlite:///models/records.db)"
    assert (tmp_path / "models" / "records.db").exists()
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{tmp_path}/other.db")
    assert repr(Records.open()) == f"Records(sqlite:///{tmp_path}/other.db)"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = '{}' WHERE sequence = 2",
        "DELETE FROM journal WHERE sequence = 5",
        "INSERT OR REPLACE INTO journal SELECT sequence, time, kind, 'me', body, previous, digest FROM journal LIMIT 1",
        "INSERT INTO journal SELECT 9, time, kind, actor, body, 'p', 'd' FROM journal LIMIT 1",
    ],
)
def test_the_database_itself_refuses_changes(records: Records, path: Path, statement: str) -> None:
    """SQLite refuses edits, deletions, replacements and gaps, whoever asks."""
    fill(records)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert records.verify().entries == 5


@pytest.mark.parametrize(
    ("statements", "holds", "problem"),
    [
        (["UPDATE journal SET body = X'7B7D' WHERE sequence = 3"], 2, "entry 3 was changed"),
        (["UPDATE journal SET body = CAST(body AS TEXT) WHERE sequence = 3"], 2, "entry 3 was changed"),
        (["UPDATE journal SET actor = NULL WHERE sequence = 1"], 0, "entry 1 was changed"),
        (["UPDATE journal SET actor = 'other' WHERE sequence = 5"], 4, "entry 5 was changed"),
        (["UPDATE journal SET time = '2020-01-01T00:00:00.000000+00:00' WHERE sequence = 2"], 1, "entry 2 was changed"),
        (["UPDATE journal SET kind = 'note.unmade' WHERE sequence = 2"], 1, "entry 2 was changed"),
        (["DELETE FROM journal WHERE sequence = 1"], 0, "entry 1 is missing"),
        (["DELETE FROM journal WHERE sequence = 3"], 2, "entry 3 is missing"),
        (
            [
                "DELETE FROM journal WHERE sequence = 3",
                "UPDATE journal SET sequence = 3 WHERE sequence = 4",
                "UPDATE journal SET sequence = 4 WHERE sequence = 5",
            ],
            2,
            "entry 3 does not follow",
        ),
        (
            [
                "UPDATE journal SET sequence = 99 WHERE sequence = 2",
                "UPDATE journal SET sequence = 2 WHERE sequence = 3",
                "UPDATE journal SET sequence = 3 WHERE sequence = 99",
            ],
            1,
            "entry 2 does not follow",
        ),
    ],
)
def test_verify_finds_what_was_done_to_the_file(
    records: Records, path: Path, statements: list[str], holds: int, problem: str
) -> None:
    """An edit of any field, a deletion in the middle, renumbering and reordering show, at the right entry."""
    digests = fill(records)
    tamper(path, *statements)
    report = records.verify()
    assert (report.ok, report.entries, report.head) == (False, holds, digests[holds - 1] if holds else GENESIS)
    assert problem in str(report.problem)


def test_an_entry_put_in_with_a_right_digest_shows(records: Records, path: Path) -> None:
    """Whoever rewrites entry 3 with its own digest still breaks entry 4."""
    fill(records)
    before, third = records.entries()[1:3]
    forged = digest_of(before.digest, 3, third.time.isoformat(timespec="microseconds"), third.kind, "key", b"{}")
    tamper(path, "UPDATE journal SET body = X'7B7D', digest = '" + forged + "' WHERE sequence = 3")  # noqa: S608  ours
    report = records.verify()
    assert (report.entries, report.problem) == (3, "entry 4 does not follow the entry before it")


def test_a_cut_off_tail_shows_only_with_a_head_kept_elsewhere(records: Records, path: Path) -> None:
    """Without an anchor the rest is a whole chain; with one it is found; an older head is in the longer chain."""
    old = records.verify().head
    digests = fill(records)
    assert all(records.verify(expected_head=head).ok for head in (old, *digests))
    tamper(path, "DELETE FROM journal WHERE sequence > 3")
    assert records.verify().ok
    assert records.verify(expected_head=digests[2]).ok
    report = records.verify(expected_head=digests[4])
    assert (report.ok, report.entries) == (False, 3)
    assert "cut off" in str(report.problem)


def test_verification_never_parses_a_body() -> None:
    """Bytes that are no JSON, such as a ciphertext whose key is gone, hold like any others."""
    stamp = NOON.isoformat(timespec="microseconds")
    body = b"\x00\xff not json"
    digest = digest_of(GENESIS, 1, stamp, "subject.erased", None, body)
    entry = StoredEntry(
        sequence=1, time=stamp, kind="subject.erased", actor=None, body=body, previous=GENESIS, digest=digest
    )
    assert check_chain([entry]).ok


_fields = st.tuples(
    st.text("0a", max_size=3),
    st.integers(1, 12),
    st.text("0a", max_size=3),
    st.text("0a", max_size=3),
    st.none() | st.text("0a-+", max_size=3),
    st.binary(max_size=3) | st.sampled_from([b"0", b"a", b"-", b"+"]),
)


@LAWS
@given(_fields, _fields)
def test_different_entries_have_different_digests(one: tuple, other: tuple) -> None:
    """The encoding is unambiguous: nothing can move from one field to its neighbour unseen, nobody is not ''."""
    assert (digest_of(*one) == digest_of(*other)) == (one == other)


def test_a_plain_concatenation_would_be_caught() -> None:
    """The pair that an encoding without lengths confuses: the last letter of the kind becomes the actor's first."""
    one, other = ("", 1, "", "ab", "c", b""), ("", 1, "", "a", "bc", b"")
    assert digest_of(*one) != digest_of(*other)
    assert digest_of("", 1, "", "a", None, b"") != digest_of("", 1, "", "a", "", b"")


def test_one_body_has_one_encoding() -> None:
    """The order of keys does not matter; text stays text."""
    assert canonical({"b": 1, "a": "ü"}) == canonical({"a": "ü", "b": 1}) == '{"a":"ü","b":1}'.encode()


def test_times_are_kept_in_utc() -> None:
    """A clock in another zone writes the same instant."""
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert seal(None, kind="a", actor=None, body={}, time=there).time == "2026-11-22T12:00:00.000000+00:00"


@pytest.mark.parametrize(
    "append",
    [
        lambda t: t.append("Budget.Debited", {}),
        lambda t: t.append("budget debited", {}),
        lambda t: t.append("", {}),
        lambda t: t.append("a", {}, actor=" "),
        lambda t: t.append("a", {"x": float("nan")}),
        lambda t: t.append("a", {"x": float("inf")}),
    ],
)
def test_what_the_journal_cannot_hold_is_refused(records: Records, append: Callable) -> None:
    """A kind that is none, an empty actor, a number JSON does not have."""
    with pytest.raises(UsageError), records.transaction() as transaction:
        append(transaction)
    assert records.entries() == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense with secret", "an SQLAlchemy URL"),
        ("sqlite://", "forgotten when the process ends"),
        ("sqlite:///:memory:", "forgotten when the process ends"),
        ("oracle+nosuchdriver://me:secret@host/db", "driver is missing"),
        ("sqlite:////proc/nowhere/records.db", "/proc/nowhere"),
    ],
)
def test_an_unusable_address_is_a_usage_error(url: str, says: str) -> None:
    """The message says what is wrong and never repeats a password."""
    with pytest.raises(UsageError, match=says) as caught:
        Records.open(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_a_usage_error(tmp_path: Path) -> None:
    """And it is left as it was."""
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database\n" * 50)
    before = file.read_bytes()
    with pytest.raises(UsageError, match="not a database"):
        Records.open(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_no_body_shows_in_a_repr(records: Records) -> None:
    """An entry can be logged without saying what it holds."""
    with records.transaction() as transaction:
        entry = transaction.append("note.made", {"what": "CANARY"})
        assert repr(transaction) == "Transaction(open)"
    assert "CANARY" not in repr(entry)
    assert repr(transaction) == "Transaction(closed)"
