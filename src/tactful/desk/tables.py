"""Tables about people as the desk names them, and what one of them holds of one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tactful.config import LAKE
from tactful.personal.one_person import PersonRows, Role
from tactful.sources import STORE, VAULT

ROLES: tuple[Role, ...] = ("interactions", "consents", "subjects", "attributes")
"""What tables about people are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table about people, not read.

    Attributes
    ----------
    role : Role
    place : str
        The whole path of a table of the business, what `tactful.sources.place` calls one in a lake, or `VAULT` or
        `STORE`.
    """

    role: Role
    place: str

    @property
    def own(self) -> bool:
        """Whether tactful keeps it; otherwise it is the business's, and tactful only reads it."""
        return self.place in (VAULT, STORE)

    @property
    def in_a_lake(self) -> bool:
        """Whether only Spark reads it."""
        return self.place.startswith(LAKE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Held:
    """What one table holds of one person.

    Attributes
    ----------
    table : Table
    rows : PersonRows or None
        None if it could not be read.
    problem : str
        Why not.
    """

    table: Table
    rows: PersonRows | None
    problem: str = ""

    def __repr__(self) -> str:
        return f"Held({self.table.role}, one person)"

    def __len__(self) -> int:
        return len(self.rows) if self.rows else 0


def named_tables(names: Mapping[str, Any]) -> Iterator[Table]:
    """The tables that a journal entry names as what was read."""
    for role in ROLES:
        places = names.get(role)
        for place in [places] if isinstance(places, str) else places if isinstance(places, Sequence) else ():
            yield Table(role=role, place=str(place))
