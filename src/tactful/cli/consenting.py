"""``tactful consent``: what people agreed to enters, is looked up, and changes."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.commands import Json, app
from tactful.cli.subject import person_id
from tactful.desk.consent_standing import ConsentStanding, consent_standing, models_of
from tactful.desk.person import Desk
from tactful.errors import RefusedError, UsageError
from tactful.personal.consent import checked_purpose
from tactful.personal.consent_file import contract_events
from tactful.personal.consent_formats import FORMATS, read
from tactful.personal.keys import Keys
from tactful.personal.withdrawals import mark_withdrawn
from tactful.records.consent_added import Added
from tactful.records.consents import ConsentStore
from tactful.records.store import Records

consent = typer.Typer(help="What people agreed to.", no_args_is_help=True)
app.add_typer(consent, name="consent")

User = Annotated[
    str, typer.Argument(help="The person's user_id; - reads it from standard input, out of the shell's history.")
]
Config = Annotated[
    Path | None, typer.Option(help="A TOML file that names tables of consents; without it, those the journal names.")
]
Key = Annotated[Path | None, typer.Option(help="Private key of the officer who answers for it.")]
Purpose = Annotated[str, typer.Option(help="What it is about, e.g. personalization.recommendations.")]


@consent.command("import")
def consent_import(
    file: Annotated[Path, typer.Argument(help="Consent events: Parquet or CSV, or another system's export.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help=f"Another system's: {', '.join(sorted(FORMATS))}. Without it, tactful's own columns."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A TOML file that says what the other system's purposes mean here.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and store nothing.")] = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Bring consent events into the store: all of them or none; to repeat it changes nothing.

    Example: tactful consent import consents.csv --json
    """
    records, actor = Actors.load().act(Records.open(), "officer", key)
    with show.steps("importing") as say:
        say("reading the file")
        events, told = _read(file, form, mapping)
        secrets = Keys.load()
        store = ConsentStore.open(records, secrets)
        source = _source_of(file, form, secrets)
        added = store.add(events, source=source, actor=actor, progress=say, dry_run=dry_run)
    _tell_added(added, dry_run=dry_run)
    if added.events and not dry_run:
        show.say(f"the journal calls the file: {source}")
    for name, n in ((name, n) for name, n in told.items() if n):
        show.say(f"{n:,} {_PASSED_OVER[name]}")
    if json:
        show.as_json(added.as_json() | told | {"dry_run": dry_run, "source": source})


@consent.command("status")
def consent_status(user: User, config: Config = None, key: Key = None, json: Json = False) -> None:
    """Say what a person agreed to, purpose by purpose, since when and until when, and what they said.

    Example: tactful consent status 1234
    """
    desk, actor = desk_of(config, key)
    found = consent_standing(desk, person_id(user), actor=actor)
    _tell_standing(found)
    if json:
        show.as_json(found.as_json())


@consent.command("withdraw")
def consent_withdraw(
    user: User,
    purpose: Purpose,
    method: Annotated[str | None, typer.Option(help="How they said it, e.g. letter, call, web.")] = None,
    config: Config = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Record that a person withdrew a purpose: services stop at the next request, the next training leaves them out.

    It ends with 3 if a list could not be told; the withdrawal is recorded all the same. Safe to repeat.

    Example: tactful consent withdraw 1234 --purpose personalization.recommendations
    """
    desk, actor = desk_of(config, key)
    person = desk.person(person_id(user))
    added = _record(desk, person.user_id, "withdrawn", checked_purpose(purpose), actor, {"method": method})
    lists = mark_withdrawn(desk.records, desk.keys, person.user_id, purpose, actor=actor)
    if added.blocked:
        show.say("not recorded: this person was erased, and nothing of them is used or kept")
    else:
        show.say(f"recorded: {purpose} is withdrawn since {added.time:%Y-%m-%d %H:%M:%S} UTC")
    for each in lists:
        problem = f" ({each.problem})" if each.problem else ""
        show.say(f"    {each.path}: {_OUTCOMES[each.outcome]}{problem}")
    if not lists:
        show.say("no suppression list that the journal knows concerns it: whoever serves must be told otherwise")
    models, unknown = models_of(desk, person)
    _tell_models(models, unknown)
    if json:
        recorded = None if added.blocked else added.time.isoformat()
        told = {"purpose": purpose, "recorded": recorded, "lists": [each.as_json() for each in lists]}
        show.as_json(told | {"models": models, "models_unknown": unknown})
    if not all(each.reached for each in lists):
        raise typer.Exit(RefusedError.exit_code)


@consent.command("give")
def consent_give(
    user: User,
    purpose: Purpose,
    method: Annotated[str | None, typer.Option(help="How they said it, e.g. letter, call, web.")] = None,
    notice: Annotated[str | None, typer.Option(help="Version of the notice that they were shown.")] = None,
    valid_until: Annotated[
        str | None, typer.Option(help="When it ends, in ISO 8601; without it, when withdrawn.")
    ] = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Record that a person gave a purpose; as easily as they withdraw it.

    Example: tactful consent give 1234 --purpose personalization.recommendations --method web
    """
    desk, actor = desk_of(None, key)
    person = desk.person(person_id(user))
    said = {"method": method, "notice_version": notice, "valid_until": valid_until}
    added = _record(desk, person.user_id, "given", checked_purpose(purpose), actor, said)
    if added.blocked:
        raise RefusedError(
            "nothing is stored about who was erased", given="this person was", do="They need a new id to agree again"
        )
    show.say(f"recorded: {purpose} is given since {added.time:%Y-%m-%d %H:%M:%S} UTC")
    show.say("what they did before stays out; a suppression list knows of it once it is written anew")
    if json:
        show.as_json({"purpose": purpose, "recorded": added.time.isoformat()})


_SOURCE = "tactful consent"
_PASSED_OVER = {
    "ignored": "statements about purposes that the mapping ignores",
    "silent": "records say nothing of anybody's consent",
    "anonymous": "records are of nobody with a user_id",
    "objections": "objection signals, each a refusal",
}
_OUTCOMES = {
    "marked": "services refuse to profile this person from the next request on",
    "everybody": "made under another key: services refuse everybody until it is written anew",
    "list gone": "there is no list there; it is noted should it return",
    "not marked": "NOT told; write the list anew",
}


def desk_of(config: Path | None, key: Path | None) -> tuple[Desk, str | None]:
    """The stores, and who acts as the officer."""
    records, actor = Actors.load().act(Records.open(), "officer", key)
    return Desk.open(config, records=records, keys=Keys.load()), actor


def _read(file: Path, form: str | None, mapping: Path | None) -> tuple[pa.Table, dict[str, int]]:
    """The events of a file, and how many of its records are none."""
    if form is None:
        if mapping is not None:
            raise UsageError(
                "a mapping is for another system's file", given="no --format", do="Name the format as well"
            )
        return contract_events(file), {}
    found = read(file, form, mapping)
    told = {"ignored": sum(found.unmapped.values()), "silent": found.silent, "anonymous": found.anonymous}
    return found.events, told | {"objections": found.objections}


def _source_of(file: Path, form: str | None, secrets: Keys) -> str:
    """What the journal calls a file: its format, and a keyed hash of its name.

    The name itself may be a person's, and the journal cannot forget. Whoever has the name and the secrets finds the
    entry again: to import the file with ``--dry-run`` tells the hash.
    """
    said = hmac.digest(secrets.pseudonym, b"\x00file " + os.fsencode(file.name), "sha256").hex()[:16]  # no id's hash
    return f"{form or 'contract'} file {said}"


def _record(
    desk: Desk, user_id: str, state: str, purpose: str, actor: str | None, said: Mapping[str, str | None]
) -> Added:
    """One event, of now, is in the store; none if the person was erased."""
    event = {"user_id": user_id, "purpose": purpose, "state": state, "event_time": desk.records.now().isoformat()}
    table = pa.Table.from_pylist([event | {name: text for name, text in said.items() if text is not None}])
    dry = desk.consents.add(table, source=_SOURCE, dry_run=True)
    if dry.malformed:
        raise UsageError("an end is a time in ISO 8601", given=str(said.get("valid_until")), do="Write e.g. 2027-12-31")
    return dry if dry.blocked else desk.consents.add(table, source=_SOURCE, actor=actor)


def _tell_added(added: Added, *, dry_run: bool) -> None:
    """What an import came to."""
    show.say(f"{added.events:,} events of {added.people:,} people {'would be' if dry_run else 'were'} stored")
    if added.duplicates:
        show.say(f"{added.duplicates:,} were there before, or stand in the file twice")
    if added.blocked:
        show.say(f"{added.blocked:,} of people who were erased were turned away")
    if added.malformed:
        show.say(
            f"{added.malformed:,} hold what cannot be read: each refuses its purpose for good. --dry-run tells before"
        )
    if added.ahead:
        show.say(
            f"{added.ahead:,} say that they were recorded after now: a refusal counts at once, a grant when it is so"
        )
    if added.events and not dry_run:
        show.say("lists for services know of it once they are written anew: tactful suppressions")


def _tell_standing(found: ConsentStanding) -> None:
    """How each purpose stands, and what was said."""
    if not found.history:
        show.say("erased: nothing is held" if found.erased else "nothing is held about what this person agreed to")
    for purpose, told in found.purposes.items():
        since = f" since {told['since'][:16]}" if told["since"] else ""
        until = f" until {told['until'][:16]}" if told["until"] else ""
        reason = f" ({told['reason']})" if told["reason"] else ""
        show.say(f"{purpose:40s} {told['state']}{since}{until}{reason}")
    for event in found.history:
        show.say(f"    {str(event.get('event_time'))[:19]}  {event.get('state')}  {event.get('purpose')}")
    for problem in found.problems:
        show.say(f"not read: {problem}")


def _tell_models(models: list[dict[str, Any]], unknown: str | None) -> None:
    """What a withdrawal cannot undo."""
    show.say("the next training leaves out what this purpose covered")
    if unknown:
        show.say(f"which models were trained before cannot be said: {unknown}")
    for each in models:
        epsilon = "no finite epsilon" if each["epsilon"] is None else f"epsilon = {each['epsilon']:.3g}"
        show.say(f"not undone: {each['model']} version {each['version']}, trained {each['trained_at'][:10]}; {epsilon}")
