"""``tactful subject``: what is held about one person, which models it was in, and how they are erased."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, subject
from tactful.desk import handing_out
from tactful.desk.erasure import Erasure, Told, before, erase
from tactful.desk.impact import Impact
from tactful.desk.person import Desk
from tactful.desk.work_order import as_text
from tactful.errors import RefusedError, UsageError, counted
from tactful.personal.keys import Keys
from tactful.records.store import Records

User = Annotated[
    str, typer.Argument(help="The person's user_id; - reads it from standard input, out of the shell's history.")
]
Config = Annotated[
    Path | None, typer.Option(help="A TOML file that names the tables; else those that the journal names.")
]
Key = Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")]


@subject.command("export")
def subject_export(
    user: User,
    out: Annotated[
        Path,
        typer.Option(help="The file to write, .html for people or .json for machines; only its owner can read it."),
    ],
    config: Config = None,
    key: Key = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write one file with everything that is held about a person, for them.

    Example: tactful subject export 1234 --out dossier.html --config configs/grocery.toml
    """
    handing_out.check_place(out, force=force)
    desk, actor = desk_of(config, key)
    with show.steps("looking up") as say:
        say("reading what is held of one person")
        found = handing_out.export(desk, person_id(user), out, actor=actor, force=force)
    rows = ", ".join(f"{kind}: {n:,}" for kind, n in found.held.items() if n)
    if rows:
        show.say(f"{out}: {rows}; it holds personal data in plain text: hand it to the person alone")
    else:
        show.say(f"{out}: NOTHING IS HELD UNDER THIS ID, and that is what it says; check the id and the folder")
    if rows and found.facts["erased_at"]:
        show.say(f"this person was erased here on {found.facts['erased_at'][:10]}; {_NOT_OURS}")
    show.say(f"looked up in {desk.records.address}")
    for problem in found.problems:
        show.say(f"not in it: {problem}")
    if json:
        models = found.facts["models"]
        show.as_json(
            {
                "file": str(out),
                "held": found.held,
                "models": len(models),
                "requests": len(found.facts["requests"]),
                "erased_at": found.facts["erased_at"],
                "problems": list(found.problems),
            }
        )


@subject.command("impact")
def subject_impact(user: User, config: Config = None, key: Key = None, json: Json = False) -> None:
    """Say which models were trained while a person's rows were admissible, and what that means for them.

    Example: tactful subject impact 1234 --json
    """
    desk, actor = desk_of(config, key)
    with show.steps("looking up") as say:
        say("judging each training again for one person")
        found = handing_out.look_up(desk, person_id(user), actor=actor)
    _tell(found)
    show.say(f"looked up in {desk.records.address}")
    if json:
        show.as_json(found.as_json())


@subject.command("erase")
def subject_erase(
    user: User,
    config: Config = None,
    key: Key = None,
    work_order: Annotated[
        Path | None, typer.Option(help="New file for what is left to do elsewhere; else it is shown here.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is held, the models and what is left to do; erase nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Erase a person from tactful's own stores, for good; safe to repeat, and to finish after a crash.

    It ends with 3 if a suppression list could not be told: they are erased, and a service may still profile them.

    Example: tactful subject erase 1234 --config configs/grocery.toml --work-order order.txt
    """
    if work_order is not None:
        handing_out.check_place(work_order, force=False, suffixes=())
    desk, actor = desk_of(config, key)
    if dry_run:
        _look_ahead(desk, user, actor, json=json)
        return
    with show.steps("erasing") as say:
        found = erase(
            desk, person_id(user), actor=actor, hand_over=lambda told: _hand_over(desk, told, work_order), progress=say
        )
    _tell_erased(found, store=desk.records.address)
    if json:
        show.as_json(found.as_json())
    if found.lists_missed:
        raise typer.Exit(RefusedError.exit_code)


def desk_of(config: Path | None, key: Path | None) -> tuple[Desk, str | None]:
    """The stores, which must be there, and who acts as the officer."""
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    return Desk.open(config, records=records, keys=Keys.load()), actor


def person_id(user: str) -> str:
    """The id, from the command line or from standard input."""
    if user != "-":
        return user
    found = sys.stdin.readline().removesuffix("\n")
    if not found:
        raise UsageError("standard input gives the user_id", given="it gives nothing", do="Pipe it in, or type it")
    return found


def _look_ahead(desk: Desk, user: str, actor: str | None, *, json: bool) -> None:
    """What an erasure would do is told, and not done."""
    found = before(desk, person_id(user), actor=actor)
    _tell_held(found, store=desk.records.address)
    _tell(found.impact)
    show.say(f"\n{as_text(found.work_order, request=None, time=f'{desk.records.now():%Y-%m-%d %H:%M} UTC')}")
    show.say("dry run: nothing was erased, and nothing is turned away")
    if json:
        show.as_json(found.as_json() | {"dry_run": True})


def _hand_over(desk: Desk, told: Told, work_order: Path | None) -> None:
    """What must be known is told before anything is erased."""
    _tell_held(told, store=desk.records.address)
    _tell(told.impact)
    text = as_text(told.work_order, request=told.request, time=f"{desk.records.now():%Y-%m-%d %H:%M} UTC")
    if work_order is None:
        show.say(f"\n{text}")
    else:
        handing_out.write_private(work_order, text.encode(), force=False)
        show.say(f"what is left to do elsewhere: {work_order}")


def _tell(found: Impact) -> None:
    """The models, and what happens next."""
    for each in found.models:
        epsilon = "no finite epsilon" if each.epsilon is None else f"epsilon = {each.epsilon:.3g}"
        rows = "" if each.rows is None else f", {counted(each.rows, 'row')} at most"
        show.say(f"{each.training.name}, {each.training.time:%Y-%m-%d}: {each.role}{rows}; {epsilon}")
        show.say(f"    {each.means}")
        for note in each.notes:
            show.say(f"    {note}")
    if found.together:
        show.say(f"all of them together: {found.together}")
    if not found.models:
        show.say(
            "no model was trained while this person's rows were admissible; of an id that is nobody's it says the same"
        )
    for sentence in found.next:
        show.say(sentence)


_ELSEWHERE = "elsewhere"
_NOT_OURS = (
    "what is left lies in the business's own tables, which tactful only reads: whoever keeps these must delete it"
)


def _tell_held(told: Told, *, store: str) -> None:
    """What is held of the person, or that nothing is."""
    own = ", ".join(f"{kind}: {n:,}" for kind, n in told.held.items() if n and kind != _ELSEWHERE)
    if any(told.held.values()):
        show.say(f"held of this person in {store}: {own or 'nothing'}")
        if told.held[_ELSEWHERE]:
            show.say(f"in the business's own tables, which tactful only reads: {counted(told.held[_ELSEWHERE], 'row')}")
        return
    show.say(f"NOTHING IS HELD UNDER THIS ID in {store}, or in a table that it knows: check the id and the folder")
    show.say("whoever is erased is turned away for good under this id, whether anything was held or not")


def _tell_erased(found: Erasure, *, store: str) -> None:
    """What was removed."""
    if found.already:
        show.say(f"already erased, on {found.erased_at:%Y-%m-%d}; what was left was finished")
    for path in found.lists_missed:
        show.say(
            f"NOT reached: {path}. Services that read it may profile this person until it ends; mend it, erase again"
        )
    removed = ", ".join(f"{kind}: {n:,}" for kind, n in found.removed.items() if n)
    show.say(
        f"erased in {store}; {removed or 'no row was left to remove'}; imports of this id are turned away from now on"
    )
    show.say(f"request {found.told.request}: journalled without the id; tactful's stores read again: nothing is left")
    left = [f"{counted(task.rows, 'row')} in {task.place}" for task in found.told.work_order if task.rows]
    if left:
        show.say(f"NOT DELETED: {', '.join(left)}")
        show.say(f"    {_NOT_OURS}, by the work order")
