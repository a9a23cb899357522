"""A withdrawal reaches the suppression lists that services read: noted beside each list that it concerns.

Notes
-----
Every list is told that may lie at a path now, see `tactful.personal.announced_lists`. A withdrawal of a purpose
concerns a list if the gate would refuse the list's purpose for it: the purpose itself or one above it was withdrawn, or
what was withdrawn is no purpose at all.

It is to be stored before it is noted: a list that is made in between then reads it, or is older than the note. A note
is never older than the announcement of a list it concerns, whatever the clocks of two machines say.

A list that was made under another key of suppression lists cannot be told who withdrew. It is told that **everybody**
did, which holds until the next list: nobody can say which of its people is meant.

Whoever was erased is noted **for good**. Nothing that names them is kept, so no later list could hold them: a list of
objections would let them through. What is noted is a keyed hash under a key of its own, and no pseudonym. Where no list
was known at an erasure nothing could be noted: a list of objections that is made later lets the person through, unless
the business's tables still name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tactful.errors import UsageError
from tactful.personal.announced_lists import in_force
from tactful.personal.consent import PURPOSE, path_of
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.objections import LONGEST
from tactful.personal.times import in_utc, utc_now
from tactful.records.journal import JSON, Entry
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.suppression_marks import key_check
from tactful.scoring.withdrawn_marks import EVERYBODY, append, for_good_under

MARKED = "suppressions.marked"
"""The kind of the journal's entry: a withdrawal was noted beside lists."""

_EVERYTHING = ("", "all", "any", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What became of a withdrawal at one list.

    Attributes
    ----------
    path : str
        The list.
    basis, purpose : str
        What the list is of.
    outcome : str
        ``marked``: services refuse this person from the next request on. ``everybody``: they refuse everybody until the
        next list, which has to be made with the key of today. ``list gone``: there is no list, so nobody is profiled by
        it; the withdrawal is noted should it return. ``not marked``: the file could not be written, see `problem`.
    problem : str or None
        Why it could not be written.
    reached : bool
        Whether no service that reads the list profiles the person: the note is there, or the list is gone and whatever
        copy there may be has ended.
    """

    path: str
    basis: str
    purpose: str
    outcome: str
    problem: str | None = None
    reached: bool = True

    def as_json(self) -> dict[str, JSON]:
        """The outcome as plain values."""
        told: dict[str, JSON] = {"list": self.path, "basis": self.basis, "purpose": self.purpose}
        return told | {"outcome": self.outcome, "problem": self.problem, "reached": self.reached}


def mark_withdrawn(
    records: Records,
    keys: Keys,
    user_id: str,
    purpose: str,
    *,
    actor: str | None = None,
    now: Callable[[], datetime] = utc_now,
) -> list[Marked]:
    """Services that read a list which the withdrawal concerns profile this person no more, from the next request on.

    Parameters
    ----------
    records : Records
        Where lists are journalled; an entry says what was done, sealed under the person's key if they have one.
    keys : Keys
    user_id : str
    purpose : str
        What was withdrawn; an empty text is everything.
    actor : str, optional
        The public key of whoever does it.
    now : callable returning a datetime, optional
        The clock.

    Raises
    ------
    SecretError
        If there are lists, and no key for them.
    UsageError
        If the id is none.

    Notes
    -----
    **Privacy.** *Reads* the id. *Returns* which lists refuse this person now. *Costs* nothing. *Assumes* the withdrawal
    is stored already, see the notes of this module.
    """
    found = _told(records, keys, user_id, purpose, now)
    if not found:
        return []
    subjects, pseudonym = Subjects.open(records, keys), keys.pseudonyms([user_id])[0]
    subject = None if pseudonym in subjects.erased() else subjects.find(pseudonym)
    body: dict[str, JSON] = {"purpose": purpose, "lists": [each.as_json() for each in found]}
    if subject is not None:
        body = {"subject": subject.tag, "sealed": subject.seal(body)}
    with records.transaction() as transaction:
        transaction.append(MARKED, body, actor=actor)
    return found


def mark_erased(records: Records, keys: Keys, user_id: str, *, now: Callable[[], datetime] = utc_now) -> list[Marked]:
    """Services that read a list which tactful wrote profile this person never again; the journal says nothing of it.

    To be called once the record of erased people holds the person. Lists that are announced meanwhile are told, too: a
    later one finds the lines beside the others (`carry_over`).

    Parameters
    ----------
    records : Records
    keys : Keys
    user_id : str
    now : callable returning a datetime, optional
        The clock.

    Raises
    ------
    SecretError, UsageError
        As for `mark_withdrawn`. Also if the record of erased people does not hold the person.

    Notes
    -----
    **Privacy.** *Reads* the id. *Returns* which lists refuse this person now. *Costs* nothing. *Assumes* the folders of
    the lists can be reached from here.
    """
    if keys.pseudonyms([user_id])[0] not in Subjects.open(records, keys).erased():
        raise UsageError(
            "only erased people are noted for good", given="this person was not erased", do="Erase them first"
        )
    found: dict[str, Marked] = {}
    while fresh := [each for each in _told(records, keys, user_id, "", now, but=found) if each.path not in found]:
        found |= {each.path: each for each in fresh}
    return list(found.values())


def concerns(withdrawn: str, asked: str) -> bool:
    """Whether to withdraw one purpose refuses another, as at the gate."""
    word = withdrawn.strip().lower()
    if word in _EVERYTHING or not re.fullmatch(PURPOSE, word):
        return True
    return word in [node for node, _ in path_of(asked)]


def _told(
    records: Records,
    keys: Keys,
    user_id: str,
    purpose: str,
    now: Callable[[], datetime],
    but: Container[str] = (),
) -> list[Marked]:
    """The lists that the withdrawal concerns hold it, but those at these paths."""
    if not user_id or not is_clean(user_id):
        raise UsageError("an id begins and ends with a letter or digit", given="this one is none", do="Correct it")
    lists = {
        path: entries
        for path, entries in in_force(records).items()
        if path not in but and any(concerns(purpose, str(entry.body["purpose"])) for entry in entries)
    }
    if not lists:
        return []
    mark, check, at = keys.marks([user_id])[0], key_check(keys.for_lists()), in_utc(now())
    erased = keys.pseudonyms([user_id])[0] in Subjects.open(records, keys).erased()
    own = for_good_under(check) if erased else None
    return [_marked(Path(path), entries, mark, check, at, own) for path, entries in lists.items()]


def _marked(
    path: Path, entries: list[Entry], mark: bytes, check: str, at: datetime, for_good: datetime | None
) -> Marked:
    """The lines are beside the list, or it is said why not. If its key may be another, everybody's is."""
    at = max(at, *(entry.time for entry in entries))  # a clock behind that of who announced it must not lose the line
    foreign = any(entry.body.get("key_check") != check for entry in entries)
    known = any(entry.body.get("key_check") == check for entry in entries)
    there, problem = path.is_file(), None
    try:
        if foreign:
            append(path, [EVERYBODY], at)
        if known or for_good:
            append(path, [mark], for_good or at)
    except UsageError as error:
        problem = error.given
    stopped = "everybody" if foreign else "marked"
    told = ("not marked" if problem else stopped) if there else "list gone"
    ended = not there and at - entries[-1].time > LONGEST
    return Marked(
        path=str(path),
        basis=str(entries[-1].body["basis"]),
        purpose=str(entries[-1].body["purpose"]),
        outcome=told,
        problem=problem,
        reached=problem is None or ended,
    )
