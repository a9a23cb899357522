"""What `recommend` answers, on a world where the right answer is obvious, and laws on worlds without structure."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring_world import N_ITEMS, checkerboard, item_model, random_world, recommender
from tactful.errors import NotFoundError, UsageError
from tactful.scoring import Answer, Recommender, answering, ranking


class _Untouchable:
    """A history that nobody may look at."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("the history was read")

    __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = __str__ = __eq__ = __hash__ = _refuse  # type: ignore[assignment]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    return recommender(tmp_path_factory.mktemp("board") / "artifact")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], Recommender]]:
    folder = tmp_path_factory.mktemp("worlds")
    shapes = [{}, {"n_head": 60}, {"n_head": 1, "rank": 1}, {"n_items": 300, "n_head": 290, "rank": 33}]
    arrays = [random_world(seed, **shape) for seed, shape in enumerate(shapes)]
    return [(world, recommender(folder / str(i), world)) for i, world in enumerate(arrays)]


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


def reference(world: dict[str, Any], history: list[str], allowed: set[str]) -> list[tuple[str, float]]:
    """All items, best first, written down as the docstring of item_model says it, one item at a time."""
    bundles = [set(), {"health"}, {"health", "family"}]
    ok = [bundles[c] <= allowed for c in world["sensitive"].tolist()]
    row = {world["item_ids"][j]: k for k, j in enumerate(world["head"].tolist())}
    position = {item: j for j, item in enumerate(world["item_ids"].tolist())}
    known = {h for h in history if h in position}
    usable = sorted((h for h in known if ok[position[h]] and h in row), key=lambda h: row[h])
    scores = {}
    for item, j in position.items():
        if not usable:
            scores[item] = float(world["popularity"][j])
            continue
        added = (
            [world["encoder"][row[h]].astype(float) @ world["decoder"][row[item]] for h in usable]
            if item in row
            else []
        )
        scores[item] = float(world["base"][j]) + sum(added) / np.sqrt(len(usable))
    left = [i for i in position if i not in known and ok[position[i]]]
    return [(i, scores[i]) for i in sorted(left, key=lambda i: (-scores[i], position[i]))]


def test_checkerboard(board: Recommender) -> None:
    """Even items call for the even ones that are left; then come the odd ones, then those outside the head."""
    answer = board.recommend(["100", "102"], n=10, profiling=True)
    assert ids(answer) == ["104", "101", "103", "105", "107", "108", "109", "110", "111"]
    assert answer.items[0].score == pytest.approx(0.04 + 2 / np.sqrt(2), abs=1e-6)
    assert answer.items[0].title == "Item 104"
    assert (answer.personalised, answer.unknown, answer.withheld) == (True, 0, 0)


def test_profiling_must_be_said(board: Recommender) -> None:
    """Leaving `profiling` out is an error, and so is anything that is not clearly yes or no."""
    parameter = inspect.signature(Recommender.recommend).parameters["profiling"]
    assert parameter.default is inspect.Parameter.empty
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    with pytest.raises(TypeError, match="profiling"):
        board.recommend(["100"])  # type: ignore[call-arg]
    for unclear in ("no", 1, None, [True]):
        with pytest.raises(UsageError, match="profiling"):
            board.recommend(["100"], profiling=unclear)  # type: ignore[arg-type]


def test_without_profiling_the_history_is_not_read(board: Recommender) -> None:
    """A person who does not allow profiling gets everybody's list, and their history is not so much as looked at."""
    answer = board.recommend(_Untouchable(), n=3, profiling=False)
    assert ids(answer) == ["100", "101", "102"]
    assert not answer.personalised
    assert "not read" in answer.reason
    batch = board.recommend_batch([_Untouchable(), ["100"]], 3, profiling=[False, True])
    assert [a.personalised for a in batch] == [False, True]
    with pytest.raises(AssertionError, match="was read"):
        board.recommend(_Untouchable(), n=3, profiling=True)


@pytest.mark.parametrize("history", [[], ["nobody", "knows"], ["108", 109], [None, 3.5, True, ("a",), ["unhashable"]]])
def test_a_history_without_a_usable_item(board: Recommender, history: list[Any]) -> None:
    """With nothing the model can use, the popular items that are not held come back, and the reason says so."""
    answer = board.recommend(history, n=20, profiling=True)
    assert not answer.personalised
    assert answer.reason == "no item of the history is one the model can use"
    assert ids(answer) == [str(100 + i) for i in range(N_ITEMS) if i != 6 and str(100 + i) not in map(str, history)]


def test_unknown_and_repeated_items(board: Recommender) -> None:
    """Unknown ids are counted once and change nothing, nor do repetitions and order; 7 and "7" are one id."""
    plain = board.recommend(["100", "103"], profiling=True)
    messy = board.recommend(["x", 103, "100", np.int64(100), "103", "x", "y", "100"], profiling=True)
    assert messy.unknown == 2
    assert messy.items == plain.items


def test_never_pads(board: Recommender) -> None:
    """Asked for more than is left, it returns what is left."""
    assert len(board.recommend(["100"], n=1000, profiling=True).items) == N_ITEMS - 2
    everything = [str(100 + i) for i in range(N_ITEMS)]
    assert board.recommend(everything, n=5, profiling=True).items == ()


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None, True])
def test_n_is_a_whole_number_from_1(board: Recommender, n: Any) -> None:
    with pytest.raises(UsageError, match="whole number"):
        board.recommend(["100"], n=n, profiling=True)


@pytest.mark.parametrize("history", ["100", b"100", 7, None])
def test_a_history_is_a_list(board: Recommender, history: Any) -> None:
    """One text is not taken for a list of letters, and the error does not repeat what was passed."""
    with pytest.raises(UsageError, match="a history is a list") as error:
        board.recommend(history, profiling=True)
    assert "100" not in str(error.value)
    with pytest.raises(UsageError):
        board.recommend_batch("100", profiling=True)


def test_sensitive_items_need_every_category(tmp_path: Path) -> None:
    """An item of a bundle is recommended, and read from the history, only where all of its categories are allowed."""
    arrays = checkerboard()
    arrays["sensitive"][6] = 2  # health and family
    model = recommender(tmp_path / "a", arrays)
    for allowed in ((), ("health",), ("family", "other")):
        assert "106" not in ids(model.recommend(["100"], 20, profiling=True, allowed_categories=allowed))
        assert "106" not in ids(model.recommend([], 20, profiling=False, allowed_categories=allowed))
        withheld = model.recommend(["106"], 20, profiling=True, allowed_categories=allowed)
        assert (withheld.withheld, withheld.unknown, withheld.personalised) == (1, 0, False)
        assert "106" not in ids(withheld)
    both = ("health", "family")
    assert "106" in ids(model.recommend(["100"], 20, profiling=True, allowed_categories=both))
    assert model.recommend(["106"], 20, profiling=True, allowed_categories=both).withheld == 0
    with pytest.raises(UsageError, match="allowed_categories"):
        model.recommend(["100"], profiling=True, allowed_categories="health")


def test_withheld_items_do_not_change_the_score(board: Recommender) -> None:
    """A withheld item is as good as absent: it does not even enter the weight of the others."""
    assert board.recommend(["100", "106"], profiling=True).items == board.recommend(["100"], profiling=True).items


def test_ties_are_broken_by_catalogue_order(tmp_path: Path) -> None:
    """Equal items come in catalogue order, wherever the matrix product rounds: many equal rows of an awkward length."""
    world = random_world(5, n_items=400, n_head=390, rank=37)
    world["head"] = np.sort(world["head"])
    world["decoder"][:] = world["decoder"][0]
    world["base"][:] = 0.1
    world["sensitive"][:] = 0
    model = recommender(tmp_path / "a", world)
    inside = set(world["head"].tolist())
    history = [str(world["item_ids"][j]) for j in world["head"][:3]]
    better = float(world["encoder"][:3].astype(float).sum(axis=0) @ world["decoder"][0]) > 0
    expected = [
        f"i{j}" for j in sorted(range(400), key=lambda j: ((j in inside) != better, j)) if f"i{j}" not in history
    ]
    assert ids(model.recommend(history, n=50, profiling=True)) == expected[:50]
    assert ids(model.recommend_batch([history] * 9, n=50, profiling=True)[-1]) == expected[:50]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_agrees_with_the_definition(worlds: list[tuple[dict[str, Any], Recommender]], data: st.DataObject) -> None:
    """Items, order, scores, and the sums of contributions agree with the definition, evaluated one item at a time."""
    world, model = data.draw(st.sampled_from(worlds))
    history = data.draw(st.lists(st.sampled_from([*world["item_ids"].tolist(), "x"]), max_size=30))
    allowed = data.draw(st.sets(st.sampled_from(["health", "family"])))
    n = data.draw(st.integers(1, len(world["item_ids"]) + 5))
    answer = model.recommend(history, n, profiling=True, allowed_categories=allowed, because=True)
    expected = reference(world, history, allowed)[:n]
    assert ids(answer) == [item for item, _ in expected]
    assert [i.score for i in answer.items] == pytest.approx([score for _, score in expected], abs=1e-9)
    for item in answer.items:
        assert item.because is not None
        assert sum(part.contribution for part in item.because) == pytest.approx(item.score, abs=1e-5)
        assert item.because[-1].item_id is None
        assert item.because == model.explain(history, item.item_id, allowed_categories=allowed)


def test_batch_equals_single(worlds: list[tuple[dict[str, Any], Recommender]]) -> None:
    """The answers for many people at once are, to the last bit, those for each alone; 600 people cross the blocks."""
    rng = np.random.default_rng(0)
    for world, model in worlds:
        histories = [rng.choice(world["item_ids"], rng.integers(0, 12)).tolist() for _ in range(600)]
        allowed = [bool(b) for b in rng.random(600) < 0.8]
        single = [model.recommend(h, 7, profiling=p) for h, p in zip(histories, allowed, strict=True)]
        assert model.recommend_batch(histories, 7, profiling=allowed) == single
        assert model.recommend_batch(iter(histories), 7, profiling=True)[:3] == [
            model.recommend(h, 7, profiling=True) for h in histories[:3]
        ]


def test_batch_needs_one_answer_a_person(board: Recommender) -> None:
    with pytest.raises(UsageError, match="profiling"):
        board.recommend_batch([["100"], ["101"]], profiling=[True])
    with pytest.raises(UsageError, match="profiling"):
        board.recommend_batch([["100"]], profiling=["no"])  # type: ignore[list-item]
    assert board.recommend_batch([], profiling=True) == []


def test_rough_scores_do_not_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that differ only beyond 32 bits are ordered rightly; taking the rough order instead is noticed."""
    world = random_world(2, n_items=500, n_head=500, rank=64)
    world["base"][:] = 0
    world["sensitive"][:] = 0
    rng = np.random.default_rng(3)
    world["decoder"] = (world["decoder"][0] + 1e-6 * rng.normal(size=(500, 64))).astype(np.float32)
    model = recommender(tmp_path / "a", world)
    history = world["item_ids"][:5].tolist()
    expected = [item for item, _ in reference(world, history, set())[:10]]
    assert ids(model.recommend(history, 10, profiling=True)) == expected
    monkeypatch.setattr(ranking, "error_bound", lambda *_: 0.0)
    monkeypatch.setattr(ranking, "exact_scores", lambda m, s, t: (m.decoder[s] @ t.astype(np.float32)).astype(float))
    assert ids(model.recommend(history, 10, profiling=True)) != expected


def test_the_error_bound_holds(tmp_path: Path) -> None:
    """The 32-bit product is never further from the exact score than the bound says, and the bound is not absurd."""
    rng = np.random.default_rng(1)
    model = item_model(tmp_path / "a", random_world(7, n_items=900, n_head=800, rank=100))
    for size in (1, 10, 200):
        slots = np.sort(rng.choice(800, size, replace=False))
        taste = model.taste(slots)
        rough = model.decoder @ taste.astype(np.float32) + model.head_base
        off = np.abs(rough - ranking.exact_scores(model, np.arange(800), taste)).max()
        assert off <= ranking.error_bound(model, taste) < 0.01 * np.abs(rough).max()


def test_explain_checks_its_item(board: Recommender) -> None:
    """An item that does not exist, or that this person would never be shown, is an error."""
    with pytest.raises(NotFoundError):
        board.explain(["100"], "nothing")
    with pytest.raises(UsageError, match="sensitive"):
        board.explain(["100"], "106")
    assert [part.item_id for part in board.explain(["100", 103], 104)] == ["100", "103", None]
    assert [part.item_id for part in board.explain([], 104)] == [None]


def test_because_is_made_only_when_asked_for(board: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "parts", lambda *_: pytest.fail("because was computed"))
    assert board.recommend(["100"], profiling=True).items[0].because is None


def test_the_json_of_an_answer(board: Recommender) -> None:
    """The fields that the command `tactful recommend` promises."""
    plain = board.recommend(["100", "x"], 1, profiling=True, because=True).as_json()
    assert plain["items"][0].keys() == {"item_id", "score", "title", "because"}
    assert plain["items"][0]["because"][-1].keys() == {"item_id", "contribution"}
    assert {k: v for k, v in plain.items() if k not in ("items", "reason")} == {
        "personalised": True,
        "unknown": 1,
        "withheld": 0,
        "model": "tiny",
        "version": "unapproved",
    }


def test_nothing_can_be_changed(board: Recommender) -> None:
    """A recommender, its arrays and its answers are read-only, and it shows no history."""
    with pytest.raises(AttributeError, match="cannot be changed"):
        board.version = "4"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        board.recommend([], profiling=True).personalised = True  # type: ignore[misc]
    for name in ("encoder", "decoder", "base", "head", "slot", "tail", "by_popularity", "popularity", "head_base"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(board._items, name)[:] = 0


def test_threads_get_the_same_answers(worlds: list[tuple[dict[str, Any], Recommender]]) -> None:
    """One recommender shared by threads answers as it does alone."""
    world, model = worlds[0]
    rng = np.random.default_rng(4)
    histories = [rng.choice(world["item_ids"], 6).tolist() for _ in range(200)]
    alone = [model.recommend(h, profiling=True) for h in histories]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda h: model.recommend(h, profiling=True), histories)) == alone


@pytest.mark.parametrize("shape", [(0, 3), (0, 0), (8, 0)])
def test_a_model_that_learned_nothing(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Without a head, or with a head of rank 0, it still answers, and does not claim that the answer is personal."""
    factors = np.empty(shape, np.float32)
    arrays = checkerboard() | {"head": np.arange(shape[0], dtype=np.int32), "encoder": factors, "decoder": factors}
    answer = recommender(tmp_path / "a", arrays).recommend(["100"], 2, profiling=True)
    assert (ids(answer), answer.personalised) == (["101", "102"], False)
