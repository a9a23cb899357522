"""``tactful consent``: what people agreed to enters, is looked up, and changes."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, consent
from tactful.cli.consent_words import Look, tell_added, tell_effect, tell_models, tell_remaining, tell_standing
from tactful.cli.subject import desk_of, person_id
from tactful.desk.consent_standing import consent_standing, is_known, models_of, one_standing
from tactful.desk.dossier_rows import RECOMMENDING
from tactful.desk.person import Desk
from tactful.errors import RefusedError, UsageError, counted
from tactful.personal.consent import asked_purpose
from tactful.personal.consent_file import contract_events
from tactful.personal.consent_formats import FORMATS, read
from tactful.personal.keys import Keys
from tactful.personal.withdrawals import concerns, mark_withdrawn
from tactful.records.consent_added import Added
from tactful.records.consent_times import micros, read_times
from tactful.records.consents import ConsentStore
from tactful.records.store import Records

User = Annotated[
    str, typer.Argument(help="The person's user_id; - reads it from standard input, out of the shell's history.")
]
Config = Annotated[
    Path | None, typer.Option(help="A TOML file that names tables of consents; else those that the journal names.")
]
Key = Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")]
Purpose = Annotated[str, typer.Option(help="What it is about, e.g. personalization.recommendations.")]


@consent.command("import")
def consent_import(
    file: Annotated[Path, typer.Argument(help="Consent events: Parquet or CSV, or another system's export.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"Another system's: {', '.join(sorted(FORMATS))}; else tactful's own columns."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A TOML file that says what the other system's purposes mean here.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and store nothing.")] = False,
    accept_unreadable: Annotated[
        bool, typer.Option("--accept-unreadable", help="Store rows that cannot be read: each refuses for good.")
    ] = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Bring consent events into the store: all of them or none; to repeat it changes nothing.

    A file with rows that cannot be read is refused whole, with the numbers of the first ones.

    Example: tactful consent import consents.csv --json
    """
    records, actor = Actors.load().act(Records.open(), "officer", key)
    with show.steps("importing") as say:
        say("reading the file")
        events, told = _read(file, form, mapping)
        secrets = Keys.load()
        store = ConsentStore.open(records, secrets)
        source = _source_of(file, form, secrets)
        look = Look(file, plain=form is None, accept=accept_unreadable or dry_run)
        added = store.add(events, source=source, actor=actor, progress=say, dry_run=dry_run, look=look)
    tell_added(added, store=records.address, dry_run=dry_run)
    if dry_run and look.where and not accept_unreadable:
        show.say(f"it will be refused whole, unless --accept-unreadable is given: {look.where}")
    look.tell_unknown()
    if added.events and not dry_run:
        show.say(f"the journal calls the file: {source}")
    for name, n in ((name, n) for name, n in told.items() if n):
        show.say(counted(n, *_PASSED_OVER[name]))
    if json:
        show.as_json(added.as_json() | told | {"dry_run": dry_run, "source": source, "unknown_purposes": look.unknown})


@consent.command("status")
def consent_status(user: User, config: Config = None, key: Key = None, json: Json = False) -> None:
    """Say what a person agreed to, purpose by purpose, since when and until when, and what they said.

    Example: tactful consent status 1234
    """
    desk, actor = desk_of(config, key)
    found = consent_standing(desk, person_id(user), actor=actor)
    tell_standing(found)
    show.say(f"looked up in {desk.records.address}")
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
    """Record that a person withdrew a purpose: later trainings leave it out.

    Services that read a list of tactful's stop at the next request. Where no such list is known serving does not hear
    of it, and the last line says so. It ends with 3 if a list could not be told; the withdrawal is recorded all the
    same. Safe to repeat.

    Example: tactful consent withdraw 1234 --purpose personalization.recommendations
    """
    desk, actor = desk_of(config, key)
    person = desk.person(person_id(user))
    known = is_known(desk, person)
    added = _record(desk, person.user_id, "withdrawn", asked_purpose(purpose), actor, {"method": method})
    lists = mark_withdrawn(desk.records, desk.keys, person.user_id, purpose, actor=actor)
    if added.blocked:
        show.say("not recorded: this person was erased, and nothing of them is used or kept")
    else:
        show.say(f"recorded in {desk.records.address}: {purpose} is withdrawn since {_second(added)}")
    if not known:
        show.say("nobody with this id is known here: check it; whoever comes by this id later has withdrawn")
    for each in lists:
        problem = f" ({each.problem})" if each.problem else ""
        show.say(f"    {each.path}: {_OUTCOMES[each.outcome]}{problem}")
    models, unknown = models_of(desk, person)
    tell_models(models, unknown)
    remaining = consent_standing(desk, person.user_id, actor=actor).given
    tell_remaining(remaining)
    unheard = not lists and concerns(purpose, RECOMMENDING)
    if unheard:
        show.say(
            "SERVING DOES NOT HEAR OF IT: no list for services is known here. Tell whoever serves to pass "
            "profiling=False for this person, or let services ask a list: tactful suppressions"
        )
    if json:
        recorded = None if added.blocked else added.time.isoformat()
        told = {"purpose": purpose, "recorded": recorded, "lists": [each.as_json() for each in lists]}
        stands = {"serving_hears": not unheard, "still_given": remaining}
        show.as_json(told | stands | {"known": known, "models": models, "models_unknown": unknown})
    if not all(each.reached for each in lists):
        raise typer.Exit(RefusedError.exit_code)


@consent.command("give")
def consent_give(
    user: User,
    purpose: Purpose,
    method: Annotated[str | None, typer.Option(help="How they said it, e.g. letter, call, web.")] = None,
    notice: Annotated[str | None, typer.Option(help="Version of the notice that they were shown.")] = None,
    valid_until: Annotated[
        str | None, typer.Option(help="When it ends, in ISO 8601; else when it is withdrawn.")
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
    _check_end(valid_until, desk)
    added = _record(desk, person.user_id, "given", asked_purpose(purpose), actor, said)
    if added.blocked:
        raise RefusedError(
            "nothing is stored about erased people",
            given="this person was erased",
            do="They need a new id to agree again",
        )
    show.say(f"recorded in {desk.records.address}: {purpose} is given since {_second(added)}")
    stands = one_standing(desk, person.user_id, purpose, actor=actor)
    tell_effect(stands)
    show.say("what they did before stays out; a suppression list knows of it once it is written anew")
    if json:
        in_force = stands["state"] == "given"
        told = {"purpose": purpose, "recorded": added.time.isoformat(), "in_force": in_force}
        show.as_json(told | {"state": stands["state"], "by": (stands.get("by") or {}).get("purpose")})


_SOURCE = "tactful consent"
_PASSED_OVER = {
    "ignored": ("statement that the mapping ignores", "statements that the mapping ignores"),
    "silent": ("record says nothing of anybody's consent", "records say nothing of anybody's consent"),
    "anonymous": ("record is of nobody with a user_id", "records are of nobody with a user_id"),
    "objections": ("objection signal, a refusal", "objection signals, each a refusal"),
}
_OUTCOMES = {
    "marked": "services refuse to profile this person from the next request on",
    "everybody": "made under another key: services refuse everybody until it is written anew",
    "list gone": "there is no list there; it is noted should it return",
    "not marked": "NOT told; write the list anew",
}


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


def _check_end(valid_until: str | None, desk: Desk) -> None:
    """Raise `UsageError` if consent would have ended before it is given; what is no time is told later."""
    end = None if valid_until is None else _ends(valid_until)
    if end and end <= micros(desk.records.now()):
        raise UsageError("consent ends after it is given", given=f"{valid_until} is past", do="Give a later time")


def _ends(valid_until: str) -> int | None:
    """The end in microseconds, as the store reads it."""
    end: int | None = read_times(pa.table({"valid_until": [valid_until]}), "valid_until").values[0]
    return end


def _second(added: Added) -> str:
    """When it was stored."""
    return f"{added.time:%Y-%m-%d %H:%M:%S} UTC"


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
