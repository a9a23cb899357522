"""The consent store on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from records_consents import ANN, BOB, EVENTS, ConsentStoreLaws, pseudonym
from records_people import KEYS, count_of, opened
from tactful.records.consents import ConsentStore
from tactful.records.store import Records


class TestConsentStoreOnSQLite(ConsentStoreLaws):
    """Every law of a consent store."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/books/records.db"


def test_no_id_lies_in_the_files(tmp_path: Path) -> None:
    """Not even where a record's own number names the person; pseudonyms are all that stands in plain."""
    opened(f"sqlite:///{tmp_path}/records.db")[1].add(EVENTS, source="x")
    assert [count_of(tmp_path, user_id) for user_id in (ANN, BOB)] == [0, 0]
    assert count_of(tmp_path, pseudonym(ANN)) > 0


def test_an_erased_person_is_gone_from_every_byte(tmp_path: Path) -> None:
    """After the four steps of an erasure their pseudonym stands once, among the erased people; their id nowhere."""
    records, store, subjects = opened(f"sqlite:///{tmp_path}/records.db")
    store.add(EVENTS, source="x")
    key, name = subjects.find(pseudonym(ANN)), pseudonym(ANN)
    sealed = subjects.find(name).raw
    with records.engine.connect() as connection:
        (stored,) = connection.exec_driver_sql(f"SELECT key FROM subjects WHERE pseudonym = '{name}'").one()  # noqa: S608 (ours)
    with records.transaction() as transaction:
        subjects.mark_erased(transaction, name)
    with records.transaction() as transaction:
        store.forget(transaction, name)
        subjects.destroy(transaction, name)
        transaction.append("subject.erased", {"subject": key.tag})
    store.compact()
    assert (count_of(tmp_path, ANN), count_of(tmp_path, name)) == (0, 1)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert stored not in files
    assert sealed not in files
    assert (tmp_path / "records.db-wal").exists() is False or (tmp_path / "records.db-wal").stat().st_size == 0
    assert store.verify().ok
    assert records.verify().ok


def test_records_that_are_only_looked_at_give_their_events(tmp_path: Path) -> None:
    """And stay as they are, to the byte."""
    url = f"sqlite:///{tmp_path}/records.db"
    written = opened(url)[1]
    written.add(EVENTS, source="x")
    before = (tmp_path / "records.db").read_bytes()
    looking = ConsentStore.open(Records.look(url), KEYS)
    assert looking.events().equals(written.events())
    assert looking.verify().ok
    assert (tmp_path / "records.db").read_bytes() == before


def test_nothing_shows_in_a_repr(tmp_path: Path) -> None:
    """Stores, keys, counts."""
    _, store, subjects = opened(f"sqlite:///{tmp_path}/records.db")
    added = store.add(EVENTS, source="x")
    shown = repr(store) + repr(subjects) + repr(added) + repr(subjects.find(pseudonym(ANN)))
    assert ANN not in shown
    assert pseudonym(ANN) not in shown
