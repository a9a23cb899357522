"""Purposes and reasons: the words in which consent is asked, given and missed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tactful.errors import TactfulError, UsageError
from tactful.records.purposes import ASKED, PURPOSE, SENSITIVE, is_asked, misspelt

__all__ = [
    "ASKED",
    "OUTCOMES",
    "PURPOSE",
    "REASONS",
    "SENSITIVE",
    "GateCounts",
    "asked_purpose",
    "checked_purpose",
    "is_asked",
    "misspelt",
    "path_of",
]

REASONS = (
    "malformed",
    "unknown_item",
    "erased",
    "minor",
    "no_record",
    "refused",
    "withdrawn",
    "expired",
    "before_grant",
    "retention_expired",
    "sensitive_category",
)
"""Why a row may not be used. Where several hold, the first in this order is its reason."""

OUTCOMES = ("admitted", *REASONS)
"""What happens to a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCounts:
    """How many rows the gate read, let through and kept back. Exact, so for inside the trust boundary only.

    Attributes
    ----------
    read, admitted : int, rows
    excluded : mapping of str to int, rows
        Every reason with its count, 0 if there is none. They and `admitted` sum to `read`.
    """

    read: int
    admitted: int
    excluded: Mapping[str, int]

    def __post_init__(self) -> None:
        accounted = self.admitted + sum(self.excluded.values())
        if accounted != self.read or set(self.excluded) != set(REASONS):
            raise TactfulError(
                "every row is admitted or has one reason",
                given=f"{accounted} of {self.read}",
                do="Report this as a bug",
            )


def checked_purpose(purpose: str) -> str:
    """The purpose, if it is a dotted one.

    Raises
    ------
    UsageError
        If it is not lower-case words joined by dots.
    """
    if not re.fullmatch(PURPOSE, purpose):
        raise UsageError(
            "a purpose is lower-case words joined by dots",
            given=repr(purpose),
            do="Ask e.g. for personalization.training",
        )
    return purpose


def asked_purpose(purpose: str) -> str:
    """The purpose, if it is one that tactful asks for: to record another would change nothing, and look as if it did.

    Raises
    ------
    UsageError
        If it is no purpose, or none of `ASKED`.
    """
    if not is_asked(checked_purpose(purpose)):
        known = [f"{root} ({', '.join(below)})" for root, below in ASKED.items()]
        raise UsageError(
            f"a purpose is one that tactful asks for, or below one: {'; '.join(known)}",
            given=repr(purpose),
            do=f"Write {misspelt([purpose]).get(purpose, 'e.g. personalization.recommendations')}",
        )
    return purpose


def path_of(purpose: str) -> list[tuple[str, int]]:
    """The root, the parents of a purpose and itself, each with 1 where giving it gives the purpose.

    Giving a parent gives its children, with one narrowing: an opt-in to a sensitive category must be explicit (GDPR
    Article 9), so `personalization` alone does not give ``personalization.sensitive.…``; to refuse it still blocks
    them. Nothing is given at the root: a record without a purpose lands there, and it refuses.
    """
    words = purpose.split(".")
    nodes = [".".join(words[:depth]) for depth in range(1, len(words) + 1)]
    narrow = _under(purpose, SENSITIVE)
    return [("", 0), *((node, int(not narrow or _under(node, SENSITIVE))) for node in nodes)]


def _under(purpose: str, parent: str) -> bool:
    """Whether the purpose is the parent or below it."""
    return purpose == parent or purpose.startswith(f"{parent}.")
