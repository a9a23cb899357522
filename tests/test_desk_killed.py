"""An erasure that is killed at any point leaves whole stores, and the same command finishes it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desk_world import DeskWorld, ago, consent
from repository_search import mentions, written
from tactful.desk.erasure import erase
from world import user_id

pytestmark = pytest.mark.prove

AGREE = [number for number in range(8, 60) if number % 20 > 4]
WITNESS = user_id(5)
"""Somebody who stays."""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    """The program that erases and dies."""
    command = [sys.executable, str(Path(__file__).with_name("desk_kills.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def run(program: subprocess.Popen[str], world: DeskWorld, user: str, fatal: int) -> dict[str, int | None]:
    """How an erasure ended that was to die before this point."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(json.dumps([str(world.folder), user, fatal]) + "\n")
    program.stdin.flush()
    answer: dict[str, int | None] = json.loads(program.stdout.readline())
    return answer


def holds(world: DeskWorld, user: str) -> None:
    """Everything is whole: who is not marked has all that they had, and the witness has theirs."""
    desk = world.desk()
    assert desk.records.verify().ok
    assert desk.consents.verify().ok
    assert desk.vault is not None
    assert desk.vault.verify().ok
    person, witness = desk.person(user), desk.person(WITNESS)
    own = [table for table in desk.tables if table.own]
    assert [len(each) for each in desk.held(witness, own)] == [1, 13, 0]
    if person.erased_at is None:
        assert all(len(each) for each in desk.held(person, own)[:2])


def stays(world: DeskWorld, user: str) -> set[str]:
    """The places where an id or a pseudonym stands, of all that tactful wrote."""
    words = [user, *world.keys.pseudonyms([user])]
    ours = ("records.db", "vault", ".head")
    evidence = ((place, text) for place, text in written(world.folder) if any(name in place for name in ours))
    return {place.split(" of ")[-1] for place in mentions(evidence, words)}


def test_killed_anywhere_it_is_finished_by_the_same_command(
    tmp_path: Path, program: subprocess.Popen[str], record_property: Callable[[str, object], None]
) -> None:
    """Before each file that is flushed, renamed or removed and each commit the process dies, as at a loss of power."""
    world = DeskWorld.make(tmp_path / "world")
    world.say(*(consent(user) for user in (WITNESS, *map(user_id, AGREE))))
    world.ingest()
    world.trained(ago(3))
    people = iter(map(user_id, AGREE))
    whole = run(program, world, next(people), 10**6)
    assert whole["status"] == 0
    points = range(whole["passed"] or 0)
    assert len(points) >= 20
    killed = marked = 0
    for point, user in zip(points, people, strict=False):
        status = run(program, world, user, point)["status"]
        if status == 0:  # who has rows in fewer months has fewer points
            continue
        assert status == -signal.SIGKILL
        killed += 1
        holds(world, user)
        found = erase(world.desk(), user)
        marked += found.already
        holds(world, user)
        assert stays(world, user) == {"records.db, table erased", "records.db"}
    assert killed >= 20
    assert 0 < marked < killed
    record_property("evidence", f"an erasure killed at {killed} points of {whole['passed']}, each one finished")
