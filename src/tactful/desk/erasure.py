"""To erase a person: out of the vault, out of the consent store, and out of reach in the journal.

::

    1  told       what the models mean for them and what is left to do elsewhere, while it can still be known
    2  marked     durable: from here on every gate leaves them out, every import turns them away     subject.erasing
    3  stopped    the suppression lists that services read say no at the next request
    4  removed    rows and attributes leave the vault
    5  destroyed  consents become fingerprints, the key and the sealed id are gone                    subject.erased
    6  compacted  what the database freed is overwritten, its log is cut
    7  verified   the stores are read again; nothing of the person is left

Each step may be repeated, and a run that was killed is finished by the same command. What the answer needs is read
before the first step; after the fifth nothing in the journal leads to the person, and its chain holds.

Notes
-----
Where the journal tells of a vault that is not found, there is no `Desk` to erase at: it would be said of rows that are
still held that they are gone. The vault is looked for again before rows leave it: the first may have come in since.

The two entries name nobody, not by the tag either by which the journal calls the person elsewhere. The first is sealed
under their key, so that while the key lives they can be told of it; the second says what the vault was afterwards.

What remains is the record of erased people: their pseudonym and a time, so that no import brings them back. The journal
keeps the entries about them, sealed under a key that no longer exists. Models keep what they learned; see
`tactful.desk.impact`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tactful.desk.impact import Impact, impact
from tactful.desk.listed import take_off
from tactful.desk.person import Desk, Person, Reader
from tactful.desk.tables import Held
from tactful.desk.work_order import Task, work_order
from tactful.errors import TactfulError
from tactful.personal.vault import Vault
from tactful.records.journal import JSON
from tactful.records.reads import note_read

ERASING, ERASED = "subject.erasing", "subject.erased"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Told:
    """What is handed over before anything is erased.

    Attributes
    ----------
    request : str
        A random name for this request.
    impact : Impact
    work_order : tuple of Task
    held : mapping of str to int
        How many rows tactful's own stores and the business's tables have, by kind.
    """

    request: str
    impact: Impact
    work_order: tuple[Task, ...]
    held: Mapping[str, int]

    def __repr__(self) -> str:
        return f"Told(request {self.request})"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, without an id."""
        return {
            "held": dict(self.held),
            "impact": self.impact.as_json(),
            "work_order": [task.as_json() for task in self.work_order],
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Erasure:
    """What an erasure did.

    Attributes
    ----------
    told : Told
    erased_at : datetime, UTC
        Since when the person counts as erased.
    already : bool
        Whether they did before this call, which finished what was left.
    removed : mapping of str to int
        How many interactions, attributes and consents this call removed from tactful's own stores.
    lists, lists_missed : tuple of str
        The suppression lists that say no from now on, and those that could not be reached.
    """

    told: Told
    erased_at: datetime
    already: bool
    removed: Mapping[str, int]
    lists: tuple[str, ...]
    lists_missed: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Erasure(request {self.told.request})"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, without an id."""
        return {
            "request": self.told.request,
            "erased_at": self.erased_at.isoformat(),
            "already": self.already,
            "held": dict(self.told.held),
            "removed": dict(self.removed),
            "lists": list(self.lists),
            "lists_missed": list(self.lists_missed),
            "impact": self.told.impact.as_json(),
            "work_order": [task.as_json() for task in self.told.work_order],
            "verified": not self.lists_missed,
        }


def erase(
    desk: Desk,
    user_id: str,
    *,
    actor: str | None = None,
    hand_over: Callable[[Told], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
) -> Erasure:
    """Nothing of the person is left in tactful's own stores but the record of erased people.

    Parameters
    ----------
    desk : Desk
    user_id : str
    actor : str, optional
        The public key of whoever does it.
    hand_over : callable, optional
        Given what must be known, before the first step; what it raises stops the erasure.
    progress : callable, optional
        Told each step.

    Raises
    ------
    UsageError
        If it is no id.
    TactfulError
        If something of the person is left; the call can be repeated.

    Notes
    -----
    **Privacy.** *Reads* all that tactful can read of the person. *Returns* counts, models and places, without an id.
    *Costs* nothing. *Assumes* one id is one person, and whoever asks may erase them.
    """
    person = desk.person(user_id)
    note_read(desk.records, "erasure", purpose="erasure of one person", actor=actor, sources=desk.names)
    progress("looking up what is held, and in which models it was")
    told = _told(desk, person)
    hand_over(told)
    progress("marking the person as erased")
    already = not _mark(desk, person, told.request, actor)
    progress("telling the suppression lists")
    lists, missed = take_off(desk, person)
    progress("removing their rows")
    removed = _remove(desk, person, told.request, actor)
    progress("overwriting what the database freed")
    desk.consents.compact()
    progress("reading everything again")
    _verify(desk, person)
    since = desk.subjects.erased()[person.pseudonym]
    return Erasure(
        told=told,
        erased_at=since,
        already=already,
        removed=removed,
        lists=tuple(lists),
        lists_missed=tuple(missed),
    )


def before(desk: Desk, user_id: str, *, actor: str | None = None) -> Told:
    """What an erasure would hand over; nothing is erased, and the journal says that it was looked up.

    Raises
    ------
    UsageError
        If it is no id.

    Notes
    -----
    **Privacy.** As `erase`.
    """
    person = desk.person(user_id)
    note_read(desk.records, "erasure", purpose="dry run for one person", actor=actor, sources=desk.names)
    return _told(desk, person)


def _told(desk: Desk, person: Person) -> Told:
    """What must be known before."""
    reader = Reader(desk, person)
    held = [reader.read(table) for table in desk.tables]
    own = [each for each in held if each.table.own]
    return Told(
        request=secrets.token_hex(8),
        impact=impact(desk, person, leaving=True, reader=reader),
        work_order=work_order(desk, person, held),
        held={
            "interactions": _count(own, "interactions"),
            "attributes": _count(own, "attributes"),
            "consents": _count(own, "consents"),
            "elsewhere": sum(len(each) for each in held if not each.table.own),
        },
    )


def _count(held: list[Held], role: str) -> int:
    """How many rows there are of one kind."""
    return sum(len(each) for each in held if each.table.role == role)


def _mark(desk: Desk, person: Person, request: str, actor: str | None) -> bool:
    """The person counts as erased, and the journal says that it began; whether they did not before."""
    body: dict[str, JSON] = {"request": request}
    if person.key is not None:
        body["sealed"] = person.key.seal({"request": request})
    with desk.records.transaction() as transaction:
        first = desk.subjects.mark_erased(transaction, person.pseudonym)
        if first or person.key is not None:
            transaction.append(ERASING, body, actor=actor)
    return first


def _remove(desk: Desk, person: Person, request: str, actor: str | None) -> dict[str, int]:
    """The person's rows, consents and key are gone; how many rows there were."""
    vault = desk.vault_now()
    gone = None if vault is None else vault.forget(person.pseudonym)
    with desk.records.transaction() as transaction:
        consents = desk.consents.forget(transaction, person.pseudonym)
        desk.subjects.destroy(transaction, person.pseudonym)
        transaction.append(ERASED, {"request": request, **(gone.facts if gone else {})}, actor=actor)
    return {
        "interactions": gone.rows if gone else 0,
        "attributes": int(gone.attributes) if gone else 0,
        "consents": consents,
    }


def _verify(desk: Desk, person: Person) -> None:
    """Raise unless tactful's own stores, read again, hold nothing of the person."""
    vault = desk.vault_now()
    tables = [table for table in desk.tables if table.own]
    left = [
        f"{each.table.place} ({each.table.role})" for each in desk.held(person, tables) if each.problem or len(each)
    ]
    left += [] if vault is None else _in_vault(vault, person)
    if desk.subjects.find(person.pseudonym) is not None or person.pseudonym not in desk.subjects.erased():
        left.append("the directory of people")
    if left:
        raise TactfulError(
            "after an erasure nothing of the person is left in tactful's stores",
            given=f"something is, or cannot be read, in {', '.join(left)}",
            do="Run the same command again; if it stays, keep the files and report this",
        )


def _in_vault(vault: Vault, person: Person) -> list[str]:
    """The vault's name if it had rows of theirs: by pseudonym, for what it shows goes by a key that is gone."""
    again = vault.forget(person.pseudonym)
    return [vault.path.name] if again.rows or again.attributes else []
