"""What `recommend` answers, on a world where the right answer is obvious, and laws on worlds without structure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
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


@pytest.mark.parametrize("history", [[], ["nobody", "knows"], ["108", 109]])
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


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None, True, ["4711"], "4711"])
def test_n_is_a_whole_number_from_1(board: Recommender, n: Any) -> None:
    """What is no number may be a history that a caller put in the wrong place, so it is not repeated."""
    with pytest.raises(UsageError, match="whole number") as caught:
        board.recommend(["100"], n=n, profiling=True)
    assert "4711" not in str(caught.value)


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
        rough = model.decoder @ taste.astype(np.float32) + model.row_base
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
    assert plain["items"][0]["because"][-1].keys() == {"item_id", "title", "contribution"}
    assert {k: v for k, v in plain.items() if k not in ("items", "reason")} == {
        "personalised": True,
        "unknown": 1,
        "withheld": 0,
        "model": "tiny",
        "version": "unapproved",
        "approval_id": None,
    }


def test_nothing_can_be_changed(board: Recommender) -> None:
    """A recommender, its arrays and its answers are read-only, and it shows no history."""
    with pytest.raises(AttributeError, match="cannot be changed"):
        board.version = "4"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        board.recommend([], profiling=True).personalised = True  # type: ignore[misc]
    for name in ("encoder", "decoder", "base", "head", "slot", "tail", "by_popularity", "popularity", "row_base"):
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


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_weights_agree_with_the_definition(
    worlds: list[tuple[dict[str, Any], Recommender]], data: st.DataObject
) -> None:
    """Scores are base + Σ aᵢ / ‖a‖₂ · what item i says, over the items that weigh anything; reasons sum to them."""
    world, model = data.draw(st.sampled_from(worlds))
    ids = st.sampled_from([*world["item_ids"].tolist(), "x"])
    history = data.draw(st.dictionaries(ids, st.sampled_from([0, 0.25, 1, 3.5]), max_size=12))
    answer = model.recommend(history, 8, profiling=True, because=True)
    row = {world["item_ids"][j]: k for k, j in enumerate(world["head"].tolist())}
    place = {item: j for j, item in enumerate(world["item_ids"].tolist())}
    heard = {item: a for item, a in history.items() if a and item in row and not world["sensitive"][place[item]]}
    assert answer.personalised == bool(heard)
    for item in answer.items:
        assert item.item_id not in history
        if heard and item.item_id in row:
            target = world["decoder"][row[item.item_id]].astype(float)
            said = [a * float(world["encoder"][row[i]].astype(float) @ target) for i, a in heard.items()]
            expected = sum(said) / np.linalg.norm(list(heard.values())) + float(world["base"][place[item.item_id]])
            assert item.score == pytest.approx(expected, abs=1e-9)
        assert sum(part.contribution for part in item.because or ()) == pytest.approx(item.score, abs=1e-5)
        assert item.because == model.explain(history, item.item_id)
        assert len(item.because) == len(heard) + 1


def test_only_the_ratios_of_weights_matter(worlds: list[tuple[dict[str, Any], Recommender]]) -> None:
    """Equal weights are no weights, to the last bit; so is a common factor of 2, even where sums would overflow."""
    world, model = worlds[3]
    items = world["item_ids"][:9].tolist()
    plain = model.recommend(items, profiling=True)
    for equal in (1, 0.1, 5e-324, 1e308, np.float32(3), np.int64(7)):
        assert model.recommend(dict.fromkeys(items, equal), profiling=True) == plain
    weights = {item: 1.0 + k for k, item in enumerate(items)}
    one = model.recommend(weights, profiling=True)
    assert one.items != plain.items
    for factor in (2, 2.0**-900, 2.0**900):
        assert model.recommend({item: a * factor for item, a in weights.items()}, profiling=True) == one
    almost_gone = model.recommend(weights | {items[0]: 1e-13}, profiling=True)
    gone = model.recommend(weights | {items[0]: 0}, profiling=True)
    assert [i.score for i in gone.items] == pytest.approx([i.score for i in almost_gone.items], abs=1e-9)


def test_what_weighs_nothing_is_known_and_says_nothing(board: Recommender) -> None:
    """It is not recommended; where nothing weighs anything the list is not personal, and says why."""
    answer = board.recommend({"100": 2, "103": 0, 105: 0.0, "x": 0}, 20, profiling=True)
    assert not {"100", "103", "105"} & set(ids(answer))
    assert answer.unknown == 1
    assert [part.item_id for part in board.explain({"100": 2, "103": 0}, "104")] == ["100", None]
    silent = board.recommend({"100": 0, "x": 0}, 20, profiling=True)
    assert (silent.personalised, silent.reason) == (False, "no item of the history has a weight above 0")
    assert "100" not in ids(silent)
    for useless in ({}, {"x": 1, "100": 0}):
        assert board.recommend(useless, profiling=True).reason == "no item of the history is one the model can use"


def test_two_keys_that_are_one_id_add_up(board: Recommender) -> None:
    both = board.recommend({100: 1, "100": 1, "101": 2}, profiling=True)
    assert both == board.recommend(["100", "101"], profiling=True)


@pytest.mark.parametrize("weight", [-1, -0.1, np.nan, np.inf, -np.inf, 10**400, "1", None, True, 1j, [1]])
def test_a_weight_is_a_finite_number_from_0(board: Recommender, weight: Any) -> None:
    """Anything else is an error, which does not repeat the history; an overflow of two keys as well."""
    with pytest.raises(UsageError, match="finite number from 0") as error:
        board.recommend({"100": 1, "101": weight}, profiling=True)
    assert "10" not in str(error.value)
    with pytest.raises(UsageError, match="finite number from 0"):
        board.recommend({100: 1e308, "100": 1e308}, profiling=True)


def test_weights_are_not_read_without_profiling(board: Recommender) -> None:
    assert board.recommend({"100": -1}, 2, profiling=False) == board.recommend([], 2, profiling=False)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lists_of_items(worlds: list[tuple[dict[str, Any], Recommender]], data: st.DataObject) -> None:
    """What comes back is the whole list less what is denied and what is not on the allow list, personal or not."""
    world, model = data.draw(st.sampled_from(worlds))
    listed = st.lists(st.sampled_from([*world["item_ids"].tolist(), "unknown"]), max_size=40)
    history, allow, deny = data.draw(listed), data.draw(st.none() | listed), data.draw(listed)
    profiling, categories = data.draw(st.booleans()), data.draw(st.sets(st.sampled_from(["health", "family"])))
    n = data.draw(st.integers(1, 30))
    whole = model.recommend(history, 1000, profiling=profiling, allowed_categories=categories)
    kept = [i for i in whole.items if i.item_id not in deny and (allow is None or i.item_id in allow)]
    options: dict[str, Any] = {"allow_items": allow, "deny_items": deny, "allowed_categories": categories}
    answer = model.recommend(history, n, profiling=profiling, **options)
    assert list(answer.items) == kept[:n]
    assert (answer.unknown, answer.withheld, answer.reason) == (whole.unknown, whole.withheld, whole.reason)
    assert model.recommend_batch([history] * 3, n, profiling=profiling, **options) == [answer] * 3


def test_an_allow_list_opens_no_sensitive_category(board: Recommender) -> None:
    """Being on the list is not the person's consent, which shows it in every kind of answer."""
    for history, profiling in ((["100"], True), ([], True), ([], False)):
        assert ids(board.recommend(history, 5, profiling=profiling, allow_items=["106", "104"])) == ["104"]
        opened = board.recommend(history, 5, profiling=profiling, allow_items=["106"], allowed_categories=["health"])
        assert ids(opened) == ["106"]
    assert board.recommend(["100"], profiling=True, allow_items=[]).items == ()
    assert [i.item_id for i in board.similar("100", allow_items=["106", 104], deny_items=[104])] == []


@pytest.mark.parametrize("wrong", ["104", b"104", 104, [104.0], ["104", None], [["104"]], [True], {"104": False}, {}])
def test_lists_hold_ids(board: Recommender, wrong: Any) -> None:
    """What is no id is an error and is not ignored: 104.0, which a table with gaps makes of 104, would deny nothing."""
    for name in ("allow_items", "deny_items"):
        with pytest.raises(UsageError, match=f"{name} is a list of item ids"):
            board.recommend(["100"], profiling=True, **{name: wrong})


@pytest.mark.parametrize("wrong", [{}, {"health": False}, {"health": True}, "health", 5, True, None, [["health"]], [5]])
def test_categories_are_a_list_of_texts(board: Recommender, wrong: Any) -> None:
    """Above all, of ``{"health": False}`` nobody takes the key for an opt-in and leaves the answer beside it."""
    calls: list[Callable[[], object]] = [
        lambda: board.recommend(["100"], profiling=True, allowed_categories=wrong),
        lambda: board.recommend_batch([["100"]], profiling=True, allowed_categories=wrong),
        lambda: board.explain(["100"], "106", allowed_categories=wrong),
        lambda: board.similar("100", allowed_categories=wrong),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="allowed_categories is a list"):
            call()


def test_whatever_is_no_list_of_people_is_told(board: Recommender) -> None:
    for histories in (5, None):
        for profiling in (True, [True]):
            with pytest.raises(UsageError, match="histories are a list of histories"):
                board.recommend_batch(histories, profiling=profiling)  # type: ignore[arg-type]
    unordered: Any
    for unordered in ({True: False}, {True}):
        with pytest.raises(UsageError, match="profiling"):
            board.recommend_batch([["100"]], profiling=unordered)


@pytest.mark.parametrize("wrong", ["yes", "no", 1, None])
def test_because_is_a_clear_answer(board: Recommender, wrong: Any) -> None:
    """The text "no" is not taken for yes."""
    with pytest.raises(UsageError, match="because is True or False"):
        board.recommend(["100"], profiling=True, because=wrong)
    with pytest.raises(UsageError, match="because is True or False"):
        board.recommend_batch([["100"]], profiling=True, because=wrong)


@pytest.mark.parametrize("wrong", [None, 104.0, float("nan"), True, b"104", ("104",), ["104"]])
def test_a_history_holds_ids(board: Recommender, wrong: Any) -> None:
    """What is no id is an error: of a column whose gaps made 104.0 of 104, nobody's list would be personal."""
    mapping = [] if isinstance(wrong, list) else [{"100": 1.0, wrong: 1.0}]
    for history in (["100", wrong], ("100", wrong), *mapping):
        with pytest.raises(UsageError, match="text or whole numbers") as refused:
            board.recommend(history, profiling=True)
        assert "104" not in str(refused.value)
        with pytest.raises(UsageError, match="text or whole numbers"):
            board.recommend_batch([["100"], history], profiling=True)
    assert not board.recommend(["100", wrong], profiling=False).personalised


def test_an_integer_of_thousands_of_digits_is_no_id(board: Recommender) -> None:
    """Python refuses to write it out as text."""
    with pytest.raises(UsageError, match="text or whole numbers"):
        board.recommend([10**5000], profiling=True)
    with pytest.raises(UsageError, match="deny_items"):
        board.recommend(["100"], profiling=True, deny_items=[10**5000])
    with pytest.raises(NotFoundError):
        board.explain(["100"], 10**5000)


def test_lists_may_be_any_iterable(board: Recommender) -> None:
    """A list, a set, a generator, an array: the same; and categories may be any collection."""
    for kind in (list, tuple, set, iter, np.array, frozenset):
        answer = board.recommend(["100"], profiling=True, allow_items=kind(["104", "106"]), deny_items=kind(["102"]))
        assert ids(answer) == ["104"]
    for kinds in ([], set(), frozenset(), iter([]), ()):
        assert "106" not in ids(board.recommend(["100"], profiling=True, allowed_categories=kinds))
    for kinds in (["health"], {"health"}, ("health",), iter(["health"])):
        assert "106" in ids(board.recommend(["100"], profiling=True, allowed_categories=kinds))


def test_similar_items(worlds: list[tuple[dict[str, Any], Recommender]]) -> None:
    """They are those with the largest cosine between rows of the decoder, above 0, without sensitive ones."""
    for world, model in worlds:
        decoder = world["decoder"].astype(float)
        unit = decoder / np.linalg.norm(decoder, axis=1)[:, None]
        places = world["head"].tolist()
        for slot, place in list(enumerate(places))[:20]:
            if world["sensitive"][place]:
                continue
            cosines = {p: float(unit[slot] @ unit[k]) for k, p in enumerate(places) if k != slot}
            near = [p for p, cosine in cosines.items() if cosine > 1e-9 and not world["sensitive"][p]]
            expected = [str(world["item_ids"][p]) for p in sorted(near, key=lambda p: -cosines[p])[:6]]
            found = model.similar(str(world["item_ids"][place]), 6)
            assert [item.item_id for item in found] == expected
            assert [item.score for item in found] == pytest.approx(
                [cosines[p] for p in sorted(near, key=lambda p: -cosines[p])[:6]]
            )


def test_similar_respects_what_is_sensitive_and_unknown(board: Recommender) -> None:
    assert [(i.item_id, i.score, i.because) for i in board.similar(100)] == [("102", 1, None), ("104", 1, None)]
    assert "106" in [i.item_id for i in board.similar("100", allowed_categories=["health"])]
    assert board.similar("109") == (), "an item outside the head has no row"
    with pytest.raises(NotFoundError):
        board.similar("nothing")
    with pytest.raises(UsageError, match="sensitive"):
        board.similar("106")
    with pytest.raises(UsageError, match="whole number"):
        board.similar("100", 0)


def test_rows_that_point_nowhere_are_similar_to_nothing(tmp_path: Path) -> None:
    """Zero rows, and rows so short that 32 bits cannot square them, warn about nothing and match nothing."""
    world = random_world(1, n_items=40, n_head=40, rank=3)
    world["decoder"][:5] = 0
    world["decoder"][5:10] *= np.float32(1e-30)
    world["decoder"][10:15] *= np.float32(1e-12)
    world["sensitive"][:] = 0
    model = recommender(tmp_path / "a", world)
    names = [str(world["item_ids"][place]) for place in world["head"]]
    assert [model.similar(name) for name in names[:10]] == [()] * 10
    short = set(names[:10])
    for name in names[10:]:
        assert not short & {item.item_id for item in model.similar(name, 40)}
    assert set(names[10:15]) & {item.item_id for item in model.similar(names[20], 40)}


def test_the_record_of_an_answer(board: Recommender) -> None:
    """It says what answered and why, and neither the history nor any item."""
    record = board.recommend(["100", "canary-7"], 3, profiling=True, because=True).record()
    assert record == {
        "model": "tiny",
        "version": "unapproved",
        "approval_id": None,
        "personalised": True,
        "reason": "ranked by what the items of the history say",
        "items": 3,
    }
    assert board.recommend([], 4, profiling=False).record()["items"] == 4


def test_histories_may_be_any_iterable(board: Recommender) -> None:
    """A list, a tuple, a set, a generator, an array: the same answer."""
    items = ["100", "103", "x"]
    answers = [board.recommend(kind(items), profiling=True) for kind in (list, tuple, set, iter, np.array)]
    assert answers == [answers[0]] * 5
    with pytest.raises(UsageError, match="list of histories"):
        board.recommend_batch({"100": 1}, profiling=True)
