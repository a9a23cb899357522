"""The names of columns that protect people, and the names that may have been meant as one of them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from types import MappingProxyType

from tactful.errors import SchemaError

CONSENTS = (
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
    "receipt_id",
    "schema_version",
)
"""The columns of consent events. Those after `valid_until` are for the record and not read here."""

SUBJECTS = ("user_id", "minor", "erased_at")
"""The columns of the table of subjects."""

_ROLES = MappingProxyType(
    {"valid_until": "consents", "recorded_time": "consents", "minor": "subjects", "erased_at": "subjects"}
)
_HINTS = (
    ("minor", "minor"),
    ("eras", "erased_at"),
    ("delet", "erased_at"),
    ("valid", "valid_until"),
    ("expir", "valid_until"),
    ("until", "valid_until"),
)
_ALIKE = 0.75


def check_header(found: tuple[str, ...], known: tuple[str, ...], name: str) -> None:
    """Raise `SchemaError` if a column that would not be read may have been meant to protect people.

    A misspelt `valid_until` or `minor` would otherwise be passed over in silence, like any column of the business's
    own. Where the column it may have been meant as is there too, it is passed over.

    Parameters
    ----------
    found : tuple of str
        All columns of the table.
    known : tuple of str
        The columns that the contract gives it.
    name : str
        What errors call the table.
    """
    for column in found:
        meant = None if column in known else _meant(column, known)
        if meant is not None and not (meant in known and meant in found):
            raise SchemaError(
                f"a column of {name} that protects people has its own name",
                given=f"{column} may mean {meant}, and is none of {', '.join(known)}",
                do=f"Call it {meant}, in the table of {_ROLES[meant]}, or remove it",
                column=column,
            )


def _meant(column: str, known: tuple[str, ...]) -> str | None:
    """The protecting column that the name may have been meant as."""
    letters = _letters(column)
    named = {_letters(each): each for each in {*known, *_ROLES}}
    near = get_close_matches(letters, named, n=1, cutoff=_ALIKE)
    if near:
        return named[near[0]] if named[near[0]] in _ROLES else None
    return next((meant for hint, meant in _HINTS if hint in letters), None)


def _letters(column: str) -> str:
    """The letters of a name, in lower case."""
    return re.sub(r"[\W\d_]", "", column.lower())
