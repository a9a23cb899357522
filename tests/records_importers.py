"""What other processes do to the same consent store in tests: they import at once, or die while they do."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from sqlalchemy import event

from records_people import KEYS, given, opened, table
from tactful.records.store import Records

FRESH = get_context("forkserver")
FRESH.set_forkserver_preload(["records_people", "sqlalchemy.dialects.postgresql.psycopg", "psycopg_binary"])
SHARED = [given(f"shared-{n}", day=n % 28 + 1) for n in range(40)]
"""Events that every importer brings, of people whom none of them knows at first."""


def bring(url: str, start: Barrier, number: int, times: int) -> None:
    """Imports of events that all have, and of some of one's own."""
    store = opened(url)[1]
    start.wait(60)
    for time in range(times):
        own = [given(f"own-{number}-{n}", day=time + 1) for n in range(5)]
        store.add(table(*SHARED, *own), source=f"importer {number}")


def together(url: str, *, processes: int, times: int) -> list[int | None]:
    """Exit codes of so many importers that start at once."""
    start = FRESH.Barrier(processes)
    running = [FRESH.Process(target=bring, args=(url, start, number, times)) for number in range(processes)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    return [process.exitcode for process in running]


def dies(url: str, statement: int, *, forgetting: bool = False) -> bool:
    """Whether a process that imports, or forgets and destroys, is killed before its so-manieth statement.

    At the statement after the last it is not, and ends well.
    """
    child = os.fork()
    if child == 0:
        records, store, subjects = opened(url)
        _kill_before(records, statement)
        if forgetting:
            name = KEYS.pseudonyms(["ann"])[0]
            with records.transaction() as transaction:
                store.forget(transaction, name)
                subjects.destroy(transaction, name)
                transaction.append("subject.erased", {})
        else:
            store.add(table(given("ann", day=3), given("new"), given("bob", day=4)), source="killed")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _kill_before(records: Records, statement: int) -> None:
    """The process dies before its so-manieth statement, begin and commit counted."""
    left = [statement]

    def count(*_: object) -> None:
        """One statement less to go."""
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "begin", "commit"):
        event.listen(records.engine, name, count)
