"""The journal held against all that knows of it: itself, the head kept outside, signatures, consents, the erased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tactful.actors import Actors, check_acts
from tactful.records.anchor import AnchorReport
from tactful.records.journal import ChainReport
from tactful.records.people_check import erased_problem
from tactful.records.store import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalCheck:
    """What was found about a journal.

    Attributes
    ----------
    chain : ChainReport
        Whether it holds from the first entry to the last, and holds the head given.
    anchor : AnchorReport
        Whether its end is where the head kept outside the database says.
    acts : tuple of str
        Signed entries that are not as their actor signed them, and unsigned ones that bear the key of somebody with a
        role.
    consents : str
        Whether the consent store is as the journal vouches for: ``ok``, what is wrong, or why it was not looked at.
    consents_ok : bool
        Whether nothing is wrong with it as far as it was looked at.
    erased : str or None
        What is wrong with the record of erased people, by the journal; None if nothing is, or the journal
        itself does not hold.
    """

    chain: ChainReport
    anchor: AnchorReport
    acts: tuple[str, ...]
    consents: str
    consents_ok: bool
    erased: str | None

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, a sentence each."""
        found = [self.chain.problem, self.anchor.problem, *self.acts, self.erased]
        found += [] if self.consents_ok else [self.consents]
        return tuple(problem for problem in found if problem)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The check as plain values."""
        return {
            **self.chain.as_json(),
            "ok": self.ok,
            "problem": "; ".join(self.problems) or None,
            "anchor": self.anchor.state,
            "anchor_file": str(self.anchor.path),
            "consents": self.consents,
            "erased": self.erased or ("ok" if self.chain.ok else "not looked at: " + _why(True)),
        }


def check_journal(
    records: Records, *, head: str | None = None, consents: Callable[[], str | None] | None = None
) -> JournalCheck:
    """The journal was checked in every way there is, and nothing was written.

    Parameters
    ----------
    records : Records
    head : str, optional
        The digest of an entry noted earlier; it must be in the chain.
    consents : callable, optional
        Compares the consent store with the journal, and says what is wrong, or None. Without it that is not done.

    Raises
    ------
    UsageError
        If the journal cannot be read.
    NotFoundError, ConfigError
        If the actors' file is not as it must be.
    SecretError
        If `consents` raises it: the secrets are those of other records.

    Notes
    -----
    **Privacy.** *Reads* the journal, the consent store's fingerprints, and the record of erased people. *Returns*
    numbers and digests of entries. *Costs* nothing. *Assumes* nothing.
    """
    chain, anchor = records.verify(head), records.anchor()
    acts = tuple(check_acts(records.stored(), Actors.load().names))
    wrong = consents() if consents and chain.ok else None
    looked = "ok" if consents and chain.ok else "not looked at: " + _why(bool(consents) or not chain.ok)
    return JournalCheck(
        chain=chain,
        anchor=anchor,
        acts=acts,
        consents=wrong or looked,
        consents_ok=wrong is None,
        erased=erased_problem(records) if chain.ok else None,
    )


def _why(asked: bool) -> str:
    """Why the consent store was not looked at."""
    return "the journal itself does not hold" if asked else "the secrets of these records are not here"
