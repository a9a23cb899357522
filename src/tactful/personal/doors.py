"""The lock on values that only one function may make.

Notes
-----
Python cannot forbid `object.__new__`. The lock stops honest mistakes: a call of the constructor, a pickle that would
carry rows about people into a file or another process, a copy that outlives its gate. A test reads the source for
`opened`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self, TypeVar

from tactful.errors import ClosedDoorError


class ClosedDoor:
    """A value that cannot be constructed, copied, pickled or changed by its users."""

    __slots__ = ()
    _door: ClassVar[str]

    def __init__(self, *_: object, **__: object) -> None:
        self._refuse("was constructed")

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse("was changed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse("was pickled or copied")

    def __copy__(self) -> Self:
        self._refuse("was copied")

    def __deepcopy__(self, memo: object) -> Self:
        self._refuse("was copied")

    @classmethod
    def _refuse(cls, what: str) -> NoReturn:
        """Raise the error that names the door."""
        raise ClosedDoorError(
            f"{cls.__name__} is made by {cls._door} and by nothing else", given=f"it {what}", do=f"Call {cls._door}"
        )


Door = TypeVar("Door", bound=ClosedDoor)


def opened(kind: type[Door], **values: Any) -> Door:
    """A value behind its door; only the function named by the door calls this."""
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made
