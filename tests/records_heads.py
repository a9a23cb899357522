"""Writers of one journal in processes of their own, for the tests of its kept head; importable by spawned processes."""

from __future__ import annotations

import os
import signal
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from tactful.records import anchor
from tactful.records.store import Records


def write(url: str, start: Barrier, times: int) -> None:
    """Append so many entries, one a transaction."""
    records = Records.open(url)
    start.wait(60)
    for n in range(times):
        with records.transaction() as transaction:
            transaction.append("note.made", {"n": n})


def write_for_ever(url: str, ready: Event) -> None:
    """Append entries until killed."""
    records = Records.open(url)
    while True:
        with records.transaction() as transaction:
            transaction.append("note.made", {})
        ready.set()


def write_in(folder_and_url: str, start: Barrier, times: int) -> None:
    """The same, with the head in this folder."""
    folder, url = folder_and_url.split(" ")
    os.environ["TACTFUL_JOURNAL_HEAD"] = folder
    write(url, start, times)


def die_before_anchoring(url: str) -> None:
    """Commit one entry, and be killed before the head moves."""

    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    anchor.Anchor._settle = killed  # type: ignore[method-assign]
    with Records.open(url).transaction() as transaction:
        transaction.append("note.made", {"last": True})


def die_while_replacing(url: str) -> None:
    """Commit one entry, write the new head, and be killed before it is in its place."""

    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = killed  # type: ignore[method-assign, assignment]
    with Records.open(url).transaction() as transaction:
        transaction.append("note.made", {"last": True})
