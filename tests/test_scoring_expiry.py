"""A recommender answers as long as its approval holds and not a moment longer, and says which approval that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_world import NOW, publish
from scoring_world import recommender as candidate
from tactful.errors import ModelRefusedError
from tactful.scoring import Recommender, recommender
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, new_key, public_text

END = NOW + timedelta(days=179)
CALLS: dict[str, Callable[[Recommender], Any]] = {
    "recommend": lambda model: model.recommend(["100"], profiling=True),
    "not personal": lambda model: model.recommend([], profiling=False),
    "recommend_batch": lambda model: model.recommend_batch([["100"]], profiling=True),
    "nobody": lambda model: model.recommend_batch([], profiling=True),
    "explain": lambda model: model.explain(["100"], "102"),
    "similar": lambda model: model.similar("100"),
}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return new_key()


@pytest.mark.parametrize("name", CALLS)
def test_it_stops_when_the_approval_ends(tmp_path: Path, key: Ed25519PrivateKey, name: str) -> None:
    """The clock of the load is asked at every call: a model in memory for months does not outlive its review."""
    clock = Clock()
    model = Recommender.load(publish(tmp_path / "a", key), trusted_keys=[public_text(key)], now=clock)
    clock.now = END - timedelta(microseconds=1)
    CALLS[name](model)
    for clock.now in (END, END + timedelta(days=900)):
        with pytest.raises(ModelRefusedError, match="only as long as its approval holds") as error:
            CALLS[name](model)
        assert END.isoformat() in str(error.value)
    clock.now = NOW
    CALLS[name](model)


def test_the_clock_is_the_real_one_by_default(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Without a clock of the caller's, an approval that held this second is refused as soon as it does not."""
    now = datetime.now(NOW.tzinfo)
    times = {"approved_at": (now - timedelta(days=1)).isoformat(), "expires_at": (now + timedelta(hours=1)).isoformat()}
    model = Recommender.load(publish(tmp_path / "a", key, **times), trusted_keys=[public_text(key)])
    assert model.recommend(["100"], profiling=True).items
    object.__setattr__(model, "expires_at", now)
    with pytest.raises(ModelRefusedError, match="only as long"):
        model.recommend(["100"], profiling=True)


@pytest.mark.parametrize("name", CALLS)
def test_a_candidate_has_no_end(tmp_path: Path, name: str) -> None:
    model = candidate(tmp_path / "a")
    assert model.expires_at is None
    assert model.approval_id is None
    CALLS[name](model)


def test_answers_name_their_approval(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """The id is the digest of what the reviewer signed; every answer and every record has it."""
    folder = publish(tmp_path / "a", key)
    signed = SignedDocument.from_json((folder / "approval.json").read_bytes())
    model = Recommender.load(folder, trusted_keys=[public_text(key)], now=lambda: NOW)
    assert model.approval_id == signed.digest
    answers = [model.recommend(["100"], profiling=True), *model.recommend_batch([[], ["101"]], profiling=True)]
    assert {answer.approval_id for answer in answers} == {signed.digest}
    assert answers[0].record()["approval_id"] == signed.digest
    assert answers[0].record()["version"] == "3"


def test_follow_is_a_follower(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """`Recommender.follow` hands its arguments on, and what comes back answers as a recommender does."""
    folder = publish(tmp_path / "a", key)
    options: dict[str, Any] = {"trusted_keys": [public_text(key)], "now": lambda: NOW}
    with Recommender.follow(folder, every=1000.0, **options) as follower:
        assert follower.recommend(["100"], 2, profiling=True) == Recommender.load(folder, **options).recommend(
            ["100"], 2, profiling=True
        )
