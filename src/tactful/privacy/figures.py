"""The figures read off a balance: what events would cost, what was spent, what remains. No database."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tactful.errors import ConfigError
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.balance import Balance, BudgetLimit, Line
from tactful.privacy.events import PARTITIONS, GaussianEvent, Partition, SamplerSlack
from tactful.privacy.statistics import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What events would cost, for the partition that they press hardest.

    Attributes
    ----------
    requested, spent, limit : float
        ε of the events alone, of what weighs on the limit already, and of the limit, at the limit's δ.
    remaining : float
        ε of the largest run that still fits.
    delta : float
    fits : bool
        Whether a debit made now would be accepted.
    """

    requested: float
    spent: float
    remaining: float
    limit: float
    delta: float
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Epsilons:
    """One ε for each partition and one for the population, all at one δ. None where no finite ε holds.

    Attributes
    ----------
    epsilon : float or None
        The largest of the partitions for what was spent (they are different people), the smallest for what remains.
    delta : float
    training, evaluation : float or None
    """

    epsilon: float | None
    delta: float
    training: float | None
    evaluation: float | None

    def as_json(self) -> dict[str, float | None]:
        """The four as plain values."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "training": self.training,
            "evaluation": self.evaluation,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """The books at one time.

    Attributes
    ----------
    limit : BudgetLimit or None
        None until one is declared; then there are no figures either.
    noise : {"system", "reproducible"} or None
        What the runs drew from. With reproducible noise no finite ε holds, and the figures say so.
    spent, remaining : Epsilons or None
        In the current period.
    since_first : Epsilons or None
        Of everything since the first debit; no period resets it.
    debits : tuple of Line
    """

    limit: BudgetLimit | None
    noise: Noise | None
    spent: Epsilons | None
    remaining: Epsilons | None
    since_first: Epsilons | None
    debits: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """The status as plain values."""
        return {
            "limit": self.limit and self.limit.as_json(),
            "noise": self.noise,
            "spent": self.spent and self.spent.as_json(),
            "remaining": self.remaining and self.remaining.as_json(),
            "since_first": self.since_first and self.since_first.as_json(),
            "debits": [_line_json(line) for line in self.debits],
        }


def price_of(balance: Balance, events: Sequence[GaussianEvent], now: datetime) -> Price:
    """What a debit of these events would be told: the figures of the touched partition with the least room to spare.

    Raises
    ------
    ConfigError
        If no limit is declared.
    """
    limit, reserve = declared(balance), balance.reserve()
    asked, spent = balance.charge(events), balance.losses(balance.spent_lines(now))
    touched = [part for part in PARTITIONS if asked[part] != PrivacyLoss()] or PARTITIONS
    prices = [_price(asked[part], spent[part], limit, reserve) for part in touched]
    return min(prices, key=lambda price: (price.fits, price.remaining - price.requested))


def status_of(balance: Balance, now: datetime) -> BudgetStatus:
    """The books at this time."""
    lines, limit = tuple(balance.lines.values()), balance.limit
    noise: Noise | None = next(iter(balance.noises), None)
    if limit is None:
        return BudgetStatus(limit=None, noise=noise, spent=None, remaining=None, since_first=None, debits=lines)
    spent, reserve = balance.losses(balance.spent_lines(now)), balance.reserve()
    room = {part: loss.room(limit.budget, reserve) for part, loss in spent.items()}
    no_guarantee = _epsilons(dict.fromkeys(PARTITIONS, math.inf), math.inf, limit.delta)
    seeded = noise == "reproducible"
    return BudgetStatus(
        limit=limit,
        noise=noise,
        spent=no_guarantee if seeded else _spent(spent, limit.delta),
        remaining=_epsilons(room, min(room.values()), limit.delta),
        since_first=no_guarantee if seeded else _spent(balance.losses(), limit.delta),
        debits=lines,
    )


def declared(balance: Balance) -> BudgetLimit:
    """The limit; raise if there is none."""
    if balance.limit is None:
        raise ConfigError(
            "a budget limit must be declared before anything is spent or priced",
            given="these records have none",
            do="Set epsilon and delta of the population's limit in the configuration",
        )
    return balance.limit


def _price(asked: PrivacyLoss, spent: PrivacyLoss, limit: BudgetLimit, reserve: SamplerSlack) -> Price:
    """The price for the people of one partition."""
    return Price(
        requested=asked.epsilon(limit.delta),
        spent=spent.epsilon(limit.delta),
        remaining=spent.room(limit.budget, reserve),
        limit=limit.epsilon,
        delta=limit.delta,
        fits=(asked + spent).fits(limit.budget),
    )


def _spent(losses: Mapping[Partition, PrivacyLoss], delta: float) -> Epsilons:
    """What was spent: the two partitions are different people, so the population's ε is the larger one."""
    found = {part: loss.epsilon(delta) for part, loss in losses.items()}
    return _epsilons(found, max(found.values()), delta)


def _epsilons(found: Mapping[Partition, float], epsilon: float, delta: float) -> Epsilons:
    """The figures, with None for an ε that is not finite."""
    finite = {part: value if math.isfinite(value) else None for part, value in found.items()}
    return Epsilons(epsilon=epsilon if math.isfinite(epsilon) else None, delta=delta, **finite)


def _line_json(line: Line) -> dict[str, Any]:
    """One line of the status."""
    return {
        "id": line.debit,
        "run": line.run,
        "time": line.time.isoformat(),
        "name": line.event.name,
        "partitions": list(line.event.partitions),
        "noise_multiplier": line.event.noise_multiplier,
        "state": line.state,
    }
