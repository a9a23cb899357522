"""Which decisions were seen before, so that an old or rejected model cannot be put back in place of a newer one.

The highest approval of each model and every rejection and retirement met are kept for the life of the process and,
where there is a place for it, in a file.

Notes
-----
Only what was seen can be remembered: by loading a model here, or by deciding about one on this machine. Whoever may
delete the file makes a service forget.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tactful.errors import ModelRefusedError
from tactful.scoring import seen_file
from tactful.scoring.address import sqlite_file
from tactful.scoring.seen_file import Change, Numbers
from tactful.scoring.statement import Statement

_VARIABLE = "TACTFUL_SEEN_FILE"
_FILE = "seen.json"

_Seen = Numbers
"""Numbers of decisions: "model" has its highest approval, "model/manifest digest" the rejection of that artifact, and
"model/manifest digest/retired" its last retirement. No name of a model has a slash."""


def seen_place(named: str | Path | None = None, *, store: str | None = None) -> Path | None:
    """Where what was seen outlives the process; None if it does not.

    Parameters
    ----------
    named : str or Path, optional
        The caller's wish. Without it, what ``TACTFUL_SEEN_FILE`` names.
    store : str, optional
        The address of the MLflow store that a model comes from. If no file is named: ``seen.json`` beside a SQLite
        store, and for any other store in ``models/`` of the working folder, if that folder exists and is writable or
        has such a file: what may only be read is obeyed, and what is seen is remembered in the process alone.
    """
    wanted = named or os.environ.get(_VARIABLE)
    if wanted or store is None:
        return Path(wanted) if wanted else None
    beside = sqlite_file(store)
    folder = beside.parent if beside else Path("models")
    place = folder / _FILE
    return place if os.path.lexists(place) or (os.access(folder, os.W_OK) and folder.is_dir()) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What was seen that speaks against an approval.

    Attributes
    ----------
    reason : str or None
        Why `SeenSequences.admit` would refuse it.
    ended : str or None
        ``rejected`` or ``retired``, if a reviewer did so to this artifact after it was approved.
    """

    reason: str | None = None
    ended: str | None = None


class SeenSequences:
    """The decisions that were seen; it never forgets one."""

    __slots__ = ("_lock", "_seen")

    def __init__(self) -> None:
        self._seen: _Seen = {}
        self._lock = Lock()

    def admit(
        self, model: str, sequence: int, *, digest: str, file: Path | None = None, since: int | None = None
    ) -> None:
        """Remember an approval as the highest one seen of its model.

        Parameters
        ----------
        model : str
        sequence : int
        digest : str
            The manifest digest of what was approved.
        file : Path, optional
            Where what was seen outlives the process (JSON), see `seen_place`.
        since : int, optional
            Of several approvals that count together, the number of the first; `sequence` is the last one's.

        Raises
        ------
        ModelRefusedError
            If a higher one was seen, or a rejection of this artifact, or a retirement of it later than `since`, or the
            file cannot be read, or made, or is locked: then a rollback cannot be ruled out.
        """
        first = sequence if since is None else since

        def change(seen: Mapping[str, int]) -> _Seen:
            """What to remember of the approval; raises if it may not be admitted."""
            return _admitted(seen, model, sequence, digest, first)

        self._check(change)
        if file:
            seen_file.update(file, change)
        self._add(change)

    def against(self, approval: Statement, *, since: int, file: Path | None = None) -> Against:
        """What was seen that speaks against an approval that is relied on; nothing is remembered, no lock waited for.

        Parameters
        ----------
        approval : Statement
        since, file
            As for `admit`.

        Raises
        ------
        ModelRefusedError
            If the file cannot be read.
        """
        seen = self._with(seen_file.read(file) if file else {})
        try:
            _admitted(seen, approval.model, approval.sequence, approval.manifest_digest, since)
        except ModelRefusedError as error:
            return Against(reason=str(error), ended=_ended(seen, approval.model, approval.manifest_digest, since))
        return Against()

    def reject(self, model: str, sequence: int, *, digest: str, file: Path | None = None) -> None:
        """Never admit an artifact again, whatever approval comes with it; other versions of the model are admitted.

        Parameters
        ----------
        model, sequence, digest, file
            Of the rejection, as for `admit`.

        Raises
        ------
        ModelRefusedError
            If the file cannot be read or written.
        """
        self._end(_rejection(model, digest), sequence, file)

    def retire(self, model: str, sequence: int, *, digest: str, file: Path | None = None) -> None:
        """Admit an artifact only with an approval later than this retirement; other versions are admitted.

        Parameters
        ----------
        model, sequence, digest, file
            Of the retirement, as for `admit`.

        Raises
        ------
        ModelRefusedError
            If the file cannot be read or written.
        """
        self._end(_retirement(model, digest), sequence, file)

    def end(self, statement: Statement, *, file: Path | None = None) -> None:
        """Remember a rejection or a retirement that was met; see `reject` and `retire`."""
        remember = self.reject if statement.decision == "rejected" else self.retire
        remember(statement.model, statement.sequence, digest=statement.manifest_digest, file=file)

    def _end(self, name: str, sequence: int, file: Path | None) -> None:
        """An end is remembered here first, so that nothing about the file can keep it from counting in this process."""

        def change(seen: Mapping[str, int]) -> _Seen:
            """The later of the two ends."""
            return {name: max(sequence, seen.get(name, sequence))}

        self._add(change)
        if file:
            seen_file.update(file, change)

    def _check(self, change: Change) -> None:
        """Raise what `change` raises of what was seen here."""
        with self._lock:
            change(self._seen)

    def _add(self, change: Change) -> None:
        """What `change` says is remembered here, or it raises; the lock is never held while a file is waited for."""
        with self._lock:
            self._seen |= change(self._seen)

    def _with(self, others: Mapping[str, int]) -> _Seen:
        """What was seen here or elsewhere, the higher number each."""
        with self._lock:
            here = dict(self._seen)
        return here | {name: max(number, here.get(name, number)) for name, number in others.items()}


def _rejection(model: str, digest: str) -> str:
    return f"{model}/{digest}"


def _retirement(model: str, digest: str) -> str:
    return f"{model}/{digest}/retired"


def _admitted(seen: Mapping[str, int], model: str, sequence: int, digest: str, since: int) -> _Seen:
    """What to remember of an approval; raise if a later one was seen, or a rejection, or a later retirement."""
    if _rejection(model, digest) in seen:
        raise ModelRefusedError(
            "a model that was rejected is not served again",
            given=f"a rejection of this version of {model} was seen, and now an approval lies in its place",
            do="Find out who put it there; load the champion",
        )
    retired = seen.get(_retirement(model, digest), since - 1)
    if since <= retired:
        raise ModelRefusedError(
            "a model that was retired is served again only with a later approval",
            given=f"{model}: this approval is number {since}, the retirement seen was {retired}",
            do="Load the champion, or approve this version anew",
            sequence=since,
            retired=retired,
        )
    highest = seen.get(model, sequence)
    if sequence < highest:
        raise ModelRefusedError(
            "an earlier approval is not served again once a later one was seen",
            given=f"{model}: this is number {sequence}, seen was {highest}",
            do="Load the champion, or approve this version anew; a new journal needs a new file of what was seen",
            sequence=sequence,
            highest=highest,
        )
    return {model: sequence}


def _ended(seen: Mapping[str, int], model: str, digest: str, since: int) -> str | None:
    """How a reviewer ended an artifact after it was approved, if so."""
    names = {"rejected": _rejection(model, digest), "retired": _retirement(model, digest)}
    return next((how for how, name in names.items() if seen.get(name, since - 1) >= since), None)


PROCESS = SeenSequences()
"""What this process has seen; the one piece of state in scoring, because a rollback is a matter of time."""
