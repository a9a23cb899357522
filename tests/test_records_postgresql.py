"""The same laws on PostgreSQL: append-only, one chain, no overspending."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from records_people import KEYS, given, opened, table
from records_workers import event, spend, together
from tactful.errors import UsageError
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.ledger import BudgetLedger, BudgetLimit
from tactful.records.store import Records

pytestmark = pytest.mark.prove
LIMIT = BudgetLimit(epsilon=1.0, delta=1e-6)


@pytest.fixture
def url(postgresql: str) -> str:
    return postgresql


def test_entries_survive_and_verify(url: str) -> None:
    """Bodies, times and floats come back exactly; a failed transaction writes nothing."""
    records = Records.open(url)
    with records.transaction() as transaction:
        written = [transaction.append("note.made", {"n": n, "x": 0.1 * n, "ε": None}) for n in range(5)]
    with pytest.raises(UsageError), records.transaction() as transaction:
        transaction.append("note.made", {}) and transaction.append("", {})
    assert Records.open(url).entries("note") == written
    assert records.verify().as_json() == {"ok": True, "entries": 5, "head": written[-1].digest, "problem": None}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal SET kind = 'x'", "DELETE FROM journal WHERE sequence = 1", "TRUNCATE journal"],
)
def test_the_database_itself_refuses_changes(url: str, statement: str) -> None:
    """Edits, deletions and truncation are refused; once the trigger is gone, verification sees them."""
    records = Records.open(url)
    with records.transaction() as transaction:
        transaction.append("note.made", {})
        transaction.append("note.made", {})
    head = records.verify().head
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(statement))
    assert records.verify(expected_head=head).ok
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER journal_append_only ON journal"))
        connection.execute(text(statement))
    assert not records.verify(expected_head=head).ok


def test_eight_processes_never_overspend(url: str) -> None:
    """They create the table at once, too; exactly what fits is debited, on one chain."""
    BudgetLedger(Records.open(url)).declare(LIMIT)
    assert together(spend, url, processes=8, times=3) == [0] * 8
    losses = [PrivacyLoss.of(line.event) for line in BudgetLedger(Records.open(url)).status().debits]
    assert len(losses) == 5
    assert PrivacyLoss.total(losses).fits(LIMIT.budget)
    assert not PrivacyLoss.total([*losses, PrivacyLoss.of(event())]).fits(LIMIT.budget)
    assert Records.open(url).verify().ok


@pytest.mark.parametrize("older", [False, True], ids=["made so", "made before"])
def test_an_erased_person_is_in_no_sample_and_bears_no_number(url: str, older: bool) -> None:
    """What the server keeps to plan by holds no key, id or pseudonym; nor is one erased apart from another."""
    records, store, subjects = opened(url)
    people = [f"user-{n}" for n in range(60)]
    store.add(table(*(given(user) for user in people)), source="x")
    asked = (
        "SELECT attname, histogram_bounds::text || coalesce(most_common_vals::text, '') FROM pg_stats "
        "WHERE tablename = 'subjects' AND attname IN ('key', 'name', 'pseudonym')"
    )

    def sampled() -> dict[str, str]:
        """What the server keeps of the directory, once it has looked."""
        with records.engine.begin() as connection:
            connection.execute(text("ANALYZE subjects"))
            return {row[0]: row[1] for row in connection.execute(text(asked))}

    if older:
        with records.engine.begin() as connection:
            for name in ("key", "name", "pseudonym"):
                connection.execute(text(f"ALTER TABLE subjects ALTER COLUMN {name} SET STATISTICS -1"))
    assert set(sampled()) == ({"key", "name", "pseudonym"} if older else set())
    for name in KEYS.pseudonyms(people[:3]):
        with records.transaction() as transaction:
            subjects.mark_erased(transaction, name)
            store.forget(transaction, name)
            subjects.destroy(transaction, name)
    store.compact()
    assert sampled() == {}
    with records.engine.connect() as connection:
        rows = connection.execute(text("SELECT xmin::text, pseudonym FROM erased")).all()
    assert len({row[0] for row in rows}) == 1
    assert [row[1] for row in rows] == sorted(KEYS.pseudonyms(people[:3]))
    assert store.verify().ok
    with pytest.raises(DBAPIError), records.engine.begin() as connection:
        connection.execute(text("DELETE FROM consents"))


def test_a_server_that_is_not_there_is_a_usage_error(url: str) -> None:
    """The message names the address, without a password."""
    with pytest.raises(UsageError, match="must be a database that lasts") as caught:
        Records.open(url.replace("tactful@", "tactful:secret@").replace("host=", "host=/nowhere"))
    assert "secret" not in str(caught.value)
