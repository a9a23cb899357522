"""Every training that the journal knows: what it read, what it cost each half of the people, what became of it.

Notes
-----
A training is told by up to three kinds of entries: ``data.read`` (what it read, as of when), ``budget.debited`` (what
it was about to release) and ``model.candidate``. One that ended before it had a model released what it had opened all
the same. Candidates recorded before readings were have no more than the last; what they cost is taken from the debit
before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tactful.assurance.candidates import KINDS as MODELS
from tactful.assurance.candidates import replay
from tactful.assurance.model_book import Book, CandidateEntry
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.balance import KINDS as BUDGET
from tactful.privacy.balance import Balance, Line
from tactful.privacy.events import Partition
from tactful.records.reads import Read, noted_reads
from tactful.records.store import Records

_PURPOSE = "personalization.training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training.

    Attributes
    ----------
    model : str
    version, run_id : str or None
        MLflow's; None where no candidate came of it.
    purpose : str
        What people had to agree to.
    time : datetime, UTC
        When it read, or when its candidate was recorded.
    status : str
        As `tactful models` tells it, ``expired`` where an approval ended by itself, or ``no model`` where none came of
        it.
    champion : bool
    ends_at : datetime or None
        Until when its approval holds.
    facts : mapping or None
        What the journal says of its reading; None if it says nothing.
    losses : mapping of partition to PrivacyLoss
        What it released, whether a model came of it or not. Empty if nothing.
    protects : bool
        Whether its noise was real.
    delta : float
        The δ at which the population's budget is told.
    assignment : str or None
        The fingerprint of the key by which people were divided; None if that cannot be told.
    evaluation_share : float or None
        The share of people that measured it; None if that cannot be told.
    """

    model: str
    version: str | None
    run_id: str | None
    purpose: str
    time: datetime
    status: str
    champion: bool
    ends_at: datetime | None
    facts: Mapping[str, Any] | None = field(repr=False)
    losses: Mapping[Partition, PrivacyLoss]
    protects: bool
    delta: float
    assignment: str | None
    evaluation_share: float | None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.model} version {self.version}" if self.version else f"{self.model}, a training without a model"


def trainings(records: Records) -> list[Training]:
    """Every training that the journal knows, the earliest first.

    Raises
    ------
    JournalBrokenError
        What the journal says about models does not hold.
    """
    book, balance = replay(records.entries(MODELS)), Balance.replay(records.entries(BUDGET))
    reads = {str(read.facts.get("run")): read for read in noted_reads(records, "training")}
    now = records.now()
    found = [_of_candidate(book, balance, each, reads.get(str(each.run)), now) for each in book.candidates]
    recorded = {each.run for each in book.candidates}
    found += [_without(balance, run, read) for run, read in reads.items() if run not in recorded]
    return sorted((each for each in found if each.losses or each.version), key=lambda each: each.time)


def composed(losses: Iterable[PrivacyLoss], delta: float) -> float | None:
    """The ε of all of them together at this δ; None if no finite one holds."""
    epsilon = PrivacyLoss.total(losses).epsilon(delta)
    return epsilon if epsilon < float("inf") else None


def _of_candidate(book: Book, balance: Balance, entry: CandidateEntry, read: Read | None, now: datetime) -> Training:
    """The training that a candidate came of."""
    lines = _lines(balance, entry.run) or _before(balance, entry.time)
    published, champion = book.published(entry), book.champion(entry.candidate.model)
    ends_at = published.expires_at if published is not None and published.approved else None
    status = book.status(entry)
    over = ends_at is not None and ends_at <= now and status == "approved"
    subject = None if champion is None else book.subject(champion)
    return Training(
        model=entry.candidate.model,
        version=entry.candidate.version,
        run_id=entry.candidate.run_id,
        purpose=_PURPOSE if read is None else read.purpose,
        time=entry.time if read is None else read.time,
        status="expired" if over else status,
        champion=subject == entry and not over,
        ends_at=ends_at,
        facts=None if read is None else read.facts,
        **_cost(balance, lines),
        **_divided(balance, read),
    )


def _without(balance: Balance, run: str, read: Read) -> Training:
    """A training that ended without a candidate."""
    return Training(
        model=str(read.facts.get("model", "")),
        version=None,
        run_id=None,
        purpose=read.purpose,
        time=read.time,
        status="no model",
        champion=False,
        ends_at=None,
        facts=read.facts,
        **_cost(balance, _lines(balance, run)),
        **_divided(balance, read),
    )


def _cost(balance: Balance, lines: list[Line]) -> dict[str, Any]:
    """What these lines cost each partition."""
    return {
        "losses": balance.charge(line.event for line in lines) if lines else {},
        "protects": all(line.noise == "system" for line in lines),
        "delta": balance.limit.delta if balance.limit else 1e-6,
    }


def _divided(balance: Balance, read: Read | None) -> dict[str, Any]:
    """How people were divided: what the training's entry says, else the one way in which they ever were."""
    facts: Mapping[str, Any] = {} if read is None else read.facts
    only = balance.assignments[0] if len(balance.assignments) == 1 else None
    return {
        "assignment": facts.get("assignment", only.fingerprint if only else None),
        "evaluation_share": facts.get("evaluation_share", only.evaluation_share if only else None),
    }


def _lines(balance: Balance, run: str | None) -> list[Line]:
    """What a run opened, or may still open."""
    return [line for line in _kept(balance) if run is not None and line.run == run]


def _before(balance: Balance, time: datetime) -> list[Line]:
    """The lines of the last debit before a time."""
    debits = [line.debit for line in _kept(balance) if line.time <= time]
    return [line for line in _kept(balance) if debits and line.debit == debits[-1]]


def _kept(balance: Balance) -> Iterator[Line]:
    return (line for line in balance.lines.values() if line.state != "cancelled")
