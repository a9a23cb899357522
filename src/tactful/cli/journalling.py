"""``tactful journal``: whether it is what it was, who looked at people's data, and what to say of a restored copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Annotated

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, journal
from tactful.cli.asked_time import asked_time
from tactful.desk.journal_check import JournalCheck, check_journal
from tactful.errors import JournalBrokenError, SecretError, UsageError, counted
from tactful.personal.keys import Keys
from tactful.records.consents import ConsentStore
from tactful.records.reads import Read, noted_reads
from tactful.records.store import Records
from tactful.records.subjects import Subjects


@journal.command("verify")
def journal_verify(
    head: Annotated[
        str | None,
        typer.Option(help="A head of the journal, noted earlier and kept elsewhere; it must be in it still."),
    ] = None,
    json: Json = False,
) -> None:
    """Find any entry that was edited, removed, moved or cut off, and a journal that was replaced. Writes nothing.

    Example: tactful journal verify --json
    """
    records = Records.look()
    found, unfit = _checked(records, _head(head))
    verbs = ("entry holds", "entries hold") if found.chain.ok else ("entry is in place", "entries follow each other")
    held = counted(found.chain.entries, *verbs)
    show.say(f"{held} in {records.address}; head {found.chain.head}")
    _tell(found)
    if json and not (found.ok and unfit):
        show.as_json(found.as_json())
    if not found.ok:
        raise JournalBrokenError("the journal must be what it was", given="; ".join(found.problems), do=_advice(found))
    if unfit:
        raise unfit


@journal.command("accept")
def journal_accept(
    reason: Annotated[str, typer.Option(help="Why the journal is another than it was, e.g. which copy was restored.")],
    key: Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")] = None,
    json: Json = False,
) -> None:
    """Go on with a journal that is shorter or another than the kept head says, for a reason that stays in it.

    What the missing entries said is not known any more: budget that they debited counts as not spent, and consents
    that they vouch for are gone. Accept it only if that is understood, e.g. after a copy was restored.

    Example: tactful journal accept --reason "disk failed; restored the copy of 2026-11-21" --key officer.key
    """
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    entry = records.accept(reason, actor=actor)
    show.say(f"accepted as entry {entry.sequence}; the head is kept from there on, in {records.anchor().path}")
    if json:
        show.as_json({"sequence": entry.sequence, "head": entry.digest, "actor": actor, "was": entry.body["state"]})


@journal.command("reads")
def journal_reads(
    since: Annotated[str | None, typer.Option(help="Only from this time on, ISO 8601; UTC if without a zone.")] = None,
    what: Annotated[str | None, typer.Option(help="Only those that were part of this, e.g. dossier or gate.")] = None,
    json: Json = False,
) -> None:
    """List who looked at data about people, when and what for: every reading that the journal holds. Writes nothing.

    Whom a reading was about the journal does not say; what was asked and decided about a person, their dossier does.

    Example: tactful journal reads --since 2026-11-01 --what dossier
    """
    records, names, first = Records.look(), Actors.load().names, asked_time(since)
    found = [each for each in noted_reads(records, what) if first is None or each.time >= first]
    for each in found:
        who = names.get(each.actor, each.actor) if each.actor else "no key given"
        places = ", ".join(_places(each.facts.get("sources")))
        show.say(
            f"{each.time:%Y-%m-%d %H:%M} UTC  {each.what}, for {each.purpose}; by {who}"
            + (f"; {places}" if places else "")
        )
    show.say(f"{counted(len(found), 'reading')} in {records.address}; that none is missing: tactful journal verify")
    if json:
        show.as_json({"reads": [_as_json(each, names) for each in found]})


def _places(sources: object) -> list[str]:
    """Where it was read from, in a word each: a file by its name, a store by its own."""
    each = sources.values() if isinstance(sources, dict) else [sources]
    names = (place for one in each for place in (one if isinstance(one, list) else [one]) if place is not None)
    return list(dict.fromkeys(PurePath(str(name)).name for name in names))


def _as_json(read: Read, names: Mapping[str, str]) -> dict[str, object]:
    """A reading as plain values, with all that was noted of it."""
    told = {"time": read.time.isoformat(), "what": read.what, "purpose": read.purpose}
    who = {"actor": read.actor, "name": names.get(read.actor) if read.actor else None}
    return told | who | {"entry": read.sequence, "facts": dict(read.facts)}


def _head(text: str | None) -> str | None:
    """A digest that was noted, if one was."""
    if text is not None and not re.fullmatch("[0-9a-f]{64}", text.strip().lower()):
        raise UsageError(
            "a head is 64 hexadecimal digits",
            given=f"{text!r}",
            do="Give the `head` that an earlier `tactful journal verify` told",
        )
    return text and text.strip().lower()


def _checked(records: Records, head: str | None) -> tuple[JournalCheck, SecretError | None]:
    """What was found; where the secrets do not fit, without the consents, and what is wrong with the secrets."""
    try:
        return check_journal(records, head=head, consents=_consents(records)), None
    except SecretError as error:
        return check_journal(records, head=head), error


def _consents(records: Records) -> Callable[[], str | None] | None:
    """What compares the consent store with the journal; None without the secrets, which that takes."""
    try:
        secrets = Keys.load()
    except UsageError as error:
        show.say(f"note: the secrets cannot be read: {error.given}")
        return None

    def compared() -> str | None:
        """What is wrong with the consent store."""
        try:
            return ConsentStore.open(records, secrets).verify().problem
        except SecretError as error:
            if Subjects.open(records, secrets).are_others():
                raise  # nothing speaks of tampering: these are the secrets of another store
            return f"the consent store could not be compared: {error.given}"

    return compared


def _tell(found: JournalCheck) -> None:
    """What the kept head says, and what else was looked at."""
    anchor = found.anchor
    if found.chain.ok and anchor.ok and anchor.head:
        show.say(f"the head kept in {anchor.path} is in it, as entry {anchor.head.sequence}")
    if anchor.note:
        show.say(f"note: {anchor.note}")
    show.say(f"consent store: {found.consents}")
    if found.chain.ok:
        show.say(f"record of erased people: {found.erased or 'ok'}")


def _advice(found: JournalCheck) -> str:
    """What to do about what was found."""
    if found.anchor.ok or not found.chain.ok or found.acts:
        return "Find out who wrote to the records, and restore them from a copy"
    return (
        "Restore the newest copy of the records. If that was done, what the missing entries said is lost: budget that "
        "they debited counts as unspent. To go on knowing that: tactful journal accept --reason TEXT"
    )
