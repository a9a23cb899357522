"""What the journal says was promised and spent: a pure replay of its budget entries, no database and no clock.

Notes
-----
*Periods.* A limit with a period holds within each period, counted from the first debit. An event belongs to the period
in which it was *opened*, because that is when something leaves; until then it weighs on every period it is carried
into. So debits cannot be hoarded in one period and opened in the next beside that one's own.

*Clocks.* Time in a replay never runs backwards: an entry whose clock was behind the one before it counts as made then.
Setting a clock back opens no spent period again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from tactful.errors import ConfigError, UsageError, counted
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss
from tactful.privacy.events import PARTITIONS, GaussianEvent, Partition, SamplerSlack
from tactful.privacy.statistics import Noise
from tactful.records.journal import Entry

KINDS = ("budget.", "assignment.")
"""The journal entries that a balance is made from."""

State = Literal["debited", "opened", "released", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """How people are divided into training and evaluation.

    Attributes
    ----------
    fingerprint : str
        Of the assignment key.
    evaluation_share : float
    """

    fingerprint: str
    evaluation_share: float


UNSTATED = Assignment(fingerprint="unstated", evaluation_share=0.0)
"""How a run divides people that does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimit:
    """What everything released about the population must stay within.

    Attributes
    ----------
    epsilon, delta : float
    period_days : int, optional
        The limit holds within each period of so many days; without it, for ever.
    """

    epsilon: float
    delta: float
    period_days: int | None = None

    def __post_init__(self) -> None:
        PrivacyBudget(epsilon=self.epsilon, delta=self.delta)
        if self.period_days is not None and not (isinstance(self.period_days, int) and self.period_days > 0):
            raise ConfigError(
                "a budget period is a whole number of days above 0",
                given=f"period_days = {self.period_days!r}",
                do="Give the days after which the budget renews, or leave it out",
            )

    def __str__(self) -> str:
        every = f" every {counted(self.period_days, 'day')}" if self.period_days else ""
        return f"epsilon = {self.epsilon:g}, delta = {self.delta:g}{every}"

    @property
    def budget(self) -> PrivacyBudget:
        """The same without the period."""
        return PrivacyBudget(epsilon=self.epsilon, delta=self.delta)

    def as_json(self) -> dict[str, Any]:
        """The limit as plain values."""
        return {"epsilon": float(self.epsilon), "delta": float(self.delta), "period_days": self.period_days}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event of one debit, and how far it got.

    Attributes
    ----------
    debit : str
        The debit's id.
    run : str
    time : datetime, UTC
        When it was debited.
    event : GaussianEvent
    state : {"debited", "opened", "released", "cancelled"}
        What people are told is given back is ``cancelled`` in the books.
    noise : {"system", "reproducible"}
        What the run draws from. Whoever has a seed can take its noise away again, so it protects nobody.
    opened : datetime or None
        When noise was about to be drawn.
    """

    debit: str
    run: str
    time: datetime
    event: GaussianEvent
    state: State
    noise: Noise
    opened: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Balance:
    """The state of the books after some entries.

    Attributes
    ----------
    limit : BudgetLimit or None
    lines : mapping of (debit, event name) to Line, in order
    assignments : list of Assignment
        Every way in which people were ever divided; more than one, and the partitions overlap.
    time : datetime or None
        The latest time seen.
    first : datetime or None
        The time of the first debit.
    """

    limit: BudgetLimit | None = None
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    time: datetime | None = None
    first: datetime | None = None

    @classmethod
    def replay(cls, entries: Iterable[Entry]) -> Balance:
        """The balance after these entries, in order.

        Raises
        ------
        UsageError
            If an entry is of a kind this version does not know: what it spent cannot be told.
        """
        balance = cls()
        for entry in entries:
            balance.time = max(entry.time, balance.time or entry.time)
            balance._apply(entry.kind, entry.body, balance.time)
        return balance

    def spent_lines(self, now: datetime) -> list[Line]:
        """The lines that weigh on the limit at this time."""
        start = self._period_start(max(now, self.time or now))
        return [line for line in self._kept() if start is None or line.opened is None or line.opened >= start]

    def losses(self, lines: Iterable[Line] | None = None) -> dict[Partition, PrivacyLoss]:
        """What each partition has lost through these lines; through all that were not given back if none are given."""
        return self.charge(line.event for line in (self._kept() if lines is None else lines))

    def charge(self, events: Iterable[GaussianEvent]) -> dict[Partition, PrivacyLoss]:
        """What these events cost each partition. Once people were divided in two ways, every event is about both."""
        listed, overlap = list(events), len(self.assignments) > 1
        return {
            part: PrivacyLoss.total(PrivacyLoss.of(event) for event in listed if overlap or part in event.partitions)
            for part in PARTITIONS
        }

    @property
    def noises(self) -> set[Noise]:
        """Every kind of noise that a run of these records drew from."""
        return {line.noise for line in self.lines.values()}

    def reserve(self) -> SamplerSlack:
        """As much slack as any debit so far had: room to keep for the next one's."""
        sums: dict[str, PrivacyLoss] = {}
        for line in self.lines.values():
            sums[line.debit] = sums.get(line.debit, PrivacyLoss()) + PrivacyLoss.of(line.event)
        return SamplerSlack(
            epsilon=max((loss.slack_epsilon for loss in sums.values()), default=0.0),
            tail=max((loss.tail for loss in sums.values()), default=0.0),
        )

    def _kept(self) -> Iterator[Line]:
        return (line for line in self.lines.values() if line.state != "cancelled")

    def _period_start(self, now: datetime) -> datetime | None:
        """When the period of this time began; None if the limit has no period or nothing was debited."""
        if self.first is None or self.limit is None or self.limit.period_days is None:
            return None
        period = timedelta(days=self.limit.period_days)
        return self.first + (now - self.first) // period * period

    def _apply(self, kind: str, body: Mapping[str, Any], time: datetime) -> None:
        match kind:
            case "budget.limit" | "budget.limit_changed":
                self.limit = BudgetLimit(**body["limit"])
            case "budget.debited":
                self._debit(body, time)
            case "budget.opened":
                self._advance(body["id"], body["name"], "opened", time)
            case "budget.released":
                self._advance(body["id"], body["name"], "released")
            case "budget.cancelled":
                for name in body["names"]:
                    self._advance(body["id"], name, "cancelled")
            case "assignment.pinned" | "assignment.changed":
                self.assignments.append(Assignment(**body))
            case _:
                raise UsageError(
                    "every budget entry must be understood, or what was spent cannot be told",
                    given=f"the journal has an entry of kind {kind}",
                    do="Use the version of tactful that wrote it, or a newer one",
                )

    def _debit(self, body: Mapping[str, Any], time: datetime) -> None:
        self.first = self.first or time
        for values in body["events"]:
            event = GaussianEvent.of_json(values)
            line = Line(debit=body["id"], run=body["run"], time=time, event=event, state="debited", noise=body["noise"])
            self.lines[line.debit, event.name] = line

    def _advance(self, debit: str, name: str, state: State, opened: datetime | None = None) -> None:
        line = self.lines[debit, name]
        self.lines[debit, name] = replace(line, state=state, opened=opened or line.opened)
