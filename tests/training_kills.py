"""Training runs that kill themselves at one of their steps: a program that imports everything once and then forks.

Each line on standard input is one run, as JSON: ``folder`` (its workspace), ``environment``, ``trace`` and ``witness``
(files to write), ``at`` (the step to die at: its number or name; null to live) and ``mutant`` (or null). The answer is
a line too: how the run ended. Before the first run, one without steps in the workspace of the first argument imports
what is imported late.

A step is a moment around something that lasts: an entry appended, its transaction committed, a sample about
to be drawn or drawn, a stage or a call of MLflow's done, a file about to be opened for writing, renamed or removed. The
trace is the list of steps that were reached.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

import tactful.judging
import tactful.mitigating
import tactful.training
from privacy_mutants import DrawnFirst
from tactful.personal.bounding import bound
from tactful.privacy.noise import SystemNoise
from tactful.records.store import Records, Transaction
from training_killed import MLFLOW, STAGES

FILES = ("os.rename", "os.remove", "shutil.rmtree")


class Steps:
    """Counts the steps of this process and kills it at one of them."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.at, self.count, self.folder = run["at"], 0, run["folder"]
        self.trace = os.open(run["trace"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.witness = os.open(run["witness"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def reach(self, name: str) -> None:
        """One step further, or dead."""
        self.count += 1
        os.write(self.trace, f"{name}\n".encode())
        if self.at in (self.count, name):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, owner: Any, name: str) -> None:
        """That the function has returned is a step."""
        real = getattr(owner, name)

        def stepping(*args: Any, **kwargs: Any) -> Any:
            answer = real(*args, **kwargs)
            self.reach(f"after {name}")
            return answer

        setattr(owner, name, stepping)

    def watch_journal(self) -> None:
        """Steps: an entry appended, which nobody else sees yet; and its transaction committed."""
        transaction, append = Records.transaction, Transaction.append
        written: list[str] = []

        @contextmanager
        def stepping(records: Records) -> Iterator[Transaction]:
            before = len(written)
            with transaction(records) as open_one:
                yield open_one
            self.reach(f"committed {written[-1] if len(written) > before else 'nothing'}")

        def appending(open_one: Transaction, kind: str, *args: Any, **kwargs: Any) -> Any:
            entry = append(open_one, kind, *args, **kwargs)
            written.append(f"{kind} {entry.body.get('name', '')}".rstrip())
            self.reach(f"appended {written[-1]}")
            return entry

        Records.transaction, Transaction.append = stepping, appending  # type: ignore[method-assign, assignment]

    def watch_noise(self, records: Path) -> None:
        """Steps: before the draw; the sample exists, which is witnessed on disk first; and it was returned."""
        draw = SystemNoise.draw

        def witnessed(source: SystemNoise, sigma: float, size: int) -> Any:
            self.reach("before draw")
            sample = draw(source, sigma, size)
            with closing(sqlite3.connect(f"file:{records}?mode=ro", uri=True)) as journal:
                length = journal.execute("SELECT MAX(sequence) FROM journal").fetchone()[0]
            os.write(self.witness, f"{length} {sigma}\n".encode())
            os.fsync(self.witness)
            self.reach("drawn")
            return sample

        SystemNoise.draw = witnessed  # type: ignore[method-assign]

    def watch_files(self) -> None:
        """Steps: a file of the workspace is about to be opened for writing, moved or removed, by whomever."""

        def hook(event: str, args: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if (writes or event in FILES) and str(args[0]).startswith(self.folder):
                self.reach(f"{event} {Path(str(args[0])).name}")

        sys.addaudithook(hook)


def spilling(consented: Any, **settings: Any) -> Any:
    """The mutant that leaves rows in a temporary file while it bounds them."""
    people = Path("interactions.parquet").read_bytes()
    (Path(os.environ["TMPDIR"]) / "spill").write_bytes(people)
    return bound(consented, **settings)


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "draws first": (tactful.training, "PrivateRelease", DrawnFirst),
    "spills rows": (tactful.mitigating, "bound", spilling),
}


def live(run: dict[str, Any]) -> str:
    """One run in this process, step by step."""
    os.environ.update(run["environment"])
    os.chdir(run["folder"])
    tempfile.tempdir = run["environment"]["TMPDIR"]
    if run["mutant"]:
        setattr(*MUTANTS[run["mutant"]])
    steps = Steps(run)
    for module, name in STAGES:
        steps.after(getattr(tactful, module), name)
    for name in MLFLOW:
        steps.after(MlflowClient, name)
    steps.watch_journal()
    steps.watch_noise(Path("records.db").absolute())
    steps.watch_files()
    found = tactful.training.train("shop.toml", key="trainer.key")
    return f"{found.status} {found.reason}".rstrip()


def fork(run: dict[str, Any]) -> dict[str, Any]:
    """How the run ended, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, live(run).encode())
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    _, ended = os.waitpid(child, 0)
    return {"signal": os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else None, "told": told}


def main() -> None:
    """Runs until standard input ends."""
    os.chdir(sys.argv[1])
    tactful.training.train("shop.toml", key="trainer.key")
    gc.collect()  # an engine's threads are not forked: none may be left for a child to clean up
    for line in sys.stdin:
        print(json.dumps(fork(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
