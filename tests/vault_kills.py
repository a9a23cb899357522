"""Changes of a vault that kill themselves at one of their steps: a program that imports everything once, then forks.

Arguments: a folder with a shop (`personal_vault_world.Shop`) in it. Each line on standard input is an operation, a step
to die at (0: live) and a folder to do it in; the answer is the names of the steps that were reached, then ``died`` or
``lived``. A step is a moment around something that lasts: bytes half written or written, a file renamed or removed, an
entry appended or committed, a key replaced.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import tactful.personal.vault_folder as folder
from personal_vault_world import KEYS, NOW, TRAINING, Shop, ago, user_id
from tactful.personal.vault_purge import Rules
from tactful.records.store import Records, Transaction
from tactful.records.subjects import Subjects

PEOPLE = 10
NEW = replace(KEYS, storage=b"n" * 32, storage_older=(KEYS.storage,))
GONE, FORGOTTEN = user_id(6), user_id(4)


def rows() -> list[tuple[str, str, Any]]:
    """Of three people, in two months."""
    who = (FORGOTTEN, GONE, user_id(7))
    return [(name, f"CANARY-ITEM-{place:02d}", ago(5 + place * 20)) for name in who for place in range(3)]


def ingest(shop: Shop) -> None:
    """The log enters."""
    shop.ingest(rows())


def purge(shop: Shop) -> None:
    """Somebody has withdrawn."""
    shop.said.append((GONE, TRAINING, "withdrawn", ago(1), None))
    shop.vault().purge(Rules(as_of=NOW, judge=shop.gate))


def forget(shop: Shop) -> None:
    """Somebody is forgotten."""
    shop.vault().forget(KEYS.pseudonyms([FORGOTTEN])[0])


def rotate(shop: Shop) -> None:
    """A new storage key."""
    shop.keys = NEW
    shop.subjects = Subjects.open(shop.records, NEW)
    shop.subjects.reseal()
    shop.vault().rotate()


OPERATIONS: dict[str, Callable[[Shop], None]] = {f.__name__: f for f in (ingest, purge, forget, rotate)}


class Steps:
    """Counts the steps of this process and kills it at one of them."""

    def __init__(self, at: int, told: int) -> None:
        self.at, self.told, self.count = at, told, 0

    def reach(self, name: str) -> None:
        """One step further, or dead."""
        self.count += 1
        os.write(self.told, f"{name}\n".encode())
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Before and after the function are steps."""
        real = getattr(owner, name)

        def stepped(*given: Any, **named: Any) -> Any:
            """The function, between two steps."""
            self.reach(f"before {name}")
            found = real(*given, **named)
            self.reach(f"after {name}")
            return found

        setattr(owner, name, stepped)

    def watch(self) -> None:
        """Every step of a change is one."""
        write, transaction = folder._write, Records.transaction

        def half(path: Path, content: bytes) -> None:
            """Half of it first."""
            path.write_bytes(content[: len(content) // 2])
            self.reach("half written")
            write(path, content)
            self.reach("written")

        @contextmanager
        def committed(records: Records) -> Iterator[Transaction]:
            """The commit is followed by a step."""
            with transaction(records) as given:
                yield given
                self.reach("before commit")
            self.reach("after commit")

        folder._write = half
        Records.transaction = committed  # type: ignore[method-assign, assignment]
        self.around(folder.VaultFolder, "turn")
        self.around(folder.VaultFolder, "sweep")
        self.around(Path, "unlink")


def run(operation: str, at: int, place: Path, told: int) -> None:
    """One operation, up to the step."""
    shop = Shop(place, people=PEOPLE)
    Steps(at, told).watch()
    OPERATIONS[operation](shop)


def main() -> None:
    """Each line of standard input in a process of its own."""
    for line in sys.stdin:
        operation, at, place = line.rstrip("\n").split(" ", 2)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            run(operation, int(at), Path(place), writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as steps:
            reached = steps.read().split("\n")[:-1]
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        ended = {0: "lived", -signal.SIGKILL: "died"}.get(code, f"failed with {code}")
        sys.stdout.write(",".join([*reached, ended]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
