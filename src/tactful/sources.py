"""The tables that a configuration means: its files, and tactful's own stores where it names none.

Everything that reads about people begins here: training, the suppression list, the privacy officer's desk. So a
withdrawal that stands in the consent store, and an erasure, reach all of them, whatever files there are besides.

Whoever reads what is in hand reads everything that the store holds, whatever clock stored it: a time would let a
withdrawal wait that was stored by a machine whose clock runs ahead. How far it read is a `ReadPoint`, and whoever asks
later what that was reads up to it. Records that are not what they were (a copy from before an erasure, say) do not tell
who may be read about, so nothing is opened by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tactful.catalogue import Catalogue
from tactful.config import DataSection, EngineSection, LakeTable, PolicySection
from tactful.errors import ConfigError, JournalBrokenError, NotFoundError
from tactful.personal.engines.base import Engine
from tactful.personal.engines.choice import check_table, engine_of, stop, table_of
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.policy import Policy
from tactful.personal.source import Source, Tabular
from tactful.personal.vault import Vault
from tactful.records.consents import ConsentStore
from tactful.records.journal import JSON
from tactful.records.people_check import missing
from tactful.records.read_point import ReadPoint
from tactful.records.store import Records
from tactful.records.subjects import Subjects

VAULT, STORE = "vault", "consent store"
"""What the journal calls tactful's own stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Tables about people, as the consent gate takes them.

    Attributes
    ----------
    interactions : str, Path, pyarrow.Table or DataFrame of Spark
        The file, the table of a lake, or what the vault holds.
    consents : tuple of the same
        The file, if there is one, and the events of the consent store, if it holds any; at least one of them.
    subjects, attributes : the same, or None
    erased : mapping of str to datetime
        The record of erased people: pseudonym and since when.
    names : mapping of str to JSON
        What was read, for the journal: paths of files, `LakeTable.place` of tables in a lake, `VAULT` and `STORE`.
    read_point : ReadPoint
        How far the records were read, for whoever asks later what was known.
    """

    interactions: Tabular = field(repr=False)
    consents: tuple[Tabular, ...] = field(repr=False)
    subjects: Tabular | None = field(repr=False)
    attributes: Tabular | None = field(repr=False)
    erased: Mapping[str, datetime] = field(repr=False)
    names: Mapping[str, JSON]
    read_point: ReadPoint

    @classmethod
    def open(
        cls,
        data: DataSection,
        *,
        records: Records,
        keys: Keys,
        engine: Engine | None = None,
        known_at: datetime | None = None,
        upto: ReadPoint | None = None,
    ) -> Sources:
        """The tables of a configuration.

        Parameters
        ----------
        data : DataSection
        records : Records
            With the consent store and the record of erased people.
        keys : Keys
        engine : Engine, optional
            What reads tables of a lake. Without it, or where it is not Spark, they are refused.
        known_at : datetime, optional
            Only consent events that the store held by then, by its own clock; all if not given.
        upto : ReadPoint, optional
            Only consent events that an earlier reader had in hand; all if not given.

        Raises
        ------
        NotFoundError
            If nothing says who agreed: the configuration names no consents, and the store holds none. Or if it names
            no interactions, and there is no vault.
        ConfigError, SchemaError
            If a table of a lake cannot be opened.
        SecretError
            If a key does not open what it should.
        JournalBrokenError
            If the head of the journal that is kept outside the records says that these are not all of them, or rows
            of consents or of erased people are gone that the journal vouches for: whoever withdrew or was erased may be
            in what is gone.

        Notes
        -----
        **Privacy.** *Reads* the consent store, and the vault where it is meant. Files are not read yet. *Returns*
        tables with ids, in memory. *Costs* nothing; nothing leaves. *Assumes* the process's memory is inside the trust
        boundary.
        """
        check_tables(data, engine)
        _check_whole(records)
        store = ConsentStore.open(records, keys)
        subjects = Subjects.open(records, keys)
        point = upto or store.read_point()  # before what it stands for, so that what comes in between shows
        tables = {role: as_tabular(table, engine) for role, table in data.tables.items()}
        consents = tuple(table for role, table in tables.items() if role == "consents")
        if not store.empty:
            consents = (*consents, store.events(known_at=known_at, upto=point, evidence=False))
        if not consents:
            raise NotFoundError(
                "somebody must have said what they agree to",
                given=f"the configuration names no consents, and the consent store in {records.address} is empty",
                do="Name a table under [data], or run: tactful consent import FILE",
            )
        vault = Vault.open(None, subjects=subjects, keys=keys) if data.interactions is None else None
        return cls(
            interactions=tables["interactions"] if vault is None else vault.interactions(),
            consents=consents,
            subjects=tables.get("subjects"),
            attributes=tables.get("attributes") if vault is None or "attributes" in tables else vault.attributes(),
            erased=subjects.erased(),
            names=names(data, store_holds=not store.empty),
            read_point=point,
        )

    def gate(
        self,
        *,
        catalogue: Catalogue,
        policy: Policy,
        keys: Keys,
        evaluation_share: float,
        engine: Engine | None = None,
    ) -> ConsentGate:
        """The consent gate over these tables; see `tactful.personal.gate.ConsentGate`."""
        return ConsentGate(
            consents=self.consents,
            subjects=self.subjects,
            erased=self.erased,
            catalogue=catalogue,
            policy=policy,
            keys=keys,
            evaluation_share=evaluation_share,
            engine=engine,
        )


def _check_whole(records: Records) -> None:
    """Raise if rows of the records are gone: then they do not tell who may be read about."""
    problem = None if records.anchor().ok else _head_problem(records)
    if problem:
        raise JournalBrokenError(
            "who may be read about is told by records from which nothing is gone",
            given=problem,
            do="Restore the newest copy; if there is none, run: tactful journal accept --reason TEXT, and then again "
            "every withdrawal and erasure that is gone",
        )
    gone = missing(records)
    if gone:
        raise JournalBrokenError(
            "who may be read about is told by records that are as the journal vouches for",
            given=gone,
            do="Find out who wrote to the records, and restore them from a copy; see: tactful journal verify",
        )


def _head_problem(records: Records) -> str | None:
    """What the kept head says, asked again while nobody writes: it may just have moved on."""
    with records.transaction() as transaction:
        return transaction.kept().problem


def policy_of(section: PolicySection) -> Policy:
    """The policy that a configuration states."""
    return Policy(retention_days=section.retention_days, sensitive=section.sensitive, retention=section.retention)


def left_open(data: DataSection) -> tuple[str, ...]:
    """What the tables leave open that somebody might take for granted; every document of a run repeats it.

    Of a table in a lake it is not looked at which columns it has.
    """
    table = data.subjects
    if table is None:
        return ("No table says who is a minor (`subjects` under [data]), so no row was left out as a minor's.",)
    if isinstance(table, Path) and "minor" not in Source.open(table, role="subjects", required=("user_id",)).header:
        return (f"{table.name} has no column `minor`, so no row was left out as a minor's.",)
    return ()


def engine_by(section: EngineSection) -> Engine:
    """The engine that a configuration names, not started yet."""
    return engine_of(section.name, master=section.master, memory=section.memory, settings=section.settings)


@contextmanager
def running(section: EngineSection) -> Iterator[Engine]:
    """The same, for a while: what it started is gone afterwards."""
    engine = engine_by(section)
    try:
        yield engine
    finally:
        stop(engine)


def as_tabular(table: Path | LakeTable, engine: Engine | None) -> Tabular:
    """The table as the gate takes it; raises `ConfigError` for one of a lake where there is no Spark."""
    if isinstance(table, Path):
        return table
    engine = _check_lake(table, engine, place(table))
    return table_of(engine, table=table.table, format=table.format, path=table.path, options=table.options)


def check_tables(data: DataSection, engine: Engine | None = None) -> None:
    """Raise `ConfigError` if a table about people can be none for this engine; starts nothing and reads nothing.

    Without an engine all must be files. To be asked before anything is noted.
    """
    for role, table in data.tables.items():
        if isinstance(table, LakeTable):
            _check_lake(table, engine, f"{role} ({place(table)})")


def check_files(data: DataSection) -> None:
    """Raise `NotFoundError` if a file about people is not there; to be asked where they are not opened."""
    for role, table in data.tables.items():
        if isinstance(table, Path) and not table.exists():
            raise NotFoundError(
                f"the file of {role} is there",
                given=f"nothing is at {table}",
                do='Correct the path; a table of a lake is written { table = "…" }',
            )


def _check_lake(table: LakeTable, engine: Engine | None, name: str) -> Engine:
    """The engine, if it may read the table; raises `ConfigError` otherwise."""
    if engine is None:
        raise ConfigError(
            "what is asked here reads files, and no table of a lake",
            given=name,
            do="Write that table as Parquet, and name the file in a configuration of its own",
        )
    check_table(engine, name, format=table.format, options=table.options)
    return engine


def names(data: DataSection, *, store_holds: bool) -> dict[str, JSON]:
    """What the journal calls the tables of a configuration."""
    found: dict[str, JSON] = {role: place(table) for role, table in data.tables.items()}
    consents = [*([] if data.consents is None else [place(data.consents)]), *[STORE] * store_holds]
    found |= {"consents": [*consents], "items": place(data.items)}
    if data.interactions is None:
        found = {"interactions": VAULT, "attributes": VAULT} | found
    return found


def place(table: Path | LakeTable) -> str:
    """What the journal calls a table: its path from the root, or what it is in a lake."""
    return str(table.resolve()) if isinstance(table, Path) else table.place
