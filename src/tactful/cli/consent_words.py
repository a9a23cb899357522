"""What ``tactful consent`` says to a person: what an import came to, how purposes stand, what cannot be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tactful.cli import show
from tactful.desk.consent_standing import ConsentStanding
from tactful.errors import SchemaError, counted
from tactful.personal.consent import is_asked
from tactful.records.consent_added import Added
from tactful.records.consent_rows import Given

_NAMES = 20
"""How many unknown purposes are named; whoever has more has taken another column for that of the purposes."""


class Look:
    """What an import looks for in the events before they are stored.

    Parameters
    ----------
    file : Path
        Where they are read from, to speak of its rows.
    plain : bool
        Whether the rows read are the rows of the file.
    accept : bool
        Whether rows that cannot be read are stored all the same.
    """

    __slots__ = ("_accept", "_file", "_plain", "unknown", "where")

    def __init__(self, file: Path, *, plain: bool, accept: bool) -> None:
        self._file, self._plain, self._accept = file, plain, accept
        self.unknown: dict[str, int] = {}
        self.where = ""

    def __call__(self, given: Given) -> None:
        """The purposes that tactful does not ask for are counted; what cannot be read is refused.

        Raises
        ------
        SchemaError
            If something cannot be read, and that is not accepted.
        """
        named = Counter(purpose for purpose in given.purpose if purpose is not None)
        self.unknown = {name: n for name, n in sorted(named.items()) if not is_asked(name)}
        if not given.malformed:
            return
        self.where = self._places(given.unreadable)
        if not self._accept:
            raise SchemaError(
                "every row of an import can be read",
                given=f"{given.malformed:,} cannot, and nothing was stored: {self.where}",
                do="Correct them, or --accept-unreadable: each then refuses its purpose for good",
                rows=given.malformed,
            )

    def tell_unknown(self) -> None:
        """The purposes that tactful does not ask for, loudly."""
        for name, n in list(self.unknown.items())[:_NAMES]:
            events = counted(n, "event")
            show.say(f"NOT a purpose that tactful asks for: {name} ({events}); to give or refuse it changes nothing")
        if len(self.unknown) > _NAMES:
            show.say(f"and {counted(len(self.unknown) - _NAMES, 'more such purpose')}: is it the right column?")

    def _places(self, unreadable: Mapping[str, tuple[int, ...]]) -> str:
        """Which rows, by column."""
        header = int(self._plain and self._file.suffix == ".csv")
        rows = "line" if header else "row" if self._plain else "event"
        begin = "; the header is line 1" if header else ""
        told = (f"{name} in {rows} {', '.join(str(n + 1 + header) for n in at)}" for name, at in unreadable.items())
        return f"{'; '.join(told)} (the first of each column{begin})"


def tell_added(added: Added, *, store: str, dry_run: bool) -> None:
    """What an import came to."""
    were = "would be" if dry_run else "was" if added.events == 1 else "were"
    events, people = counted(added.events, "event"), counted(added.people, "person", "people")
    show.say(f"{events} of {people} {were} stored in {store}")
    if added.duplicates:
        show.say(f"{counted(added.duplicates, 'was', 'were')} there before, or in the file twice")
    if added.blocked:
        show.say(f"{counted(added.blocked, 'was', 'were')} turned away, of people who were erased")
    if added.malformed:
        show.say(f"{counted(added.malformed, 'holds', 'hold')} what cannot be read: each refuses its purpose for good")
    if added.ahead:
        say = counted(added.ahead, "says", "say")
        show.say(f"{say} to be recorded after now: a refusal counts at once, a grant when it is so")
    if added.grants_ahead:
        show.say(f"{counted(added.grants_ahead, 'is', 'are')} given from a time after now: each waits until then")
    if added.events and not dry_run:
        show.say("lists for services know of it once they are written anew: tactful suppressions")


def tell_standing(found: ConsentStanding) -> None:
    """How each purpose stands, and what was said."""
    if not found.history:
        show.say("erased: nothing is held" if found.erased else "nothing is held about what this person agreed to")
    for purpose, told in found.purposes.items():
        since = f" since {told['since'][:16]}" if told["since"] else ""
        until = f" until {told['until'][:16]}" if told["until"] else ""
        reason = f" ({told['reason']}{_by(told.get('by'))})" if told["reason"] else ""
        show.say(f"{purpose:40s} {told['state']}{since}{until}{reason}")
    if found.history:
        show.say("what was said, by when it happened and by when this store or table learnt of it (UTC):")
    for event in found.history:
        learnt = event.get("stored_time") or event.get("recorded_time")
        said = f"{event.get('state')}  {event.get('purpose')}"
        show.say(f"    {_to_the_second(event.get('event_time'))}  {_to_the_second(learnt)}  {said}")
    for problem in found.problems:
        show.say(f"not read: {problem}")


def tell_effect(told: Mapping[str, Any]) -> None:
    """Whether a purpose that was just given is in force, and if not, what stands against it."""
    if told["state"] == "given":
        return
    by = told.get("by") or {}
    at = f" at `{by['purpose']}`; give that as well" if by.get("purpose") else ""
    why = "" if at else f" ({told['reason']})"
    show.say(f"recorded, WITHOUT EFFECT: {told['state']}{at}{why}")


def tell_remaining(given: Sequence[str]) -> None:
    """Which purposes a withdrawal leaves in force, and how they are withdrawn."""
    if given:
        tops = " or ".join(f"--purpose {name}" for name in sorted({name.partition(".")[0] for name in given}))
        show.say(f"still in force, as it was not about them: {', '.join(given)}; to withdraw them, too: {tops}")


def tell_models(models: list[dict[str, Any]], unknown: str | None) -> None:
    """What a withdrawal cannot undo."""
    show.say("the next training leaves out what this purpose covered")
    if unknown:
        show.say(f"which models were trained before cannot be said: {unknown}")
    for each in models:
        epsilon = "no finite epsilon" if each["epsilon"] is None else f"epsilon = {each['epsilon']:.3g}"
        made = f"version {each['version']}" if each["version"] else "a training without a model"
        show.say(f"not undone: {each['model']}, {made}, of {each['trained_at'][:10]}; {epsilon}")


def _by(event: Mapping[str, Any] | None) -> str:
    """The event that decides, in words."""
    return f": {event.get('state')} {event.get('purpose') or 'no purpose'}" if event else ""


def _to_the_second(time: object) -> str:
    """A time to the second, in a column; a dash where there is none."""
    return f"{str(time or '-')[:19]:19s}"
