"""``tactful breach``: whose data was in reach, what that gives away, and until when to report it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, get_args

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.cli.asked_time import asked_time
from tactful.config import ControllerSection
from tactful.desk.breach import Breach, breach, check_times, write_people
from tactful.desk.breach_letters import to_authority, to_people
from tactful.desk.breach_places import Period, Store
from tactful.desk.person import Desk
from tactful.errors import UsageError, counted
from tactful.records.journal import JSON
from tactful.records.reads import note_export, note_read
from tactful.records.store import Records

Key = Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")]
_PURPOSE = "breach"
_DRAFTS = tuple(f"notice-to-{name}{suffix}" for name in ("authority", "people") for suffix in (".html", ".md"))


@app.command(name="breach")
def breach_command(
    store: Annotated[
        list[str],
        typer.Option(help="What was in reach: vault, records, models, secrets, list or tables; give it several times."),
    ],
    since: Annotated[
        str | None, typer.Option("--from", help="From when it was in reach; its beginning if left out.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Until when, a date alone being the whole day; now if left out.")
    ] = None,
    aware_at: Annotated[
        str | None, typer.Option(help="When the business became aware, from when the 72 hours run; now if left out.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file that says who answers for the data; else the last that the journal names."),
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="New CSV file for the ids of those concerned; only its owner can read it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for new draft notices to the authority and the people, .html and .md.")
    ] = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Say whose data was in a store in a period, what an attacker learns, and how many hours are left to report it.

    Example: tactful breach --store vault --store models --from 2026-11-01 --to 2026-11-20 --out breach/
    """
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    now = records.now()
    period = Period(since=asked_time(since), until=_end(to, now))
    aware = asked_time(aware_at) or now
    check_times(period, aware, now)
    stores = _stores(store)
    _check_places(people, out)
    with show.steps("looking into the stores") as say:
        desk = Desk.open(config, records=records)
        facts: dict[str, JSON] = {"stores": list(stores), "from": _text(period.since), "to": _text(period.until)}
        facts["sources"] = sorted({table.place for table in desk.tables})
        note_read(records, "breach", purpose=_PURPOSE, actor=actor, **facts)
        say("who was in reach")
        found = breach(desk, stores, period, aware_at=aware)
        say("writing")
        written = _write(found, desk, people, out, actor)
    body: dict[str, JSON] = {**facts, "aware_at": aware.isoformat(), "people": len(found.people), "files": written}
    with records.transaction() as transaction:
        transaction.append("breach.reported", body, actor=actor)
    _tell(found, written)
    if json:
        show.as_json(found.as_json() | {"files": written})


def _stores(names: list[str]) -> tuple[Store, ...]:
    """The stores of these names, each once."""
    unknown = [name for name in names if name not in get_args(Store)]
    if unknown:
        raise UsageError(
            f"a store is one of {', '.join(get_args(Store))}", given=repr(unknown[0]), do="Name one of them"
        )
    return tuple(store for store in get_args(Store) if store in names)


def _check_places(people: Path | None, out: Path | None) -> None:
    """Nothing is read before it is clear that what comes of it can be written."""
    if people is not None and (people.suffix != ".csv" or people.exists() or not people.parent.is_dir()):
        raise UsageError(
            "the people are written to a new .csv file in a folder that is there", given=f"{people}", do="Name another"
        )
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError("the drafts are written to a folder", given=f"{out} is a file", do="Name another")
    there = [] if out is None else [name for name in _DRAFTS if (out / name).exists()]
    if there:
        raise UsageError(
            "drafts replace none that are there",
            given=f"{there[0]} is in {out}",
            do="Name another folder, or move them",
        )


def _write(found: Breach, desk: Desk, people: Path | None, out: Path | None, actor: str | None) -> list[str]:
    """The files that were asked for, as whole paths; a file of ids is in the journal before it is there."""
    written = []
    if people is not None:
        place = str(people.resolve())
        note_export(desk.records, "people of a breach", place=place, purpose=_PURPOSE, actor=actor)
        write_people(found, people)
        written.append(place)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        controller = desk.settings.controller if desk.settings else ControllerSection()
        for paper, names in (
            (to_authority(found, controller), _DRAFTS[:2]),
            (to_people(found, controller), _DRAFTS[2:]),
        ):
            for name in names:
                paper.write(out / name, private=True)
                written.append(str((out / name).resolve()))
    return written


def _tell(found: Breach, written: list[str]) -> None:
    """The report for the terminal: counts, no id."""
    show.say(f"in reach {found.period.in_words()}")
    for each in found.stores:
        who = counted(len(each.people), "person", "people") if each.names_people else "names nobody"
        show.say(f"{each.store}: {each.what}: {who}")
        for what, n in each.rows.items():
            show.say(f"    {n:>12,}  {what}")
        for line in (*each.protection, *each.notes, *each.advice):
            show.say(f"    {line}")
    show.say(f"{counted(len(found.people), 'person', 'people')} in all")
    for model in found.models:
        show.say(f"{model.name} ({model.status}): {model.means}")
    show.say(f"all models together: {found.together}")
    for line in found.measured:
        show.say(line)
    for question in found.questions:
        show.say(f"for you to answer: {question}")
    left = f"{found.hours_left:.1f} hours left" if found.hours_left >= 0 else "OVER: give the reasons for the delay"
    show.say(f"the authority is to be told by {found.deadline:%Y-%m-%d %H:%M} UTC: {left}")
    for file in written:
        show.say(f"wrote {file}")


def _end(text: str | None, now: datetime) -> datetime:
    """Until when: a date alone means to its last moment, and today's means until now."""
    time = asked_time(text)
    if time is None or text is None:
        return now
    try:
        date.fromisoformat(text)
    except ValueError:
        return time
    return min(time + timedelta(days=1, microseconds=-1), now) if time <= now else time


def _text(time: datetime | None) -> str | None:
    """A time for the journal."""
    return None if time is None else time.isoformat()
