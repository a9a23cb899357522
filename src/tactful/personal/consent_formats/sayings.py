"""What people said, gathered from another system's file into the columns of consent events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from tactful.errors import SchemaError, UsageError
from tactful.personal.consent_formats.mapping import PurposeMapping
from tactful.personal.ids import is_clean

COLUMNS = (
    "user_id",
    "purpose",
    "state",
    "event_time",
    "recorded_time",
    "valid_until",
    "notice_version",
    "language",
    "jurisdiction",
    "method",
    "legal_basis",
    "data_categories",
    "source",
    "record_id",
)
"""The columns of the events that are read, all of text: what cannot be read as a time stays as it was given."""

UNREADABLE = "unreadable"
"""The state of what was said and cannot be read. The gate takes it for a refusal that no later grant lifts."""

_NAME = re.compile(r"[\w .:/#+-]{1,60}")
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The consent events of a file.

    Attributes
    ----------
    events : pyarrow.Table
        The columns `COLUMNS`, all of text.
    unmapped : mapping of str to int, statements
        Of each purpose that the mapping ignores, how often it occurs.
    malformed : int
        Statements of somebody known that cannot be read. Each is an event that refuses.
    silent : int
        Records that say nothing of anybody's consent: without a consent object, not confirmed, asked and not answered.
    anonymous : int
        Records of nobody with a `user_id`.
    objections : int
        Objection signals among them.
    """

    events: pa.Table = field(repr=False)
    unmapped: Mapping[str, int]
    malformed: int
    silent: int
    anonymous: int
    objections: int


class Sayings:
    """Takes what a file says, statement by statement.

    Parameters
    ----------
    mapping : PurposeMapping
    name : str
        What errors call the file.
    """

    def __init__(self, mapping: PurposeMapping, name: str) -> None:
        self._mapping, self._name = mapping, name
        self._columns: dict[str, list[str | None]] = {column: [] for column in COLUMNS}
        self._ignored: Counter[str] = Counter()
        self._strange: Counter[str] = Counter()
        self.malformed = self.silent = self.anonymous = self.objections = 0

    def __repr__(self) -> str:
        return f"Sayings({self._name})"

    def says(self, user_id: str, theirs: str, state: str, at: object, **more: object) -> None:
        """Somebody said this of one of the system's purposes; it counts for what that is mapped to.

        Parameters
        ----------
        user_id : str
        theirs : str
            The system's name of the purpose.
        state : str
            ``given``, ``refused``, ``withdrawn`` or `UNREADABLE`.
        at : object
            When, as it is given.
        **more
            Further columns.
        """
        ours = self._mapping.purposes.get(theirs)
        if ours is not None:
            self.puts(user_id, ours, state, at, **more)
        elif theirs in self._mapping.ignore:
            self._ignored[theirs] += 1
        else:
            self._strange[theirs] += 1

    def objects(self, user_id: str, at: object, **more: object) -> None:
        """Somebody's browser or device said no for them: an objection signal."""
        self.objections += 1
        self.puts(user_id, self._mapping.objections, "refused", at, **{"method": "gpc", **more})

    def cannot_be_read(self, user_id: str, at: object, **more: object) -> None:
        """Somebody said something, and nobody knows what: it refuses everything."""
        self.puts(user_id, ("",), UNREADABLE, at, **more)

    def puts(self, user_id: str, ours: tuple[str, ...], state: str, at: object, **more: object) -> None:
        """Events of our own purposes."""
        self.malformed += state == UNREADABLE
        told = {**self._mapping.defaults, **{name: value for name, value in more.items() if value not in (None, "")}}
        for purpose in ours:
            row = told | {"user_id": user_id, "purpose": purpose, "state": state, "event_time": at}
            for column, cells in self._columns.items():
                cells.append(_text(row.get(column)))

    def read(self) -> Read:
        """All of it.

        Raises
        ------
        UsageError
            If purposes are neither mapped nor ignored.
        """
        if self._strange:
            raise UsageError(
                f"each purpose in {self._name} is mapped or ignored",
                given=f"neither is said of {_told(self._strange)}",
                do='Give --mapping FILE with [purposes] "THEIRS" = "OURS", or ignore = ["THEIRS"]',
                unmapped=dict(self._strange),
            )
        return Read(
            events=pa.table({name: pa.array(cells, pa.string()) for name, cells in self._columns.items()}),
            unmapped=dict(self._ignored),
            malformed=self.malformed,
            silent=self.silent,
            anonymous=self.anonymous,
            objections=self.objections,
        )


def id_in(value: object) -> str | None:
    """The user id that a value is; None if it is nobody's."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and text and is_clean(text) else None


def nameless(name: str, place: int, unit: str) -> SchemaError:
    """The error for a record of which nobody can say whom it protects."""
    return SchemaError(
        f"each {unit} of {name} can be read as far as to say whom it is about",
        given=f"{unit} {place} cannot",
        do="Export the file again",
        place=place,
    )


def said(value: object) -> str:
    """The state in a truth value; whatever else it is cannot be read."""
    return {True: "given", False: "refused"}[value] if isinstance(value, bool) else UNREADABLE


def is_on(value: object) -> bool:
    """Whether a signal is on. What is neither yes nor no is yes, so that no objection is lost."""
    return str(value).strip().lower() not in ("", "none", "0", "false", "no")


def _text(value: object) -> str | None:
    """A cell as text; nothing where there is nothing, or what is no single value."""
    if value is None or isinstance(value, dict | list):
        return None
    text = str(value)
    return text if text.isprintable() else None


def _told(strange: Counter[str]) -> str:
    """The names of purposes for an error. What does not look like a name is counted: it may be somebody's data."""
    names = sorted(name for name in strange if _NAME.fullmatch(name) and "@" not in name)
    shown, hidden = names[:_SHOWN], len(strange) - len(names[:_SHOWN])
    told = ", ".join(f"{name!r} ({strange[name]})" for name in shown)
    return f"{told} and {hidden} more" if shown and hidden else told or f"{hidden} that do not look like names"
