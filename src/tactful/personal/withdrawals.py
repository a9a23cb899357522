"""A withdrawal reaches the suppression lists that services read: noted beside each list that it concerns.

Notes
-----
Which lists there are the journal says: `tactful suppressions` writes an entry for each. A withdrawal of a purpose
concerns a list if the gate would refuse the list's purpose for it: the purpose itself or one above it was withdrawn, or
what was withdrawn is no purpose at all.

It is to be stored before it is noted: a list that is made in between then reads it, or is older than the note.

A list that was made under another key of suppression lists cannot be told who withdrew. It is told that **everybody**
did, which holds until the next list: nobody can say which of its people is meant.

Whoever was erased is noted **for good**. Nothing that names them is kept, so no later list could hold them: a list of
objections would let them through. A list at a new place takes over these lines from the others (`carry_over`); what
they hold is a keyed hash under a key of its own, and no pseudonym.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tactful.errors import UsageError
from tactful.personal.consent import PURPOSE, path_of
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.times import in_utc, utc_now
from tactful.records.journal import JSON, Entry
from tactful.records.store import Records, Transaction
from tactful.records.subjects import Subjects
from tactful.scoring.suppression_marks import key_check
from tactful.scoring.withdrawn_marks import EVERYBODY, FOR_GOOD, append, for_good

WRITTEN, MARKED = "suppressions.written", "suppressions.marked"
"""Kinds of the journal's entries: a list was written; a withdrawal was noted beside lists."""

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
    """

    path: str
    basis: str
    purpose: str
    outcome: str
    problem: str | None = None

    def as_json(self) -> dict[str, JSON]:
        """The outcome as plain values."""
        told: dict[str, JSON] = {"list": self.path, "basis": self.basis, "purpose": self.purpose}
        return told | {"outcome": self.outcome, "problem": self.problem}


def note_list(
    books: Records | Transaction,
    *,
    path: Path,
    basis: str,
    purpose: str,
    signer: str,
    config: Path,
    key: bytes,
    actor: str | None = None,
    **facts: JSON,
) -> Entry:
    """The journal says that there is a list, so that withdrawals find it; to be called before consents are read for it.

    Parameters
    ----------
    books : Records or Transaction
    path : Path
        The list.
    basis, purpose : str
        What it is of.
    signer : str
        The public key of whoever answers for it.
    config : Path
        What it was made from.
    key : bytes
        The key of suppression lists; only its check is noted.
    actor : str, optional
        The public key of who does it.
    **facts
        Plain values. **Never a person's id.**
    """
    body: dict[str, JSON] = {"path": str(path.absolute()), "basis": basis, "purpose": purpose, "signer": signer}
    body |= {"config": str(config.absolute()), "key_check": key_check(key), **facts}
    if isinstance(books, Transaction):
        return books.append(WRITTEN, body, actor=actor)
    with books.transaction() as transaction:
        return transaction.append(WRITTEN, body, actor=actor)


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
        Where lists are journalled; an entry says what was done, under the person's tag if they have one.
    keys : Keys
    user_id : str
    purpose : str
        What was withdrawn; an empty text is everything.
    actor : str, optional
        The public key of who does it.
    now : callable returning a datetime, optional
        The clock.

    Raises
    ------
    SecretError
        If there are lists, and no key for them.
    UsageError
        If the id is none.

    Privacy
    -------
    Reads: the id.
    Returns: which lists refuse this person now.
    Costs: nothing.
    Assumes: the withdrawal is stored already, see the notes of this module.
    """
    if not user_id or not is_clean(user_id):
        raise UsageError("an id begins and ends with a letter or digit", given="this one is none", do="Correct it")
    lists = [body for body in _newest(records).values() if concerns(purpose, str(body["purpose"]))]
    if not lists:
        return []
    mark, check, at = keys.marks([user_id])[0], key_check(keys.for_lists()), in_utc(now())
    subjects, pseudonym = Subjects.open(records, keys), keys.pseudonyms([user_id])[0]
    at_own = FOR_GOOD if pseudonym in subjects.erased() else at
    found = [_marked(e, mark, at_own) if e.get("key_check") == check else _marked(e, EVERYBODY, at) for e in lists]
    subject = subjects.find(pseudonym)
    body: dict[str, JSON] = {"purpose": purpose, "lists": [each.as_json() for each in found]}
    with records.transaction() as transaction:
        transaction.append(MARKED, body | ({"subject": subject.tag} if subject else {}), actor=actor)
    return found


def carry_over(records: Records, path: Path, key: bytes) -> int:
    """What stands for good beside other lists stands beside this one, too; how many lines were taken over.

    Parameters
    ----------
    records : Records
        Whose journal names the lists.
    path : Path
        The list that is to be written.
    key : bytes
        Its key; lines beside lists of another key say nothing under this one.

    Raises
    ------
    UsageError
        If a file beside a list cannot be read or written.

    Privacy
    -------
    Reads: marks of people who were erased.
    Returns: how many.
    Costs: nothing.
    Assumes: the folders of the lists can be reached from here.
    """
    mine, check = path.absolute(), key_check(key)
    others = [Path(place) for place, body in _newest(records).items() if body.get("key_check") == check]
    known = set(for_good(mine))
    missing = {mark for other in others if other != mine for mark in for_good(other)} - known
    if missing:
        append(mine, sorted(missing), FOR_GOOD)
    return len(missing)


def concerns(withdrawn: str, asked: str) -> bool:
    """Whether to withdraw one purpose refuses another, as at the gate."""
    word = withdrawn.strip().lower()
    if word in _EVERYTHING or not re.fullmatch(PURPOSE, word):
        return True
    return word in [node for node, _ in path_of(asked)]


def _newest(records: Records) -> dict[str, dict[str, JSON]]:
    """Of each list the entry that was written last, by its path."""
    return {str(entry.body["path"]): dict(entry.body) for entry in records.entries(WRITTEN) if entry.kind == WRITTEN}


def _marked(body: dict[str, JSON], mark: bytes, at: datetime) -> Marked:
    """The mark is beside the list, or it is said why not."""
    path, problem = Path(str(body["path"])), None
    outcome = "everybody" if mark == EVERYBODY else "marked"
    there = path.is_file()
    try:
        append(path, [mark], at)
    except UsageError as error:
        outcome, problem = "not marked", error.given
    return Marked(
        path=str(path),
        basis=str(body["basis"]),
        purpose=str(body["purpose"]),
        outcome=outcome if there else "list gone",
        problem=problem,
    )
