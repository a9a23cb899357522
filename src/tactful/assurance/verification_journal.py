"""The journal, read without believing it: every entry against its digest, every statement against its signature.

Nothing here stops at the first thing that is wrong: a statement that does not hold is named and left out, and the rest
is replayed without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tactful.assurance.candidates import KINDS, Book, replay
from tactful.assurance.verification_budget import Debits
from tactful.assurance.verification_findings import Findings
from tactful.errors import JournalBrokenError, UsageError
from tactful.records.journal import GENESIS, Entry, StoredEntry
from tactful.records.store import Records


def read_journal(records: Records, findings: Findings, *, head: str | None = None) -> tuple[Book, Debits, str]:
    """The book that the statements which hold give, the debits, and the head of the chain.

    What does not hold is among `findings`.

    Parameters
    ----------
    records : Records
    findings : Findings
    head : str, optional
        The digest of an entry that was noted earlier; it must be in the journal still.
    """
    try:
        stored = records.stored()
    except UsageError as error:
        findings.add("journal_unreadable", f"the journal cannot be read: {error.given}")
        stored = []
    findings.count("journal entries", len(stored))
    _check_rows(stored, findings)
    _check_anchor(records, findings, noted=head is not None)
    if head is not None and head not in {GENESIS, *(row.digest for row in stored)}:
        findings.add("head_missing", f"the head noted earlier, {head}, is no entry of the journal: it was cut off")
    statements = [row for row in stored if str(row.kind).startswith(KINDS)]
    findings.count("signed statements", len(statements))
    book = _replayed(_parsed(statements, findings), findings)
    return book, Debits(stored), str(stored[-1].digest) if stored else GENESIS


def _check_rows(stored: Sequence[StoredEntry], findings: Findings) -> None:
    """Each entry has its number, follows the one before it, and is what its digest says."""
    sequence, previous = 0, GENESIS
    for row in stored:
        if row.sequence != sequence + 1:
            findings.add("journal_row_missing", _gap(sequence + 1, row.sequence - 1))
        elif row.previous != previous:
            what = f"entry {row.sequence} does not follow entry {sequence}: one of the two was replaced"
            findings.add("journal_chain_broken", what)
        if not _intact(row):
            findings.add("journal_row_edited", f"entry {row.sequence} was changed after it was written")
        sequence, previous = row.sequence, row.digest


def _check_anchor(records: Records, findings: Findings, *, noted: bool) -> None:
    """The journal ends where the head that is kept outside the database says, or later."""
    try:
        anchor = records.anchor()
    except UsageError:  # told already
        return
    broken = any(each.name.startswith("journal_") for each in findings.mismatches)
    if anchor.state == "cut off":
        findings.add("journal_cut_off", str(anchor.problem))
    elif anchor.problem and not broken:
        findings.add("journal_replaced", f"{anchor.problem} ({anchor.path})")
    if anchor.head:
        findings.count("kept heads of the journal")
    if anchor.note and not noted:
        findings.note(f"{anchor.note[:1].upper()}{anchor.note[1:]}; a head noted elsewhere shows it: --head")


def _gap(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _intact(row: StoredEntry) -> bool:
    """Whether an entry has the digest that its fields give; a field of another type has none."""
    try:
        return row.recomputed() == row.digest
    except (AttributeError, TypeError):
        return False


def _parsed(statements: Sequence[StoredEntry], findings: Findings) -> list[Entry]:
    """Those statements that can be read."""
    found = []
    for row in statements:
        try:
            found.append(row.parsed())
        except (AttributeError, TypeError, ValueError):
            findings.add("journal_statement_invalid", f"entry {row.sequence} ({row.kind}) cannot be read")
    return found


def _replayed(entries: list[Entry], findings: Findings) -> Book:
    """The book of those statements that hold."""
    while True:
        try:
            return replay(entries)
        except JournalBrokenError as error:
            findings.add("journal_statement_invalid", f"{error.must}; {error.given}")
            entries = _without_first_broken(entries)


def _without_first_broken(entries: list[Entry]) -> list[Entry]:
    """All but the first statement with which replaying fails, found by halving."""
    holds, fails = 0, len(entries)
    while fails - holds > 1:
        middle = (holds + fails) // 2
        try:
            replay(entries[:middle])
            holds = middle
        except JournalBrokenError:
            fails = middle
    return [*entries[:holds], *entries[fails:]]
