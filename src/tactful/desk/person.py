"""What is opened to answer one person: the books, tactful's own stores, and the business's tables that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tactful.config import EngineSection, TrainingConfig
from tactful.desk.tables import ROLES, Held, Table, named_tables
from tactful.errors import NotFoundError, TactfulError, counted
from tactful.personal.engines.base import Engine, Roll, Session
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.keys import Keys
from tactful.personal.one_person import Role, checked_id, rows_of
from tactful.personal.policy import Policy
from tactful.personal.source import Tabular
from tactful.personal.vault import Vault
from tactful.personal.vault_found import found_vault
from tactful.records.consents import ConsentStore
from tactful.records.read_point import ReadPoint
from tactful.records.reads import noted_reads
from tactful.records.store import Records
from tactful.records.subjects import SubjectKey, Subjects
from tactful.sources import STORE, VAULT, as_tabular, engine_by, names, place, policy_of

_INGESTED = "vault.ingested"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Person:
    """Who is asked about.

    Attributes
    ----------
    user_id, pseudonym : str
    key : SubjectKey or None
        Under which the journal speaks of them; None if it does not, or does not any more.
    erased_at : datetime or None
    """

    user_id: str
    pseudonym: str
    key: SubjectKey | None
    erased_at: datetime | None

    def __repr__(self) -> str:
        return "Person(one)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Desk:
    """Everything that an answer to one person is made from.

    Attributes
    ----------
    records : Records
    keys : Keys
    subjects : Subjects
    consents : ConsentStore
    vault : Vault or None
        None if nothing was ever ingested.
    folder : Path or None
        Where the vault was to be looked for, if not where ``TACTFUL_VAULT`` says.
    settings : TrainingConfig or None
        The configuration given, else the last one that the journal names and that is still there.
    tables : tuple of Table
        Those of the configuration and all that the journal names, each once; tactful's own first.
    """

    records: Records
    keys: Keys
    subjects: Subjects
    consents: ConsentStore
    vault: Vault | None
    settings: TrainingConfig | None
    tables: tuple[Table, ...] = field(default=())
    folder: Path | None = None

    def __repr__(self) -> str:
        return f"Desk({counted(len(self.tables), 'table')})"

    @classmethod
    def open(
        cls,
        config: str | Path | None = None,
        *,
        records: Records | None = None,
        keys: Keys | None = None,
        vault: Path | None = None,
    ) -> Desk:
        """The stores are open; no row of a person was read.

        Parameters
        ----------
        config : str or Path, optional
            A configuration; else the last one that the journal names.
        records : Records, optional
            Those of ``TACTFUL_RECORDS`` if not given.
        keys : Keys, optional
            Those of the environment if not given.
        vault : Path, optional
            The vault's folder; that of ``TACTFUL_VAULT`` if not given.

        Raises
        ------
        NotFoundError, ConfigError, SecretError
            If the configuration given, a secret, or the vault that the journal tells of is not there or not as it
            should be.
        """
        records, keys = records or Records.open(), keys or Keys.load()
        subjects = Subjects.open(records, keys)
        kept = found_vault(vault, subjects=subjects, keys=keys)
        settings = TrainingConfig.load(config) if config is not None else _last_config(records)
        return cls(
            records=records,
            keys=keys,
            subjects=subjects,
            consents=ConsentStore.open(records, keys),
            vault=kept,
            folder=vault,
            settings=settings,
            tables=tuple(dict.fromkeys(_tables(records, settings, kept))),
        )

    def vault_now(self) -> Vault | None:
        """The vault, looked for again where there was none: a first ingest may have made it meanwhile."""
        return self.vault or found_vault(self.folder, subjects=self.subjects, keys=self.keys)

    @property
    def policy(self) -> Policy | None:
        """How long rows may be used, and what is sensitive, by the configuration."""
        return None if self.settings is None else policy_of(self.settings.policy)

    @property
    def names(self) -> dict[str, list[str]]:
        """The tables by what they are for, for the journal."""
        return {role: [table.place for table in self.tables if table.role == role] for role in ROLES}

    def person(self, user_id: str) -> Person:
        """Who this id is to tactful.

        Raises
        ------
        UsageError
            If it is no id.
        """
        pseudonym = self.keys.pseudonyms([checked_id(user_id)])[0]
        return Person(
            user_id=user_id,
            pseudonym=pseudonym,
            key=self.subjects.find(pseudonym),
            erased_at=self.subjects.erased().get(pseudonym),
        )

    def held(self, person: Person, tables: Iterable[Table] | None = None) -> tuple[Held, ...]:
        """What each table holds of the person; one that cannot be read says why.

        Notes
        -----
        **Privacy.** *Reads* the person's rows in these tables; of the business's, the columns that tactful knows.
        *Returns* those rows, for the person or whoever answers to them. *Costs* nothing. *Assumes* the reading was
        journalled before.
        """
        reader = Reader(self, person)
        return tuple(reader.read(table) for table in (self.tables if tables is None else tables))


class Reader:
    """Reads the tables of one person, each file once.

    Notes
    -----
    **Privacy.** *Reads* the person's rows, as `Desk.held`. *Returns* those rows; they are forgotten with this value.
    *Costs* nothing. *Assumes* the reading was journalled before.
    """

    def __init__(self, desk: Desk, person: Person) -> None:
        self._desk, self._person = desk, person
        self._session: Session | None = None
        self._lake: Engine | None = None
        self._files: dict[Table, Held] = {}

    def __repr__(self) -> str:
        return "Reader(one person)"

    def session(self, roll: Roll | None = None) -> Session:
        """The one session in which all tables are read, one after the other."""
        self._session = self._session or DuckDB().session(roll)
        return self._session

    def read(self, table: Table, *, known_at: datetime | None = None, upto: ReadPoint | None = None) -> Held:
        """What one table holds of the person.

        Parameters
        ----------
        table : Table
        known_at : datetime, optional
            Of the consent store: as it was then.
        upto : ReadPoint, optional
            The same, exactly.
        """
        if table.place == STORE:
            return self._read(table, known_at, upto)
        if table not in self._files:
            self._files[table] = self._read(table, None, None)
        return self._files[table]

    def _read(self, table: Table, known_at: datetime | None, upto: ReadPoint | None) -> Held:
        """The same, read now."""
        settings = self._desk.settings
        declared = () if settings is None else tuple(settings.fairness.attributes)
        try:
            if table.in_a_lake:
                engine, source = self._spark(), self._in_a_lake(table)
            else:
                engine, source = self, self._own(table, known_at, upto) if table.own else table.place
            user_id, keys = self._person.user_id, self._desk.keys
            found = rows_of(user_id, source, table.role, keys=keys, columns=declared, engine=engine)
            return Held(table=table, rows=found)
        except TactfulError as error:
            self._session = None  # a table that failed may still lie in it
            return Held(table=table, rows=None, problem=str(error))

    def _spark(self) -> Engine:
        """What reads tables of a lake: Spark, which once started stays until this process ends."""
        settings = self._desk.settings
        self._lake = self._lake or engine_by(EngineSection() if settings is None else settings.engine)
        return self._lake

    def _in_a_lake(self, table: Table) -> Tabular:
        """The table, if the configuration has it still: the journal has its name, and not how to open it."""
        named = {} if self._desk.settings is None else self._desk.settings.data.tables
        found = [each for each in named.values() if place(each) == table.place]
        if not found:
            raise NotFoundError(
                "a table of a lake is opened as a configuration says",
                given=f"that at hand does not name {table.place}",
                do="Name the configuration that does, with --config",
            )
        return as_tabular(found[0], self._spark())

    def _own(self, table: Table, known_at: datetime | None, upto: ReadPoint | None) -> pa.Table:
        """The person's rows in one of tactful's own stores."""
        if table.place == STORE:
            return self._desk.consents.events(user_ids=[self._person.user_id], known_at=known_at, upto=upto)
        vault, found = self._desk.vault, None
        if vault is not None and table.role == "interactions":
            found = vault.interactions(pseudonyms=[self._person.pseudonym])
        elif vault is not None:
            found = vault.attributes(pseudonyms=[self._person.pseudonym])
        return _EMPTY[table.role] if found is None else found


_EMPTY: Mapping[Role, pa.Table] = {
    "interactions": pa.table({name: pa.array([], pa.string()) for name in ("user_id", "item_id", "timestamp")}),
    "attributes": pa.table({"user_id": pa.array([], pa.string())}),
}


def _tables(records: Records, settings: TrainingConfig | None, vault: Vault | None) -> Iterator[Table]:
    """Tactful's own tables, those of the configuration, and those that the journal names."""
    yield Table(role="consents", place=STORE)
    if vault is not None:
        yield Table(role="interactions", place=VAULT)
        yield Table(role="attributes", place=VAULT)
    read = [] if settings is None else [names(settings.data, store_holds=True)]
    for told in (*read, *_named(records)):
        yield from (table for table in named_tables(told) if not table.own)


def _named(records: Records) -> Iterator[Mapping[str, Any]]:
    """What the entries of the journal say was read, the last entry first."""
    facts = [read.facts for read in noted_reads(records)]
    facts += [entry.body for entry in records.entries(_INGESTED)]
    yield from (told["sources"] for told in reversed(facts) if isinstance(told.get("sources"), Mapping))


def _last_config(records: Records) -> TrainingConfig | None:
    """The last configuration that the journal names and that is still there and holds."""
    paths = [read.facts.get("config") for read in noted_reads(records)]
    paths += [entry.body.get("config") for entry in records.entries(_INGESTED)]
    for path in dict.fromkeys(str(path) for path in reversed(paths) if path):
        with suppress(TactfulError):
            return TrainingConfig.load(path)
    return None
