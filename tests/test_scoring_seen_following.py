"""A follower asks at every check what was seen on this machine, and nobody can make it wait before it obeys."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scoring_shop import HOUR, Shop, version
from scoring_world import NOW
from tactful.errors import ModelRefusedError
from tactful.scoring import Recommender, recommender, seen, seen_file
from tactful.scoring.artifact import read_artifact
from tactful.scoring.seen import SeenSequences


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Each test starts as a process that has seen nothing; again at each call."""

    def afresh() -> None:
        memory = SeenSequences()
        for module in (recommender, seen):
            monkeypatch.setattr(module, "PROCESS", memory)

    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)
    afresh()
    return afresh


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "seen.json"


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Somebody holds the lock and does not let go."""
    lock = os.open(file.with_name("seen.json.lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


@pytest.mark.parametrize("decision", ["rejected", "retired"])
@pytest.mark.parametrize("where", ["process", "file"])
def test_an_end_that_was_undone_between_two_checks_is_an_end(shop: Shop, file: Path, decision: str, where: str) -> None:
    """Another load or a reviewer's command saw it; the old approval lies there again when the follower looks."""
    digest = read_artifact(shop.put()).manifest_digest
    with shop.follow(seen_file=file) as follower:
        memory = seen.PROCESS if where == "process" else SeenSequences()
        end = memory.reject if decision == "rejected" else memory.retire
        end("tiny", 2, digest=digest, file=file if where == "file" else None)
        for _ in range(3):
            health = follower.check()
            assert (health.serving, health.stopped) == (False, f"tiny version 1 was {decision} by a reviewer")
            assert decision.removesuffix("ed") in str(health.newer)
        with pytest.raises(ModelRefusedError, match=decision):
            version(follower)
        shop.put(sequence=9)
        assert follower.check().serving
        assert follower.health().newer is None


def test_an_artifact_that_was_rejected_under_another_number_is_ended_too(shop: Shop, file: Path) -> None:
    """As a new load of these bytes would be refused."""
    folder = shop.put()
    with shop.follow(seen_file=file) as follower:
        shop.decide(folder, "rejected", version="7", sequence=9)
        assert not follower.check().serving


def test_a_retirement_before_the_approval_ends_nothing(shop: Shop, file: Path) -> None:
    digest = read_artifact(shop.put(sequence=5)).manifest_digest
    SeenSequences().retire("tiny", 4, digest=digest, file=file)
    with shop.follow(seen_file=file) as follower:
        assert (follower.check().serving, follower.check().newer) == (True, None)


def test_what_was_replaced_is_told_while_it_is_served(shop: Shop, file: Path) -> None:
    """Only the address was moved back: the old one goes on, as nobody ended it, and health says that it is the old."""
    shop.put()
    with shop.follow(seen_file=file) as follower:
        SeenSequences().admit("tiny", 7, digest="0" * 64, file=file)
        health = follower.check()
        assert health.serving
        assert "this is number 1, seen was 7" in str(health.newer)
        shop.put(sequence=7)
        assert (follower.check().version, follower.check().newer) == ("2", None)


@pytest.mark.parametrize("text", ["", "[]", '{"tiny": 1.5}'])
def test_a_broken_file_is_told_and_ends_nothing(shop: Shop, file: Path, text: str) -> None:
    shop.put()
    with shop.follow(seen_file=file) as follower:
        file.write_text(text)
        health = follower.check()
        assert health.serving
        assert "seen approvals" in str(health.newer)


def test_a_rejection_ends_the_answers_before_a_lock_is_waited_for(
    shop: Shop, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the check still waits, requests are refused already; the lock let go of, the file remembers too."""
    folder = shop.put()
    with shop.follow(seen_file=file) as follower:
        shop.decide(folder, "rejected")
        waiting, go_on, real = threading.Event(), threading.Event(), seen_file._wait_for

        def wait(lock: int, path: Path) -> None:
            waiting.set()
            go_on.wait(10)
            real(lock, path)

        monkeypatch.setattr(seen_file, "_wait_for", wait)
        thread = threading.Thread(target=follower.check)
        thread.start()
        assert waiting.wait(10)
        try:
            assert not follower.health().serving
            with pytest.raises(ModelRefusedError, match="rejected"):
                version(follower)
        finally:
            go_on.set()
            thread.join()
        assert json.loads(file.read_text())[f"tiny/{read_artifact(folder).manifest_digest}"] == 2


def test_a_rejection_elsewhere_ends_before_it_is_remembered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the address names another by then, which is not served, and the version has to be asked for."""
    folder = shop.put()
    with shop.follow() as follower:
        seen_ended: list[bool] = []
        load = Recommender.load

        def watched(*args: Any, **kwargs: Any) -> Recommender:
            seen_ended.append(follower.health().serving)
            return load(*args, **kwargs)

        monkeypatch.setattr(follower, "_load_model", watched)
        monkeypatch.setattr("tactful.scoring.following.named_version", lambda *_: folder)
        shop.decide(folder, "rejected")
        shop.show(shop.root)
        assert not follower.check().serving
        assert seen_ended == [False]


@pytest.mark.parametrize("decision", ["rejected", "retired"])
def test_a_lock_that_is_held_keeps_no_end_from_counting(
    shop: Shop, file: Path, decision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end counts at once and in every later load here, though the file could not be written."""
    monkeypatch.setattr(seen_file, "_PATIENCE", 0.05)
    folder = shop.put()
    approval = (folder / "approval.json").read_bytes()
    with shop.follow(seen_file=file) as follower, held(file):
        shop.decide(folder, decision)
        assert not follower.check().serving
        (folder / "approval.json").write_bytes(approval)
        assert not follower.check().serving
        with pytest.raises(ModelRefusedError, match=decision):
            shop.follow(seen_file=file)


def test_a_lock_that_is_held_keeps_the_next_model_out_and_the_served_one_in(
    shop: Shop, file: Path, forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing new can be remembered, so nothing new is served; what was admitted before loads without the lock."""
    monkeypatch.setattr(seen_file, "_PATIENCE", 0.05)
    shop.put()
    with shop.follow(seen_file=file) as follower, held(file):
        forget()
        shop.follow(seen_file=file).close()
        shop.put()
        health = follower.check()
        assert (health.version, health.serving) == ("1", True)
        assert "locked" in str(health.newer)
    with shop.follow(seen_file=file) as follower:
        assert follower.health().version == "2"


def test_health_says_when_checks_are_missed(shop: Shop) -> None:
    """Three times `every` without a check that ended, because it hangs or its thread is gone; a check mends it."""
    shop.put()
    with shop.follow(every=3600.0) as follower:
        assert not follower.health().overdue
        shop.clock.now = NOW + 3 * HOUR
        assert not follower.health().overdue
        shop.clock.now += timedelta(seconds=1)
        assert follower.health().overdue
        assert not follower.check().overdue


def test_health_says_whether_what_is_seen_outlives_the_process(
    shop: Shop, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put()
    with shop.follow() as without, shop.follow(seen_file=file) as within:
        assert (without.health().remembers, within.health().remembers) == (False, True)
        monkeypatch.setattr("os.access", lambda *_: False)
        assert not within.check().remembers
        assert within.health().as_json()["remembers"] is False
