"""Every error that tactful raises on purpose, as one tree.

::

    TactfulError                     exit 1
    ├── UsageError                   exit 2   the call, a file or a setting is wrong
    │   ├── ConfigError                       a key is missing, misspelt or out of range
    │   ├── SchemaError                       a table lacks a column, or a column has the wrong type
    │   ├── SecretError                       a key file is missing, readable by others, or malformed
    │   ├── NotFoundError                     a model, version, run or file does not exist
    │   └── MissingExtraError                 an optional part of tactful is not installed
    ├── RefusedError                 exit 3   a gate said no: a result, not a crash
    │   ├── TooFewPeopleError
    │   ├── DeltaTooLargeError
    │   ├── BudgetExceededError
    │   ├── ApprovalRefusedError
    │   ├── ModelRefusedError                 an artifact is altered, unsigned, expired or not approved
    │   └── JournalBrokenError
    ├── StoppedError                 exit 130 somebody stopped a training
    └── ClosedDoorError              exit 1   code tried to make by hand what only a gate may make

A message says what must hold, what was given, and what to do. The numbers are fields, so that programs need not parse
the message. No error carries a person's id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Self


class TactfulError(Exception):
    """An error for people: what must hold, what was given, what to do.

    Parameters
    ----------
    must : str
        What has to hold, as a sentence without its full stop.
    given : str
        What was found instead.
    do : str
        What the reader can do about it.
    **fields : object
        The figures of the message, kept as attributes.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, must: str, *, given: str, do: str, **fields: Any) -> None:
        super().__init__(f"{must}; {given}. {do}.")
        self.must, self.given, self.do = must, given, do
        self.fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.must, self.given, self.do, self.fields)

    @classmethod
    def _rebuilt(cls, must: str, given: str, do: str, fields: dict[str, Any]) -> Self:
        error = cls.__new__(cls)
        TactfulError.__init__(error, must, given=given, do=do, **fields)
        return error


def _rebuild(kind: type[TactfulError], must: str, given: str, do: str, fields: dict[str, Any]) -> TactfulError:
    """The same error again, so that it survives a process boundary."""
    return kind._rebuilt(must, given, do, fields)


class UsageError(TactfulError):
    """The call, a file or a setting is wrong; nothing was read from people and nothing was spent."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration key is missing, misspelt or out of range."""


class SchemaError(UsageError):
    """A table lacks a column, or a column is of the wrong type."""


class SecretError(UsageError):
    """A key file is missing, readable by others, or malformed."""


class NotFoundError(UsageError):
    """A model, version, run or file does not exist."""


class MissingExtraError(UsageError):
    """An optional part of tactful is needed and not installed.

    Parameters
    ----------
    action : str
        What was asked for, e.g. ``tactful train``.
    extra : str
        The extra that provides it, e.g. ``train``.
    missing : str
        The module that could not be imported.
    """

    def __init__(self, action: str, *, extra: str, missing: str) -> None:
        super().__init__(
            f"{action} needs the extra `{extra}`",
            given=f"the module {missing} is not installed",
            do=f"Run: pip install 'tactful[{extra}]'",
            extra=extra,
            missing=missing,
        )


class RefusedError(TactfulError):
    """A gate said no. Nothing half-written remains."""

    exit_code = 3


class TooFewPeopleError(RefusedError):
    """The released number of people is below the stated minimum."""


class DeltaTooLargeError(RefusedError):
    """δ is not far enough below one over the number of people."""


class BudgetExceededError(RefusedError):
    """A release would take the population past its privacy budget.

    Parameters
    ----------
    requested, spent, limit : float
        ε of the request alone, of everything debited so far, and of the limit, all at the limit's δ.
    remaining : float
        ε of the largest release that still fits.
    """

    def __init__(self, *, requested: float, spent: float, remaining: float, limit: float, delta: float) -> None:
        super().__init__(
            f"everything released about these people must stay within epsilon = {limit:g} at delta = {delta:g}",
            given=f"{requested:.4g} is asked for, {spent:.4g} is spent and {remaining:.4g} remains",
            do="Ask for a smaller epsilon, or have the limit changed: tactful budget --limit EPSILON --reason TEXT",
            requested=requested,
            spent=spent,
            remaining=remaining,
            limit=limit,
            delta=delta,
        )


class ApprovalRefusedError(RefusedError):
    """A model may not be approved, by this key or at all."""


class ModelRefusedError(RefusedError):
    """An artifact is altered, incomplete, unsigned, expired, rolled back or not approved."""


class JournalBrokenError(RefusedError):
    """The hash chain of the journal does not hold."""


class StoppedError(TactfulError):
    """Somebody stopped a training at the command line; the message says what it had spent by then."""

    exit_code = 130


class ClosedDoorError(TactfulError, TypeError):
    """Code tried to make by hand what only a gate may make."""


def columns_given(found: Collection[str], known: Collection[str]) -> str:
    """The columns of a table in words, for an error.

    Where none of them is known the header may be missing, and what was taken for column names is somebody's row: it is
    counted, not repeated.
    """
    if not found or set(found) & set(known):
        return f"it has {', '.join(found) or 'none'}"
    wrong = f"none of its {counted(len(found), 'column')} is" if len(found) > 1 else "its only column is not"
    return f"{wrong} one of {', '.join(known)}; perhaps the header is missing"


def columns_named(missing: Sequence[str]) -> str:
    """The columns that a table lacks, all of them, in words."""
    *first, last = missing
    return f"the columns {', '.join(first)} and {last}" if first else f"the column {last}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A count before what it counts, which agrees with it: the noun, and a verb where one follows.

    Parameters
    ----------
    n : int
    one : str
        What is said of one.
    many : str, optional
        What is said of none or of several; `one` with an s if left out.

    Examples
    --------
    >>> counted(1, "row"), counted(0, "row"), counted(20_000, "row")
    ('1 row', '0 rows', '20,000 rows')
    >>> counted(1, "person was", "people were"), counted(2, "person was", "people were")
    ('1 person was', '2 people were')
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
