"""What other processes do to the same records in tests; importable, so that they can be spawned."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from tactful.errors import BudgetExceededError
from tactful.privacy.events import GaussianEvent, SamplerSlack
from tactful.privacy.ledger import BudgetLedger
from tactful.records.journal import JSON
from tactful.records.store import Records

FRESH = get_context("forkserver")  # processes that share nothing with this one and start fast
FRESH.set_forkserver_preload(  # what takes long to import; the server finds installed modules only
    ["tactful.privacy.ledger", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite", "psycopg_binary"]
)


def event(name: str = "gram", sigma: float = 10.0) -> GaussianEvent:
    """A cheap event about training people."""
    return GaussianEvent(
        name=name, partitions=("training",), noise_multiplier=sigma, slack=SamplerSlack(epsilon=1e-9, tail=1e-20)
    )


def spend(url: str, start: Barrier, times: int) -> None:
    """Debit as often as the ledger allows, up to so many times."""
    ledger = BudgetLedger(Records.open(url))
    start.wait(60)
    for attempt in range(times):
        try:
            ledger.debit(f"{os.getpid()}.{attempt}", [event()])
        except BudgetExceededError:
            return


def spend_carelessly(url: str, start: Barrier, times: int) -> None:
    """The mutant: looks at the price first and writes later, in a transaction of its own."""
    records = Records.open(url)
    ledger = BudgetLedger(records)
    for attempt in range(times):
        fits = ledger.price([event()]).fits
        start.wait(60)
        if fits:
            body: dict[str, JSON] = {
                "id": f"{os.getpid()}.{attempt}",
                "run": "careless",
                "noise": "system",
                "events": [event().as_json()],
            }
            with records.transaction() as transaction:
                transaction.append("budget.debited", body)
        start.wait(60)


def together(work: object, url: str, *, processes: int, times: int) -> list[int | None]:
    """Exit codes of so many processes that start at once."""
    start = FRESH.Barrier(processes)
    running = [FRESH.Process(target=work, args=(url, start, times)) for _ in range(processes)]  # type: ignore[arg-type]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    return [process.exitcode for process in running]


def die(url: str, moment: str) -> None:
    """Debit one run of two events and be killed at this moment, without a chance to tidy up."""
    records = Records.open(url)
    ledger = BudgetLedger(records)
    if moment == "while debiting":
        with records.transaction() as transaction:
            body: dict[str, JSON] = {"id": "x", "run": "killed", "noise": "system", "events": [event().as_json()]}
            transaction.append("budget.debited", body)
            os.kill(os.getpid(), signal.SIGKILL)
    debit = ledger.debit("killed", [event("popularity"), event("gram")])
    if moment == "after opening one":
        ledger.open(debit, "popularity")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die(sys.argv[1], sys.argv[2])
