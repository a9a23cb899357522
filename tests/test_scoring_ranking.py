"""The lists are the best n, exactly: beside a reference that scores and sorts everything, with ties and near-ties."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring_world import random_world, recommender
from tactful.scoring import Recommender, answering, batches, ranking
from tactful.scoring.histories import read_history
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import offer

ALL = np.array([True, True, True])
ANY = ("health", "family")


def large(seed: int, kind: str, *, n_items: int = 4100, rank: int = 9) -> dict[str, NDArray[Any]]:
    """Worlds in which a threshold is hard to find: scores that are equal, almost equal, in runs, or of all sizes."""
    world = random_world(seed, n_items=n_items, n_head=n_items - 37, rank=rank)
    rng = np.random.default_rng(seed)
    n_head = n_items - 37
    if kind == "equal":
        world["decoder"][:] = world["decoder"][0]
        world["base"][:] = 0.25
    elif kind == "almost equal":
        world["decoder"] = (world["decoder"][0] * (1 + 1e-7 * rng.normal(size=(n_head, 1)))).astype(np.float32)
        world["base"][:] = 0
    elif kind == "few values":
        world["decoder"] = world["decoder"][rng.integers(0, 5, n_head)]
        world["base"] = rng.choice(np.float32([0, 0.5]), n_items)
    elif kind == "in one block":  # the best are as far apart as the blocks are wide
        world["decoder"][:: n_head // 32] *= 50
    elif kind == "of all sizes":
        world["decoder"] *= (10.0 ** rng.uniform(-12, 6, (n_head, 1))).astype(np.float32)
    elif kind == "base decides":
        world["base"] = (1e4 * world["base"]).astype(np.float32)
    return world


KINDS = ["plain", "equal", "almost equal", "few values", "in one block", "of all sizes", "base decides"]


def brute_force(model: ItemModel, history: list[str], n: int) -> list[str]:
    """The n best by scores of everything in 64 bits, ties in catalogue order; no sensitive items."""
    read = read_history(model, history, np.array([True, False, False]))
    scores = model.base.astype(np.float64)
    taste = model.taste(read.slots)
    scores[model.head] = (model.decoder * taste).sum(axis=1) + model.row_base
    left = np.setdiff1d(np.flatnonzero(model.sensitive == 0), read.known)
    return [model.item_ids[place] for place in left[np.lexsort((left, -scores[left]))][:n]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recommender]:
    folder = tmp_path_factory.mktemp("worlds")
    return {kind: recommender(folder / kind, large(seed, kind)) for seed, kind in enumerate(KINDS)}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_alone_and_together_it_is_what_sorting_everything_gives(
    models: dict[str, Recommender], data: st.DataObject
) -> None:
    """Items and order, for one person and for several at once, short and long lists, in every kind of world."""
    model = models[data.draw(st.sampled_from(KINDS))]
    ids = model._items.item_ids
    seed, n = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 40) | st.integers(200, 300))
    rng = np.random.default_rng(seed)
    histories = [rng.choice(ids, rng.integers(1, 60), replace=False).tolist() for _ in range(3)]
    found = model.recommend_batch(histories, n, profiling=True)
    for history, answer in zip(histories, found, strict=True):
        assert model.recommend(history, n, profiling=True) == answer
        if answer.personalised:
            assert [item.item_id for item in answer.items] == brute_force(model._items, history, n)


def test_the_batch_takes_its_own_way(models: dict[str, Recommender], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above compares is two ways, not one: the one for many is taken in large worlds alone."""
    model = models["plain"]
    assert batches.worth_it(model._items, 10, 2)
    assert not batches.worth_it(model._items, 10, 1)
    assert not batches.worth_it(model._items, 40, 2)
    monkeypatch.setattr(answering, "candidates_of_many", lambda *_: pytest.fail("together"))
    histories = [list(model._items.item_ids[:3])] * 2
    model.recommend_batch(histories, 40, profiling=True)
    with pytest.raises(BaseException, match="together"):
        model.recommend_batch(histories, 10, profiling=True)


@pytest.mark.parametrize("kind", ["equal", "few values"])
def test_ties_for_many_are_not_kept_all_at_once(
    models: dict[str, Recommender], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where candidates are too many, people are answered one by one, with the same answers."""
    model = models[kind]
    histories = [[item] for item in model._items.item_ids[:20]]
    together = model.recommend_batch(histories, 5, profiling=True)
    monkeypatch.setattr(answering, "_TOO_MANY", 0)
    assert model.recommend_batch(histories, 5, profiling=True) == together


def test_few_candidates_are_scored_again(models: dict[str, Recommender]) -> None:
    """In a world without ties about n rows are candidates, not the whole head."""
    items = models["plain"]._items
    shown = offer(items, ("health", "family"))
    histories = [read_history(items, list(items.item_ids[k : k + 20]), ALL) for k in range(30)]
    tastes = np.array([items.taste(history.slots) for history in histories])
    people, slots = batches.candidates_of_many(items, histories, tastes, shown, 10)
    assert len(slots) <= 30 * 20
    for person, (history, taste) in enumerate(zip(histories, tastes, strict=True)):
        rough = items.decoder @ taste.astype(np.float32) + items.row_base
        rough[history.held] = -np.inf
        alone = ranking.candidates(rough, 10, ranking.error_bound(items, taste))
        assert len(alone) <= 20
        best = np.argsort(-rough)[:10]
        assert set(best) <= set(alone)
        assert set(best) <= set(slots[people == person])


@pytest.mark.parametrize("broken", ["larger maximum", "error below 0"])
def test_a_threshold_that_is_too_high_is_noticed(
    models: dict[str, Recommender], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the threshold were a larger maximum than the n-th, or the error of 32 bits ignored, lists would differ."""
    model = models["almost equal" if broken == "error below 0" else "plain"]
    histories = np.random.default_rng(1).choice(model._items.item_ids, (40, 3)).tolist()
    before = [model.recommend(history, 8, profiling=True) for history in histories]
    honest, bound = ranking.candidates, ranking.error_bound
    if broken == "larger maximum":
        monkeypatch.setattr(ranking, "candidates", lambda rough, n, error: honest(rough, n - 3, error))
    else:
        monkeypatch.setattr(ranking, "error_bound", lambda *args: -bound(*args))
    assert [model.recommend(history, 8, profiling=True) for history in histories] != before


def test_rows_that_fill_no_block_count(tmp_path: Path) -> None:
    """The last rows of a head whose length is no multiple of anything are found if they are the best."""
    world = random_world(5, n_items=2999, n_head=2999, rank=4)
    world["head"] = np.arange(2999, dtype=np.int32)
    world["sensitive"][:] = 0
    world["base"][-3:] = 1000
    model = recommender(tmp_path / "a", world)
    histories = [["i1", "i2"], ["i7"]]
    alone = [model.recommend(history, 5, profiling=True) for history in histories]
    assert model.recommend_batch(histories, 5, profiling=True) == alone
    for answer in alone:
        assert {item.item_id for item in answer.items[:3]} == {"i2996", "i2997", "i2998"}


@pytest.mark.parametrize("n_head", [0, 1, 5])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_small_heads(tmp_path: Path, n_head: int, n: int) -> None:
    """With hardly any rows in the head, what is outside of it comes by its base."""
    model = recommender(tmp_path / "a", random_world(3, n_items=60, n_head=n_head, rank=3))
    history = ["i0", *(str(model._items.item_ids[place]) for place in model._items.head[:1])]
    answer = model.recommend(history, n, profiling=True)
    if answer.personalised:
        assert [item.item_id for item in answer.items] == brute_force(model._items, history, n)
    assert model.recommend_batch([history] * 3, n, profiling=True) == [answer] * 3


def test_many_threads_share_one_model(models: dict[str, Recommender]) -> None:
    """Sixteen threads that ask about one person or many, with lists of items or without, get what one alone gets."""
    model = models["few values"]
    rng = np.random.default_rng(7)
    histories = [rng.choice(model._items.item_ids, 20).tolist() for _ in range(96)]
    denied = list(model._items.item_ids[::3])

    def ask(start: int) -> list[Any]:
        mine = histories[start : start + 6]
        lists: list[Any] = [model.recommend(history, 9, profiling=True, deny_items=denied) for history in mine]
        return [
            *lists,
            *model.recommend_batch(mine, 9, profiling=True),
            model.similar(mine[0][0], allowed_categories=ANY),
        ]

    starts = list(range(0, 96, 6)) * 4
    alone = [ask(start) for start in starts[:16]]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, starts)) == alone * 4
