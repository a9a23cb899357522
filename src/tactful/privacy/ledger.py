"""The budget of one population: paid before a sample is drawn, never twice, never past the limit.

One records store is one population. An event is *debited*, then *opened* (durable before the first draw), then
*released*. A debit never opened can be given back; anything opened is spent, whatever became of it. Every decision is
made by replaying the journal inside the transaction that records it: two processes can never spend the same budget.

The file is longer than most: what may happen to a debit is one state machine.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tactful.errors import (
    BudgetExceededError,
    ConfigError,
    JournalBrokenError,
    NotFoundError,
    RefusedError,
    UsageError,
)
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.balance import KINDS, UNSTATED, Assignment, Balance, BudgetLimit, Line
from tactful.privacy.events import GaussianEvent, Partition
from tactful.privacy.figures import BudgetStatus, Price, declared, price_of, status_of
from tactful.privacy.statistics import Noise
from tactful.records.journal import JSON
from tactful.records.store import Records, Transaction

__all__ = ["Assignment", "BudgetLedger", "BudgetLimit", "BudgetStatus", "Debit", "Price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """The receipt of a run that has paid.

    Attributes
    ----------
    id : str
        Random.
    run : str
    names : tuple of str
        The events paid for.
    """

    id: str
    run: str
    names: tuple[str, ...]


class BudgetLedger:
    """The account of the population that a records store is about.

    **Privacy.** *Reads* and *returns* no rows about people: noise multipliers, run names and times. *Costs* nothing
    itself. *Assumes* that run and event names hold no person's id, and that noise is drawn only after `open` returned.

    Parameters
    ----------
    records : Records
    """

    __slots__ = ("_records",)

    def __init__(self, records: Records) -> None:
        self._records = records

    def declare(self, limit: BudgetLimit) -> None:
        """The population has this limit; the first declaration is kept, later ones must agree with it.

        Raises
        ------
        ConfigError
            If another limit is in force.
        """
        with self._records.transaction() as transaction:
            known = _agreed(_balance(transaction).limit, limit)
            if known is None:
                transaction.append("budget.limit", {"limit": limit.as_json()})

    def change_limit(self, limit: BudgetLimit, *, reason: str, actor: str | None) -> None:
        """The population has this limit from now on; the journal keeps the old one, the reason and who changed it.

        Parameters
        ----------
        limit : BudgetLimit
        reason : str
            Why, in words; not empty.
        actor : str or None
            The public key of whoever answers for it.
        """
        if not reason.strip():
            raise UsageError("a changed limit needs a reason", given="an empty one", do="Say why the limit changes")
        with self._records.transaction() as transaction:
            before = declared(_balance(transaction))
            body: dict[str, JSON] = {"limit": limit.as_json(), "before": before.as_json(), "reason": reason}
            transaction.append("budget.limit_changed", body, actor=actor)

    def price(
        self,
        events: Sequence[GaussianEvent],
        *,
        limit: BudgetLimit | None = None,
        assignment: Assignment | None = None,
        noise: Noise = "system",
    ) -> Price:
        """What a debit of these events would be told now. Nothing is debited.

        Parameters
        ----------
        events : sequence of GaussianEvent
        limit : BudgetLimit, optional
            The limit that would be declared; needed as long as none is.
        assignment, noise
            As in `debit`.

        Raises
        ------
        ConfigError
            If there is no limit, or another one is in force, or the records hold runs with the other kind of noise.
        """
        balance = Balance.replay(self._records.entries(KINDS))
        balance.limit = _agreed(balance.limit, limit) or limit
        _check_noise(balance, noise)
        if (divided := assignment or UNSTATED) not in balance.assignments:
            balance.assignments.append(divided)
        return price_of(balance, events, self._records.now())

    def debit(
        self,
        run: str,
        events: Sequence[GaussianEvent],
        *,
        assignment: Assignment | None = None,
        noise: Noise = "system",
    ) -> Debit:
        """All of these events are paid for, durably, or none is.

        Training and evaluation people pay separately because they are different people. Once another key or share was
        used they overlap, and every debit, the earlier ones too, counts against both for good. A refused debit leaves
        no trace of its assignment.

        Parameters
        ----------
        run : str
            A name for the run.
        events : sequence of GaussianEvent
            With different names.
        assignment : Assignment, optional
            How people are divided in this run. Runs that do not say differ from all that do.
        noise : {"system", "reproducible"}
            What the run draws from. Records hold one kind only: seeded noise protects nobody, so its runs must not
            stand beside a promise. Who ran it stands with the reading of its tables.

        Raises
        ------
        BudgetExceededError
            If they do not fit; nothing is written.
        ConfigError
            If no limit is declared, or the records hold runs with the other kind of noise.
        JournalBrokenError
            If the journal was tampered with, so that what was spent cannot be told.
        """
        _check_names(events)
        with self._records.transaction() as transaction:
            _check_chain(transaction)
            balance = _balance(transaction)
            _check_noise(balance, noise)
            _pin(transaction, balance, assignment or UNSTATED)
            price = price_of(balance, events, transaction.now())
            if not price.fits:
                raise BudgetExceededError(
                    requested=price.requested,
                    spent=price.spent,
                    remaining=price.remaining,
                    limit=price.limit,
                    delta=price.delta,
                )
            debit = Debit(id=uuid.uuid4().hex, run=run, names=tuple(event.name for event in events))
            listed: list[JSON] = [event.as_json() for event in events]
            body: dict[str, JSON] = {"id": debit.id, "run": run, "noise": noise, "events": listed}
            transaction.append("budget.debited", body)
        return debit

    def find(self, debit_id: str) -> Debit:
        """The receipt of an earlier debit, for instance of a run that crashed.

        Raises
        ------
        NotFoundError
            If there is none with this id.
        """
        lines = [line for line in Balance.replay(self._records.entries(KINDS)).lines.values() if line.debit == debit_id]
        if not lines:
            raise _unknown(debit_id)
        return Debit(id=debit_id, run=lines[0].run, names=tuple(line.event.name for line in lines))

    def open(self, debit: Debit, name: str) -> None:
        """The event is spent, durably: noise may be drawn for it, once.

        Raises
        ------
        RefusedError
            If it was opened before or given back.
        """
        with self._records.transaction() as transaction:
            _check_state(_balance(transaction), debit, name, "debited")
            transaction.append("budget.opened", {"id": debit.id, "name": name})

    def released(self, debit: Debit, name: str) -> None:
        """The noisy value exists and may be used.

        Raises
        ------
        RefusedError
            If the event is not open.
        """
        with self._records.transaction() as transaction:
            _check_state(_balance(transaction), debit, name, "opened")
            transaction.append("budget.released", {"id": debit.id, "name": name})

    def cancel(self, debit: Debit) -> tuple[str, ...]:
        """Those events of the debit that were never opened are given back, and named; opened ones stay spent."""
        with self._records.transaction() as transaction:
            lines = _balance(transaction).lines
            names = [name for name in debit.names if _line(lines, debit, name).state == "debited"]
            if names:
                transaction.append("budget.cancelled", {"id": debit.id, "names": names})
        return tuple(names)

    def settle(self, run: str) -> dict[Partition, PrivacyLoss]:
        """What a run that is over never opened is given back; what it opened is what it has cost people of each part.

        Parameters
        ----------
        run : str
            The name under which it was debited; a run that never paid has cost nothing.
        """
        with self._records.transaction() as transaction:
            balance = _balance(transaction)
            lines = [line for line in balance.lines.values() if line.run == run]
            unopened = [line for line in lines if line.state == "debited"]
            for debit in dict.fromkeys(line.debit for line in unopened):
                names = [line.event.name for line in unopened if line.debit == debit]
                transaction.append("budget.cancelled", {"id": debit, "names": names})
        return balance.losses([line for line in lines if line.state in ("opened", "released")])

    def given_back(self, run: str) -> tuple[str, ...]:
        """The events of a run that were debited, never opened and given back, by name."""
        lines = Balance.replay(self._records.entries(KINDS)).lines.values()
        return tuple(line.event.name for line in lines if line.run == run and line.state == "cancelled")

    def status(self, at: datetime | None = None) -> BudgetStatus:
        """The books now, or as they stood at an earlier time.

        Parameters
        ----------
        at : datetime, optional
            Without a zone it is UTC.
        """
        now = self._records.now() if at is None else at if at.tzinfo else at.replace(tzinfo=UTC)
        return status_of(Balance.replay(e for e in self._records.entries(KINDS) if at is None or e.time <= now), now)


def _balance(transaction: Transaction) -> Balance:
    """The balance as this transaction sees it."""
    return Balance.replay(transaction.entries(KINDS))


def _pin(transaction: Transaction, balance: Balance, assignment: Assignment) -> None:
    """The way people are divided is on record, and in the balance."""
    known = balance.assignments
    if assignment not in known:
        body: dict[str, JSON] = {
            "fingerprint": assignment.fingerprint,
            "evaluation_share": float(assignment.evaluation_share),
        }
        transaction.append("assignment.changed" if known else "assignment.pinned", body)
        known.append(assignment)


def _check_noise(balance: Balance, noise: Noise) -> None:
    """Raise if runs of these records drew from the other kind of noise."""
    if balance.noises - {noise}:
        raise ConfigError(
            "records hold runs with noise from the system or from a seed, never both",
            given=f"these hold {next(iter(balance.noises))} noise, and this run would draw {noise} noise",
            do="Set TACTFUL_RECORDS to a store of its own for seeded runs on public data",
        )


def _agreed(known: BudgetLimit | None, given: BudgetLimit | None) -> BudgetLimit | None:
    """The limit in force; raise if another one is given."""
    if known and given and known != given:
        raise ConfigError(
            "everyone who uses these records shares one budget limit",
            given=f"the records have {known}, the configuration {given}",
            do="Correct the configuration, or have the limit changed: tactful budget --limit EPSILON --reason TEXT",
            known=known,
            asked=given,
        )
    return known


def _check_names(events: Sequence[GaussianEvent]) -> None:
    """Raise unless there is an event and all names differ."""
    names = [event.name for event in events]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            "a debit names each of its events once", given=f"the names {names}", do="Give every release its own name"
        )


def _check_chain(transaction: Transaction) -> None:
    """Raise unless the journal holds."""
    report = transaction.verify()
    if not report.ok:
        raise JournalBrokenError(
            "the journal must be whole before budget is spent",
            given=f"{report.problem}",
            do="Find out who changed the records, and restore them from a copy",
            entries=report.entries,
            head=report.head,
        )


def _check_state(balance: Balance, debit: Debit, name: str, state: str) -> None:
    """Raise unless the event of the debit is in this state."""
    found = _line(balance.lines, debit, name).state
    if found != state:
        raise RefusedError(
            f"an event is debited, opened and released once each: this step needs it {state}",
            given=f"{name} is {'given back' if found == 'cancelled' else found}",
            do="Debit the release again; what was opened stays spent",
            state=found,
        )


def _line(lines: dict[tuple[str, str], Line], debit: Debit, name: str) -> Line:
    """The line of one event; raise if the journal has none."""
    try:
        return lines[debit.id, name]
    except KeyError:
        raise _unknown(f"{debit.id}, {name}") from None


def _unknown(what: str) -> NotFoundError:
    """The error for a debit or event these records do not have."""
    return NotFoundError(
        "a debit must be in these records", given=f"{what} is not", do="Use the records it was made with"
    )
