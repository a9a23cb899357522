"""Who withdraws is not profiled at the next request; nothing that happens to the file of withdrawals gives anything."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful.scoring.suppressions as suppressions_module
from scoring_lists import KEY, NOW, OFFICER, Clock, marks, reader, write
from tactful.errors import RefusedError, UsageError
from tactful.scoring import suppression_list, withdrawn_marks
from tactful.scoring.signing import public_text
from tactful.scoring.suppression_marks import MARK, key_check, mark
from tactful.scoring.withdrawn_marks import EVERYBODY, append, beside, for_good, for_good_under

SOON = timedelta(minutes=1)
LINE = 24
ASK = """
import sys
from datetime import UTC, datetime
from tactful.scoring.suppressions import Suppressions
key, signer, path, basis = sys.argv[1:]
suppressions = Suppressions(path, key=bytes.fromhex(key), trusted_keys=signer, basis=basis,
    now=lambda: datetime(2026, 11, 22, 12, 5, tzinfo=UTC))
for user in sys.stdin:
    print(suppressions.allows(user.strip()), flush=True)
"""


def one(user_id: str | int) -> bytes:
    """The mark of a person."""
    return mark(KEY, user_id) or b""


def listed(basis: str) -> list[str]:
    """Whom to list so that ann, bob and eve may be profiled."""
    return ["ann", "bob", "eve"] if basis == "consent" else ["zoe"]


def allowed(suppressions: Any) -> set[str]:
    """Who of all these may be profiled."""
    return {user for user in ("ann", "bob", "eve", "zoe", "mia") if suppressions.allows(user)}


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_who_withdraws_is_refused_at_the_next_request(
    basis: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same process and in another that runs already, though the list is not looked at again; both kinds."""
    monkeypatch.setattr(suppressions_module, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # no second passes
    path = write(tmp_path / "list", listed(basis), basis=basis)
    here = reader(path, basis=basis)
    command = [sys.executable, "-c", ASK, KEY.hex(), public_text(OFFICER), str(path), basis]
    there = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert there.stdin is not None
    assert there.stdout is not None
    try:
        for withdrew in (False, True):
            for user in ("ann", "bob"):
                expected = user == "bob" or not withdrew
                print(user, file=there.stdin, flush=True)
                assert here.allows(user) == expected
                assert there.stdout.readline() == f"{expected}\n"
            append(path, [one("ann")], NOW + SOON)
    finally:
        there.communicate()
    assert here.fresh


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_a_withdrawal_needs_no_list(basis: Any, tmp_path: Path) -> None:
    """Where there is none nobody is allowed, and the one that comes is read together with who withdrew since."""
    append(tmp_path / "list", [one("ann")], NOW + SOON)
    suppressions = reader(tmp_path / "list", basis=basis)
    assert allowed(suppressions) == set()
    write(tmp_path / "list", listed(basis), basis=basis)
    suppressions.check()
    assert allowed(suppressions) == {"bob", "eve"} | ({"mia"} if basis == "objection" else set())


def test_a_later_list_counts_again(tmp_path: Path) -> None:
    """It has read the withdrawal: whoever agreed once more is on it and is allowed, whoever did not is not."""
    clock = Clock(NOW + timedelta(hours=1))
    path = write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path, now=clock)
    append(path, [one("ann"), one("bob")], NOW + SOON)
    assert allowed(suppressions) == set()
    write(path, ["ann"], made_at=NOW + 2 * SOON)
    suppressions.check()
    assert allowed(suppressions) == {"ann"}
    assert allowed(reader(path, now=clock)) == {"ann"}
    assert beside(path).read_bytes() == b""


def test_a_withdrawal_of_the_very_instant_counts(tmp_path: Path) -> None:
    """One that was noted when the list was made, to the microsecond, may not have been read; one before that was."""
    path = write(tmp_path / "list", ["ann", "bob"])
    append(path, [one("ann")], NOW)
    append(path, [one("bob")], NOW - timedelta(microseconds=1))
    assert allowed(reader(path)) == {"bob"}
    write(path, ["ann", "bob"])
    assert beside(path).read_bytes()[-MARK:] == one("ann")
    assert len(beside(path).read_bytes()) == LINE


def test_who_withdraws_while_a_list_is_made_is_not_lost(tmp_path: Path) -> None:
    """The list that was made before it, and is written after it, keeps the line."""
    path = write(tmp_path / "list", ["ann"])
    append(path, [one("bob")], NOW + SOON)
    append(path, [one("ann")], NOW + 3 * SOON)
    write(path, ["ann", "bob"], made_at=NOW + 2 * SOON)
    assert allowed(reader(path, now=Clock(NOW + 4 * SOON))) == {"bob"}


def test_a_new_list_is_never_read_without_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that looks between the two steps, or first after both, sees no old list with the lines removed."""
    path = write(tmp_path / "list", ["ann", "bob"])
    asked = [reader(path, now=Clock(NOW + timedelta(hours=1))) for _ in range(3)]
    append(path, [one("ann")], NOW + SOON)
    compact = withdrawn_marks.compact

    def looked_at(*arguments: Any) -> None:
        assert not asked[0].allows("ann")
        compact(*arguments)
        assert not asked[1].allows("ann")

    monkeypatch.setattr(suppression_list.withdrawn_marks, "compact", looked_at)
    write(path, ["bob"], made_at=NOW + 2 * SOON)
    assert not asked[2].allows("ann")
    assert all(suppressions.allows("bob") for suppressions in asked)


def test_the_list_is_looked_at_when_the_lines_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise somebody who left would be profiled for a second by the list that she left: her line is gone."""
    path = write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path, now=Clock(NOW + timedelta(hours=1)))
    monkeypatch.setattr(suppressions_module.Suppressions, "_listed", lambda _, before: before)
    append(path, [one("ann")], NOW + SOON)
    write(path, ["bob"], made_at=NOW + 2 * SOON)
    assert suppressions.allows("ann")
    monkeypatch.undo()
    suppressions.check()
    assert not suppressions.allows("ann")


def test_lines_that_were_seen_are_kept(tmp_path: Path) -> None:
    """To remove the file, or put an older one in its place, brings nobody back in a service that runs."""
    path = write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path)
    append(path, [one("bob")], NOW + SOON)
    older = beside(path).read_bytes()
    append(path, [one("ann")], NOW + SOON)
    assert allowed(suppressions) == set()
    beside(path).write_bytes(older)
    assert allowed(suppressions) == set()
    beside(path).unlink()
    assert allowed(suppressions) == set()
    suppressions.check()
    assert allowed(suppressions) == set()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), basis=st.sampled_from(["consent", "objection"]))
def test_nothing_in_the_file_gives_anything(
    data: st.DataObject, basis: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever bytes lie there, nobody is allowed whom the list alone would not allow."""
    path = tmp_path_factory.mktemp("fuzz") / "list"
    write(path, listed(basis), basis=basis)
    alone = allowed(reader(path, basis=basis))
    lines = st.binary(max_size=60) | st.sampled_from([one("ann"), one("mia"), EVERYBODY]).map(
        lambda found: (2**62).to_bytes(8, "big") + found
    )
    content = b"".join(data.draw(st.lists(lines, max_size=4)))
    beside(path).write_bytes(content)
    suppressions = reader(path, basis=basis)
    found = allowed(suppressions)
    assert found <= alone
    if len(content) % LINE:
        assert found == set()
        assert "withdrawals" in str(suppressions.reason)


def test_a_file_that_cannot_be_read_allows_nobody(tmp_path: Path) -> None:
    """A folder or a pipe in its place, a link in a circle or to nowhere; when it is gone the list counts again."""
    path = write(tmp_path / "list")
    suppressions = reader(path)
    os.mkfifo(tmp_path / "pipe")
    makes: tuple[Any, ...] = (
        lambda: beside(path).mkdir(),
        lambda: os.mkfifo(beside(path)),
        lambda: beside(path).symlink_to(beside(path).name),
        lambda: beside(path).symlink_to(tmp_path / "nowhere"),
    )
    for make in makes:
        make()
        assert allowed(suppressions) == allowed(reader(path)) == set()
        assert "withdrawals" in str(suppressions.reason)
        assert not suppressions.fresh
        beside(path).rmdir() if beside(path).is_dir() else beside(path).unlink()
        assert allowed(suppressions) == {"ann", "bob"}


@pytest.mark.parametrize("kept", range(1, LINE))
def test_a_line_cut_short_allows_nobody_until_the_next_list(kept: int, tmp_path: Path) -> None:
    """It could be anybody's. The next withdrawal keeps its meaning and its own; a later list ends both."""
    path = write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path, now=Clock(NOW + timedelta(hours=1)))
    append(path, [one("ann"), one("mia")], NOW + SOON)
    beside(path).write_bytes(beside(path).read_bytes()[: LINE + kept])
    assert allowed(suppressions) == set()
    append(path, [one("eve")], NOW + 2 * SOON)
    assert [beside(path).read_bytes()[at : at + MARK] for at in (8, 32, 56)] == [one("ann"), EVERYBODY, one("eve")]
    assert allowed(suppressions) == set()
    assert "everybody" in str(suppressions.reason)
    write(path, ["ann", "bob"], made_at=NOW + 3 * SOON)
    suppressions.check()
    assert allowed(suppressions) == {"ann", "bob"}


def test_a_line_for_good_tells_its_key_and_ends_nobody_elses(tmp_path: Path) -> None:
    """No list ends it, under whatever key it was made; a line cut short before it stops everybody until the next."""
    path = write(tmp_path / "list", ["ann", "bob"])
    beside(path).write_bytes(b"cut short")
    append(path, [one("ann")], for_good_under(key_check(KEY)))
    append(path, [b"\x01" * MARK], for_good_under(key_check(b"another key")))
    assert allowed(reader(path)) == set()
    write(path, ["ann", "bob"], made_at=datetime.now(UTC) + SOON)
    assert for_good(path, key_check(KEY)) == ([one("ann")], 1)
    assert allowed(reader(path, now=lambda: datetime.now(UTC) + 2 * SOON)) == {"bob"}


def test_a_line_cut_short_outlives_a_list_that_was_made_before_it(tmp_path: Path) -> None:
    """Somebody withdrew while the list was made, and power was lost: the list cannot know of it."""
    path = write(tmp_path / "list", ["ann"])
    append(path, [one("ann")], NOW + 2 * SOON)
    beside(path).write_bytes(beside(path).read_bytes()[:10])
    later = (NOW + 2 * SOON).timestamp()
    os.utime(beside(path), (later, later))
    write(path, ["ann"], made_at=NOW + SOON)
    assert beside(path).read_bytes()[8:] == EVERYBODY
    assert allowed(reader(path, now=Clock(NOW + 3 * SOON))) == set()


def _withdraw(path: str, first: int, times: int) -> None:
    for number in range(first, first + times):
        append(path, [one(number)], NOW + SOON)


def test_eight_at_once_and_a_list_between_them(tmp_path: Path) -> None:
    """Eight processes note 25 people each while lists made before that replace each other: every line is there."""
    path = write(tmp_path / "list", range(250))
    context = multiprocessing.get_context("fork")
    appenders = [context.Process(target=_withdraw, args=(str(path), 25 * each, 25)) for each in range(8)]
    for process in appenders:
        process.start()
    rewritten = 0
    while any(process.is_alive() for process in appenders):
        rewritten += 1
        write(path, range(250), made_at=NOW + timedelta(microseconds=rewritten))
    for process in appenders:
        process.join()
        assert process.exitcode == 0
    content = beside(path).read_bytes()
    assert {content[at + 8 : at + LINE] for at in range(0, len(content), LINE)} == {one(user) for user in range(200)}
    assert len(content) == 200 * LINE
    suppressions = reader(path, now=Clock(NOW + 2 * SOON))
    assert [user for user in range(250) if suppressions.allows(user)] == list(range(200, 250))


def test_a_replaced_file_is_what_the_lock_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is noted while a list removes older ones waits for it; without the lock it would be lost."""
    path = write(tmp_path / "list", ["ann"])
    append(path, [one("bob")], NOW - SOON)
    context = multiprocessing.get_context("fork")
    late = context.Process(target=_withdraw, args=(str(path), 7, 1))
    compact = withdrawn_marks.compact

    def meanwhile(*arguments: Any) -> None:
        late.start()
        late.join(0.3)
        assert late.is_alive(), "it did not wait"
        compact(*arguments)

    monkeypatch.setattr(suppression_list.withdrawn_marks, "compact", meanwhile)
    write(path, ["ann", "7"], made_at=NOW)
    late.join()
    assert not reader(path, now=Clock(NOW + 2 * SOON)).allows(7)


def test_the_file_beside_a_link_and_the_one_beside_what_it_leads_to(tmp_path: Path) -> None:
    """As where a platform mounts files: whoever withdraws notes it beside one of the two."""
    (tmp_path / "real").mkdir()
    real = write(tmp_path / "real" / "list", ["ann", "bob", "eve"])
    (tmp_path / "link").symlink_to(real)
    suppressions = reader(tmp_path / "link")
    append(real, [one("ann")], NOW + SOON)
    assert allowed(suppressions) == {"bob", "eve"}
    append(tmp_path / "link", [one("bob")], NOW + SOON)
    assert allowed(suppressions) == {"eve"}


def test_an_older_list_is_refused_and_its_lines_stay(tmp_path: Path) -> None:
    """Nothing is removed for a list that is not written."""
    path = write(tmp_path / "list", ["ann"], made_at=NOW + SOON)
    append(path, [one("ann")], NOW + 2 * SOON)
    with pytest.raises(RefusedError):
        write(path, ["ann"])
    assert len(beside(path).read_bytes()) == LINE


def test_what_is_no_withdrawal_is_not_noted(tmp_path: Path) -> None:
    """A mark of another length, a time without a zone, a folder that is not there or is a file; nothing is made."""
    wrong: list[tuple[Path, list[bytes], Any]] = [
        (tmp_path / "list", [b"short"], NOW),
        (tmp_path / "list", [marks("ann", "bob")], NOW),
        (tmp_path / "list", [one("ann")], NOW.replace(tzinfo=None)),
        (tmp_path / "none" / "list", [one("ann")], NOW),
    ]
    for path, given_marks, at in wrong:
        with pytest.raises(UsageError):
            append(path, given_marks, at)
    assert list(tmp_path.iterdir()) == []
    os.mkfifo(tmp_path / "list.withdrawn")
    with pytest.raises(UsageError):
        append(tmp_path / "list", [one("ann")], NOW)


def test_who_may_read_the_file_and_what_it_tells(tmp_path: Path) -> None:
    """Its owner and group, as with the list; neither id nor key, and no reason names anybody."""
    path = write(tmp_path / "list", ["CANARY-w7"])
    append(path, [one("CANARY-w7")], NOW)
    assert beside(path).stat().st_mode & 0o777 == 0o640
    assert b"CANARY" not in beside(path).read_bytes()
    suppressions = reader(path)
    assert not suppressions.allows("CANARY-w7")
    assert one("CANARY-w7").hex() not in repr(suppressions) + str(suppressions.reason)
