"""Which suppression lists there may be, as the journal knows them.

Notes
-----
`tactful suppressions` writes an entry before it reads consents for a list, and another once the list lies at its path.
Between the two it may lie there or not, and a run that failed leaves what was there before. So what counts is **every**
list that may lie at a path now (`in_force`), not the one that was announced last.

A list is dated by its announcement: whoever withdraws later is noted beside it, and the note stays when it replaces the
list before.

Whoever was erased is noted beside lists for good, since no table names them any more. A list at a new place takes over
these lines from the others (`carry_over`). Under another key they say nothing, so that no list of objections is made
while there are such lines (`check_key`).
"""

from __future__ import annotations

from pathlib import Path

from tactful.errors import RefusedError
from tactful.records.journal import JSON, Entry
from tactful.records.store import Records, Transaction
from tactful.scoring.suppression_marks import key_check
from tactful.scoring.withdrawn_marks import append, for_good, for_good_under

WRITTEN, CONFIRMED = "suppressions.written", "suppressions.confirmed"
"""Kinds of the journal's entries: a list is about to be written; it lies there."""


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
    """The journal says that there is to be a list, so that withdrawals find it; called before consents are read for it.

    The list is dated by the entry's time: whoever is noted from then on stays noted beside it.

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
        The public key of whoever does it.
    **facts
        Plain values. **Never a person's id.**
    """
    body: dict[str, JSON] = {"path": str(path.absolute()), "basis": basis, "purpose": purpose, "signer": signer}
    body |= {"config": str(config.absolute()), "key_check": key_check(key), **facts}
    if isinstance(books, Transaction):
        return books.append(WRITTEN, body, actor=actor)
    with books.transaction() as transaction:
        return transaction.append(WRITTEN, body, actor=actor)


def confirm_list(records: Records, announced: Entry, *, actor: str | None = None) -> None:
    """The journal says that the list lies at its path: what was announced for the path before is no more.

    Parameters
    ----------
    records : Records
    announced : Entry
        What `note_list` gave.
    actor : str, optional
        The public key of whoever does it.
    """
    body: dict[str, JSON] = {"path": announced.body["path"], "written": announced.sequence}
    with records.transaction() as transaction:
        transaction.append(CONFIRMED, body, actor=actor)


def in_force(records: Records) -> dict[str, list[Entry]]:
    """Of each path the announcements of all lists that may lie there now, in order.

    The first is that of the list which was confirmed last, if one was; the others may have failed before they replaced
    it. Entries are made in the order of the times that lists bear, and no list replaces a later one, so nothing that
    was announced before a confirmed list can come back.
    """
    found: dict[str, list[Entry]] = {}
    for entry in records.entries((WRITTEN, CONFIRMED)):
        there = found.setdefault(str(entry.body["path"]), [])
        if entry.kind == WRITTEN:
            there.append(entry)
        elif entry.kind == CONFIRMED:
            there[:] = [each for each in there if each.sequence >= int(str(entry.body["written"]))]
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

    Notes
    -----
    **Privacy.** *Reads* marks of people who were erased. *Returns* how many. *Costs* nothing. *Assumes* the folders of
    the lists can be reached from here.
    """
    mine, check = path.absolute(), key_check(key)
    known = set(for_good(mine, check)[0])
    missing = {mark for other in in_force(records) for mark in for_good(Path(other), check)[0]} - known
    if missing:
        append(mine, sorted(missing), for_good_under(check))
    return len(missing)


def check_key(records: Records, key: bytes) -> None:
    """Whoever was erased and noted beside a list is known under this key.

    Parameters
    ----------
    records : Records
        Whose journal names the lists.
    key : bytes
        The key of a list of objections that is to be written.

    Raises
    ------
    RefusedError
        If somebody was noted under another key: this list would let them through.
    UsageError
        If a file beside a list cannot be read.

    Notes
    -----
    **Privacy.** *Reads* marks of people who were erased. *Returns* nothing. *Costs* nothing. *Assumes* the folders of
    the lists can be reached from here.
    """
    strange = [path for path in in_force(records) if for_good(Path(path), key_check(key))[1]]
    if strange:
        raise RefusedError(
            "a list of objections knows everybody who was erased",
            given=f"beside {', '.join(strange)} some were noted under another key of suppression lists",
            do="Bring that key back, or write lists of consent: they profile nobody who is not on them",
        )
