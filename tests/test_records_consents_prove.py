"""The consent store again, longer: on PostgreSQL, by eight writers at once, and killed at every statement."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from records_consents import EVENTS, ConsentStoreLaws
from records_importers import SHARED, dies, together
from records_people import given, opened, table
from tactful.records.consents import ConsentStore

pytestmark = pytest.mark.prove


class TestConsentStoreOnPostgreSQL(ConsentStoreLaws):
    """Every law of a consent store."""

    @pytest.fixture
    def url(self, postgresql: str) -> str:
        return postgresql


def judged(url: str) -> None:
    """Nothing was doubled or lost by eight importers, and everything verifies."""
    records, store, subjects = opened(url)
    people = store.events()["user_id"].to_pylist()
    assert sorted(people) == sorted(
        [row[0] for row in SHARED] + [f"own-{p}-{n}" for p in range(8) for n in range(5)] * 2
    )
    assert len(subjects.ids()) == len(SHARED) + 40
    entries = records.entries("consent.recorded")
    assert (len(entries), sum(entry.body["events"] for entry in entries)) == (16, len(people))
    assert store.verify().ok
    assert records.verify().ok


def test_eight_writers_on_sqlite(tmp_path: Path) -> None:
    """They bring the same events and people at once: each is stored once."""
    url = f"sqlite:///{tmp_path}/records.db"
    assert together(url, processes=8, times=2) == [0] * 8
    judged(url)


def test_eight_writers_on_postgresql(postgresql: str) -> None:
    """The same."""
    assert together(postgresql, processes=8, times=2) == [0] * 8
    judged(postgresql)


def killed_at_every_statement(
    folder: Path, look: Callable[[ConsentStore], object], *, forgetting: bool, start: bool
) -> tuple[list[object], int]:
    """What `look` sees after each death, and in the end; and how many deaths there were."""
    first = folder / "first"
    records, store, _ = opened(f"sqlite:///{first}/records.db")
    if start:
        store.add(table(given("ann"), given("bob")), source="before")
        records.close()
    seen, deaths = [look(store)], 0
    while True:
        copy = folder / f"copy-{deaths}"
        shutil.copytree(first, copy)
        url = f"sqlite:///{copy}/records.db"
        died = dies(url, deaths, forgetting=forgetting)
        records, store, _ = opened(url)
        assert store.verify().ok, deaths
        assert records.verify().ok, deaths
        seen.append(look(store))
        if not died:
            return seen, deaths
        deaths += 1


@pytest.mark.parametrize("start", [False, True], ids=["empty", "in use"])
def test_an_import_that_is_killed_is_there_or_not(tmp_path: Path, start: bool, record_property: Callable) -> None:
    """Before every one of its statements: the store is as before, or, at the very end, whole."""

    def look(store: ConsentStore) -> tuple[int, int, int]:
        """Events, people, imports."""
        return store.events().num_rows, len(store._subjects.ids()), len(store._records.entries("consent."))

    seen, deaths = killed_at_every_statement(tmp_path, look, forgetting=False, start=start)
    before, after = ((2, 2, 1), (5, 3, 2)) if start else ((0, 0, 0), (3, 3, 1))
    assert set(seen) == {before, after}
    assert seen == sorted(seen)
    assert deaths > 10
    record_property("evidence", f"an import was killed at {deaths} places: nothing half-done")


def test_a_person_who_is_forgotten_while_killed_is_there_or_not(tmp_path: Path, record_property: Callable) -> None:
    """Rows, key and the journal's entry go together."""

    def look(store: ConsentStore) -> tuple[int, int, int]:
        """Events, people, entries of the forgetting."""
        forgotten = len(store._records.entries("consent.forgotten")) + len(store._records.entries("subject.erased"))
        return -store.events().num_rows, -len(store._subjects.ids()), forgotten

    seen, deaths = killed_at_every_statement(tmp_path, look, forgetting=True, start=True)
    assert set(seen) == {(-2, -2, 0), (-1, -1, 2)}
    assert deaths > 5
    record_property("evidence", f"forgetting was killed at {deaths} places: nothing half-done")


def test_fifty_thousand_events(tmp_path: Path, record_property: Callable) -> None:
    """Many are stored, read and verified as few are; how long it took is told."""
    store = opened(f"sqlite:///{tmp_path}/records.db")[1]
    rows = [(*given(f"user-{n % 5000}", day=n % 28 + 1), None, None, "web", str(n)) for n in range(50_000)]
    began = time.process_time()
    added = store.add(table(*rows), source="x")
    seconds = time.process_time() - began
    assert (added.events, added.people) == (50_000, 5_000)
    assert store.events().num_rows == 50_000
    assert store.verify().rows == 50_000
    assert store.add(EVENTS, source="x").events == 4
    record_property("evidence", f"50,000 consent events of 5,000 people stored in {seconds:.1f} s of CPU")
