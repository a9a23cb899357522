"""An index chooses what is looked at and nothing else: scores, filters and approvals are what they are without it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring_wide import N_HEAD, histories, wide_world
from scoring_world import NOW, item_model, publish, recommender
from tactful.errors import MissingExtraError, ModelRefusedError, UsageError
from tactful.scoring import Recommender
from tactful.scoring.item_model import ItemModel
from tactful.scoring.signing import new_key, public_text

ITEMS, DESCRIBED, CANDIDATES = 900, 800, 80


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recommender, Recommender]:
    """A model without an index and with one."""
    world = wide_world(1, n_described=DESCRIBED, n_items=ITEMS)
    exact = recommender(tmp_path_factory.mktemp("wide") / "model", world)
    return exact, exact.indexed(candidates=CANDIDATES)


def shown(model: Recommender, history: list[str], n: int = 10, **asked: object) -> dict[str, float]:
    """Item ids and scores of a list."""
    answer = model.recommend(history, n, profiling=True, **asked)  # type: ignore[arg-type]
    return {item.item_id: item.score for item in answer.items}


def test_what_is_shown_has_the_score_it_has_without(pair: tuple[Recommender, Recommender]) -> None:
    """To the last bit; most of the best are found, as many as the index says of itself; nothing of a history is."""
    exact, quick = pair
    assert (exact.index_recall, exact.index_bytes) == (None, 0)
    assert quick.index_bytes > 0
    assert quick.index_recall is not None
    assert 0.8 < quick.index_recall <= 1
    shares = []
    for history in histories(2, 40, n_items=ITEMS):
        everything, found = shown(exact, history, ITEMS), shown(quick, history)
        assert {item: everything[item] for item in found} == found
        assert len(found) == 10
        shares.append(len(found.keys() & shown(exact, history).keys()) / 10)
    assert np.mean(shares) > 0.8


@pytest.mark.parametrize("noise", [0.0, 1e-6, 0.1])
def test_what_all_items_have_in_common_takes_no_room(noise: float, tmp_path: Path) -> None:
    """A base that is nearly the same for all, however large, leaves the index its directions."""
    world = wide_world(1, n_described=DESCRIBED, n_items=ITEMS)
    world["base"] = (50 + noise * np.random.default_rng(3).normal(size=ITEMS)).astype(np.float32)
    quick = recommender(tmp_path / "model", world).indexed(candidates=CANDIDATES)
    assert quick.index_recall is not None
    assert quick.index_recall > 0.8


def test_what_may_not_be_shown_is_not(pair: tuple[Recommender, Recommender]) -> None:
    """Sensitive and denied items stay away; where few may be shown, or many are asked for, nothing is left out."""
    exact, quick = pair
    for history in histories(3, n_items=ITEMS):
        best = list(shown(exact, history, 5))
        assert not shown(quick, history, deny_items=best).keys() & set(best)
        assert all(int(item[1:]) % 7 for item in shown(quick, history))
        only = [f"i{n}" for n in range(0, ITEMS, 40)]
        assert shown(quick, history, allow_items=only) == shown(exact, history, allow_items=only)
        assert shown(quick, history, CANDIDATES) == shown(exact, history, CANDIDATES)


def test_many_at_once_are_answered_as_one(pair: tuple[Recommender, Recommender]) -> None:
    """With an index, too."""
    many = histories(4, n_items=ITEMS)
    assert pair[1].recommend_batch(many, profiling=True) == [pair[1].recommend(h, profiling=True) for h in many]
    assert pair[1].recommend(many[0], profiling=False) == pair[0].recommend(many[0], profiling=False)


class Rubbish:
    """An index that finds whatever it likes."""

    recall, bytes = 1.0, 0

    def find(self, taste: NDArray[np.float64]) -> NDArray[np.intp]:
        """Some rows that have nothing to do with the taste."""
        seed = int(abs(float(taste[0])) * 1e6)
        return N_HEAD + np.random.default_rng(seed).choice(DESCRIBED, CANDIDATES, replace=False)


def served_by(model: Recommender, items: ItemModel) -> Recommender:
    """The recommender with other items."""
    return Recommender(items=items, model=model.model, version=model.version, expires_at=model.expires_at)


def test_a_bad_index_shows_worse_items_and_no_wrong_ones(pair: tuple[Recommender, Recommender]) -> None:
    """Whatever it finds is scored and filtered as everything is, and the whole head is looked at all the same."""
    exact = pair[0]
    blind = served_by(exact, replace(exact._items, finder=Rubbish()))
    worse = []
    for history in histories(5, n_items=ITEMS):
        everything, found = shown(exact, history, ITEMS), shown(blind, history)
        assert {item: everything[item] for item in found} == found
        worse.append(found.keys() != shown(exact, history).keys())
        head = {f"i{n}" for n in exact._items.head.tolist()}
        assert shown(exact, history).keys() & head <= found.keys()
    assert any(worse)


def test_an_index_is_under_the_same_approval(tmp_path: Path) -> None:
    """It is served as what was approved, and ends when that ends; nothing is written beside the model."""
    key, clock = new_key(), [NOW]
    folder = publish(tmp_path / "tiny", key, wide_world(1, n_described=DESCRIBED, n_items=ITEMS))
    before = sorted(path.name for path in folder.iterdir())
    loaded = Recommender.load(
        folder, trusted_keys=[public_text(key)], now=lambda: clock[0], seen_file=tmp_path / "seen.json"
    )
    quick = loaded.indexed(candidates=CANDIDATES)
    assert (quick.version, quick.approval_id) == (loaded.version, loaded.approval_id)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert quick.recommend(["i1", "i2"], profiling=True).items
    clock[0] = NOW + timedelta(days=365)
    with pytest.raises(ModelRefusedError, match="approval"):
        quick.recommend(["i1"], profiling=True)


def test_an_index_is_for_wide_catalogues(tmp_path: Path) -> None:
    """A small one is refused, and says what to do."""
    with pytest.raises(UsageError, match="without an index"):
        recommender(tmp_path / "model", wide_world()).indexed()
    assert item_model(tmp_path / "other", wide_world()).finder is None


def test_without_the_extra_it_says_which(
    pair: tuple[Recommender, Recommender], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that lacks usearch serves as before, and is told what an index needs."""
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[index\]"):
        pair[0].indexed(candidates=CANDIDATES)
    assert pair[0].recommend(["i1"], profiling=True).items
