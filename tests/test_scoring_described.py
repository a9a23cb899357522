"""Items that are only described score as if each had a row of its own; an artifact that is none of this is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring_wide import FEATURES, N_DESCRIBED, N_ITEMS, Arrays, histories, wide_world, written_out
from scoring_world import item_model, recommender
from tactful.errors import ModelRefusedError
from tactful.scoring import Recommender, ranking
from tactful.scoring.histories import read_history

ASKED: list[dict[str, Any]] = [
    {},
    {"allowed_categories": ["health"]},
    {"deny_items": [f"i{n}" for n in range(0, N_ITEMS, 3)]},
    {"allow_items": [f"i{n}" for n in range(5, N_ITEMS, 4)]},
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recommender, Recommender]:
    """A model with described items, and the same with their rows written out."""
    folder, world = tmp_path_factory.mktemp("wide"), wide_world()
    return recommender(folder / "described", world), recommender(folder / "rows", written_out(world))


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked), "everything"))
def test_lists_are_those_of_rows(pair: tuple[Recommender, Recommender], asked: dict[str, Any]) -> None:
    """Same items, same order, same scores to 32 bits, whatever may be shown; nothing of a history comes back."""
    for history in histories(1):
        one, other = (model.recommend(history, 25, profiling=True, **asked) for model in pair)
        assert [item.item_id for item in one.items] == [item.item_id for item in other.items]
        np.testing.assert_allclose([i.score for i in one.items], [i.score for i in other.items], rtol=1e-5, atol=1e-6)
        assert not {item.item_id for item in one.items} & set(history)
        assert (one.unknown, one.withheld, one.reason) == (other.unknown, other.withheld, other.reason)


def test_many_at_once_are_answered_as_one(pair: tuple[Recommender, Recommender]) -> None:
    """To the last bit, reasons included."""
    many = histories(2)
    for n in (1, 2, 40):
        single = [pair[0].recommend(history, n, profiling=True, because=True) for history in many]
        assert pair[0].recommend_batch(many, n, profiling=True, because=True) == single


def test_reasons_add_up(pair: tuple[Recommender, Recommender]) -> None:
    """What each item of a history adds, and the base term, sum to the score, for described items on either side."""
    for history in histories(3, 5):
        for item in pair[0].recommend(history, N_ITEMS, profiling=True, because=True).items:
            assert item.because is not None
            assert sum(part.contribution for part in item.because) == pytest.approx(item.score, abs=1e-5)


def test_a_rough_score_is_as_near_as_the_bound_says(tmp_path: Path) -> None:
    """So nothing that belongs to the best is lost in 32 bits, however large the values are."""
    world = wide_world(4)
    world["described_values"] *= np.float32(3e3)
    model = item_model(tmp_path / "model", world)
    for history in histories(5):
        read = read_history(model, history, model.allows(()))
        if len(read.slots):
            taste = model.taste(read.slots)
            exact = ranking.exact_scores(model, np.arange(len(model.places)), taste)
            rough = model.rough(taste) + model.row_base
            assert np.abs(exact - rough).max() <= ranking.error_bound(model, taste)


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of all items are the same bits in blocks of any size, and for some places alone."""
    model = item_model(tmp_path / "model", wide_world(6)).described
    assert model is not None
    taste = np.random.default_rng(0).normal(size=model.decoder.shape[1])
    whole = model.scores(taste)
    some = np.array([5, 3, N_DESCRIBED - 1])
    assert model.scores(taste, some).tobytes() == whole[some].tobytes()
    monkeypatch.setattr("tactful.scoring.described._AT_ONCE", 7)
    assert model.scores(taste).tobytes() == whole.tobytes()


def test_nothing_is_similar_to_what_is_only_described(pair: tuple[Recommender, Recommender]) -> None:
    """Nor does it come back as similar to anything."""
    world = wide_world()
    described, head = ({f"i{n}" for n in world[name].tolist()} for name in ("described", "head"))
    assert pair[0].similar(min(described), allowed_categories=["health"]) == ()
    found = {item.item_id for item in pair[0].similar(min(head), 99, allowed_categories=["health"])}
    assert found
    assert found <= head


def _without(world: Arrays, name: str) -> None:
    del world[name]


def _at(name: str, value: float) -> Any:
    def put(world: Arrays) -> None:
        world[name].flat[0] = value

    return put


def _cut(name: str) -> Any:
    def cut(world: Arrays) -> None:
        world[name] = world[name][..., :-1]

    return cut


def _as(name: str, dtype: type) -> Any:
    def cast(world: Arrays) -> None:
        world[name] = world[name].astype(dtype)

    return cast


def _head_again(world: Arrays) -> None:
    world["described"][0] = world["head"][0]


def _unused(world: Arrays) -> None:
    """A feature that nothing has to speak of, and whose term no sum of 32 bits holds."""
    world["feature_encoder"] = np.vstack([world["feature_encoder"], np.zeros((1, 6), dtype=np.float32)])
    world["feature_decoder"] = np.vstack([world["feature_decoder"], np.full((1, 6), 3e38, dtype=np.float32)])
    world["described_features"][0], world["described_values"][0] = FEATURES, 0.0


def _made_up_for(world: Arrays) -> None:
    """Values that overflow before a size makes them small again."""
    world["described_values"] *= np.float32(1e36)
    world["described_sizes"] *= np.float32(1e-37)


BROKEN = {
    **{f"no {n}": lambda w, n=n: _without(w, n) for n in ("described", "described_values", "feature_encoder")},
    **{f"{n} cut": _cut(n) for n in ("described_sizes", "described_features", "feature_decoder")},
    "negative size": _at("described_sizes", -1.0),
    "unknown feature": _at("described_features", FEATURES),
    "feature below 0": _at("described_features", -1),
    "unknown item": _at("described", N_ITEMS),
    "item below 0": _at("described", -1),
    "item of the head": _head_again,
    "head below 0": _at("head", -1),
    "head far away": _at("head", 2**31 - 1),
    "too large and unused": _unused,
    "too large on the way": _made_up_for,
    "too large": _at("feature_decoder", 1e30),
    "another type": _as("described_values", np.float64),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    """An array that is missing, of another shape or type, or points nowhere makes no model."""
    world = wide_world()
    BROKEN[case](world)
    with pytest.raises(ModelRefusedError):
        recommender(tmp_path / "model", world)


def test_an_altered_feature_is_refused(tmp_path: Path) -> None:
    """The arrays of described items are under the manifest as all others: one byte is enough."""
    folder = tmp_path / "model"
    recommender(folder, wide_world())
    raw = bytearray((folder / "described_features.npy").read_bytes())
    raw[-1] ^= 1
    (folder / "described_features.npy").write_bytes(raw)
    with pytest.raises(ModelRefusedError, match="described_features"):
        _read(folder)


def _read(folder: Path) -> NDArray[Any]:
    from tactful.scoring.artifact import read_artifact

    return read_artifact(folder).arrays["described"]
