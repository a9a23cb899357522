"""The tables about people that stand beside the journal: who they are, who was erased, what they consented to.

They are made by the first transaction that writes to one of them, so that to look at records changes nothing.

Notes
-----
No id stands in them in plain. A consent's row names its person by a number, and the number leads to the one row of
`subjects` that holds their pseudonym, their key and their sealed id. Once that row is gone, and the number with it from
the consents, nothing here says who a row was about.

An insert into `consents` takes the next number; a row is never changed but to forget whom it is about, and never
deleted: triggers see to it, and `tactful.records.consent_check` is for whoever removes them. So it is with the rows of
`erased`, and `tactful.records.people_check`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
    update,
)
from sqlalchemy.schema import CreateIndex, CreateTable

_LONG = BigInteger().with_variant(Integer, "sqlite")
_ALL = MetaData()

SUBJECTS = Table(
    "subjects",
    _ALL,
    Column("person", _LONG, primary_key=True, autoincrement=False),
    Column("pseudonym", String(32), nullable=False, unique=True),
    Column("key", LargeBinary, nullable=False),
    Column("name", LargeBinary, nullable=False),
)
ERASED = Table(
    "erased",
    _ALL,
    Column("pseudonym", String(32), primary_key=True),
    Column("time", _LONG, nullable=False),
    sqlite_with_rowid=False,
)
CONSENTS = Table(
    "consents",
    _ALL,
    Column("row", _LONG, primary_key=True, autoincrement=False),
    Column("person", _LONG),
    Column("purpose", String),
    Column("state", String(10)),
    Column("event_time", _LONG),
    Column("recorded_time", _LONG),
    Column("valid_until", _LONG),
    Column("stored_time", _LONG),
    Column("sealed", LargeBinary),
    Column("fingerprint", LargeBinary, nullable=False),
    Index("consents_of_person", "person", "fingerprint", unique=True),
)
_KEPT = "a consent is kept as it was recorded, or forgotten"
_FORGETS = (
    "NEW.person IS NULL AND NEW.purpose IS NULL AND NEW.state IS NULL AND NEW.event_time IS NULL AND NEW.recorded_time "
    "IS NULL AND NEW.valid_until IS NULL AND NEW.sealed IS NULL AND NEW.row = OLD.row AND NEW.stored_time = "
    "OLD.stored_time AND NEW.fingerprint = OLD.fingerprint"
)
_STAYS = "who was erased stays in the record of erased people"
_GUARDS = {
    "sqlite": (
        f"""CREATE TRIGGER IF NOT EXISTS erased_no_update BEFORE UPDATE ON erased
            BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END""",
        f"""CREATE TRIGGER IF NOT EXISTS erased_no_delete BEFORE DELETE ON erased
            BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END""",
        f"""CREATE TRIGGER IF NOT EXISTS consents_no_update BEFORE UPDATE ON consents WHEN NOT ({_FORGETS})
            BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END""",
        f"""CREATE TRIGGER IF NOT EXISTS consents_no_delete BEFORE DELETE ON consents
            BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END""",
    ),
    "postgresql": (
        f"""CREATE OR REPLACE FUNCTION erased_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{_STAYS}'; END $$""",
        """CREATE OR REPLACE TRIGGER erased_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON erased
            FOR EACH STATEMENT EXECUTE FUNCTION erased_refuse()""",
        f"""CREATE OR REPLACE FUNCTION consents_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{_KEPT}'; END $$""",
        f"""CREATE OR REPLACE TRIGGER consents_no_update BEFORE UPDATE ON consents
            FOR EACH ROW WHEN (NOT ({_FORGETS})) EXECUTE FUNCTION consents_refuse()""",
        """CREATE OR REPLACE TRIGGER consents_no_delete BEFORE DELETE OR TRUNCATE ON consents
            FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse()""",
    ),
}

_UNSAMPLED = {SUBJECTS: ("pseudonym", "key", "name"), ERASED: ("pseudonym",), CONSENTS: ("sealed", "fingerprint")}
"""Columns of which a database keeps no samples to plan by: what was destroyed would still stand among them."""


def are_there(connection: Connection) -> bool:
    """Whether the tables have been made."""
    return inspect(connection).has_table(ERASED.name)  # the last one made


def make(connection: Connection) -> None:
    """The tables and their guards exist. The connection belongs to a transaction, which is the only one."""
    if are_there(connection):
        return
    for table in (SUBJECTS, CONSENTS, ERASED):
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    for guard in _GUARDS.get(connection.dialect.name, ()):
        connection.exec_driver_sql(guard)
    if connection.dialect.name == "postgresql":
        for table, names in _UNSAMPLED.items():
            changes = ", ".join(f'ALTER COLUMN "{name}" SET STATISTICS 0' for name in names)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} {changes}")


def settle(connection: Connection) -> None:
    """PostgreSQL alone keeps more of a person than its tables show; with this transaction it does not.

    Samples of the directory that were taken before it was told to take none are dropped: to set a column's type anew,
    even to the same, does that. And every row of `erased` is written by one transaction: the number of its own, which
    anybody who may read the table can ask for, is also that of the journal's entries about that erasure.
    """
    if connection.dialect.name != "postgresql" or not are_there(connection):
        return
    for name in _UNSAMPLED[SUBJECTS]:
        kind = SUBJECTS.c[name].type.compile(connection.dialect)
        change = f'ALTER COLUMN "{name}" TYPE {kind}, ALTER COLUMN "{name}" SET STATISTICS 0'
        connection.exec_driver_sql(f"ALTER TABLE subjects {change}")
    connection.exec_driver_sql("ALTER TABLE erased DISABLE TRIGGER USER")
    connection.execute(update(ERASED).values(time=ERASED.c.time))
    connection.exec_driver_sql("ALTER TABLE erased ENABLE TRIGGER USER")
