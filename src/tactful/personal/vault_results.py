"""What was done to the vault and what is in it, in exact numbers: for inside the trust boundary only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tactful.records.journal import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What a log brought into the vault.

    Attributes
    ----------
    read, admitted : int, rows
        What the gate read, and let through.
    excluded : mapping of str to int, rows
        Every reason why others stay outside.
    added : int, rows
        What is in the vault now and was not before. The other admitted rows were there already, or occur twice.
    people, attributes : int, people
        Who has rows that were let through, and whose attributes came in.
    files : int
        How many files were written.
    generation : int
        Of the vault, from now on.
    """

    read: int
    admitted: int
    excluded: Mapping[str, int]
    added: int
    people: int
    attributes: int
    files: int
    generation: int

    def as_json(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return asdict(self) | {"already_held": self.admitted - self.added}


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was deleted, and why.

    Attributes
    ----------
    as_of : datetime, UTC
        The time at which retention was looked at.
    read, kept : int, rows
    deleted : mapping of str to int, rows
        By reason, as far as it occurs.
    attributes : mapping of str to int, people
        Whose attributes were ``read`` and ``kept``.
    files_rewritten : int
    verified : bool
        Whether the vault, read again, holds what was kept and nothing else.
    consents : bool
        Whether consents were known; if not, only retention was looked at.
    dry_run : bool
        Whether nothing was changed.
    """

    as_of: datetime
    read: int = 0
    kept: int = 0
    deleted: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, int] = field(default_factory=lambda: {"read": 0, "kept": 0})
    files_rewritten: int = 0
    verified: bool = True
    consents: bool = True
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}

    def for_journal(self) -> dict[str, Any]:
        """What is known when the journal is written: the reading that verifies it comes after."""
        return {name: value for name, value in self.as_json().items() if name not in ("verified", "dry_run")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was deleted of one person.

    Attributes
    ----------
    rows : int
        Interactions.
    attributes : bool
        Whether they had any.
    files : int
        How many files were written again without them.
    generation : int
        Of the vault without them; 0 where nothing ever came in.
    manifest : str
        What the journal calls that generation; empty for generation 0.
    """

    rows: int
    attributes: bool
    files: int
    generation: int = 0
    manifest: str = ""

    @property
    def facts(self) -> dict[str, JSON]:
        """What the entry of an erasure is to say of the vault, so that one from before it is known when put back."""
        return {"generation": self.generation, "manifest": self.manifest} if self.manifest else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One column of the vault.

    Attributes
    ----------
    drawer, column : str
    what, why : str
        What it says about a person, and what that is needed for.
    """

    drawer: str
    column: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCategory:
    """The rows of a sensitive category, or of none (``other items``).

    Attributes
    ----------
    category : str
    rows : int
    retention_days : int, days
    until : datetime or None, UTC
        When the last of its rows will be past retention.
    """

    category: str
    rows: int
    retention_days: int
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the vault holds, why and until when.

    Attributes
    ----------
    generation : int
    purpose : str
        What people agreed to whose rows are here.
    columns : tuple of Held
    categories : tuple of HeldCategory
    rows, people, people_with_attributes : int
    oldest, newest : datetime or None, UTC
    files, size : int
        How many, and bytes.
    storage_key, pseudonym_key : str
        Fingerprints.
    """

    generation: int
    purpose: str
    columns: tuple[Held, ...]
    categories: tuple[HeldCategory, ...]
    rows: int
    people: int
    people_with_attributes: int
    oldest: datetime | None
    newest: datetime | None
    files: int
    size: int
    storage_key: str
    pseudonym_key: str

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        told = asdict(self)
        for name in ("oldest", "newest"):
            told[name] = told[name] and told[name].isoformat()
        for category in told["categories"]:
            category["until"] = category["until"] and category["until"].isoformat()
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultReport:
    """Whether the vault is as it was written.

    Attributes
    ----------
    files, rows : int
        What was read and holds.
    problems : tuple of str
        What does not, a sentence each.
    """

    files: int
    rows: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems
