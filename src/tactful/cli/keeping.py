"""``tactful ingest``, ``tactful purge`` and ``tactful vault``: what enters, how long it stays, and what is held."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tactful.actors import Actors
from tactful.catalogue import Catalogue
from tactful.cli import show
from tactful.cli.application import Json, app, vault
from tactful.cli.asked_time import asked_time
from tactful.config import LakeTable, TrainingConfig
from tactful.errors import NotFoundError, RefusedError, UsageError, counted
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.source import Tabular
from tactful.personal.vault import Vault
from tactful.personal.vault_found import check_found
from tactful.personal.vault_purge import Judge, Rules
from tactful.personal.vault_results import Holdings, Ingested, Purged
from tactful.personal.vault_store import told
from tactful.records.consents import ConsentStore
from tactful.records.journal import JSON
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.sources import STORE, Sources, as_tabular, check_tables, place, policy_of

Key = Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")]
_INGESTED = "vault.ingested"


@app.command()
def ingest(
    config: Annotated[Path, typer.Argument(help="A TOML file: its consents, policy and catalogue decide what enters.")],
    interactions: Annotated[
        Path | None, typer.Option(help="The log, Parquet or CSV; else the one that the configuration names.")
    ] = None,
    attributes: Annotated[
        Path | None, typer.Option(help="Demographics; else those that the configuration names. Only declared columns.")
    ] = None,
    new_vault: Annotated[
        bool, typer.Option("--new-vault", help="Begin another vault: the one that the journal tells of is lost.")
    ] = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Bring interactions into the vault, as far as people agreed to training; the table itself is left as it is.

    Example: tactful ingest configs/grocery.toml --interactions may.parquet
    """
    settings, secrets = TrainingConfig.load(config), Keys.load()
    records, actor = Actors.load().act(Records.open(), "officer", key)
    named = {"interactions": interactions, "attributes": attributes}
    data = settings.data.model_copy(update={name: path for name, path in named.items() if path is not None})
    if data.interactions is None:
        raise UsageError(
            "a log is to be ingested", given=f"neither {config} nor --interactions names one", do="Name the table"
        )
    check_tables(data)
    if not new_vault:
        check_found(records)
    with show.steps("ingesting") as say:
        sources, policy = Sources.open(data, records=records, keys=secrets), policy_of(settings.policy)
        gate = sources.gate(
            catalogue=Catalogue.open(data.items),
            policy=policy,
            keys=secrets,
            evaluation_share=settings.privacy.evaluation_share,
        )
        log = InteractionLog.open(sources.interactions)
        specs = tuple(AttributeSpec(name=n, levels=s.levels) for n, s in settings.fairness.attributes.items())
        known = Demographics.open(sources.attributes, specs) if sources.attributes is not None and specs else None
        note: dict[str, JSON] = {"sources": sources.names, "config": str(config.resolve())}
        kept = Vault.open(subjects=Subjects.open(records, secrets), keys=secrets, create=True)
        note_read(records, "ingest", purpose=settings.model.purpose, actor=actor, **note)
        say("bringing in what people agreed to")
        found = kept.ingest(
            log, gate, policy=policy, purpose=settings.model.purpose, demographics=known, specs=specs, actor=actor,
            note=note,
        )  # fmt: skip
    _tell_ingested(found, kept)
    if json:
        show.as_json(found.as_json() | {"vault": str(kept.path)})


@app.command()
def purge(
    as_of: Annotated[
        str | None, typer.Option(help="The time at which retention is looked at; now if left out.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file whose policy and consents count; else those of the last ingest.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and delete nothing.")] = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Delete from the vault what is past retention, and what nobody may use any more by the consents as they are now.

    Example: tactful purge --as-of 2026-11-22T00:00:00Z --json
    """
    now = datetime.now(UTC)
    time = asked_time(as_of) or now
    if time > now:
        raise UsageError("a purge goes by now or a past time", given="a future time", do="Give a time that has been")
    settings = TrainingConfig.load(config) if config else None
    Actors.load().check("officer", key)
    found = Purged(as_of=time, dry_run=dry_run)
    if not _is_held():
        show.say("there is no vault: nothing is held, and nothing was deleted")
    else:
        secrets = Keys.load()
        records, actor = Actors.load().act(Records.open(create=False), "officer", key)
        check_found(records)
        kept = Vault.open(subjects=Subjects.open(records, secrets), keys=secrets)
        with show.steps("purging") as say:
            say("reading the vault and judging it by the consents as they are now")
            rules, names = _rules(settings, records, secrets, time)
            note_read(records, "purge", purpose="retention", actor=actor, sources=names, dry_run=dry_run)
            found = kept.purge(rules, dry_run=dry_run, actor=actor, note={"sources": names})
        _tell_purged(found)
    if json:
        show.as_json(found.as_json())


@vault.command("show")
def vault_show(key: Key = None, json: Json = False) -> None:
    """Show what the vault holds: columns and categories, why, and until when. For your terminal: counts are exact.

    Example: tactful vault show
    """
    Actors.load().check("officer", key)
    secrets = Keys.load()
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    kept = Vault.open(subjects=Subjects.open(records, secrets), keys=secrets)
    note_read(records, "vault", purpose="report of what is held", actor=actor)
    found = kept.describe()
    _tell_held(found, kept)
    if json:
        show.as_json(found.as_json() | {"vault": str(kept.path)})


@vault.command("verify")
def vault_verify(json: Json = False) -> None:
    """Read every file of the vault and compare it with what was written; exit 3 if something is not so.

    Example: tactful vault verify --json
    """
    secrets, records = Keys.load(), Records.open(create=False)
    kept = Vault.open(subjects=Subjects.open(records, secrets), keys=secrets)
    found = kept.verify()
    for problem in found.problems:
        show.say(f"NOT as written: {problem}")
    what = f"{counted(found.files, 'file')} with {counted(found.rows, 'row')}"
    show.say(f"{what} read in {kept.path}, {counted(len(found.problems), 'problem')}")
    if json:
        show.as_json({"ok": found.ok, "files": found.files, "rows": found.rows, "problems": list(found.problems)})
    if not found.ok:
        raise typer.Exit(RefusedError.exit_code)


def _is_held() -> bool:
    """Whether there is a vault, here or, by the journal, anywhere."""
    if Vault.exists():
        return True
    try:
        return bool(told(Records.open(create=False)))
    except NotFoundError:
        return False


def _rules(
    settings: TrainingConfig | None, records: Records, secrets: Keys, time: datetime
) -> tuple[Rules, dict[str, JSON]]:
    """What a purge goes by: the consents of every ingest and of the configuration, with those of the consent store."""
    named = [entry.body.get("sources", {}) for entry in records.entries(_INGESTED)]
    paths = [str(path) for names in named for path in names.get("consents", ()) if path != STORE]
    people = [str(names["subjects"]) for names in named if names.get("subjects")][-1:]
    if settings is not None:
        paths += [_file(settings.data.consents)] if settings.data.consents else []
        people = [_file(settings.data.subjects)] if settings.data.subjects else people
    store, erased = ConsentStore.open(records, secrets), Subjects.open(records, secrets).erased()
    consents: list[Tabular] = [Path(path) for path in dict.fromkeys(paths)]
    consents += [] if store.empty else [store.events()]

    def judge(catalogue: Catalogue, policy: Policy) -> ConsentGate:
        """A gate for the items of the vault."""
        return ConsentGate(
            consents=consents,
            subjects=people[0] if people else None,
            erased=erased,
            catalogue=catalogue,
            policy=policy,
            keys=secrets,
            evaluation_share=0.0,
        )

    judged: Judge | None = judge if consents else None
    names: dict[str, JSON] = {"consents": [*dict.fromkeys(paths), *([] if store.empty else [STORE])]}
    names |= {"subjects": people[0]} if people else {}
    if settings is None:
        return Rules(as_of=time, judge=judged), names
    catalogue = Catalogue.open(settings.data.items)
    return Rules(as_of=time, judge=judged, policy=policy_of(settings.policy), catalogue=catalogue), names


def _file(table: Path | LakeTable) -> str:
    """The whole path of a table, which is a file."""
    as_tabular(table, None)
    return place(table)


def _tell_ingested(found: Ingested, kept: Vault) -> None:
    """What came in, and what stayed outside and why."""
    outside = ", ".join(f"{rows:,} {reason}" for reason, rows in found.excluded.items() if rows)
    people = counted(found.people, "person", "people")
    show.say(f"{counted(found.read, 'row')} read, {found.added:,} new in {kept.path}, of {people} who agreed")
    show.say(f"held already, or twice in the table: {found.admitted - found.added:,}. Outside: {outside or 'none'}")
    show.say("leave `interactions` out of [data] to train from the vault; the table itself is yours to delete")


def _tell_purged(found: Purged) -> None:
    """What was deleted and why."""
    reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in found.deleted.items())
    verb = "would be deleted" if found.dry_run else "deleted"
    kept = counted(found.kept, "stays", "stay")
    show.say(f"{counted(found.read, 'row')} held, {kept}; {verb}: {reasons or 'none'}")
    if not found.consents:
        show.say("no consents are known here, so only retention was looked at: name a configuration with --config")


def _tell_held(found: Holdings, kept: Vault) -> None:
    """What is held."""
    rows, people = counted(found.rows, "row"), counted(found.people, "person", "people")
    show.say(f"{kept.path}: {rows} of {people} for {found.purpose}, in {counted(found.files, 'file')}")
    for column in found.columns:
        show.say(f"  {column.drawer}.{column.column}: {column.what}. Why: {column.why}")
    for each in found.categories:
        until = f", the last until {each.until:%Y-%m-%d}" if each.until else ""
        days = counted(each.retention_days, "day")
        show.say(f"  {each.category}: {counted(each.rows, 'row')}, each kept for {days}{until}")
    described = counted(found.people_with_attributes, "person", "people")
    show.say(f"attributes of {described}; {counted(found.size, 'byte')}, all of them encrypted")
