"""Eight processes, one budget and a killer: never over the limit, and no sample without its debit.

A kill takes a process at any instruction, inside a commit too. It does not take the machine's power: that a commit
outlives that is the database's promise (``synchronous = FULL``), which no test of ours can break.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from conftest import pytest_terminal_summary
from ledger_judge import Judged, Sample, answers_are_on_record, never_over, replay, samples_of, samples_were_paid_for
from ledger_torture import ASSIGNMENT, EVENTS, LIMIT, Careless, DrawsFirst, Fighter, Forgetful, Fought, fight
from tactful.errors import BudgetExceededError
from tactful.privacy.accountant import mu_at
from tactful.privacy.events import GaussianEvent, SamplerSlack
from tactful.privacy.ledger import BudgetLedger
from tactful.records.journal import Entry
from tactful.records.store import Records, Transaction


def kept(entries: list[Entry], samples: list[Sample]) -> Judged:
    """The books after these entries; raises unless the limit was kept and the samples were paid for."""
    judged = replay(entries)
    never_over(judged, LIMIT.budget)
    samples_were_paid_for(judged, samples)
    return judged


def judge(url: str, fought: Fought) -> str:
    """Raises unless the fight kept every promise; returns its figures."""
    records = Records.open(url)
    assert records.verify().ok
    samples = samples_of(fought.notes)
    judged = kept(records.entries("budget."), samples)
    answers_are_on_record(judged, fought.notes)
    share = judged.most_promised / mu_at(LIMIT.epsilon, LIMIT.delta) ** 2
    return (
        f"{fought.processes} processes, {fought.kills} killed and replaced ({fought.killed_inside} inside a call of "
        f"the ledger); {judged.debits:,} debits accepted, {fought.count('refused'):,} refused; "
        f"{len(judged.opened):,} events opened, {len(samples):,} samples; never over: at most {share:.2%} of the limit"
    )


def spend_the_rest(url: str) -> None:
    """What the dead left open can be given back, and then whatever fits can be spent, to the last small event."""
    ledger = BudgetLedger(Records.open(url))
    for debit in {line.debit for line in ledger.status().debits if line.state == "debited"}:
        ledger.cancel(ledger.find(debit))
    remaining = ledger.status().remaining
    assert remaining is not None
    assert remaining.training is not None
    whole = GaussianEvent(
        name="rest",
        partitions=("training",),
        noise_multiplier=1 / mu_at(remaining.training, LIMIT.delta),
        slack=SamplerSlack.none(),
    )
    ledger.debit("the rest", [whole], assignment=ASSIGNMENT)
    with pytest.raises(BudgetExceededError):
        ledger.debit("one more", EVENTS[1:2], assignment=ASSIGNMENT)


@pytest.mark.prove
class LedgerTorture:
    """The fight, whatever database the records are in."""

    def test_the_budget_survives_a_killer(
        self, url: str, tmp_path: Path, record_property: Callable[[str, object], None]
    ) -> None:
        """At no prefix of the journal is the limit exceeded, and every sample's event was opened before, once."""
        fought = fight(url, tmp_path, kills=60, seed=20261122)
        record_property("evidence", judge(url, fought))
        assert min(fought.kills, fought.count("refused"), fought.count("sample"), fought.killed_inside) > 10
        spend_the_rest(url)
        assert Records.open(url).verify().ok


class TestSQLite(LedgerTorture):
    """The default: a file."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/records.db"

    @pytest.mark.parametrize(
        ("kind", "says"),
        [
            (Careless, "more was promised than the limit"),
            (Forgetful, "opened twice|opened after it was given back"),
            (DrawsFirst, "a sample exists that was never opened|a sample existed before it was opened"),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_a_broken_ledger_does_not(self, url: str, tmp_path: Path, kind: type[Fighter], says: str) -> None:
        """The same fight over a ledger that looks before it locks or opens anything, or with an early draw, is lost."""
        fought = fight(url, tmp_path, kills=16, seed=7, kind=kind)
        with pytest.raises(AssertionError, match=says):
            judge(url, fought)


class TestPostgreSQL(LedgerTorture):
    """A server, whose clients are killed."""

    @pytest.fixture
    def url(self, postgresql: str) -> str:
        return postgresql


def debited(transaction: Transaction, name: str, *, sigma: float = 4.0) -> None:
    """One debit of one event, past the ledger."""
    event = {"name": "gram", "partitions": ["training"], "noise_multiplier": sigma}
    transaction.append("budget.debited", {"id": name, "events": [event]})


def state(transaction: Transaction, kind: str, name: str) -> None:
    """What becomes of the event of a debit, past the ledger."""
    transaction.append(f"budget.{kind}", {"id": name, "name": "gram", "names": ["gram"]})


def promised(transaction: Transaction) -> None:
    debited(transaction, "a")


def paid(transaction: Transaction) -> None:
    debited(transaction, "a")
    state(transaction, "opened", "a")


def overspent(transaction: Transaction) -> None:
    for name in ("a", "b", "c", "d"):
        debited(transaction, name)
        state(transaction, "opened", name)


def overspent_for_a_moment(transaction: Transaction) -> None:
    for name in ("a", "b", "c", "d"):
        debited(transaction, name)
    state(transaction, "cancelled", "d")


def opened_twice(transaction: Transaction) -> None:
    paid(transaction)
    state(transaction, "opened", "a")


def opened_after_giving_back(transaction: Transaction) -> None:
    debited(transaction, "a")
    state(transaction, "cancelled", "a")
    state(transaction, "opened", "a")


def given_back_after_opening(transaction: Transaction) -> None:
    paid(transaction)
    state(transaction, "cancelled", "a")


def journal(tmp_path: Path, write: Callable[[Transaction], None]) -> list[Entry]:
    """The entries of a journal that something wrote into."""
    with Records.open(f"sqlite:///{tmp_path}/records.db") as records:
        with records.transaction() as transaction:
            write(transaction)
        return records.entries()


@pytest.mark.parametrize(
    ("write", "samples", "says"),
    [
        (overspent, [], "more was opened"),
        (overspent_for_a_moment, [], "more was promised"),
        (opened_twice, [], "opened twice"),
        (opened_after_giving_back, [], "after it was given back"),
        (given_back_after_opening, [], "given back after"),
        (promised, [("a", "gram", 1)], "never opened"),
        (paid, [("a", "gram", 1)], "before it was opened"),
        (paid, [("a", "gram", 2), ("a", "gram", 2)], "sampled twice"),
    ],
)
def test_the_judge_sees_each_wrong(
    tmp_path: Path, write: Callable[[Transaction], None], samples: list[Sample], says: str
) -> None:
    """A journal written past the ledger, and samples nobody paid for."""
    entries = journal(tmp_path, write)
    with pytest.raises(AssertionError, match=says):
        kept(entries, samples)


def test_the_judge_lets_the_right_thing_pass(tmp_path: Path) -> None:
    """One debit, opened, then sampled."""
    judged = kept(journal(tmp_path, paid), [("a", "gram", 2)])
    answers_are_on_record(judged, [["debited a", "asks"]])
    with pytest.raises(AssertionError, match="not on record"):
        answers_are_on_record(judged, [["debited b"]])


def test_figures_are_shown_once() -> None:
    """A line of evidence stands at the end of the output, however many reports of its test carry it."""
    report = SimpleNamespace(nodeid="tests/test_a.py::test_b", user_properties=[("evidence", "8 kills"), ("other", 1)])
    said: list[str] = []
    reporter = SimpleNamespace(
        stats={"passed": [report], "": [report, object()]}, section=said.append, write=said.append
    )
    pytest_terminal_summary(cast("pytest.TerminalReporter", reporter))
    assert said == ["evidence", "test_a.py::test_b: 8 kills\n"]
