"""The budget ledger: paid before the draw, never twice, never past the limit."""

from __future__ import annotations

import json
import math
import pickle
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tactful.errors import (
    BudgetExceededError,
    ConfigError,
    JournalBrokenError,
    NotFoundError,
    RefusedError,
    UsageError,
)
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss, calibrate, epsilon_at, mu_at
from tactful.privacy.events import GaussianEvent, Partition, SamplerSlack
from tactful.privacy.ledger import Assignment, BudgetLedger, BudgetLimit, Debit
from tactful.records.store import Records

DELTA = 1e-6
LIMIT = BudgetLimit(epsilon=3.0, delta=DELTA)
BOTH: tuple[Partition, ...] = ("training", "evaluation")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(tmp_path: Path, clock: Clock) -> Records:
    return Records.open(f"sqlite:///{tmp_path}/records.db", clock=clock)


@pytest.fixture
def ledger(records: Records) -> BudgetLedger:
    made = BudgetLedger(records)
    made.declare(LIMIT)
    return made


def event(
    epsilon: float, name: str = "gram", partitions: tuple[Partition, ...] = ("training",), slack: float = 0.0
) -> GaussianEvent:
    """An event that alone costs this ε at DELTA."""
    room = SamplerSlack(epsilon=slack, tail=slack * 1e-12)
    mu = calibrate(PrivacyBudget(epsilon=epsilon, delta=DELTA), room)
    return GaussianEvent(name=name, partitions=partitions, noise_multiplier=1 / mu, slack=room)


def spent(ledger: BudgetLedger) -> tuple[float, float]:
    figures = ledger.status().spent
    assert figures is not None
    assert figures.epsilon == max(figures.training, figures.evaluation)
    return figures.training, figures.evaluation


def states(ledger: BudgetLedger) -> dict[str, str]:
    return {line.event.name: line.state for line in ledger.status().debits}


def test_a_run_that_asks_for_the_whole_limit_gets_it_once(ledger: BudgetLedger) -> None:
    """The first fits exactly; the second is refused with the three figures and writes nothing."""
    ledger.debit("first", [event(3.0)])
    with pytest.raises(BudgetExceededError) as caught:
        ledger.debit("second", [event(0.5)])
    error = caught.value
    assert (error.requested, error.spent) == (pytest.approx(0.5, rel=1e-6), pytest.approx(3.0, rel=1e-6))
    assert (error.remaining, error.limit, error.delta) == (0.0, 3.0, DELTA)
    assert [line.run for line in ledger.status().debits] == ["first"]
    assert pickle.loads(pickle.dumps(error)).remaining == 0.0  # noqa: S301  our own


def test_costs_add_in_mu_not_in_epsilon(ledger: BudgetLedger) -> None:
    """Five runs of ε = 1 make 2.5 together at δ = 1e-6: a sixth fits in ε = 3, an eighth does not."""
    for run in range(5):
        ledger.debit(f"run {run}", [event(1.0)])
    assert spent(ledger)[0] == pytest.approx(epsilon_at(math.sqrt(5) * mu_at(1.0, DELTA), DELTA), rel=1e-9)
    ledger.debit("run 5", [event(1.0)])
    ledger.debit("run 6", [event(1.0)])
    with pytest.raises(BudgetExceededError):
        ledger.debit("run 7", [event(1.0)])


@pytest.mark.parametrize("slack", [0.0, 1e-4])
def test_what_remains_can_be_spent_and_no_more(ledger: BudgetLedger, slack: float) -> None:
    """A run of exactly `remaining` fits, with as much sampler slack as the runs before; 1% more does not."""
    ledger.debit("first", [event(2.0, slack=slack)])
    remaining = ledger.status().remaining
    assert remaining is not None
    assert 1.9 < remaining.epsilon < 2.1
    with pytest.raises(BudgetExceededError):
        ledger.debit("too much", [event(remaining.epsilon * 1.01, slack=slack)])
    ledger.debit("just right", [event(remaining.epsilon, slack=slack)])
    left = ledger.status().remaining
    assert left is not None
    assert left.epsilon < 0.01


def test_partitions_are_different_people(ledger: BudgetLedger) -> None:
    """Training pays for training; an event about both is paid twice; the population's ε is the larger."""
    ledger.debit("a", [event(2.5), event(2.5, "evaluation", ("evaluation",))])
    assert spent(ledger) == (pytest.approx(2.5, rel=1e-6), pytest.approx(2.5, rel=1e-6))
    ledger.debit("b", [event(1.0, "evaluation", ("evaluation",))])
    training, evaluation = spent(ledger)
    assert training == pytest.approx(2.5, rel=1e-6)
    assert evaluation == pytest.approx(epsilon_at(math.hypot(mu_at(2.5, DELTA), mu_at(1.0, DELTA)), DELTA), rel=1e-6)
    with pytest.raises(BudgetExceededError) as caught:
        ledger.debit("c", [event(1.3, "consent", BOTH)])
    assert caught.value.spent == pytest.approx(evaluation)


def test_all_or_nothing(ledger: BudgetLedger) -> None:
    """If one partition has no room, the other is not charged either."""
    ledger.debit("a", [event(3.0, "evaluation", ("evaluation",))])
    before = ledger.status().as_json()
    with pytest.raises(BudgetExceededError):
        ledger.debit("b", [event(0.1), event(0.1, "evaluation", ("evaluation",))])
    assert ledger.status().as_json() == before


def test_a_price_debits_nothing_and_foretells_the_debit(ledger: BudgetLedger, records: Records) -> None:
    """Before any debit and after; what fits is accepted and what does not is refused with the same figures."""
    small, large = [event(2.0)], [event(2.9)]
    assert ledger.price(small).fits
    ledger.debit("a", small)
    head = records.verify().head
    price = ledger.price(large)
    assert records.verify().head == head
    with pytest.raises(BudgetExceededError) as caught:
        ledger.debit("b", large)
    error = caught.value
    assert not price.fits
    assert (price.requested, price.spent, price.remaining) == (error.requested, error.spent, error.remaining)
    assert (price.limit, price.delta) == (3.0, DELTA)


def test_a_price_before_any_limit_uses_the_one_given(records: Records) -> None:
    """A dry run on a fresh store needs nothing declared, and declares nothing; without a limit there is no price."""
    ledger = BudgetLedger(records)
    price = ledger.price([event(3.0)], limit=LIMIT)
    assert (price.fits, price.spent, price.remaining) == (True, 0.0, 3.0)
    assert not ledger.price([event(3.1)], limit=LIMIT).fits
    assert records.entries() == []
    with pytest.raises(ConfigError, match="must be declared"):
        ledger.price([event(1.0)])
    with pytest.raises(ConfigError, match="must be declared"):
        ledger.debit("a", [event(1.0)])


def test_one_population_has_one_limit(ledger: BudgetLedger, records: Records) -> None:
    """Declaring it again is nothing; another one is refused and named, also by a dry run; changing it is journalled."""
    ledger.declare(LIMIT)
    other = BudgetLimit(epsilon=8.0, delta=DELTA, period_days=30)
    for call in (ledger.declare, lambda limit: ledger.price([event(1.0)], limit=limit)):
        with pytest.raises(ConfigError, match=r"epsilon = 3, delta = 1e-06, .* epsilon = 8, .* every 30 days"):
            call(other)
    assert len(records.entries("budget.limit")) == 1
    with pytest.raises(UsageError, match="needs a reason"):
        ledger.change_limit(other, reason=" ", actor=None)
    ledger.change_limit(other, reason="the board said so", actor="ab12")
    entry = records.entries("budget.limit_changed")[0]
    assert (entry.actor, entry.body["reason"]) == ("ab12", "the board said so")
    assert entry.body["before"] == LIMIT.as_json()
    ledger.declare(other)
    assert ledger.status().limit == other


def test_a_limit_lowered_below_what_was_spent_leaves_nothing(ledger: BudgetLedger) -> None:
    """What was spent stays spent and is shown; nothing more fits."""
    ledger.debit("a", [event(2.0)])
    ledger.change_limit(BudgetLimit(epsilon=1.0, delta=DELTA), reason="too much", actor=None)
    remaining = ledger.status().remaining
    assert remaining is not None
    assert remaining.epsilon == 0.0
    assert not ledger.price([event(0.01)]).fits


def test_an_event_is_opened_once(ledger: BudgetLedger) -> None:
    """Debited, opened, released, each once: a second draw for the same payment is refused, also after release."""
    debit = ledger.debit("a", [event(1.0), event(1.0, "popularity")])
    with pytest.raises(RefusedError, match="gram is debited"):
        ledger.released(debit, "gram")
    ledger.open(debit, "gram")
    with pytest.raises(RefusedError, match="gram is opened"):
        ledger.open(debit, "gram")
    ledger.released(debit, "gram")
    for step in (ledger.open, ledger.released):
        with pytest.raises(RefusedError, match="gram is released"):
            step(debit, "gram")
    assert states(ledger) == {"gram": "released", "popularity": "debited"}


def test_cancelling_gives_back_only_what_was_never_opened(ledger: BudgetLedger, records: Records) -> None:
    """Opened stays spent, whatever became of it; cancelling twice is nothing; what was given back cannot be opened."""
    debit = ledger.debit("a", [event(1.0, "popularity"), event(2.0), event(1.0, "people")])
    ledger.open(debit, "popularity")
    ledger.open(debit, "gram")
    ledger.released(debit, "popularity")
    assert ledger.cancel(debit) == ("people",)
    assert ledger.given_back("a") == ("people",)
    assert ledger.given_back("b") == ()
    assert states(ledger) == {"popularity": "released", "gram": "opened", "people": "cancelled"}
    expected = epsilon_at(math.hypot(mu_at(1.0, DELTA), mu_at(2.0, DELTA)), DELTA)
    assert spent(ledger)[0] == pytest.approx(expected, rel=1e-6)
    before = records.verify().entries
    assert ledger.cancel(debit) == ()
    assert records.verify().entries == before
    with pytest.raises(RefusedError, match="people is given back"):
        ledger.open(debit, "people")


def test_a_debit_of_another_store_is_unknown(ledger: BudgetLedger) -> None:
    """Neither opened, released, cancelled nor found."""
    foreign = Debit(id="0" * 32, run="a", names=("gram",))
    for step in (lambda: ledger.open(foreign, "gram"), lambda: ledger.cancel(foreign), lambda: ledger.find("0" * 32)):
        with pytest.raises(NotFoundError):
            step()
    debit = ledger.debit("a", [event(1.0)])
    with pytest.raises(NotFoundError):
        ledger.open(debit, "popularity")
    assert ledger.find(debit.id) == debit


@pytest.mark.parametrize("names", [[], ["gram", "gram"]])
def test_a_debit_names_each_event_once(ledger: BudgetLedger, names: list[str]) -> None:
    """Two events of one name could be opened twice for one payment."""
    with pytest.raises(UsageError, match="names each of its events once"):
        ledger.debit("a", [event(0.1, name) for name in names])


def test_a_refused_debit_leaves_no_assignment(ledger: BudgetLedger, records: Records) -> None:
    """A mistyped share that does not fit is refused by the price and by the debit, and changes nothing for good."""
    first, other = (Assignment(fingerprint="k1", evaluation_share=share) for share in (0.2, 0.3))
    ledger.debit("a", [event(2.0), event(2.0, "evaluation", ("evaluation",))], assignment=first)
    asked = [event(1.0), event(1.0, "evaluation", ("evaluation",))]
    assert ledger.price(asked, assignment=first).fits
    assert not ledger.price(asked, assignment=other).fits
    with pytest.raises(BudgetExceededError):
        ledger.debit("b", asked, assignment=other)
    assert [e.kind for e in records.entries("assignment.")] == ["assignment.pinned"]
    assert spent(ledger) == (pytest.approx(2.0, rel=1e-6), pytest.approx(2.0, rel=1e-6))


def test_seeded_runs_stand_beside_no_promise(ledger: BudgetLedger) -> None:
    """Records hold one kind of noise; where it is seeded, no finite epsilon is stated."""
    ledger.debit("a", [event(1.0)], noise="reproducible")
    assert ledger.status().as_json()["since_first"]["epsilon"] is None
    for refused in (ledger.price, lambda events: ledger.debit("b", events)):
        with pytest.raises(ConfigError, match="never both"):
            refused([event(1.0)])


def test_people_divided_anew_pay_for_everything(ledger: BudgetLedger, records: Records) -> None:
    """Once key or share differ, every event, the earlier ones too, counts against both partitions, for good."""
    first, other = (Assignment(fingerprint="k1", evaluation_share=share) for share in (0.2, 0.3))
    ledger.debit("a", [event(2.0), event(1.0, "evaluation", ("evaluation",))], assignment=first)
    assert spent(ledger) == (pytest.approx(2.0, rel=1e-6), pytest.approx(1.0, rel=1e-6))
    small = [event(1e-6, "evaluation", ("evaluation",))]
    ledger.debit("b", small, assignment=other)
    together = pytest.approx(epsilon_at(math.hypot(mu_at(1.0, DELTA), mu_at(2.0, DELTA)), DELTA), rel=1e-6)
    assert spent(ledger) == (together, together)
    ledger.debit("c", small, assignment=first)
    assert spent(ledger) == (together, together)
    with pytest.raises(BudgetExceededError):
        ledger.debit("d", [event(2.5, "evaluation", ("evaluation",))], assignment=first)
    assert [e.kind for e in records.entries("assignment.")] == ["assignment.pinned", "assignment.changed"]


def test_a_period_renews_the_limit_and_never_the_total(records: Records, clock: Clock) -> None:
    """52 weekly runs of ε = 1 each fit a weekly limit of 1; since the first debit they make 9.09."""
    ledger = BudgetLedger(records)
    ledger.declare(BudgetLimit(epsilon=1.0, delta=DELTA, period_days=7))
    for week in range(52):
        debit = ledger.debit(f"week {week}", [event(1.0)])
        ledger.open(debit, "gram")
        assert not ledger.price([event(0.1)]).fits
        clock.move(days=7)
    status = ledger.status().as_json()
    assert status["spent"]["epsilon"] == 0.0
    assert status["remaining"]["epsilon"] == 1.0
    assert status["since_first"]["epsilon"] == pytest.approx(9.0946, abs=1e-3)
    last_week = ledger.status(at=clock.now - timedelta(days=1)).as_json()
    assert last_week["spent"]["epsilon"] == pytest.approx(1.0, rel=1e-6)


def test_periods_are_counted_from_the_first_debit(records: Records, clock: Clock) -> None:
    """Not from midnight, not from the last debit."""
    ledger = BudgetLedger(records)
    ledger.declare(BudgetLimit(epsilon=1.0, delta=DELTA, period_days=7))
    clock.move(days=3)
    ledger.open(ledger.debit("a", [event(0.5)]), "gram")
    clock.move(days=6, hours=23)
    ledger.open(ledger.debit("b", [event(0.7)]), "gram")
    assert not ledger.price([event(1.0)]).fits
    clock.move(hours=1)
    assert ledger.price([event(1.0)]).fits


def test_debits_cannot_be_hoarded_across_periods(records: Records, clock: Clock) -> None:
    """A debit not yet opened weighs on the next period too: what is opened in one period stays within the limit."""
    ledger = BudgetLedger(records)
    ledger.declare(BudgetLimit(epsilon=1.0, delta=DELTA, period_days=7))
    hoarded = ledger.debit("a", [event(1.0)])
    clock.move(days=8)
    assert not ledger.price([event(0.1)]).fits
    ledger.open(hoarded, "gram")
    with pytest.raises(BudgetExceededError):
        ledger.debit("b", [event(1.0)])
    clock.move(days=7)
    ledger.debit("c", [event(1.0)])


def test_setting_the_clock_back_opens_no_spent_period(records: Records, clock: Clock) -> None:
    """Time in the books never runs backwards."""
    ledger = BudgetLedger(records)
    ledger.declare(BudgetLimit(epsilon=1.0, delta=DELTA, period_days=7))
    ledger.open(ledger.debit("a", [event(1.0)]), "gram")
    clock.move(days=8)
    ledger.open(ledger.debit("b", [event(1.0)]), "gram")
    clock.move(days=-100)
    assert not ledger.price([event(0.1)]).fits


def test_a_journal_that_was_tampered_with_spends_nothing_more(ledger: BudgetLedger, tmp_path: Path) -> None:
    """Whoever edits a debit away gets no new budget: the chain is checked before every debit."""
    ledger.debit("a", [event(3.0)])
    ledger.debit("b", [event(0.5, "e", ("evaluation",))])
    connection = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    connection.execute("DROP TRIGGER journal_no_update")
    connection.execute("UPDATE journal SET body = replace(body, '\"training\"', '\"evaluation\"') WHERE sequence = 2")
    connection.close()
    with pytest.raises(JournalBrokenError, match="entry 2 was changed"):
        ledger.debit("c", [event(0.1)])


def test_an_entry_of_a_later_version_stops_the_ledger(ledger: BudgetLedger, records: Records) -> None:
    """What is not understood might have spent something."""
    with records.transaction() as transaction:
        transaction.append("budget.transferred", {"epsilon": 1})
    with pytest.raises(UsageError, match=r"budget\.transferred"):
        ledger.debit("a", [event(0.1)])


def test_the_status_is_plain_json(ledger: BudgetLedger, clock: Clock) -> None:
    """The form that the command line prints, whole."""
    gram = event(1.0, partitions=BOTH)
    debit = ledger.debit("weekly", [gram])
    ledger.open(debit, "gram")
    status = json.loads(json.dumps(ledger.status().as_json(), allow_nan=False))
    assert set(status) == {"limit", "noise", "spent", "remaining", "since_first", "debits"}
    assert status["limit"] == {"epsilon": 3.0, "delta": DELTA, "period_days": None}
    assert set(status["spent"]) == set(status["remaining"]) == {"epsilon", "delta", "training", "evaluation"}
    assert status["debits"] == [
        {
            "id": debit.id,
            "run": "weekly",
            "time": clock.now.isoformat(),
            "name": "gram",
            "partitions": ["training", "evaluation"],
            "noise_multiplier": gram.noise_multiplier,
            "state": "opened",
        }
    ]


def test_a_status_without_a_limit_has_no_figures(records: Records) -> None:
    """Before anything is declared there is nothing to measure against."""
    status = BudgetLedger(records).status().as_json()
    figures = ("limit", "noise", "spent", "remaining", "since_first")
    assert status == {**dict.fromkeys(figures), "debits": []}


def test_a_spent_epsilon_that_is_not_finite_is_none(ledger: BudgetLedger) -> None:
    """At a δ below the samplers' tails no ε can be claimed, and JSON has no infinity."""
    ledger.debit("a", [event(1.0, slack=1e-3)])
    ledger.change_limit(BudgetLimit(epsilon=3.0, delta=1e-16), reason="stricter", actor=None)
    status = ledger.status().as_json()
    assert (status["spent"]["epsilon"], status["spent"]["evaluation"]) == (None, 0.0)
    assert status["remaining"]["epsilon"] == 0.0


def test_two_debits_have_different_ids(ledger: BudgetLedger) -> None:
    """Also of the same events in the same run."""
    assert ledger.debit("a", [event(0.1)]).id != ledger.debit("a", [event(0.1)]).id


@pytest.mark.parametrize("days", [0, -7, 1.5])
def test_a_period_is_whole_days(days: float) -> None:
    """A period is a whole number of days above 0."""
    with pytest.raises(ConfigError, match="whole number of days"):
        BudgetLimit(epsilon=1.0, delta=DELTA, period_days=days)


def test_a_run_that_does_not_say_how_people_are_divided_differs_from_one_that_does(ledger: BudgetLedger) -> None:
    """Somebody may be in both parts then: the two runs add up, whichever came first."""
    training, evaluation = event(1.0), event(1.0, "cells", ("evaluation",))
    ledger.debit("unsaid", [training])
    alone = ledger.status().spent
    assert alone is not None
    assert alone.evaluation == 0
    ledger.debit("said", [evaluation], assignment=Assignment(fingerprint="k", evaluation_share=0.2))
    spent = ledger.status().spent
    assert spent is not None
    both = PrivacyLoss.of(training) + PrivacyLoss.of(evaluation)
    assert spent.training == spent.evaluation == pytest.approx(both.epsilon(spent.delta))
