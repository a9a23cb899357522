"""The arguments of a call, taken only in the sense they can have."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import SupportsIndex

import numpy as np

from tactful.errors import UsageError, counted


def as_count(n: SupportsIndex) -> int:
    """How many items are wanted.

    Raises
    ------
    UsageError
        If it is not a whole number from 1.
    """
    try:
        count = 0 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        count = 0
    if count < 1:  # what stands in the place of n may be somebody's history
        given = "it was below 1" if type(n) is int else f"it was a {type(n).__name__}"
        raise UsageError("n is a whole number from 1", given=given, do="Ask for at least one item")
    return count


def as_categories(categories: Collection[str]) -> frozenset[str]:
    """The allowed categories as a set.

    Raises
    ------
    UsageError
        If it is one text, whose letters would be taken for categories; a mapping, whose keys would be, whatever stands
        beside them; no list; or a list of anything but texts.
    """
    if isinstance(categories, str | bytes):
        raise _bad_categories("it was a single text")
    if isinstance(categories, Mapping) or not isinstance(categories, Iterable):
        raise _bad_categories(f"it was a {type(categories).__name__}")
    found = list(categories)
    if not all(isinstance(category, str) for category in found):
        raise _bad_categories("it holds something else")
    return frozenset(found)


def _bad_categories(given: str) -> UsageError:
    """The error for what is no clear opt-in."""
    return UsageError("allowed_categories is a list of texts", given=given, do='Pass a list, such as ["health"]')


def paired(
    histories: Iterable[Iterable[object]], profiling: bool | Sequence[bool]
) -> Iterator[tuple[Iterable[object], bool]]:
    """Each history with whether it may be read.

    Raises
    ------
    UsageError
        If `profiling` is neither one answer nor one for each history, or `histories` are none.

    Notes
    -----
    **Privacy.** *Reads* nothing; the histories are passed on unopened. *Returns* the same. *Costs* nothing. *Assumes*
    nothing.
    """
    if not isinstance(histories, Iterable):
        given = f"it was a {type(histories).__name__}"
        raise UsageError("histories are a list of histories", given=given, do="Pass a list with one a person")
    if _is_bool(profiling):
        yield from ((history, bool(profiling)) for history in histories)
        return
    unordered = isinstance(profiling, str | bytes | Mapping | Set)
    answers = list(profiling) if isinstance(profiling, Iterable) and not unordered else [None]
    if not all(_is_bool(answer) for answer in answers):
        raise _profiling_error("it was neither")
    people = list(histories)
    if len(people) != len(answers):
        raise _profiling_error(
            f"{counted(len(answers), 'was', 'were')} given for {counted(len(people), 'history', 'histories')}"
        )
    yield from zip(people, map(bool, answers), strict=True)


def _is_bool(value: object) -> bool:
    """Whether a value is true or false and not merely taken for it: the text "no" would count as yes."""
    return isinstance(value, bool | np.bool_)


def require_bool(profiling: object) -> None:
    """Raise unless `profiling` is one clear answer."""
    if profiling is not True and profiling is not False and not _is_bool(profiling):
        raise _profiling_error("it was neither")


def require_flag(because: object) -> None:
    """Raise unless `because` is true or false."""
    if not _is_bool(because):
        raise UsageError(
            "because is True or False",
            given=f"it was a {type(because).__name__}",
            do="Pass whether reasons are wanted",
        )


def _profiling_error(given: str) -> UsageError:
    """The error for an unclear `profiling`."""
    return UsageError(
        "profiling is True or False, or one of them for each history",
        given=given,
        do="Pass whether this person allows profiling",
    )
