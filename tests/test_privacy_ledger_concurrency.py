"""Several processes, and processes that die: the budget holds."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from records_workers import event, spend, spend_carelessly, together
from tactful.errors import RefusedError
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.ledger import BudgetLedger, BudgetLimit, Debit
from tactful.records.store import Records

LIMIT = BudgetLimit(epsilon=1.0, delta=1e-6)
ROOM = 5  # events of noise multiplier 10 that fit ε = 1


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


@pytest.fixture
def ledger(url: str) -> BudgetLedger:
    made = BudgetLedger(Records.open(url))
    made.declare(LIMIT)
    return made


def overspent(ledger: BudgetLedger) -> bool:
    return not PrivacyLoss.total(PrivacyLoss.of(line.event) for line in ledger.status().debits).fits(LIMIT.budget)


def test_the_room_is_what_the_tests_say(ledger: BudgetLedger) -> None:
    """Five events fit and six do not, so that the races below end at a known number."""
    assert ledger.price([event(str(n)) for n in range(ROOM)]).fits
    assert not ledger.price([event(str(n)) for n in range(ROOM + 1)]).fits


def test_eight_processes_never_overspend(ledger: BudgetLedger, url: str) -> None:
    """However they interleave, exactly what fits is debited and the chain is one chain."""
    assert together(spend, url, processes=8, times=3) == [0] * 8
    assert len(ledger.status().debits) == ROOM
    assert not overspent(ledger)
    assert Records.open(url).verify().ok


def test_a_ledger_that_checks_before_it_locks_is_caught(ledger: BudgetLedger, url: str) -> None:
    """The mutant overspends in the same race: the test above can fail."""
    ledger.debit("before", [event(str(n)) for n in range(ROOM - 1)])
    assert together(spend_carelessly, url, processes=2, times=1) == [0] * 2
    assert overspent(ledger)


def kill(url: str, moment: str) -> None:
    worker = Path(__file__).with_name("records_workers.py")
    assert subprocess.run([sys.executable, str(worker), url, moment], check=False).returncode == -9


def test_killed_before_opening_counts_until_it_is_cancelled(ledger: BudgetLedger, url: str) -> None:
    """The debit stays after a kill; the next process finds it by its id and gives it back."""
    kill(url, "before opening")
    first = ledger.status()
    assert {line.state for line in first.debits} == {"debited"}
    assert first.spent is not None
    assert first.spent.epsilon > 0.4
    assert ledger.cancel(ledger.find(first.debits[0].debit)) == ("popularity", "gram")
    after = ledger.status()
    assert after.spent is not None
    assert after.spent.epsilon == 0.0


def test_killed_after_opening_stays_spent(ledger: BudgetLedger, url: str) -> None:
    """Noise may have been drawn: it cannot be given back, nor drawn again for the same payment."""
    kill(url, "after opening one")
    debit = ledger.find(ledger.status().debits[0].debit)
    assert ledger.cancel(debit) == ("gram",)
    with pytest.raises(RefusedError, match="popularity is opened"):
        ledger.open(debit, "popularity")
    status = ledger.status()
    assert status.spent is not None
    assert status.spent.epsilon == pytest.approx(PrivacyLoss.of(event()).epsilon(1e-6))


def test_killed_while_debiting_leaves_nothing(ledger: BudgetLedger, url: str) -> None:
    """A half-written transaction is gone, and its lock with it."""
    kill(url, "while debiting")
    assert ledger.status().debits == ()
    ledger.debit("next", [event()])
    kinds = [entry.kind for entry in Records.open(url).entries()]
    assert kinds == ["budget.limit", "assignment.pinned", "budget.debited"]


def test_opening_and_cancelling_at_once_have_one_winner(ledger: BudgetLedger) -> None:
    """Either it is open and spent, or given back and shut: never both, never neither."""
    ledger.change_limit(BudgetLimit(epsilon=50.0, delta=1e-6), reason="room for many rounds", actor=None)
    for round_ in range(15):
        debit = ledger.debit(f"round {round_}", [event()])
        opened, given_back = race(ledger, debit)
        assert opened != given_back
        state = next(line.state for line in ledger.status().debits if line.debit == debit.id)
        assert state == ("opened" if opened else "cancelled")


def race(ledger: BudgetLedger, debit: Debit) -> tuple[bool, bool]:
    """Whether it was opened, and whether it was given back, by two threads that start together."""
    start, results = threading.Barrier(2), {}

    def opens() -> None:
        start.wait()
        try:
            ledger.open(debit, "gram")
            results["opened"] = True
        except RefusedError:
            results["opened"] = False

    def cancels() -> None:
        start.wait()
        results["cancelled"] = ledger.cancel(debit) == ("gram",)

    threads = [threading.Thread(target=opens), threading.Thread(target=cancels)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results["opened"], results["cancelled"]
