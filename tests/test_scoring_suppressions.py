"""A service asks whom it may profile, and nothing that happens to the list lets through somebody who is not on it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful.scoring.suppressions as suppressions_module
from scoring_lists import KEY, NOW, OFFICER, STRANGER, Clock, marks, reader, write
from tactful.errors import ConfigError, RefusedError, SecretError, UsageError
from tactful.personal import ids
from tactful.personal.keys import Keys
from tactful.scoring.signing import SignedDocument, public_text
from tactful.scoring.suppression_list import write_list
from tactful.scoring.suppression_marks import MARK, is_clean, key_check, mark
from tactful.scoring.suppressions import Suppressions

CANARY = "CANARY-5e1f"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the machine's own keys."""
    for name in ("KEY", "KEY_FILE", "SIGNERS"):
        monkeypatch.delenv(f"TACTFUL_SUPPRESSION_{name}", raising=False)


@pytest.mark.parametrize("people", [0, 1, 2, 3, 1000])
def test_the_answer_is_that_of_a_set(people: int, tmp_path: Path) -> None:
    """A list of consent allows those on it and nobody else; one of objection everybody else."""
    listed = [f"user-{number}" for number in range(people)]
    asked = [*listed, *(f"other-{number}" for number in range(200))]
    allows = reader(write(tmp_path / "list", listed)).allows
    objecting = reader(write(tmp_path / "list2", listed, basis="objection"), basis="objection").allows
    assert [user for user in asked if allows(user)] == listed
    assert [user for user in asked if not objecting(user)] == listed


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_what_is_no_id_is_never_allowed(basis: Any, tmp_path: Path) -> None:
    """Neither by not being on a list of objections, nor by an error that takes the service down."""
    allows = reader(write(tmp_path / "list", [7, "ann"], basis=basis), basis=basis).allows
    nobody = ["", " ann", "ann\n", "an\x00n", "\u200bann", "\ud800", None, True, 7.0, b"ann", ("ann",), 10**5000, []]
    assert [value for value in nobody if allows(value)] == []  # type: ignore[arg-type]


def test_the_integer_and_its_text_are_one_id(tmp_path: Path) -> None:
    """However they were written and however they are asked; 007 is another."""
    allows = reader(write(tmp_path / "list", [7, "8"])).allows
    assert all(allows(user) for user in (7, "7", np.int64(7), np.uint8(8), 8, np.str_("8")))
    assert not any(allows(user) for user in ("007", "7.0", 9, -7))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers().map(str)))
def test_ids_are_read_as_the_consents_are(user_id: str) -> None:
    """The room that writes lists and the one that reads them have one rule of what an id is, and one hash."""
    assert not user_id or is_clean(user_id) == ids.is_clean(user_id)
    keys = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=KEY)
    assert mark(KEY, user_id) == (keys.marks([user_id])[0] if user_id and ids.is_clean(user_id) else None)


def test_a_list_that_is_there_and_holds_is_fresh(tmp_path: Path) -> None:
    """Its age is that of the consents it was made from."""
    clock = Clock()
    suppressions = reader(write(tmp_path / "list"), now=clock)
    clock.now = NOW + timedelta(hours=5)
    assert suppressions.fresh
    assert suppressions.reason is None
    assert suppressions.made_at == NOW
    assert suppressions.age == timedelta(hours=5)


@pytest.mark.parametrize(
    ("max_age", "ends", "until"),
    [(DAY, 3 * DAY, DAY), (3 * DAY, DAY, DAY), (3600, 2 * DAY, timedelta(hours=1)), (timedelta.max, DAY, DAY)],
)
def test_a_stale_list_allows_nobody(max_age: Any, ends: timedelta, until: timedelta, tmp_path: Path) -> None:
    """From the end of `max_age` or of the list, whichever is first; whom it lets through before is not asked again."""
    clock = Clock()
    write(tmp_path / "list", expires_at=NOW + ends)
    suppressions = reader(tmp_path / "list", max_age=max_age, now=clock)
    clock.now = NOW + until - timedelta(seconds=1)
    assert suppressions.allows("ann")
    clock.now = NOW + until + timedelta(seconds=1)
    assert not suppressions.allows("ann")
    assert not suppressions.fresh
    assert "too old" in str(suppressions.reason)


def test_a_list_ends_at_the_very_instant_that_it_says(tmp_path: Path) -> None:
    """Somebody's consent may end there."""
    clock = Clock(NOW + DAY)
    assert not reader(write(tmp_path / "list"), max_age=3 * DAY, now=clock).allows("ann")


Damage = Callable[[bytes], bytes]


def header_and_marks(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header as plain JSON, and the rest."""
    line, _, rest = content.partition(b"\n")
    return json.loads(line), rest


def resigned(content: bytes, *, domain: Any = "suppressions", signer: Any = OFFICER, **changes: Any) -> bytes:
    """The list with another header, signed after all; a field that becomes None is left out."""
    header, rest = header_and_marks(content)
    payload = {name: value for name, value in (header["payload"] | changes).items() if value is not None}
    return SignedDocument.sign(payload, signer, purpose=domain).to_json().encode() + b"\n" + rest


def edited(content: bytes, **changes: Any) -> bytes:
    """The list with another header and the old signature."""
    header, rest = header_and_marks(content)
    header["payload"] |= changes
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n" + rest


def other_basis(content: bytes) -> str:
    """The basis that the list does not have."""
    return "consent" if header_and_marks(content)[0]["payload"]["basis"] == "objection" else "objection"


def flipped(content: bytes, at: int) -> bytes:
    """One bit is another."""
    return bytes(byte ^ (place == at % len(content)) for place, byte in enumerate(content))


LISTS: dict[str, tuple[Damage, str]] = {
    "a byte of a mark flipped": (lambda c: flipped(c, -1), "altered"),
    "a byte of the header flipped": (lambda c: flipped(c, 30), ""),
    "cut in the marks": (lambda c: c[:-1], "as long as"),
    "cut by a person": (lambda c: c[:-MARK], "as long as"),
    "cut in the header": (lambda c: c[:100], "begins with"),
    "a person added": (lambda c: c + marks("eve"), "as long as"),
    "a person exchanged": (lambda c: c[:-MARK] + marks("eve"), "altered"),
    "empty": (lambda _: b"", "begins with"),
    "something else": (lambda _: b"\x00" * 100_000, "begins with"),
    "a long line": (lambda _: b"{" * 50_000 + b"\n", "begins with"),
    "JSON of another kind": (lambda _: b"[]\n", "signed document"),
    "nested too deeply": (lambda _: b"[" * 8000 + b"\n", "signed document"),
    "more people by a stroke of the pen": (lambda c: edited(c, people=3), "signature"),
    "made later by a stroke of the pen": (lambda c: edited(c, made_at=(NOW + DAY).isoformat()), "signature"),
    "the other basis by a stroke of the pen": (lambda c: edited(c, basis=other_basis(c)), "signature"),
    "signed by a stranger": (lambda c: resigned(c, signer=STRANGER), "signer is not one"),
    "signed as an approval": (lambda c: resigned(c, domain="approval"), "signature"),
    "signed as a candidate": (lambda c: resigned(c, domain="candidate"), "signature"),
    "of the other basis": (lambda c: resigned(c, basis=other_basis(c)), "as the service asks for"),
    "of another purpose": (lambda c: resigned(c, purpose="personalization.training"), "as the service asks for"),
    "under another key": (lambda c: resigned(c, key_check=key_check(b"x" * 32)), "has another"),
    "dated ahead": (lambda c: resigned(c, made_at=(NOW + timedelta(hours=1)).isoformat()), "before now"),
    "of another format": (lambda c: resigned(c, schema=2), "of a kind"),
    "of no basis": (lambda c: resigned(c, basis="whim"), "of a kind"),
    "with a field more": (lambda c: resigned(c, note="hello"), "of a kind"),
    "with a field less": (lambda c: resigned(c, expires_at=None), "of a kind"),
    "with a time of no zone": (lambda c: resigned(c, made_at="2026-11-22T12:00:00"), "of a kind"),
    "with a time that is none": (lambda c: resigned(c, made_at="yesterday"), "of a kind"),
    "of fewer people than none": (lambda c: resigned(c, people=-1), "of a kind"),
    "of too many people": (lambda c: resigned(c, people=2**50), "of a kind"),
    "of people it does not hold": (lambda c: resigned(c, people=2**30), "as long as"),
}


@pytest.mark.parametrize("basis", ["consent", "objection"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_that_does_not_hold_allows_nobody(kind: str, basis: Any, tmp_path: Path) -> None:
    """At the start and in place of one that did, with a reason, whatever the list would have let through."""
    damage, reason = LISTS[kind]
    path = write(tmp_path / "list", basis=basis)
    before = reader(path, basis=basis)
    assert before.allows("ann" if basis == "consent" else "eve")
    path.write_bytes(damage(path.read_bytes()))
    before.check()
    for suppressions in (reader(path, basis=basis), before):
        assert not any(suppressions.allows(user) for user in ("ann", "bob", "eve", 7))
        assert not suppressions.fresh
        assert reason in str(suppressions.reason)
        assert suppressions.made_at is None


def test_an_approval_of_a_model_is_no_list_and_no_list_an_approval(tmp_path: Path) -> None:
    """Even where one person has both keys: what a signature is for is part of what is signed."""
    line = write(tmp_path / "list").read_bytes().partition(b"\n")[0]
    document = SignedDocument.from_json(line)
    document.verify(purpose="suppressions")
    for other in ("approval", "candidate"):
        with pytest.raises(RefusedError, match="signature"):
            document.verify(purpose=other)  # type: ignore[arg-type]


def test_where_there_is_no_list_nobody_is_allowed(tmp_path: Path) -> None:
    """No file, a folder, a pipe, a link to nothing, a file that went away: the service starts and goes on."""
    path = tmp_path / "list"
    missing = reader(path)
    assert not missing.allows("ann")
    assert "FileNotFoundError" in str(missing.reason)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for name in ("", "pipe", "link", "no/such/folder"):
        assert not reader(tmp_path / name).allows("ann")
    write(path)
    missing.check()
    assert missing.allows("ann")
    path.unlink()
    missing.check()
    assert not missing.allows("ann")


def test_a_list_may_lie_behind_a_link(tmp_path: Path) -> None:
    """As where a platform mounts files; what is signed vouches for itself wherever it lies."""
    (tmp_path / "link").symlink_to(write(tmp_path / "list"))
    assert reader(tmp_path / "link").allows("ann")


def test_an_old_list_put_back_allows_nobody(tmp_path: Path) -> None:
    """Whoever withdrew between the two would be back. The newer one, put there again, counts again."""
    clock = Clock(NOW + timedelta(hours=2))
    old, path = write(tmp_path / "old", ["ann", "bob"]), write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path, now=clock)
    assert suppressions.allows("bob")
    newer = write(tmp_path / "newer", ["ann"], made_at=NOW + timedelta(hours=1))
    for put, allowed in ((newer, ["ann"]), (old, []), (newer, ["ann"]), (tmp_path / "gone", []), (old, [])):
        path.unlink(missing_ok=True)
        if put.exists():
            shutil.copy(put, path)
        suppressions.check()
        assert [user for user in ("ann", "bob") if suppressions.allows(user)] == allowed
    assert "no older than one that was seen" in str(suppressions.reason)


def test_a_list_dated_ahead_does_not_shut_out_those_after_it(tmp_path: Path) -> None:
    """A wrong clock at the office is put right by the next list, not by a restart of every service."""
    path = write(tmp_path / "list", made_at=NOW + 3 * DAY)
    suppressions = reader(path)
    assert not suppressions.fresh
    path.unlink()
    write(path)
    suppressions.check()
    assert suppressions.allows("ann")


def test_a_replaced_list_counts_within_a_second_and_is_not_looked_for_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at once a second; within it, answers come from what is known."""
    moment = [1000.0]
    monkeypatch.setattr(suppressions_module, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    path = write(tmp_path / "list", ["ann", "bob"])
    suppressions = reader(path, now=Clock(NOW + timedelta(minutes=1)))
    write(path, ["ann"], made_at=NOW + timedelta(seconds=1))
    moment[0] += 0.9
    assert suppressions.allows("bob")
    moment[0] += 0.2
    assert not suppressions.allows("bob")
    assert suppressions.allows("ann")


def test_a_list_that_stays_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks in between cost an open and a stat; what did not hold is read again, so that it heals by itself."""
    moment, reads = [1000.0], []
    monkeypatch.setattr(suppressions_module, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    read_marks = suppressions_module.suppression_list.read_marks
    monkeypatch.setattr(
        suppressions_module.suppression_list, "read_marks", lambda *a: reads.append(1) or read_marks(*a)
    )
    suppressions = reader(write(tmp_path / "list"))
    for _ in range(5):
        moment[0] += 2
        assert suppressions.allows("ann")
    assert len(reads) == 1
    (tmp_path / "list").write_bytes(flipped((tmp_path / "list").read_bytes(), -1))
    for _ in range(3):
        moment[0] += 2
        assert not suppressions.allows("ann")
    assert len(reads) == 4


def test_answers_while_the_list_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four threads ask while lists follow each other: who is on all is always allowed, who is on none never."""
    monkeypatch.setattr(suppressions_module, "_EVERY", 0.0)  # every call looks
    path = write(tmp_path / "list", ["always", *range(50)])
    suppressions = reader(path, now=Clock(NOW + timedelta(hours=1)))
    wrong: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            if not suppressions.allows("always"):
                wrong.append(f"always: {suppressions.reason}")
            if suppressions.allows("never"):
                wrong.append("never")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        write(path, ["always", *range(number)], made_at=NOW + timedelta(seconds=number))
    over.set()
    for thread in threads:
        thread.join()
    suppressions.check()
    assert wrong == []
    assert suppressions.allows(58)
    assert not suppressions.allows(59)


def test_a_list_written_over_in_place_is_no_crash(tmp_path: Path) -> None:
    """A copy over the file, cut short at that, must not take the service down: the marks were read, not mapped."""
    path = write(tmp_path / "list", range(5000))
    suppressions = reader(path)
    with path.open("r+b") as file:
        file.truncate(10)
    assert suppressions.allows(4999)  # what was known, until the next look
    suppressions.check()
    assert not suppressions.allows(4999)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_damage_raises_or_lets_anybody_through(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes in place of any bytes: the list is whole, or nobody is allowed."""
    path = tmp_path_factory.mktemp("fuzz") / "list"
    content = write(path).read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    changed = content[:start] + data.draw(st.binary(max_size=40)) + content[end:]
    path.write_bytes(changed)
    found = reader(path)
    assert found.allows("ann") == (changed == content)
    assert found.fresh == (changed == content)


def test_what_a_list_tells_without_its_key(tmp_path: Path) -> None:
    """No id, in no form that a guess could be checked against; but how many people there are, as the notes say."""
    users = [f"{CANARY}-{number}" for number in range(40)]
    content = write(tmp_path / "list", users).read_bytes()
    assert CANARY.encode() not in content
    for user in users:
        for hashed in (hashlib.sha256, hashlib.md5, hashlib.sha1):
            assert hashed(user.encode()).digest()[:MARK] not in content
        assert mark(b"x" * 32, user) not in content
    header, rest = header_and_marks(content)
    assert len(rest) == 40 * MARK == header["payload"]["people"] * MARK
    assert rest == b"".join(sorted(rest[at : at + MARK] for at in range(0, len(rest), MARK)))
    assert KEY.hex() not in content.decode("latin-1")


def test_nothing_that_is_said_names_anybody_or_tells_the_key(tmp_path: Path) -> None:
    """Neither reprs nor reasons, and no count of people goes to a log with them."""
    path = write(tmp_path / "list", [f"{CANARY}-{number}" for number in range(4321)])
    suppressions = reader(path)
    suppressions.allows(f"{CANARY}-1")
    said = [repr(suppressions), str(suppressions.reason), repr(suppressions._state)]
    path.write_bytes(flipped(path.read_bytes(), -1))
    suppressions.check()
    said += [repr(suppressions), str(suppressions.reason)]
    assert all(CANARY not in text and KEY.hex() not in text and "4321" not in text for text in said)
    assert not any(repr(KEY)[2:-1] in text for text in said)


@pytest.mark.parametrize("basis", ["consent", "objection"])
def test_another_key_of_ids_allows_nobody(basis: Any, tmp_path: Path) -> None:
    """With the wrong key nobody would be found on a list of objections, and everybody would pass."""
    found = reader(write(tmp_path / "list", basis=basis), key=b"x" * 32, basis=basis)
    assert not found.allows("ann")
    assert not found.allows("eve")


def test_the_check_of_the_key_is_what_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the test above would see everybody pass."""
    monkeypatch.setattr(suppressions_module, "key_check", lambda _: key_check(KEY))
    found = reader(write(tmp_path / "list", basis="objection"), key=b"x" * 32, basis="objection")
    assert found.allows("ann")


def test_the_service_is_given_one_key_and_the_signers_by_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in hexadecimal or in a file of its own; public keys with a comma between them."""
    path = write(tmp_path / "list")
    monkeypatch.setenv("TACTFUL_SUPPRESSION_SIGNERS", f"{public_text(STRANGER)}, {public_text(OFFICER)}")
    monkeypatch.setenv("TACTFUL_SUPPRESSION_KEY", KEY.hex())
    assert Suppressions(path, now=Clock()).allows("ann")
    monkeypatch.setenv("TACTFUL_SUPPRESSION_KEY", (b"x" * 32).hex())
    assert not Suppressions(path, now=Clock()).allows("ann")
    assert Suppressions(path, key=KEY, now=Clock()).allows("ann")
    keys = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32, suppression=KEY)
    keys.hand_over(tmp_path / "suppression.key")
    assert (tmp_path / "suppression.key").stat().st_mode & 0o777 == 0o600
    assert Suppressions(path, key=tmp_path / "suppression.key", now=Clock()).allows("ann")
    monkeypatch.delenv("TACTFUL_SUPPRESSION_KEY")
    monkeypatch.setenv("TACTFUL_SUPPRESSION_KEY_FILE", str(tmp_path / "suppression.key"))
    assert Suppressions(path, now=Clock()).allows("ann")
    monkeypatch.setenv("TACTFUL_SUPPRESSION_SIGNERS", public_text(STRANGER))
    assert not Suppressions(path, now=Clock()).allows("ann")


def test_a_file_with_the_other_secrets_is_not_taken(tmp_path: Path) -> None:
    """A service that can read it has more than it may have; nor is one taken that others can read."""
    Keys.create(tmp_path / "secrets.toml")
    with pytest.raises(SecretError, match="and no other"):
        reader(tmp_path / "list", key=tmp_path / "secrets.toml")
    Keys.load(tmp_path / "secrets.toml").hand_over(tmp_path / "one.key")
    (tmp_path / "one.key").chmod(0o640)
    with pytest.raises(SecretError, match="open to others"):
        reader(tmp_path / "list", key=str(tmp_path / "one.key"))


@pytest.mark.parametrize("content", [b"", b"suppression = 7", b'suppression = "zz"', b"\xff", b'suppression = "00"'])
def test_a_malformed_key_file_is_refused_without_repeating_it(content: bytes, tmp_path: Path) -> None:
    """The error tells the file, not what is in it."""
    (tmp_path / "some.key").write_bytes(content)
    (tmp_path / "some.key").chmod(0o600)
    with pytest.raises(SecretError) as refused:
        reader(tmp_path / "list", key=tmp_path / "some.key")
    assert not content or content.decode("latin-1") not in str(refused.value)
    assert refused.value.__context__ is None


def test_what_a_service_was_started_with_is_checked_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment without key or signers would profile nobody for ever: that is said at once, and how to mend it."""
    path = write(tmp_path / "list")
    with pytest.raises(SecretError, match="tactful keys suppression"):
        Suppressions(path, trusted_keys=public_text(OFFICER))
    with pytest.raises(SecretError, match="is not"):
        reader(path, key=tmp_path / "none.key")
    for key in (b"", b"k" * 31, b"k" * 33):
        with pytest.raises(SecretError, match="32 bytes"):
            reader(path, key=key)
    monkeypatch.setenv("TACTFUL_SUPPRESSION_KEY", "kk" * 32)
    with pytest.raises(SecretError, match="32 bytes") as refused:
        Suppressions(path, trusted_keys=public_text(OFFICER))
    assert "kkkk" not in str(refused.value)
    for signers in (None, "", [], "ada", [public_text(OFFICER), "bob"]):
        with pytest.raises(ConfigError, match="TACTFUL_SUPPRESSION_SIGNERS"):
            Suppressions(path, key=KEY, trusted_keys=signers)
    for age in (0, -1, timedelta(0), "day", float("inf"), None):
        with pytest.raises(UsageError, match="max_age"):
            reader(path, max_age=age)


def test_a_list_is_written_for_its_owner_and_group_and_leaves_nothing_else(tmp_path: Path) -> None:
    """Also where it replaces one, and where it cannot be written."""
    write(tmp_path / "list")
    write(tmp_path / "list", made_at=NOW + DAY)
    assert (tmp_path / "list").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["list"]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # or a device: as root it would be gone
    for path in (tmp_path / "folder", tmp_path / "pipe", tmp_path / "none" / "list"):
        with pytest.raises(UsageError, match="Correct the path"):
            write(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "list", "pipe"]


def test_the_same_people_at_the_same_time_make_the_same_file(tmp_path: Path) -> None:
    """Whatever their order: two lists that differ differ in whom they hold or in when they were made."""
    users = [f"user-{number}" for number in range(50)]
    again = random.Random(3).sample(users, 50)  # noqa: S311
    assert write(tmp_path / "one", users).read_bytes() == write(tmp_path / "two", again).read_bytes()


def test_a_newer_list_is_not_replaced_by_an_older_one(tmp_path: Path) -> None:
    """Two runs that overlap: the one that read the consents first does not undo the other."""
    write(tmp_path / "list", ["ann"], made_at=NOW + DAY)
    before = (tmp_path / "list").read_bytes()
    with pytest.raises(RefusedError, match="not replaced by an older one"):
        write(tmp_path / "list", ["ann", "bob"])
    assert (tmp_path / "list").read_bytes() == before
    (tmp_path / "list").write_bytes(b'{"made_at":"9999-99-99"}\n')  # no list: it may be replaced
    assert reader(write(tmp_path / "list")).allows("ann")


@pytest.mark.parametrize("given", [b"x", marks("ann") * 2, marks("ann", "bob")[MARK:] + marks("ann", "bob")[:MARK]])
def test_marks_that_could_not_be_searched_are_not_written(given: bytes, tmp_path: Path) -> None:
    """Halves, repetitions, disorder: some would not be found, and on a list of objections be let through."""
    described: dict[str, Any] = {"made_at": NOW, "key": KEY, "signer": OFFICER, "basis": "objection"}
    with pytest.raises(UsageError, match="in order"):
        write_list(tmp_path / "list", given, expires_at=NOW + DAY, **described)
    with pytest.raises(UsageError, match="ends after"):
        write_list(tmp_path / "list", b"", expires_at=NOW, **described)
    assert not (tmp_path / "list").exists()


@pytest.mark.prove
def test_a_million_people(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Each of those asked about is answered rightly; how long it takes is told, not judged."""
    users = [f"user-{number}" for number in range(1_000_000)]
    write(tmp_path / "list", users)
    began = time.perf_counter()
    suppressions = reader(tmp_path / "list")
    opened = time.perf_counter() - began
    asked, strangers = users[::50], [f"other-{number}" for number in range(20_000)]
    began = time.perf_counter()
    allowed = sum(map(suppressions.allows, asked))
    each = (time.perf_counter() - began) / len(asked)
    assert allowed == len(asked)
    assert not any(map(suppressions.allows, strangers))
    record_property(
        "evidence", f"a list of a million people is opened in {opened * 1e3:.0f} ms and asked in {each * 1e6:.1f} µs"
    )
