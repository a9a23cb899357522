"""May this person be profiled? The answer that a service passes to `recommend` as ``profiling``.

Notes
-----
It fails closed, and it never fails loudly: whatever is wrong with the list, nobody is profiled, everybody still gets
the list that is not personal, and `Suppressions.reason` says what is wrong. Only what the program itself was given,
the key and the signers, is checked when it starts.

By default a list holds those who **may** be profiled (``basis="consent"``), so that whoever is not known is not
profiled. A list of those who may **not** (``basis="objection"``) lets everybody else through; it is for businesses
whose ground is a legitimate interest with a right to object (GDPR 21), and it counts only where the service says so,
too: a list of one kind is never read as the other.

What lies at the path now is what counts. A list that does not hold does not leave an earlier one in force, since it may
have been the one that took somebody off. Nor does a list that was made before one seen here: whoever left in between
would be back. After a restart only its age can tell: `max_age` bounds for how long an old list could be put back.

**Withdrawals count at the next request.** Beside the list lies a file of those who withdrew since it was made
(`tactful.scoring.withdrawn_marks`), and each request asks whether that file changed. The list itself is looked at once
a second and whenever that file changed. Where the list is reached through a link, the file may lie beside either. Lines
that were seen are kept until a later list, so that nobody is let through by removing them. A file that cannot be read
lets nobody through.

Whoever asks learns the answer, and what is compared are hashes under a key that the asker cannot choose: there is
nothing that the time of the search could tell, and it is an ordinary search.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tactful.errors import TactfulError, UsageError
from tactful.scoring import suppression_list, withdrawn_marks
from tactful.scoring.suppression_key import suppression_key, suppression_signers
from tactful.scoring.suppression_list import PURPOSE, Basis, Header, refused
from tactful.scoring.suppression_marks import MARK, key_check, mark
from tactful.scoring.withdrawn_marks import EVERYBODY, Stamp

_EVERY = 1.0  # seconds between two looks at the file
_CLOCKS_DIFFER = timedelta(minutes=5)  # how far ahead of ours the clock of whoever made the list may be


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _State:
    """What was found at the path."""

    header: Header | None = None
    marks: bytes = b""
    stamp: tuple[int, ...] | None = None  # of the file that this was read from
    problem: str = "no list was looked at yet"
    unread: str = ""  # why the withdrawals since let nobody through
    newest: datetime | None = None  # of all lists that held
    watched: tuple[tuple[str, Stamp | None], ...] = ()  # the files of withdrawals; no stamp where one could not be read
    withdrawn: dict[bytes, int] = field(default_factory=dict)  # since the list was made


class Suppressions:
    """A signed list at a path, read again whenever it is replaced.

    Parameters
    ----------
    path : str or Path
        The file that `tactful suppressions` writes. It need not exist yet.
    key : bytes, str or Path, optional
        The key of the ids, or its file; see `tactful.scoring.suppression_key.suppression_key`.
    trusted_keys : iterable of str, or str, optional
        Public keys whose lists count; without it those in ``TACTFUL_SUPPRESSION_SIGNERS``.
    max_age : timedelta or float, seconds
        For how long after it was made a list is relied on; it ends earlier where the list says so.
    basis : Basis
        Which kind of list counts, see the notes of this module.
    purpose : str
        What the listed people were asked.
    now : callable returning a datetime with zone, optional
        The clock.

    Raises
    ------
    SecretError, ConfigError, UsageError
        If there is no key, nobody who may sign, or an argument is malformed. A list never raises.

    Notes
    -----
    **Privacy.** *Reads* a list of keyed hashes; ids of those it is asked about. *Returns* one answer a person, to the
    service. *Costs* nothing. *Assumes* file and key stay inside the boundary; the one that signs reads the consents as
    they are.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: bytes | str | Path | None = None,
        trusted_keys: Iterable[str] | str | None = None,
        max_age: timedelta | float = timedelta(days=1),
        basis: Basis = "consent",
        purpose: str = PURPOSE,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._path, self._key, self._trusted = Path(path), suppression_key(key), suppression_signers(trusted_keys)
        self._max_age = _duration(max_age)
        self._basis, self._purpose = basis, purpose
        self._now = now or _utc_now
        self._state, self._look_at = _State(), 0.0
        self.check()

    def __repr__(self) -> str:
        return f"Suppressions({self._path.name}, {self._basis}, {self.reason or 'fresh'})"

    def allows(self, user_id: str | int) -> bool:
        """Whether this person may be profiled, as far as the list at the path says so now.

        The integer 7 and the text ``"7"`` are one id. What is no id is allowed nothing.

        Notes
        -----
        **Privacy.** *Reads* the id, which is hashed and not kept. *Returns* the answer, to the service. *Costs*
        nothing. *Assumes* one id is one person.
        """
        state = self._current()
        if self._problem(state):
            return False
        found = mark(self._key, user_id)
        if found is None or found in state.withdrawn:
            return False
        return _holds(state.marks, found) == (self._basis == "consent")

    @property
    def fresh(self) -> bool:
        """Whether there is a list that may be relied on now. If not, nobody is allowed."""
        return self.reason is None

    @property
    def reason(self) -> str | None:
        """Why nobody is allowed; None while the list is relied on."""
        return self._problem(self._current())

    @property
    def made_at(self) -> datetime | None:
        """When the consents behind the list were read; None if there is no list that holds."""
        header = self._current().header
        return header.made_at if header else None

    @property
    def age(self) -> timedelta | None:
        """How long ago that was."""
        made_at = self.made_at
        return self._now() - made_at if made_at else None

    def check(self) -> None:
        """What lies at the path now is what counts; without it, the list is looked at once a second."""
        self._look_at = time.monotonic() + _EVERY
        self._state = self._found(replace(self._state, stamp=None))

    def _current(self) -> _State:
        """The state, looked up again if the last look is a second ago or somebody withdrew meanwhile.

        Nothing is locked: a state is one value and replaced whole. If two threads look at once, the later to finish
        may leave the earlier list for a second; it leaves the earlier withdrawals, too, so that the next request looks.
        """
        state = self._state
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _EVERY  # others go on with what is known meanwhile
        elif all(_unchanged(path, stamp) for path, stamp in state.watched):
            return state
        state = self._state = self._found(state)
        return state

    def _found(self, before: _State) -> _State:
        """What lies at the path, in place of what was found before. What does not hold is looked at again next time.

        Withdrawals are read before the list: whoever writes a list removes them only when it lies there.
        """
        watched, noted, unread = _withdrawals(self._path)
        noted = {mark: max(at, before.withdrawn.get(mark, 0)) for mark, at in (before.withdrawn | noted).items()}
        state = replace(self._listed(before), watched=watched, withdrawn=noted)
        if state.header is None:
            return state
        state = replace(state, withdrawn=withdrawn_marks.since(noted, state.header.made_at))
        unread = "withdrawals stopped everybody until the next list" if EVERYBODY in state.withdrawn else unread
        return replace(state, unread=unread)

    def _listed(self, before: _State) -> _State:
        """The list that lies at the path."""
        try:
            with suppression_list.opened(self._path) as file:
                stamp = _stamp(os.fstat(file.fileno()))
                if stamp == before.stamp:
                    return before
                header = suppression_list.read_header(file, trusted=self._trusted)
                self._check(header, before.newest)
                marks = suppression_list.read_marks(file, header)
        except OSError as error:
            return _State(problem=f"there is no list that can be read: {type(error).__name__}", newest=before.newest)
        except TactfulError as error:
            return _State(problem=str(error), newest=before.newest)
        return _State(header=header, marks=marks, stamp=stamp, problem="", newest=header.made_at)

    def _check(self, header: Header, newest: datetime | None) -> None:
        """Raise unless the list is of the kind asked for, not dated ahead, and no older than one seen before."""
        if header.key_check != key_check(self._key):
            raise refused("is read with the key that it was made with", "this service has another")
        if (header.basis, header.purpose) != (self._basis, self._purpose):
            raise refused(
                f"is one of {self._basis} to {self._purpose}, as the service asks for",
                f"this one is of {header.basis} to {header.purpose}",
            )
        if header.made_at - self._now() > _CLOCKS_DIFFER:  # or a wrong clock would shut out every list after it
            raise refused("was made before now", f"this one says it was made at {header.made_at.isoformat()}")
        if newest is not None and header.made_at < newest:
            raise refused("is no older than one that was seen before", "this one is")

    def _problem(self, state: _State) -> str | None:
        """Why the state is not relied on now."""
        if state.header is None:
            return state.problem
        now, header = self._now(), state.header
        if now - header.made_at > self._max_age or now >= header.expires_at:
            return f"the list is too old: it was made at {header.made_at.isoformat()}"
        return state.unread or None


def _withdrawals(path: Path) -> tuple[tuple[tuple[str, Stamp | None], ...], dict[bytes, int], str]:
    """The files of withdrawals of a list with their stamps, what stands in them, and why one could not be read."""
    watched: dict[str, Stamp | None] = {}
    noted: dict[bytes, int] = {}
    unread = ""
    for beside in {path: 0, Path(os.path.realpath(path)): 0}:
        file = str(withdrawn_marks.beside(beside))
        try:
            watched[file], found = withdrawn_marks.read(file)
        except (OSError, ValueError) as error:
            watched[file], found = None, {}
            unread = f"the withdrawals since the list was made cannot be read: {type(error).__name__}"
        noted |= {mark: max(at, noted.get(mark, 0)) for mark, at in found.items()}
    return tuple(watched.items()), noted, unread


def _unchanged(path: str, stamp: Stamp | None) -> bool:
    """Whether a file of withdrawals is the one that was read."""
    try:
        return stamp is not None and withdrawn_marks.stamp(path) == stamp
    except OSError:
        return False


def _holds(marks: bytes, wanted: bytes) -> bool:
    """Whether the sorted marks hold this one."""
    people = len(marks) // MARK
    place = bisect_left(range(people), wanted, key=lambda at: marks[at * MARK : at * MARK + MARK])
    return marks[place * MARK : place * MARK + MARK] == wanted


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _duration(given: timedelta | float) -> timedelta:
    """A positive duration; a number is seconds."""
    try:
        duration = given if isinstance(given, timedelta) else timedelta(seconds=given)
    except (TypeError, ValueError, OverflowError):
        duration = timedelta(0)
    if duration <= timedelta(0):
        raise UsageError(
            "max_age is how long a list is relied on", given="no positive time", do="Give e.g. timedelta(hours=24)"
        )
    return duration


def _utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)
