"""Processes that fight over one budget while a killer goes round.

Each keeps notes in a file of its own. A line about a sample is on disk before the sample may exist, and says how long
the journal was by then: whatever becomes of the process, `ledger_judge.py` can ask the journal whether the sample was
paid for.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from records_workers import FRESH
from tactful.errors import BudgetExceededError, RefusedError
from tactful.privacy.events import PARTITIONS, GaussianEvent, Partition, SamplerSlack
from tactful.privacy.ledger import Assignment, BudgetLedger, BudgetLimit, Debit
from tactful.records.journal import JSON
from tactful.records.store import Records

T = TypeVar("T")

LIMIT = BudgetLimit(epsilon=2.0, delta=1e-6)
ASSIGNMENT = Assignment(fingerprint="k1", evaluation_share=0.2)
BALLAST = "gram"  # never opened: with it three runs fill the limit, so that asking and giving back meet all the time


def _event(name: str, sigma: float, *partitions: Partition) -> GaussianEvent:
    return GaussianEvent(
        name=name, partitions=partitions, noise_multiplier=sigma, slack=SamplerSlack(epsilon=0.0, tail=0.0)
    )


EVENTS = (
    _event("consent", 64.0, *PARTITIONS),
    _event("popularity", 128.0, "training"),
    _event(BALLAST, 4.0, "training"),
    _event("evaluation", 64.0, "evaluation"),
)
NAMES = tuple(event.name for event in EVENTS if event.name != BALLAST)


class CarelessLedger(BudgetLedger):
    """The mutant that looks before it takes the lock."""

    def debit(self, run: str, events: Sequence[GaussianEvent], **settings: Any) -> Debit:
        if not self.price(events).fits:
            return super().debit(run, events, **settings)  # which refuses it
        time.sleep(0.05)
        debit = Debit(id=f"{os.getpid()}.{time.monotonic_ns()}", run=run, names=tuple(e.name for e in events))
        listed: list[JSON] = [event.as_json() for event in events]
        with self._records.transaction() as transaction:
            body: dict[str, JSON] = {"id": debit.id, "run": run, "noise": "system", "events": listed}
            transaction.append("budget.debited", body)
        return debit


class ForgetfulLedger(BudgetLedger):
    """The mutant that opens whatever it is asked to."""

    def open(self, debit: Debit, name: str) -> None:
        with self._records.transaction() as transaction:
            transaction.append("budget.opened", {"id": debit.id, "name": name})


class Fighter:
    """One process of the fight: it debits, opens, samples, releases, and gives back its own and others' debits."""

    ledger: type[BudgetLedger] = BudgetLedger

    def __init__(self, url: str, notes: Path, seed: int) -> None:
        self.records = Records.open(url)
        self.book, self.rng = self.ledger(self.records), random.Random(seed)  # noqa: S311
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._engine = create_engine(url, poolclass=NullPool)

    def fight(self, end: Path) -> None:
        """Rounds until this file is there: a flag that no killed process can hold on to."""
        while not end.exists():
            self.round()

    def round(self) -> None:
        """One run, or, where it does not fit, a look at what others have left open."""
        try:
            debit = self.calls(self.book.debit, f"run {self.rng.random()}", EVENTS, assignment=ASSIGNMENT)
        except BudgetExceededError:
            self.note("refused")
            self.meddle()
            return
        self.note(f"debited {debit.id}")
        for name in self.rng.choices(NAMES, k=self.rng.randint(0, 4)):  # the same name again is to be refused
            self.sample(debit, name)
        if self.rng.random() < 0.8:
            self.calls(self.book.cancel, debit)

    def meddle(self) -> None:
        """A debit that somebody has not opened yet, perhaps somebody dead, is given back or opened from here."""
        waiting = [line.debit for line in self.book.status().debits if line.state == "debited"]
        if waiting:
            debit = self.book.find(self.rng.choice(waiting))
            if self.rng.random() < 0.7:
                self.calls(self.book.cancel, debit)
            else:
                self.sample(debit, self.rng.choice(NAMES))

    def sample(self, debit: Debit, name: str) -> None:
        """A sample exists if the event could be opened."""
        try:
            self.calls(self.book.open, debit, name)
        except RefusedError:
            self.note("late")
            return
        self.draw(debit, name)
        if self.rng.random() < 0.8:
            self.release(debit, name)

    def release(self, debit: Debit, name: str) -> None:
        """The sample may be used."""
        self.calls(self.book.released, debit, name)

    def draw(self, debit: Debit, name: str) -> None:
        """The moment from which the sample may exist; on disk before that."""
        with self._engine.connect() as connection:
            length = connection.execute(text("SELECT MAX(sequence) FROM journal")).scalar_one()
        self.note(f"sample {debit.id} {name} {length}")
        os.fsync(self._notes)

    def calls(self, call: Callable[..., T], *args: object, **kwargs: object) -> T:
        """What the ledger answers; the notes show when a process died waiting for it."""
        self.note("asks")
        answer = call(*args, **kwargs)
        self.note("answered")
        return answer

    def note(self, line: str) -> None:
        """The line is in the notes: a kill cannot take it back."""
        os.write(self._notes, f"{line}\n".encode())


class Careless(Fighter):
    """Has the ledger that looks before it locks."""

    ledger = CarelessLedger


class Forgetful(Fighter):
    """Has the ledger that opens what is open already."""

    ledger = ForgetfulLedger

    def release(self, debit: Debit, name: str) -> None:
        """Left out: somebody else may have released the same event."""


class DrawsFirst(Fighter):
    """Has its sample before it asks whether it may."""

    def sample(self, debit: Debit, name: str) -> None:
        self.draw(debit, name)
        try:
            self.calls(self.book.open, debit, name)
        except RefusedError:
            self.note("late")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fought:
    """What is known of a fight without looking at the journal."""

    processes: int
    kills: int
    notes: list[list[str]]

    @property
    def killed_inside(self) -> int:
        """How many died between asking the ledger and its answer."""
        return sum(lines[-1:] == ["asks"] for lines in self.notes)

    def count(self, word: str) -> int:
        """How many notes begin with the word."""
        return sum(line.split()[0] == word for lines in self.notes for line in lines)


def run(url: str, notes: Path, seed: int, end: Path, kind: type[Fighter]) -> None:
    """One process of the fight."""
    kind(url, notes, seed).fight(end)


def fight(
    url: str, folder: Path, *, kills: int, seed: int, kind: type[Fighter] = Fighter, processes: int = 8
) -> Fought:
    """So many processes fight; one after the other is killed at a random moment and replaced, so many times.

    The killer counts lines in the notes, so that a slow machine gives as many of them to fight over as a fast one.
    """
    BudgetLedger(Records.open(url)).declare(LIMIT)
    rng, end, started = random.Random(seed), folder / "end", list[BaseProcess]()  # noqa: S311

    def start() -> BaseProcess:
        notes = folder / f"{len(started):04d}.notes"
        started.append(FRESH.Process(target=run, args=(url, notes, rng.getrandbits(32), end, kind)))
        started[-1].start()
        return started[-1]

    alive = [start() for _ in range(processes)]
    for victim in (rng.randrange(processes) for _ in range(kills)):
        _wait_for_lines(folder, rng.randint(2, 30))
        time.sleep(rng.uniform(0.0, 0.03))
        alive[victim].kill()
        alive[victim].join(60)
        alive[victim] = start()
    end.touch()
    for process in alive:
        process.join(120)
    ends = [process.exitcode for process in started]
    assert set(ends) == {0, -9}, f"a process ended by itself with {set(ends)}"
    texts = [path.read_text() for path in sorted(folder.glob("*.notes"))]
    whole = [text.split("\n")[:-1] for text in texts]  # a kill may cut the last line, which then nobody relied on
    return Fought(processes=processes, kills=ends.count(-9), notes=whole)


def _wait_for_lines(folder: Path, count: int) -> None:
    """About so many lines later; the ledger itself gives up waiting after half a minute."""
    until, goal = time.monotonic() + 60, _length(folder) + 12 * count
    while _length(folder) < goal:
        assert time.monotonic() < until, "nobody does anything any more: a lock was lost"
        time.sleep(0.005)


def _length(folder: Path) -> int:
    """The size of all notes."""
    return sum(path.stat().st_size for path in folder.glob("*.notes"))
