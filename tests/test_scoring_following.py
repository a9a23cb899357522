"""A follower serves what is approved now, loses no request over it, and only a person's decision switches it off."""

from __future__ import annotations

import copy
import gc
import json
import logging
import math
import os
import pickle
import re
import threading
import weakref
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scoring_shop import HOUR, Shop, version
from scoring_world import NOW, approve, edit_manifest, meta
from tactful.errors import ModelRefusedError, NotFoundError, UsageError
from tactful.scoring import Recommender, following, recommender, seen, watching
from tactful.scoring.artifact import read_artifact
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, new_key, public_text


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SeenSequences()
    for module in (recommender, seen):
        monkeypatch.setattr(module, "PROCESS", memory)
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_new_approval_answers_after_the_next_check(shop: Shop) -> None:
    """Version 1 answers until a check, version 2 after it; health names what answers and since when."""
    shop.put()
    with shop.follow() as follower:
        first = follower.health()
        assert (first.version, first.newer, first.serving, first.stopped) == ("1", None, True, None)
        shop.put()
        assert version(follower) == "1"
        shop.clock.now += HOUR
        health = follower.check()
        assert version(follower) == "2"
    assert (health.model, health.version, health.newer) == ("tiny", "2", None)
    assert (health.checked_at, health.swapped_at) == (NOW + HOUR, NOW + HOUR)
    assert health.expires_at == NOW + timedelta(days=179)
    assert health.approval_id == SignedDocument.from_json((shop.place / "approval.json").read_bytes()).digest
    assert json.loads(json.dumps(health.as_json()))["swapped_at"] == (NOW + HOUR).isoformat()


def test_its_methods_are_the_recommenders(shop: Shop) -> None:
    """What a follower answers is what the model it serves answers; `current` is one model for several calls."""
    shop.put()
    with shop.follow() as follower:
        model = Recommender.load(shop.place, trusted_keys=[public_text(shop.key)], now=shop.clock)
        asked: dict[str, Any] = {"profiling": True, "because": True, "deny_items": ["104"]}
        assert follower.recommend(["100"], 3, **asked) == model.recommend(["100"], 3, **asked)
        histories = [["100"], ["101", "103"]]
        assert follower.recommend_batch(histories, 2, profiling=[True, False]) == model.recommend_batch(
            histories, 2, profiling=[True, False]
        )
        assert follower.explain(["100"], "102") == model.explain(["100"], "102")
        assert follower.similar("100", 2) == model.similar("100", 2)
        assert follower.current.version == model.version
        assert "tiny version 1" in repr(follower)


def test_a_file_that_is_written_to_in_its_place_ends_the_answers(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """What would answer is not what was approved; it answers again when the file is as it was, or another is there."""
    folder = shop.put()
    path = folder / "decoder.npy"
    whole = path.read_bytes()
    with shop.follow() as follower:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        health = follower.check()
        assert not health.serving
        assert health.stopped is not None
        assert "decoder.npy" in health.stopped
        assert "decoder.npy was written to" in caplog.text
        with pytest.raises(ModelRefusedError, match=r"decoder\.npy"):
            follower.recommend(["100"], 1, profiling=True)
        path.write_bytes(whole)
        assert follower.check().serving
        assert version(follower) == "1"
        path.write_bytes(bytes(len(whole)))
        assert not follower.check().serving
        shop.put()
        assert follower.check().serving
        assert version(follower) == "2"


def test_no_process_gets_it_from_another(shop: Shop) -> None:
    """A model that came through a pickle would be one that nobody checked; the error says what to do."""
    shop.put()
    with shop.follow() as follower:
        for one in (follower, follower.current):
            for hand_on in (pickle.dumps, copy.deepcopy):
                with pytest.raises(TypeError, match="in each"):
                    hand_on(one)


def test_nothing_is_fetched_while_nothing_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that finds the same decision loads no model; a renewed approval of the same files is loaded."""
    loads: list[object] = []
    load = Recommender.load

    def counted(*args: Any, **kwargs: Any) -> Recommender:
        loads.append(args)
        return load(*args, **kwargs)

    monkeypatch.setattr(Recommender, "load", counted)
    folder = shop.put()
    with shop.follow() as follower:
        follower.check()
        follower.check()
        assert len(loads) == 1
        shop.decide(folder, "approved", expires_at=(NOW + HOUR).isoformat())
        assert follower.check().expires_at == NOW + HOUR
        assert len(loads) == 2


def _altered(shop: Shop) -> None:
    array = shop.put() / "base.npy"
    raw = bytearray(array.read_bytes())
    raw[-1] ^= 1
    array.write_bytes(raw)


def _unapproved(shop: Shop) -> None:
    (shop.put() / "approval.json").unlink()


def _edited(shop: Shop) -> None:
    edit_manifest(shop.put(), meta=meta(epsilon=0.1))


def _gone(shop: Shop) -> None:
    shop.place.unlink()


def _garbled(shop: Shop) -> None:
    (shop.put() / "approval.json").write_text("{}")


BAD = {
    "altered": (_altered, r"base\.npy"),
    "unapproved": (_unapproved, r"no approval\.json"),
    "edited": (_edited, "manifest"),
    "gone": (_gone, "is none"),
    "garbled": (_garbled, "signed document"),
    "by another key": (lambda shop: shop.put(new_key()), "trusted"),
    "expired": (lambda shop: shop.put(expires_at=NOW.isoformat()), "expired"),
    "older": (lambda shop: shop.put(sequence=0), "earlier approval"),
    "rejected": (lambda shop: shop.put(decision="rejected"), "decision"),
    "of its trainer": (lambda shop: shop.put(meta_changes={"trainer": public_text(shop.key)}), "same key"),
    "without real noise": (lambda shop: shop.put(meta_changes={"noise": "reproducible"}), "noise"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_verify_is_not_served(shop: Shop, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The old model goes on answering, health and one line of the log say why, and a good one is served again."""
    spoil, why = BAD[name]
    shop.put()
    with shop.follow() as follower:
        spoil(shop)
        health = follower.check()
        assert (version(follower), health.version, health.serving, health.stopped) == ("1", "1", True, None)
        assert health.newer is not None
        assert re.search(why, health.newer)
        follower.check()
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        shop.put()
        assert follower.check().newer is None
        assert version(follower) == str(shop.made)


def test_what_was_refused_is_not_fetched_at_every_check(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again after 1, 2, 4 … checks, for its files may be mended; another decision is tried at once."""
    tries: list[int] = [0]
    load = Recommender.load

    def counted(*args: Any, **kwargs: Any) -> Recommender:
        tries[-1] += 1
        return load(*args, **kwargs)

    monkeypatch.setattr(Recommender, "load", counted)
    shop.put()
    with shop.follow() as follower:
        _altered(shop)
        for _ in range(12):
            tries.append(0)
            assert follower.check().newer
        assert tries[1:] == [1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]
        shop.put()
        assert follower.check().newer is None


@pytest.mark.parametrize("decision", ["rejected", "retired"])
def test_a_signed_end_of_what_is_served_stops_it(shop: Shop, decision: str) -> None:
    """A reviewer's decision about the very version stops the answers, also if the old approval is put back."""
    folder = shop.put()
    approval = (folder / "approval.json").read_bytes()
    with shop.follow() as follower:
        shop.decide(folder, decision)
        health = follower.check()
        assert (health.serving, health.stopped) == (False, f"tiny version 1 was {decision} by a reviewer")
        with pytest.raises(ModelRefusedError, match=decision):
            version(follower)
        (folder / "approval.json").write_bytes(approval)
        assert not follower.check().serving
        shop.put(sequence=9)
        assert follower.check().serving
        assert version(follower) == "2"


def test_a_retired_version_that_is_approved_again_is_served_again(shop: Shop) -> None:
    folder = shop.put()
    with shop.follow() as follower:
        shop.decide(folder, "retired")
        assert not follower.check().serving
        shop.decide(folder, "approved", sequence=3)
        assert follower.check().serving


def test_what_is_no_end_of_what_is_served_does_not_stop_it(shop: Shop) -> None:
    """Not a rejection by a stranger, nor one of other files, nor an older one put back."""
    folder = shop.put(sequence=5)
    with shop.follow() as follower:
        for changes in ({"sequence": 4}, {"manifest_digest": "0" * 64, "sequence": 9}):
            shop.decide(folder, "rejected", **changes)
            assert follower.check().serving
        approve(folder, read_artifact(folder).manifest_digest, new_key(), decision="rejected", version="1", sequence=9)
        health = follower.check()
        assert health.serving
        assert health.newer


def test_only_whose_it_is_to_reject_ends_what_is_served(shop: Shop, tmp_path: Path) -> None:
    """A reviewer who may approve and not reject signs a rejection: it is told, and nothing stops."""
    other, file = new_key(), tmp_path / "reviewers.toml"
    people = ((shop.key, '["approve", "reject"]'), (other, '["approve"]'))
    file.write_text(
        "".join(
            f'[[reviewer]]\nname = "R{number}"\npublic_key = "{public_text(key)}"\nroles = {roles}\n'
            for number, (key, roles) in enumerate(people)
        )
    )
    folder = shop.put()
    with shop.follow(trusted_keys=file) as follower:
        digest = read_artifact(folder).manifest_digest
        approve(folder, digest, other, decision="rejected", version="1", sequence=2)
        assert follower.check().newer
        assert follower.health().serving
        approve(folder, digest, shop.key, decision="rejected", version="1", sequence=3)
        assert not follower.check().serving


def test_what_changes_while_it_is_loaded_is_taken_at_the_next_check(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower never answers under one approval and remembers another."""
    load, meanwhile = Recommender.load, [lambda: None]

    def slow(*args: Any, **kwargs: Any) -> Recommender:
        meanwhile.pop()()
        return load(*args, **kwargs)

    monkeypatch.setattr(Recommender, "load", slow)
    shop.put()
    with shop.follow() as follower:
        shop.put()
        meanwhile += [lambda: None, lambda: shop.put() and None]
        health = follower.check()
        assert (health.version, health.serving) == ("1", True)
        assert "stays the same while it is loaded" in str(health.newer)
        assert follower.check().version == "3" == version(follower)


def test_the_end_of_an_approval_ends_the_answers(shop: Shop) -> None:
    """To the second, without any check; health says beforehand when, and an approval renewed in time goes on."""
    folder = shop.put(expires_at=(NOW + HOUR).isoformat())
    with shop.follow() as follower:
        assert follower.health().expires_at == NOW + HOUR
        shop.clock.now = NOW + HOUR - timedelta(seconds=1)
        assert version(follower) == "1"
        model = follower.current
        shop.clock.now = NOW + HOUR
        for ask in (lambda: version(follower), lambda: follower.explain(["100"], "102"), lambda: follower.current):
            with pytest.raises(ModelRefusedError, match="ended at"):
                ask()
        with pytest.raises(ModelRefusedError):
            model.recommend(["100"], profiling=True)
        assert not follower.health().serving
        shop.decide(folder, "approved")
        assert follower.check().serving
        assert version(follower) == "1"


def test_a_service_starts_with_a_model_or_not_at_all(shop: Shop) -> None:
    with pytest.raises(NotFoundError):
        shop.follow()
    _altered(shop)
    with pytest.raises(ModelRefusedError):
        shop.follow()
    shop.put()
    for every in (0, -1, math.nan, True, math.inf, 1e10, "3", None):
        with pytest.raises(UsageError, match="above 0"):
            shop.follow(every=every)


def test_whatever_a_check_meets_it_survives(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A foreign error is named by its kind alone, as it may carry an address with a password."""
    shop.put()
    with shop.follow() as follower:

        def fail(*_: object) -> None:
            raise RuntimeError("postgresql://user:secret@host")

        with monkeypatch.context() as broken:
            broken.setattr(following, "sight", fail)
            health = follower.check()
        assert health.serving
        assert health.newer == "the check failed: RuntimeError"
        assert "secret" not in caplog.text
        assert follower.check().newer is None


def test_a_closed_follower_answers_and_asks_no_more(shop: Shop) -> None:
    shop.put()
    follower = shop.follow()
    follower.close()
    shop.put()
    assert follower.check().version == "1"
    with pytest.raises(ModelRefusedError, match="closed"):
        version(follower)


def test_requests_run_through_while_models_are_exchanged(shop: Shop) -> None:
    """Six threads ask without a pause while thirty models take turns: no request fails, versions never go back, and
    every list is the one that its version makes."""
    expected = {}
    for number in range(1, 31):
        folder = shop.put(arrays=None, meta_changes={"created": str(number), "history_norm": number / 100})
        expected[str(number)] = Recommender.unapproved(read_artifact(folder)).recommend(["100"], 3, profiling=True)
    shop.show(shop.root / "made-1")
    failures: list[BaseException] = []
    seen: list[set[str]] = []
    with shop.follow() as follower:
        done = threading.Event()

        def ask() -> None:
            answered, last = set(), 0
            try:
                while not done.is_set():
                    answer = follower.recommend(["100"], 3, profiling=True)
                    assert answer.items == expected[answer.version].items
                    assert int(answer.version) >= last
                    last = int(answer.version)
                    answered.add(answer.version)
            except BaseException as error:
                failures.append(error)
            seen.append(answered)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for number in range(2, 31):
            shop.show(shop.root / f"made-{number}")
            assert follower.check().version == str(number)
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(set().union(*seen)) > 5


def wait_for(condition: Any) -> None:
    """The condition holds within ten seconds."""
    waited = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waited.wait(0.01)
    pytest.fail("it never came true")


def test_it_looks_by_itself_and_stops_with_its_owner(shop: Shop) -> None:
    """The thread swaps without being told, survives a place that vanished, and ends when the follower is dropped."""
    shop.put()
    before = set(threading.enumerate())
    owned = [shop.follow(every=0.01)]
    (thread,) = set(threading.enumerate()) - before
    _gone(shop)
    wait_for(lambda: owned[0].health().newer)
    shop.put()
    wait_for(lambda: owned[0].health().version == "2")
    gone = weakref.ref(owned.pop())
    wait_for(lambda: gc.collect() >= 0 and gone() is None and not thread.is_alive())


def test_the_thread_survives_a_check_that_raises() -> None:
    """Whatever is raised, the next check comes."""

    class Owner:
        looks = 0

        def check(self) -> None:
            self.looks += 1
            raise OSError("no disk")

    owner = Owner()
    watch = watching.Watch(owner, every=0.01)
    wait_for(lambda: owner.looks > 2)
    watch.stop()


@pytest.fixture
def forked() -> Iterator[Any]:
    """Runs a function in a forked process and gives what it returns, as JSON."""

    def run(function: Any) -> Any:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writing, json.dumps(function()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return json.loads(told)

    return run


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # it is what is tested
def test_a_forked_process_goes_on_looking(shop: Shop, forked: Any) -> None:
    """In the child, where the thread is gone, the first request starts it; it swaps there too. The parent goes on."""
    shop.put()
    follower = shop.follow(every=0.01)

    def child() -> list[str]:
        before = version(follower)
        shop.put()
        wait_for(lambda: follower.health().version == "2")
        return [before, version(follower)]

    assert forked(child) == ["1", "2"]
    wait_for(lambda: version(follower) == "2")
    follower.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_waits_for_a_check_under_way_but_not_for_ever(
    shop: Shop, forked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child made while a check hangs can check itself: no lock comes locked with it."""
    shop.put()
    monkeypatch.setattr(watching, "_PATIENCE", 0.05)
    with shop.follow() as follower:
        hanging, go_on, real = threading.Event(), threading.Event(), following.sight
        main = threading.get_ident()

        def hang(*args: Any) -> Any:
            if threading.get_ident() != main:
                hanging.set()
                go_on.wait(10)
            return real(*args)

        monkeypatch.setattr(following, "sight", hang)
        thread = threading.Thread(target=follower.check)
        thread.start()
        hanging.wait(10)
        assert forked(lambda: follower.check().version) == "1"
        go_on.set()
        thread.join()
