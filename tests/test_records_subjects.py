"""The directory of people: ids are sealed, keys can be changed and destroyed, and who was erased stays known."""

from __future__ import annotations

from pathlib import Path

import pytest

from records_people import KEYS, NEW_KEYS, NOON, bytes_of, count_of, given, opened, table
from tactful.errors import SecretError
from tactful.personal.keys import Keys
from tactful.records.sealing import fingerprint
from tactful.records.store import Records
from tactful.records.subjects import PINNED, Subjects

IDS = ["canary-ann-7391", "canary-bob-7391", "007"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/books/records.db"


@pytest.fixture
def enrolled(url: str) -> tuple[Records, Subjects]:
    records, _, subjects = opened(url)
    with records.transaction() as transaction:
        subjects.enrol(transaction, IDS)
    return records, subjects


def pseudonym(user_id: str) -> str:
    return KEYS.pseudonyms([user_id])[0]


def test_everybody_is_found_under_their_pseudonym(enrolled: tuple[Records, Subjects]) -> None:
    """Ids come back for all, for some, and for nobody else."""
    _, subjects = enrolled
    assert sorted(subjects.ids().values()) == sorted(IDS)
    assert subjects.ids([pseudonym(IDS[0]), pseudonym("zed")]) == {pseudonym(IDS[0]): IDS[0]}
    assert subjects.find(pseudonym("zed")) is None


def test_a_person_keeps_their_key(enrolled: tuple[Records, Subjects], url: str) -> None:
    """To enrol again changes nothing; another process reads the same key."""
    records, subjects = enrolled
    with records.transaction() as transaction:
        again = subjects.enrol(transaction, [IDS[0], IDS[0], "new"])
    there = opened(url)[2]
    assert {again[name].tag for name in again} == {there.find(name).tag for name in again}
    assert len(there.ids()) == 4


def test_many_are_read_as_few_are(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fit into one question, and more than are asked for one by one."""
    monkeypatch.setattr("tactful.records.subjects._AT_ONCE", 5)
    monkeypatch.setattr("tactful.records.subjects._ALL_FROM", 20)
    records, _, subjects = opened(url)
    many = [f"user-{n}" for n in range(30)]
    with records.transaction() as transaction:
        made = subjects.enrol(transaction, many)
    assert sorted(subjects.ids(list(made)[:12]).values()) == sorted(many[:12])
    assert sorted(subjects.ids(list(made)[:25]).values()) == sorted(many[:25])
    assert sorted(subjects.ids().values()) == sorted(many)


def test_no_id_and_no_key_lies_in_the_files(enrolled: tuple[Records, Subjects], tmp_path: Path) -> None:
    """Neither before nor after the write-ahead log is merged."""
    _, subjects = enrolled
    keys = [subjects.find(pseudonym(user_id)).raw for user_id in IDS]
    assert [count_of(tmp_path, user_id) for user_id in IDS[:2]] == [0, 0]
    assert not any(key in bytes_of(tmp_path) for key in keys)


def test_to_look_changes_nothing(tmp_path: Path, url: str) -> None:
    """An empty database has no tables of people after it was asked for them, also one that may only be read."""
    records, store, subjects = opened(url)
    with records.transaction() as transaction:
        transaction.append("note.made", {})
    before = bytes_of(tmp_path)
    looking = Subjects.open(Records.look(url), KEYS)
    assert [looking.ids(), looking.erased(), looking.find("0" * 32), subjects.reseal(), store.empty] == [
        {},
        {},
        None,
        0,
        True,
    ]
    assert bytes_of(tmp_path) == before


def test_who_was_erased_stays_known(enrolled: tuple[Records, Subjects]) -> None:
    """Once, with the time; the rest of them is gone, and what was sealed for them with it."""
    records, subjects = enrolled
    name = pseudonym(IDS[0])
    sealed = subjects.find(name).seal({"x": 1})
    with records.transaction() as transaction:
        first = subjects.mark_erased(transaction, name)
        again = subjects.mark_erased(transaction, name)
        subjects.destroy(transaction, name)
        subjects.destroy(transaction, name)
    assert (first, again, subjects.find(name)) == (True, False, None)
    assert name not in subjects.ids()
    assert list(subjects.erased()) == [name]
    assert subjects.erased()[name] == NOON.replace(hour=0)
    with pytest.raises(SecretError):
        subjects.find(pseudonym(IDS[1])).open(sealed)


def test_who_was_erased_is_not_enrolled_again(enrolled: tuple[Records, Subjects]) -> None:
    """Whoever read them before the erasure and writes after it: they are left out, the others come in."""
    records, subjects = enrolled
    name = pseudonym(IDS[0])
    with records.transaction() as transaction:
        subjects.mark_erased(transaction, name)
        subjects.destroy(transaction, name)
    with records.transaction() as transaction:
        assert list(subjects.enrol(transaction, [IDS[0], "new"])) == [pseudonym("new")]
    assert name not in subjects.ids()


def test_nobody_writes_people_under_a_key_that_was_changed(url: str, enrolled: tuple[Records, Subjects]) -> None:
    """A process that began before a rotation, also one of an empty store: it reads while it can, and writes nobody."""
    records, before = enrolled
    old = opened(url)[1]
    rotating = opened(url, keys=NEW_KEYS)[2]
    assert [rotating.reseal(actor="ada"), rotating.reseal(actor="ada")] == [3, 0]
    (named,) = records.entries(PINNED)
    assert (named.actor, dict(named.body)) == ("ada", {"storage": fingerprint(NEW_KEYS.storage).hex()})
    for ids in (["new"], [IDS[0]], []):
        with pytest.raises(SecretError, match="storage key"), records.transaction() as transaction:
            before.enrol(transaction, ids)
    with pytest.raises(SecretError, match=r"storage key|fingerprint"):
        old.add(table(given("new")), source="x")
    assert opened(url, keys=NEW_KEYS)[1].add(table(given("new")), source="x").people == 1
    assert sorted(rotating.ids().values()) == sorted([*IDS, "new"])


def test_a_store_without_people_is_rotated_too(url: str) -> None:
    """The first person does not come in under a key that is dropped."""
    old = opened(url)[1]
    assert opened(url, keys=NEW_KEYS)[2].reseal() == 0
    with pytest.raises(SecretError, match="changed"):
        old.add(table(given("new")), source="x")
    assert old.empty


def test_a_number_is_never_given_twice(enrolled: tuple[Records, Subjects]) -> None:
    """Whoever comes after somebody who is gone has a number of their own."""
    records, subjects = enrolled
    with records.transaction() as transaction:
        subjects.destroy(transaction, pseudonym(IDS[0]))
        subjects.enrol(transaction, ["next"])
    with records.engine.connect() as connection:
        known = subjects.known(connection)
    assert len({found.person for found in known.values()}) == len(known) == 3


def test_everything_comes_under_a_new_storage_key(enrolled: tuple[Records, Subjects], url: str) -> None:
    """Then the new key alone opens it, and to do it again does nothing."""
    _, before = enrolled
    tags = {name: before.find(name).tag for name in before.ids()}
    rotating = opened(url, keys=NEW_KEYS)[2]
    assert (rotating.reseal(), rotating.reseal()) == (3, 0)
    alone = Subjects.open(Records.open(url), Keys(pseudonym=b"p" * 32, storage=b"n" * 32, assignment=b"a" * 32))
    assert {name: alone.find(name).tag for name in alone.ids()} == tags
    with pytest.raises(SecretError, match="fingerprint"):
        before.ids()


def test_a_lost_storage_key_changes_nothing(enrolled: tuple[Records, Subjects], url: str, tmp_path: Path) -> None:
    """The error says which key is missing, and the rows stay for when it is found."""
    lost = Subjects.open(Records.open(url), Keys(pseudonym=b"p" * 32, storage=b"l" * 32, assignment=b"a" * 32))
    with pytest.raises(SecretError, match="fingerprint"):
        lost.reseal()
    assert sorted(enrolled[1].ids().values()) == sorted(IDS)


def test_a_row_cannot_be_given_to_somebody_else(enrolled: tuple[Records, Subjects]) -> None:
    """A key that was sealed for one pseudonym opens under no other."""
    records, subjects = enrolled
    with records.engine.connect() as connection, connection.begin():
        one, other = (f"pseudonym = '{pseudonym(user_id)}'" for user_id in IDS[:2])
        connection.exec_driver_sql(f"UPDATE subjects SET key = (SELECT key FROM subjects WHERE {one}) WHERE {other}")  # noqa: S608
    with pytest.raises(SecretError, match="moved"):
        subjects.find(pseudonym(IDS[1]))
